"""Make every customer's profile as of a day and publish it.

**What** Aggregates, segments, recommends, chooses the next best action, writes the persona, gates the whole day, then copies
it to the shop's bucket: parts first, the manifest last, so that a reader never sees half a day.

**Input** `daily_activity`, `text_activity`, `attributes`, `consents`, `catalogue` up to the day

**Output** the lake's `profiles` of that day; `PROFILING_PUBLISH/profiles/day=<day>/`; the asset `profiles`.

**Impact of failure** Readers go on with the last published day (`latest.json` never points to a day that failed).

**Re-run** Safe. The same inputs give the same bytes, and then nothing changes but `run.json`; other inputs give a new
revision beside the old one.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable, get_current_context, task
from assets import profiles, text_features
from day_runs import BUCKET_NAME, DEFAULTS, PARAMS, START, announce, resolve_day
from lineage import report_lineage

from profiling.settings import Settings

settings = Settings.load()

with DAG(
    "publish_profiles",
    schedule=PartitionedAssetTimetable(assets=text_features),
    start_date=START,
    catchup=False,
    # One day after another: `latest.json` moves forward only, and two runs of one day must not race for its manifest.
    max_active_runs=1,
    params=PARAMS,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["profiling", "daily"],
):

    @task(map_index_template=BUCKET_NAME)
    def profile(bucket: int) -> str:
        """Make the profiles of one bucket of customers into staging; the key of what was staged."""
        from profiling import stages

        return stages.profile(Settings.load(), resolve_day(get_current_context()), bucket=bucket).staged

    @task
    def close(staged) -> dict[str, int]:
        """Gate all profiles of the day and commit them in one step."""
        from profiling import stages

        outcome = stages.profile(Settings.load(), resolve_day(get_current_context()), close=list(staged))
        report_lineage(outcome)
        return outcome.counts

    @task(outlets=[profiles])
    def publish(*, outlet_events):
        """Copy the committed day to the shop's bucket, the manifest last, and announce it."""
        from profiling import stages

        outcome = stages.publish(Settings.load(), resolve_day(get_current_context()))
        return announce(outlet_events[profiles], outcome)

    close(profile.expand(bucket=list(range(settings.buckets)))) >> publish()
