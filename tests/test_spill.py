"""Rows set aside on disk come back as they were, in order and in one piece."""

import numpy as np
import pandas as pd
import pytest

from profiling import schemas
from profiling.errors import ProfilingError
from profiling.lake import Spill, SpilledRows, _rows, _spill, fingerprint


def link(number: int) -> pd.DataFrame:
    row = dict.fromkeys(schemas.IDENTITY_LINKS.names, f"x{number}")
    at = pd.Timestamp("2026-06-15T10:00:00.123456Z").as_unit("us")
    return pd.DataFrame([row | {"occurred_at": at, "source": None}]).astype({"source": "str"})


def test_frames_come_back_as_one() -> None:
    with Spill(schemas.IDENTITY_LINKS.arrow) as spill:
        for number in range(5):
            spill.add(link(number))
            spill.add(link(number).iloc[:0])
        found = spill.frame()
    expected = pd.concat([link(number) for number in range(5)], ignore_index=True)[schemas.IDENTITY_LINKS.names]
    pd.testing.assert_frame_equal(found, expected)


def test_nothing_comes_back_as_an_empty_frame_with_types() -> None:
    with Spill(schemas.IDENTITY_LINKS.arrow) as spill:
        found = spill.frame()
    assert found.empty
    pd.testing.assert_frame_equal(found, schemas.IDENTITY_LINKS.arrow.empty_table().to_pandas())


def texts(numbers: list[int], model: str = "m@1") -> pd.DataFrame:
    """Rows of `text_features`; every third without a vector."""
    rows = [
        {
            "interaction_id": f"i{number:05d}", "identity_id": f"p{number % 7}", "bucket": 0, "day": "2026-06-15", "model": model,
            "language": "en", "sentiment": number / 7, "sentiment_model": "lexicon", "sentiment_probability": None,
            "keywords": [{"term": f"t{number}", "weight": 1.0}] * (number % 3), "aspects": [],
            "sentiment_note": "x" if number % 2 else None,
            "embedding": np.full(4, number, dtype="float32") if number % 3 else None, "aspect_mentions": None,
        }
        for number in numbers
    ]  # fmt: skip
    return pd.DataFrame(rows)[schemas.TEXT_FEATURES.names].astype({"sentiment_probability": "float64"})


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rows, "_VECTOR_PIECE_ROWS", 16)
    monkeypatch.setattr(_spill, "SPILL_ROWS", 10)
    monkeypatch.setattr(_spill, "CONVERTED_ROWS", 8)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("is_sorted", [True, False])
def test_rows_of_spills_are_those_of_a_frame_to_the_byte(is_sorted: bool) -> None:
    order = list(range(100)) if is_sorted else list(np.random.default_rng(3).permutation(100))
    whole = texts(order)
    spills = [Spill(schemas.TEXT_FEATURES.arrow) for _ in range(3)]
    for number, spill in enumerate(spills):
        of_part = whole.iloc[number::3]
        spill.add(of_part.iloc[:20])
        spill.add(of_part.iloc[20:])
    rows = SpilledRows(spills, schemas.TEXT_FEATURES)
    assert len(rows) == 100
    assert rows.partitions("day") == {"2026-06-15"}
    assert fingerprint({"text_features": rows}) == fingerprint({"text_features": whole})
    assert rows.columns(["sentiment"])["sentiment"].tolist() == [number / 7 for number in range(100)]
    some = rows.where(np.arange(100) % 2 == 0)
    assert fingerprint({"text_features": some}) == fingerprint({"text_features": texts(list(range(0, 100, 2)))})


def test_a_repeated_key_is_refused() -> None:
    spill = Spill(schemas.TEXT_FEATURES.arrow)
    spill.add(texts([1, 2, 2]))
    with pytest.raises(ProfilingError, match=r"text_features: 1 rows repeat the key"):
        SpilledRows([spill], schemas.TEXT_FEATURES)


def test_a_missing_value_is_refused() -> None:
    spill = Spill(schemas.TEXT_FEATURES.arrow)
    with pytest.raises(ProfilingError, match=r"language.*1 null"):
        spill.add(texts([1, 2]).assign(language=[None, "en"]))


def test_no_spill_and_an_empty_one_are_no_rows() -> None:
    for spills in ([], [Spill(schemas.TEXT_FEATURES.arrow)]):
        rows = SpilledRows(spills, schemas.TEXT_FEATURES)
        assert len(rows) == 0
        assert list(rows.pieces()) == []
        assert rows.columns(["model"]).empty
