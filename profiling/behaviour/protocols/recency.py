"""RFM of a customer as of a day, and what a rhythm of visits says beyond it: pure functions of (customer, day) rows.

Recency, frequency and the time between visits: Fader, Hardie and Lee, "RFM and CLV", Journal of Marketing Research 2005.
"""

import numpy as np
import pandas as pd

WINDOWS_DAYS = (30, 90, 180, 365)
HALF_LIVES_DAYS = (30, 90, 180, 365)

# The usual three and what belongs to them.
RFM = ("recency_days", "reviews", "review_days", "tenure_days", "items", "mean_gap_days")

# What says most of coming back: how recent and how often with fading memory, and how long the silence is for this customer.
RHYTHM = (
    "recency_days", "review_days", "tenure_days", "reviews", "rate_180", "rate_365", "days_365", "second_recency_days",
    "overdue", "overdue_max", "overdue_pace",
)  # fmt: skip


def rfm(reviews: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """What was known of every customer at the start of day `cutoff`.

    Args:
        reviews: customer, item, day (whole days since 1970); rows from the cutoff on are not looked at.
        cutoff: day of the snapshot.

    Returns:
        Indexed by customer, sorted; all float64, no value missing:
        recency_days, tenure_days: from the last and from the first review to the cutoff, at least 1;
        reviews, review_days, items: counts of reviews, of days with one, of distinct items;
        mean_gap_days, median_gap_days, max_gap_days, last_gap_days: between days with a review; of a customer with one such day
        the tenure stands for all of them, the shortest gap that is still possible;
        gap_variation: standard deviation over mean of the gaps, 0 with fewer than two;
        second_recency_days: from the last but one day with a review (tenure where there is none);
        overdue, overdue_max, overdue_pace: recency over mean gap, over longest gap, and over tenure per day with a review;
        overdue_rank: share of the own gaps (and one of infinity) that are longer than the recency: what remains to hope;
        reviews_30 ... reviews_365, days_30 ... days_365: counts in the days before the cutoff;
        rate_30 ... rate_365: days with a review, weighted by half for every 30, 90, 180, 365 days that they are old;
        busiest_day: most reviews on one day.
    """
    past = reviews[reviews["day"] < cutoff]
    by_customer = past.groupby("customer", sort=True)
    days = past.groupby(["customer", "day"], sort=True).size().rename("reviews").reset_index()
    age = cutoff - days["day"]
    owner = days["customer"]
    found = pd.DataFrame(
        {
            "recency_days": cutoff - by_customer["day"].max(),
            "tenure_days": cutoff - by_customer["day"].min(),
            "reviews": by_customer.size(),
            "review_days": days.groupby("customer").size(),
            "items": by_customer["item"].nunique(),
            "busiest_day": days.groupby("customer")["reviews"].max(),
        }
    )
    found = found.join(_gaps(days), how="left")
    for name in ("mean_gap_days", "median_gap_days", "max_gap_days", "last_gap_days"):
        found[name] = found[name].fillna(found["tenure_days"])
    found["gap_variation"] = found["gap_variation"].fillna(0)
    found["second_recency_days"] = found["recency_days"] + found["last_gap_days"].where(found["review_days"] > 1, 0)
    found["overdue"] = found["recency_days"] / found["mean_gap_days"]
    found["overdue_max"] = found["recency_days"] / found["max_gap_days"]
    found["overdue_pace"] = found["recency_days"] * found["review_days"] / found["tenure_days"]
    longer = days["day"].groupby(owner).diff() > owner.map(found["recency_days"])
    found["overdue_rank"] = (longer.groupby(owner).sum() + 1) / found["review_days"]
    for window in WINDOWS_DAYS:
        found[f"reviews_{window}"] = days["reviews"].where(age <= window, 0).groupby(owner).sum()
        found[f"days_{window}"] = (age <= window).groupby(owner).sum()
    for half_life in HALF_LIVES_DAYS:
        found[f"rate_{half_life}"] = (0.5 ** (age / half_life)).groupby(owner).sum()
    return found.astype("float64")


def _gaps(days: pd.DataFrame) -> pd.DataFrame:
    """Of customers with two days or more: mean, median, longest and last gap in days, and their variation."""
    gaps = days.assign(gap=days.groupby("customer")["day"].diff()).dropna(subset="gap").groupby("customer")["gap"]
    mean = gaps.mean()
    return pd.DataFrame(
        {
            "mean_gap_days": mean,
            "median_gap_days": gaps.median(),
            "max_gap_days": gaps.max(),
            "last_gap_days": gaps.last(),
            "gap_variation": gaps.std() / mean,
        }
    )


def comes_back(reviews: pd.DataFrame, customers: pd.Index, cutoff: int, horizon_days: int) -> np.ndarray:
    """(n,) 1 where the customer reviews on a day from `cutoff` to before `cutoff + horizon_days`, else 0."""
    inside = reviews["day"].ge(cutoff) & reviews["day"].lt(cutoff + horizon_days)
    return customers.isin(reviews.loc[inside, "customer"]).astype(int)
