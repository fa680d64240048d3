"""What a model may know, and rows to learn from, on histories small enough to know the answer by looking."""

import numpy as np
import pandas as pd
import pytest

from profiling.behaviour import examples
from profiling.behaviour.features import FEATURES, customer_features
from profiling.behaviour.leaks import knows_the_future
from profiling.behaviour.models.contract import TEXT
from profiling.behaviour.targets import OWN_ACTS, TARGET_NAMES, TARGETS
from profiling.schemas import ACTIVITY_STATE, KINDS
from tests.profiles.profile_world import DAY, snapshot

NOBODY = pd.Series(dtype="str")


def acts(*events: tuple[str, str, str]) -> pd.DataFrame:
    """(who, day, kind) as rows of activity."""
    return pd.DataFrame(events, columns=["subject_id", "event_day", "kind"])


def population(events: pd.DataFrame, day: str, **sums: float) -> pd.DataFrame:
    """A snapshot's population of what happened up to a day, each event at noon."""
    known = events[events["event_day"] <= day]
    grouped = known.groupby(["subject_id", "kind"], sort=True)["event_day"]
    rows = pd.DataFrame(
        {
            "count": grouped.size(),
            "active_days": grouped.nunique(),
            "first_at": pd.to_datetime(grouped.min(), utc=True) + pd.Timedelta(hours=12),
            "last_at": pd.to_datetime(grouped.max(), utc=True) + pd.Timedelta(hours=12),
        }
    ).reset_index()
    others = [name for name in ACTIVITY_STATE.names if name not in rows and name != "week"]
    return rows.assign(**dict.fromkeys(others, 0.0)).assign(facet="all", currency="", **sums)


def test_features_by_hand() -> None:
    events = acts(
        ("ann", "2026-01-01", "purchase"), ("ann", "2026-01-11", "purchase"), ("ann", "2026-01-21", "purchase"),
        ("ann", "2026-01-25", "view"), ("bob", "2026-01-30", "review"),
    )  # fmt: skip
    found = customer_features(population(events, "2026-01-31"), "2026-01-31")
    ann, bob = found.loc["ann"], found.loc["bob"]
    assert (ann["days_known"], ann["recency_days"], ann["interaction_count"]) == (31, 6, 4)
    assert (ann["purchase_count"], ann["view_count"], ann["review_count"]) == (3, 1, 0)
    assert (ann["purchase_recency_days"], ann["purchase_gap_days"], ann["purchase_overdue"]) == (10, 10, 1)
    assert bob["review_recency_days"] == 1
    assert bob[["purchase_recency_days", "purchase_gap_days", "review_gap_days", "order_value"]].isna().all()
    assert found.columns.tolist() == list(FEATURES)


def test_money_of_one_currency_is_a_value_and_of_two_is_not() -> None:
    rows = population(acts(("ann", "2026-01-01", "purchase"), ("bob", "2026-01-01", "purchase")), "2026-01-02")
    rows = rows.assign(currency="USD", amount=30.0, count=2)
    both = pd.concat([rows, rows[rows["subject_id"] == "bob"].assign(currency="EUR")], ignore_index=True)
    found = customer_features(both, "2026-01-02")["order_value"]
    assert found["ann"] == 15.0
    assert np.isnan(found["bob"])


def test_features_of_the_lakes_own_sums() -> None:
    found = customer_features(snapshot().population, DAY)
    assert found.index.is_monotonic_increasing
    assert found.loc["ann", ["interaction_count", "rating_mean", "sentiment_mean", "order_value"]].notna().all()


def test_features_know_nothing_of_later_days() -> None:
    events = acts(*[(who, f"2026-01-{day:02d}", "purchase") for who in ("ann", "bob") for day in range(1, 30, 3)])

    def features(rows: pd.DataFrame, next_day: str) -> pd.DataFrame:
        return customer_features(population(rows, "2026-01-16"), "2026-01-16")

    assert knows_the_future(features, events, "2026-01-17", "event_day") == []


def test_the_columns_do_not_depend_on_what_a_shop_has() -> None:
    found = customer_features(population(acts(("ann", "2026-01-01", "ad_click")), "2026-01-02"), "2026-01-02")
    assert found.columns.tolist() == list(FEATURES)
    assert found.loc["ann", "purchase_count"] == 0


def test_cutoffs_leave_the_holdout_alone() -> None:
    found = examples.cutoffs("2026-06-14", 28, "2026-03-01")
    assert found[-1] == "2026-05-17"  # 28 days before
    learned = found[:-1]
    assert learned == sorted(learned)
    assert learned[-1] == "2026-04-19"  # its labels end where the holdout's features end
    assert learned[0] >= "2026-03-29"  # a horizon of history
    assert examples.cutoffs("2026-03-20", 28, "2026-03-01") == ["2026-02-20"]


