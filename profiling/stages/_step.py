"""How a stage works: buckets into staging, in any order and on any machine, then one close that gates and commits."""

import hashlib
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from profiling import __version__, schemas
from profiling.errors import GateFailed, InputError, NotReady, SettingsError
from profiling.lake import Lake, Rows, SpilledRows, Staged, fingerprint
from profiling.ledger import EMPTY, FAILED, OPEN, RELEASED, STALE, Ledger
from profiling.rights import suppressions
from profiling.rights.suppressions import Suppressions
from profiling.settings import Settings
from profiling.watch import BASELINE_DAYS, Observation, metrics, warnings

if TYPE_CHECKING:
    from profiling.quality import Report

logger = logging.getLogger(__name__)

STAGES = ("ingest", "features", "profile", "publish")
DATA_DOCS = "data-docs"  # a folder of a day's pages
GATED_ROWS = 16_384  # of rows on disk judged at a time: of daily_activity 20 MB


@dataclass(frozen=True)
class Outcome:
    """What a stage did: small enough for XCom.

    `state` is staged, released or empty; `staged` the key of a bucket's work; `restated` other days that had to be computed
    again because of this one; `metrics` numbers to watch; `link` the page that says more, where there is one; `sources` rows read
    by source of the landing area, `written` rows committed by table.
    """

    stage: str
    day: str
    state: str
    staged: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    report: str | None = None
    restated: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    link: str | None = None
    sources: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Run:
    """One call of a stage: what its steps need to know; `kept` is what one of them found out and the next can use."""

    settings: Settings
    lake: Lake
    ledger: Ledger
    day: str
    attempt: str
    suppressed: Suppressions
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True)
class Closed:
    """A whole day, computed and gated, ready to be committed; a frame may be `Rows`."""

    frames: dict[str, Any]
    counts: dict[str, int]
    files: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] | None = None
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    data_docs: dict[str, str] = field(default_factory=dict)
    is_empty: bool = False


@dataclass(frozen=True)
class Step:
    """How one stage computes: a fingerprint of its inputs, one bucket, the whole day; and which days a commit makes stale.

    `finish` may take the frames out of the parts: of a large day nobody holds two. `withdraws` is asked before the tables change:
    days that may have left out rows because this day held them. `settle` is what else follows from the tables as they are after;
    it may be called again.
    """

    name: str
    inputs: Callable[[Run], str]
    compute: Callable[[Run, int], Staged]
    finish: Callable[[Run, list[Staged]], Closed]
    made_stale: Callable[[Run, Closed], list[str]] = lambda run, closed: []
    withdraws: Callable[[Run, Closed], list[str]] = lambda run, closed: []
    settle: Callable[[Run], object] = lambda run: None


def begin(settings: Settings, day: str, lake: Lake | None = None) -> Run:
    """Open the lake and read its ledger, for one attempt at a stage of `day`.

    Args:
        lake: of the same settings and already open, where there is one: its tables are then not opened again.

    Raises:
        SettingsError: it is no day, there is no lake, or it was made with other settings.
    """
    lake = lake or Lake.open(settings)
    held = suppressions.load(lake, settings)
    return Run(settings, lake, Ledger(lake.ledger()), parse_day(day), uuid.uuid4().hex[:12], held)


def run_step(
    step: Step,
    settings: Settings,
    day: str,
    bucket: int | None,
    close: Sequence[str] | None,
    lake: Lake | None = None,
) -> Outcome:
    """One bucket of a day into staging (`bucket`), the close of what is staged (`close`), or with neither both at once.

    Whatever is read of the lake is read as it is at that moment, through one `Lake` that stays open from the beginning to the
    commit; before the commit the ledger, the list of suppressed people and the inputs are read again.

    Raises:
        SettingsError: both were asked for, there is no such bucket, or the day lies in the future.
        GateFailed: the day failed its gate; nothing was committed.
        NotReady: what the step reads is not there yet, or changed meanwhile.
    """
    if bucket is not None and close is not None:
        raise SettingsError("a bucket is computed or a day is closed, not both in one call")
    if bucket is not None and not 0 <= bucket < settings.buckets:
        raise SettingsError(f"bucket {bucket} does not exist: PROFILING_BUCKETS is {settings.buckets}, the first is 0")
    run = begin(settings, day, lake)
    refuse_future(run.day)
    refuse_closed(step.name, run)
    inputs = step.inputs(run)
    if close is None and (bucket is None or (bucket == 0 and run.ledger.state(step.name, run.day) != OPEN)):
        run.lake.record(step.name, run.day, OPEN, run.attempt, inputs=inputs)
    if bucket is not None:
        staged = _computed(step, run, bucket)
        facts = {**staged.facts, "inputs": inputs, "suppressed": run.suppressed.digest()}
        key = run.lake.stage(step.name, run.day, bucket, Staged(staged.frames, facts))
        return Outcome(step.name, run.day, "staged", staged=key, counts={n: len(f) for n, f in staged.frames.items()})
    if close is None:
        parts = [_computed(step, run, number) for number in range(settings.buckets)]
    elif _is_closed_already(step, run, close, inputs):
        # Killed between its release and its end, and started again: only what it had made stale is left to do.
        return Outcome(step.name, run.day, RELEASED, restated=_restated(step, run, _marked_stale(step, run)))
    else:
        parts = _staged_parts(step, run, close, inputs)
    outcome, stale = _commit(step, run, step.finish(run, parts), inputs)
    run.lake.clear_staged(close or [])
    return replace(outcome, restated=_restated(step, run, stale))


