"""How satisfied a customer is: a level, its trend, and the aspects they spoke of."""

import numpy as np
import pandas as pd

from profiling.behaviour.activity import spans_held, spans_of
from profiling.facts.slots import by_name
from profiling.profiles.evidence import attach, facet, head, in_order

# A rating is the customer's own verdict; the sentiment of a text is a lexicon's guess at it and is often wrong, so it counts
# half as much.
RATING_WEIGHT = 1.0
SENTIMENT_WEIGHT = 0.5
# The population's mean weighs as much as one rating. So nobody is delighted or furious by a single middling word, and one
# angry review with its one star (0.3 or so) still stands out.
PRIOR_STRENGTH = 1.0
# Fewer observations than this are an anecdote, not a trend.
MIN_TREND_COUNT = 3
MAX_ASPECTS = 8
# Where people say what they think. A search is text too, but a wish, not an opinion.
OPINION_KINDS = ("review", "post", "email", "contact", "delivery")

LEVEL_COLUMNS = ["customer_id", "score", "own_score", "trend", "count", "evidence"]
ASPECT_COLUMNS = ["customer_id", "aspect", "polarity", "count", "evidence", "spans"]


def satisfaction(activity: pd.DataFrame, population: pd.DataFrame) -> pd.DataFrame:
    """Level and trend of every customer who rated or wrote something.

    With ratings as (r - 1) / 4 and sentiments as (s + 1) / 2, both 0 to 1, and the weights above:
    score = (sum of weighted opinions + PRIOR_STRENGTH * population mean) / (sum of weights + PRIOR_STRENGTH);
    trend = the same mean of the recent opinions (half-life), shrunk to the customer's own lifetime mean, minus that mean.

    Args:
        activity: rows of a snapshot's activity.
        population: the same of everybody, facet `all`.

    Returns:
        LEVEL_COLUMNS, sorted by customer_id. `score` 0 to 1; `own_score` the same without the population's share; `trend` -1
        to 1, NaN below MIN_TREND_COUNT; `count` a lower bound of the interactions behind it, since a rating and the sentiment of
        its text may be one.
    """
    everybody = _opinions(in_order(_spoken(population)), ["facet"])
    prior = float((everybody["total"] / everybody["mass"]).iloc[0]) if len(everybody) else 0.5
    rows = _spoken(facet(activity, "all"))
    rows = rows[rows["rating_count"] + rows["sentiment_count"] > 0]
    own = _opinions(rows, ["customer_id"])
    lifetime = own["total"] / own["mass"]
    recent = (own["recent_total"] + PRIOR_STRENGTH * lifetime) / (own["recent_mass"] + PRIOR_STRENGTH)
    levels = own.assign(
        score=(own["total"] + PRIOR_STRENGTH * prior) / (own["mass"] + PRIOR_STRENGTH),
        own_score=lifetime,
        trend=(recent - lifetime).where(own["count"] >= MIN_TREND_COUNT),
    )
    return attach(levels, rows, ["customer_id"])[LEVEL_COLUMNS]


def aspects(activity: pd.DataFrame) -> pd.DataFrame:
    """What customers spoke of and how: ASPECT_COLUMNS, sorted by customer_id, then most spoken of; polarity -1 to 1.

    `spans` are those of the evidence that is cited, in its order; none where the lake is from before places were kept.
    """
    rows = _spoken(facet(activity, "aspect")).rename(columns={"value": "aspect"})
    keys = ["customer_id", "aspect"]
    sums = rows.groupby(keys, sort=True)[["count", "sentiment_sum", "sentiment_count"]].sum().reset_index()
    sums = sums[sums["sentiment_count"] > 0]
    sums = sums.assign(polarity=sums["sentiment_sum"] / sums["sentiment_count"])
    ranked = (
        sums.assign(clarity=sums["polarity"].abs())
        .sort_values(["customer_id", "count", "clarity", "aspect"], ascending=[True, False, False, True], kind="stable")
        .pipe(head, MAX_ASPECTS)
    )
    cited = attach(ranked, rows, keys)
    said = spans_held(rows["aspect"], rows["spans"])
    return cited.assign(spans=spans_of(cited["aspect"], cited["evidence"], said))[ASPECT_COLUMNS]


def without_denied(spoken: pd.DataFrame, denied: pd.DataFrame) -> pd.DataFrame:
    """`aspects` without those that say what a customer marked wrong: of a fact's aspect, on the fact's side.

    Args:
        denied: as `Snapshot.denied`.
    """
    wrong = {
        (row["customer_id"], aspect, row["side"])
        for row in denied.to_dict("records")
        if (slot := by_name().get((row["topic"], row["subtopic"]))) is not None
        for aspect in slot.aspects
    }
    sides = np.where(spoken["polarity"] < 0, -1, 1).tolist()
    claims = zip(spoken["customer_id"], spoken["aspect"], sides, strict=True)
    return spoken[np.array([claim not in wrong for claim in claims], dtype=bool)]


def _spoken(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["kind"].isin(OPINION_KINDS)]


def _opinions(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Weighted sums of opinions on the scale 0 to 1 (`total`), their weights (`mass`), and both with the half-life."""
    opinions = rows[by].assign(
        count=np.maximum(rows["rating_count"], rows["sentiment_count"]),
        mass=_mass(rows["rating_count"], rows["sentiment_count"]),
        total=_total(rows["rating_sum"], rows["rating_count"], rows["sentiment_sum"], rows["sentiment_count"]),
        recent_mass=_mass(rows["recent_rating_count"], rows["recent_sentiment_count"]),
        recent_total=_total(
            rows["recent_rating_sum"],
            rows["recent_rating_count"],
            rows["recent_sentiment_sum"],
            rows["recent_sentiment_count"],
        ),
    )
    sums = opinions.groupby(by, sort=True).sum().reset_index()
    return sums[sums["mass"] > 0].reset_index(drop=True)


def _mass(ratings: pd.Series, sentiments: pd.Series) -> pd.Series:
    return RATING_WEIGHT * ratings + SENTIMENT_WEIGHT * sentiments


def _total(rating_sum: pd.Series, ratings: pd.Series, sentiment_sum: pd.Series, sentiments: pd.Series) -> pd.Series:
    return RATING_WEIGHT * (rating_sum - ratings) / 4 + SENTIMENT_WEIGHT * (sentiment_sum + sentiments) / 2
