"""Sums and evidence per customer: the small frame helpers that every part of a profile is made with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

# A reader wants to see why, not everything: a claim cites this many interactions and counts the rest.
CITED = 3

# The grain of activity first; behind it what still tells apart rows of one grain (members of a merged customer), so that
# float sums do not depend on the order in which rows arrive.
_ORDER = (
    "subject_id",
    "kind",
    "facet",
    "value",
    "currency",
    "bucket",
    "first_at",
    "last_at",
    "count",
    "weight",
    "amount",
)


def in_order(activity: pd.DataFrame) -> pd.DataFrame:
    """Activity rows in one order whatever the order they came in, with `subject_id` named `customer_id`."""
    ordered = activity.sort_values([c for c in _ORDER if c in activity], kind="stable", ignore_index=True)
    return ordered.rename(columns={"subject_id": "customer_id"})


def facet(activity: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of one facet in a fixed order; see `in_order`."""
    return in_order(activity[activity["facet"] == name])


def strongest(rows: pd.DataFrame, by: Sequence[str], keep: int = CITED) -> pd.DataFrame:
    """The strongest interactions behind each group, the strength of an interaction being its highest.

    Args:
        rows: columns `by` and `evidence` (list of {interaction_id, strength}).
        by: names of the grouping columns.
        keep: how many to keep.

    Returns:
        `by` and `evidence`, a list of {interaction_id, strength}, strongest first, ties by id; sorted by `by`. Groups without
        any evidence are missing: `attach` gives them an empty list.
    """
    claims = rows[[*by, "evidence"]].explode("evidence", ignore_index=True)
    claims = claims[claims["evidence"].notna()]
    cited = claims["evidence"].tolist()
    claims = claims.assign(
        interaction_id=pd.Series([c["interaction_id"] for c in cited], index=claims.index, dtype="str"),
        strength=pd.Series([c["strength"] for c in cited], index=claims.index, dtype="float64"),
    )
    claims = claims.sort_values(
        [*by, "strength", "interaction_id"], ascending=[True] * len(by) + [False, True], kind="stable"
    ).drop_duplicates([*by, "interaction_id"])
    claims = claims[claims.groupby(list(by)).cumcount() < keep]
    best = claims[["interaction_id", "strength"]].to_dict("records")
    groups = claims[list(by)].drop_duplicates()
    ends = np.cumsum(claims.groupby(list(by), sort=False).size().to_numpy())  # groups stand one after the other
    lists = [best[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if best else []
    return groups.assign(evidence=pd.Series(lists, index=groups.index, dtype="object")).reset_index(drop=True)


def attach(groups: pd.DataFrame, rows: pd.DataFrame, by: Sequence[str], keep: int = CITED) -> pd.DataFrame:
    """`groups` (one row per `by`) with a column `evidence` taken from `rows`."""
    merged = groups.merge(strongest(rows, by, keep), on=list(by), how="left", validate="1:1")
    return merged.assign(
        evidence=pd.Series(
            [e if isinstance(e, list) else [] for e in merged["evidence"]], index=merged.index, dtype="object"
        )
    )


def head(ranked: pd.DataFrame, keep: int) -> pd.DataFrame:
    """The first `keep` rows of every customer, in the order given."""
    return ranked[ranked.groupby("customer_id").cumcount() < keep].reset_index(drop=True)


def records_by_customer(frame: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Rows as plain dictionaries, missing values as None, under their customer and in the order given."""
    found: dict[str, list[dict[str, Any]]] = {}
    plain = frame.astype(object).where(frame.notna(), None)
    for record in plain.to_dict("records"):
        found.setdefault(record["customer_id"], []).append({str(name): value for name, value in record.items()})
    return found


def ids(evidence: Sequence[Mapping[str, Any]]) -> list[str]:
    """The interaction ids cited, strongest first."""
    return [claim["interaction_id"] for claim in evidence[:CITED]]
