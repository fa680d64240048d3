"""A customer's activity in one row: when, how often, what mainly, how much money. All later scores are taken from it."""

import numpy as np
import pandas as pd

from profiling.profiles.evidence import facet

# What a customer's rhythm is measured by, best first: a purchase says most, a review stands in for it where purchases are
# not known. A customer with neither is measured by what they do most.
_MAIN_KINDS = {"purchase": 0, "review": 1}


def overview(activity: pd.DataFrame, day: str, timezone: str) -> pd.DataFrame:
    """One row a customer, from the rows of facet `all`.

    Args:
        activity: columns of a snapshot's `population`.
        day: YYYY-MM-DD, the day the ages count back from.
        timezone: IANA name; ages are between calendar days of this zone.

    Returns:
        Indexed by customer_id (sorted): first_at, last_at (UTC); interaction_count, purchase_count, review_count;
        recency_days (0 = seen on `day`); days_known (1 = first seen on `day`); main_kind, main_count, main_days (days with it),
        main_span_days (first to last), quiet_days (since the last one); spend, currency (missing where there are no amounts or
        several currencies: sums of different money mean nothing), currency_count.
    """
    rows = facet(activity, "all")
    by_customer = rows.groupby("customer_id", sort=True)
    seen = pd.DataFrame(
        {
            "first_at": by_customer["first_at"].min(),
            "last_at": by_customer["last_at"].max(),
            "interaction_count": by_customer["count"].sum(),
        }
    )
    kinds = counts_by_kind(activity)
    return (
        seen.assign(
            recency_days=_days_ago(seen["last_at"], day, timezone),
            days_known=_days_ago(seen["first_at"], day, timezone) + 1,
            purchase_count=_count_of(kinds, "purchase", seen.index),
            review_count=_count_of(kinds, "review", seen.index),
        )
        .join(_main_kind(kinds, day, timezone), validate="1:1")
        .join(_single_currency(spend_by_currency(activity)), validate="1:1")
        .pipe(lambda frame: frame.assign(currency_count=frame["currency_count"].fillna(0).astype("int64")))
    )


def counts_by_kind(activity: pd.DataFrame) -> pd.DataFrame:
    """customer_id, kind, count, active_days, first_at, last_at; sorted."""
    grouped = facet(activity, "all").groupby(["customer_id", "kind"], sort=True)
    sums = grouped[["count", "active_days"]].sum()
    return sums.assign(first_at=grouped["first_at"].min(), last_at=grouped["last_at"].max()).reset_index()


def spend_by_currency(activity: pd.DataFrame) -> pd.DataFrame:
    """customer_id, currency, amount of purchases; sorted. No row where no amount is known."""
    rows = facet(activity, "all")
    paid = rows[(rows["kind"] == "purchase") & (rows["currency"] != "")]
    return paid.groupby(["customer_id", "currency"], sort=True)["amount"].sum().reset_index()


def _count_of(kinds: pd.DataFrame, kind: str, customers: pd.Index) -> pd.Series:
    counts = kinds[kinds["kind"] == kind].set_index("customer_id")["count"]
    return counts.reindex(customers).fillna(0).astype("int64")


def _main_kind(kinds: pd.DataFrame, day: str, timezone: str) -> pd.DataFrame:
    ranked = kinds.assign(order=kinds["kind"].map(_MAIN_KINDS).fillna(len(_MAIN_KINDS)))
    main = (
        ranked.sort_values(
            ["customer_id", "order", "count", "kind"], ascending=[True, True, False, True], kind="stable"
        )
        .drop_duplicates("customer_id")
        .set_index("customer_id")
    )
    quiet = _days_ago(main["last_at"], day, timezone)
    span = _days_ago(main["first_at"], day, timezone) - quiet
    return pd.DataFrame(
        {
            "main_kind": main["kind"],
            "main_count": main["count"],
            # Days summed over currencies, late drops and merged identities may count one day twice: never more than the span.
            "main_days": np.minimum(main["active_days"], span + 1),
            "main_span_days": span,
            "quiet_days": quiet,
        }
    )


def _single_currency(spend: pd.DataFrame) -> pd.DataFrame:
    first = spend.drop_duplicates("customer_id").set_index("customer_id")
    count = spend.groupby("customer_id", sort=True)["currency"].count()
    is_single = count == 1
    return pd.DataFrame(
        {
            "spend": first["amount"].where(is_single),
            "currency": first["currency"].where(is_single),
            "currency_count": count,
        }
    )


def _days_ago(moments: pd.Series, day: str, timezone: str) -> pd.Series:
    """Calendar days between the local date of a moment and `day`, at least 0."""
    local = moments.dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
    return (pd.Timestamp(day) - local).dt.days.clip(lower=0)
