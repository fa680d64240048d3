"""Models that learned from an erased person: flagged for the next training, and removed where their files hold her words."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from profiling import stages
from profiling.behaviour import registry
from profiling.behaviour.models import load_model
from profiling.behaviour.models.contract import TEXT, KeepsWords
from profiling.behaviour.models.customer_profiler import CustomerProfilerModel
from profiling.behaviour.models.tfidf import TfidfLogisticRegression
from profiling.behaviour.opinion import learned_prefixes
from profiling.lake import Lake
from profiling.rights import requests
from profiling.settings import Settings
from profiling.stages import _promote, _train
from profiling.stages._step import begin
from profiling.status import status
from tests import leaks
from tests.rights.erasing import DAYS, NAMES, PRIVATE, event, lines, write

pytestmark = [pytest.mark.slow, pytest.mark.long]

OTHERS = [
    "The lamp gives good light",
    "The lamp gives no light",
    "Good light and a good price",
    "No light at this price",
]


def fitted(texts: list[str], model: KeepsWords) -> KeepsWords:
    return model.fit(pd.DataFrame({TEXT: texts}), np.arange(len(texts)) % 2)  # type: ignore[attr-defined]


def in_service(
    settings: Settings, model: KeepsWords, as_of: str, learned: bytes | None = None, is_older: bool = False
) -> str:
    """Lay a model into the lake as a training and a promotion do; its sha."""
    lake = Lake(settings.lake)
    found = {
        "target": "satisfied", "as_of": as_of, "model": "tfidf_logistic_regression", "metric": "roc_auc",
        "holdout": {"metrics": {"roc_auc": {"value": 0.8}}},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model.save(folder)  # type: ignore[attr-defined]
        (folder / _train.EVALUATION).write_text(json.dumps(found))
        if learned is not None:
            (folder / registry.LEARNED).write_bytes(learned)
        sha = _train._sha_of(folder, *([(_train.CARD,)] if is_older else []))
        lake.put_folder(registry.artefact_folder("satisfied", as_of, sha), folder)
    lake.update(
        "models", "satisfied", lambda held: _promote.with_decision(held, found, sha, registry.PROMOTED, "first")
    )
    return sha


@pytest.fixture
def shop(settings: Settings) -> Settings:
    her = {"customer": NAMES[0]}
    rows = [event(n, f"c{n}", DAYS[0], "review", text=text, rating=4) for n, text in enumerate(OTHERS)]
    rows.append(event(90, NAMES[0], DAYS[0], "review", text=PRIVATE, rating=1, identifiers=her))
    write(settings, "events", DAYS[0], "rows.jsonl", lines(rows))
    stages.ingest(settings, DAYS[0])
    return settings.model_copy(update={"mlflow_uri": f"sqlite:///{Path(settings.lake).parent}/mlflow.db"})


def test_a_model_with_her_words_is_removed_and_one_without_is_flagged(shop: Settings) -> None:
    before = in_service(shop, fitted(OTHERS, TfidfLogisticRegression()), "2026-06-01")
    tells = in_service(shop, fitted([*OTHERS, PRIVATE, PRIVATE], TfidfLogisticRegression()), DAYS[1])
    silent = in_service(shop, fitted(OTHERS, TfidfLogisticRegression()), DAYS[2])
    mirrored(shop, tells)
    request = requests.ask(shop, [f"customer:{NAMES[0]}"]).id
    done = stages.erase(shop, request).receipt
    assert done
    assert done["models"] == [f"satisfied/{DAYS[1]}/{tells}", f"satisfied/{DAYS[2]}/{silent}"]
    assert (done["counts"]["models that learned from the person"], done["counts"]["models removed"]) == (2, 1)
    lake = Lake(shop.lake)
    kept = {key.split("/")[3] for key in lake.keys("_models") if key.count("/") == 4}
    assert kept == {before, silent}
    champion = registry.champion(lake.read("models"), "satisfied", DAYS[2])
    assert champion is not None
    assert champion.sha == before, "the one before speaks again"
    flagged = status(shop)["models that learned from people erased since"]
    assert list(flagged) == [f"satisfied as of {DAYS[1]}", f"satisfied as of {DAYS[2]}"]
    assert leaks.find([Path(shop.lake), Path(shop.lake).parent / "mlflow"], ["quetzalcoatlus", "Balthasar"]) == []


@pytest.mark.parametrize("is_older", [False, True], ids=["", "named by its list too"])
def test_a_models_list_of_texts_loses_those_that_she_alone_wrote(shop: Settings, is_older: bool) -> None:
    lake = Lake(shop.lake)
    rows = lake.read("interactions", [], ["text", "text_hash"]).set_index("text")["text_hash"]
    learned = learned_prefixes(rows.to_numpy())
    sha = in_service(shop, fitted(OTHERS, TfidfLogisticRegression()), DAYS[1], learned, is_older)
    request = requests.ask(shop, [f"customer:{NAMES[0]}"]).id
    counts = stages.erase(shop, request).counts
    assert counts.get("models' lists of texts") == (None if is_older else 1)
    _, _, left = _train.load_with_learned(begin(shop, DAYS[2]), "satisfied", DAYS[1], sha)
    assert left == {text_hash[:8] for text_hash in (rows if is_older else rows.drop(PRIVATE))}
    assert rows[PRIVATE][:8] in json.loads(learned)


def mirrored(settings: Settings, sha: str) -> None:
    """A run of MLflow with the model's files, as the mirror writes it."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=settings.mlflow_uri)
    place = Path(settings.lake).parent / "mlflow"
    number = client.create_experiment("satisfied", artifact_location=place.as_uri())
    run = client.create_run(number, tags={"sha": sha})
    with tempfile.TemporaryDirectory() as made:
        Lake(settings.lake).fetch_folder(registry.artefact_folder("satisfied", DAYS[1], sha), Path(made))
        client.log_artifacts(run.info.run_id, made)
    assert leaks.find([place], ["quetzalcoatlus"])


MODELS = [TfidfLogisticRegression(), CustomerProfilerModel(epochs=1, hidden=4, embedding=4)]


def test_a_training_anew_takes_the_flag_away(shop: Settings) -> None:
    stages.features(shop, DAYS[0])
    stages.train(shop, DAYS[0], "satisfied")
    lake = Lake(shop.lake)
    flag = registry.retrain_flag("satisfied", DAYS[0])
    lake.put_json(flag, {"sha": "0" * 16, "request": "none"})
    stages.train(shop, DAYS[0], "satisfied")
    assert lake.get_json(flag) is None


@pytest.mark.parametrize("model", MODELS, ids=["tfidf", "lstm"])
def test_a_model_names_the_words_in_its_files(model: KeepsWords, tmp_path: Path) -> None:
    fitted([*OTHERS, PRIVATE, PRIVATE], model).save(tmp_path)  # type: ignore[attr-defined]
    again = load_model(tmp_path)
    assert isinstance(again, KeepsWords)
    assert "quetzalcoatlus" in again.vocabulary() & set(again.words(PRIVATE))
    assert leaks.find([tmp_path], ["quetzalcoatlus"])