def test_labels_look_ahead_and_no_further_than_the_horizon() -> None:
    target = TARGETS["repeat_purchase"]
    events = acts(
        ("ann", "2026-01-01", "purchase"), ("ann", "2026-02-01", "purchase"),
        ("bob", "2026-01-01", "purchase"), ("bob", "2026-02-28", "purchase"),
        ("cat", "2026-01-01", "purchase"), ("cat", "2026-01-10", "view"),
        ("dan", "2026-01-01", "view"), ("dan", "2026-02-01", "purchase"),
    )  # fmt: skip
    cut = "2026-01-20"  # to 2026-02-17
    found = examples.of_customers(target, {cut: population(events, cut)}, events, NOBODY)
    assert dict(zip(found.groups, found.labels, strict=True)) == {"ann": 1, "bob": 0, "cat": 0}  # dan never bought
    assert found.times.tolist() == [examples.days_since_1970(cut)] * 3


def test_absence_is_the_label_of_churn_and_adverts_are_no_act() -> None:
    events = acts(
        ("ann", "2026-01-15", "view"), ("bob", "2026-01-15", "view"),
        ("ann", "2026-02-01", "search"), ("bob", "2026-02-01", "ad_impression"),
    )  # fmt: skip
    found = examples.of_customers(TARGETS["churn"], {"2026-01-20": population(events, "2026-01-20")}, events, NOBODY)
    assert dict(zip(found.groups, found.labels, strict=True)) == {"ann": 0, "bob": 1}


def test_who_was_last_seen_too_long_ago_is_not_asked_about() -> None:
    events = acts(("ann", "2025-10-01", "view"), ("bob", "2026-01-15", "view"))
    assert examples.is_in_population(TARGETS["churn"], population(events, "2026-01-20"), "2026-01-20").to_dict() == {
        "ann": False,
        "bob": True,
    }


def test_what_a_customer_does_under_another_identity_counts_for_them() -> None:
    events = acts(("ann", "2026-01-15", "purchase"), ("ann-phone", "2026-02-01", "purchase"))
    cut = {"2026-01-20": population(events, "2026-01-20")}
    merged = pd.Series({"ann": "ann", "ann-phone": "ann"})
    assert examples.of_customers(TARGETS["repeat_purchase"], cut, events, merged).labels.tolist() == [1]
    assert examples.of_customers(TARGETS["repeat_purchase"], cut, events, NOBODY).labels.tolist() == [0]


def texts(*rows: tuple[str, str, float | None, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["identity_id", "day", "rating", "text"])
    return frame.assign(kind="review", interaction_id=[f"i{n}" for n in range(len(frame))])


def test_a_text_is_labelled_by_its_stars_and_held_out_by_its_day() -> None:
    days = [f"2026-01-{day:02d}" for day in range(1, 11)]
    rows = texts(
        *[("ann", day, 5.0 if n % 2 else 3.0, f"text {n}") for n, day in enumerate(days)], ("bob", days[0], None, "x")
    )
    found = examples.of_texts(TARGETS["satisfied"], rows, NOBODY)
    assert found.labels.tolist() == [0, 1] * 5
    assert found.inputs.columns.tolist() == [TEXT]
    learned, held = examples.split_holdout(TARGETS["satisfied"], found)
    assert learned.times.max() < held.times.min()
    assert (len(learned), len(held)) == (8, 2)


def test_targets_say_everything() -> None:
    assert tuple(TARGETS) == TARGET_NAMES
    for name, target in TARGETS.items():
        assert target.name == name
        assert target.label
        assert target.population
        assert target.candidates
        assert set(target.acts) <= set(KINDS)
        assert target.reads in ("features", "text")
    assert "ad_impression" not in OWN_ACTS


@pytest.mark.parametrize("name", ["age", "sex", "birth", "gender", "city"])
def test_nothing_protected_or_stated_is_a_feature(name: str) -> None:
    assert not [feature for feature in FEATURES if name in feature]


def test_people_known_to_be_one_are_one_group() -> None:
    events = acts(("ann", "2026-01-15", "purchase"), ("ann-phone", "2026-01-16", "purchase"))
    cut = {"2026-01-20": population(events, "2026-01-20")}
    found = examples.of_customers(
        TARGETS["repeat_purchase"], cut, events, pd.Series({"ann": "ann", "ann-phone": "ann"})
    )
    assert found.groups.tolist() == ["ann", "ann"]


def test_a_day_ends_where_the_shop_is() -> None:
    rows = population(acts(("ann", "2026-01-15", "purchase")), "2026-01-15")
    night = rows.assign(last_at=pd.Timestamp("2026-01-14T17:00:00Z"))  # one in the morning of the 15th in Shanghai
    assert customer_features(night, "2026-01-15", "Asia/Shanghai")["purchase_recency_days"].tolist() == [0]
    assert customer_features(night, "2026-01-15", "UTC")["purchase_recency_days"].tolist() == [1]


def test_a_text_that_differs_by_its_marks_only_is_not_held_out() -> None:
    rows = texts(
        *[("ann", f"2026-01-{day:02d}", 5.0, f"text {day}") for day in range(1, 9)],
        *[("bob", "2026-01-09", 1.0, "TEXT 1!")],
    )
    learned, held = examples.split_holdout(TARGETS["satisfied"], examples.of_texts(TARGETS["satisfied"], rows, NOBODY))
    assert "TEXT 1!" not in held.inputs[TEXT].tolist()
    assert len(learned)
