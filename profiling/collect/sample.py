"""A made-up shop's daily drops with known truth: customers with hidden tastes, rhythms and moods, and planted dirt.

Everything is a function of (customers, days, seed, end). Times carry no offset: they are local to whichever zone reads them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from profiling.collect.area import Area, open_area
from profiling.collect.drops import SUCCESS
from profiling.collect.sample_events import Event, Prices, events_of, visits
from profiling.collect.sample_shop import Customer, items, population
from profiling.collect.sample_texts import retyped
from profiling.errors import InputError

SOURCES = ("events", "customers", "consents", "catalogue")
TRUTH = "_truth"
_MARKER = "sample.json"
_MAX_REJECTS = 0.04  # of a day's lines: a gate at 5 % lets the sample pass
_REJECTS = (
    "broken_json", "rating_out_of_range", "missing_identifiers", "unparseable_time", "quantity_out_of_range",
    "in_the_future",
)  # fmt: skip

Record = dict[str, Any]


@dataclass(frozen=True)
class _Row:
    """One line of a day's events: its bytes, the event it tells of, and what was done to it."""

    line: bytes
    event: Event
    dirt: str = ""  # `exact`, `near` or a reject's reason
    original: str = ""  # the event_id of what a near duplicate copies


@dataclass
class _Truth:
    """Rows of the truth files, in the order of days and lines."""

    duplicates: list[Record] = field(default_factory=list)
    rejects: list[Record] = field(default_factory=list)
    redactions: list[Record] = field(default_factory=list)
    late: list[Record] = field(default_factory=list)


def write_sample(
    out: str | Path,
    customers: int = 120,
    days: int = 120,
    seed: int = 7,
    end: str = "2026-06-28",
    endpoint: str | None = None,
) -> dict[str, int]:
    """Write `out`/<source>/<day>/ for four sources and `days` days up to `end`, and the truth to `out`/_truth. `out` is a folder
    or `s3://bucket/prefix`.

    The truth: customers.jsonl (identifier, tastes best first, language, churned_on, satisfaction, trend, likes, dislikes,
    rhythm_days, joined_on), duplicates.jsonl (kind exact or near, where it stands and what it copies), rejects.jsonl
    (day, file, line, reason), redactions.jsonl (event_id, day, line, type, planted) and late.jsonl. Files that are already
    right are not touched.

    Returns:
        Counts: customers, days, events (lines), texts, exact_duplicates, near_duplicates, rejects, late, redactions.

    Raises:
        InputError: `out` holds something else than this very sample, or a number is not positive, or `end` is no date.
    """
    calendar = _calendar(customers, days, end)
    marker = {"customers": customers, "days": days, "seed": seed, "end": end}
    area = open_area(out, endpoint)
    _claim(area, marker)
    shop, people = items(), population(customers, calendar, seed)
    prices = Prices(shop, calendar, seed)
    events = _numbered(people, prices, calendar, seed)
    delivered, truth = _deliver(events, calendar, seed)

    def drops_of_day(day: date) -> Iterator[tuple[str, list[bytes]]]:
        yield "events", [row.line for row in delivered[day]]
        yield "customers", [_line(row) for row in _customers_said(people, day, calendar)]
        yield "consents", [_line(row) for row in _consents_said(people, day, calendar)]
        yield "catalogue", [_line(row) for row in prices.said(day)]

    all_drops = [(source, day.isoformat(), lines) for day in calendar for source, lines in drops_of_day(day)]
    area.each(lambda drop: _write_drop(area, *drop), all_drops)
    _write_truth(area, people, truth)
    kinds = Counter(row["kind"] for row in truth.duplicates)
    return {
        "customers": len(people),
        "days": len(calendar),
        "events": sum(len(rows) for rows in delivered.values()),
        "texts": sum(event.text is not None for event in events),
        "exact_duplicates": kinds["exact"],
        "near_duplicates": kinds["near"],
        "rejects": len(truth.rejects),
        "late": len(truth.late),
        "redactions": len(truth.redactions),
    }


def _calendar(customers: int, days: int, end: str) -> list[date]:
    if customers < 1 or days < 1:
        raise InputError(f"a shop of {customers} customers and {days} days is none; give at least 1 of each")
    try:
        last = date.fromisoformat(end)
    except ValueError as error:
        raise InputError(f"{end!r} is no date; write the last day as YYYY-MM-DD") from error
    return [last - timedelta(days=back) for back in range(days - 1, -1, -1)]


