"""What a customer consumes and is worth: items and categories dealt with, and a tier among all customers."""

import pandas as pd

from profiling.profiles.evidence import attach, facet, head
from profiling.profiles.snapshot import Snapshot

MAX_ITEMS = 5
# The best fifth usually brings most of the money, the two lowest fifths little.
TIERS = {1: "low", 2: "low", 3: "medium", 4: "medium", 5: "high"}


def with_tier(customers: pd.DataFrame) -> pd.DataFrame:
    """`customers` (with RFM scores) plus tier (`high`, `medium`, `low` or missing) and tier_basis (`spend` or `frequency`)."""
    by_spend = customers["monetary_score"].map(TIERS)
    by_frequency = customers["frequency_score"].map(TIERS)
    tier = by_spend.fillna(by_frequency)
    basis = pd.Series("frequency", index=customers.index, dtype="str").mask(by_spend.notna(), "spend")
    return customers.assign(tier=tier, tier_basis=basis.where(tier.notna()))


def items_consumed(snapshot: Snapshot, basis: pd.Series) -> pd.DataFrame:
    """The items a customer bought most, or reviewed most where purchases are not known.

    Args:
        snapshot: the snapshot.
        basis: indexed by customer_id: `purchase`, `review` or missing (then the customer has no row).

    Returns:
        customer_id, item_id, title, category (missing where the catalogue cannot say), count, quantity, evidence; sorted by
        customer_id, then most often, latest; at most MAX_ITEMS a customer.
    """
    rows = _consumed(snapshot, basis)
    keys = ["customer_id", "item_id"]
    grouped = rows.groupby(keys, sort=True)
    sums = grouped[["count", "quantity"]].sum().assign(last_at=grouped["last_at"].max()).reset_index()
    ranked = sums.sort_values(
        ["customer_id", "count", "last_at", "item_id"], ascending=[True, False, False, True], kind="stable"
    ).pipe(head, MAX_ITEMS)
    named = ranked.merge(catalogue(snapshot), on="item_id", how="left", validate="m:1")
    return attach(named, rows, keys)


def categories_consumed(snapshot: Snapshot, basis: pd.Series) -> pd.DataFrame:
    """customer_id, category, count, share (of the items whose category is known), evidence; most often first."""
    rows = _consumed(snapshot, basis).merge(catalogue(snapshot), on="item_id", how="inner", validate="m:1")
    rows = rows[rows["category"].notna()]
    keys = ["customer_id", "category"]
    sums = rows.groupby(keys, sort=True)["count"].sum().reset_index()
    sums = sums.assign(share=sums["count"] / sums.groupby("customer_id")["count"].transform("sum"))
    ranked = sums.sort_values(["customer_id", "count", "category"], ascending=[True, False, True], kind="stable")
    return attach(head(ranked, MAX_ITEMS), rows, keys)


def catalogue(snapshot: Snapshot) -> pd.DataFrame:
    """item_id, title, category of every item of the catalogue; empty names are missing."""
    named = snapshot.catalogue.reindex(columns=["item_id", "title", "category"]).astype("str")
    return named.replace("", pd.NA)


def _consumed(snapshot: Snapshot, basis: pd.Series) -> pd.DataFrame:
    rows = facet(snapshot.activity, "item").rename(columns={"value": "item_id"})
    return rows[rows["kind"] == rows["customer_id"].map(basis)].reset_index(drop=True)
