"""Metrics against hand-computed answers, scikit-learn and scipy; intervals against a simulation."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from profiling.behaviour.evaluation import choose_threshold, difference, estimate, evaluate, reliability
from profiling.behaviour.metrics import METRICS, Rows, roc_auc
from profiling.errors import InputError

# Four rows whose every answer can be worked out by eye: one pair of four is in the wrong order.
LABELS = np.array([0, 0, 1, 1])
SCORES = np.array([0.1, 0.6, 0.4, 0.9])


def some_rows(seed: int, n: int = 500, decimals: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities that know something of them, with many ties."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < 0.3).astype(int)
    scores = np.clip(0.3 + 0.2 * labels + generator.normal(0, 0.2, n), 0, 1).round(decimals)
    return labels, scores


def test_four_rows_by_hand() -> None:
    found = {name: figure.value for name, figure in evaluate(LABELS, SCORES, draws=10).metrics.items()}
    assert found == {
        "accuracy": pytest.approx(2 / 4),
        "precision": pytest.approx(1 / 2),
        "recall": pytest.approx(1 / 2),
        "f1": pytest.approx(1 / 2),
        "macro_f1": pytest.approx(1 / 2),
        "roc_auc": pytest.approx(3 / 4),
        "pr_auc": pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3),
        "pr_auc_low": pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3),
        "log_loss": pytest.approx(-(math.log(0.9) + math.log(0.4) + math.log(0.4) + math.log(0.9)) / 4),
        "brier": pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4),
        "calibration_error": pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4),
    }


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int) -> None:
    labels, scores = some_rows(seed)
    found = {name: figure.value for name, figure in evaluate(labels, scores, draws=2).metrics.items()}
    decided = scores >= 0.5
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, decided))
    assert found["precision"] == pytest.approx(sk.precision_score(labels, decided))
    assert found["recall"] == pytest.approx(sk.recall_score(labels, decided))
    assert found["f1"] == pytest.approx(sk.f1_score(labels, decided))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(labels, decided, average="macro"))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(labels, scores))
    assert found["pr_auc"] == pytest.approx(sk.average_precision_score(labels, scores))
    assert found["pr_auc_low"] == pytest.approx(sk.average_precision_score(1 - labels, 1 - scores))
    assert found["log_loss"] == pytest.approx(sk.log_loss(labels, np.clip(scores, 1e-15, 1 - 1e-15)))
    assert found["brier"] == pytest.approx(sk.brier_score_loss(labels, scores))


def test_the_auc_is_the_u_statistic_of_mann_and_whitney() -> None:
    labels, scores = some_rows(9)
    u = stats.mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    assert estimate("roc_auc", labels, scores, draws=2).value == pytest.approx(
        u / ((labels == 1).sum() * (labels == 0).sum())
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 5).map(lambda n: n / 5), st.integers(0, 3)), min_size=2, max_size=30
    )
)
def test_a_weight_is_as_many_copies_of_the_row(rows: list[tuple[int, float, int]]) -> None:
    """What the bootstrap rests on: weights give what repeating the rows gives, undefined included."""
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    whole = Rows(labels, scores)
    repeated = np.repeat(np.arange(len(labels)), weights)
    if not len(repeated):
        return
    for name in METRICS.keys() - {"calibration_error"}:  # its bins are those of the rows as they are
        weighted = METRICS[name](whole, weights[None, :].astype(float))
        copied = METRICS[name](whole.take(repeated), np.ones((1, len(repeated))))
        np.testing.assert_allclose(weighted, copied, err_msg=name)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40))
def test_the_auc_sees_order_only_and_turns_with_it(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    one = np.ones((1, len(rows)))
    auc = roc_auc(Rows(labels, scores), one)
    np.testing.assert_allclose(roc_auc(Rows(labels, np.exp(scores)), one), auc)
    np.testing.assert_allclose(roc_auc(Rows(labels, -scores), one), 1 - auc)


def test_what_is_undefined_is_none_with_its_reason() -> None:
    sure = evaluate(np.ones(3), np.array([0.1, 0.2, 0.3]), draws=20).metrics
    assert (sure["roc_auc"].value, sure["roc_auc"].low) == (None, None)
    assert "one class only" in str(sure["roc_auc"].reason)
    assert (sure["precision"].value, sure["precision"].reason) == (None, "nothing was decided as label 1")
    assert sure["recall"].value == 0.0  # three ones, none found: that is a figure
    assert sure["f1"].value == 0.0
    none = evaluate(np.zeros(3), np.array([0.1, 0.2, 0.3]), draws=20).metrics
    assert {name for name, figure in none.items() if figure.value is None} == {
        "precision", "recall", "f1", "macro_f1", "roc_auc", "pr_auc",
    }  # fmt: skip
    assert all(figure.reason for figure in none.values() if figure.value is None)


def test_draws_in_which_a_figure_is_undefined_are_told() -> None:
    figure = estimate("roc_auc", np.array([1, 0, 0]), np.array([0.9, 0.1, 0.2]), draws=500)
    assert figure.value == 1.0
    assert "of the draws" in str(figure.reason)


def test_always_positive_has_the_macro_f1_of_the_baselines_page() -> None:
    labels = np.array([1] * 879 + [0] * 121)
    found = evaluate(labels, np.full(1000, 0.9), draws=2).metrics
    assert found["macro_f1"].value == pytest.approx(0.468, abs=5e-4)
    assert found["roc_auc"].value == 0.5


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """AUC of two unit normals one apart is Phi(1/sqrt 2); rows of a group share most of their score and label."""
    truth, generator, hits, narrow = stats.norm.cdf(1 / math.sqrt(2)), np.random.default_rng(0), 0, 0
    for trial in range(150):
        shared = np.repeat(np.arange(80), 4)
        label_of = generator.integers(0, 2, 80)
        scores = (label_of + generator.normal(0, 1, 80))[shared]
        grouped = estimate("roc_auc", label_of[shared], scores, groups=shared, draws=200, seed=trial)
        alone = estimate("roc_auc", label_of[shared], scores, draws=200, seed=trial)
        hits += grouped.low <= truth <= grouped.high  # type: ignore[operator]
        narrow += alone.low <= truth <= alone.high  # type: ignore[operator]
    assert 0.89 <= hits / 150 <= 0.99
    assert narrow / 150 < 0.8  # as if the copies were independent: what the groups are for


def test_the_same_seed_gives_the_same_interval_and_it_is_near_the_normal_one() -> None:
    labels, scores = some_rows(3, n=2000)
    first, again = estimate("accuracy", labels, scores), estimate("accuracy", labels, scores)
    assert first == again
    assert estimate("accuracy", labels, scores, seed=1) != first
    assert first.value is not None
    assert first.low is not None
    reach = 1.96 * math.sqrt(first.value * (1 - first.value) / 2000)
    assert first.value - first.low == pytest.approx(reach, rel=0.15)


def test_a_figure_over_folds_is_the_mean_of_the_folds() -> None:
    labels, scores = some_rows(4)
    folds = np.arange(len(labels)) % 3
    found = estimate("roc_auc", labels, scores, folds=folds, draws=50)
    by_hand = np.mean([sk.roc_auc_score(labels[folds == k], scores[folds == k]) for k in range(3)])
    assert found.value == pytest.approx(by_hand)


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    labels, scores = some_rows(5, n=1500, decimals=6)
    better = scores + 0.02 * (labels - 0.5)
    gain = difference("roc_auc", labels, better, scores, draws=300)
    a, b = (estimate("roc_auc", labels, s, draws=300) for s in (better, scores))
    assert gain.value == pytest.approx(a.value - b.value)  # type: ignore[operator]
    assert gain.is_above_zero
    assert a.low < b.high  # type: ignore[operator]  # the two intervals alone could not tell
    same = difference("roc_auc", labels, scores, scores, draws=50)
    assert (same.value, same.low, same.high, same.is_above_zero) == (0.0, 0.0, 0.0, False)


@pytest.mark.parametrize("metric", ["f1", "macro_f1"])
@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_is_the_best_of_all(metric: str, seed: int) -> None:
    labels, scores = some_rows(seed, n=80)
    average = "macro" if metric == "macro_f1" else "binary"

    def value(threshold: float) -> float:
        return sk.f1_score(labels, scores >= threshold, average=average, zero_division=0)

    assert value(choose_threshold(labels, scores, metric)) == pytest.approx(max(value(t) for t in np.unique(scores)))


def test_decisions_at_a_threshold_of_every_row() -> None:
    found = evaluate(LABELS, SCORES, threshold=np.array([0.5, 0.7, 0.3, 0.5]), draws=2).metrics
    assert (found["f1@t"].value, found["macro_f1@t"].value, found["f1"].value) == (1.0, 1.0, 0.5)


def test_reliability_of_a_calibrated_and_of_a_bold_model() -> None:
    generator = np.random.default_rng(1)
    chances = generator.random(5000)
    labels = (generator.random(5000) < chances).astype(int)
    table = reliability(labels, chances)
    assert [bin["rows"] for bin in table] == [500] * 10
    assert max(abs(bin["share"] - bin["mean_probability"]) for bin in table) < 0.07
    bold = (chances > 0.5).astype(float)
    assert [bin["rows"] for bin in reliability(labels, bold)] == [(bold == 0).sum(), (bold == 1).sum()]
    assert estimate("calibration_error", labels, bold, draws=2).value == pytest.approx(0.25, abs=0.02)


def test_a_thousand_draws_of_ten_thousand_rows_take_seconds() -> None:
    labels, scores = some_rows(6, n=10_000, decimals=8)
    begun = time.process_time()
    estimate("roc_auc", labels, scores, groups=np.arange(10_000) // 7)
    assert time.process_time() - begun < 8


def test_an_evaluation_is_plain_json() -> None:
    document = json.loads(json.dumps(evaluate(LABELS, SCORES, draws=5, groups=np.array(["a", "a", "b", "b"])).asdict()))
    assert (document["rows"], document["positives"], document["groups"], document["folds"]) == (4, 2, 2, 1)
    assert set(document["metrics"]["roc_auc"]) == {"value", "low", "high", "reason"}


@pytest.mark.parametrize(
    ("labels", "scores", "options", "sentence"),
    [
        ([0, 1], [0.5], {}, "one each"),
        ([], [], {}, "at least one row"),
        ([0, 2], [0.5, 0.5], {}, "labels must be 0 or 1; found [2.0]"),
        ([0, 1], [0.5, math.nan], {}, "not finite"),
        ([0, 1], [0.5, 1.5], {}, "must lie in 0 to 1"),
        ([0, 1], [0.5, 0.5], {"groups": np.array([1])}, "1 groups for 2 rows"),
        ([0, 1], [0.5, 0.5], {"folds": np.array([1])}, "1 folds for 2 rows"),
    ],
)
def test_wrong_input_is_said(labels: list, scores: list, options: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("[", r"\[").replace("]", r"\]")):
        evaluate(np.array(labels), np.array(scores), **options)


def test_a_metric_or_threshold_that_does_not_exist_is_said() -> None:
    with pytest.raises(InputError, match="there are accuracy"):
        estimate("auc", LABELS, SCORES)
    with pytest.raises(InputError, match="take f1 or macro_f1"):
        choose_threshold(LABELS, SCORES, "accuracy")
    with pytest.raises(InputError, match="both classes"):
        choose_threshold(np.ones(2), np.ones(2))
