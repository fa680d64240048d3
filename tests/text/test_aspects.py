"""Aspects: found by name, judged by the clause that names them."""

import pytest

from profiling.text.aspects import aspects
from profiling.text.lexicons import lexicon

from .conftest import NASTY


@pytest.mark.parametrize(
    ("text", "language", "signs"),
    [
        ("Delivery was fast, but the quality is terrible.", "en", {"delivery": 1, "quality": -1}),
        ("The shipping was slow. Great value for the price!", "en", {"delivery": -1, "price": 1}),
        ("Delivery was not slow.", "en", {"delivery": 1}),
        ("The price and the customer service: all excellent.", "en", {"price": 1, "service": 1}),
        ("Terrible packaging.", "en", {"packaging": -1}),
        ("It fits perfectly and tastes delicious.", "en", {"size_fit": 1, "taste": 1}),
        ("It is a guitar.", "en", {}),
        ("The pricetag hangs on it.", "en", {}),
        ("物流很快，但是质量太差了。", "zh", {"delivery": 1, "quality": -1}),
        ("价格实惠，包装精美，客服态度很好", "zh", {"packaging": 1, "price": 1, "service": 1}),
        ("这个价格不值。", "zh", {"price": -1}),
        ("很喜欢", "zh", {}),
        ("Die Lieferung war schnell", "de", {}),
        ("", "und", {}),
    ],
)
def test_signs(text: str, language: str, signs: dict[str, int]) -> None:
    found = aspects([text], [language])[0]
    assert {aspect: (polarity > 0) - (polarity < 0) for aspect, polarity in found} == signs
    assert [aspect for aspect, _ in found] == sorted(signs)


def test_neighbours_change_nothing_and_polarities_stay_in_range() -> None:
    texts, languages = list(NASTY.values()), ["zh" if "chinese" in name else "en" for name in NASTY]
    together = aspects(texts, languages)
    assert aspects(texts[::-1], languages[::-1]) == together[::-1]
    assert any(together)
    assert all(-1 <= polarity <= 1 for found in together for _, polarity in found)


def test_every_opinion_belongs_to_an_aspect_and_has_a_sign() -> None:
    data = lexicon("aspects")
    assert set(data["opinions"]) <= set(data["aspects"])
    values = [value for both in data["opinions"].values() for words in both.values() for value in words.values()]
    assert len(values) > 50
    assert all(0 < abs(value) <= 1 for value in values)
