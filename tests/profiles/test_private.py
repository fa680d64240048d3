"""Words of health, religion and the like among what customers write: in no interest, topic, prediction or sum."""

from dataclasses import replace

import pandas as pd
import pytest
from profile_world import snapshot

from profiling.lake import Lake
from profiling.profiles.history import topics_on
from profiling.profiles.interests import interests
from profiling.profiles.predictions import prediction
from profiling.profiles.private import is_private, private_among, without_private


@pytest.mark.parametrize(
    "word",
    ["diabetes", "Diabetic diet", "back pain", "church choir", "trade union", "gay", "糖尿病", "工会", "清真餐厅"],
)
def test_a_word_on_a_list_of_facts_or_of_the_fact_check_is_private(word: str) -> None:
    assert is_private(word)


@pytest.mark.parametrize("word", ["kitchen scale", "pharmacy", "sensitive skin", "coffee", "厨房秤", "药妆", ""])
def test_other_words_are_not(word: str) -> None:
    assert not is_private(word)


def test_rows_without_private_words() -> None:
    rows = pd.DataFrame({"word": ["lamp", "diabetes", "lamp", None]}, index=[4, 5, 6, 7])
    assert private_among(["lamp", "diabetes", "diabetes"]) == {"diabetes"}
    assert without_private(rows, "word").index.tolist() == [4, 6, 7]
    assert without_private(rows.iloc[:0], "word").empty


def of_ann(found: pd.DataFrame) -> list[tuple]:
    return list(found.loc[found["customer_id"] == "a", ["topic", "kind", "share"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(("language", "private", "other"), [("en", "diabetes", "scale"), ("zh", "糖尿病", "厨房秤")])
def test_what_a_text_says_of_health_is_no_interest(language: str, private: str, other: str) -> None:
    said = {"sentiment": 0.0, "language": language, "keywords": {private: 0.9, other: 0.5}}
    assert of_ann(interests(snapshot([("a", "2026-06-28", "email", None, said)]))) == [(other, "keyword", 1.0)]


def test_the_head_of_a_private_word_goes_with_it() -> None:
    said = {"sentiment": 0.0, "language": "en", "keywords": {"hearing aid": 0.9, "aid": 0.9, "lamp": 0.2}}
    assert of_ann(interests(snapshot([("a", "2026-06-28", "email", None, said)]))) == [("lamp", "keyword", 1.0)]


def test_nothing_but_private_words_is_no_interest() -> None:
    said = {"sentiment": 0.0, "language": "en", "keywords": {"diabetes": 0.9}}
    assert interests(snapshot([("a", "2026-06-28", "email", None, said)])).empty


def test_a_category_is_the_shops_word_and_stays() -> None:
    world = snapshot([("a", "2026-06-01", "purchase", "i", {})])
    shop = replace(world, catalogue=pd.DataFrame({"item_id": ["i"], "title": ["Pills"], "category": ["pharmacy"]}))
    assert of_ann(interests(shop)) == [("pharmacy", "category", 1.0)]


def test_a_reason_of_a_prediction_quotes_no_private_word_and_the_amounts_still_add_up() -> None:
    words = [
        {"name": name, "values": {"count": 1.0}, "amount": amount}
        for name, amount in (("diabetes", 0.5), ("fine", 0.25))
    ]
    record = {
        "target": "satisfied", "horizon_days": 0, "probability": 0.7, "percentile": 0.5, "model": "tfidf", "sha": "0" * 16,
        "as_of": "2026-06-21", "scale": "log_odds", "base": 0.1, "score": 1.0, "reasons": words, "rest": 0.15,
        "evidence": [{"interaction_id": "i", "strength": 1.0}],
    }  # fmt: skip
    said = prediction(record, ["i"], 1, "en")
    assert [reason["name"] for reason in said["reasons"]] == ["fine"]
    assert said["base"] + sum(reason["amount"] for reason in said["reasons"]) + said["rest"] == pytest.approx(1.0)
    assert "diabetes" not in str(said)


def test_topics_of_weeks_that_hold_private_words_are_read_without(tmp_path) -> None:
    lake = Lake(str(tmp_path))
    row = {
        "week": "2026-06-21", "model": "mini@1", "state": "kept", "since": "2026-06-21", "last_week": "2026-06-21",
        "merged_into": None, "texts": 10, "customers": 10, "share": 0.1, "sentiment": 0.0, "share_before": None,
        "sentiment_before": None, "centroid": [1.0],
    }  # fmt: skip
    named = {"diabetes": ["diabetes", "scale"], "church": ["church"], "tea": ["tea", "kettle"]}
    rows = [
        row | {"topic_id": name, "name": name, "terms": [{"term": term, "weight": 1.0} for term in terms]}
        for name, terms in named.items()
    ]
    lake.replace("topics", "2026-06-21", pd.DataFrame(rows))
    found = topics_on(lake, "2026-06-24").set_index("topic_id")
    assert found["name"].to_dict() == {"diabetes": "scale", "tea": "tea"}
    assert [[entry["term"] for entry in terms] for terms in found["terms"]] == [["scale"], ["tea", "kettle"]]
