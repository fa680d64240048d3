"""Killed at random write points and started again, `profiling run` always ends in the same bytes.

The number of schedules is set by FAULT_SCHEDULES (20 by default), the first seed by
FAULT_SEED. A failing schedule prints its seed: FAULT_SEED=that FAULT_SCHEDULES=1 repeats it.
"""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from profiling import stages
from profiling.publish import open_target, read_manifest, read_published
from profiling.settings import Settings
from tests.faults.killing import context, run_and_die
from tests.worlds import published, settings_in, small_shop, tables

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "20"))
SEED = int(os.environ.get("FAULT_SEED", "1000"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> tuple[Settings, list[str]]:
    root = tmp_path_factory.mktemp("undisturbed")
    settings = settings_in(root, static_cache)
    days = small_shop(settings, customers=5, days=3)
    list(stages.run_days(settings, days[0], days[-1]))
    return settings, days


def run(settings: Settings, days: list[str], kill_at: int) -> tuple[int | None, int]:
    """Exit code of a run (negative: the signal that ended it) and how many write points it came to."""
    forkserver = context()
    counted = forkserver.Value("q", 0)
    child = forkserver.Process(target=run_and_die, args=(settings, days[0], days[-1], kill_at, counted))
    child.start()
    child.join(120)
    assert not child.is_alive(), "the run hangs"
    return child.exitcode, counted.value


@contextmanager
def polling_reader(settings: Settings, days: list[str]) -> Iterator[dict[str, int]]:
    """A reader that follows every manifest all the while and checks every byte it names."""
    seen = {"reads": 0, "documents": 0}
    faults: list[str] = []
    stop = threading.Event()

    def read() -> None:
        target = open_target(settings.publish)
        while not stop.is_set():
            for day in [day for day in days if target.get(f"profiles/day={day}/manifest.json")]:
                try:
                    assert read_manifest(target, day)["day"] == day
                    seen["documents"] += len(list(read_published(target, day)))
                    seen["reads"] += 1
                except Exception as error:  # noqa: BLE001  whatever a reader meets is a fault, and is reported by the test
                    faults.append(f"{day}: {error!r}")
            stop.wait(0.01)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert not faults, faults[:3]


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_killed_runs_end_in_the_same_bytes(undisturbed: tuple[Settings, list[str]], tmp_path: Path) -> None:
    settings, days = undisturbed
    expected, expected_rows = published(settings), tables(settings)
    total, kills, reads = 0, 0, 0
    for seed in range(SEED, SEED + SCHEDULES):
        rng = random.Random(seed)
        root = tmp_path / str(seed)
        other = settings.model_copy(update={"lake": str(root / "lake"), "publish": str(root / "published")})
        with polling_reader(other, days) as seen:
            if not total:
                code, total = run(other, days, kill_at=0)
                assert code == 0
                assert total > 50, f"only {total} write points: is the counting broken?"
            else:
                for _ in range(rng.randint(1, 3)):
                    code, _ = run(other, days, kill_at=rng.randint(1, total))
                    assert code in (0, -signal.SIGKILL), f"seed {seed}: exit code {code}"
                    kills += code == -signal.SIGKILL
                code, _ = run(other, days, kill_at=0)
                assert code == 0, f"seed {seed}: the run after the kills failed with {code}"
        reads += seen["reads"]
        assert published(other) == expected, f"seed {seed}: other bytes were published"
        assert tables(other) == expected_rows, f"seed {seed}: the tables differ"
    print(
        f"{SCHEDULES} schedules from seed {SEED}: {kills} kills at {total} write points, {reads} whole reads meanwhile"
    )
    assert SCHEDULES < 5 or kills >= SCHEDULES // 2, "hardly any run was killed"
    assert reads > 0, "the reader did not read"
