"""Looking at a lake: what `profiling status` and `profiling days` say."""

import json
from collections import Counter
from typing import Any

from profiling import schemas
from profiling.behaviour import registry
from profiling.behaviour.targets import TARGETS
from profiling.collect.drops import unread
from profiling.errors import SettingsError
from profiling.lake import Lake
from profiling.ledger import CLOSED, EMPTY, FAILED, OPEN, RELEASED, STALE, Ledger, days_between
from profiling.profiles.report import OUTCOMES
from profiling.publish import open_target, read_manifest
from profiling.settings import Settings
from profiling.stages import STAGES, stale_days


def status(settings: Settings) -> dict[str, dict[str, Any]]:
    """Settings, rows by table, the newest released day by stage, and the newest publication."""
    lake = Lake.open(settings)
    ledger = Ledger(lake.ledger())
    newest = {
        stage: max((day for day in ledger.days(stage) if ledger.state(stage, day) == RELEASED), default=None)
        for stage in STAGES
    }
    published: dict[str, Any] = {"newest day": None}
    if newest["publish"]:
        manifest = read_manifest(open_target(settings.publish, settings.s3_endpoint), None)
        published = {"newest day": manifest["day"], "revision": manifest["revision"], "customers": manifest["rows"]}
    landing = {"not read (no source, no day's folder, or a folder in one)": _unread(settings)}
    return {
        "settings": {
            name: str(value) for name, value in settings.model_dump().items() if name != "pseudonym_key" and value
        },
        "landing": landing,
        "rows": {name: lake.rows(name) for name in schemas.TABLES},
        "newest released day": newest,
        "models in service": _models(lake),
        "models that learned from people erased since": _flagged(lake),
        "published": published,
    }


def _unread(settings: Settings) -> str:
    try:
        return ", ".join(unread(settings)) or "nothing"
    except SettingsError as error:  # a folder that is no source stops a stage, not a look
        return str(error)


def _models(lake: Lake) -> dict[str, str]:
    models = lake.read("models")
    found = {target: registry.champion(models, target, "9999-12-31") for target in TARGETS}
    return {
        target: f"{entry.model} {entry.sha}, trained as of {entry.as_of}, speaks from {entry.effective_from}"
        if entry
        else "none"
        for target, entry in found.items()
    }


def _flagged(lake: Lake) -> dict[str, str]:
    flags = [key.split("/") for key in lake.keys("_models") if key.endswith(f"/{registry.RETRAIN}")]
    return {
        f"{target} as of {as_of}": f"run `profiling train-vectors --as-of {as_of}`"
        if target == "word2vec"
        else f"run `profiling train --as-of {as_of} --target {target}`, then promote"
        for _, target, as_of, _ in flags
    }


def day_rows(
    settings: Settings, *, missing: bool = False, stale: bool = False, unfinished: bool = False
) -> list[dict[str, Any]]:
    """One row a day: the state of every stage, what was decided about models trained as of it, and what became of the rows
    read; all days, or those of the kinds asked for."""
    lake = Lake.open(settings)
    ledger = Ledger(lake.ledger())
    counted = lake.ledger(("stage", "day", "state", "attempt", "counts", "recorded_at"))
    counts_of = {
        (row["attempt"], row["state"]): json.loads(row["counts"])
        for row in counted[counted["counts"].notna()].to_dict("records")
        if row["stage"] == "ingest"
    }
    recorded = ledger.days(*STAGES)
    all_days = days_between(recorded[0], recorded[-1]) if recorded else []
    stale_stages = set(stale_days(settings)) if stale else set()
    decided = _decisions(lake)
    rows = []
    for day in all_days:
        states = {stage: _state(ledger, stage, day, stale_stages) for stage in STAGES}
        wanted = [
            missing and states["ingest"] in (None, EMPTY),
            stale and STALE in states.values(),
            unfinished and any(state in (OPEN, FAILED) for state in states.values()),
        ]
        if any(wanted) or not (missing or stale or unfinished):
            record = ledger.get("ingest", day)
            counts = counts_of.get((record.attempt, record.state), {}) if record else {}
            outcomes = {name: counts.get(name) for name in ("read", *OUTCOMES)}
            rows.append({"day": day, **states, "models": decided.get(day), **outcomes})
    return rows


def _decisions(lake: Lake) -> dict[str, str]:
    """By `as_of`: how many models were promoted, refused and rolled back, each as it was decided last."""
    models = lake.read("models").sort_values("decided_at", kind="stable")
    last = models.drop_duplicates(["as_of", "target", "sha"], keep="last")
    return {
        str(as_of): ", ".join(f"{number} {state}" for state, number in sorted(Counter(of_day["state"]).items()))
        for as_of, of_day in last.groupby("as_of")
    }


def file_rows(settings: Settings) -> list[dict[str, Any]]:
    """One row a file and day, as the tables hold it: read = stored + duplicates + quarantined + suppressed."""
    lake = Lake.open(settings)
    ledger = Ledger(lake.ledger())
    records = [r for day in ledger.days("ingest") if (r := ledger.released("ingest", day))]
    said = lake.ledger(("stage", "day", "state", "attempt", "files", "recorded_at"), [r.attempt for r in records])
    said = said[said["files"].notna() & (said["stage"] == "ingest") & (said["state"] == RELEASED)]
    files_of = {(row["attempt"], row["day"]): json.loads(row["files"]) for row in said.to_dict("records")}
    return [
        {"day": record.day, **{name: file[name] for name in ("source", "file", "read", *OUTCOMES)}}
        for record in records
        for file in files_of.get((record.attempt, record.day), [])
    ]


def _state(ledger: Ledger, stage: str, day: str, stale_stages: set[tuple[str, str]]) -> str | None:
    if ledger.is_closed(stage, day) and ledger.state(stage, day):
        return CLOSED
    return STALE if (day, stage) in stale_stages else ledger.state(stage, day)
