"""Delete what has been kept long enough, and close its days.

**What** Whatever is older than its limit as of the day is deleted: drops, rows of the tables, people of whom nothing newer is
known, old publications, staged work, cached results. The days are closed first: a closed day is refused, never computed as empty.

**Input** `PROFILING_RETENTION_DAYS`: one limit each, with a default each; see `docs/privacy.md`.

**Output** the lake, the landing area, the cache and the publication target without what was too old; `closed` in the ledger.

**Impact of failure** Things stay longer than was promised. The next day's run deletes what this one did not.

**Re-run** Safe, and deletes nothing more. The age counts from the run's day, never from the clock: a run for a day long ago
deletes only what was old then. Nothing that was deleted comes back by a run of an earlier day. Before a
first day was taken in there is no lake, and a run is skipped.
"""

import logging

from airflow.sdk import DAG, CronPartitionTimetable, get_current_context, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException
from day_runs import DEFAULTS, PARAMS, START, resolve_day

from profiling.settings import Settings

log = logging.getLogger(__name__)
settings = Settings.load()

with DAG(
    "apply_retention",
    # In the small hours, when the day's own work is usually done; for the day that has ended.
    schedule=CronPartitionTimetable("30 4 * * *", timezone=settings.timezone, run_offset=-1, key_format="%Y-%m-%d"),
    start_date=START,
    end_date=None if conf.getboolean("profiling", "scheduled", fallback=True) else START,
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["profiling", "daily"],
):

    @task
    def retain() -> dict[str, int]:
        """Close the days that are too old and delete what they were made of; how much of each."""
        from profiling import stages
        from profiling.lake import Lake

        settings = Settings.load()
        if not Lake(settings.lake, settings.s3_endpoint).is_there():
            raise AirflowSkipException(f"nothing was taken in yet: there is no lake at {settings.lake}")
        found = stages.retain(settings, resolve_day(get_current_context()))
        for warning in found.warnings:
            log.warning(warning)
        return {each.what: each.number for each in found.removed}

    retain()
