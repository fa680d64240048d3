"""What the daily DAGs share: which day a run is for, the field in the trigger form, what is retried, how a day is announced."""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule

from profiling.errors import GateFailed, InputError, NotReady, SettingsError

log = logging.getLogger(__name__)

# Before the oldest day anyone will process: Airflow ends a run before `start_date` as a success without running a task.
START = datetime(1990, 1, 1, tzinfo=UTC)

BUCKET_NAME = "bucket {{ task.op_kwargs['bucket'] }}"  # what the UI shows instead of a map index

PARAMS = {
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day to process",
        description="The drop's day, YYYY-MM-DD. Or give it as the run's partition key; one of the two is needed, "
        "and if both are given they must agree.",
    )
}

RETRIES = {
    "retries": 5,
    "retry_delay": timedelta(minutes=1),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                NotReady,
                action=RetryAction.RETRY,
                retry_delay=timedelta(seconds=30),
                reason="what this stage reads is not released yet",
            ),
            RetryRule(
                [SettingsError, InputError, GateFailed],
                action=RetryAction.FAIL,
                reason="the same call would fail again: fix the cause, then clear this task",
            ),
        ]
    ),
}


def resolve_day(context: Mapping[str, Any]) -> str:
    """The day of a run: its partition key (schedule, backfill, cascade) or the form's field `day` (a hand-started run).

    Never the data interval and never the partition date: hand-started runs have none. Airflow checks neither a key given to a
    downstream DAG nor its form, so both are checked here.

    Raises:
        SettingsError: no day, no such day, or two that differ.
    """
    run, field = context["dag_run"], context["params"].get("day")
    key = run.partition_key
    if key and field and key != field:
        raise SettingsError(f"the partition key {key} and the field 'day' {field} differ; give only one of them")
    day = key or field
    if not day:
        raise SettingsError(
            f"{run.run_id} names no day: trigger it again with a partition key YYYY-MM-DD or with the field 'day'"
        )
    try:
        parsed = date.fromisoformat(day)
    except ValueError as error:
        raise SettingsError(f"{day!r} is not a day; write YYYY-MM-DD, such as 2026-06-15") from error
    if day != parsed.isoformat():
        raise SettingsError(f"{day!r} is not written YYYY-MM-DD; write {parsed.isoformat()}")
    return day


def announce(event: Any, outcome: Any) -> dict[str, int]:
    """Name the day in the stage's asset event, with its counts and warnings, and return the counts.

    Days that had to be computed again because of this one are named too, so that their later stages follow.

    The event names the day itself, because a run started with the form's field has no partition key to inherit.
    """
    for warning in outcome.warnings:
        log.warning("%s %s: %s", outcome.stage, outcome.day, warning)
    log.info("%s %s: %s %s", outcome.stage, outcome.day, outcome.state, outcome.counts)
    event.add_partitions([outcome.day, *outcome.restated])
    event.extra = {"day": outcome.day, "state": outcome.state, **outcome.counts, "warnings": outcome.warnings}
    return outcome.counts
