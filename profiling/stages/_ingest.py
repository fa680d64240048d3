"""Landing -> interactions, attributes, consents, catalogue, identity_links, quarantine."""

import gc
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from profiling import schemas
from profiling.collect import STATEMENT_FORMS, collector, drift
from profiling.collect import drops as landing
from profiling.errors import InputError, ProfilingError
from profiling.lake import Filter, Lake, Spill, Staged
from profiling.ledger import RELEASED
from profiling.rights import consent, suppressions
from profiling.rights.keys import pseudonym_key, require_key
from profiling.rights.suppressions import without
from profiling.settings import Settings
from profiling.stages._step import Closed, Outcome, Run, Step, concat, day_end, days_before, digest, gate, run_step
from profiling.watch import day_statistics, observe

if TYPE_CHECKING:
    from profiling.prepare.identity_rules import Rules

logger = logging.getLogger(__name__)

# What is known of an event before the whole day is.
_PREPARED = pa.schema([column for column in schemas.INTERACTIONS.arrow if column.name != "is_text_shared"])
STATEMENT_TABLES = ("attributes", "consents", "catalogue")


def ingest(
    settings: Settings,
    day: str,
    *,
    bucket: int | None = None,
    close: Sequence[str] | None = None,
    lake: Lake | None = None,
) -> Outcome:
    """Landing -> interactions, attributes, consents, catalogue, identity_links, quarantine.

    Collects, validates, normalises, pseudonymises, redacts and deduplicates the drop of one day. A day without a drop is an empty
    day: recorded, with a warning.

    Raises:
        NotReady: a source's drop has no `_SUCCESS` yet.
        GateFailed: too many rejects, or an expectation failed.
        InputError: the drop of a day that was released with rows is gone.
    """
    return run_step(INGEST, settings, day, bucket, close, lake or Lake.open(settings, may_create=True))


def inputs(run: Run) -> str:
    from profiling.prepare.identity_rules import load_rules
    from profiling.prepare.redaction import REDACTION_VERSION

    key_name = require_key(run.lake, run.settings)
    found = landing.drops(run.settings, run.day)
    _refuse_if_gone(run, {drop.source.name for drop in found})
    rules = load_rules(run.settings).of_ingest()  # they decide whose a row is
    # Not the limit of rejects: it decides whether the day is released, not what is in it, and may be raised for one run.
    media = ["media"] if run.settings.media_hosts else []
    return digest(landing.fingerprint(found), key_name, run.settings.timezone, REDACTION_VERSION, rules, *media)


