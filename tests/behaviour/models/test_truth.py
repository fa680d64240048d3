"""Models against answers known beforehand: parameters that made the data, sums done by hand."""

import numpy as np
import pandas as pd
import pytest

from profiling.behaviour.models import make
from profiling.behaviour.models.contract import TEXT
from profiling.behaviour.models.decision_tree import DecisionTree
from profiling.behaviour.models.linear import LinearRegression, LogisticRegression


def drawn(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """log odds = .5 + 2 a - 1 b, with a of mean 0 and sd 1, b of mean 10 and sd 5; c says nothing."""
    chance = np.random.default_rng(11)
    a, b, c = chance.normal(size=rows), 10 + 5 * chance.normal(size=rows), chance.normal(size=rows)
    probabilities = 1 / (1 + np.exp(-(0.5 + 2 * a - (b - 10) / 5)))
    return pd.DataFrame({"a": a, "b": b, "c": c}), (chance.random(rows) < probabilities).astype(int)


def test_logistic_regression_recovers_known_coefficients() -> None:
    inputs, labels = drawn(40_000)
    model = LogisticRegression(C=1e6, is_log1p=False).fit(inputs, labels)
    # Standard errors at 40,000 rows are about .02; 4 of them.
    assert model.coefficients == pytest.approx({"a": 2.0, "b": -1.0, "c": 0.0}, abs=0.08)
    (average,) = model.explain(inputs.mean().to_frame().T)
    assert average.score == pytest.approx(0.5, abs=0.08)
    assert average.base == pytest.approx(average.score, abs=1e-9)


def test_linear_regression_is_least_squares() -> None:
    inputs, labels = drawn(500)
    design = np.column_stack([np.ones(500), inputs])
    expected = design @ np.linalg.lstsq(design, labels, rcond=None)[0]
    model = LinearRegression(alpha=0.0, is_log1p=False).fit(inputs, labels)
    scores = [each.score for each in model.explain(inputs)]
    assert scores == pytest.approx(expected.tolist(), abs=1e-9)
    assert min(scores) < 0  # else the next line tests nothing
    assert model.predict_proba(inputs).tolist() == np.clip(scores, 0, 1).tolist()


def test_the_logarithm_pulls_tails_in_on_both_sides() -> None:
    inputs = pd.DataFrame({"x": [-99.0, 0.0, 99.0, 0.0]})
    model = LinearRegression().fit(inputs, np.array([0, 0, 1, 1]))
    amounts = [
        sum(c.amount for c in each.contributions) for each in model.explain(pd.DataFrame({"x": [-9.0, 9.0, 99.0]}))
    ]
    assert amounts[0] == pytest.approx(-amounts[1])
    assert amounts[2] == pytest.approx(2 * amounts[1])  # log 100 = 2 log 10


def test_a_missing_value_is_a_reason_of_its_feature() -> None:
    """Only those whose x is not known come back; what x is where it is known says nothing."""
    chance = np.random.default_rng(5)
    is_missing = np.arange(200) % 4 == 0
    inputs = pd.DataFrame({"x": np.where(is_missing, np.nan, chance.normal(size=200)), "y": chance.normal(size=200)})
    model = LogisticRegression(C=10).fit(inputs, is_missing.astype(int))
    (unknown,) = model.explain(pd.DataFrame({"x": [np.nan], "y": [0.0]}))
    assert (unknown.contributions[0].name, unknown.contributions[0].value) == ("x", None)
    assert unknown.contributions[0].amount > 1


def test_tree_contributions_by_hand() -> None:
    """Eight rows, a question each about a and b. Probabilities: root 3/8; a > .5 gives 3/4; then b > .5 gives 1."""
    inputs = pd.DataFrame({"a": [0, 0, 0, 0, 1, 1, 1, 1], "b": [0, 0, 1, 1, 0, 1, 1, 1]})
    model = DecisionTree(max_depth=2, min_rows=1).fit(inputs, np.array([0, 0, 0, 0, 0, 1, 1, 1]))
    (explained,) = model.explain(pd.DataFrame({"a": [1], "b": [1]}))
    assert explained.base == 3 / 8
    assert {each.name: each.amount for each in explained.contributions} == {"a": 3 / 4 - 3 / 8, "b": 1 - 3 / 4}
    assert explained.score == 1.0
    (low,) = model.explain(pd.DataFrame({"a": [0], "b": [1]}))
    assert [(each.name, each.amount) for each in low.contributions] == [("a", -3 / 8)]


def test_the_tree_answers_as_scikit_learn_does() -> None:
    from sklearn.tree import DecisionTreeClassifier

    inputs, labels = drawn(2_000)
    inputs = inputs.mask(np.random.default_rng(2).random(inputs.shape) < 0.1)
    ours = DecisionTree(max_depth=6, min_rows=5, seed=3).fit(inputs, labels)
    theirs = DecisionTreeClassifier(max_depth=6, min_samples_leaf=5, random_state=3).fit(inputs, labels)
    assert ours.predict_proba(inputs).tolist() == theirs.predict_proba(inputs)[:, 1].tolist()


def test_lightgbm_contributions_sum_to_its_own_score() -> None:
    import lightgbm

    inputs, labels = drawn(2_000)
    inputs = inputs.mask(np.random.default_rng(2).random(inputs.shape) < 0.1)
    model = make("lightgbm", trees=50).fit(inputs, labels)
    settings = {"objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 20, "seed": 0}
    settings |= {"deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1}
    theirs = lightgbm.train(settings, lightgbm.Dataset(inputs.to_numpy(), labels), num_boost_round=50)
    raw = theirs.predict(inputs.to_numpy(), raw_score=True)
    explained = model.explain(inputs)
    assert [each.score for each in explained] == pytest.approx(raw.tolist(), abs=1e-12)
    sums = [each.base + sum(c.amount for c in each.contributions) for each in explained]
    assert sums == pytest.approx(raw.tolist(), abs=1e-8)
    assert len({each.base for each in explained}) == 1


def test_tfidf_shares_by_hand() -> None:
    """Two words of equal rarity weigh 1/sqrt(2) each, so a text of both has the mean of their shares, times sqrt(2)."""
    inputs = pd.DataFrame({TEXT: ["good", "bad", "good", "bad"]})
    model = make("tfidf_logistic_regression").fit(inputs, np.array([1, 0, 1, 0]))
    both, good, unknown = model.explain(pd.DataFrame({TEXT: ["good bad", "good", "unheard"]}))
    assert both.score == pytest.approx(both.base)
    assert {c.name: c.value for c in both.contributions} == pytest.approx({"good": 0.5**0.5, "bad": 0.5**0.5})
    assert good.contributions[0].amount == pytest.approx(both.contributions[1].amount * 2**0.5)
    assert (unknown.score, unknown.contributions) == (unknown.base, ())


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("tfidf_logistic_regression", {"terms": "jieba"}),
        ("tfidf_logistic_regression", {"terms": "characters"}),
        ("customer_profiler", {"tokenizer": "jieba", "embedding": 8, "hidden": 12, "learning_rate": 0.02}),
    ],
)
def test_chinese(name: str, params: dict) -> None:
    inputs = pd.DataFrame({TEXT: ["我很喜欢这本书", "质量太差了"] * 60})
    model = make(name, **params).fit(inputs, np.array([1, 0] * 60))
    liked, disliked = model.predict_proba(pd.DataFrame({TEXT: ["我喜欢", "质量太差了"]}))
    assert liked > 0.7 > 0.3 > disliked
    (explained,) = model.explain(pd.DataFrame({TEXT: ["我很喜欢"]}))
    assert any("喜欢" in each.name and each.amount > 0 for each in explained.contributions)
