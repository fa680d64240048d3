"""Tables of nasty values with what becomes of them."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.prepare.clean import MAX_ITEM_ID, MAX_TEXT, REASONS, normalise, normalise_text, validate
from tests.prepare.worlds import DAY_END, events

TEXTS = {
    "plain": ("Great strings.", "Great strings."),
    "whitespace": ("  a\t b\r\n\n c\u00a0d\u3000e  ", "a b c d e"),
    "empty": ("", None),
    "only blanks and invisible": (" \u200b\u200d\ufeff\n", None),
    "missing": (None, None),
    "decomposed to NFC": ("cafe\u0301", "caf\u00e9"),
    "not NFKC": ("5 m² ™ ① ｆｕｌｌ，ok", "5 m² ™ ① ｆｕｌｌ，ok"),
    "entities": ("R&amp;B &#34;live&#34; &quot;ok&quot;", 'R&B "live" "ok"'),
    "escaped twice": ("&amp;#34;Fender&amp;#34;", '"Fender"'),
    "block tags part words": ("one<br />two<p>three</p>", "one two three"),
    "inline tags do not": ("un<b>believ</b>able", "unbelievable"),
    "link": ('see <a href="https://example.org/x?a=1">this</a>', "see this"),
    "escaped tag": ("a &lt;br&gt; b", "a b"),
    "script goes with its content": ("a<script>alert('x')</script>b", "a b"),
    "comment": ("a<!-- hidden -->b", "a b"),
    "no tags": ("I <3 it, x < y and y > z, <yes>", "I <3 it, x < y and y > z, <yes>"),
    "controls": ("a\x00b\x07c\x1bd\x85e", "abcd e"),
    "zero width": ("jo\u200dhn@\u200bexample.org", "john@example.org"),
    "bidi": ("\u202egnirts\u202c \u2066x\u2069 \u200fy", "gnirts x y"),
    "tag characters": ("hi\U000e0049\U000e0067", "hi"),
    "entity of an invisible": ("a&#8203;b&#x202e;c", "abc"),
    "pair of surrogates": ("\ud83d\ude00", "\U0001f600"),
    "lone surrogates": ("a\ud83d b\ude00", "a b"),
    "chinese": ("音质很好，&nbsp;推荐！<br>五星", "音质很好， 推荐！ 五星"),
    "cut": ("x" * (MAX_TEXT + 1), "x" * MAX_TEXT),
    "cut at a blank": ("x" * (MAX_TEXT - 1) + " y", "x" * (MAX_TEXT - 1)),
}


@pytest.mark.parametrize(("before", "after"), TEXTS.values(), ids=TEXTS.keys())
def test_normalise_text(before: str | None, after: str | None) -> None:
    series = pd.Series([before], index=[7], dtype="object", name="text")
    result = normalise_text(series)
    assert result.index.tolist() == [7]
    assert (result[7] if result.notna()[7] else None) == after
    assert series[7] is before


@given(st.text(st.characters(exclude_characters="&<")))
@settings(deadline=None)
def test_normalised_text_is_a_fixed_point(text: str) -> None:
    once = normalise(text)
    assert once is None or normalise(once) == once


@given(st.text(st.sampled_from("<>&;/ab#x3\u200b\ud800\udc00 !-scriptpdv\n"), max_size=60) | st.text(st.characters()))
@settings(deadline=None)
def test_normalised_text_can_be_stored(text: str) -> None:
    after = normalise(text)
    assert after is None or (after.encode("utf-8") and after == after.strip() and "  " not in after)


@pytest.mark.parametrize("unit", ["<script>", "<!--", "&amp;", "<a ", "&lt;", "\u0301", "<br", "&#38;"])
def test_hostile_text_comes_to_an_end(unit: str) -> None:
    """A search that tries every way to cut such a run would take hours."""
    assert len(normalise(unit * 25_000) or "") <= len(unit) * 25_000


IMPOSSIBLE = {
    "unknown_kind": ({"kind": "reveiw"}, "kind", "did you mean 'review'"),
    "kind missing": ({"kind": None}, "kind", "review, purchase"),
    "no identifier": ({"identifiers": []}, "identifiers", "at least one"),
    "blank identifier": ({"identifiers": [("customer", " ")]}, "identifiers", "at least one"),
    "second identifier blank": ({"identifiers": [("customer", "c"), ("email", "")]}, "identifiers", "neither blank"),
    "NUL in an identifier": ({"identifiers": [("customer", "a\0b")]}, "identifiers", "at least one"),
    "natural key missing": ({"natural_key": None}, "natural_key", "own id"),
    "item id": ({"item_id": "x" * (MAX_ITEM_ID + 1)}, "item_id", f"{MAX_ITEM_ID + 1} characters"),
    "time": ({"occurred_at": pd.NaT}, "occurred_at", "ISO 8601"),
    "at the day's end": ({"occurred_at": DAY_END}, "occurred_at", "2026-06-16T00:00:00+00:00"),
    "1994": ({"occurred_at": pd.Timestamp("1994-12-31T23:59:59", tz="UTC")}, "occurred_at", "milliseconds"),
    "rating 0": ({"rating": 0.0}, "rating", "rating 0 is outside 1-5"),
    "rating 5.5": ({"rating": 5.5}, "rating", "rating 5.5"),
    "rating infinite": ({"rating": float("inf")}, "rating", "rating inf"),
    "quantity": ({"quantity": -1.0}, "quantity", "quantity -1"),
    "quantity infinite": ({"quantity": float("inf")}, "quantity", "quantity inf is negative or beyond a billion"),
    "quantity beyond a billion": ({"quantity": 2e9}, "quantity", "beyond a billion"),
    "amount that sums to infinity": ({"amount": 1e308, "currency": "USD"}, "amount", "beyond a billion"),
    "amount": ({"amount": -0.01}, "amount", "amount -0.01"),
    "no currency": ({"currency": None}, "currency", "ISO 4217"),
    "currency sign": ({"currency": "US$"}, "currency", "ISO 4217"),
}


@pytest.mark.parametrize(("change", "field", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_row_is_rejected_alone(change: dict, field: str, said: str) -> None:
    rows = events({}, change, {})
    good, rejects = validate(rows, DAY_END)
    assert good["source_line"].tolist() == [1, 3]
    (reject,) = rejects.to_dict("records")
    assert (reject["source_line"], reject["field"], reject["reason"] in REASONS) == (2, field, True)
    assert said in reject["detail"]
    assert json.loads(reject["content"])["source_line"] == 2


POSSIBLE = {
    "nothing but who, what, when": dict.fromkeys(("item_id", "text", "rating", "quantity", "amount", "currency", "channel")),
    "first moment": {"occurred_at": pd.Timestamp("1995-01-01", tz="UTC")},
    "last moment": {"occurred_at": DAY_END - pd.Timedelta("1us")},
    "limits": {"rating": 1.0, "quantity": 0.0, "amount": 0.0},
    "item id": {"item_id": "x" * MAX_ITEM_ID},
    "currency without amount": {"amount": None, "currency": None},
}  # fmt: skip


@pytest.mark.parametrize("change", POSSIBLE.values(), ids=POSSIBLE.keys())
def test_a_possible_row_stays(change: dict) -> None:
    good, rejects = validate(events(change), DAY_END)
    assert (len(good), len(rejects)) == (1, 0)


def test_currency_is_capitalised_and_codes_trimmed() -> None:
    rows = events({"currency": " usd", "item_id": " A1 ", "channel": "  "})
    before = rows.copy(deep=True)
    good, _ = validate(rows, DAY_END)
    assert good.loc[0, ["currency", "item_id"]].tolist() == ["USD", "A1"]
    assert good["channel"].isna().all()
    pd.testing.assert_frame_equal(rows, before)


def test_the_first_reason_in_order_counts_and_identifiers_are_not_said() -> None:
    _, rejects = validate(events({"kind": "x", "rating": 9.0}, {"rating": 9.0, "amount": -1.0}), DAY_END)
    assert rejects["reason"].tolist() == ["unknown_kind", "rating_out_of_range"]
    _, rejects = validate(events({"identifiers": [("email", "ann@example.org"), ("x", "")], "kind": "review"}), DAY_END)
    assert "ann" not in rejects["detail"][0]
    _, rejects = validate(events({"kind": "Xanthippe Meier"}), DAY_END)  # a shifted column
    assert "Xanthippe" not in rejects["detail"][0]
    _, rejects = validate(events({"kind": "ann@example.org"}), DAY_END)
    assert "ann" not in rejects["detail"][0]


def test_an_empty_batch() -> None:
    good, rejects = validate(events(), DAY_END)
    assert (len(good), len(rejects)) == (0, 0)


NUMBER = st.none() | st.floats()


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["review", "purchase", "", "x", None]),
                "rating": NUMBER, "quantity": NUMBER, "amount": NUMBER,
                "currency": st.sampled_from(["USD", "cny", "", None, "EURO"]),
                "item_id": st.none() | st.text(st.characters(), max_size=8),
                "natural_key": st.none() | st.text(max_size=3),
                "identifiers": st.sampled_from([[], [("customer", "1")], [("", "1")], None]),
            }
        ),
        max_size=6,
    )
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_every_row_is_good_or_rejected_once(changes: list[dict]) -> None:
    good, rejects = validate(events(*changes), DAY_END)
    assert sorted([*good["source_line"], *rejects["source_line"]]) == list(range(1, len(changes) + 1))
    assert good["rating"].dropna().between(1, 5).all()
    assert good.loc[good["amount"].notna(), "currency"].str.fullmatch("[A-Z]{3}").all()
    again, none = validate(good, DAY_END)
    assert len(again) == len(good)
    assert none.empty
