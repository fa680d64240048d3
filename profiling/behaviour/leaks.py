"""Tests for leaks: a score that survives labels which nothing can know, features that know the future.

A pipeline that is honest scores by chance once its labels are torn from their rows. One that does not has seen the answers:
it encoded, selected or resampled with the labels of the test rows, or the same answers stand on both sides of the split.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.metrics import Rows, roc_auc
from profiling.behaviour.splits import Split
from profiling.errors import InputError

CHANCE = 0.5  # AUC of a score that knows nothing

# (labels of all rows, split) -> scores of the split's test rows. It must do everything that uses labels, each time anew.
FitPredict = Callable[[np.ndarray, Split], np.ndarray]


@dataclass(frozen=True)
class Null:
    """AUCs with labels that nothing can know: their mean and the interval of 95 % of them, by mean and spread."""

    mean: float
    low: float
    high: float

    @property
    def is_chance(self) -> bool:
        return self.low <= CHANCE <= self.high


@dataclass(frozen=True)
class LeakReport:
    """What a pipeline scores on its labels and on torn ones.

    Attributes:
        auc: mean over the splits with the labels as they are.
        shuffled: labels exchanged among the rows of one time.
        shifted: labels moved along time, from every row to a later one (in a circle): runs and drift of the labels stay.
    """

    auc: float
    shuffled: Null
    shifted: Null

    @property
    def is_above_chance(self) -> bool:
        """Whether the score is above both intervals: whether the features say anything of their own rows."""
        return self.auc > max(self.shuffled.high, self.shifted.high)

    @property
    def is_leaking(self) -> bool:
        """Whether torn labels still score above chance."""
        return max(self.shuffled.low, self.shifted.low) > CHANCE

    def asdict(self) -> dict[str, Any]:
        """Plain values for JSON, with both verdicts."""
        return asdict(self) | {"is_above_chance": self.is_above_chance, "is_leaking": self.is_leaking}


def leak_report(
    fit_predict: FitPredict,
    labels: np.ndarray,
    splits: Sequence[Split],
    times: np.ndarray,
    *,
    repeats: int = 20,
    seed: int = 42,
) -> LeakReport:
    """Run a pipeline on its labels, and `repeats` times on labels shuffled within time and shifted along it.

    A constant or a trend in time survives both (all rows of a time keep their share of label 1 when shuffled), so a pooled
    AUC over several times may stay above 1/2 without a leak: give splits whose test rows are of one time each.

    Args:
        fit_predict: the whole pipeline from labels to scores; what it does with labels outside of the call is not tested.
        labels: (n,) of 0 and 1.
        splits: rows to learn from and to test on; scores are means over them.
        times: (n,) time of every row, of any type that can be ordered; so coarse that each holds many rows.

    Raises:
        InputError: the test rows of every split have labels of one class only; most rows are alone in their time.
    """
    _, place, rows = np.unique(times, return_inverse=True, return_counts=True)
    if np.mean(rows[place] == 1) > 0.5:
        raise InputError(
            f"{np.mean(rows[place] == 1):.0%} of the rows are alone in their time, where shuffling changes nothing; give coarser "
            "times, such as months"
        )
    generator = np.random.default_rng(seed)
    score = _scorer(fit_predict, splits)
    auc = score(labels)
    if np.isnan(auc):
        raise InputError("the test rows of every split have labels of one class only; no score can be above chance")
    shuffled = [score(_shuffled(labels, times, generator)) for _ in range(repeats)]
    shifted = [score(_shifted(labels, times, generator)) for _ in range(repeats)]
    return LeakReport(auc, _null(shuffled), _null(shifted))


def knows_the_future(
    features: Callable[[pd.DataFrame, Any], pd.DataFrame], events: pd.DataFrame, cutoff: Any, time: str
) -> list[str]:
    """The columns of `features(events, cutoff)` that change when the events from the cutoff on are taken away.

    Rows are compared by the features' index; a row that only the future makes appear is told as `<rows>`.
    """
    told, blind = features(events, cutoff), features(events[events[time] < cutoff], cutoff)
    changed = [] if told.index.equals(blind.index) else ["<rows>"]
    common = told.index.intersection(blind.index)
    told, blind = told.loc[common], blind.loc[common]
    return changed + [name for name in map(str, told.columns) if not told[name].equals(blind[name])]


def _scorer(fit_predict: FitPredict, splits: Sequence[Split]) -> Callable[[np.ndarray], float]:
    def score(labels: np.ndarray) -> float:
        aucs = [
            roc_auc(Rows(labels[split.test], np.asarray(fit_predict(labels, split))), np.ones((1, len(split.test))))[0]
            for split in splits
        ]
        defined = [auc for auc in aucs if not np.isnan(auc)]  # test rows of one class only say nothing
        return float(np.mean(defined)) if defined else float("nan")

    return score


def _shuffled(labels: np.ndarray, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Labels in random order within each time."""
    place = np.argsort(times, kind="stable")
    drawn = np.lexsort((generator.random(len(labels)), times))
    torn = np.empty_like(labels)
    torn[place] = labels[drawn]
    return torn


def _shifted(labels: np.ndarray, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Labels moved along time by a random stretch, at least a tenth of the rows and at most nine tenths.

    Rows of one time are put in random order first: their order in the file would survive the move, customers sorted alike
    in every snapshot among it.
    """
    n = len(labels)
    order = np.lexsort((generator.random(n), times))
    torn = np.empty_like(labels)
    torn[order] = np.roll(labels[order], generator.integers(max(1, n // 10), max(2, n - n // 10)))
    return torn


def _null(aucs: list[float]) -> Null:
    aucs = [auc for auc in aucs if not np.isnan(auc)]
    if len(aucs) < 2:
        return Null(CHANCE, 0.0, 1.0)  # nothing can be told of it, so it accuses nobody and clears nobody
    mean, reach = float(np.mean(aucs)), 1.96 * float(np.std(aucs, ddof=1))
    return Null(mean, mean - reach, mean + reach)
