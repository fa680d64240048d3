"""Several days in order without Airflow, and which days need it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from profiling.behaviour.targets import TARGETS
from profiling.collect.drops import days_with_drops, drops, sources
from profiling.errors import InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.ledger import DONE, EMPTY, FAILED, STALE, Record, days_between
from profiling.settings import Settings
from profiling.stages import _features, _ingest, _profile, _promote, _publish, _train
from profiling.stages._redact import redacted_with
from profiling.stages._step import STAGES, Outcome, Run, begin, parse_day

WEEKLY = ("train", "promote")
logger = logging.getLogger(__name__)

_FUNCTIONS: dict[str, Callable[..., Outcome]] = {
    "ingest": _ingest.ingest,
    "features": _features.features,
    "profile": _profile.profile,
    "publish": _publish.publish,
}
_INPUTS: dict[str, Callable[[Run], str]] = {
    "ingest": _ingest.inputs,
    "features": _features.inputs,
    "profile": _profile.inputs,
    "publish": _publish.inputs,
}


def run_days(
    settings: Settings,
    first: str,
    last: str,
    stages: Sequence[str] = STAGES,
    progress: Callable[[str, Outcome | None], None] = lambda day, outcome: None,
) -> Iterator[Outcome]:
    """The stages in order for every day from `first` to `last`, without Airflow.

    A day whose inputs have not changed since it was released is left alone. Where only `ingest` and `features` run, a
    stretch of days without a drop is one record. `train` and `promote` run on Sundays, after the day's features, for every
    target. The first error ends the run; what was done stays.

    Raises:
        SettingsError: a day or stage is wrong.
    """
    first, last = parse_day(first), parse_day(last)
    if last < first:
        raise SettingsError(f"--to {last} is before --from {first}")
    unknown = sorted(set(stages) - set(STAGES) - set(WEEKLY))
    if unknown:
        raise SettingsError(
            f"unknown stage {unknown[0]!r}; the stages are {', '.join((*STAGES[:2], *WEEKLY, *STAGES[2:]))}"
        )
    delivered = set(days_with_drops(settings))
    if not stages:
        raise SettingsError("no stage is named; the default is all of them")
    is_history = set(stages) <= {"ingest", "features"}
    stretch: list[str] = []
    lake = Lake.open(settings, may_create="ingest" in stages)
    known = begin(settings, first, lake)  # read again only after something ran: a long finished history is one reading
    for day in days_between(first, last):
        progress(day, None)
        if is_history and day not in delivered:
            stretch.append(day)
            continue
        for outcome in _record_empty(known, stretch, stages):
            known = begin(settings, first, known.lake)
            yield outcome
        stretch = []
        for stage in (name for name in STAGES if name in stages):
            if not _is_current(replace(known, day=day), stage):
                outcome = _FUNCTIONS[stage](settings, day, lake=known.lake)
                known = begin(settings, first, known.lake)
                progress(day, outcome)
                yield outcome
            if stage == "features":
                yield from _week(settings, day, stages)
        if "features" not in stages:
            yield from _week(settings, day, stages)
    yield from _record_empty(known, stretch, stages)


def _week(settings: Settings, day: str, stages: Sequence[str]) -> Iterator[Outcome]:
    """Training and promotion as of a Sunday; what was trained on these inputs, or decided, is left alone by itself.

    A target that cannot be trained holds up neither the others nor the day's profiles.
    """
    if date.fromisoformat(day).isoweekday() != 7:
        return
    for target in TARGETS:
        try:
            if "train" in stages:
                found = _train.train(settings, day, target)
                said = f"{target}: {found.model} {found.sha}, {found.metric} {found.value:.4f}" if found.sha else ""
                state = "trained" if found.sha else EMPTY
                yield Outcome(
                    "train", day, state, staged=found.sha, warnings=found.warnings, report=said or found.warnings[0]
                )
            if "promote" in stages:
                outcome = _promote.promote(settings, day, target)
                yield replace(outcome, report=f"{target}: {outcome.report}")
        except InputError as error:
            logger.warning("%s as of %s: %s", target, day, error)
            yield Outcome("train", day, FAILED, warnings=[str(error)], report=f"{target}: {error}")


def is_current(settings: Settings, stage: str, day: str) -> bool:
    """Whether a stage of a day is done and its inputs are those it was done with."""
    return _is_current(begin(settings, day), stage)


def _is_current(run: Run, stage: str) -> bool:
    was_never = run.ledger.is_closed("ingest", run.day) and run.ledger.get("ingest", run.day) is None
    if was_never or run.ledger.is_closed(stage, run.day):  # a drop delivered all the same is refused
        return stage != "ingest" or not drops(run.settings, run.day)
    record = run.ledger.get(stage, run.day)
    if record is None or record.state not in DONE:
        return False
    return _has_same_inputs(run, record)


def _has_same_inputs(run: Run, record: Record) -> bool:
    if record.state == EMPTY and record.inputs is None:  # a stretch of history without drops: is there one now?
        return not drops(run.settings, record.day)
    return record.inputs == _INPUTS[record.stage](run)


def stale_days(settings: Settings) -> list[tuple[str, str]]:
    """(day, stage) of everything released whose inputs have changed since, or that a later drop made stale.

    Raises:
        NotReady: the landing area is a bucket and does not answer.
    """
    from profiling.prepare.redaction import REDACTION_VERSION

    run = begin(settings, "1970-01-01")
    redacted = redacted_with(run)
    if run.ledger.days("ingest"):
        sources(
            settings
        )  # a landing area that does not answer makes no day stale, and is asked once instead of for each
    found = []
    for record in run.ledger.records():
        if record.stage not in _INPUTS or record.state not in (*DONE, STALE):
            continue
        if run.ledger.is_closed(record.stage, record.day):
            continue
        try:
            is_same = _has_same_inputs(replace(run, day=record.day), record)
        except NotReady:
            is_same = False  # what it rests on is being recomputed
        except InputError:  # its drop is gone: all that can change is how it was redacted
            is_same = redacted.get(record.day) == REDACTION_VERSION
        if record.state == STALE or not is_same:
            found.append((record.day, record.stage))
    return found


def _record_empty(run: Run, stretch: list[str], stages: Sequence[str]) -> Iterator[Outcome]:
    """One record per stage for a stretch of days without a drop; days recorded before are left alone."""
    if not stretch:
        return
    for stage in (name for name in STAGES if name in stages):
        open_days = [day for day in stretch if not run.ledger.is_closed(stage, day)]
        new = [day for day in open_days if run.ledger.state(stage, day) != EMPTY]
        held = [day for day in new if run.ledger.state(stage, day) is not None]
        if held:
            raise InputError(
                f"{stage} {held[0]}: the drop is gone from the landing area; the day is closed. Deliver it again"
            )
        if not new:
            continue
        # Days already empty inside the stretch say the same again, which changes nothing.
        run.lake.record(stage, new[0], EMPTY, run.attempt, until=new[-1], note=f"{len(new)} days without a drop")
        yield Outcome(stage, new[0], EMPTY, counts={"days": len(new)})
