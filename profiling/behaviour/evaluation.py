"""How good probabilities are: metrics with bootstrap intervals, and what cannot be measured said so.

A metric (`metrics`) is a function of weights: the figure itself is the metric at weight one, and each draw of the bootstrap
only changes the weights (how often a customer was drawn), so a thousand draws are a few matrix products and cumulative sums.

Intervals are percentiles of the draws (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). Whole
groups are drawn, because the rows of one customer are not independent. They tell how much the figure would differ with
other customers, not with another training set.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.metrics import AT_THRESHOLD, METRICS, Metric, Rows
from profiling.errors import InputError

DRAWS, SEED, LEVEL = 1000, 42, 0.95
_CELLS = 4_000_000  # weights held at a time: draws x rows, 32 MB


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval; all None, with the reason, where the figure is not defined.

    Attributes:
        value: the figure of the rows as they are.
        low, high: percentiles of the draws in which it is defined.
        reason: why there is no value, or no interval.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval lies above 0: of a difference, whether it may be claimed."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Evaluation:
    """What a model's probabilities are worth on labelled rows.

    Attributes:
        rows, positives, groups, folds: how many.
        metrics: by name, see METRICS; with a threshold also the ones of AT_THRESHOLD as `<name>@t`.
        reliability: per quantile bin of the probability: rows, mean_probability, share (of label 1).
        draws, seed, level: of the intervals.
    """

    rows: int
    positives: int
    groups: int
    folds: int
    metrics: dict[str, Estimate]
    reliability: list[dict[str, float]]
    draws: int = DRAWS
    seed: int = SEED
    level: float = LEVEL

    def asdict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


# --- figures with intervals ---


def evaluate(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    threshold: float | np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    level: float = LEVEL,
) -> Evaluation:
    """All metrics of probabilities (n,) against labels (n,) of 0 and 1.

    Args:
        groups: (n,) whose rows are drawn together, such as customers; default: each row for itself.
        folds: (n,) the test fold of a row; then a figure is the mean over the folds of the metric within each.
        threshold: one, or one a row (n,), as `choose_threshold` found it on training scores; adds the metrics `<name>@t`.

    Raises:
        InputError: other lengths, no rows, labels that are not 0 and 1, probabilities outside 0 to 1.
    """
    labels, probabilities = _checked(labels, probabilities)
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise InputError(
            f"probabilities from {probabilities.min()} to {probabilities.max()}; they must lie in 0 to 1. "
            "Use `estimate` to rank by other scores"
        )
    jobs = {name: (metric, Rows(labels, probabilities)) for name, metric in METRICS.items()}
    if threshold is not None:
        decided = Rows(labels, probabilities, probabilities >= np.asarray(threshold))
        jobs |= {f"{name}@t": (METRICS[name], decided) for name in AT_THRESHOLD}
    codes, parts = _codes(groups, len(labels)), _parts(folds, len(labels))
    return Evaluation(
        rows=len(labels),
        positives=int(labels.sum()),
        groups=int(codes.max()) + 1,
        folds=len(parts),
        metrics=_estimates(jobs, codes, parts, draws, seed, level),
        reliability=reliability(labels, probabilities),
        draws=draws,
        seed=seed,
        level=level,
    )


def estimate(
    metric: str,
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    level: float = LEVEL,
) -> Estimate:
    """One metric; of roc_auc, pr_auc and pr_auc_low the scores may be any numbers. Arguments as `evaluate`."""
    labels, scores = _checked(labels, scores)
    jobs = {metric: (_metric(metric), Rows(labels, scores))}
    n = len(labels)
    return _estimates(jobs, _codes(groups, n), _parts(folds, n), draws, seed, level)[metric]


def difference(
    metric: str,
    labels: np.ndarray,
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    level: float = LEVEL,
) -> Estimate:
    """`ours` minus `theirs` on the same rows, each draw taking the same rows for both. Arguments as `evaluate`."""
    labels, ours = _checked(labels, ours)
    _, theirs = _checked(labels, theirs)
    measure, n = _metric(metric), len(labels)
    first, second = Rows(labels, ours), Rows(labels, theirs)
    parts = _parts(folds, n)
    pairs = [(first.take(part), second.take(part), part) for part in parts]

    def minus(weights: np.ndarray) -> np.ndarray:
        return np.mean([measure(a, weights[:, p]) - measure(b, weights[:, p]) for a, b, p in pairs], axis=0)

    drawn = np.concatenate([minus(weights) for weights in _weights(_codes(groups, n), draws, seed)] or [np.zeros(0)])
    return _estimate(metric, minus(np.ones((1, n)))[0], drawn, level)


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """Per quantile bin, lowest first: rows, mean_probability, share of label 1. Equal probabilities share a bin."""
    rows = Rows(labels, probabilities)
    counts = rows.bins.sum(axis=0)
    means, shares = rows.scores @ rows.bins / counts, rows.labels @ rows.bins / counts
    return [
        {"rows": int(count), "mean_probability": float(mean), "share": float(share)}
        for count, mean, share in zip(counts, means, shares, strict=True)
    ]


def choose_threshold(labels: np.ndarray, scores: np.ndarray, metric: str = "f1") -> float:
    """The threshold with the best `f1` or `macro_f1` of decisions `scores >= threshold`: of training scores only.

    Halfway between two scores that occur; of equally good ones the highest.

    Raises:
        InputError: as `evaluate`; one class only; another metric.
    """
    labels, scores = _checked(labels, scores)
    if metric not in ("f1", "macro_f1"):
        raise InputError(f"a threshold for {metric!r} cannot be chosen; take f1 or macro_f1")
    positives = labels.sum()
    if positives in (0, len(labels)):
        raise InputError("a threshold needs labels of both classes")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])  # last row of every distinct score, best first
    taken = ends + 1.0
    hits = np.cumsum(labels[order])[ends]
    value = 2 * hits / (positives + taken)
    if metric == "macro_f1":
        left = len(labels) - taken
        right_left = left - (positives - hits)
        value = (value + 2 * right_left / (len(labels) - positives + left)) / 2
    best = int(np.argmax(value))
    below = ends[best] + 1
    return float(ordered[ends[best]] if below == len(ordered) else (ordered[ends[best]] + ordered[below]) / 2)


# --- the bootstrap ---


def _estimates(
    jobs: Mapping[str, tuple[Metric, Rows]],
    codes: np.ndarray,
    parts: Sequence[np.ndarray],
    draws: int,
    seed: int,
    level: float,
) -> dict[str, Estimate]:
    taken: dict[int, list[Rows]] = {}  # rows by identity: the orders of a fold are shared by all metrics
    for _, rows in jobs.values():
        taken.setdefault(id(rows), [rows.take(part) for part in parts])

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        cut = [weights[:, part] for part in parts]
        return {
            name: np.mean([metric(r, w) for r, w in zip(taken[id(rows)], cut, strict=True)], axis=0)
            for name, (metric, rows) in jobs.items()
        }

    values = measure(np.ones((1, len(codes))))
    chunks = [measure(weights) for weights in _weights(codes, draws, seed)]
    return {
        name: _estimate(
            name, values[name][0], np.concatenate([chunk[name] for chunk in chunks] or [np.zeros(0)]), level
        )
        for name in jobs
    }


def _estimate(name: str, value: float, drawn: np.ndarray, level: float) -> Estimate:
    if np.isnan(value):
        return Estimate(None, reason=_UNDEFINED.get(name.removesuffix("@t"), "undefined on these rows"))
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return Estimate(float(value), reason="no draw in which it is defined" if len(drawn) else "no draws")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    share = 1 - len(defined) / len(drawn)
    reason = f"undefined in {share:.1%} of the draws, which are left out" if share else None
    return Estimate(float(value), float(low), float(high), reason)


_ONE_CLASS = "the rows (or those of a fold) have labels of one class only"
_UNDEFINED = {
    "precision": "nothing was decided as label 1",
    "recall": "no row has label 1",
    "f1": "no row has label 1",
    "macro_f1": _ONE_CLASS,
    "roc_auc": _ONE_CLASS,
    "pr_auc": "no row has label 1",
    "pr_auc_low": "no row has label 0",
}


def _weights(codes: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """(d, n) how often each row's group was drawn, some draws at a time."""
    generator = np.random.default_rng(seed)
    groups = int(codes.max()) + 1
    size = max(1, _CELLS // len(codes))
    for start in range(0, draws, size):
        d = min(size, draws - start)
        drawn = generator.integers(groups, size=(d, groups)) + groups * np.arange(d)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=d * groups).reshape(d, groups)
        yield counts[:, codes].astype(np.float64)


def _codes(groups: np.ndarray | None, n: int) -> np.ndarray:
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise InputError(f"{len(groups)} groups for {n} rows; give every row its group")
    return pd.factorize(np.asarray(groups))[0]


def _parts(folds: np.ndarray | None, n: int) -> list[np.ndarray]:
    if folds is None:
        return [np.arange(n)]
    if len(folds) != n:
        raise InputError(f"{len(folds)} folds for {n} rows; give every row its fold")
    return [np.flatnonzero(np.asarray(folds) == fold) for fold in np.unique(folds)]


def _checked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape or not len(labels):
        raise InputError(f"labels {labels.shape} and scores {scores.shape} must be one each for at least one row")
    if not np.isin(labels, (0, 1)).all():
        raise InputError(f"labels must be 0 or 1; found {sorted(set(labels.tolist()) - {0.0, 1.0})[:3]}")
    if not np.isfinite(scores).all():
        raise InputError(
            f"{int((~np.isfinite(scores)).sum())} scores are not finite; a row without a score has no place here"
        )
    return labels, scores


def _metric(name: str) -> Metric:
    if name not in METRICS:
        raise InputError(f"no metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[name]
