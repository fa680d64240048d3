"""Metrics of scores against labels, as functions of weights: one weight for each row and draw.

All take rows and weights (d, n) and give (d,), NaN where the metric is not defined. Weight one everywhere is the metric as
everybody knows it; a weight of k is the same as k copies of the row.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

BINS = 10
_EPSILON = 1e-15  # log loss of a probability of exactly 0 or 1 stays finite

Metric = Callable[["Rows", np.ndarray], np.ndarray]


class Rows:
    """Labels and scores of n rows, with the orders and bins that the metrics share.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) finite; higher means label 1. Probabilities where a metric needs them.
        decisions: (n,) bool, label 1 decided; default: scores of at least one half.
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, decisions: np.ndarray | None = None) -> None:
        self.labels = labels.astype(np.float64)
        self.scores = scores.astype(np.float64)
        self.decisions = (scores >= 0.5 if decisions is None else decisions).astype(np.float64)

    @cached_property
    def ascending(self) -> tuple[np.ndarray, np.ndarray]:
        """(row order by score, start of every distinct score in that order)."""
        order = np.argsort(self.scores, kind="stable")
        ordered = self.scores[order]
        return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    @cached_property
    def bins(self) -> np.ndarray:
        """(n, bins) of 0 and 1: the quantile bin of every row; equal scores share one, so there may be fewer bins."""
        edges = np.unique(np.quantile(self.scores, np.linspace(0, 1, BINS + 1)[1:-1]))
        found = np.searchsorted(edges, self.scores, side="right")
        return (found[:, None] == np.unique(found)).astype(np.float64)

    @cached_property
    def flipped(self) -> "Rows":
        """The same rows with the classes exchanged."""
        return Rows(1 - self.labels, -self.scores, 1 - self.decisions)

    def take(self, rows: np.ndarray) -> "Rows":
        return Rows(self.labels[rows], self.scores[rows], self.decisions[rows])


def accuracy(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Share of right decisions."""
    return _divide(weights @ (rows.labels == rows.decisions).astype(np.float64), weights.sum(axis=1))


def precision(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Share of label 1 among what was decided as 1; undefined where nothing was."""
    return _divide(weights @ (rows.labels * rows.decisions), weights @ rows.decisions)


def recall(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Share of label 1 that was decided as 1; undefined without any."""
    return _divide(weights @ (rows.labels * rows.decisions), weights @ rows.labels)


def f1(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """2 TP / (2 TP + FP + FN) of class 1; undefined without any label 1.

    It is a true 0 where label 1 exists and was never decided: the count formula needs no precision.
    """
    hits = 2 * (weights @ (rows.labels * rows.decisions))
    found = _divide(hits, weights @ rows.labels + weights @ rows.decisions)
    return np.where(weights @ rows.labels > 0, found, np.nan)


def macro_f1(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Mean of the F1 of both classes; undefined with one class only."""
    return (f1(rows, weights) + f1(rows.flipped, weights)) / 2


def roc_auc(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Chance that a row of label 1 scores above one of label 0, ties half (Mann and Whitney 1947); needs both classes."""
    order, starts = rows.ascending
    ones = np.add.reduceat(weights[:, order] * rows.labels[order], starts, axis=1)
    zeros = np.add.reduceat(weights[:, order] * (1 - rows.labels[order]), starts, axis=1)
    below = np.cumsum(zeros, axis=1) - zeros / 2
    return _divide((ones * below).sum(axis=1), ones.sum(axis=1) * zeros.sum(axis=1))


def pr_auc(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Average precision of class 1: precision at every distinct score, weighted by the recall it adds; needs label 1.

    No interpolation, which would flatter (Davis and Goadrich, ICML 2006); the same as scikit-learn's.
    """
    order, starts = rows.ascending
    ones = np.add.reduceat(weights[:, order] * rows.labels[order], starts, axis=1)[:, ::-1]
    all_rows = np.add.reduceat(weights[:, order], starts, axis=1)[:, ::-1]
    taken = np.cumsum(all_rows, axis=1)
    precisions = np.divide(np.cumsum(ones, axis=1), taken, out=np.zeros_like(taken), where=taken > 0)
    return _divide((ones * precisions).sum(axis=1), ones.sum(axis=1))


def pr_auc_low(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Average precision of class 0, the one that is rare where most are satisfied."""
    return pr_auc(rows.flipped, weights)


def log_loss(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Mean negative log-likelihood in nats."""
    clipped = np.clip(rows.scores, _EPSILON, 1 - _EPSILON)
    losses = -(rows.labels * np.log(clipped) + (1 - rows.labels) * np.log1p(-clipped))
    return _divide(weights @ losses, weights.sum(axis=1))


def brier(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Mean squared distance of probability and label (Brier 1950)."""
    return _divide(weights @ (rows.scores - rows.labels) ** 2, weights.sum(axis=1))


def calibration_error(rows: Rows, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error: mean over quantile bins of |share of label 1 - mean probability|, by rows.

    Naeini, Cooper and Hauskrecht, AAAI 2015, with bins of equal numbers. A perfect model's is above 0 by chance,
    and a draw's more so than the rows' own: the interval lies high, and the figure may lie below it.
    """
    # The rows of a bin cancel in |share - mean| * rows.
    gaps = np.abs((weights * (rows.labels - rows.scores)) @ rows.bins)
    return _divide(gaps.sum(axis=1), weights.sum(axis=1))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "macro_f1": macro_f1,
    "roc_auc": roc_auc,
    "pr_auc": pr_auc,
    "pr_auc_low": pr_auc_low,
    "log_loss": log_loss,
    "brier": brier,
    "calibration_error": calibration_error,
}
AT_THRESHOLD = ("accuracy", "precision", "recall", "f1", "macro_f1")


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
