"""What the ledger says: the state of every stage of every day. Pure functions of its records."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

OPEN, RELEASED, FAILED, EMPTY, STALE = "open", "released", "failed", "empty", "stale"
CLOSED = (
    "closed"  # of a stage's days up to `until`: what they were made of is deleted, and they are never computed again
)
DONE = (RELEASED, EMPTY)


@dataclass(frozen=True)
class Record:
    """The newest record of one stage and day; `day` is the day asked for, also inside a stretch of empty days."""

    stage: str
    day: str
    state: str
    attempt: str
    recorded_at: pd.Timestamp
    inputs: str | None
    outputs: str | None


@dataclass(frozen=True)
class Details:
    """What a record says beyond its state: rows by outcome, the same by file, the gates' report, a sentence.

    report: `suites`, one `quality.Report` each, and `watch`, what `watch.observe` found.
    """

    counts: dict[str, int]
    files: list[dict[str, Any]]
    report: dict[str, Any] | None
    note: str | None


class Ledger:
    """The newest record of every stage and day; a stretch of empty days is one record, and a later one goes before it."""

    def __init__(self, records: pd.DataFrame) -> None:
        """records: rows of `days`, oldest first, with LEDGER_COLUMNS."""
        self._newest: dict[tuple[str, str], Record] = {}
        self._released: dict[tuple[str, str], Record] = {}  # what the tables hold, whatever has been tried since
        self._closed: dict[str, str] = {}
        names = ("stage", "day", "state", "attempt", "recorded_at", "inputs", "outputs", "until")
        for row in zip(*(records[name].tolist() for name in names), strict=True):
            stage, first, state, attempt, recorded_at, inputs, outputs, until = row
            if state == CLOSED:  # beside what became of the days: that stays what it was
                self._closed[stage] = max(until, self._closed.get(stage, ""))
                continue
            record = Record(stage, first, state, attempt, recorded_at, _text(inputs), _text(outputs))
            for day in days_between(record.day, until) if isinstance(until, str) else [record.day]:
                key = (record.stage, day)
                self._newest[key] = replace(record, day=day) if day != record.day else record
                if record.state == RELEASED:
                    self._released[key] = self._newest[key]
                elif record.state == EMPTY:
                    self._released.pop(key, None)

    def get(self, stage: str, day: str) -> Record | None:
        """The newest record, or None where the stage never began on that day."""
        return self._newest.get((stage, day))

    def state(self, stage: str, day: str) -> str | None:
        """The newest state, or None where the stage never began on that day."""
        record = self._newest.get((stage, day))
        return None if record is None else record.state

    def released(self, stage: str, day: str) -> Record | None:
        """The record of what the tables hold of a stage and day, whatever has been tried since its last release."""
        return self._released.get((stage, day))

    def is_published_of_table(self, day: str) -> bool:
        """Whether what is published of a day was made of what the table `profiles` holds of it now."""
        published, profiled = self.released("publish", day), self.get("profile", day)
        if published is None or profiled is None or self.is_closed("publish", day):
            return False
        return profiled.state == RELEASED and published.recorded_at >= profiled.recorded_at

    def closed(self, stage: str) -> str | None:
        """The newest day of a stage that is past its retention, as are all before it."""
        return self._closed.get(stage)

    def is_closed(self, stage: str, day: str) -> bool:
        """Whether a day is past its retention: what it was made of is deleted, and it must not be computed again."""
        return day <= self._closed.get(stage, "")

    def days(self, *stages: str) -> list[str]:
        """Days with a record of one of the stages (of any without arguments), ascending."""
        return sorted({day for stage, day in self._newest if not stages or stage in stages})

    def records(self) -> Iterator[Record]:
        """The newest record of every stage and day, by day, then in the order the stages run."""
        for stage, day in sorted(self._newest, key=lambda key: (key[1], _ORDER.get(key[0], 9))):
            yield self._newest[(stage, day)]

    def unfinished(self, until: str) -> list[str]:
        """Sentences about days up to `until` whose interactions or features are on the way: a profile must wait for them."""
        sentences = []
        for day in self.days("ingest", "features"):
            ingest, features = self.state("ingest", day), self.state("features", day)
            if day > until or FAILED in (ingest, features) or self.is_closed("features", day):
                continue
            for stage, state in (("ingest", ingest), ("features", features)):
                if state not in DONE and not self.is_closed(stage, day):
                    sentences.append(f"{stage} of {day} is {state or 'not done'}; run `profiling {stage} --day {day}`")
                    break
            else:
                if not self._reads_what_was_ingested(day):
                    sentences.append(
                        f"features of {day} are older than its ingest; run `profiling features --day {day}`"
                    )
        return sentences

    def _reads_what_was_ingested(self, day: str) -> bool:
        ingest, features = self._newest[("ingest", day)], self._newest[("features", day)]
        return features.inputs is None or features.inputs.startswith(features_inputs(ingest.outputs, ""))

    def failed(self, until: str) -> list[str]:
        """Days up to `until` that failed a gate and are therefore not in what follows."""
        return [
            day
            for day in self.days("ingest", "features")
            if day <= until
            and any(self.state(s, day) == FAILED and (s, day) not in self._released for s in ("ingest", "features"))
        ]

    def chain(self, until: str, stages: tuple[str, ...] = ("ingest", "features")) -> str:
        """A fingerprint of everything ingested and computed up to the end of a day, in the order of days."""
        digest = hashlib.sha256()
        for stage, day in sorted(self._released, key=lambda key: (key[1], key[0])):
            if day <= until and stage in stages:
                digest.update(f"{day}\0{stage}\0{self._released[stage, day].outputs}\0".encode())
        return digest.hexdigest()


_ORDER = {"ingest": 0, "features": 1, "checkpoint": 2, "profile": 3, "publish": 4}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def features_inputs(ingested: str | None, encoder: str) -> str:
    """The fingerprint of what `features` reads; it begins with what was ingested, so that the ledger can tell the two apart."""
    return f"{(ingested or '')[:32]}:{encoder[:32]}"


def details(row: Mapping[Any, Any]) -> Details:
    """The long columns of one row of `days`."""

    def parsed(name: str, default: Any) -> Any:
        return json.loads(row[name]) if isinstance(row[name], str) else default

    report = parsed("report", None)
    if report and "suites" not in report:  # written when a stage had one suite
        report = {"suites": [report], "watch": []}
    return Details(parsed("counts", {}), parsed("files", []), report, _text(row["note"]))


def days_between(first: str, last: str) -> list[str]:
    """Every day from `first` to `last`, both included; empty when `last` is earlier."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def day_before(day: str, days: int = 1) -> str:
    """The day `days` before `day`."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def sunday_on_or_before(day: str) -> str:
    """The newest Sunday up to `day`."""
    return sunday_before(day_before(day, -1))


def sunday_before(day: str) -> str:
    """The last Sunday strictly before `day`: the end of the last closed week."""
    return day_before(day, date.fromisoformat(day).isoweekday() % 7 or 7)
