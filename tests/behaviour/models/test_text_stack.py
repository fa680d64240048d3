"""What the stack of texts is made of, against sums done by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from profiling.behaviour.models import _files, load_model, text_stack
from profiling.behaviour.models.contract import TEXT
from profiling.behaviour.models.text_stack import TextStack

TEXTS = ["Good! Not bad at all, good", "bad bad", "", "质量很好，good", "质量太差了! 不好"]


@pytest.mark.parametrize("analyse", text_stack._ANALYSERS.values(), ids=text_stack._ANALYSERS)
@pytest.mark.parametrize("fewest", [1, 2])
def test_terms_are_counted_as_scikit_learn_does(analyse: Callable[[str], list[str]], fewest: int) -> None:
    names, counts = text_stack._counted(TEXTS, analyse, fewest)
    theirs = CountVectorizer(analyzer=analyse, min_df=fewest).fit(TEXTS)
    assert names == theirs.get_feature_names_out().tolist()
    assert counts.toarray().tolist() == theirs.transform(TEXTS).toarray().tolist()
    again = text_stack._count(TEXTS, analyse, {name: at for at, name in enumerate(names)})
    assert (again != counts).nnz == 0  # new texts are counted by other code than those that are learned from


def test_a_term_of_one_class_is_heavier_than_one_of_both() -> None:
    """`a` stands in both texts of label 1 and in none of 0, `b` in one and in two; one is added to each."""
    _, counts = text_stack._counted(["a", "a b", "b", "b"], str.split, 1)
    ratios = text_stack._class_ratios(counts, np.array([1, 1, 0, 0]))
    assert ratios == pytest.approx(np.log([(3 / 5) / (1 / 4), (2 / 5) / (3 / 4)]))


def of_lengths() -> tuple[pd.DataFrame, np.ndarray]:
    """Texts of 1 to 200 letters, good where they are neither short nor long; no word but one stands in two of them."""
    lengths = np.arange(1, 201)
    is_good = (lengths > 40) & (lengths < 120)
    return pd.DataFrame({TEXT: ["ok " + "a" * each for each in lengths]}), is_good.astype(int)


def test_a_length_may_be_good_in_the_middle() -> None:
    inputs, labels = of_lengths()
    chances = TextStack().fit(inputs, labels).predict_proba(inputs)
    assert chances[labels == 1].mean() > chances[labels == 0].mean() + 0.3
    assert chances[:20].max() < chances[60:100].min() > chances[-20:].max()


def test_a_model_from_before_the_knots_reads_as_it_did(tmp_path: Path) -> None:
    inputs, labels = of_lengths()
    model = TextStack().fit(inputs, labels)
    knots = len(model._dense["knots"])
    assert knots == 5
    model._dense = {name: array[:-knots] for name, array in model._dense.items()} | {"knots": np.zeros(0)}
    model.save(tmp_path / "new")
    saved = _files.read(tmp_path / "new")
    arrays = _files.arrays_from_bytes(saved["files"][text_stack._WEIGHTS])
    del arrays["meaning_knots"]
    saved["files"][text_stack._WEIGHTS] = _files.arrays_to_bytes(arrays)
    _files.write(tmp_path / "old", saved["name"], saved["params"], saved["state"], saved["files"])
    assert load_model(tmp_path / "old").predict_proba(inputs).tolist() == model.predict_proba(inputs).tolist()
    assert load_model(tmp_path / "old").explain(inputs[:3]) == model.explain(inputs[:3])
