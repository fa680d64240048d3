"""Which day a run is for, and which days a schedule and a backfill name."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from profiling.errors import SettingsError
from profiling.stages import Outcome
from tests.dags.home import ROOT


def context(key: str | None, field: str | None) -> dict[str, Any]:
    return {"dag_run": SimpleNamespace(partition_key=key, run_id="manual__1"), "params": {"day": field}}


@pytest.mark.parametrize(
    ("key", "field", "day"),
    [
        pytest.param("2026-06-15", None, "2026-06-15", id="key"),
        pytest.param(None, "2026-06-15", "2026-06-15", id="field"),
        pytest.param("2026-06-15", "2026-06-15", "2026-06-15", id="both-agree"),
        pytest.param("2024-02-29", None, "2024-02-29", id="leap-day"),
        pytest.param("", "1999-12-31", "1999-12-31", id="empty-key"),
    ],
)
def test_a_run_names_its_day(key: str | None, field: str | None, day: str) -> None:
    from day_runs import resolve_day

    assert resolve_day(context(key, field)) == day


@pytest.mark.parametrize(
    ("key", "field", "sentence"),
    [
        pytest.param(None, None, "manual__1 names no day: trigger it again with a partition key", id="neither"),
        pytest.param("", "", "manual__1 names no day", id="both-empty"),
        pytest.param("2026-06-15", "2026-06-16", "2026-06-15 and the field 'day' 2026-06-16 differ", id="differ"),
        pytest.param("nonsense", None, "'nonsense' is not a day; write YYYY-MM-DD", id="nonsense"),
        pytest.param("2026-02-29", None, "'2026-02-29' is not a day", id="no-leap-year"),
        pytest.param("2026-6-15", None, "'2026-6-15' is not a day", id="short"),
        pytest.param("20260615", None, "write 2026-06-15", id="compact"),
        pytest.param("2026-W25-1", None, "write 2026-06-15", id="iso-week"),
        pytest.param("2026-06-15T00:00:00", None, "is not a day", id="time"),
        pytest.param(" 2026-06-15", None, "is not a day", id="blank"),
    ],
)
def test_a_run_without_one_clear_day_fails_with_the_fix(key: str | None, field: str | None, sentence: str) -> None:
    from day_runs import resolve_day

    with pytest.raises(SettingsError, match=sentence):
        resolve_day(context(key, field))


def timetable(bag: Any) -> Any:
    from airflow.serialization.encoders import coerce_to_core_timetable

    return coerce_to_core_timetable(bag.dags["ingest_interactions"].timetable)


def keys(bag: Any, first: str, last: str) -> list[str]:
    infos = timetable(bag).iter_partition_dagrun_infos(
        earliest=datetime.fromisoformat(first).replace(tzinfo=UTC),
        latest=datetime.fromisoformat(last).replace(tzinfo=UTC),
    )
    return [info.partition_key for info in infos]


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Asia/Shanghai", "America/Los_Angeles"])
def test_a_backfill_includes_both_its_ends_and_every_day_between_once(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, zone: str
) -> None:
    monkeypatch.setenv("PROFILING_TIMEZONE", zone)
    bag = request.getfixturevalue("bag")
    assert keys(bag, "2026-06-15", "2026-06-18") == ["2026-06-15", "2026-06-16", "2026-06-17", "2026-06-18"]
    assert keys(bag, "2026-06-15", "2026-06-15") == ["2026-06-15"]
    # Both changes of the clock: a day is neither lost nor twice.
    assert keys(bag, "2026-03-28", "2026-03-30") == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert keys(bag, "2026-10-24", "2026-10-26") == ["2026-10-24", "2026-10-25", "2026-10-26"]


def test_the_schedule_names_the_day_that_has_just_ended_and_nothing_before(bag: Any) -> None:
    import pendulum
    from airflow.timetables.base import TimeRestriction

    # As the scheduler asks: the early start date and `catchup=False` must not bring all days since 1990.
    restriction = TimeRestriction(pendulum.instance(bag.dags["ingest_interactions"].start_date), None, catchup=False)
    info = timetable(bag).next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    today = pendulum.now("UTC").start_of("day")
    assert info.run_after == today
    assert info.partition_key == today.subtract(days=1).to_date_string()
    after = timetable(bag).next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
    assert after.partition_key == today.to_date_string()


def test_the_schedule_can_be_ended_by_a_setting_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    import pendulum
    from airflow.dag_processing.dagbag import DagBag
    from airflow.timetables.base import TimeRestriction

    monkeypatch.setenv("AIRFLOW__PROFILING__SCHEDULED", "False")
    bag = DagBag(str(ROOT / "dags"))
    dag = bag.dags["ingest_interactions"]
    restriction = TimeRestriction(pendulum.instance(dag.start_date), pendulum.instance(dag.end_date), catchup=False)
    assert timetable(bag).next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None
    assert keys(bag, "2026-06-15", "2026-06-16") == ["2026-06-15", "2026-06-16"], "a backfill still names its days"


def test_an_announced_day_carries_its_numbers_and_its_report() -> None:
    from day_runs import announce

    event = SimpleNamespace(extra={}, add_partitions=lambda days: named.extend(days))
    named: list[str] = []
    outcome = Outcome(
        "ingest", "2026-06-15", "released", counts={"read": 9, "stored": 8, "quarantined": 1}, warnings=["drift: ..."],
        restated=["2026-06-17"], metrics={"rejects_share": 0.1111, "psi_kind": 0.4}, link="var/lake/_reports/x.html",
    )  # fmt: skip
    assert announce(event, outcome) == {"read": 9, "stored": 8, "quarantined": 1}
    assert named == ["2026-06-15", "2026-06-17"]
    assert event.extra == {
        "day": "2026-06-15", "state": "released", "read": 9, "stored": 8, "quarantined": 1, "rejects_share": 0.1111,
        "psi_kind": 0.4, "warnings": ["drift: ..."], "report": "var/lake/_reports/x.html",
    }  # fmt: skip


def test_a_failed_task_tells_whom_the_setting_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from day_runs import on_failure

    assert on_failure() == []
    monkeypatch.setenv("PROFILING_NOTIFY", "ann@example.com, ops@example.com")
    (notifier,) = on_failure()
    assert notifier.to == ["ann@example.com", "ops@example.com"]
    monkeypatch.setenv("PROFILING_NOTIFY", "ann")
    with pytest.raises(SettingsError, match="'ann' is no mail address"):
        on_failure()


def test_the_mail_says_what_failed_and_where_its_report_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier
    from airflow.sdk import DAG
    from day_runs import on_failure

    from profiling.errors import GateFailed

    monkeypatch.setenv("PROFILING_NOTIFY", "ann@example.com")
    sent: list[SmtpNotifier] = []
    monkeypatch.setattr(SmtpNotifier, "notify", lambda self, context: sent.append(self))
    (notifier,) = on_failure()
    failed = GateFailed("ingest 2026-06-15: rating < 1. Report: var/lake/_reports/2026-06-15/ingest.html")
    notifier(
        {
            "dag": DAG("ingest_interactions", schedule=None),
            "dag_run": SimpleNamespace(partition_key="2026-06-15"),
            "params": {},
            "ti": SimpleNamespace(task_id="close", log_url="http://localhost/log"),
            "exception": failed,
        }
    )
    assert sent[0].subject == "ingest_interactions failed for 2026-06-15"
    assert "close: ingest 2026-06-15: rating &lt; 1. Report: var/lake/_reports/" in str(sent[0].html_content)
