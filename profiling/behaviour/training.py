"""Training of one target: candidates are compared in folds, the best is tested once on the holdout, beside the champion."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.evaluation import Estimate, Evaluation, difference, estimate, evaluate
from profiling.behaviour.examples import Examples
from profiling.behaviour.leaks import LeakReport, leak_report
from profiling.behaviour.models import make
from profiling.behaviour.models.contract import TEXT, Model, Resumable
from profiling.behaviour.splits import Split, forward_chaining, grouped_folds
from profiling.behaviour.targets import Candidate, Target
from profiling.errors import InputError

logger = logging.getLogger(__name__)

# Below these a score is a matter of luck: with five of a class the interval of an AUC spans half of its range.
MIN_LEARNED_OF_A_CLASS = 10
MIN_HELD_OF_A_CLASS = 5
FOLDS = 3  # a network is trained once in each
LEAK_REPEATS, LEAK_ROWS = 8, 20_000
PERCENTILES = 101


@dataclass(frozen=True)
class Tried:
    """A candidate: its metric in the folds it was chosen by, and what it is worth on the holdout."""

    candidate: Candidate
    chosen_by: Estimate
    holdout: Evaluation


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        model: fitted on all rows to learn from; never on the holdout.
        best: its entry in `tried`.
        champion: the champion's metric on the same holdout, and how much better the new model is; None where there is none.
        leaks: what torn labels score.
        dropped: candidates that could not be fitted, and why.
        percentiles: (101,) the model's probabilities on the holdout, at every hundredth.
    """

    model: Model
    best: Tried
    tried: list[Tried]
    champion: tuple[Estimate, Estimate] | None
    leaks: LeakReport
    percentiles: np.ndarray
    learned: dict[str, int]
    held: dict[str, int]
    dropped: dict[str, str]


def too_little(learned: Examples, held: Examples) -> str | None:
    """Why nothing can be learned from these rows; None where it can."""
    for what, rows, least in (
        ("to learn from", learned, MIN_LEARNED_OF_A_CLASS),
        ("held out", held, MIN_HELD_OF_A_CLASS),
    ):
        ones = int(rows.labels.sum())
        if min(ones, len(rows) - ones) < least:
            return f"{len(rows)} rows {what}, {ones} of them with label 1; each class needs at least {least}"
    return None


def train_target(
    target: Target, learned: Examples, held: Examples, champion: Model | None = None, checkpoint: Path | None = None
) -> Trained:
    """Choose among the target's candidates in folds of `learned`, fit them on all of it, and test them on `held`.

    Args:
        learned, held: apart in time; `too_little` must be None.
        champion: the model to beat, trained as of an earlier day: it has not seen `held` either.
        checkpoint: a folder for models that keep their state while they train.

    Raises:
        InputError: no candidate could be fitted; the first one's reason.
    """
    splits = folds_of(target, learned)
    tried, fitted, dropped = [], {}, {}
    for candidate in target.candidates:
        try:
            chosen_by = _in_folds(target, candidate, learned, splits)
            model = _fit(candidate, learned, checkpoint)
        except InputError as error:  # such as texts without a word in the candidate's alphabet
            dropped[candidate.label] = str(error)
            logger.info("%s: %s drops out: %s", target.name, candidate.label, error)
            continue
        holdout = evaluate(held.labels, model.predict_proba(held.inputs), groups=held.groups)
        tried.append(Tried(candidate, chosen_by, holdout))
        fitted[candidate.label] = model
        logger.info("%s: %s: %s in folds %.4f", target.name, candidate.label, target.metric, chosen_by.value or np.nan)
    if not tried:
        raise InputError(f"{target.name}: no candidate can be fitted: {next(iter(dropped.values()))}")
    best = max(tried, key=lambda each: -np.inf if each.chosen_by.value is None else round(each.chosen_by.value, 4))
    model = fitted[best.candidate.label]
    scores = model.predict_proba(held.inputs)
    return Trained(
        model=model,
        best=best,
        tried=tried,
        champion=None if champion is None else _beside(target, held, scores, champion),
        leaks=_leaks(target, best.candidate, learned, held),
        percentiles=np.quantile(scores, np.linspace(0, 1, PERCENTILES)),
        learned=_counts(learned),
        held=_counts(held),
        dropped=dropped,
    )


def of_lexicons(target: Target, held: Examples) -> Estimate:
    """What scoring the texts of the holdout by lexicons is worth: what a model that reads has to beat."""
    from profiling.text.language import detect
    from profiling.text.sentiment import ALWAYS, score

    texts = held.inputs[TEXT].tolist()
    return estimate(target.metric, held.labels, (1 + score(texts, detect(texts), ALWAYS)[0]) / 2, groups=held.groups)


