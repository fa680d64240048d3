"""What is stored, redacted anew in place: for days whose drop is gone, so that they cannot be ingested with newer rules."""

import json
from collections import Counter

import pandas as pd

from profiling.errors import InputError
from profiling.lake import Staged
from profiling.ledger import Details, details
from profiling.rights.keys import pseudonym_key, require_key
from profiling.settings import Settings
from profiling.stages._ingest import STATEMENT_TABLES
from profiling.stages._step import Closed, Outcome, Run, Step, begin, day_end, refuse_closed, run_step
from profiling.watch import day_statistics

CURRENT = "current"  # the state of a day that there was nothing to do for
_READ = ("interactions", *STATEMENT_TABLES, "identity_links", "quarantine")


def redact(settings: Settings, day: str) -> Outcome:
    """Texts, attributes, statements and quarantine of an ingested day, redacted by the rules of today.

    The record in the ledger keeps the inputs of the ingest: a day whose drop is still there stays stale and can be ingested anew.
    What was computed from the texts becomes stale by it. A day that is redacted by them already is left alone: state `current`.

    Raises:
        InputError: the day holds nothing.
        NotReady: the day was ingested again meanwhile.
    """
    from profiling.prepare.redaction import REDACTION_VERSION

    run = begin(settings, day)
    refuse_closed("ingest", run)
    if redacted_with(run).get(run.day) == REDACTION_VERSION:
        return Outcome("ingest", run.day, CURRENT)
    return run_step(_REDACT, settings, day, None, None, run.lake)


def days_to_redact(settings: Settings) -> list[str]:
    """Days that hold rows redacted by older rules than those of today, ascending."""
    from profiling.prepare.redaction import REDACTION_VERSION

    return [
        day for day, version in redacted_with(begin(settings, "1970-01-01")).items() if version != REDACTION_VERSION
    ]


def redacted_with(run: Run) -> dict[str, str]:
    """By day, the oldest version of the redaction rules that a row of it was redacted with; days that hold rows only."""
    held = {day: record for day in run.ledger.days("ingest") if (record := run.ledger.released("ingest", day))}
    rows = run.lake.ledger(
        ("stage", "day", "attempt", "files", "recorded_at"), [each.attempt for each in held.values()]
    )
    rows = rows[(rows["stage"] == "ingest") & rows["files"].notna()]
    files = {(row["day"], row["attempt"]): json.loads(row["files"]) for row in rows.to_dict("records")}
    # Records made before the version was kept are of the first rules.
    return {
        day: min(
            (file.get("redaction", "1") for file in files.get((record.day, record.attempt), [])), key=int, default="1"
        )
        for day, record in held.items()
    }


def _inputs(run: Run) -> str:
    record = run.ledger.released("ingest", run.day)
    if record is None:
        raise InputError(f"{run.day} holds nothing to redact; `profiling days` lists the days that were ingested")
    require_key(run.lake, run.settings)
    return record.inputs or ""


def _released(run: Run) -> Details:
    record = run.ledger.released("ingest", run.day)
    assert record is not None  # `_inputs` has looked
    rows = run.lake.ledger(
        ("stage", "day", "state", "counts", "files", "report", "note", "recorded_at"), [record.attempt]
    )
    return details(rows[(rows["stage"] == "ingest") & (rows["state"] == record.state)].iloc[-1].to_dict())


def _redact_day(run: Run, parts: list[Staged]) -> Closed:
    from profiling.prepare.redaction import REDACTION_VERSION

    before = _released(run)
    frames = {name: run.lake.read(name, [("day", "==", run.day)]) for name in _READ}
    counts = Counter(before.counts)
    frames["interactions"], found = _interactions(frames["interactions"], pseudonym_key(run.lake, run.settings))
    counts.update({f"redacted_{kind}": number for kind, number in found.items()})
    frames["attributes"] = _columns(frames["attributes"], "value")
    frames["quarantine"] = _columns(frames["quarantine"], "content", "detail")
    frames["day_statistics"] = day_statistics(frames["interactions"], run.day, day_end(run.settings, run.day))
    files = [file | {"redaction": REDACTION_VERSION} for file in before.files]
    return Closed(frames, dict(counts), files, before.report)


def _interactions(rows: pd.DataFrame, key: bytes) -> tuple[pd.DataFrame, Counter[str]]:
    from profiling.prepare.clean import MAX_TEXT
    from profiling.prepare.interactions import redact_json
    from profiling.prepare.privacy import pseudonyms
    from profiling.prepare.redaction import redact_series

    text, in_text = redact_series(rows["text"])
    text = text.str.slice(0, MAX_TEXT)
    attributes, in_attributes = redact_json(rows["attributes"])
    redacted = rows.assign(text=text, text_hash=pseudonyms(key, "text", text), attributes=attributes)
    return redacted, Counter(in_text) + Counter(in_attributes)


def _columns(rows: pd.DataFrame, *names: str) -> pd.DataFrame:
    from profiling.prepare.redaction import redact_series

    return rows.assign(**{name: redact_series(rows[name])[0] for name in names})


_REDACT = Step("ingest", _inputs, lambda run, bucket: Staged({}), _redact_day)
