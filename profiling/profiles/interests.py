"""What a customer is interested in: categories by behaviour, keywords by what they wrote and what their pictures show."""

import pandas as pd

from profiling.profiles.evidence import attach, facet, head
from profiling.profiles.snapshot import Snapshot

MAX_INTERESTS = 8
COLUMNS = ["customer_id", "kind", "topic", "weight", "share", "sentiment", "count", "evidence"]


def interests(snapshot: Snapshot) -> pd.DataFrame:
    """The strongest interests of every customer of the snapshot.

    Returns:
        COLUMNS, sorted by customer_id and then strongest first, at most MAX_INTERESTS a customer. `kind` is `category` (of the
        items dealt with, from the catalogue) or `keyword` (of texts, pictures and recordings); `weight` a sum of claim
        strengths with a half-life; `share` that weight's part of all the customer's interests of the same kind (the two scales
        cannot be added up), 0 to 1, by which they are ranked; `sentiment` -1 to 1, NaN where no text spoke of it; `evidence`
        the strongest interactions.
    """
    claims = pd.concat(
        [
            _category_claims(snapshot),
            facet(snapshot.activity, "topic").assign(kind="keyword"),
            facet(snapshot.activity, "media").assign(kind="keyword"),
        ],
        ignore_index=True,
    ).rename(columns={"value": "topic"})
    keys = ["customer_id", "kind", "topic"]
    summed = _sum(claims, keys).pipe(_with_share).pipe(_without_chance_words).pipe(_strongest)
    return attach(summed, claims, keys)[COLUMNS]


def _category_claims(snapshot: Snapshot) -> pd.DataFrame:
    items = facet(snapshot.activity, "item").drop(columns="kind")
    category = snapshot.catalogue.reindex(columns=["item_id", "category"]).astype("str")
    claims = items.merge(category, left_on="value", right_on="item_id", how="inner", validate="m:1")
    known = claims["category"].notna() & (claims["category"] != "")
    return (
        claims[known].drop(columns=["value", "item_id"]).rename(columns={"category": "value"}).assign(kind="category")
    )


def _sum(claims: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    sums = claims.groupby(keys, sort=True)[["recent_weight", "count", "sentiment_sum", "sentiment_count"]].sum()
    sums = sums.reset_index().rename(columns={"recent_weight": "weight"})
    scored = sums["sentiment_count"].where(sums["sentiment_count"] > 0)
    return sums[sums["weight"] > 0].assign(sentiment=sums["sentiment_sum"] / scored)


def _with_share(summed: pd.DataFrame) -> pd.DataFrame:
    total = summed.groupby(["customer_id", "kind"])["weight"].transform("sum")
    return summed.assign(share=summed["weight"] / total)


def _without_chance_words(summed: pd.DataFrame) -> pd.DataFrame:
    """A word used once may be chance: it counts only for a customer of whom nothing stronger is known."""
    is_chance = (summed["kind"] == "keyword") & (summed["count"] < 2)
    has_stronger = (~is_chance).groupby(summed["customer_id"]).transform("any")
    return summed[~(is_chance & has_stronger)]


def _strongest(summed: pd.DataFrame) -> pd.DataFrame:
    ranked = summed.sort_values(
        ["customer_id", "share", "weight", "kind", "topic"], ascending=[True, False, False, True, True], kind="stable"
    )
    return head(ranked, MAX_INTERESTS)