def folds_of(target: Target, rows: Examples) -> list[Split]:
    """Other customers, and later where the history is long enough: forward in time from the newest cutoff with rows settled
    before it; else folds of customers."""
    times = np.unique(rows.times)
    if target.horizon_days:
        later = [int(time) for time in times if (times + target.horizon_days <= time).any()][-1:]
    else:
        later = [int(np.quantile(rows.times, 0.75, method="higher"))]
    try:
        return (
            forward_chaining(rows.times, rows.groups, later, max(target.horizon_days, 1), FOLDS)
            if later
            else (grouped_folds(rows.labels, rows.groups, FOLDS))
        )
    except InputError as error:
        logger.info("%s: not forward in time (%s): folds of customers", target.name, error)
        return grouped_folds(rows.labels, rows.groups, FOLDS)


def _in_folds(target: Target, candidate: Candidate, rows: Examples, splits: Sequence[Split]) -> Estimate:
    labels, scores, folds = [], [], []
    for number, split in enumerate(splits):
        learned, tested = rows.take(split.train), rows.take(split.test)
        if len(np.unique(learned.labels)) < 2:
            continue
        scores.append(_fit(candidate, learned).predict_proba(tested.inputs))
        labels.append(tested.labels)
        folds.append(np.full(len(tested), number))
    if not labels:
        return Estimate(None, reason="no fold has both classes to learn from")
    label, score = np.concatenate(labels), np.concatenate(scores)
    by_fold = estimate(target.metric, label, score, folds=np.concatenate(folds))
    # A small fold may lack a class; then all test rows are ranked together.
    return by_fold if by_fold.value is not None else estimate(target.metric, label, score)


def _fit(candidate: Candidate, rows: Examples, checkpoint: Path | None = None) -> Model:
    model = make(candidate.model, **candidate.params)
    if checkpoint is not None and isinstance(model, Resumable):
        model.checkpoint = checkpoint / candidate.label
    return model.fit(rows.inputs, rows.labels)


def _beside(target: Target, held: Examples, scores: np.ndarray, champion: Model) -> tuple[Estimate, Estimate]:
    theirs = champion.predict_proba(held.inputs)
    return (
        estimate(target.metric, held.labels, theirs, groups=held.groups),
        difference(target.metric, held.labels, scores, theirs, groups=held.groups),
    )


def _leaks(target: Target, candidate: Candidate, learned: Examples, held: Examples) -> LeakReport:
    """Torn labels through the pipeline, on a sample of many rows. A network and a stack stand aside for their cost."""
    generator = np.random.default_rng(0)
    first, second = (rows.take(np.sort(generator.permutation(len(rows))[:LEAK_ROWS])) for rows in (learned, held))
    inputs = pd.concat([first.inputs, second.inputs], ignore_index=True)
    labels = np.concatenate([first.labels, second.labels])
    times = np.concatenate([first.times, second.times])
    if target.reads == "text":
        times = np.zeros_like(times)  # the order of texts is no input; days with one text each could not be shuffled
    split = Split(np.arange(len(first)), np.arange(len(first), len(labels)))
    is_dear = candidate.model in ("customer_profiler", "text_stack")
    pipeline = Candidate("tfidf_logistic_regression") if is_dear else candidate

    def fit_predict(torn: np.ndarray, where: Split) -> np.ndarray:
        if len(np.unique(torn[where.train])) < 2:
            return np.zeros(len(where.test))
        model = make(pipeline.model, **pipeline.params).fit(inputs.iloc[where.train], torn[where.train])
        return model.predict_proba(inputs.iloc[where.test])

    return leak_report(fit_predict, labels, [split], times, repeats=LEAK_REPEATS)


def _counts(rows: Examples) -> dict[str, int]:
    return {
        "rows": len(rows),
        "positives": int(rows.labels.sum()),
        "customers": len(np.unique(rows.groups)),
        "times": len(np.unique(rows.times)),
    }


def report(target: Target, trained: Trained) -> dict[str, Any]:
    """Everything measured, as JSON values."""
    return {
        "target": target.name,
        "metric": target.metric,
        "model": trained.model.name,
        "candidate": trained.best.candidate.label,
        "learned": trained.learned,
        "held": trained.held,
        "holdout": trained.best.holdout.asdict(),
        "champion": None
        if trained.champion is None
        else {"value": asdict(trained.champion[0]), "difference": asdict(trained.champion[1])},
        "tried": [
            {
                "candidate": each.candidate.label,
                "in_folds": asdict(each.chosen_by),
                "holdout": {name: asdict(value) for name, value in each.holdout.metrics.items()},
            }
            for each in trained.tried
        ],
        "leaks": trained.leaks.asdict(),
        "dropped": trained.dropped,
        "percentiles": [float(value) for value in trained.percentiles],
    }