def _ingest_bucket(run: Run, bucket: int) -> Staged:
    """The costly part: reading, normalising, redacting. Duplicates are found at the close, where all rows are together:
    the same event may come once by its customer and once by a device, which are two buckets.
    """
    found = landing.drops(run.settings, run.day)
    with _without_cycle_search(), Spill(_PREPARED) as rows, Spill(schemas.IDENTITY_LINKS.arrow) as said:
        rejects, files, redactions, respelled = _prepared_events(run, bucket, rows, said)
        events, links = rows.frame(), said.frame()
    frames = {"interactions": events.assign(is_text_shared=False)[schemas.INTERACTIONS.names], "identity_links": links}
    frames |= {name: schemas.TABLES[name].arrow.empty_table().to_pandas() for name in STATEMENT_TABLES}
    if bucket == 0:  # statements are few: one bucket reads them all
        statements, statement_rejects, statement_files, as_written, more = _prepared_statements(run)
        respelled |= more
        frames |= statements | {"identity_links": concat([links, statements["identity_links"]], "identity_links")}
        as_written.update(redactions)
        redactions = dict(as_written)
        rejects, files = [*rejects, *statement_rejects], [*files, *statement_files]
    frames["quarantine"] = concat(rejects, "quarantine")
    facts = {"files": files, "sources": [d.source.name for d in found], "redactions": redactions}
    return Staged(frames, facts | {"respelled": respelled})


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Rows as Python objects are many and hold no cycles; looking for some takes a fifth of an ingest."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _prepared_events(
    run: Run, bucket: int, rows: Spill, links: Spill
) -> tuple[list[pd.DataFrame], list[dict[str, Any]], dict[str, int], dict[str, str]]:
    """The bucket's events of all files of the drop and their identity links set aside; rejects, what was read of each file, and
    who is on the list by an older spelling.
    """
    from profiling.prepare.identity_rules import load_rules
    from profiling.prepare.interactions import prepare_interactions
    from profiling.prepare.quarantine import quarantine

    rules = load_rules(run.settings)
    rejects, files = [], []
    redactions: Counter[str] = Counter()
    respelled: dict[str, str] = {}
    key, other_spellings = pseudonym_key(run.lake, run.settings), _other_spellings(run)
    for source, file, batches in _batches(run, is_statements=False):
        lines_read = quarantined = 0
        seen = []
        for batch in batches:
            seen.append(batch.seen)
            respelled |= suppressions.respelled(run.suppressed, batch.rows["identifiers"], rules, other_spellings)
            prepared = prepare_interactions(
                batch.rows, source=source, source_file=file, day=run.day, day_end=day_end(run.settings, run.day),
                zone=run.settings.zone, key=key, buckets=run.settings.buckets, bucket=bucket,
                rules=rules,
            )  # fmt: skip
            rows.add(prepared.rows if run.settings.media_hosts else _without_media(prepared.rows, redactions))
            links.add(prepared.links)
            redactions.update(prepared.counts())
            gc.collect(0)  # what a refused row may leave behind
            lines_read += batch.lines_read
            if bucket == 0:
                rejected = pd.concat([batch.rejects, prepared.rejects], ignore_index=True)
                quarantined += len(rejected)
                rejects.append(quarantine(rejected, source=source, source_file=file, day=run.day))
        files.append(
            {"source": source, "file": file, "read": lines_read, "quarantined": quarantined, "kind": "events",
             "seen": drift.together(seen)}
        )  # fmt: skip
    return rejects, files, dict(sorted(redactions.items())), respelled


def _other_spellings(run: Run) -> "list[Rules]":
    """Spellings under which somebody may be on the list that are not those of now; none are looked for where nobody is erased."""
    from profiling.prepare.identity_rules import load_rules

    if not run.suppressed.held.get(suppressions.ALL):
        return []
    return suppressions.other_spellings(run.lake, load_rules(run.settings))


def _without_media(rows: pd.DataFrame, counts: Counter[str]) -> pd.DataFrame:
    """Without the addresses of pictures and recordings, which nothing would read; counted as `media_skipped`."""
    from profiling.media.references import without_links

    attributes, number = without_links(rows["attributes"])
    if not number:
        return rows
    counts["media_skipped"] += number
    return rows.assign(attributes=attributes)


def _prepared_statements(
    run: Run,
) -> tuple[dict[str, pd.DataFrame], list[pd.DataFrame], list[dict[str, Any]], Counter[str], dict[str, str]]:
    """The statements of all files of the drop and their links, by table. A line counts as stored when its statements are."""
    from profiling.prepare.identity_rules import load_rules
    from profiling.prepare.quarantine import quarantine
    from profiling.prepare.statements import prepare_statements

    rules = load_rules(run.settings)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in (*STATEMENT_TABLES, "identity_links")}
    rejects, files = [], []
    as_written: Counter[str] = Counter()
    respelled: dict[str, str] = {}
    key, other_spellings = pseudonym_key(run.lake, run.settings), _other_spellings(run)
    for source, file, batches in _batches(run, is_statements=True):
        read = quarantined = 0
        seen = []
        for batch in batches:
            seen.append(batch.seen)
            if batch.table != "catalogue":  # of items, not of people
                respelled |= suppressions.respelled(run.suppressed, batch.rows["identifiers"], rules, other_spellings)
            rows, refused, links, counts = prepare_statements(
                batch.rows, batch.table, source=source, source_file=file, day=run.day,
                day_end=day_end(run.settings, run.day), zone=run.settings.zone, key=key, rules=rules,
            )  # fmt: skip
            rejected = pd.concat([batch.rejects, refused], ignore_index=True)
            found[batch.table].append(rows)
            found["identity_links"].append(links)
            as_written.update(counts)
            rejects.append(quarantine(rejected, source=source, source_file=file, day=run.day))
            read, quarantined = read + batch.lines_read, quarantined + len(rejected)
        files.append(
            {"source": source, "file": file, "read": read, "quarantined": quarantined, "kind": "statements",
             "seen": drift.together(seen)}
        )  # fmt: skip
    return {name: concat(frames, name) for name, frames in found.items()}, rejects, files, as_written, respelled