def _computed(step: Step, run: Run, bucket: int) -> Staged:
    """One bucket; a file that cannot be read fails the day, so that the days after it need not wait for it."""
    try:
        return step.compute(run, bucket)
    except InputError as error:
        run.lake.record(step.name, run.day, FAILED, run.attempt, note=str(error))
        raise


def _is_closed_already(step: Step, run: Run, keys: Sequence[str], inputs: str) -> bool:
    record = run.ledger.get(step.name, run.day)
    is_released = record is not None and record.state == RELEASED and record.inputs == inputs
    return is_released and bool(keys) and not any(run.lake.is_staged(key) for key in keys)


def _staged_parts(step: Step, run: Run, keys: Sequence[str], inputs: str) -> list[Staged]:
    """The staged work of every bucket, of these inputs and no others: what was computed from others is computed again."""
    buckets = run.settings.buckets
    parts = [run.lake.staged(key) for key in keys or run.lake.newest_staged(step.name, run.day, buckets)]
    found = sorted(part.facts["bucket"] for part in parts)
    if found != list(range(buckets)):
        raise InputError(f"{step.name} {run.day}: staged buckets {found}, expected 0 to {buckets - 1}, each once")
    # Asked first: an erasure empties what was staged, and changes the drop under it.
    now = run.suppressed.digest()
    if any(part.facts.get("is_emptied") or part.facts.get("suppressed") != now for part in parts):
        logger.info("%s %s: somebody was erased or withdrew since it was staged; computed again", step.name, run.day)
        return [_computed(step, run, number) for number in range(buckets)]
    # A drop delivered again meanwhile, or a model promoted: a close that only refused would refuse for ever.
    for at, part in enumerate(parts):
        if part.facts["inputs"] != inputs:
            number = int(part.facts["bucket"])
            logger.info("%s %s: bucket %d was staged from other inputs; computed again", step.name, run.day, number)
            again = _computed(step, run, number)
            parts[at] = Staged(again.frames, again.facts | {"bucket": number})
    return sorted(parts, key=lambda part: int(part.facts["bucket"]))


