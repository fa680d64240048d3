"""An erasure that is killed at random write points and called again ends as one that was not; see `test_kills` for the dials."""

import random
import signal
from pathlib import Path

import pytest

from profiling import stages
from profiling.lake import Lake
from profiling.rights import requests
from profiling.settings import Settings
from tests import leaks
from tests.faults.killing import context, erase_and_die
from tests.faults.test_kills import SCHEDULES, SEED
from tests.rights.erasing import NAMES, Person, copied, deliver, documents, others, person, roots, run
from tests.worlds import settings_in


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> tuple[Settings, Person]:
    root = tmp_path_factory.mktemp("shop")
    (root / "cache").mkdir()
    for model in static_cache.glob("static-*"):
        (root / "cache" / model.name).symlink_to(model.resolve())
    settings = settings_in(root, root / "cache").model_copy(
        update={"publish": str(root / "publish"), "max_rejects": 0.1}
    )
    deliver(settings)
    run(settings)
    return settings, person(settings)


def erase(settings: Settings, request: str, kill_at: int) -> tuple[int | None, int]:
    """Exit code (negative: the signal that ended it) and how many write points it came to."""
    forkserver = context()
    counted = forkserver.Value("q", 0)
    child = forkserver.Process(target=erase_and_die, args=(settings, request, kill_at, counted))
    child.start()
    child.join(120)
    assert not child.is_alive(), "the erasure hangs"
    return child.exitcode, counted.value


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_killed_erasures_end_as_if_they_had_not_been(shop: tuple[Settings, Person], tmp_path: Path) -> None:
    settings, she = shop
    rows, published = others(settings, she), documents(settings, she)
    total, kills, counts = 0, 0, {}
    for seed in range(SEED, SEED + max(2, SCHEDULES // 4)):
        rng = random.Random(seed)
        other = copied(settings, tmp_path / str(seed))
        request = requests.ask(other, [f"email:{NAMES[1]}"]).id
        for _ in range(rng.randint(1, 3) if total else 0):
            code, _ = erase(other, request, rng.randint(1, total))
            assert code in (0, -signal.SIGKILL), f"seed {seed}: exit code {code}"
            kills += code == -signal.SIGKILL
        code, points = erase(other, request, 0)
        assert code == 0, f"seed {seed}: the erasure after the kills failed with {code}"
        assert leaks.find(roots(other), she.traces) == [], f"seed {seed}"
        assert others(other, she) == rows, f"seed {seed}: rows of others differ"
        assert documents(other, she) == published, f"seed {seed}: published lines of others differ"
        stale = [stage for _, stage in stages.stale_days(other) if stage != "publish"]
        assert stale == [], f"seed {seed}: days have become stale"
        receipt = requests.receipt(Lake(other.lake), request)
        assert receipt
        found = {name: n for name, n in receipt["counts"].items() if "old" not in name}
        total, counts = total or points, counts or found
        assert found == counts, f"seed {seed}: the receipt counts otherwise"
    print(f"{kills} kills at {total} write points")
    assert kills > 0
