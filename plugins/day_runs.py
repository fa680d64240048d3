"""What the DAGs share: which day or week a run is for, the field in the trigger form, what is retried and who is
told, how a day is announced."""

import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import key_backend  # noqa: F401  # tasks ask Airflow's secrets backends for the pseudonym key where no variable gives it
from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule
from airflow.sdk.configuration import conf
from dotenv import dotenv_values
from lineage import report_lineage

from profiling.errors import GateFailed, InputError, NotReady, SettingsError
from profiling.settings import ENV_FILE

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

WEEK_PARAMS = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Sunday to train as of",
        description="The week's last day, YYYY-MM-DD. Or give the week's Monday as the run's partition key; one of the two "
        "is needed, and if both are given they must be of one week.",
    )
}


def on_failure() -> list[Any]:
    """Whom a failed task tells: the addresses of `PROFILING_NOTIFY`, by mail; nobody where it is not set.

    The mail server is the connection `smtp_default`. A mail that cannot be sent is in the task's log and changes nothing else.

    Raises:
        SettingsError: an address is none.
    """
    named = os.environ.get("PROFILING_NOTIFY") or dotenv_values(ENV_FILE).get("PROFILING_NOTIFY") or ""
    addresses = [address.strip() for address in named.split(",") if address.strip()]
    if wrong := [address for address in addresses if not re.fullmatch(r"[^@\s]+@[^@\s]+", address)]:
        raise SettingsError(f"PROFILING_NOTIFY={named}: {wrong[0]!r} is no mail address; separate several by commas")
    if not addresses:
        return []
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    # The error of a failed gate says what to do and where its report is, and holds counts only: it may leave the house.
    return [
        SmtpNotifier(
            to=addresses,
            subject="{{ dag.dag_id }} failed for {{ dag_run.partition_key or params.get('day') or params.get('as_of') }}",
            html_content="<p>{{ ti.task_id }}: {{ exception | e }}</p><p>{{ ti.log_url }}</p>",
        )
    ]


# Every task takes one slot of this pool, an erasure's task all of them: so it runs when no other does, and none beside it.
# `[profiling] pool` and `pool_slots` in Airflow's configuration name another pool than the default one, and how large it is.
POOL = conf.get("profiling", "pool", fallback="default_pool")
POOL_SLOTS = conf.getint(
    "profiling", "pool_slots", fallback=conf.getint("core", "default_pool_task_slot_count", fallback=128)
)
ALONE = {"pool_slots": POOL_SLOTS, "priority_weight": 1000, "weight_rule": "absolute"}

DEFAULTS = {
    "pool": POOL,
    "on_failure_callback": on_failure(),
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
    return _parsed(day).isoformat()


class Week(NamedTuple):
    """A week of training: `key`, its Monday, is the partition key; `as_of`, its Sunday, is where the labels end."""

    key: str
    as_of: str


def resolve_week(context: Mapping[str, Any]) -> Week:
    """The week of a run: its partition key, a Monday (cascade), or the form's field `as_of`, a Sunday (a hand-started run).

    Airflow takes any key for a downstream DAG, a Wednesday too, and its form any date; so both are checked here.

    Raises:
        SettingsError: no week, a key that is no Monday, an `as_of` that is no Sunday, or two that are not of one week.
    """
    run, field = context["dag_run"], context["params"].get("as_of")
    monday = _weekday("the partition key", run.partition_key, 0) if run.partition_key else None
    sunday = _weekday("the field 'as_of'", field, 6) if field else None
    if monday and sunday and sunday != monday + timedelta(days=6):
        raise SettingsError(
            f"the partition key {monday} is the week that ends on {monday + timedelta(days=6)}, "
            f"the field 'as_of' is {sunday}; give only one of them"
        )
    if sunday:
        monday = sunday - timedelta(days=6)
    if not monday:
        raise SettingsError(
            f"{run.run_id} names no week: trigger it again with a Monday as its partition key or a Sunday as the field 'as_of'"
        )
    return Week(monday.isoformat(), (monday + timedelta(days=6)).isoformat())


def _weekday(what: str, day: str, weekday: int) -> date:
    parsed = _parsed(day)
    if parsed.weekday() != weekday:
        monday = parsed - timedelta(days=parsed.weekday())
        raise SettingsError(
            f"{what} {day} is a {parsed:%A}, not a {('Monday', 'Sunday')[weekday == 6]}; "
            f"its week has the key {monday} and the 'as_of' {monday + timedelta(days=6)}"
        )
    return parsed


def _parsed(day: str) -> date:
    try:
        parsed = date.fromisoformat(day)
    except ValueError as error:
        raise SettingsError(f"{day!r} is not a day; write YYYY-MM-DD, such as 2026-06-15") from error
    if day != parsed.isoformat():
        raise SettingsError(f"{day!r} is not written YYYY-MM-DD; write {parsed.isoformat()}")
    return parsed


def announce(event: Any, outcome: Any) -> dict[str, int]:
    """Name the day in the stage's asset event and return its counts.

    The event carries what a person or an alarm looks for, and the UI shows it in the asset's view: rows by outcome,
    the share of rejects, drift (`psi_...`), warnings with what to do, and the address of the report.

    Days that had to be computed again because of this one are named too, so that their later stages follow.

    The event names the day itself, because a run started with the form's field has no partition key to inherit.
    """
    for warning in outcome.warnings:
        log.warning("%s %s: %s", outcome.stage, outcome.day, warning)
    log.info("%s %s: %s %s", outcome.stage, outcome.day, outcome.state, outcome.counts)
    report_lineage(outcome)
    event.add_partitions([outcome.day, *outcome.restated])
    if outcome.link:
        log.info("report: %s", outcome.link)
    extra = {
        "day": outcome.day,
        "state": outcome.state,
        **outcome.counts,
        **outcome.metrics,
        "warnings": outcome.warnings,
        "report": outcome.link,
    }
    # Shown in the UI as it stands, name by name: what says nothing is left out.
    event.extra = {name: value for name, value in extra.items() if value not in (None, [])}
    return outcome.counts
