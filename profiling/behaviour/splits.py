"""Which rows to learn from and which to test on, so that a test says something about tomorrow's customers.

Times are whole numbers of one unit (days since 1970, or ranks of cutoffs): a row's features are known before its time, its
label is settled `horizon` later.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from profiling.errors import InputError


class Split(NamedTuple):
    """Row numbers, ascending: to learn from, and to test on."""

    train: np.ndarray
    test: np.ndarray


def temporal(times: np.ndarray, cutoff: int, horizon: int) -> Split:
    """Test on the rows of time `cutoff`; train on those whose labels were settled by then (time + horizon <= cutoff).

    Raises:
        InputError: one of the two would be empty.
    """
    return _split(times + horizon <= cutoff, times == cutoff, f"cutoff {cutoff} and horizon {horizon}")


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int = 5, seed: int = 42) -> list[Split]:
    """`folds` splits of whole groups with about the same share of label 1 (scikit-learn's StratifiedGroupKFold, shuffled).

    Raises:
        InputError: fewer groups than folds, or one fold of less than two.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    found = len(np.unique(groups))
    if not 2 <= folds <= found:
        raise InputError(_too_few(folds, found))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return [Split(train, test) for train, test in splitter.split(labels, labels, groups)]


def forward_chaining(
    times: np.ndarray, groups: np.ndarray, cutoffs: Sequence[int], horizon: int, folds: int = 5, seed: int = 42
) -> list[Split]:
    """Forward in time and to other customers at once: for each cutoff and each fold of the groups one split.

    Test: rows of the fold's groups from the cutoff on, up to the next cutoff. Train: rows of all other groups whose labels
    were settled by the cutoff. A model that only recognises customers gains nothing here.

    Raises:
        InputError: cutoffs are not ascending, or a split would have no rows to learn from or to test on.
    """
    if list(cutoffs) != sorted(set(cutoffs)):
        raise InputError(f"cutoffs {list(cutoffs)} must be ascending")
    names, codes = np.unique(groups, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise InputError(_too_few(folds, len(names)))
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[codes]
    ends = [*cutoffs[1:], np.inf]
    return [
        _split(
            (fold != k) & (times + horizon <= cutoff),
            (fold == k) & (times >= cutoff) & (times < end),
            f"cutoff {cutoff}, fold {k}",
        )
        for cutoff, end in zip(cutoffs, ends, strict=True)
        for k in range(folds)
    ]


def _too_few(folds: int, groups: int) -> str:
    least = max(folds, 2)
    return (
        f"{folds} folds of {groups} groups cannot be made: it takes rows of at least {least} groups, such as customers"
    )


def _split(is_train: np.ndarray, is_test: np.ndarray, what: str) -> Split:
    split = Split(np.flatnonzero(is_train), np.flatnonzero(is_test))
    if not len(split.train) or not len(split.test):
        raise InputError(
            f"{what}: {len(split.train)} rows to learn from and {len(split.test)} to test on; "
            "choose a cutoff with rows on both sides"
        )
    return split
