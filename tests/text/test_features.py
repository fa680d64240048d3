"""The day's text features: each text once, the same bytes from the cache, whatever the order."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from profiling.schemas import TEXT_FEATURES
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder
from profiling.text.features import text_features
from profiling.text.sentiment import UNKNOWN_WORDS, WAS_LEARNED

from .conftest import NASTY
from .test_keywords import _Silent


def rows(texts: list[str | None]) -> pd.DataFrame:
    """Interactions whose hash is that of their text, as ingest makes them; the ids fall as the rows rise."""
    hashes: dict[str | None, str] = {}
    for text in texts:
        hashes.setdefault(text, f"{len(hashes):032x}")
    return pd.DataFrame(
        {
            "interaction_id": [f"{len(texts) - n:032x}" for n in range(len(texts))],
            "identity_id": [f"{n % 3:032x}" for n in range(len(texts))],
            "bucket": 0,
            "day": "2026-06-28",
            "text": texts,
            "text_hash": [hashes[text] for text in texts],
        }
    )


def table(frame: pd.DataFrame) -> pa.Table:
    """As the lake stores it; fails where a type does not fit."""
    return pa.Table.from_pandas(frame, schema=TEXT_FEATURES.arrow, preserve_index=False)


@pytest.fixture
def day() -> pd.DataFrame:
    return rows([text for name, text in NASTY.items() if name != "half surrogate"])


def test_columns_types_and_order(static: Encoder, cache: TextCache, day: pd.DataFrame) -> None:
    before = day.copy(deep=True)
    features = text_features(day, static, cache, "1")
    pd.testing.assert_frame_equal(day, before)
    assert list(features.columns) == TEXT_FEATURES.names
    assert table(features).schema == TEXT_FEATURES.arrow
    assert features["interaction_id"].is_monotonic_increasing
    assert set(features["model"]) == {static.model}
    assert len(features) == len(day)


def test_who_gets_what(static: Encoder, cache: TextCache) -> None:
    day = rows([NASTY["english"], NASTY["chinese"], NASTY["german"], "😍😍😍", None, "", "  "])
    features = text_features(day, static, cache, "1").set_index("interaction_id").loc[day["interaction_id"][:4]]
    assert features["language"].tolist() == ["en", "zh", "de", "und"]
    assert features["sentiment_model"].tolist() == ["vader+textblob", "zh-lexicon", "none", "vader+textblob"]
    assert features["sentiment"].iloc[[0, 1, 3]].gt(0).all()
    # Chinese and German are unreadable to this encoder; for the emoji it knows no token that means anything or one.
    assert features["embedding"].iloc[:3].notna().tolist() == [True, False, False]
    assert np.linalg.norm(features["embedding"].iloc[0]) == pytest.approx(1, abs=1e-5)
    assert {"term", "weight"} == set(features["keywords"].iloc[0][0])
    assert {found["aspect"] for found in features["aspects"].iloc[1]} == {"delivery", "quality"}
    assert len(text_features(day, static, cache, "1")) == 4
    assert features["sentiment_probability"].isna().all()
    assert set(features["sentiment_note"]) == {"no model in service"}
    (delivery, quality) = features["aspect_mentions"].iloc[1]
    text = NASTY["chinese"]
    assert (text[delivery["start"] : delivery["end"]], text[quality["start"] : quality["end"]]) == (
        "物流很快",
        "质量很好",
    )


class _Trained:
    """Finds every text that says `guitar` good, knows nothing else, and learned from one text."""

    name, neutral = "satisfied/toy@1", 0.0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def has_learned(self, text_hash: str) -> bool:
        return text_hash == f"{0:032x}"

    def read(self, texts: Sequence[str], vectors: Sequence[np.ndarray | None], encoder: str) -> np.ndarray:
        assert encoder.startswith("static@")
        assert all(vector is not None for vector in vectors)
        self.asked += texts
        return np.array([0.9 if "guitar" in text else np.nan for text in texts])


def test_a_model_in_service_scores_what_it_may_and_can(static: Encoder, cache: TextCache) -> None:
    day = rows(["A guitar it learned from, terrible", "A dreadful guitar", "A dreadful drum"])
    plain = text_features(day, static, cache, "1")  # the same cache: nothing of the lexicons' is taken for the model's
    trained = _Trained()
    said = text_features(day, static, cache, "1", trained).set_index("interaction_id").loc[day["interaction_id"]]
    assert trained.asked == ["A dreadful guitar", "A dreadful drum"]
    assert said["sentiment_note"].tolist() == [WAS_LEARNED, None, UNKNOWN_WORDS]
    assert said["sentiment_model"].tolist() == ["vader+textblob", "satisfied/toy@1", "vader+textblob"]
    assert said["sentiment_probability"].iloc[1] == 0.9
    assert said["sentiment"].iloc[1] == pytest.approx(2 * 0.9 - 1)
    by_lexicons = plain.set_index("interaction_id").loc[day["interaction_id"], "sentiment"]
    assert said["sentiment"].iloc[[0, 2]].tolist() == by_lexicons.iloc[[0, 2]].tolist()
    again = _Trained()
    assert table(text_features(day, static, cache, "1", again)).equals(
        table(text_features(day, static, cache, "1", trained))
    )
    assert again.asked == []


def test_another_model_is_another_key(static: Encoder, cache: TextCache) -> None:
    other = _Trained()
    text_features(rows(["x", "A dreadful guitar"]), static, cache, "1", _Trained())
    other.name = "satisfied/toy@2"
    found = text_features(rows(["x", "A dreadful guitar"]), static, cache, "1", other)
    assert other.asked == ["A dreadful guitar"]
    assert "satisfied/toy@2" in set(found["sentiment_model"])


def test_why_there_is_no_model_is_said(static: Encoder, cache: TextCache) -> None:
    found = text_features(rows(["A red guitar"]), static, cache, "1", None, "it was rolled back")
    assert found["sentiment_note"].tolist() == ["it was rolled back"]


@pytest.mark.parametrize("name", ["static", "english"])
def test_cached_is_fresh_is_shuffled_is_apart(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, day: pd.DataFrame
) -> None:
    encoder = request.getfixturevalue(name)
    if name == "english":
        day = day.iloc[:6]  # two lengths, read and unread: enough for the slow encoder
    day = pd.concat(
        [day, day.assign(interaction_id=day["interaction_id"].str.replace("0", "f", n=1))], ignore_index=True
    )
    cache = TextCache(tmp_path / "one", "text")
    fresh = table(text_features(day, encoder, cache, "1"))
    assert table(text_features(day, _Silent(encoder), cache, "1")).equals(fresh)
    shuffled = day.sample(frac=1, random_state=4)
    assert table(text_features(shuffled, encoder, TextCache(tmp_path / "two", "text"), "1")).equals(fresh)
    apart = TextCache(tmp_path / "three", "text")
    parts = [text_features(day.iloc[start::3], encoder, apart, "1") for start in range(3)]
    assert table(pd.concat(parts).sort_values("interaction_id", ignore_index=True)).equals(fresh)


def test_each_text_is_computed_once(static: Encoder, cache: TextCache) -> None:
    asked: list[str] = []

    class Counting(_Silent):
        def encode(self, texts: list[str]) -> np.ndarray:  # type: ignore[override]
            asked.extend(texts)
            return static.encode(texts)

    text_features(rows(["A red guitar"] * 5 + ["A blue drum"]), Counting(static), cache, "1")
    text_features(rows(["A blue drum", "A red guitar", "A blue violin"]), Counting(static), cache, "1")
    assert len(asked) == len(set(asked))
    assert {"A red guitar", "A blue drum", "A blue violin"} <= set(asked)


def test_another_redaction_is_another_text(static: Encoder, cache: TextCache) -> None:
    text_features(rows(["A red guitar"]), static, cache, "1")
    with pytest.raises(AssertionError, match="asked for"):
        text_features(rows(["A red guitar"]), _Silent(static), cache, "2")


def test_no_rows(static: Encoder, cache: TextCache) -> None:
    assert table(text_features(rows([None]), static, cache, "1")).num_rows == 0
    assert table(text_features(rows(["a guitar"]).iloc[:0], static, cache, "1")).num_rows == 0


def test_a_cached_day_imports_no_model(static_cache: Path, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
import pandas as pd
from profiling.text.cache import TextCache
from profiling.text.embedding import load_encoder
from profiling.text.features import text_features
day = pd.DataFrame({"interaction_id": ["1", "2"], "identity_id": "a", "bucket": 0, "day": "2026-06-28",
                    "text": ["A red guitar", "质量很好"], "text_hash": ["x", "y"]})
features = text_features(day, lambda: load_encoder("english", Path(sys.argv[1])), TextCache(Path(sys.argv[2]), "text"), "1")
print(features["sentiment"].tolist(), bytes(features["embedding"][0])[:16].hex(), features["embedding"][1])
print({"torch", "textblob", "jieba", "lingua", "tokenizers"} & set(sys.modules) or "light")
"""
    printed = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code, str(static_cache), str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.splitlines())
    assert printed[0][0] == printed[1][0]
    assert "torch" in printed[0][1]  # so the second line can differ
    assert printed[1][1] == "light"
