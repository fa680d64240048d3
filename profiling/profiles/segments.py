"""Segments: RFM scores with their names, and the stage of a customer's life by the customer's own rhythm."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# --- RFM ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A rectangle of the recency-frequency grid and its name; both ranges inclusive, 5 is best."""

    label: str
    recency: tuple[int, int]
    frequency: tuple[int, int]


# The usual ten names of the 5 x 5 grid; every cell belongs to exactly one of them.
RFM_CELLS = (
    Cell("champions", (5, 5), (4, 5)),
    Cell("loyal", (3, 4), (4, 5)),
    Cell("potential_loyalists", (4, 5), (2, 3)),
    Cell("recent", (5, 5), (1, 1)),
    Cell("promising", (4, 4), (1, 1)),
    Cell("need_attention", (3, 3), (3, 3)),
    Cell("about_to_sleep", (3, 3), (1, 2)),
    Cell("cannot_lose", (1, 2), (5, 5)),
    Cell("at_risk", (1, 2), (3, 4)),
    Cell("hibernating", (1, 2), (1, 2)),
)
# Neither purchases nor reviews: someone who only looks.
VISITORS = "visitors"


def rfm(customers: pd.DataFrame) -> pd.DataFrame:
    """Score every customer against all others.

    Args:
        customers: an `overview` of the whole population.

    Returns:
        `customers` with recency_score, frequency_score, monetary_score (1 to 5, NaN where the data cannot say), frequency_basis
        (`purchase`, `review` or missing), rfm (three characters, `-` for unknown) and rfm_label. Recency is of the last
        interaction; frequency the number of purchases, or of reviews where there are none; monetary the spend, ranked among
        those who pay in the same currency.
    """
    frequency = customers["purchase_count"].where(customers["purchase_count"] > 0, customers["review_count"])
    basis = np.select(
        [customers["purchase_count"] > 0, customers["review_count"] > 0], ["purchase", "review"], default=""
    )
    scored = customers.assign(
        recency_score=_quintile(-customers["recency_days"]),
        frequency_score=_quintile(frequency.where(frequency > 0)),
        monetary_score=_quintile(customers["spend"], within=customers["currency"]),
        frequency_basis=pd.Series(basis, index=customers.index, dtype="str").replace("", pd.NA),
    )
    return scored.assign(rfm=_code(scored), rfm_label=rfm_label(scored))


def _quintile(values: pd.Series, within: pd.Series | None = None) -> pd.Series:
    """Fifth of the ranking, 5 the highest: ceil(5 * (rank - 1/2) / n) with ties at their average rank.

    Ranks are halves, so the ceiling is taken in whole numbers: no rounding can tip a tie. One alone, or all alike, get 3.
    """
    if within is None:
        rank, known = values.rank(method="average"), pd.Series(values.notna().sum(), index=values.index)
    else:
        groups = values.groupby(within)
        rank, known = groups.rank(method="average"), groups.transform("count")
    is_known = rank.notna()
    odd = (2 * rank[is_known]).astype("int64") - 1
    size = 2 * known[is_known].astype("int64")
    return (-((-5 * odd) // size)).astype("float64").reindex(values.index)


def _code(scored: pd.DataFrame) -> pd.Series:
    digits = [
        scored[name].fillna(0).astype("int64").astype("str").replace("0", "-")
        for name in ("recency_score", "frequency_score", "monetary_score")
    ]
    return digits[0] + digits[1] + digits[2]


def rfm_label(scored: pd.DataFrame) -> pd.Series:
    """The name of each row's cell, by recency_score and frequency_score; VISITORS where there is no frequency."""
    cells = [
        scored["recency_score"].between(*cell.recency) & scored["frequency_score"].between(*cell.frequency)
        for cell in RFM_CELLS
    ]
    labels = np.select(cells, [cell.label for cell in RFM_CELLS], default=VISITORS)
    return pd.Series(labels, index=scored.index, dtype="str")


# --- life cycle --------------------------------------------------------------------------------------------------------

LIFE_CYCLES = ("new", "active", "loyal", "at_risk", "lapsed")
# A month is too short to see a rhythm, unless there were already several days of it.
NEW_DAYS = 30
NEW_MAX_ACTIVE_DAYS = 2
# Gaps of a customer who comes at random are exponential: one in 12 is longer than 2.5 mean gaps, one in 55 longer than 4.
AT_RISK_GAPS = 2.5
LAPSED_GAPS = 4.0
# Half a year of silence is a loss whatever the rhythm was.
LAPSED_DAYS = 180
# Shopping follows the week: a shorter measured rhythm is a burst, and a few quiet days after it mean nothing.
MIN_GAP_DAYS = 7.0
# The gap of someone seen on one day only, in a population where nobody came twice.
DEFAULT_GAP_DAYS = 30.0
LOYAL_ACTIVE_DAYS = 5
LOYAL_DAYS_KNOWN = 60


def life_cycle(customers: pd.DataFrame) -> pd.DataFrame:
    """Where a customer stands, by the days of their main kind of interaction. The first rule that holds decides.

    Args:
        customers: an `overview` of the whole population: who came on one day only borrows the population's median gap.

    Returns:
        `customers` with usual_gap_days, gap_basis (`own` or `population`), limit_days (of silence, of the rule that decided;
        NaN where none did), life_cycle and life_cycle_rule.
    """
    return stage_of_life(_with_gap(customers))


def stage_of_life(paced: pd.DataFrame) -> pd.DataFrame:
    """`paced` (days_known, main_days, quiet_days, usual_gap_days) with limit_days, life_cycle and life_cycle_rule, row by row."""
    quiet, gap = paced["quiet_days"], paced["usual_gap_days"]
    rules = {
        ("new", "first_seen_recently"): (paced["days_known"] <= NEW_DAYS) & (paced["main_days"] <= NEW_MAX_ACTIVE_DAYS),
        ("lapsed", "silent_too_long"): quiet > LAPSED_DAYS,
        ("lapsed", "silent_beyond_rhythm"): quiet > LAPSED_GAPS * gap,
        ("at_risk", "late_for_rhythm"): quiet > AT_RISK_GAPS * gap,
        ("loyal", "regular_for_long"): (paced["main_days"] >= LOYAL_ACTIVE_DAYS)
        & (paced["days_known"] >= LOYAL_DAYS_KNOWN),
    }
    conditions = list(rules.values())
    none = pd.Series(np.nan, index=paced.index)
    limits = [none, none.fillna(LAPSED_DAYS), LAPSED_GAPS * gap, AT_RISK_GAPS * gap, none]
    names = pd.DataFrame(
        {
            "life_cycle": np.select(conditions, [stage for stage, _ in rules], default="active"),
            "life_cycle_rule": np.select(conditions, [rule for _, rule in rules], default="within_rhythm"),
        },
        index=paced.index,
        dtype="str",
    )
    return paced.assign(limit_days=np.select(conditions, limits, default=np.nan)).join(names, validate="1:1")


def _with_gap(customers: pd.DataFrame) -> pd.DataFrame:
    repeats = customers["main_days"] - 1
    own = customers["main_span_days"] / repeats.where(repeats > 0)
    typical = own.median()
    fallback = DEFAULT_GAP_DAYS if np.isnan(typical) else typical
    basis = np.where(own.notna(), "own", "population")
    return customers.assign(
        usual_gap_days=own.fillna(fallback).clip(lower=MIN_GAP_DAYS),
        gap_basis=pd.Series(basis, index=customers.index, dtype="str"),
    )
