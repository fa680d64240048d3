"""Splits that keep customers and times apart, and pipelines with a planted leak that must be caught."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.behaviour.leaks import knows_the_future, leak_report
from profiling.behaviour.splits import Split, forward_chaining, grouped_folds, temporal
from profiling.errors import InputError


def test_temporal_trains_on_labels_that_were_settled_by_the_cutoff() -> None:
    times = np.array([0, 10, 20, 30, 30, 40])
    split = temporal(times, cutoff=30, horizon=10)
    assert split.train.tolist() == [0, 1, 2]
    assert split.test.tolist() == [3, 4]
    assert temporal(times, 30, 11).train.tolist() == [0, 1]
    with pytest.raises(InputError, match="0 rows to learn from and 2 to test on"):
        temporal(times, 30, 40)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_folds_never_share_a_customer_and_cover_all_rows_once(seed: int, folds: int) -> None:
    generator = np.random.default_rng(seed)
    groups, labels = generator.integers(0, 30, 200), generator.integers(0, 2, 200)
    splits = grouped_folds(labels, groups, folds, seed)
    assert len(splits) == folds
    for split in splits:
        assert set(groups[split.train]) & set(groups[split.test]) == set()
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(200))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_forward_chaining_keeps_customers_and_times_apart(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups, times = generator.integers(0, 20, 400), generator.integers(0, 100, 400)
    splits = forward_chaining(times, groups, [50, 70], horizon=10, folds=3, seed=seed)
    assert len(splits) == 6
    for split, (start, end) in zip(splits, [(50, 70)] * 3 + [(70, 100)] * 3, strict=True):
        assert set(groups[split.train]) & set(groups[split.test]) == set()
        assert times[split.train].max() + 10 <= start
        assert start <= times[split.test].min()
        assert times[split.test].max() < end or end == 100
    assert sorted(np.concatenate([split.test for split in splits])) == np.flatnonzero(times >= 50).tolist()


def test_splits_that_cannot_be_made_are_said() -> None:
    with pytest.raises(InputError, match="3 folds of 2 groups"):
        grouped_folds(np.array([0, 1]), np.array(["a", "b"]), 3)
    with pytest.raises(InputError, match="3 folds of 2 groups"):
        forward_chaining(np.array([0, 1]), np.array(["a", "b"]), [1], 0, folds=3)
    with pytest.raises(InputError, match="ascending"):
        forward_chaining(np.array([0, 1]), np.array(["a", "b"]), [2, 1], 0)


class World:
    """400 rows of 100 customers at four times, one honest feature and much noise."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.groups, self.times = np.tile(np.arange(100), 4), np.repeat(np.arange(4), 100)
        self.labels = generator.integers(0, 2, 400)
        self.honest = self.labels + generator.normal(0, 1.2, 400)
        self.noise = generator.normal(0, 1, (400, 2000))
        self.splits = [temporal(self.times, cutoff, 1) for cutoff in (2, 3)]

    def fit_honestly(self, labels: np.ndarray, split: Split) -> np.ndarray:
        """The feature, turned the way the training rows say."""
        sign = np.corrcoef(self.honest[split.train], labels[split.train])[0, 1]
        return np.sign(sign) * self.honest[split.test]

    def select_on_all_labels(self, labels: np.ndarray, split: Split) -> np.ndarray:
        """The classic: the noise that goes best with the labels, of test rows too (Ambroise and McLachlan, PNAS 2002)."""
        fit = (labels - labels.mean()) @ self.noise
        best = np.argsort(-np.abs(fit))[:10]
        return self.noise[split.test][:, best] @ fit[best]


def test_an_honest_pipeline_is_above_chance_and_its_nulls_are_chance() -> None:
    world = World()
    report = leak_report(world.fit_honestly, world.labels, world.splits, world.times)
    assert report.auc > 0.65
    assert report.shuffled.is_chance
    assert report.shifted.is_chance
    assert report.is_above_chance
    assert not report.is_leaking


def test_a_planted_leak_is_caught() -> None:
    world = World()
    report = leak_report(world.select_on_all_labels, world.labels, world.splits, world.times)
    assert report.auc > 0.75  # looks splendid
    assert report.is_leaking
    assert not report.is_above_chance  # and says nothing that it does not also say of torn labels
    assert report.asdict()["is_leaking"] is True


def test_a_model_that_knows_nothing_is_neither() -> None:
    world = World()
    report = leak_report(lambda labels, split: world.noise[split.test, 0], world.labels, world.splits, world.times)
    assert not report.is_above_chance
    assert not report.is_leaking


def test_a_feature_that_knows_the_future_is_named() -> None:
    events = pd.DataFrame({"customer": list("aabbc"), "day": [1, 9, 2, 3, 9], "amount": [5.0, 7.0, 1.0, 2.0, 4.0]})

    def honest(frame: pd.DataFrame, cutoff: int) -> pd.DataFrame:
        past = frame[frame["day"] < cutoff]
        return past.groupby("customer")["amount"].agg(total="sum", count="size")

    def leaking(frame: pd.DataFrame, cutoff: int) -> pd.DataFrame:
        return honest(frame, cutoff).assign(total=frame.groupby("customer")["amount"].sum())

    assert knows_the_future(honest, events, 5, "day") == []
    assert knows_the_future(leaking, events, 5, "day") == ["total"]
    assert knows_the_future(lambda f, c: f.groupby("customer")["amount"].agg(n="size"), events, 5, "day") == [
        "<rows>",
        "n",
    ]


def test_what_a_leak_test_cannot_tell_is_said() -> None:
    world = World()
    with pytest.raises(InputError, match="100% of the rows are alone in their time"):
        leak_report(world.fit_honestly, world.labels, world.splits, np.arange(400))
    with pytest.raises(InputError, match="one class only"):
        leak_report(lambda labels, split: world.honest[split.test], np.ones(400), world.splits, world.times)
