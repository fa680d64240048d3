"""Erase people who asked for it: from every table, file, model and published page, and from the history of all of them.

**What** Carries out requests that `profiling erase` has written into the lake. First the people are suppressed, so that no
day run later stores anything of them; then each place is cleared, one step a task; then what older versions still hold.

**Input** the requests named in the form, or all open ones; only their ids ever come to Airflow.

**Output** a signed receipt for each request in the lake's `_erasure/receipts/`, with what was found where. Days that showed
the people are published anew, without them; everybody else's bytes stay as they are, and no day becomes stale.

**Impact of failure** What was not reached yet is still there; what was reached stays erased, and nothing comes back.

**Re-run** Safe. Clear the failed task and it goes on from there: a step finds what is left. Each task waits until no other
task is running, and lets none start: the history can only be removed while nobody else writes.
"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, get_current_context, task
from day_runs import ALONE, DEFAULTS, START

from profiling.rights.steps import ERASURE_STEPS
from profiling.settings import Settings

log = logging.getLogger(__name__)
REQUESTS = Param(
    [],
    type="array",
    items={"type": "string", "format": "uuid"},
    uniqueItems=True,
    title="Requests",
    description="Ids that `profiling erase` printed, one a line; none for all open requests.",
)
Settings.load()  # a wrong setting is an import error with its fix, as in the daily DAGs

with DAG(
    "erase_customers",
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params={"requests": REQUESTS},
    default_args={**DEFAULTS, **ALONE, "execution_timeout": timedelta(hours=12)},
    doc_md=__doc__,
    tags=["profiling", "on request"],
):

    @task
    def count() -> list[str]:
        """Say in the log what there is to erase, and erase nothing; the requests that the other tasks carry out."""
        from profiling import stages
        from profiling.lake import Lake
        from profiling.rights.requests import open_requests

        settings = Settings.load()
        wanted = get_current_context()["params"]["requests"] or open_requests(Lake.open(settings))
        for request in wanted:
            log.info("%s: %s", request, stages.erase(settings, request, dry_run=True).counts)
        return wanted

    @task
    def carry_out(step: str, requests: list[str]) -> dict[str, int]:
        """One step of every request; what it found, by place."""
        from collections import Counter

        from profiling import stages

        found: Counter[str] = Counter()
        for request in requests:
            found.update(stages.erase(Settings.load(), request, step, is_alone=True).counts)
        return dict(found)

    requests = before = count()
    for step in ERASURE_STEPS:
        done = carry_out.override(task_id=step)(step, requests)
        before >> done
        before = done
