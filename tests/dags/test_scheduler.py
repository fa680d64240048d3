"""Real runs: a scheduler, a triggerer, an API server and task processes, started by the code the demo starts them with."""

import gzip
import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.dags.lineage_events import datasets, read_events
from tests.worlds import KEY

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
DAGS = ("ingest_interactions", "extract_text_features", "publish_profiles")
BACKFILLED = ["2026-06-19", "2026-06-20", "2026-06-21", "2026-06-22"]
BY_KEY, BY_FIELD, WITHOUT_DROP = "2026-06-23", "2026-06-24", "2026-07-05"


@dataclass
class World:
    """A running Airflow over a small shop: eight customers, ten days up to 2026-06-28."""

    airflow: Any
    folder: Path

    def runs(self, dag: str, key: str | None) -> list[dict[str, Any]]:
        return [run for run in self.airflow.runs(dag) if run["partition_key"] == key]

    def until(self, what: str, holds: Any, timeout_s: float = 240) -> Any:
        """Wait for a condition; a component that ended or a time that is over fails with what was waited for."""
        deadline = time.monotonic() + timeout_s
        while not (found := holds()):
            self.airflow.check()
            if time.monotonic() > deadline:
                seen = [(r["dag_id"], r["partition_key"], r["run_type"], r["state"]) for r in self.airflow.runs()]
                pytest.fail(f"waited {timeout_s:.0f} s for {what}; runs: {seen}")
            time.sleep(0.5)
        return found

    def published(self, key: str, times: int = 1) -> list[dict[str, Any]]:
        """The day's runs of `publish_profiles`, when so many have succeeded; a failed run of the day fails the test."""

        def holds() -> list[dict[str, Any]]:
            for run in self.airflow.runs():
                if run["partition_key"] == key and run["state"] == "failed":
                    pytest.fail(self.airflow.failure(run))
            done = [run for run in self.runs(DAGS[-1], key) if run["state"] == "success"]
            return done if len(done) >= times else []

        return self.until(f"{key} to be published {times} times", holds)

    def finished(self, dag: str, run_id: str) -> dict[str, Any]:
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}"
        return self.until(
            f"{run_id} to end", lambda: (r := self.airflow.get(path))["state"] in ("success", "failed") and r
        )

    def bytes_of(self, day: str) -> dict[str, str]:
        """SHA-256 of everything published of a day inside the promise of the same bytes."""
        root = self.folder / "published" / "profiles" / f"day={day}"
        files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "run.json"]
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Iterator[World]:
    from local_airflow import LocalAirflow
    from processes import free_port

    from profiling.collect.sample import write_sample

    folder = tmp_path_factory.mktemp("shop")
    write_sample(folder / "landing", customers=8, days=10)
    environment = {
        "PROFILING_LANDING": str(folder / "landing"),
        "PROFILING_LAKE": str(folder / "lake"),
        "PROFILING_PUBLISH": str(folder / "published"),
        "PROFILING_CACHE": str(static_cache),
        "PROFILING_PSEUDONYM_KEY": KEY,
        "PROFILING_EMBEDDING": "static",
        "PROFILING_MAX_REJECTS": "0.5",  # a tiny shop's day of eight rows may hold two planted broken ones
    }
    home = folder / "airflow"
    with LocalAirflow(home, environment, port=free_port(), is_scheduled=True, has_triggerer=True) as airflow:
        airflow.start()
        airflow.wait_until_ready()
        yield World(airflow, folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_backfill_cascades_day_by_day_and_each_day_once(world: World) -> None:
    world.airflow.backfill(BACKFILLED[0], BACKFILLED[-1])
    for day in BACKFILLED:
        world.published(day)
    for dag in DAGS:
        keys = Counter(run["partition_key"] for run in world.airflow.runs(dag) if run["run_type"] != "scheduled")
        assert keys == Counter(BACKFILLED), f"{dag} ran other days, or a day twice"
    ends = [world.runs(DAGS[-1], day)[0]["end_date"] for day in BACKFILLED]
    assert ends == sorted(ends), "published in the order of the days"
    assert all(world.bytes_of(day) for day in BACKFILLED)
    names = {task["rendered_map_index"] for task in world.airflow.tasks(world.runs(DAGS[0], BACKFILLED[0])[0])}
    assert "bucket 0" in names


def test_lineage_of_a_day_joins_up_from_the_landing_area_to_the_published_profiles(world: World) -> None:
    closes = [f"{DAGS[0]}.close", f"{DAGS[1]}.close", f"{DAGS[2]}.close", f"{DAGS[2]}.publish"]

    def told() -> list[dict[str, Any]]:
        events = read_events(world.airflow.lineage)
        ended = {event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"}
        return events if {*closes, *DAGS} <= ended else []

    events = world.until("lineage of the tasks and of their runs", told)
    for job in closes:
        kinds = {(event["run"]["runId"], event["eventType"]) for event in events if event["job"]["name"] == job}
        run = next(run for run, kind in kinds if kind == "COMPLETE")
        assert {"START", "RUNNING", "COMPLETE"} <= {kind for r, kind in kinds if r == run}, "one run, so one node"
    inputs = {job: datasets(events, job, "inputs") for job in closes}
    outputs = {job: datasets(events, job, "outputs") for job in closes}
    lake = (world.folder / "lake").as_uri()
    ingest, features, profile, publish = closes
    landed = ((world.folder / "landing").as_uri(), "events")
    assert landed in inputs[ingest]
    assert inputs[ingest][landed]["inputFacets"]["dataQualityMetrics"]["rowCount"] > 0
    assert (lake, "interactions") in outputs[ingest].keys() & inputs[features].keys()
    assert (lake, "daily_activity") in outputs[features].keys() & inputs[profile].keys()
    assert (lake, "profiles") in outputs[profile].keys() & inputs[publish].keys()
    assert list(outputs[publish]) == [((world.folder / "published").as_uri(), "profiles")]
    interactions = outputs[ingest][lake, "interactions"]
    assert interactions["outputFacets"]["outputStatistics"]["rowCount"] > 0
    assert "interaction_id" in {field["name"] for field in interactions["facets"]["schema"]["fields"]}
    assert "outputStatistics" in outputs[ingest][lake, "quarantine"]["outputFacets"], "rejects are counted"


def test_no_event_of_lineage_and_no_asset_event_holds_a_value_of_a_customer(world: World) -> None:
    said = world.airflow.lineage.read_text()
    said += json.dumps(world.airflow.get("/api/v2/assets/events?limit=100"))
    values: set[str] = set()
    for file in (world.folder / "landing").glob("events/*/*.jsonl*"):
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for line in content.splitlines():
            with suppress(ValueError):  # the sample plants broken lines
                row = json.loads(line)
                values |= {str(value) for value in (row.get("identifiers") or {}).values()}
                values |= {text for text in [row.get("text")] if text}
    assert len(values) > 10
    assert [value for value in sorted(values) if value in said] == []


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("interactions", {"read", "stored", "quarantined", "rejects_share"}),
        ("text_features", {"texts", "activity_rows"}),
        ("profiles", {"customers", "objects", "report"}),
    ],
)
def test_an_asset_event_shows_what_a_person_looks_for(world: World, asset: str, expected: set[str]) -> None:
    events = world.airflow.get("/api/v2/assets/events?order_by=-timestamp&limit=100")["asset_events"]
    extra = next(e["extra"] for e in events if e["name"] == asset and e["extra"]["day"] == BACKFILLED[-1])
    assert expected <= extra.keys()
    assert [name for name, value in extra.items() if value in (None, [], {})] == [], "no empty rows to read past"


