"""Waiting for a drop, with a real event loop, real folders and a real bucket."""

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from profiling.collect.area import Area
from profiling.collect.drops import landing_area
from profiling.errors import SettingsError
from profiling.settings import Settings
from tests.areas import KINDS
from tests.s3 import free_port

DAY = "2026-06-15"


@pytest.fixture(params=KINDS)
def landing(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Area:
    """A landing area that expects two sources, the second named after no collector."""
    folder = tmp_path / "landing"
    folder.mkdir()
    monkeypatch.setenv("PROFILING_LANDING", str(folder))
    if request.param == "bucket":
        s3 = request.getfixturevalue("s3")
        monkeypatch.setenv("PROFILING_LANDING", f"{s3.uri}/landing")
        monkeypatch.setenv("PROFILING_S3_ENDPOINT", s3.endpoint)
    monkeypatch.setenv("PROFILING_SOURCES", "events,web:events")
    return landing_area(Settings.load())


def deliver(landing: Area, source: str, day: str = DAY) -> None:
    landing.put(b"", source, day, "_SUCCESS")


async def _fire(trigger: Any, *steps: Any, pause_s: float = 0.1) -> tuple[list[Any], float]:
    """All events of a trigger while the steps happen one after another beside it, and the seconds it took."""

    async def collect() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    began = time.monotonic()
    waiting = asyncio.create_task(collect())
    for step in steps:
        await asyncio.sleep(pause_s)
        assert not waiting.done(), "it fired before the last source was complete"
        step()
    return await asyncio.wait_for(waiting, timeout=10), time.monotonic() - began


def trigger(*, patience_s: float = 60.0) -> Any:
    from wait_for_drop import DropTrigger

    return DropTrigger(DAY, time.time() + patience_s, 0.02)


def test_it_fires_once_when_the_last_source_is_complete(landing: Area) -> None:
    steps = (
        lambda: deliver(landing, "events"),
        lambda: deliver(landing, "events", "2026-06-14"),
        lambda: deliver(landing, "web"),
    )
    events, seconds = asyncio.run(_fire(trigger(), *steps))
    assert events == [[]]
    assert seconds >= 0.3


def test_it_fires_at_the_deadline_and_names_what_is_missing(landing: Area) -> None:
    deliver(landing, "events")
    events, seconds = asyncio.run(_fire(trigger(patience_s=0.2)))
    assert events == [["web"]]
    assert 0.15 < seconds < 5


def test_it_fires_at_once_when_all_is_there(landing: Area) -> None:
    deliver(landing, "events")
    deliver(landing, "web")
    assert asyncio.run(_fire(trigger()))[0] == [[]]


def test_looking_does_not_hold_up_other_triggers(landing: Area, monkeypatch: pytest.MonkeyPatch) -> None:
    import wait_for_drop

    monkeypatch.setattr(wait_for_drop, "missing_sources", lambda day: time.sleep(0.5) or [])

    async def ticks_meanwhile() -> int:
        waiting, ticks = asyncio.create_task(_fire(trigger())), 0
        while not waiting.done():
            await asyncio.sleep(0.02)
            ticks += 1
        return ticks

    assert asyncio.run(ticks_meanwhile()) > 5


def test_a_restarted_triggerer_goes_on_with_the_same_deadline(landing: Area) -> None:
    from airflow.sdk.module_loading import import_string

    first = trigger(patience_s=0.3)
    path, arguments = first.serialize()
    second = import_string(path)(**arguments)
    assert path == "wait_for_drop.DropTrigger"
    assert (second.day, second.deadline, second.poll_seconds) == (first.day, first.deadline, first.poll_seconds)


def operator() -> Any:
    from wait_for_drop import WaitForDrop

    return WaitForDrop(task_id="wait", patience=timedelta(hours=1), poll_seconds=0.02)


def context(run_type: str) -> dict[str, Any]:
    from airflow.sdk.api.datamodels._generated import DagRunType  # what a task really gets: an enum, not a string

    run = SimpleNamespace(partition_key=DAY, run_id="r", run_type=DagRunType(run_type))
    return {"dag_run": run, "params": {"day": None}}


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_a_day_asked_for_does_not_wait(landing: Area, run_type: str) -> None:
    assert operator().execute(context(run_type)) is None


def test_a_scheduled_day_defers_until_its_drop_is_there(landing: Area) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    deliver(landing, "web")
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(context("scheduled"))
    assert deferred.value.trigger.day == DAY
    assert deferred.value.trigger.deadline == pytest.approx(time.time() + 3600, abs=30)
    assert deferred.value.method_name == "resume"
    deliver(landing, "events")
    assert operator().execute(context("scheduled")) is None
    assert operator().resume(context("scheduled"), [], **deferred.value.kwargs) is None


def test_a_drop_that_never_comes_fails_with_a_sentence(landing: Area) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(
        AirflowFailException, match=r"drop of 2026-06-15 is not complete after 1:00:00: no _SUCCESS from web\. Deliver"
    ):
        operator().resume(context("scheduled"), ["web"], day=DAY)


def test_a_landing_area_without_any_source_is_said_and_not_waited_for(
    landing: Area, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROFILING_SOURCES")
    with pytest.raises(
        SettingsError,
        match=r"no source is expected: .*landing has no folder; deliver a first drop, or set PROFILING_SOURCES",
    ):
        operator().execute(context("scheduled"))


def test_a_bucket_that_does_not_answer_is_waited_for_until_the_deadline(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    monkeypatch.setenv("PROFILING_LANDING", "s3://drops")
    monkeypatch.setenv("PROFILING_S3_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    ((missing,),) = asyncio.run(_fire(trigger(patience_s=-1)))[:1]
    with pytest.raises(AirflowFailException, match=r"no _SUCCESS from any source: s3://drops at http.*: no answer"):
        operator().resume(context("scheduled"), missing, day=DAY)


def test_a_bucket_that_does_not_exist_is_not_waited_for(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILING_LANDING", "s3://nobody-s")
    monkeypatch.setenv("PROFILING_S3_ENDPOINT", s3.endpoint)
    with pytest.raises(SettingsError, match=r"no such bucket; .* or correct PROFILING_LANDING"):
        operator().execute(context("scheduled"))


def test_airflow_loads_the_plugins_folder_without_an_error() -> None:
    from airflow import plugins_manager

    assert plugins_manager.get_import_errors() == {}
    assert Path(sys.modules["wait_for_drop"].__file__ or "").parent.name == "plugins"
