"""A path without a lake: whoever only looks says so and makes none; the first drop makes one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from profiling import identity, repair, stages, status
from profiling.errors import InputError, SettingsError
from profiling.profiles.show import find_profile
from profiling.rights import export, keys, requests
from profiling.settings import Settings
from tests.stages.test_stages import DAY, NEXT, drop, purchase

LOOKS: dict[str, Callable[[Settings], object]] = {
    "status": status.status,
    "days": status.day_rows,
    "days --stale": stages.stale_days,
    "days --files": status.file_rows,
    "show": lambda settings: find_profile(settings, "customer:ann", None),
    "identity": lambda settings: identity.overview(settings, DAY),
    "quarantine": lambda settings: repair.look(settings, DAY),
    "export": lambda settings: list(export.export(settings, "a" * 32)),
    "export --identifier": lambda settings: export.customer_of_identifier(settings, "customer:ann"),
    "predict": lambda settings: stages.predict_text(settings, "fine"),
    "retain --dry-run": lambda settings: stages.retain(settings, DAY, dry_run=True),
    "erase": lambda settings: requests.ask(settings, ["customer:ann"]),
    "redact": lambda settings: stages.redact(settings, DAY),
    "features": lambda settings: stages.features(settings, DAY),
    "publish": lambda settings: stages.publish(settings, DAY),
    "rekey": lambda settings: keys.rekey(settings, lambda: "x" * 32),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_mistyped_path_is_said_and_left_alone(settings: Settings, name: str) -> None:
    drop(settings, [purchase(1)])
    with pytest.raises(
        SettingsError, match=r"there is no lake at PROFILING_LAKE=.*/lake; correct the path, or make a lake"
    ):
        LOOKS[name](settings)
    assert not Path(settings.lake).exists()


def test_a_first_drop_makes_the_lake(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    stages.ingest(settings, DAY)
    assert status.status(settings)["rows"]["interactions"] == 1


def test_looking_restores_no_file_that_was_lost(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    stages.ingest(settings, DAY)
    lost = Path(settings.lake) / "_lake.json"
    lost.unlink()
    assert len(status.day_rows(settings)) == 1
    assert not lost.exists()
    drop(settings, [purchase(2, day=NEXT)], NEXT)
    stages.ingest(settings, NEXT)
    assert lost.exists()


def test_the_quarantine_of_a_day_that_was_never_ingested_is_no_empty_one(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    stages.ingest(settings, DAY)
    assert repair.look(settings, DAY)["rows"] == 0
    with pytest.raises(InputError, match=f"{NEXT} was never ingested; `profiling days` lists"):
        repair.look(settings, NEXT)