def test_a_hand_started_day_cascades_by_key_and_by_field(world: World) -> None:
    world.airflow.trigger(DAGS[0], key=BY_KEY)
    world.airflow.trigger(DAGS[0], day=BY_FIELD)
    assert len(world.published(BY_KEY)) == 1
    assert len(world.published(BY_FIELD)) == 1
    assert world.bytes_of(BY_KEY)
    assert world.bytes_of(BY_FIELD)
    assert [run["run_type"] for run in world.runs(DAGS[1], BY_FIELD)] == ["asset_triggered"]


@pytest.mark.parametrize(
    ("dag", "arguments", "sentence"),
    [
        pytest.param(
            DAGS[0],
            {},
            "names no day: trigger it again with a partition key YYYY-MM-DD or with the field 'day'",
            id="none",
        ),
        pytest.param(
            DAGS[2], {"key": "nonsense"}, "'nonsense' is not a day; write YYYY-MM-DD", id="nonsense-downstream"
        ),
        pytest.param(DAGS[1], {"key": BY_KEY, "day": BY_FIELD}, "differ; give only one of them", id="two-days"),
    ],
)
def test_a_run_without_one_clear_day_fails_at_once_with_a_sentence(
    world: World, dag: str, arguments: dict[str, str], sentence: str
) -> None:
    before = len(world.airflow.runs())
    run = world.finished(dag, world.airflow.trigger(dag, **arguments))
    assert run["state"] == "failed"
    assert sentence in world.airflow.failure(run)
    assert max(task["try_number"] for task in world.airflow.tasks(run)) == 1, "not retried"
    assert len(world.airflow.runs()) == before + 1, "nothing follows from it"


