"""RFM by hand, blind to the future; the protocol on a shop whose answer is known, and on the file of the baselines."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.behaviour.leaks import knows_the_future
from profiling.behaviour.protocols import raw, returns
from profiling.behaviour.protocols.recency import RFM, RHYTHM, comes_back, rfm
from profiling.errors import InputError, SettingsError
from tests.behaviour.protocols.worlds import write_reviews

REVIEWS = pd.DataFrame(
    {
        "customer": ["a", "a", "a", "a", "b", "c", "a"],
        "item": ["x", "y", "x", "z", "x", "x", "x"],
        "day": [10, 10, 20, 50, 40, 100, 101],
    }
)


def test_rfm_by_hand() -> None:
    found = rfm(REVIEWS, 60)
    assert found.index.tolist() == ["a", "b"]  # c comes later
    a, b = found.loc["a"], found.loc["b"]
    assert (a["recency_days"], a["tenure_days"], a["reviews"], a["review_days"], a["items"]) == (10, 50, 4, 3, 3)
    assert (a["mean_gap_days"], a["median_gap_days"], a["max_gap_days"], a["last_gap_days"]) == (20, 20, 30, 30)
    assert a["gap_variation"] == pytest.approx(np.std([10, 30], ddof=1) / 20)
    assert (a["second_recency_days"], a["busiest_day"]) == (40, 2)
    assert (a["overdue"], a["overdue_max"], a["overdue_pace"]) == (10 / 20, 10 / 30, 10 * 3 / 50)
    assert a["overdue_rank"] == (1 + 1) / 3  # one gap of 30 is longer than 10, one of 10 is not
    assert (a["reviews_30"], a["days_30"], a["reviews_90"], a["days_90"]) == (1, 1, 4, 3)
    assert a["rate_30"] == pytest.approx(0.5 ** (10 / 30) + 0.5 ** (40 / 30) + 0.5 ** (50 / 30))
    assert (b["mean_gap_days"], b["gap_variation"], b["second_recency_days"], b["overdue"]) == (20, 0, 20, 1)
    assert not found.isna().any(axis=None)
    assert set(RFM) | set(RHYTHM) <= set(found)


def test_who_comes_back() -> None:
    customers = rfm(REVIEWS, 60).index
    assert comes_back(REVIEWS, customers, 60, 41).tolist() == [0, 0]  # day 101 is outside of [60, 101)
    assert comes_back(REVIEWS, customers, 60, 42).tolist() == [1, 0]
    assert comes_back(REVIEWS, customers, 40, 1).tolist() == [0, 1]  # the cutoff's own day counts


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 400)), min_size=1, max_size=40)
)
def test_no_feature_knows_the_future(rows: list[tuple[str, str, int]]) -> None:
    reviews = pd.DataFrame(rows, columns=["customer", "item", "day"]).assign(rating=3.0, sentiment=0.5)
    if (reviews["day"] < 200).any():
        assert knows_the_future(returns.snapshot, reviews, 200, "day") == []


def test_training_labels_are_settled_and_test_customers_had_five_reviews(tmp_path: Path) -> None:
    reviews = raw.read_reviews(write_reviews(tmp_path / "shop.json")).assign(sentiment=0.0)
    data = returns.data_at(reviews, "2013-10-15", 5)
    test_time = data.times[-1]
    assert test_time == (pd.Timestamp("2013-10-15") - pd.Timestamp(0)).days
    assert sorted(set(test_time - data.times)) == [0, *range(180, 180 + 8 * 61, 61)]
    assert data.train["reviews"].min() >= 5
    assert data.test["reviews"].min() >= 5
    assert len(data.train) == len(data.labels) == len(data.times) - len(data.test)


def test_a_shop_whose_answer_is_known(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "shop.json", customers=80)
    names = ["recency", "logistic_regression", "rhythm", "rhythm+text"]
    report = returns.run([path], tmp_path / "cache", names, folds=1)
    table, gains, everybody = report.tables
    ours = {line.name: line.figures for line in table.lines if line.source == "ours"}
    assert list(ours) == names
    assert table.columns == ("mean AUC", "AUC 2013-07-01", "mean PR AUC")
    assert ours["rhythm"]["mean AUC"].value > 0.9  # who stopped is seen at once  # type: ignore[operator]
    assert ours["rhythm"]["mean AUC"].low <= ours["rhythm"]["mean AUC"].value  # type: ignore[operator]
    assert [line.name for line in gains.lines] == ["rhythm - logistic_regression", "rhythm+text - rhythm"]
    assert not gains.lines[1].figures["mean AUC"].is_above_zero  # the texts of this shop say nothing of coming back
    assert "Inflated" in everybody.note
    assert report.evaluations["leaks"]["rhythm"]["is_leaking"] is False
    assert json.loads(json.dumps(report.asdict()))["facts"]["customers"] == 80


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    path = tmp_path / "few.json"
    path.write_bytes(
        b'{"reviewerID":"A","asin":"X","overall":4,"reviewText":"Fine","summary":"","unixReviewTime":1193545600}'
    )
    with pytest.raises(InputError, match="one class only"):
        returns.run([path], tmp_path)
    with pytest.raises(SettingsError, match="'lstm' is none of this protocol's"):
        returns.run([path], tmp_path, ["lstm"])


def test_the_rows_and_the_simplest_baseline_are_those_of_the_baselines_page(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "Musical_Instruments_5.json"
    if not path.exists():
        pytest.skip(f"no {path.name} in the folder of real data")
    reviews = raw.read_reviews(path).assign(sentiment=0.0)
    data = {cutoff: returns.data_at(reviews, cutoff, 5) for cutoff in returns.CUTOFFS}
    assert [len(rows.answers) for rows in data.values()] == [652, 824, 1_020]
    for (cutoff, rows), (auc, pr_auc) in zip(data.items(), returns._PUBLISHED["-recency"], strict=True):
        scores = -rows.test["recency_days"].to_numpy()
        assert returns.estimate("roc_auc", rows.answers, scores, draws=2).value == pytest.approx(auc, abs=6e-4), cutoff
        assert returns.estimate("pr_auc", rows.answers, scores, draws=2).value == pytest.approx(pr_auc, abs=6e-4)
