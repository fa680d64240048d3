import pandas as pd
import pytest
from profile_world import activity

from profiling.profiles.satisfaction import aspects, satisfaction


def said(*opinions: tuple[str, str, float | None, float | None]) -> pd.DataFrame:
    """customer, day, rating, sentiment."""
    events = []
    for customer, day, rating, sentiment in opinions:
        more = {} if rating is None else {"rating": rating}
        more |= {} if sentiment is None else {"sentiment": sentiment, "language": "en"}
        events.append((customer, day, "review", "g1", more))
    state = activity(events)
    return state[state["subject_type"] == "identity"]


def level(rows: pd.DataFrame, customer: str = "a") -> pd.Series:
    return satisfaction(rows, rows[rows["facet"] == "all"]).set_index("customer_id").loc[customer]


def test_ratings_and_sentiments_by_hand():
    rows = said(("a", "2026-06-01", 5.0, 0.0), ("b", "2026-06-01", 1.0, None))
    # opinions 0 to 1: a says 1.0 (weight 1) and 0.5 (weight 1/2), b says 0.0 (weight 1): the population's mean is 1.25 / 2.5
    assert level(rows, "a")["score"] == pytest.approx((1.0 + 0.25 + 0.5) / 2.5)
    assert level(rows, "b")["score"] == pytest.approx((0.0 + 0.5) / 2)


def test_one_opinion_stays_near_the_population_and_many_leave_it():
    crowd = [(f"p{i:02}", "2026-06-01", 5.0, None) for i in range(40)]
    one = said(*crowd, ("a", "2026-06-01", 1.0, None))
    many = said(*crowd, *[("a", f"2026-06-{d:02}", 1.0, None) for d in range(1, 29)])
    assert 0.4 < level(one)["score"] < 0.6
    assert level(many)["score"] < 0.05


def test_who_said_nothing_has_no_row():
    rows = said(("a", "2026-06-01", 5.0, None), ("mute", "2026-06-01", None, None))
    assert satisfaction(rows, rows[rows["facet"] == "all"])["customer_id"].tolist() == ["a"]


def test_nobody_said_anything():
    rows = said(("mute", "2026-06-01", None, None))
    assert satisfaction(rows, rows).empty
    assert aspects(rows).empty


@pytest.mark.parametrize(
    ("ratings", "sign"), [((1.0, 1.0, 5.0, 5.0), 1), ((5.0, 5.0, 1.0, 1.0), -1), ((3.0, 3.0, 3.0, 3.0), 0)], ids=str
)
def test_trend_points_where_the_recent_opinions_went(ratings, sign):
    days = ["2025-12-01", "2026-01-01", "2026-06-20", "2026-06-27"]
    trend = level(said(*[("a", day, rating, None) for day, rating in zip(days, ratings, strict=True)]))["trend"]
    assert -1 <= trend <= 1
    assert trend == pytest.approx(0) if sign == 0 else trend * sign > 0.1


def test_no_trend_from_two_opinions_even_if_each_is_a_rating_and_a_text():
    two = level(said(("a", "2026-01-01", 1.0, -0.5), ("a", "2026-06-01", 5.0, 0.5)))
    assert two["count"] == 2
    assert pd.isna(two["trend"])


def test_old_opinions_alone_are_no_trend():
    days = ["2021-01-01", "2021-02-01", "2021-03-01"]
    assert level(said(*[("a", day, r, None) for day, r in zip(days, (1.0, 1.0, 5.0), strict=True)]))["trend"] == (
        pytest.approx(0, abs=1e-6)
    )


def test_evidence_is_the_most_decided_opinions():
    rows = said(("a", "2026-06-01", 3.0, None), ("a", "2026-06-02", 1.0, None), ("a", "2026-06-03", 4.0, None))
    assert [e["interaction_id"][-5:] for e in level(rows)["evidence"]] == ["06-02", "06-03", "06-01"]


def test_aspects_by_eye():
    found = aspects(activity()).set_index(["customer_id", "aspect"])
    assert found.index.tolist() == [("ann", "sound"), ("ann", "price"), ("bo", "delivery")]
    assert found["polarity"].tolist() == pytest.approx([0.8, -0.5, -0.8])
    assert found["count"].tolist() == [2, 1, 2]
    assert found["evidence"].map(len).tolist() == [2, 1, 2]
