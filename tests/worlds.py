"""Small whole worlds for tests: a shop's drops, and everything a lake and a publication hold, in a form to compare."""

import json
from pathlib import Path

import pandas as pd

from profiling import schemas
from profiling.collect.sample import write_sample
from profiling.lake import Lake
from profiling.settings import Settings

LAST_DAY = "2026-06-28"
KEY = "a test key of more than sixteen characters"


def settings_in(root: Path, cache: Path) -> Settings:
    """Settings of an empty world under `root`, with the fast encoder from a cache that tests share."""
    (root / "landing").mkdir(parents=True)
    return Settings(
        landing=str(root / "landing"),
        lake=str(root / "lake"),
        publish=str(root / "published"),
        cache=cache,
        pseudonym_key=KEY,
        embedding="static",
    )


def small_shop(settings: Settings, customers: int = 6, days: int = 4, seed: int = 3) -> list[str]:
    """Write a small shop's drops into the landing area; the days written."""
    landing = Path(settings.landing)
    write_sample(landing, customers=customers, days=days, seed=seed)
    return sorted(folder.name for folder in (landing / "events").iterdir())


def published(settings: Settings) -> dict[str, bytes]:
    """Every published object but `run.json`, which is outside the promise of the same bytes."""
    root = Path(settings.publish)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "run.json" and not path.relative_to(root).parts[0].startswith(".")
    }


def tables(settings: Settings) -> dict[str, list[str]]:
    """Every table but the ledger as sorted rows."""
    lake = Lake(settings.lake)
    return {name: _rows(lake.read(name)) for name in schemas.TABLES if name != "days"}


def documents(settings: Settings, day: str) -> dict[str, dict]:
    """The profiles of a day by customer_id."""
    rows = Lake(settings.lake).read("profiles", [("day", "==", day)])
    return {document["customer_id"]: document for document in map(json.loads, rows["document"])}


def ledger_closes(settings: Settings) -> int:
    """Check that every line of every file read is accounted for; the number of files checked."""
    checked = 0
    for files in Lake(settings.lake).ledger(("files", "recorded_at"))["files"].dropna():
        for file in json.loads(files):
            outcomes = ("stored", "duplicates_exact", "duplicates_near", "quarantined", "suppressed")
            assert file["read"] == sum(file[name] for name in outcomes), file
            checked += 1
    return checked


def _rows(frame: pd.DataFrame) -> list[str]:
    return sorted(json.dumps(row, default=_plain, sort_keys=True) for row in frame.to_dict("records"))


def _plain(value: object) -> object:
    return value.tolist() if hasattr(value, "tolist") else str(value)
