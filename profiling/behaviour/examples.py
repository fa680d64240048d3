"""Rows to learn from: features that end at a cutoff, and labels that are settled a horizon later.

For a target with horizon H trained as of day A, the holdout is the cutoff A - H, the newest whose labels are settled. What is
learned from ends H days earlier still: no label of it looks past the holdout's cutoff.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from profiling.behaviour.features import customer_features, day_end
from profiling.behaviour.models.contract import EMBEDDING, ENCODER, TEXT
from profiling.behaviour.targets import Target

MAX_CUTOFFS = 8
# A text's holdout: the latest fifth of the texts, at whole days.
HOLDOUT_SHARE = 0.2
# More texts than this teach little and cost much; the newest are taken.
MAX_TEXTS = 200_000


@dataclass(frozen=True)
class Examples:
    """n labelled rows in a fixed order.

    Attributes:
        inputs: (n, d) features, or the column TEXT, with EMBEDDING and ENCODER where vectors are known.
        labels: (n,) int64 of 0 and 1.
        times: (n,) int64, days since 1970 at whose end the inputs end.
        groups: (n,) customer_id: rows of one customer are drawn and folded together.
        hashes: (n,) text_hash of texts; empty for features.
    """

    inputs: pd.DataFrame
    labels: np.ndarray
    times: np.ndarray
    groups: np.ndarray
    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=object))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "Examples":
        """Some of the rows, by position."""
        return Examples(
            self.inputs.iloc[rows].reset_index(drop=True),
            self.labels[rows], self.times[rows], self.groups[rows], self.hashes[rows] if len(self.hashes) else self.hashes,
        )  # fmt: skip


def days_since_1970(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def cutoffs(as_of: str, horizon_days: int, first_day: str) -> list[str]:
    """The cutoffs to learn from, ascending, and last the holdout's; only the holdout's where the history is too short.

    At most MAX_CUTOFFS to learn from, a third of the horizon (at least a week) apart. Each has a horizon of history before it.
    """
    as_of_date, horizon = date.fromisoformat(as_of), timedelta(days=horizon_days)
    step = timedelta(days=max(7, horizon_days // 3))
    earliest = date.fromisoformat(first_day) + horizon
    newest = as_of_date - 2 * horizon
    found = [newest - step * number for number in range(MAX_CUTOFFS)]
    kept = [cut.isoformat() for cut in reversed(found) if cut >= earliest]
    return [*kept, (as_of_date - horizon).isoformat()]


def of_customers(
    target: Target,
    populations: Mapping[str, pd.DataFrame],
    activity: pd.DataFrame,
    customer_of: pd.Series,
    timezone: str = "UTC",
) -> Examples:
    """One row a customer of the population and cutoff.

    Args:
        populations: by cutoff, ascending: a snapshot's `population` as of it.
        activity: subject_id (identity), kind, event_day of what was known when the last label was settled.
        customer_of: customer_id by identity_id by what was known then. A customer of an earlier cutoff may have turned out to be
            one with another: what either does counts, and both are one group.
        timezone: IANA name, of the ends of days.
    """
    acts = activity[activity["kind"].isin(target.acts)]
    actor = _customers(acts["subject_id"], customer_of)
    parts = []
    for cutoff, population in populations.items():
        features = customer_features(population, cutoff, timezone)
        asked = is_in_population(target, population, cutoff, timezone)
        features = features[asked.reindex(features.index, fill_value=False)]
        end = (date.fromisoformat(cutoff) + timedelta(days=target.horizon_days)).isoformat()
        within = (acts["event_day"] > cutoff) & (acts["event_day"] <= end)
        acted = np.isin(_customers(features.index.to_series(), customer_of), actor[within.to_numpy()])
        parts.append((features, acted != target.is_absence, cutoff))
    frames = [features for features, _, _ in parts]
    return Examples(
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(),
        np.concatenate([labels.astype("int64") for _, labels, _ in parts] or [np.zeros(0, dtype="int64")]),
        np.concatenate(
            [np.full(len(f), days_since_1970(cutoff)) for f, _, cutoff in parts] or [np.zeros(0, dtype="int64")]
        ),
        np.concatenate([_customers(f.index.to_series(), customer_of) for f in frames] or [np.zeros(0, dtype="str")]),
    )


def _customers(identities: pd.Series, customer_of: pd.Series) -> np.ndarray:
    """The customer of every identity, (n,) str; one of whom no link is known is a customer of its own."""
    known = customer_of.to_dict()
    return np.array([known.get(identity, identity) for identity in identities], dtype=object).astype("str")


def is_in_population(target: Target, population: pd.DataFrame, day: str, timezone: str = "UTC") -> pd.Series:
    """By customer_id: whether the target asks about them as of `day`."""
    rows = population[population["kind"].isin(target.acts)]
    last = rows.groupby("subject_id", sort=True)["last_at"].max()
    return last >= day_end(day, timezone) - pd.Timedelta(days=target.seen_within_days)


def of_texts(target: Target, interactions: pd.DataFrame, customer_of: pd.Series) -> Examples:
    """One row a text with a rating: 1 for 4 or 5 stars. Ordered by the day it arrived and interaction_id.

    Its time is the day of its drop, not of the event: what arrives late was not there when an earlier model learned.

    Args:
        interactions: interaction_id, identity_id, day, kind, text, rating; where known also text_hash, EMBEDDING and ENCODER.
        customer_of: customer_id by identity_id.
    """
    rows = interactions[
        interactions["kind"].isin(target.acts) & interactions["text"].notna() & interactions["rating"].notna()
    ]
    rows = rows.sort_values(["day", "interaction_id"], kind="stable").tail(MAX_TEXTS)
    inputs = {TEXT: rows["text"].astype("str").to_numpy(dtype="object")}
    inputs |= {name: rows[name].to_numpy(dtype="object") for name in (EMBEDDING, ENCODER) if name in rows}
    return Examples(
        pd.DataFrame(inputs),
        (rows["rating"] >= 4).to_numpy(dtype="int64"),
        np.array([days_since_1970(day) for day in rows["day"]], dtype="int64"),
        _customers(rows["identity_id"], customer_of),
        rows["text_hash"].to_numpy(dtype="object") if "text_hash" in rows else np.zeros(0, dtype=object),
    )


def split_holdout(target: Target, examples: Examples) -> tuple[Examples, Examples]:
    """(to learn from, holdout), apart in time."""
    if not len(examples):
        return examples, examples
    if target.horizon_days:
        cut = int(examples.times.max())
        is_learned = examples.times + target.horizon_days <= cut
        is_held = examples.times == cut
    else:
        cut = int(np.quantile(examples.times, 1 - HOLDOUT_SHARE, method="higher"))
        is_learned, is_held = examples.times < cut, examples.times >= cut
    if target.reads == "text":  # a text that was learned from tests nothing: copies of one review stand on both sides
        folded = np.array(["".join(filter(str.isalnum, text.casefold())) for text in examples.inputs[TEXT]]).astype(
            "str"
        )
        is_held &= ~np.isin(folded, folded[is_learned])
    return examples.take(np.flatnonzero(is_learned)), examples.take(np.flatnonzero(is_held))
