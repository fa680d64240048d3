"""The champion of `satisfied` scores the texts of the days it speaks for, and of no day that it could have learned from."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from profiling import stages
from profiling.behaviour import registry
from profiling.behaviour.models import make
from profiling.behaviour.models.contract import TEXT
from profiling.behaviour.opinion import NOT_BETTER, OLDER, learned_prefixes
from profiling.behaviour.registry import LEARNED
from profiling.behaviour.targets import TARGETS, Candidate
from profiling.lake import Lake
from profiling.settings import Settings
from profiling.stages import _promote, _train
from profiling.text.sentiment import NOT_IN_SERVICE, WAS_LEARNED
from tests.worlds import settings_in, tables

DAYS = ("2026-06-14", "2026-06-15", "2026-06-16")
GOOD, BAD = (
    ("lovely lamp with warm light", "warm light and lovely glass"),
    ("torn lamp with dim light", "dim light, torn glass"),
)


def deliver(settings: Settings, day: str, texts: list[tuple[str, int]], number: int) -> None:
    rows = [
        {
            "event_id": f"{number}-{at}",
            "identifiers": {"customer": f"C{at % 40}"},
            "occurred_at": f"{day}T10:00:00Z",
            "kind": "review",
            "rating": stars,
            "text": text,
        }
        for at, (text, stars) in enumerate(texts)
    ]
    folder = Path(settings.landing) / "events" / day
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "_SUCCESS").touch()


def said(number: int) -> list[tuple[str, int]]:
    """Forty reviews of one day; the first is the same on every day."""
    texts = [
        (f"{(GOOD if at % 2 else BAD)[at // 2 % 2]}, order {number * 100 + at}", 5 if at % 2 else 1) for at in range(39)
    ]
    return [("A lovely lamp, again and again", 5), *texts]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Settings:
    settings = settings_in(tmp_path_factory.mktemp("opinion"), static_cache)
    for number, day in enumerate(DAYS):
        deliver(settings, day, said(number), number)
    list(stages.run_days(settings, DAYS[0], DAYS[-1], ["ingest", "features"]))
    return settings


def in_service(settings: Settings, as_of: str, learned: list[str] | None, lexicons: float | None) -> str:
    """A model as a training and a promotion lay it into the lake; its sha."""
    lake = Lake(settings.lake)
    rows = lake.read("interactions", [("day", "<=", as_of)])
    model = make("tfidf_logistic_regression").fit(rows[[TEXT]], (rows["rating"] >= 4).to_numpy(dtype=int))
    found = {
        "target": "satisfied", "as_of": as_of, "model": model.name, "metric": "roc_auc",
        "holdout": {"metrics": {"roc_auc": {"value": 0.9}}}, "learned": {"rows": 4, "positives": 2},
    }  # fmt: skip
    found |= {} if lexicons is None else {"lexicons": {"value": lexicons}}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model.save(folder)
        if learned is not None:
            (folder / LEARNED).write_bytes(learned_prefixes(np.array(learned)))
        (folder / _train.EVALUATION).write_text(json.dumps(found))
        sha = _train._sha_of(folder)
        lake.put_folder(registry.artefact_folder("satisfied", as_of, sha), folder)
    lake.update("models", "satisfied", lambda held: _promote.with_decision(held, found, sha, registry.PROMOTED, "test"))
    return sha


def texts_of(settings: Settings, day: str) -> pd.DataFrame:
    lake = Lake(settings.lake)
    features = lake.read("text_features", [("day", "==", day)])
    return features.merge(lake.read("interactions", [("day", "==", day)], ["interaction_id", "text", "rating"]))


def test_a_day_is_scored_by_a_model_of_earlier_days(shop: Settings) -> None:
    before = tables(shop)["text_features"]
    assert set(texts_of(shop, DAYS[2])["sentiment_note"]) == {NOT_IN_SERVICE}
    repeated = Lake(shop.lake).read("interactions", [("day", "==", DAYS[0])])
    repeated = repeated.loc[repeated["text"].str.startswith("A lovely lamp, again"), "text_hash"].tolist()
    sha = in_service(shop, DAYS[1], repeated, 0.8)
    list(stages.run_days(shop, DAYS[0], DAYS[2], ["ingest", "features"]))
    assert set(texts_of(shop, DAYS[1])["sentiment_note"]) == {NOT_IN_SERVICE}
    read = texts_of(shop, DAYS[2])
    by_model = read[read["sentiment_note"].isna()]
    assert set(by_model["sentiment_model"]) == {f"satisfied/tfidf_logistic_regression@{sha}"}
    assert len(by_model) == 39
    is_good = by_model["rating"] >= 4
    assert (
        by_model.loc[is_good, "sentiment_probability"].min()
        > 0.5
        > by_model.loc[~is_good, "sentiment_probability"].max()
    )
    assert by_model.loc[is_good, "sentiment"].min() > 0 > by_model.loc[~is_good, "sentiment"].max()
    (again,) = read[read["text"].str.startswith("A lovely lamp, again")].to_dict("records")
    assert (again["sentiment_note"], again["sentiment_model"]) == (WAS_LEARNED, "vader+textblob")
    assert again["sentiment_probability"] != again["sentiment_probability"]

    rows = tables(shop)["text_features"]
    stages.features(shop, DAYS[2])
    assert tables(shop)["text_features"] == rows  # the same day again

    stages.roll_back(shop, "satisfied", DAYS[1], "test")
    list(stages.run_days(shop, DAYS[0], DAYS[2], ["ingest", "features"]))  # the day is stale, and as it was
    assert tables(shop)["text_features"] == before


@pytest.mark.parametrize(
    ("learned", "lexicons", "note"), [([], 0.95, NOT_BETTER), (None, 0.79, OLDER), ([], None, OLDER)]
)
def test_a_model_that_may_not_score(
    shop: Settings, learned: list[str] | None, lexicons: float | None, note: str
) -> None:
    in_service(shop, DAYS[1], learned, lexicons)
    stages.features(shop, DAYS[2])
    read = texts_of(shop, DAYS[2])
    assert set(read["sentiment_note"]) == {note}
    assert set(read["sentiment_model"]) == {"vader+textblob"}
    stages.roll_back(shop, "satisfied", DAYS[1], "test")


def test_a_training_says_what_it_learned_from_and_what_lexicons_are_worth(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = replace(TARGETS["satisfied"], candidates=(Candidate("text_stack"),))
    monkeypatch.setitem(TARGETS, "satisfied", target)
    candidate = stages.train(shop, DAYS[1], "satisfied")
    folder = Path(shop.lake) / registry.artefact_folder("satisfied", DAYS[1], candidate.sha or "")
    found = json.loads((folder / "evaluation.json").read_text())
    assert 0 <= found["lexicons"]["value"] <= 1
    prefixes = json.loads((folder / LEARNED).read_text())
    first = Lake(shop.lake).read("interactions", [("day", "==", DAYS[0])], ["text_hash"])["text_hash"]
    assert prefixes == sorted({text_hash[:8] for text_hash in first})  # the second day is the holdout
    state = json.loads((folder / "model.json").read_text())["state"]
    assert state["encoder"].startswith("static@")
