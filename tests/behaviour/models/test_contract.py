"""What every model keeps to. One suite for all of them; a new model is one line in `worlds.CASES`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from profiling.behaviour.models import MODELS, load_model, make
from profiling.behaviour.models.contract import TEXT, Model
from profiling.errors import InputError, SettingsError
from tests.behaviour.models.worlds import CASES, WORLDS, Case


@pytest.fixture(scope="module", params=CASES, ids=[f"{case.name}-{n}" for n, case in enumerate(CASES)])
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(scope="module")
def model(case: Case) -> Model:
    """Fitted on the tiny world. Tests only look at it."""
    return case.make().fit(case.world.inputs, case.world.labels)


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "saved")
    return tmp_path / "saved"


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_model_is_enrolled() -> None:
    assert {case.name for case in CASES} == set(MODELS)
    assert all(MODELS[name].name == name for name in MODELS)


def test_it_is_a_model(model: Model, case: Case) -> None:
    assert isinstance(model, Model)
    assert model.reads in WORLDS
    assert model.params.items() >= case.params.items()
    assert "seed" in model.params
    assert json.loads(json.dumps(model.params)) == model.params
    assert make(case.name, **model.params).params == model.params


def test_it_learns_the_obvious(model: Model, case: Case) -> None:
    world = case.world
    probabilities = model.predict_proba(world.inputs)
    assert probabilities.shape == (len(world.inputs),)
    assert probabilities.dtype == np.float64
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert roc_auc_score(world.labels, probabilities) > 0.99
    assert model.predict_proba(world.no)[0] < 0.25 < 0.75 < model.predict_proba(world.yes)[0]


def test_the_same_rows_give_the_same_files(case: Case, saved: Path, tmp_path: Path) -> None:
    np.random.seed(1)  # whatever the caller's dice show
    case.make().fit(case.world.inputs.copy(), case.world.labels.astype(bool)).save(tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(saved)


def test_a_row_does_not_depend_on_its_neighbours(model: Model, case: Case) -> None:
    inputs = case.world.inputs
    together = model.predict_proba(inputs)
    order = np.random.default_rng(3).permutation(len(inputs))
    np.testing.assert_array_equal(model.predict_proba(inputs.iloc[order]), together[order])
    for size in (1, 3, 65):
        np.testing.assert_array_equal(model.predict_proba(inputs.iloc[:size]), together[:size])


def test_it_comes_back_bit_for_bit(model: Model, case: Case, saved: Path, tmp_path: Path) -> None:
    loaded = load_model(saved)
    assert type(loaded) is type(model)
    assert loaded.params == model.params
    np.testing.assert_array_equal(loaded.predict_proba(case.world.inputs), model.predict_proba(case.world.inputs))
    assert loaded.explain(case.world.yes) == model.explain(case.world.yes)
    loaded.save(tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(saved)


def test_explanations_add_up(model: Model, case: Case) -> None:
    world = case.world
    some = pd.concat([world.yes, world.no, world.inputs.iloc[:10]], ignore_index=True)
    explained, probabilities = model.explain(some), model.predict_proba(some)
    assert len(explained) == len(some)
    for one, probability in zip(explained, probabilities, strict=True):
        total = one.base + sum(each.amount for each in one.contributions)
        assert total == pytest.approx(one.score, abs=one.tolerance)
        assert one.tolerance <= 0.01
        expected = 1 / (1 + np.exp(-one.score)) if one.scale == "log_odds" else min(1.0, max(0.0, one.score))
        assert expected == pytest.approx(probability, abs=1e-12)
        sizes = [abs(each.amount) for each in one.contributions]
        assert sizes == sorted(sizes, reverse=True)
        assert len({each.name for each in one.contributions}) == len(one.contributions)
        assert all(type(each.amount) is float and type(each.value) in (float, type(None)) for each in one.contributions)


def test_explanations_name_the_reason(model: Model, case: Case) -> None:
    """A model whose base is already `no` needs no reason for a no: of the two rows the one farther from the base must name
    what decided it before all else, and the other must not name it for the opposite."""
    world = case.world
    rows = zip(model.explain(world.yes) + model.explain(world.no), world.reason, (1, -1), strict=True)
    (far, reason, sign), (near, other, other_sign) = sorted(rows, key=lambda row: -abs(row[0].score - row[0].base))

    def is_of(name: str, reason: str) -> bool:
        # Characters are part of a word, and it may be part of a term.
        return name in case.also or name.strip() in reason or reason in name

    assert is_of(far.contributions[0].name, reason)
    assert far.contributions[0].amount * sign > 0
    assert sum(each.amount * other_sign for each in near.contributions if is_of(each.name, other)) > -0.05


def test_no_rows_are_no_answers(model: Model, case: Case) -> None:
    assert model.predict_proba(case.world.inputs.iloc[:0]).shape == (0,)
    assert model.explain(case.world.inputs.iloc[:0]) == []


def test_what_is_not_known_is_answered_too(model: Model, case: Case) -> None:
    nothing = pd.DataFrame({name: [None] for name in case.world.inputs.columns})
    (probability,), (explained,) = model.predict_proba(nothing), model.explain(nothing)
    assert 0 <= probability <= 1
    assert explained.base + sum(each.amount for each in explained.contributions) == pytest.approx(
        explained.score, abs=explained.tolerance
    )


def test_other_columns_and_their_order_do_not_matter(model: Model, case: Case) -> None:
    inputs = case.world.inputs
    wider = inputs.assign(unrelated="x")[["unrelated", *reversed(inputs.columns)]]
    np.testing.assert_array_equal(model.predict_proba(wider), model.predict_proba(inputs))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros(ROWS := 20), "all 20 labels are 0; a model needs rows of both classes"),
        (np.array([0, 1] * 9 + [np.nan, np.nan]), "2 of 20 labels are NaN; leave out"),
        (np.array([0, 1, 2, 5] * 5), "labels hold 2, 5; they must be 0 and 1"),
        (np.array(["yes", "no"] * 10), "they must be the numbers 0 and 1"),
        (np.array([0, 1]), "20 rows and 2 labels"),
    ],
    ids=["one-class", "nan", "other-numbers", "words", "another-length"],
)
def test_labels_it_cannot_learn_from(case: Case, labels: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        case.make().fit(case.world.inputs.iloc[:ROWS], labels)


def test_nothing_to_learn_from(case: Case) -> None:
    with pytest.raises(InputError, match="there are no rows to learn from"):
        case.make().fit(case.world.inputs.iloc[:0], np.zeros(0))


def test_missing_columns_are_named(model: Model, case: Case) -> None:
    name = case.world.inputs.columns[0]
    with pytest.raises(InputError, match=rf"{name}.* missing"):
        model.predict_proba(case.world.inputs.drop(columns=name))


def test_columns_it_cannot_read_are_named(case: Case) -> None:
    world, name = case.world, case.world.inputs.columns[0]
    value = 3 if name == TEXT else "blue"
    with pytest.raises(InputError, match=name):
        case.make().fit(world.inputs.assign(**{name: value}), world.labels)
    if name != TEXT:
        with pytest.raises(InputError, match=f"columns {name} hold infinite values"):
            case.make().fit(world.inputs.assign(**{name: np.inf}), world.labels)


def test_unfitted(case: Case, tmp_path: Path) -> None:
    fresh = case.make()
    for ask in (fresh.predict_proba, fresh.explain):
        with pytest.raises(InputError, match=f"{case.name} has not learned anything yet"):
            ask(case.world.inputs)
    with pytest.raises(InputError, match="has not learned anything yet"):
        fresh.save(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_damaged_files_are_refused(saved: Path) -> None:
    for name, content in files_of(saved).items():
        path = saved / name
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        for damage in (flipped, content[:-20], b""):
            path.write_bytes(damage)
            with pytest.raises(InputError, match=name):
                load_model(saved)
        path.unlink()
        with pytest.raises(InputError, match=rf"{name} cannot be read"):
            load_model(saved)
        path.write_bytes(content)
    load_model(saved)


def test_a_foreign_folder_is_refused(case: Case, saved: Path, tmp_path: Path) -> None:
    other = next(name for name in MODELS if name != case.name)
    with pytest.raises(InputError, match=f"holds a {case.name} and no {other}"):
        MODELS[other].load(saved)
    with pytest.raises(InputError, match=r"model\.json cannot be read"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text('{"name": "a model of somebody else"}')
    with pytest.raises(InputError, match="is no saved model"):
        load_model(tmp_path)


def test_nothing_is_pickled(saved: Path) -> None:
    names = set(files_of(saved))
    assert "model.json" in names
    assert {Path(name).suffix for name in names} <= {".json", ".safetensors", ".txt"}


def test_names_and_params_that_do_not_exist() -> None:
    with pytest.raises(SettingsError, match=r"no model 'oracle'; take one of .*lightgbm"):
        make("oracle")
    with pytest.raises(SettingsError, match="lightgbm has no param depth; it has trees"):
        make("lightgbm", depth=3)
    with pytest.raises(SettingsError, match="terms='syllables' is none of words, characters, jieba"):
        make("tfidf_logistic_regression", terms="syllables")
    with pytest.raises(SettingsError, match="tokenizer='klingon' is none of english, jieba"):
        make("customer_profiler", tokenizer="klingon")


def test_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, profiling.behaviour.models as models; list(models.MODELS); 'lightgbm' in models.MODELS;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    assert "profiling" in loaded
    assert loaded & {"torch", "sklearn", "lightgbm", "nltk", "jieba", "safetensors", "scipy"} == set()
