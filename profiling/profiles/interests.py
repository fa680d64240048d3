"""What a customer is interested in: categories by behaviour, keywords by what they wrote and what their pictures show."""

from typing import Any

import numpy as np
import pandas as pd

from profiling.profiles.evidence import attach, facet, head
from profiling.profiles.private import without_private
from profiling.profiles.snapshot import Snapshot
from profiling.profiles.wording import same_thing
from profiling.text.language import is_chinese

MAX_INTERESTS = 8
COLUMNS = ["customer_id", "kind", "topic", "weight", "share", "sentiment", "count", "evidence"]


def interests(snapshot: Snapshot) -> pd.DataFrame:
    """The strongest interests of every customer of the snapshot.

    Returns:
        COLUMNS, sorted by customer_id and then strongest first, at most MAX_INTERESTS a customer. `kind` is `category` (of the
        items dealt with, from the catalogue) or `keyword` (of texts, pictures and recordings); `weight` a sum of claim
        strengths with a half-life; `share` that weight's part of all the customer's interests of the same kind (the two scales
        cannot be added up), 0 to 1, by which they are ranked; `sentiment` -1 to 1, NaN where no text spoke of it; `evidence`
        the strongest interactions. Of keywords that name the same thing in two languages (coffee, 咖啡) the weightier stands for
        both; of two that are the same texts' the narrower stands for its head (sheet mask, mask); one that names the same thing
        as a category of theirs is not said again; what they said is wrong is left out. A keyword of health, religion and the
        like is none (`private.py`); a category is the shop's word for its goods and stays.
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
    claims = _under_one_name(claims).pipe(_without_heads).pipe(_without_private_words)
    summed = _sum(claims, keys).pipe(_with_share).pipe(_without_chance_words).pipe(_said_once)
    summed = _strongest(without_denied(summed, "topic", snapshot.denied))
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


def _under_one_name(claims: pd.DataFrame) -> pd.DataFrame:
    """Keywords of a customer that name the same thing under the name that weighs most."""
    is_word = claims["kind"] == "keyword"
    words = claims[is_word]
    weights = words.groupby(["customer_id", "topic"], sort=True)["recent_weight"].sum().reset_index()
    weights = weights.assign(thing=weights["topic"].map(same_thing))
    weights = weights[weights.duplicated(["customer_id", "thing"], keep=False)]
    if weights.empty:
        return claims
    ranked = weights.sort_values(
        ["customer_id", "thing", "recent_weight", "topic"], ascending=[True, True, False, True], kind="stable"
    )
    first = ranked.groupby(["customer_id", "thing"])["topic"].transform("first")
    names = dict(zip(zip(ranked["customer_id"], ranked["topic"], strict=True), first, strict=True))
    topics = [
        names.get((customer, topic), topic) if of_word else topic
        for customer, topic, of_word in zip(claims["customer_id"], claims["topic"], is_word, strict=True)
    ]
    return claims.assign(topic=pd.Series(topics, index=claims.index, dtype=claims["topic"].dtype))


def _without_heads(claims: pd.DataFrame) -> pd.DataFrame:
    """Without keywords of a customer that are the head of a longer one and say nothing beyond it, for they are the same texts'.

    Texts are the same where all that is added up of them is: their number, first and last moment, ratings and sentiment.
    """
    words = claims[claims["kind"] == "keyword"]
    sums = {name: (name, "sum") for name in ("count", "rating_count", "rating_sum", "sentiment_count", "sentiment_sum")}
    spans = {"first_at": ("first_at", "min"), "last_at": ("last_at", "max")}
    texts = words.groupby(["customer_id", "topic"], sort=True).agg(**sums, **spans).round({"sentiment_sum": 6})
    terms: dict[tuple[Any, ...], list[str]] = {}
    for (customer, term), *same in texts.itertuples(name=None):
        terms.setdefault((customer, *same), []).append(term)
    heads = {
        (customer, term)
        for (customer, *_), found in terms.items()
        for term in found
        if any(_is_head(term, other) for other in found)
    }
    if not heads:
        return claims
    pairs = zip(claims["customer_id"], claims["topic"], claims["kind"] == "keyword", strict=True)
    return claims[[not (is_word and (customer, term) in heads) for customer, term, is_word in pairs]]


def _without_private_words(claims: pd.DataFrame) -> pd.DataFrame:
    """After heads were left out, so that the `aid` of a `hearing aid` goes with it; before shares, which say what is missing."""
    is_word = claims["kind"] == "keyword"
    kept = without_private(claims[is_word], "topic").index
    return claims[~is_word | claims.index.isin(kept)]


def _is_head(term: str, of: str) -> bool:
    """Whether a compound is a kind of what the term names, which then closes it: `mask` of `sheet mask`, 麦克风 of 录音麦克风."""
    return of.endswith(f" {term}") or (of != term and is_chinese(term) and of.endswith(term))


def _said_once(summed: pd.DataFrame) -> pd.DataFrame:
    """Without the words for what a category of the customer says already, by more than words."""
    things = list(zip(summed["customer_id"], summed["topic"].map(same_thing), strict=True))
    is_category = (summed["kind"] == "category").to_numpy(dtype=bool)
    known = {thing for thing, of_category in zip(things, is_category, strict=True) if of_category}
    return summed[is_category | np.array([thing not in known for thing in things], dtype=bool)]


def without_denied(rows: pd.DataFrame, named: str, denied: pd.DataFrame) -> pd.DataFrame:
    """Without what a customer said is no interest of theirs: a fact in favour of the same thing that is marked wrong.

    Args:
        rows: customer_id, and the thing in the column `named`.
        denied: as `Snapshot.denied`.
    """
    wrong = denied[(denied["topic"] == "interests") & (denied["side"] > 0)]
    known = set(zip(wrong["customer_id"], wrong["value"].map(same_thing), strict=True))
    pairs = zip(rows["customer_id"], rows[named].map(same_thing), strict=True)
    return rows[np.array([pair not in known for pair in pairs], dtype=bool)]


def _strongest(summed: pd.DataFrame) -> pd.DataFrame:
    ranked = summed.sort_values(
        ["customer_id", "share", "weight", "kind", "topic"], ascending=[True, False, False, True, True], kind="stable"
    )
    return head(ranked, MAX_INTERESTS)
