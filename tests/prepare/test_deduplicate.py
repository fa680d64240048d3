"""Copies of events and of texts, in worlds small enough to see them."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling import schemas
from profiling.prepare.deduplicate import SIMILARITY, exact, flag_shared, near
from profiling.prepare.interactions import prepare_interactions
from tests.prepare.worlds import DAY, DAY_END, KEY

LONG = (
    "I bought these strings for my old acoustic guitar and they sound warm and full from the very first day, they stay in "
    "tune even after long evenings of playing in a cold room and the price is fair for what you get in the box"
)
SORTED = " ".join(f"word{number:02}" for number in range(40))  # its 3-grams sort as they stand
NONE = schemas.INTERACTIONS.arrow.empty_table().to_pandas()


def said(*changes: dict[str, Any]) -> pd.DataFrame:
    """Interactions i1, i2, ... of one customer on one day."""
    rows = [
        {
            "interaction_id": f"i{number}", "identity_id": "ann", "event_day": DAY, "kind": "review", "rating": 5.0,
            "text": "The strings sound warm.", "occurred_at": pd.Timestamp(DAY, tz="UTC"),
            "source_file": "a.json", "source_line": number, **change,
        }
        for number, change in enumerate(changes, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"text": "str", "rating": float, "occurred_at": "datetime64[us, UTC]"})


def test_exact_keeps_the_lowest_line_of_the_lowest_file() -> None:
    rows = said(
        {"interaction_id": "x", "source_file": "b.json", "source_line": 1},
        {"interaction_id": "x", "source_file": "a.json", "source_line": 10},
        {"interaction_id": "x", "source_file": "a.json", "source_line": 9},
        {"interaction_id": "known", "source_file": "a.json", "source_line": 2},
        {"interaction_id": "y", "source_file": "a.json", "source_line": 1},
    )
    kept, dropped = exact(rows, pd.DataFrame({"interaction_id": ["known", "other"]}))
    assert kept[["interaction_id", "source_line"]].values.tolist() == [["y", 1], ["x", 9]]
    assert dropped[["interaction_id", "source_line"]].values.tolist() == [["known", 2], ["x", 10], ["x", 1]]


def test_exact_on_nothing() -> None:
    kept, dropped = exact(NONE, NONE[["interaction_id"]])
    assert (len(kept), len(dropped)) == (0, 0)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "equal": ({}, {}, True),
    "case and punctuation": ({}, {"text": "THE strings... sound warm!!!"}, True),
    "no rating twice": ({"rating": None}, {"rating": None}, True),
    "another customer": ({}, {"identity_id": "bob"}, False),
    "another day": ({}, {"event_day": "2026-06-14"}, False),
    "another kind": ({}, {"kind": "post"}, False),
    "another rating": ({}, {"rating": 4.0}, False),
    "rating and none": ({}, {"rating": None}, False),
    "another short text": ({}, {"text": "The strings sound cold."}, False),
    "two words": ({"text": "Great product!"}, {"text": "Great product!"}, False),
    "three words": ({"text": "Really great product!"}, {"text": "Really great product"}, True),
    "no text": ({"text": None}, {"text": None}, False),
    "only punctuation": ({"text": "!!! ... ???"}, {"text": "!!! ... ???"}, False),
    "chinese": ({"text": "音质很好，推荐！"}, {"text": "音质很好 推荐"}, True),
    "two chinese characters": ({"text": "很好"}, {"text": "很好"}, False),
    "long, last word changed": ({"text": LONG}, {"text": LONG + " indeed"}, True),
    "long, a word in the middle changed": ({"text": LONG}, {"text": LONG.replace("warm", "thin")}, False),
    "the first three words gone": ({"text": SORTED}, {"text": SORTED[21:]}, True),
    "long and half of it": ({"text": LONG}, {"text": LONG[: len(LONG) // 2]}, False),
    "19 words with one more": (
        {"text": " ".join(LONG.split()[:19])}, {"text": " ".join(LONG.split()[:20])}, False
    ),
    "20 words with one more": (
        {"text": " ".join(LONG.split()[:20])}, {"text": " ".join(LONG.split()[:21])}, True
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "is_copy"), CASES.values(), ids=CASES.keys())
def test_near_copies(first: dict, second: dict, is_copy: bool) -> None:
    kept, dropped = near(said(first, second), NONE)
    assert kept["interaction_id"].tolist() == (["i1"] if is_copy else ["i1", "i2"])
    assert dropped["interaction_id"].tolist() == (["i2"] if is_copy else [])
    # the same against an earlier drop, where the old one always stays
    kept, dropped = near(said(second).assign(interaction_id="i2"), said(first))
    assert dropped["interaction_id"].tolist() == (["i2"] if is_copy else [])


def test_the_first_by_time_then_id_stays() -> None:
    early = pd.Timestamp("2026-06-14T23:00", tz="UTC")
    kept, _ = near(
        said({}, {"interaction_id": "z", "occurred_at": early}, {"interaction_id": "a", "occurred_at": early}), NONE
    )
    assert kept["interaction_id"].tolist() == ["a"]


def test_a_chain_of_similar_texts_is_measured_against_what_stays() -> None:
    words = LONG.split()
    texts = [" ".join(words), " ".join(words[2:]), " ".join(words[4:]), " ".join(words[6:])]
    kept, _ = near(said(*({"text": text} for text in texts)), NONE)
    assert kept["interaction_id"].tolist() == ["i1", "i4"]  # i2, i3 copy i1 (.95, .90); i4 is .84 of i1 and its own


TEXTS = st.sampled_from(
    [LONG, LONG + " x", LONG + " y z", LONG[10:], "Great product", "one two three", "One, two; three", None]
)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["ann", "bob"]), st.integers(0, 1)), max_size=8), st.randoms())
@settings(max_examples=50, deadline=None)
def test_near_does_not_depend_on_order(found: list[tuple[str | None, str, int]], random: Any) -> None:
    rows = said(
        *(
            {"text": text, "identity_id": who, "occurred_at": pd.Timestamp(DAY, tz="UTC") + pd.Timedelta(hours=hour)}
            for text, who, hour in found
        )
    ) if found else NONE  # fmt: skip
    kept, dropped = near(rows, NONE)
    assert sorted([*kept["interaction_id"], *dropped["interaction_id"]]) == sorted(rows["interaction_id"])
    places = list(range(len(rows)))
    random.shuffle(places)
    again, _ = near(rows.iloc[places].reset_index(drop=True), NONE)
    assert set(again["interaction_id"]) == set(kept["interaction_id"])
    assert near(kept, NONE)[1].empty


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 39), st.sampled_from(["", "strange"])), max_size=3), min_size=2, max_size=6
    )
)
@settings(deadline=None)
def test_the_prefix_filter_misses_nothing(edits: list[list[tuple[int, str]]]) -> None:
    """Texts of 40 words with a few taken out or replaced, against comparing each with all."""
    texts = []
    for edit in edits:
        words = [f"word{number:02}" for number in range(40)]
        for place, word in edit:
            words[place] = word
        texts.append([word for word in words if word])
    kept: list[set[tuple[str, ...]]] = []
    expected = []
    for number, words in enumerate(texts, 1):
        grams = set(zip(words, words[1:], words[2:], strict=False))
        if not any(len(grams & other) / len(grams | other) >= SIMILARITY for other in kept):
            kept.append(grams)
            expected.append(f"i{number}")
    found, _ = near(said(*({"text": " ".join(words)} for words in texts)), NONE)
    assert found["interaction_id"].tolist() == expected


def test_shared_texts_are_flagged() -> None:
    rows = said({}, {}, {"identity_id": "bob"}, {"identity_id": "bob"}, {}).assign(
        text_hash=["h", "own", "h", None, None]
    )
    assert flag_shared(rows)["is_text_shared"].tolist() == [True, False, True, False, False]
    assert flag_shared(NONE.drop(columns="is_text_shared"))["is_text_shared"].tolist() == []


@pytest.mark.parametrize(
    ("name", "read", "kept"), [("AMAZON_FASHION_5.json", 3176, 462), ("Musical_Instruments_5.json", 10261, 10255)]
)
def test_real_reviews(name: str, read: int, kept: int, real_data: Path) -> None:
    """One review copied to every size and colour, and a file almost without copies: figures pinned, a drift fails."""
    from profiling.collect.amazon_reviews import read as batches

    zone = ZoneInfo("UTC")
    found = [
        prepare_interactions(
            batch.rows,
            source="amazon",
            source_file=name,
            day=DAY,
            day_end=DAY_END,
            zone=zone,
            key=KEY,
            buckets=1,
            bucket=None,
        ).rows
        for batch in batches(real_data / name, zone)
    ]
    rows = pd.concat(found, ignore_index=True)
    unique, _ = exact(rows, NONE[["interaction_id"]])
    assert (len(rows), len(near(unique, NONE)[0])) == (read, kept)
