"""Quarantined rows: what was wrong with them, and the way back for those that a person has repaired."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from profiling.collect import collector
from profiling.collect.area import Area
from profiling.collect.drops import SUCCESS, Source, drops, landing_area, sources
from profiling.collect.land import FORMAT_SUFFIXES
from profiling.errors import InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.ledger import FAILED, Ledger, details
from profiling.settings import Settings

logger = logging.getLogger(__name__)

REQUEUED = "_requeued"  # in the landing area, beside the sources: a name that starts with _ is never one
EXAMPLES = 3  # of each reason: enough to recognise the fault


@dataclass(frozen=True)
class Requeued:
    """Repaired rows that were sent back: where to, how many, and how many of them still cannot be read."""

    file: str
    day: str
    rows: int
    still_rejected: int


def look(settings: Settings, day: str, source: str | None = None) -> dict[str, Any]:
    """The quarantine of a day.

    Returns:
        `day`, `rows`, `note` (why the day failed, if it did: what its last attempt rejected is then not in the table) and
        `reasons`, the most frequent first: `source`, `reason`, `field`, `rows`, `fix`, and `examples`, the first few, each with
        `file`, `line` and `content` as stored, which is redacted.

    Raises:
        InputError: the day was never ingested.
    """
    lake = Lake.open(settings)
    if Ledger(lake.ledger()).get("ingest", day) is None:
        raise InputError(f"{day} was never ingested; `profiling days` lists the days that were")
    rows = lake.read("quarantine", [("day", "==", day), *([("source", "==", source)] if source else [])])
    rows = rows.sort_values(["source", "source_file", "source_line"], ignore_index=True)
    reasons = [
        {
            "source": of, "reason": reason, "field": field or None, "rows": len(held), "fix": held["detail"].iloc[0],
            "examples": [
                {"file": file, "line": int(line), "content": content if isinstance(content, str) else None}
                for file, line, content in held[["source_file", "source_line", "content"]].head(EXAMPLES).itertuples(index=False)
            ],
        }
        for (of, reason, field), held in rows.fillna({"field": ""}).groupby(["source", "reason", "field"])
    ]  # fmt: skip
    reasons.sort(key=lambda one: (-one["rows"], one["source"], one["reason"], one["field"] or ""))
    return {"day": day, "rows": len(rows), "note": _failure(lake, day), "reasons": reasons}


def _failure(lake: Lake, day: str) -> str | None:
    record = Ledger(lake.ledger()).get("ingest", day)
    if record is None or record.state != FAILED:
        return None
    rows = lake.ledger(("stage", "day", "attempt", "state", "counts", "files", "report", "note", "recorded_at"))
    mine = rows[(rows["attempt"] == record.attempt) & (rows["state"] == FAILED) & (rows["stage"] == "ingest")]
    return details(mine.iloc[-1].to_dict()).note if len(mine) else None


def requeue(settings: Settings, day: str, source: str, file: Path, to: str | None = None) -> Requeued:
    """Send repaired rows of a day's quarantine back as a drop of their source, once.

    Without `to` they become a new drop of the first day after `day` on which the source delivered nothing, which must be over:
    a day that is not may still get its own drop, and `_SUCCESS` would end the wait for it. With `to` they are added to the drop
    of that day, which makes the day stale, or become its drop if it is over. The rows keep their own time, so they are late
    rows there.

    A file's name carries its content's hash, and the lake remembers it: the same rows sent again are refused, also after the
    landing area was cleared. A call that was killed half way is finished by the same call: before it writes the rows it notes
    their day in `<landing>/_requeued/<source>/<hash>`, and of two calls at a time both keep to the day noted first.

    Raises:
        SettingsError: the source, the file or the day does not exist.
        InputError: the day's quarantine holds nothing of the source, nothing in the file can be read, or it was sent before.
        NotReady: the drop of `to` is still being written, or may still come.
    """
    form = _source(settings, source)
    if not file.is_file():
        raise SettingsError(f"no file {file}; write the repaired rows there, in the form that {form.form} reads")
    lake = Lake.open(settings)
    held = lake.read("quarantine", [("day", "==", day), ("source", "==", source)], ["reason"])
    if held.empty:
        raise InputError(
            f"the quarantine of {day} holds nothing of {source}; `profiling quarantine --day {day}` shows what it holds"
        )
    content = file.read_bytes()
    sha = hashlib.sha256(content).hexdigest()[:16]
    memory = f"_requeued/{source}/{sha}.json"
    if before := lake.get_json(memory, "it says that these rows were sent back before: restore it from a backup"):
        raise InputError(
            f"{file.name} was sent back before, to {before['day']}: {before['file']}. Rows repaired since need their own file"
        )
    rows, rejected = _read(form, file, settings)
    if not rows - rejected:
        raise InputError(
            f"none of the {rows} lines of {file.name} can be read by {form.form}; `profiling quarantine --day {day} "
            f"--source {source}` says what was wrong with each"
        )
    name = f"requeued-{day}-{sha}{_suffixes(file)}"
    area, note = landing_area(settings), (REQUEUED, source, sha)
    target = _noted(area, note) or to or _free_day(settings, source, day)
    _require_complete(settings, source, target, name)
    if not area.put_new(target.encode(), *note):
        target = _noted(area, note) or target
    # One file appears at once, so the drop need not be closed for it; a new drop is complete when it has its marker.
    area.put(content, source, target, name)
    if not area.has_file(source, target, SUCCESS):
        area.put(b"", source, target, SUCCESS)
    found = Requeued(area.where(source, target, name), target, rows, rejected)
    lake.put_json(memory, {"day": target, "file": found.file, "quarantined_on": day, "rows": rows})
    logger.info("requeue %s %s: %d rows to %s", source, day, rows, found.file)
    return found


def _source(settings: Settings, name: str) -> Source:
    by_name = {source.name: source for source in sources(settings)}
    if name not in by_name:
        raise SettingsError(f"unknown source {name!r}; the sources are {', '.join(by_name) or 'none yet'}")
    return by_name[name]


def _suffixes(file: Path) -> str:
    """The endings that say the form; the rest of a name is what a person calls it, and may name a customer."""
    kept: list[str] = []
    for suffix in reversed(file.suffixes):
        if suffix.lower() not in FORMAT_SUFFIXES:
            break
        kept.insert(0, suffix)
    return "".join(kept)


def _read(source: Source, file: Path, settings: Settings) -> tuple[int, int]:
    """(lines, lines that its collector still rejects)."""
    batches = list(collector(source.form)(file, settings.zone))
    return sum(batch.lines_read for batch in batches), sum(len(batch.rejects) for batch in batches)


def _noted(area: Area, note: tuple[str, ...]) -> str | None:
    """The day that a call which was killed, or runs at this moment, has chosen."""
    found = area.read(*note)
    return found.decode() if found else None


def _free_day(settings: Settings, source: str, day: str) -> str:
    level = landing_area(settings).level(source)
    delivered = set(level.folders) if level else set()
    free = date.fromisoformat(day) + timedelta(days=1)
    while free.isoformat() in delivered:
        free += timedelta(days=1)
    if free >= _today(settings):
        raise InputError(
            f"{source} delivered on every day from {day} on, and {free} is not over: its own drop may still come. Name a day "
            "with --to; the rows are added to its drop and the day is computed again"
        )
    return free.isoformat()


def _today(settings: Settings) -> date:
    return datetime.now(settings.zone).date()


def _require_complete(settings: Settings, source: str, day: str, name: str) -> None:
    """Refuse a drop that someone else is writing; one that holds the file already is our own, cut short before its marker."""
    level = landing_area(settings).level(source, day)
    if level and name not in level.files:
        drops(settings, day)  # NotReady while someone else writes it
    if level is None and date.fromisoformat(day) >= _today(settings):
        raise NotReady(
            f"{source} has no drop of {day} yet, and the day is not over: it would not be waited for any more. Wait for it, or "
            "name another day"
        )
