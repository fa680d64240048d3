import numpy as np
import pandas as pd
import pytest
from profile_world import CUSTOMERS, DAY, snapshot

from profiling.profiles import segments
from profiling.profiles.overview import overview
from profiling.profiles.segments import RFM_CELLS, life_cycle, rfm


@pytest.fixture(scope="module")
def everybody() -> pd.DataFrame:
    return overview(snapshot().population, DAY, "UTC")


def test_overview_by_eye(everybody):
    seen = everybody.loc[
        CUSTOMERS, ["recency_days", "days_known", "purchase_count", "review_count", "main_kind", "main_days"]
    ]
    assert seen.to_numpy().tolist() == [
        [12, 85, 6, 2, "purchase", 6],
        [6, 40, 3, 3, "purchase", 3],
        [79, 120, 0, 3, "review", 3],
        [239, 271, 2, 0, "purchase", 2],
        [1, 2, 1, 0, "purchase", 1],
        [20, 28, 0, 0, "view", 2],
        [27, 59, 2, 0, "purchase", 2],
    ]


def test_money_of_several_currencies_is_not_added_up(everybody):
    assert everybody.loc["ann", ["spend", "currency", "currency_count"]].tolist() == [154.0, "USD", 1]
    assert everybody.loc["gus", ["spend", "currency"]].isna().all()
    assert everybody["currency_count"].to_dict() == dict(ann=1, bo=1, cy=0, di=1, ed=1, fi=0, gus=2)


def test_days_are_those_of_the_lakes_zone():
    # 12:00 UTC of the 27th is already the 28th in Kiritimati (UTC+14)
    population = snapshot().population
    assert overview(population, DAY, "UTC").loc["ed", "recency_days"] == 1
    assert overview(population, DAY, "Pacific/Kiritimati").loc["ed", "recency_days"] == 0


# --- RFM ---------------------------------------------------------------------------------------------------------------


def test_every_cell_of_the_grid_has_exactly_one_name():
    for recency in range(1, 6):
        for frequency in range(1, 6):
            names = [
                cell.label
                for cell in RFM_CELLS
                if cell.recency[0] <= recency <= cell.recency[1] and cell.frequency[0] <= frequency <= cell.frequency[1]
            ]
            assert len(names) == 1, (recency, frequency, names)


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        ([10, 20, 30, 40, 50], [1, 2, 3, 4, 5]),
        ([1] * 5, [3] * 5),
        ([7], [3]),
        ([1, 1, 1, 1, 9], [2, 2, 2, 2, 5]),
        (list(range(10)), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ([np.nan, 5, np.nan], [np.nan, 3, np.nan]),
        ([], []),
    ],
    ids=str,
)
def test_quintiles(values, scores):
    found = segments._quintile(pd.Series(values, dtype="float64"))
    np.testing.assert_array_equal(found.to_numpy(), np.array(scores, dtype="float64"))


def test_scores_by_eye(everybody):
    scored = rfm(everybody)
    # most recent first: ed 1, bo 6, ann 12, fi 20, gus 27, cy 79, di 239
    assert scored["recency_score"].astype(int).to_dict() == dict(ed=5, bo=5, ann=4, fi=3, gus=3, cy=2, di=1) | {
        # seven people in five fifths: ranks (r - 1/2) / 7 of .07 .21 .36 .5 .64 .79 .93
        "bo": 4, "ann": 4, "gus": 2, "cy": 2,
    }  # fmt: skip
    assert scored["rfm"].str[2].to_dict() == dict(
        ann="3", bo="3", cy="-", di="5", ed="1", fi="-", gus="-"
    )  # dollars: ed 10, ann 154, di 1000; yuan: bo alone
    assert scored.loc["fi", ["rfm", "rfm_label"]].tolist() == ["3--", "visitors"]
    assert scored["frequency_basis"].dropna().to_dict() == dict(
        ann="purchase", bo="purchase", cy="review", di="purchase", ed="purchase", gus="purchase"
    )


# --- life cycle --------------------------------------------------------------------------------------------------------


def customer(**changes: object) -> pd.DataFrame:
    """Comes every 20 days, for 100 days, last seen 10 days ago."""
    usual = {"days_known": 111, "main_days": 6, "main_span_days": 100, "quiet_days": 10}
    return pd.DataFrame([usual | changes], index=["x"])


@pytest.mark.parametrize(
    ("changes", "stage", "rule"),
    [
        ({}, "loyal", "regular_for_long"),
        ({"days_known": 59}, "active", "within_rhythm"),
        ({"main_days": 4, "main_span_days": 60}, "active", "within_rhythm"),
        ({"quiet_days": 50}, "loyal", "regular_for_long"),
        ({"quiet_days": 51}, "at_risk", "late_for_rhythm"),
        ({"quiet_days": 80}, "at_risk", "late_for_rhythm"),
        ({"quiet_days": 81}, "lapsed", "silent_beyond_rhythm"),
        ({"main_days": 2, "main_span_days": 100, "quiet_days": 180}, "active", "within_rhythm"),
        ({"main_days": 2, "main_span_days": 100, "quiet_days": 181}, "lapsed", "silent_too_long"),
        ({"days_known": 30, "main_days": 2, "main_span_days": 1}, "new", "first_seen_recently"),
        ({"days_known": 31, "main_days": 2, "main_span_days": 1}, "active", "within_rhythm"),
        ({"days_known": 30, "main_days": 3, "main_span_days": 19}, "active", "within_rhythm"),
        # a burst of days is no rhythm: the gap is at least a week
        ({"main_days": 11, "main_span_days": 10, "quiet_days": 17}, "loyal", "regular_for_long"),
        ({"main_days": 11, "main_span_days": 10, "quiet_days": 18}, "at_risk", "late_for_rhythm"),
    ],
    ids=str,
)
def test_life_cycle(changes, stage, rule):
    found = life_cycle(customer(**changes)).loc["x"]
    assert (found["life_cycle"], found["life_cycle_rule"]) == (stage, rule)


def test_who_came_once_borrows_the_populations_rhythm():
    once = customer(main_days=1, main_span_days=0, quiet_days=49, days_known=50).set_axis(["once"])
    both = life_cycle(pd.concat([customer(), once]))
    assert both.loc["once", ["usual_gap_days", "gap_basis", "life_cycle"]].tolist() == [20.0, "population", "active"]
    alone = life_cycle(once.assign(quiet_days=76, days_known=77))  # nobody to borrow from: 30 days, at risk after 75
    assert alone.loc["once", ["usual_gap_days", "life_cycle"]].tolist() == [30.0, "at_risk"]


def test_the_worlds_stages(everybody):
    assert life_cycle(everybody)["life_cycle"].to_dict() == dict(
        ann="loyal", bo="active", cy="at_risk", di="lapsed", ed="new", fi="new", gus="active"
    )
