"""Take in a day's drop: collect, clean, deduplicate, pseudonymise, redact, gate, commit.

**What** Every row that had arrived by the end of the day is read, normalised and stored under keyed hashes, or put into
quarantine with its reason. A scheduled day waits until each expected source has written `_SUCCESS`; a backfilled or
hand-started day does not wait, and a day without a drop is recorded as an empty day with a warning.

**Input** the day's files of every source: `PROFILING_LANDING/<source>/<day>/*`

**Output** the lake's `interactions`, `attributes`, `consents`, `catalogue`, `identity_links` and `quarantine` of that day;
the asset `interactions`, whose event starts `extract_text_features` for the same day.

**Impact of failure** The day is not committed and the last good state stays readable. Profiles stay as of the day before,
and later days go on without it, with a warning. A gate that failed says why in the log; its report is in the lake.

**Re-run** Safe. The same drop gives the same rows: clear the run, trigger the day again, or backfill it with
`--reprocess-behavior completed`. Later stages of the day follow by themselves.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronPartitionTimetable, get_current_context, task
from airflow.sdk.configuration import conf
from assets import interactions
from day_runs import BUCKET_NAME, DEFAULTS, PARAMS, START, announce, resolve_day
from wait_for_drop import WaitForDrop

from profiling.settings import Settings

settings = Settings.load()

with DAG(
    "ingest_interactions",
    # At local midnight, for the day that has just ended; so written, a backfill includes both its ends.
    schedule=CronPartitionTimetable("0 0 * * *", timezone=settings.timezone, run_offset=-1, key_format="%Y-%m-%d"),
    start_date=START,
    # `[profiling] scheduled = False` in Airflow's configuration ends the schedule: only days asked for, as in the demo.
    end_date=None if conf.getboolean("profiling", "scheduled", fallback=True) else START,
    catchup=False,
    # A scheduled day may wait for hours for its drop; a day asked for by hand must not wait behind it.
    max_active_runs=3,
    # Ask a backfill for one run at a time: duplicates are sought in what the days before have committed.
    params=PARAMS,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["profiling", "daily"],
):

    @task(map_index_template=BUCKET_NAME)
    def ingest(bucket: int) -> str:
        """Compute one bucket of the day into staging; the key of what was staged."""
        from profiling import stages

        return stages.ingest(Settings.load(), resolve_day(get_current_context()), bucket=bucket).staged

    @task(outlets=[interactions])
    def close(staged, *, outlet_events):
        """Gate the whole staged day, commit it in one step and announce it."""
        from profiling import stages

        outcome = stages.ingest(Settings.load(), resolve_day(get_current_context()), close=list(staged))
        return announce(outlet_events[interactions], outcome)

    wait = WaitForDrop(task_id="wait_for_drop", patience=timedelta(hours=20))
    computed = ingest.expand(bucket=list(range(settings.buckets)))
    wait >> computed
    close(computed)
