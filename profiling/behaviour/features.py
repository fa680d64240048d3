"""What a model may know of a customer as of a day: numbers from the sums of activity, the same in training and in a profile.

Nothing protected (sex, age, ...) is among them, and nothing that was stated rather than done.
"""

import numpy as np
import pandas as pd

from profiling.behaviour.activity import RECENT_HALF_LIFE_DAYS

# Kinds that get columns of their own; a shop that has none of a kind gets zeros, so that the columns never change.
_KINDS = ("purchase", "review", "view", "search", "contact")
_PACED = ("purchase", "review")

FEATURES: dict[str, str] = {
    "days_known": "days since the first interaction",
    "recency_days": "days since the last interaction",
    "interaction_count": "interactions",
    "interaction_recent": f"interactions, each halved every {RECENT_HALF_LIFE_DAYS:.0f} days",
    **{f"{kind}_count": f"interactions of kind {kind}" for kind in _KINDS},
    **{f"{kind}_recent": f"the same, halved every {RECENT_HALF_LIFE_DAYS:.0f} days" for kind in _KINDS},
    **{f"{kind}_recency_days": f"days since the last {kind}; not known without one" for kind in _PACED},
    **{f"{kind}_gap_days": f"mean days from one day with a {kind} to the next; not known below two" for kind in _PACED},
    **{f"{kind}_overdue": f"recency as a multiple of the gap of {kind}s" for kind in _PACED},
    "order_value": "mean amount of a purchase, where all are in one currency",
    "rating_mean": "mean rating, 1 to 5",
    "sentiment_mean": "mean sentiment of the texts, -1 to 1",
    "sentiment_recent": f"the same, each halved every {RECENT_HALF_LIFE_DAYS:.0f} days",
}

# Features that move together are one reason: their single amounts may cancel each other, their sum says what they say together.
GROUPS: dict[str, tuple[str, ...]] = {
    **{
        f"{kind}s": (f"{kind}_count", f"{kind}_recent", f"{kind}_recency_days", f"{kind}_gap_days", f"{kind}_overdue")
        for kind in _PACED
    },
    "order_value": ("order_value",),
    "visits": ("view_count", "view_recent", "search_count", "search_recent"),
    "contacts": ("contact_count", "contact_recent"),
    "presence": ("days_known", "recency_days", "interaction_count", "interaction_recent"),
    "mood": ("rating_mean", "sentiment_mean", "sentiment_recent"),
}


def customer_features(population: pd.DataFrame, day: str, timezone: str = "UTC") -> pd.DataFrame:
    """(n, len(FEATURES)) float64, indexed by customer_id, sorted; NaN is not known.

    Args:
        population: columns of a snapshot's `population` as of `day`: facet `all`, identities resolved to customers.
        day: YYYY-MM-DD; ages count back from its end, in whole days.
        timezone: IANA name, of the day's end.
    """
    end = day_end(day, timezone)
    by_customer = population.groupby("subject_id", sort=True)
    kinds = _by_kind(population)
    recency = _days_before(by_customer["last_at"].max(), end)
    found = pd.DataFrame(
        {
            "days_known": _days_before(by_customer["first_at"].min(), end) + 1,
            "recency_days": recency,
            "interaction_count": by_customer["count"].sum().astype("float64"),
            "interaction_recent": by_customer["recent_count"].sum(),
        }
    )
    for kind in _KINDS:
        rows = kinds[kinds.index.get_level_values("kind") == kind].droplevel("kind")
        found[f"{kind}_count"] = rows["count"].reindex(found.index).fillna(0.0).astype("float64")
        found[f"{kind}_recent"] = rows["recent_count"].reindex(found.index).fillna(0.0)
        if kind in _PACED:
            found = found.join(_pace(rows, kind, end), validate="1:1")
    found["order_value"] = _order_value(population).reindex(found.index)
    sums = by_customer[
        [
            "rating_sum",
            "rating_count",
            "sentiment_sum",
            "sentiment_count",
            "recent_sentiment_sum",
            "recent_sentiment_count",
        ]
    ].sum()
    found["rating_mean"] = _ratio(sums["rating_sum"], sums["rating_count"])
    found["sentiment_mean"] = _ratio(sums["sentiment_sum"], sums["sentiment_count"])
    # Far back in time both sums fade to nothing, and their ratio would be noise.
    is_recent = sums["recent_sentiment_count"] > 1e-6
    found["sentiment_recent"] = _ratio(sums["recent_sentiment_sum"], sums["recent_sentiment_count"].where(is_recent))
    return found[list(FEATURES)].astype("float64").rename_axis("customer_id")


def _by_kind(population: pd.DataFrame) -> pd.DataFrame:
    """Sums by (kind, customer), over currencies. A day with purchases in two currencies counts as two active days."""
    grouped = population.groupby(["kind", "subject_id"], sort=True)
    sums = grouped[["count", "active_days", "recent_count"]].sum()
    return sums.assign(first_at=grouped["first_at"].min(), last_at=grouped["last_at"].max())


def _pace(rows: pd.DataFrame, kind: str, end: pd.Timestamp) -> pd.DataFrame:
    recency = _days_before(rows["last_at"], end)
    span = _days_before(rows["first_at"], end) - recency
    steps = pd.Series(np.minimum(rows["active_days"], span + 1) - 1, index=rows.index, dtype="float64")
    gap = _ratio(span, steps.where(steps > 0))
    return pd.DataFrame(
        {
            f"{kind}_recency_days": recency,
            f"{kind}_gap_days": gap,
            f"{kind}_overdue": _ratio(recency, gap.where(gap > 0)),
        }
    )


def _order_value(population: pd.DataFrame) -> pd.Series:
    paid = population[(population["kind"] == "purchase") & (population["currency"] != "")]
    grouped = paid.groupby("subject_id", sort=True)
    return _ratio(grouped["amount"].sum(), grouped["count"].sum().astype("float64"))[grouped["currency"].nunique() == 1]


def day_end(day: str, timezone: str) -> pd.Timestamp:
    """The local midnight after a day, in UTC; where the clock skips it, the next moment there is."""
    midnight = pd.Timestamp(day) + pd.Timedelta(days=1)
    return midnight.tz_localize(timezone, nonexistent="shift_forward", ambiguous=True).tz_convert("UTC")


def _days_before(moments: pd.Series, end: pd.Timestamp) -> pd.Series:
    return (end - moments).dt.days.clip(lower=0).astype("float64")


def _ratio(above: pd.Series, below: pd.Series) -> pd.Series:
    return above.astype("float64").div(below.astype("float64").where(below != 0))
