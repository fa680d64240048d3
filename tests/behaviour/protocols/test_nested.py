"""Nothing of a test row, and nothing of its customer, helps to choose anything."""

import numpy as np
import pytest

from profiling.behaviour.evaluation import estimate
from profiling.behaviour.protocols.nested import Recipe, World, measured
from profiling.behaviour.splits import grouped_folds


class Watched:
    """300 rows of 60 customers, two parts that each know something, and a record of who learned from whom."""

    def __init__(self) -> None:
        generator = np.random.default_rng(1)
        self.groups = np.arange(300) // 5
        self.labels = generator.integers(0, 2, 300)
        self.first = self.labels + generator.normal(0, 1, 300)
        self.second = self.labels + generator.normal(0, 1, 300)
        self.calls: list[tuple[np.ndarray, np.ndarray]] = []

    def part(self, values: np.ndarray, scale: float):  # type: ignore[no-untyped-def]
        def score(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            self.calls.append((train, test))
            return scale * (values[test] - values[train].mean())

        return score

    def world(self) -> World:
        parts = {"first": self.part(self.first, 1.0), "second": self.part(self.second, 50.0)}
        recipes = {
            "first": Recipe(("first",)),
            "plain": Recipe(("first",), has_threshold=False),
            "mean": Recipe(("first", "second")),
            "stack": Recipe(("first", "second"), is_stack=True),
        }
        return World(self.labels, self.groups, parts, recipes, {})


def test_learning_and_scoring_never_share_a_customer_and_parts_learn_once() -> None:
    watched = Watched()
    splits = grouped_folds(watched.labels, watched.groups)
    measured(watched.world(), ["first", "mean", "stack"], splits)
    assert len(watched.calls) == 5 * (1 + 5) * 2
    for train, test in watched.calls:
        assert set(watched.groups[train]) & set(watched.groups[test]) == set()


def test_a_stack_weighs_what_a_mean_cannot() -> None:
    watched = Watched()
    scores = measured(watched.world(), ["first", "mean", "stack"], grouped_folds(watched.labels, watched.groups))
    auc = {
        name: estimate("roc_auc", watched.labels, each.probabilities, draws=2).value for name, each in scores.items()
    }
    assert auc["stack"] > auc["first"] + 0.03  # type: ignore[operator]
    assert auc["stack"] > auc["mean"] + 0.02  # type: ignore[operator]  # the second part shouts the first down


def test_the_threshold_comes_from_training_rows() -> None:
    watched = Watched()
    splits = grouped_folds(watched.labels, watched.groups)
    before = measured(watched.world(), ["first", "stack"], splits[:1])
    watched.labels[splits[0].test] = 1 - watched.labels[splits[0].test]
    after = measured(watched.world(), ["first", "stack"], splits[:1])
    for name in before:
        np.testing.assert_array_equal(before[name].probabilities, after[name].probabilities)
        np.testing.assert_array_equal(before[name].thresholds, after[name].thresholds)
        assert np.isfinite(before[name].thresholds[splits[0].test]).all()
        assert np.isnan(before[name].probabilities[splits[1].test]).all()  # of folds that were not measured nothing


def test_without_a_threshold_no_inner_fold_is_trained() -> None:
    watched = Watched()
    scores = measured(watched.world(), ["plain"], grouped_folds(watched.labels, watched.groups))
    assert len(watched.calls) == 5
    assert np.isnan(scores["plain"].thresholds).all()
    assert scores["plain"].probabilities == pytest.approx(scores["plain"].probabilities.clip(0, 1))
