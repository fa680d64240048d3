"""A shop of few people, by hand: what they did, what they said, and the customer behind an identifier."""

import json
from pathlib import Path

import pandas as pd

from profiling import stages
from profiling.lake import Lake
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import load_rules
from profiling.profiles.history import customer_ids_at
from profiling.rights import suppressions
from profiling.settings import Settings

DAY, NEXT, THIRD = "2026-06-15", "2026-06-16", "2026-06-17"


def event(number: int, who: str = "ann", day: str = DAY, **changes: object) -> dict:
    return {
        "event_id": f"E{number}",
        "identifiers": {"customer": who},
        "occurred_at": f"{day}T10:00:00Z",
        "kind": "review",
        "item_id": "guitar",
        "text": f"A lovely guitar number {number} with a warm tone.",
        "rating": 5,
    } | changes


def consent(who: str, status: str, purpose: str = "profiling", day: str = DAY, **changes: object) -> dict:
    said = {"identifiers": {"customer": who}, "purpose": purpose, "status": status, "stated_at": f"{day}T11:00:00Z"}
    return said | changes


def about(who: str, day: str = DAY, **attributes: str) -> dict:
    return {"identifiers": {"customer": who}, "stated_at": f"{day}T09:00:00Z"} | attributes


def drop(settings: Settings, rows: list[dict], day: str = DAY, source: str = "events") -> Path:
    folder = Path(settings.landing) / source / day
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "_SUCCESS").touch()
    return folder


def run_all(settings: Settings, first: str, last: str | None = None) -> None:
    list(stages.run_days(settings, first, last or first))


def identity(settings: Settings, who: str, kind: str = "customer") -> str:
    return identity_id(settings.key(), kind, who, load_rules(settings))


def customer(settings: Settings, who: str, day: str) -> str:
    found = customer_ids_at(Lake(settings.lake), day, load_rules(settings))
    return str(found.get(identity(settings, who), identity(settings, who)))


def erase(settings: Settings, *identities: str) -> None:
    """On the list; their rows in the tables stay, as between a request and its end."""
    moment = pd.Timestamp.now(tz="UTC")
    suppressions.add(Lake(settings.lake), settings, identities, suppressions.ERASED, "all", moment, "R1")
