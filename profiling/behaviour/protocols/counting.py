"""Figures that are ratios of counts, with intervals by drawing groups."""

from collections.abc import Callable, Mapping

import numpy as np

from profiling.behaviour.evaluation import DRAWS, LEVEL, SEED, Estimate

# Sums of counts (..., k) -> figures (...,) by name.
Measure = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def estimates(counts: np.ndarray, measure: Measure, draws: int = DRAWS, seed: int = SEED) -> dict[str, Estimate]:
    """Figures of the summed counts and their intervals.

    Args:
        counts: (groups, k), one row for each group that is drawn as a whole.
        measure: figures of sums; NaN where one is not defined.
    """
    generator = np.random.default_rng(seed)
    drawn = np.stack(
        [counts[generator.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(draws)]
    )  # (draws, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        values, spread = measure(counts.sum(axis=0)), measure(drawn)
    found = {}
    for name, value in values.items():
        if np.isnan(value):
            found[name] = Estimate(None, reason="nothing was counted")
            continue
        low, high = np.nanquantile(spread[name], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found[name] = Estimate(float(value), float(low), float(high))
    return found