def _commit(step: Step, run: Run, closed: Closed, inputs: str) -> tuple[Outcome, list[str]]:
    """Write a gated day, the ledger last; the outcome, and the days that have become stale by it."""
    facts = {"inputs": inputs, "counts": closed.counts, "files": closed.files, "report": closed.report}
    note = " ".join(closed.warnings) or None
    link = _write_page(step, run, closed) if closed.failures or closed.warnings else None
    if closed.failures:
        sentence = f"{step.name} {run.day}: " + "; ".join(closed.failures) + f". Report: {link}"
        run.lake.record(step.name, run.day, FAILED, run.attempt, **facts, note=sentence)
        raise GateFailed(sentence)
    for warning in closed.warnings:
        logger.info("%s %s: %s", step.name, run.day, warning)  # whoever called says it louder: see Outcome.warnings
    _refuse_if_changed(step, run, inputs)
    for suite, page in closed.data_docs.items():
        run.lake.put_page(f"_reports/{run.day}/{DATA_DOCS}/{suite}.html", page)
    rows = {
        name: frame if isinstance(frame, Rows) else Rows(frame, schemas.TABLES[name])
        for name, frame in closed.frames.items()
    }
    outputs = fingerprint(rows)
    before = run.ledger.released(step.name, run.day)
    is_same = before is not None and outputs == before.outputs  # what these rows can make stale, they have
    reason = f"the drop of {run.day} may hold the same rows"

    def mark(days: list[str]) -> list[str]:
        for day in days:
            run.lake.record(step.name, day, STALE, run.attempt, note=reason)
        return days

    # Each mark before the step that would hide its cause: a kill in between leaves this day open and the marks standing.
    stale = [] if is_same else mark(step.withdraws(run, closed))
    for name in rows:
        run.lake.replace(name, run.day, rows[name])
    step.settle(run)
    stale += [] if is_same else mark([day for day in step.made_stale(run, closed) if day not in stale])
    state = EMPTY if closed.is_empty else RELEASED
    run.lake.record(step.name, run.day, state, run.attempt, **facts, outputs=outputs, note=note)
    if run.day in stale:  # an earlier day was closed at the same moment; its mark must stand after the release
        run.lake.record(step.name, run.day, STALE, run.attempt, note=reason)
    logger.info("%s %s: %s %s", step.name, run.day, state, closed.counts)
    outcome = Outcome(step.name, run.day, state, counts=closed.counts, warnings=closed.warnings, report=note)
    sources: Counter[str] = Counter()
    for file in closed.files:
        sources[file["source"]] += file["read"]
    written = {name: len(frame) for name, frame in closed.frames.items()}
    outcome = replace(outcome, metrics=closed.metrics, link=link, sources=dict(sources), written=written)
    return outcome, sorted({*stale, *_marked_stale(step, run)})


def _write_page(step: Step, run: Run, closed: Closed) -> str:
    """The stage's own quality page, before a failure is raised: a day that fails is never published. Where it lies."""
    from profiling.profiles.report import render_quality

    counts: dict[str, dict[str, int]] = {step.name: closed.counts}
    if "quarantine" in closed.frames:
        reasons = closed.frames["quarantine"]["reason"].value_counts()
        counts["quarantine"] = {str(reason): int(number) for reason, number in sorted(reasons.items())}
    reports = {step.name: closed.report} if closed.report else {}
    ledger = {"counts": counts, "files": closed.files, "failures": closed.failures, "warnings": closed.warnings}
    return run.lake.put_page(f"_reports/{run.day}/{step.name}.html", render_quality(reports, ledger, run.day))


def _refuse_if_changed(step: Step, run: Run, inputs: str) -> None:
    """A slow attempt must not put what it read over what a quicker one has read since.

    Raises:
        NotReady: the inputs, or the list of suppressed people, are others than when this attempt began.
    """
    now = begin(run.settings, run.day, run.lake)
    refuse_if_suppressed_since(step.name, run, now.suppressed)
    if step.inputs(now) != inputs:
        raise NotReady(
            f"{step.name} {run.day}: its inputs changed while it was computed; nothing was committed. Run it again"
        )


def refuse_closed(stage: str, run: Run) -> None:
    """A day whose inputs are deleted must not be computed as if there had been none.

    Raises:
        InputError: the day is past its retention.
    """
    if run.ledger.is_closed(stage, run.day):
        raise InputError(
            f"{stage} {run.day}: days up to {run.ledger.closed(stage)} are closed: what they were made of is past its retention "
            "(PROFILING_RETENTION_DAYS) and deleted. A closed day is never computed again"
        )


def refuse_if_suppressed_since(stage: str, run: Run, now: Suppressions) -> None:
    """Who came on the list while a day was computed must not be in what is committed.

    Raises:
        NotReady: the list is another one than when this attempt began.
    """
    if now.digest() != run.suppressed.digest():
        raise NotReady(
            f"{stage} {run.day}: the list of suppressed people changed while it was computed; nothing was committed. Run it again"
        )


def _marked_stale(step: Step, run: Run) -> list[str]:
    """Days that some attempt marked and did not live to compute again."""
    days = run.ledger.days(step.name)
    stale = [day for day in days if day != run.day and run.ledger.state(step.name, day) == STALE]
    return [day for day in stale if not run.ledger.is_closed(step.name, day)]


def _restated(step: Step, ended: Run, stale: list[str]) -> list[str]:
    """Compute stale days again, in order, and those that become stale by it.

    A day can only make later ones stale, so this ends. A day whose drop is being delivered again stays marked.
    """
    waiting, done = set(stale), []
    while waiting:
        day = min(waiting)
        waiting.remove(day)
        run = begin(ended.settings, day, ended.lake)
        try:
            refuse_closed(step.name, run)
            inputs = step.inputs(run)
            parts = [_computed(step, run, number) for number in range(run.settings.buckets)]
        except (NotReady, InputError) as error:
            logger.warning("%s %s stays stale: %s", step.name, day, error)
            continue
        _, more = _commit(step, run, step.finish(run, parts), inputs)
        waiting |= {other for other in more if other > day}
        done.append(day)
    return done


