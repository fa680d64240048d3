"""Real runs: what a day leaves in Airflow, and an erasure beside days that are running."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from profiling.lake import Lake
from profiling.rights import requests
from profiling.settings import Settings
from tests import leaks
from tests.rights.erasing import DAYS, NAMES, deliver, event, lines, person, write
from tests.worlds import settings_in

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]
PLANTED = ("hidden.person@example.net", "+1 415 555 2671", "4111 1111 1111 1111")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Iterator[tuple[Any, Settings]]:
    from local_airflow import LocalAirflow
    from processes import free_port

    folder = tmp_path_factory.mktemp("erased")
    (folder / "cache").mkdir()
    for model in static_cache.glob("static-*"):
        (folder / "cache" / model.name).symlink_to(model.resolve())
    settings = settings_in(folder, folder / "cache").model_copy(update={"max_rejects": 0.1})
    deliver(settings)
    said = f"Write to {PLANTED[0]}, call {PLANTED[1]} or charge {PLANTED[2]}, I am at home all day."
    write(settings, "events", DAYS[0], "more.jsonl", lines([event(90, "eve", DAYS[0], "review", text=said, rating=3)]))
    environment = {
        f"PROFILING_{name.upper()}": str(getattr(settings, name))
        for name in ("landing", "lake", "publish", "cache", "embedding", "max_rejects")
    }
    assert settings.pseudonym_key is not None
    environment["PROFILING_PSEUDONYM_KEY"] = settings.pseudonym_key.get_secret_value()
    with LocalAirflow(folder / "airflow", environment, port=free_port(), has_triggerer=True) as airflow:
        airflow.start()
        airflow.wait_until_ready()
        yield airflow, settings
    shutil.rmtree(folder, ignore_errors=True)


def finished(airflow: Any, dag: str, count: int, timeout_s: float = 300) -> None:
    """Wait until so many runs of a DAG have succeeded; a failed run of any DAG fails the test."""
    deadline = time.monotonic() + timeout_s
    while True:
        airflow.check()
        runs = airflow.runs()
        for run in runs:
            if run["state"] == "failed":
                pytest.fail(airflow.failure(run))
        if sum(run["dag_id"] == dag and run["state"] == "success" for run in runs) >= count:
            return
        seen = [(run["dag_id"], run["partition_key"], run["state"]) for run in runs]
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {dag}: {seen}"
        time.sleep(1)


def test_nothing_leaks_and_an_erasure_beside_running_days_leaves_nothing(world: tuple[Any, Settings]) -> None:
    airflow, settings = world
    home = Path(settings.lake).parent / "airflow"
    stored = [Path(settings.lake), Path(settings.publish), home, *Path(settings.cache).glob("*.sqlite*")]
    airflow.trigger("ingest_interactions", key=DAYS[0])
    finished(airflow, "publish_profiles", 1)
    assert leaks.find(stored, [*NAMES, *PLANTED]) == [], (
        "an identifier, or what a text gives away, stands outside landing"
    )
    she = person(settings)
    assert leaks.find([home], she.traces) == [], "Airflow holds pseudonyms or texts"
    request = requests.ask(settings, [f"email:{NAMES[1]}"]).id
    airflow.trigger("ingest_interactions", key=DAYS[1])
    airflow.post("/api/v2/dags/erase_customers/dagRuns", {"logical_date": None, "conf": {"requests": [request]}})
    airflow.trigger("ingest_interactions", key=DAYS[2])
    finished(airflow, "publish_profiles", 3)
    finished(airflow, "erase_customers", 1)
    assert leaks.find([*stored, Path(settings.landing)], she.traces) == []
    lake = Lake(settings.lake)
    assert requests.open_requests(lake) == []
    assert requests.receipt(lake, request)
    assert set(lake.partitions("profiles")) == set(DAYS)
