"""Candidate -> champion, or the reason why not; and back."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from profiling import schemas
from profiling.behaviour import registry
from profiling.behaviour.registry import REFUSED, ROLLED_BACK, Entry
from profiling.behaviour.targets import TARGETS
from profiling.errors import InputError, NotReady
from profiling.ledger import EMPTY
from profiling.settings import Settings
from profiling.stages._step import Outcome, Run, begin
from profiling.stages._train import load, newest_candidate, table_rows, target_of


def promote(settings: Settings, as_of: str, target: str, candidate: str | None = None) -> Outcome:
    """Make the candidate of a day the champion from the next day on, or record the reason why not.

    Args:
        candidate: the sha of the training's result; the newest of the day where None. A training that found too little to
            learn from leaves nothing to promote: state `empty`.

    Raises:
        InputError: nothing was trained as of that day, or the candidate is another one than the newest.
        NotReady: another model has become champion since the candidate was measured; train again.
    """
    run = begin(settings, as_of)
    question = target_of(target)
    newest = newest_candidate(run, target)
    if newest is None:
        raise InputError(
            f"nothing was trained for {target} as of {run.day}; run `profiling train --as-of {run.day} --target {target}`"
        )
    trained = newest[1]
    sha = trained.sha
    if candidate is not None and candidate != sha:
        raise InputError(
            f"{target} as of {run.day}: the candidate is {sha} by now, not {candidate}; it was trained again"
        )
    if sha is None:
        return Outcome("promote", run.day, EMPTY, report=trained.warnings[0])
    _, found = load(run, target, run.day, sha)
    decision: dict[str, str] = {}

    def decided(models: pd.DataFrame) -> pd.DataFrame:
        same = models[(models["as_of"] == run.day) & (models["sha"] == sha)].sort_values("decided_at")
        if len(same) and same.iloc[-1]["state"] != ROLLED_BACK:  # decided before: the same call again changes nothing
            decision.update(state=str(same.iloc[-1]["state"]), reason=str(same.iloc[-1]["reason"]))
            return models
        if len(same):  # taken out of service by a person: a re-run of the week must not bring it back
            decision.update(state=REFUSED, reason=f"{sha} was rolled back")
            return models
        incumbent = registry.champion(models[models["as_of"] < run.day], target, registry.effective_from(run.day))
        if (incumbent.sha if incumbent else None) != found["beaten"]:
            raise NotReady(
                f"{target} as of {run.day}: the champion changed since the candidate was measured; train it again"
            )
        state, reason = registry.decide(question.metric, found, incumbent)
        decision.update(state=state, reason=reason)
        # The data of that day have changed: what was trained on them as they were is out of service.
        replaced = registry.champion(models[models["as_of"] == run.day], target, registry.effective_from(run.day))
        if replaced is not None:
            row = _decision(replaced, ROLLED_BACK, f"trained again on other data as {sha}", question.metric)
            models = pd.concat([models, row], ignore_index=True)
        return with_decision(models, found, sha, state, reason)

    run.lake.update("evaluations", target, lambda held: _with_evaluation(held, found, sha))
    run.lake.update("models", target, decided)
    from profiling.behaviour.tracking import mirror

    warnings = mirror(settings, run.lake, sha, found, decision)
    return Outcome("promote", run.day, decision["state"], staged=sha, report=decision["reason"], warnings=warnings)


def roll_back(settings: Settings, target: str, as_of: str, reason: str) -> Outcome:
    """Take the champion trained as of a day out of service, for every day; the one before it speaks again.

    Profiles that were made with it are stale then: `profiling run` makes them anew.

    Raises:
        InputError: no model of the target that was trained as of that day is in service.
    """
    run = begin(settings, as_of)
    since = registry.effective_from(run.day)
    target_of(target)
    taken: dict[str, Any] = {}

    def without(models: pd.DataFrame) -> pd.DataFrame:
        entry = registry.champion(models, target, since)
        if entry is None or entry.as_of != run.day:
            raise InputError(f"no model of {target} trained as of {run.day} is in service; see `profiling status`")
        taken["entry"], taken["next"] = entry, None
        row = _decision(entry, ROLLED_BACK, reason, metric=target_of(target).metric)
        after = pd.concat([models, row], ignore_index=True)
        taken["next"] = registry.champion(after, target, since)
        return after

    run.lake.update("models", target, without)
    entry, following = taken["entry"], taken["next"]
    said = f"{entry.model} {entry.sha} as of {entry.as_of} is out of service"
    then = (
        f"{following.model} {following.sha} as of {following.as_of} speaks again"
        if following
        else "no model speaks now"
    )
    again = f"profiles since {since} are stale until `profiling run` makes them anew"
    return Outcome("roll-back", run.day, ROLLED_BACK, staged=entry.sha, report=f"{said}; {then}; {again}")


def champions(run: Run, *targets: str) -> dict[str, Entry]:
    """The champion of every target, or of some, that has one for the day."""
    models = run.lake.read("models")
    found = {name: registry.champion(models, name, run.day) for name in targets or TARGETS}
    return {name: entry for name, entry in found.items() if entry is not None}


def with_decision(models: pd.DataFrame, found: dict[str, Any], sha: str, state: str, reason: str) -> pd.DataFrame:
    """`models` with one decision more."""
    metric = found["metric"]
    value = found["holdout"]["metrics"][metric]["value"]
    entry = Entry(
        found["target"], found["as_of"], sha, found["model"], registry.effective_from(found["as_of"]), value
    )  # fmt: skip
    return pd.concat([models, _decision(entry, state, reason, metric)], ignore_index=True)


def _decision(entry: Entry, state: str, reason: str, metric: str) -> pd.DataFrame:
    row = {
        "target": entry.target,
        "as_of": entry.as_of,
        "sha": entry.sha,
        "model": entry.model,
        "state": state,
        "effective_from": entry.effective_from,
        "metric": metric,
        "value": entry.value,
        "reason": reason,
        "decided_at": pd.Timestamp(datetime.now(UTC)),
    }
    return pd.DataFrame([row])[schemas.MODELS.names]


def _with_evaluation(held: pd.DataFrame, found: dict[str, Any], sha: str) -> pd.DataFrame:
    others = held[(held["as_of"] != found["as_of"]) | (held["sha"] != sha)]
    return pd.concat([others, table_rows(found, sha)], ignore_index=True)