def _batches(run: Run, is_statements: bool) -> Iterator[tuple[str, str, Iterator[Any]]]:
    """(source, file name, batches) of every file of the drop that holds statements, or events."""
    for drop in landing.drops(run.settings, run.day):
        if (drop.source.form in STATEMENT_FORMS) == is_statements:
            for file in drop.files:
                with file.local() as path:  # of a bucket one file at a time lies here
                    yield drop.source.name, file.name, collector(drop.source.form)(path, run.settings.zone)


def _of_other_drops(run: Run, rows: pd.DataFrame, filters: Sequence[Filter]) -> pd.DataFrame:
    """What other drops stored of the event days that these rows touch, where duplicates of them could be."""
    names = ["interaction_id", "identity_id", "event_day", "kind", "rating", "text", "day"]
    event_days = sorted(rows["event_day"].unique())
    if not event_days:
        return schemas.INTERACTIONS.arrow.empty_table().select(names).to_pandas()
    # No drop holds events of days after its own, so older drops need not be looked at.
    return run.lake.read(
        "interactions", [("day", ">=", event_days[0]), ("event_day", "in", event_days), *filters], names
    )


def _ingest_day(run: Run, parts: list[Staged]) -> Closed:
    from profiling.prepare.deduplicate import exact, flag_shared, near
    from profiling.prepare.identity_rules import load_rules

    names = ("interactions", *STATEMENT_TABLES, "identity_links", "quarantine")
    frames = {name: concat([part.frames.pop(name) for part in parts], name) for name in names}
    held = run.suppressed
    for part in parts:
        held = held.also(part.facts.get("respelled", {}))
    frames, suppressed = without(held, frames, load_rules(run.settings))
    earlier = _of_other_drops(run, frames["interactions"], [("day", "<", run.day)])
    unique, copies = exact(frames["interactions"], earlier[["interaction_id"]])
    kept, near_copies = near(unique, earlier)
    frames["interactions"] = flag_shared(kept)
    # A duplicate's links are kept: that it came by another identifier is just what links two identities.
    frames["identity_links"] = frames["identity_links"].drop_duplicates(list(schemas.IDENTITY_LINKS.key))
    outcomes = {"stored": kept, "duplicates_exact": copies, "duplicates_near": near_copies}
    outcomes["suppressed"] = suppressed["events"]
    frames["day_statistics"] = day_statistics(frames["interactions"], run.day, day_end(run.settings, run.day))
    files = _files(parts, outcomes, suppressed["statements"])
    counts = _ingest_counts(files, parts)
    delivered = set(parts[0].facts["sources"])
    if not delivered:
        warning = "no source delivered a drop: recorded as an empty day"
        return Closed(frames, counts, files, warnings=[warning], is_empty=True)
    warnings = [f"source {s.name} delivered no drop" for s in landing.sources(run.settings) if s.name not in delivered]
    if unread := landing.unread(run.settings, run.day):
        warnings.append(
            f"folders in a drop are not read: {', '.join(unread)}; files stand directly in the day's folder"
        )
    drifted = _drifted(run, files)
    warnings += drifted
    statements = {name: frames[name] for name in STATEMENT_TABLES if len(frames[name])}
    observations = observe(frames["day_statistics"], days_before(run, "day_statistics"))
    gated = gate({"interactions": frames["interactions"], **statements}, observations=observations)
    # What is usual hangs on the days ingested so far. The page that is published must not: see `_profile_day`.
    report = {**gated.report, "watch": []}
    failures = list(gated.failures)
    share = counts["quarantined"] / counts["read"] if counts["read"] else 0.0
    if share > run.settings.max_rejects:
        reasons = ", ".join(f"{n} {reason}" for reason, n in frames["quarantine"]["reason"].value_counts().items())
        failures.insert(
            0,
            f"{counts['quarantined']} of {counts['read']} rows were rejected ({share:.1%}; PROFILING_MAX_REJECTS allows "
            f"{run.settings.max_rejects:.1%}): {reasons}. The first: {_first_rejects(frames['quarantine'])}. "
            "Repair the drop and run the day again, or raise the limit",
        )
    failures += [
        f"source {name} delivers no row any more, and the day holds some of it: deliver it again, whole; if it is meant, "
        f"put an empty file {landing.EMPTIED} into the drop"
        for name in _emptied(run, files)
    ]
    if failures:
        failures += drifted  # often the cause, and a failed day shows no warnings
    metrics = {"rejects_share": round(share, 4), **gated.metrics}
    return Closed(frames, counts, files, report, failures, warnings + gated.warnings, metrics)