@dataclass(frozen=True)
class Gated:
    """What the gates of a stage found: reports for the ledger, failures and warnings as sentences, and numbers for programs."""

    report: dict[str, Any]
    failures: list[str]
    warnings: list[str]
    metrics: dict[str, float]


def gate(
    frames: Mapping[str, pd.DataFrame | SpilledRows],
    known: Mapping[str, Mapping[str, Collection[str]]] = MappingProxyType({}),
    observations: Sequence[Observation] = (),
) -> Gated:
    """Hold frames against their suites.

    Args:
        frames: by table, in the order of the report; rows on disk are judged in pieces.
        known: by table, what its references may name; see `quality.gate`.
        observations: how the day compares with those before it; see `watch.observe`.
    """
    from profiling.quality import gate, gate_in_pieces

    def judged(name: str, rows: pd.DataFrame | SpilledRows) -> "Report":
        if isinstance(rows, SpilledRows):
            return gate_in_pieces(name, lambda: rows.frames(rows=GATED_ROWS), known=known.get(name, {}))
        return gate(name, rows, known=known.get(name, {}))

    reports = [judged(name, frame) for name, frame in frames.items()]

    def sentences(suite: str, results: Iterable[Mapping[str, Any]]) -> list[str]:
        return [
            f"{suite}: {r['expectation']}({r['column'] or 'table'}) does not hold for "
            f"{r['unexpected_count'] or 'the'} rows. {r['fix']}"
            for r in results
        ]

    return Gated(
        {"suites": [report.to_dict() for report in reports], "watch": list(observations)},
        [said for report in reports for said in sentences(report.suite, report.failures)],
        [said for report in reports for said in sentences(report.suite, report.warnings)] + warnings(observations),
        metrics(observations),
    )


def days_before(run: Run, name: str) -> pd.DataFrame:
    """The statistics of the baseline: the last days before this one that were released with rows."""
    return run.lake.read_before(name, run.day, BASELINE_DAYS)


def concat(frames: Iterable[pd.DataFrame], name: str) -> pd.DataFrame:
    """Frames of one table as one; all empty ones give an empty frame with the right types."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else schemas.TABLES[name].arrow.empty_table().to_pandas()


def parse_day(day: str) -> str:
    """A day as YYYY-MM-DD.

    Raises:
        SettingsError: it is none.
    """
    try:
        if len(day) != 10:
            raise ValueError(day)
        return date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise SettingsError(f"{day!r} is not a day; write it as YYYY-MM-DD, such as 2026-06-15") from error


def refuse_future(day: str) -> None:
    """A mistyped year must not become the newest published day, which later days could never take back.

    The only look at the clock in a stage: it can refuse a day, never change what comes out of one.

    Raises:
        SettingsError: the day has not begun anywhere on earth.
    """
    newest = (datetime.now(UTC) + timedelta(hours=14)).date()  # UTC+14 is the first zone to begin a day
    if date.fromisoformat(day) > newest:
        raise SettingsError(f"{day} lies in the future; days up to {newest} can be processed")


def day_end(settings: Settings, day: str) -> pd.Timestamp:
    """The end of a day: the next local midnight, in UTC."""
    midnight = pd.Timestamp(day) + pd.Timedelta(days=1)
    # Some zones change their clocks at midnight: the day ends when the next one begins.
    return midnight.tz_localize(settings.zone, nonexistent="shift_forward", ambiguous=True).tz_convert("UTC")


def what_a_model_did(run: Run, stage: str, counts: Mapping[str, int]) -> list[str]:
    """Mirror a stage's counts of the language model into MLflow; warnings: of what it was not asked, and of no mirror."""
    if not counts:  # no model is set
        return []
    from profiling.behaviour.tracking import mirror_counts
    from profiling.llm import opening

    unasked = opening.warnings(counts, stage, run.day)
    return unasked + mirror_counts(run.settings, "language model", f"{stage} {run.day}", counts)


def digest(*parts: object) -> str:
    """SHA-256 over some inputs and the version of the code that reads them."""
    return hashlib.sha256("\0".join([__version__, *map(str, parts)]).encode()).hexdigest()


def and_more(number: int) -> str:
    return f" and {number} more" if number > 0 else ""
