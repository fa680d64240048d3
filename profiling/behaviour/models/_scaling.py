"""Features made ready for a linear model: tails pulled in, one unit for all, missing values filled and marked."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """From d features to the d + m columns of a design matrix, all of mean 0 on the rows it was fitted on.

    A feature x becomes (t(x) - mean) / scale, where t is the signed logarithm sign(x) log(1 + |x|) or x itself. Where x is not
    known it becomes 0, its mean. Each of the m features that were missing in training has one more column, 1 where it is
    missing less the share of rows in which it was: that a value is missing may say something itself.

    Attributes:
        is_log1p: whether t is the signed logarithm. Counts, amounts and days have long tails; it pulls them in and leaves
            values below 1 nearly as they are.
        means, scales: of t(x), (d,); the scale of a constant feature is 1.
        marked: positions of the features with a column for missing values, (m,).
        missing_shares: share of training rows in which they were missing, (m,).
    """

    is_log1p: bool
    means: np.ndarray
    scales: np.ndarray
    marked: np.ndarray
    missing_shares: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, is_log1p: bool) -> Self:
        """From the training rows: float64 (n, d), NaN where not known."""
        transformed = _signed_log1p(values) if is_log1p else values
        is_known = ~np.isnan(transformed)
        counts = np.maximum(is_known.sum(axis=0), 1)
        means = np.where(is_known, transformed, 0.0).sum(axis=0) / counts
        deviations = np.where(is_known, transformed - means, 0.0)
        scales = np.sqrt((deviations**2).sum(axis=0) / counts)
        # Rounding leaves a constant like 0.1 a deviation of 1e-17; dividing by it would make noise look like a feature.
        scales = np.where(scales > 1e-9 * np.abs(means), scales, 1.0)
        shares = 1.0 - is_known.mean(axis=0)
        marked = np.flatnonzero((shares > 0.0) & (shares < 1.0))
        return cls(is_log1p, means, scales, marked, shares[marked])

    def design(self, values: np.ndarray) -> np.ndarray:
        """float64 (n, d) with NaN -> (n, d + m)."""
        transformed = _signed_log1p(values) if self.is_log1p else values
        is_missing = np.isnan(values)
        standard = np.where(is_missing, 0.0, (transformed - self.means) / self.scales)
        return np.hstack([standard, is_missing[:, self.marked] - self.missing_shares])

    def by_feature(self, amounts: np.ndarray) -> np.ndarray:
        """Amounts of the design's columns (n, d + m) -> of the features (n, d): a feature and its mark are one reason."""
        features = len(self.means)
        added = amounts[:, :features].copy()
        added[:, self.marked] += amounts[:, features:]
        return added

    def to_json(self) -> dict[str, Any]:
        return {
            "is_log1p": self.is_log1p,
            "means": self.means.tolist(),
            "scales": self.scales.tolist(),
            "marked": self.marked.tolist(),
            "missing_shares": self.missing_shares.tolist(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        return cls(
            is_log1p=state["is_log1p"],
            means=np.array(state["means"], dtype=np.float64),
            scales=np.array(state["scales"], dtype=np.float64),
            marked=np.array(state["marked"], dtype=np.int64),
            missing_shares=np.array(state["missing_shares"], dtype=np.float64),
        )


def _signed_log1p(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))