def _drifted(run: Run, files: list[dict[str, Any]]) -> list[str]:
    """What has changed in the columns of each source since its last released drop before this day."""
    earlier = _last_seen(run, {file["source"] for file in files})
    sentences = []
    for source, before in sorted(earlier.items()):
        now = drift.together(file["seen"] for file in files if file["source"] == source)
        sentences += drift.changes(source, before, now)
    return sentences


def _last_seen(run: Run, sources: set[str]) -> dict[str, drift.Seen]:
    """What was seen of each source in its newest drop that was released before this day and held a row."""
    records = run.lake.ledger(("stage", "day", "state", "files", "recorded_at"))
    is_earlier = (records["stage"] == "ingest") & (records["state"] == RELEASED) & (records["day"] < run.day)
    newest = records[is_earlier & records["files"].notna()].drop_duplicates("day", keep="last")
    found: dict[str, drift.Seen] = {}
    for text in newest.sort_values("day", ascending=False)["files"]:
        if found.keys() >= sources:
            break
        files = [file for file in json.loads(text) if "seen" in file]  # days ingested before columns were looked at
        for source in {file["source"] for file in files} - found.keys():
            seen = drift.together(file["seen"] for file in files if file["source"] == source)
            if seen["rows"]:
                found[source] = seen
    return {source: seen for source, seen in found.items() if source in sources}


def _emptied(run: Run, files: list[dict[str, Any]]) -> list[str]:
    """Sources whose new delivery holds no line, where the tables hold rows of them: rather an upload cut short than meant."""
    if run.ledger.released("ingest", run.day) is None:
        return []
    read: Counter[str] = Counter()
    for file in files:
        read[file["source"]] += file["read"]
    meant = {drop.source.name for drop in landing.drops(run.settings, run.day) if drop.is_emptied}
    return sorted(name for name in _held_sources(run) - meant if not read[name])


def _held_sources(run: Run) -> set[str]:
    """The sources of which the tables hold rows of the day."""
    held: set[str] = set()
    for name in ("interactions", *STATEMENT_TABLES):
        held |= set(run.lake.read(name, [("day", "==", run.day)], ["source"])["source"])
    return held


def _first_rejects(quarantined: pd.DataFrame, most: int = 3) -> str:
    """Where to look and what to do: source/file:line, the reason and its sentence (redacted)."""
    first = quarantined.sort_values(["source", "source_file", "source_line"]).head(most)
    names = ("source", "source_file", "source_line", "reason", "detail")
    places = zip(*(first[name] for name in names), strict=True)
    return "; ".join(f"{s}/{f}:{line} {reason}: {detail}" for s, f, line, reason, detail in places)


def _withdraws(run: Run, closed: Closed) -> list[str]:
    """Later days that may hold a copy of a row which this day held and a new delivery lacks.

    A duplicate is kept nowhere but in its drop, so every later day that dropped some is read again.
    """
    if run.ledger.released("ingest", run.day) is None:
        return []
    held = run.lake.read("interactions", [("day", "==", run.day)], ["interaction_id", "text"])
    if set(_said(held)) <= set(_said(closed.frames["interactions"])):
        return []
    records = run.lake.ledger(("stage", "day", "attempt", "counts", "recorded_at"))
    records = records[(records["stage"] == "ingest") & (records["day"] > run.day) & records["counts"].notna()]
    newest = records.drop_duplicates("day", keep="last")
    counts = newest["counts"].map(json.loads)
    has_duplicates = [bool(c.get("duplicates_exact") or c.get("duplicates_near")) for c in counts]
    return [day for day in sorted(newest.loc[has_duplicates, "day"]) if landing.is_delivered(run.settings, day)]


def _said(rows: pd.DataFrame) -> Iterator[tuple[str, str | None]]:
    texts = [text if isinstance(text, str) else None for text in rows["text"]]
    return zip(rows["interaction_id"], texts, strict=True)


