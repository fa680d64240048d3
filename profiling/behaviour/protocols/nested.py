"""Models made of parts, measured on outer folds while everything that is chosen is chosen on inner ones.

A part scores rows after learning from others. A model is one part, the mean of several, or a stack of them; the stack's
weights and every threshold come from scores of inner folds of the training rows, so a test row never helped to choose.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from profiling.behaviour.evaluation import choose_threshold
from profiling.behaviour.splits import Split, grouped_folds

log = logging.getLogger(__name__)

INNER_FOLDS, INNER_SEED = 5, 0

# (rows to learn from, rows to score) -> scores of the latter, on a scale of log odds.
Part = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Recipe(NamedTuple):
    """A model.

    Attributes:
        parts: the names of its parts.
        is_stack: whether a logistic regression weighs the parts; else the mean of their scores counts.
        has_threshold: whether a threshold is chosen; it costs five more trainings of each part in each fold.
        base: the model it must beat to be worth its name.
    """

    parts: tuple[str, ...]
    is_stack: bool = False
    has_threshold: bool = True
    base: str | None = None


class World(NamedTuple):
    """Labelled rows and what can be made of them: labels and groups (n,), parts and models by name, counts of the data."""

    labels: np.ndarray
    groups: np.ndarray
    parts: Mapping[str, Part]
    recipes: Mapping[str, Recipe]
    facts: dict[str, float]


class Scores(NamedTuple):
    """Of one model: the probability (n,) and the threshold (n,) of every row that was tested, NaN elsewhere."""

    probabilities: np.ndarray
    thresholds: np.ndarray


def measured(world: World, names: Sequence[str], splits: Sequence[Split]) -> dict[str, Scores]:
    """Probabilities of the splits' test rows by model; each part learns once a fold, for all models that it is in."""
    n = len(world.labels)
    found = {name: Scores(np.full(n, np.nan), np.full(n, np.nan)) for name in names}
    for number, split in enumerate(splits):
        inner = grouped_folds(world.labels[split.train], world.groups[split.train], INNER_FOLDS, INNER_SEED)
        outer: dict[str, np.ndarray] = {}
        within: dict[str, np.ndarray] = {}
        for name in names:
            recipe = world.recipes[name]
            for part in recipe.parts:
                if part not in outer:
                    log.info("fold %d of %d: %s learns", number + 1, len(splits), part)
                    outer[part] = world.parts[part](split.train, split.test)
                if part not in within and (recipe.is_stack or recipe.has_threshold):
                    within[part] = _within(world.parts[part], split.train, inner)
            test = np.column_stack([outer[part] for part in recipe.parts])
            known = np.column_stack([within[part] for part in recipe.parts]) if recipe.parts[0] in within else None
            chances, threshold = _combined(recipe, test, known, world.labels[split.train], inner)
            found[name].probabilities[split.test] = chances
            found[name].thresholds[split.test] = threshold
            log.info("fold %d of %d: %s", number + 1, len(splits), name)
    return found


def logistic(
    train: Any, labels: np.ndarray, test: Any, *, C: float, is_balanced: bool = False, seed: int = 0
) -> np.ndarray:
    """Log odds of test rows by a logistic regression with L2 penalty 1 / C; matrices dense or sparse.

    liblinear, which is fast on sparse rows, regularises the intercept too: nothing that ranks or is balanced minds.
    """
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(
        C=C,
        class_weight="balanced" if is_balanced else None,
        solver="liblinear" if issparse(train) else "lbfgs",
        max_iter=1000,
        random_state=seed,
    ).fit(train, labels)
    return np.asarray(fit.decision_function(test), dtype=np.float64)


def side_by_side(blocks: Sequence[tuple[Any, Any]], weights: Sequence[float]) -> tuple[Any, Any]:
    """Sparse (train, test) blocks beside each other, each times its weight."""
    from scipy.sparse import hstack

    sides = zip(*blocks, strict=True)
    train, test = (
        hstack([block * weight for block, weight in zip(side, weights, strict=True)]).tocsr() for side in sides
    )
    return train, test


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-score)), without overflow."""
    return np.exp(-np.logaddexp(0, -scores))


def _within(part: Part, train: np.ndarray, inner: Sequence[Split]) -> np.ndarray:
    """Scores of the training rows, each by a fit that did not see it or its group."""
    scores = np.empty(len(train))
    for split in inner:
        scores[split.test] = part(train[split.train], train[split.test])
    return scores


def _combined(
    recipe: Recipe, test: np.ndarray, known: np.ndarray | None, labels: np.ndarray, inner: Sequence[Split]
) -> tuple[np.ndarray, float]:
    """Probabilities of test rows from the scores of the parts (rows, parts), and the threshold from those of inner folds."""
    if not recipe.is_stack:
        threshold = np.nan
        if known is not None and recipe.has_threshold:
            threshold = choose_threshold(labels, sigmoid(known.mean(axis=1)), "macro_f1")
        return sigmoid(test.mean(axis=1)), threshold
    if known is None:
        raise ValueError("a stack needs the scores of inner folds")
    mean, spread = known.mean(axis=0), known.std(axis=0)
    test, known = (test - mean) / spread, (known - mean) / spread
    # Crossed once more: the threshold is chosen on rows whose weights were learned from others.
    crossed = np.empty(len(known))
    for split in inner:
        crossed[split.test] = logistic(known[split.train], labels[split.train], known[split.test], C=1.0)
    threshold = choose_threshold(labels, sigmoid(crossed), "macro_f1")
    return sigmoid(logistic(known, labels, test, C=1.0)), threshold