def _claim(area: Area, marker: Record) -> None:
    """Make sure that nothing but this sample is overwritten."""
    content = orjson.dumps(marker, option=orjson.OPT_APPEND_NEWLINE)
    found = area.read(TRUTH, _MARKER)
    if found is None and not area.is_free():
        raise InputError(f"{area.where()} exists and is not a sample of ours; give an empty or a new folder")
    if found not in (None, content):
        raise InputError(
            f"{area.where()} holds another sample ({str(found, 'utf-8').strip()}); give another folder or delete it"
        )
    _write(area, content, TRUTH, _MARKER)


def _numbered(people: Sequence[Customer], prices: Prices, calendar: Sequence[date], seed: int) -> list[Event]:
    """All events in the order of time, with their ids."""
    drafts = [
        event for number, person in enumerate(people) for event in events_of(person, number, prices, calendar, seed)
    ]
    drafts += visits(len(people), prices, calendar, seed)
    ordered = sorted(drafts, key=lambda event: (event.occurred_at, orjson.dumps(event.identifiers), event.kind))
    return [event.with_id(f"E{number:06d}") for number, event in enumerate(ordered, 1)]


def _deliver(events: Iterable[Event], calendar: Sequence[date], seed: int) -> tuple[dict[date, list[_Row]], _Truth]:
    """The lines of every day: its events, late ones of days before, copies and broken rows; and what was planted where."""
    fresh: dict[date, list[Event]] = defaultdict(list)
    late: dict[date, list[Event]] = defaultdict(list)
    again: dict[date, list[Event]] = defaultdict(list)
    rng = np.random.default_rng([seed, 4])
    for event in events:
        arrives = event.day + timedelta(days=int(rng.integers(1, 6)) if rng.random() < 0.02 else 0)
        if arrives > event.day and arrives <= calendar[-1]:
            late[arrives].append(event)
        else:
            fresh[event.day].append(event)
    truth, places, broken = _Truth(), dict[str, tuple[str, int]](), 0
    delivered = {}
    for number, day in enumerate(calendar):
        rng = np.random.default_rng([seed, 5, number])
        rows = [_Row(_line(event.record()), event) for event in [*fresh[day], *late[day]]]
        if fresh[day]:
            _plant_copies(rows, fresh[day], again, day, calendar[-1], rng)
            broken += _plant_rejects(rows, fresh[day], broken, day, rng)
        rows += [_Row(_line(event.record()), event, "exact") for event in again[day]]
        delivered[day] = rows
        _record(rows, {event.event_id for event in late[day]}, day.isoformat(), places, truth)
    return delivered, truth


def _plant_copies(
    rows: list[_Row],
    fresh: Sequence[Event],
    again: dict[date, list[Event]],
    day: date,
    last: date,
    rng: np.random.Generator,
) -> None:
    """An event told twice in this drop, one that a later drop tells again, and a text sent twice with other punctuation."""
    plain = [event for event in fresh if event.planted is None]
    order = [plain[place] for place in rng.permutation(len(plain))]
    if order and rng.random() < 0.5:
        event = order.pop()
        place = next(place for place, row in enumerate(rows) if row.event is event)
        rows.insert(int(rng.integers(place + 1, len(rows) + 1)), _Row(_line(event.record()), event, "exact"))
    if order and rng.random() < 0.35:
        event, arrives = order.pop(), day + timedelta(days=int(rng.integers(1, 5)))
        if arrives <= last:
            again[arrives].append(event)
    wordy = [event for event in order if event.kind in ("review", "post", "email")]
    if wordy and rng.random() < 0.4:
        event = wordy[0]
        copy = event.later(minutes=int(rng.integers(2, 30)), text=retyped(str(event.text), rng)).with_id(
            f"{event.event_id}-2"
        )
        rows.append(_Row(_line(copy.record()), copy, "near", event.event_id))