def test_the_api_refuses_a_key_that_is_no_day_at_the_head(world: World) -> None:
    from processes import Problem

    with pytest.raises(Problem, match=r"400 .*nonsense"):
        world.airflow.trigger(DAGS[0], key="nonsense")


def test_a_day_without_a_drop_is_an_empty_day_with_a_warning_and_cascades(world: World) -> None:
    world.airflow.trigger(DAGS[0], key=WITHOUT_DROP)
    world.published(WITHOUT_DROP)
    run = world.runs(DAGS[0], WITHOUT_DROP)[0]
    assert run["state"] == "success"
    events = world.airflow.get(
        f"/api/v2/assets/events?source_dag_id={DAGS[0]}&source_run_id={quote(run['dag_run_id'])}"
    )
    extra = events["asset_events"][0]["extra"]
    assert extra["state"] == "empty"
    assert "no source delivered a drop" in " ".join(extra["warnings"])


def test_a_rerun_of_one_day_cascades_again_and_gives_the_same_bytes(world: World) -> None:
    day, neighbour = BACKFILLED[1], BACKFILLED[2]
    before = world.bytes_of(day)
    assert any(name.endswith(".parquet") for name in before)
    manifest = world.folder / "published" / "profiles" / f"day={day}" / "run.json"
    written = manifest.stat().st_mtime_ns

    world.airflow.trigger(DAGS[0], key=day)  # a new run beside the old one
    world.published(day, times=2)
    assert world.bytes_of(day) == before
    assert manifest.stat().st_mtime_ns > written, "it was really published again"

    head = world.runs(DAGS[0], day)[0]
    world.airflow.post(
        f"/api/v2/dags/{DAGS[0]}/clearTaskInstances",
        {"dag_run_id": head["dag_run_id"], "dry_run": False, "only_failed": False},
    )
    world.published(day, times=3)  # the old run again
    assert world.bytes_of(day) == before
    assert [len(world.runs(dag, neighbour)) for dag in DAGS] == [1, 1, 1], "other days are left alone"


def test_a_scheduled_day_waits_for_its_drop_and_then_goes_all_the_way(world: World) -> None:
    scheduled = [run for run in world.airflow.runs(DAGS[0]) if run["run_type"] == "scheduled"]
    day = scheduled[-1]["partition_key"]
    assert day in {(datetime.now(UTC) - timedelta(days=back)).date().isoformat() for back in (1, 2)}
    waiting = {task["task_id"]: task["state"] for task in world.airflow.tasks(scheduled[-1])}
    assert waiting["wait_for_drop"] == "deferred"
    assert waiting["close"] is None
    for source in ("events", "customers", "consents", "catalogue"):
        folder = world.folder / "landing" / source / day
        folder.mkdir()
        (folder / "_SUCCESS").touch()
    assert len(world.published(day)) == 1


def test_nothing_ran_that_nobody_asked_for(world: World) -> None:
    runs = Counter((run["dag_id"], run["partition_key"]) for run in world.airflow.runs() if run["state"] == "success")
    rerun = BACKFILLED[1]
    for dag in DAGS:
        days = {key: number for (name, key), number in runs.items() if name == dag and key != rerun and key}
        assert set(days.values()) == {1}
        # Backfilled but the one that was run again, by key, without a drop, scheduled; by field only downstream has the key.
        assert len(days) == len(BACKFILLED) - 1 + (3 if dag == DAGS[0] else 4)
    # The cleared run is the same run again at the head, and a new one at each of those after it.
    assert [runs[dag, rerun] for dag in DAGS] == [2, 3, 3]
