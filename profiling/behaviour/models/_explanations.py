"""From amounts to an Explanation: one order for all models."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from profiling.behaviour.models.contract import Contribution, Explanation

LOG_ODDS: Final = "log_odds"
PROBABILITY: Final = "probability"

# How far the sum of an exact method may be from the score: a few thousand float64 additions of values below 1,000.
ROUNDING: Final = 1e-8


def probability_of(log_odds: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), float64 (n,), without overflow at either end."""
    return np.exp(-np.logaddexp(0.0, -log_odds))


def explanation(
    scale: str, base: float, contributions: Iterable[Contribution], score: float, tolerance: float = ROUNDING
) -> Explanation:
    """The contributions that are not zero, largest absolute amount first, ties by name."""
    kept = [each for each in contributions if each.amount != 0.0]
    kept.sort(key=lambda each: (-abs(each.amount), each.name))
    return Explanation(scale, float(base), tuple(kept), float(score), tolerance)


def of_features(
    scale: str, base: float, columns: tuple[str, ...], values: np.ndarray, amounts: np.ndarray, scores: np.ndarray
) -> list[Explanation]:
    """One explanation for every row of `values` and `amounts`, both (n, d); a value that is not known is None."""
    return [
        explanation(
            scale,
            base,
            [
                Contribution(name, None if np.isnan(value) else float(value), float(amount))
                for name, value, amount in zip(columns, row, parts, strict=True)
            ],
            score,
        )
        for row, parts, score in zip(values, amounts, scores, strict=True)
    ]