def _plant_rejects(rows: list[_Row], fresh: Sequence[Event], planted: int, day: date, rng: np.random.Generator) -> int:
    """Broken rows, each with one fault, the kinds of fault in turn. Returns how many."""
    count = min(int(rng.binomial(2, 0.5)), math.floor(_MAX_REJECTS * len(rows)))
    for number in range(planted, planted + count):
        candidates = [event for event in fresh if event.planted is None]
        event = candidates[int(rng.integers(len(candidates)))].with_id(f"X{number:06d}")
        reason = _REJECTS[number % len(_REJECTS)]
        place = int(rng.integers(len(rows) + 1))
        rows.insert(place, _Row(_broken(event.record(), reason, day), event, reason))
    return count


def _broken(record: Record, reason: str, day: date) -> bytes:
    match reason:
        case "broken_json":
            line = _line(record)
            return line[: len(line) * 3 // 5].decode(errors="ignore").encode() + b"\n"
        case "rating_out_of_range":
            record["rating"] = 9
        case "missing_identifiers":
            del record["identifiers"]
        case "unparseable_time":
            record["occurred_at"] = f"{day.year}-13-{day.day:02d}T10:61:00"
        case "quantity_out_of_range":
            record["quantity"] = -2
        case "in_the_future":
            record["occurred_at"] = f"{(day + timedelta(days=3)).isoformat()}T12:00:00"
    return _line(record)


def _record(rows: Sequence[_Row], late: set[str], day: str, places: dict[str, tuple[str, int]], truth: _Truth) -> None:
    """Write down where everything planted ended up; lines count from 1. `places` remembers where an event stands first."""
    for number, row in enumerate(rows, 1):
        here = {"day": day, "file": "events.jsonl", "line": number}
        if row.dirt in ("exact", "near"):
            of_day, of_line = places[row.original or row.event.event_id]
            truth.duplicates.append(
                {"kind": row.dirt, **here, "event_id": row.event.event_id, "of_day": of_day, "of_line": of_line}
            )
        elif row.dirt:
            truth.rejects.append({**here, "reason": row.dirt})
        else:
            places[row.event.event_id] = (day, number)
            if row.event.event_id in late:
                truth.late.append({**here, "event_id": row.event.event_id, "event_day": row.event.day.isoformat()})
            if row.event.planted is not None:
                kind, planted = row.event.planted
                truth.redactions.append({"event_id": row.event.event_id, **here, "type": kind, "planted": planted})


def _customers_said(people: Sequence[Customer], day: date, calendar: Sequence[date]) -> list[Record]:
    """Who joined by the first day, then who joined on the day."""
    return [
        {
            "identifiers": {"customer": person.identifier},
            "stated_at": f"{day.isoformat()}T06:00:00",
            "age_group": person.age_group,
            "city": person.city,
            "sex": person.sex,
            "joined_on": person.joined_on.isoformat(),
        }
        for person in people
        if max(person.joined_on, calendar[0]) == day
    ]


def _consents_said(people: Sequence[Customer], day: date, calendar: Sequence[date]) -> list[Record]:
    """What customers allow when they join, and what some of them take back later."""
    said = []
    for person in people:
        for purpose, status, stated_on in (
            *((purpose, status, max(person.joined_on, calendar[0])) for purpose, status in person.consents),
            *((purpose, "withdrawn", withdrawn_on) for purpose, withdrawn_on in person.withdrawals),
        ):
            if stated_on == day:
                said.append(
                    {
                        "identifiers": {"customer": person.identifier},
                        "purpose": purpose,
                        "status": status,
                        "stated_at": f"{day.isoformat()}T06:30:00",
                    }
                )
    return said


def _write_truth(area: Area, people: Sequence[Customer], truth: _Truth) -> None:
    fields = (
        "identifier", "tastes", "language", "churned_on", "satisfaction", "trend", "likes", "dislikes", "rhythm_days",
        "joined_on",
    )  # fmt: skip
    known = [{name: asdict(person)[name] for name in fields} for person in people]
    for name, rows in (("customers", known), *asdict(truth).items()):
        _write(area, b"".join(map(_line, rows)), TRUTH, f"{name}.jsonl")


def _write_drop(area: Area, source: str, day: str, lines: Sequence[bytes]) -> None:
    """A complete drop; nothing said is a drop without files."""
    if lines:
        _write(area, b"".join(lines), source, day, f"{source}.jsonl")
    _write(area, b"", source, day, SUCCESS)


def _write(area: Area, content: bytes, *names: str) -> None:
    """Not when it is there already."""
    if area.read(*names) != content:
        area.put(content, *names)


def _line(record: Record) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