def _made_stale(run: Run, closed: Closed) -> list[str]:
    """Days that stored rows before it was known that they are duplicates: of two drops the earlier one keeps them.

    Looked up after the commit: of two days that are closed at the same time at least one sees the other.
    """
    from profiling.prepare.deduplicate import is_among

    rows = closed.frames["interactions"]
    others = _of_other_drops(run, rows, [("day", "!=", run.day)])
    copies = is_among(others["interaction_id"], rows["interaction_id"])
    mine = pd.MultiIndex.from_frame(rows.loc[rows["text"].notna(), ["identity_id", "event_day"]])
    near = others["text"].notna() & pd.MultiIndex.from_frame(others[["identity_id", "event_day"]]).isin(mine)
    stale = set(others.loc[(copies | near) & (others["day"] > run.day), "day"])
    if (copies & (others["day"] < run.day)).any():
        stale.add(run.day)
    closed_days = {day for day in stale if not landing.is_delivered(run.settings, day)}
    for day in sorted(closed_days):
        logger.warning("%s also holds rows of %s, and its drop is gone: they are counted twice", day, run.day)
    return sorted(stale - closed_days)


def _files(parts: list[Staged], outcomes: Mapping[str, pd.DataFrame], unsaid: pd.DataFrame) -> list[dict[str, Any]]:
    """What became of the lines of every file; every line is accounted for. `unsaid`: lines of statements that were suppressed.

    Raises:
        ProfilingError: read != stored + duplicates + quarantined + suppressed: rows were lost, which is a defect here.
    """
    from profiling.prepare.redaction import REDACTION_VERSION

    files = []
    for entry in parts[0].facts["files"]:  # the first bucket read every line and rejected for all buckets
        file = {name: entry[name] for name in ("source", "file", "read", "quarantined", "seen")}
        if entry["kind"] == "statements":
            hidden = _rows_of(file, unsaid)
            file |= {"stored": entry["read"] - entry["quarantined"] - hidden, "suppressed": hidden}
            file |= {"duplicates_exact": 0, "duplicates_near": 0}
        else:
            file |= {name: _rows_of(file, rows) for name, rows in outcomes.items()}
        file["redaction"] = REDACTION_VERSION
        outcome_names = ("stored", "duplicates_exact", "duplicates_near", "quarantined", "suppressed")
        if file["read"] != sum(file[name] for name in outcome_names):
            raise ProfilingError(f"lines of {file['source']}/{file['file']} are unaccounted for: {file}")
        files.append(file)
    return sorted(files, key=lambda file: (file["source"], file["file"]))


def _rows_of(file: Mapping[str, Any], rows: pd.DataFrame) -> int:
    return int(((rows["source"] == file["source"]) & (rows["source_file"] == file["file"])).sum())


def _ingest_counts(files: list[dict[str, Any]], parts: list[Staged]) -> dict[str, int]:
    names = ("read", "stored", "duplicates_exact", "duplicates_near", "quarantined", "suppressed")
    counts = {name: sum(entry[name] for entry in files) for name in names}
    redactions: Counter[str] = Counter()
    for part in parts:
        redactions.update(part.facts["redactions"])
    return counts | dict(sorted(redactions.items()))


def _refuse_if_gone(run: Run, delivered: set[str]) -> None:
    """A drop that is past its retention must not be computed as empty.

    Raises:
        InputError: the tables hold rows of a source whose drop of the day is not there any more.
    """
    if run.ledger.released("ingest", run.day) is None:
        return
    if gone := sorted(_held_sources(run) - delivered):
        raise InputError(
            f"the drop of {run.day} is gone from the landing area of {', '.join(gone)}, and the day holds rows of it: it is "
            "closed and is never computed as empty. Deliver the drop again to recompute it"
        )


def _settle(run: Run) -> None:
    """What was said of consent, and whom links have joined, decides who is on the list."""
    from profiling.prepare.identity_rules import load_rules

    suppressions.remember_spelling(run.lake, load_rules(run.settings))
    consent.record(run.lake, run.settings, run.attempt)


INGEST = Step("ingest", inputs, _ingest_bucket, _ingest_day, _made_stale, _withdraws, _settle)
