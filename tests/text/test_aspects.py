"""Aspects: found by name, judged by the clause that names them."""

import pytest

from profiling.text.aspects import Mention, aspects, mentions
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
        ("质量不如以前", "zh", {"quality": -1}),
        ("cheap quality", "en", {"quality": -1}),
        ("Cheap plastic, but a cheap price too", "en", {"quality": -1, "price": 1}),
        ("The price isn't bad", "en", {"price": 1}),
        ("很喜欢", "zh", {}),
        ("Great guitar. 但是物流太慢了。", "en", {"delivery": -1}),
        ("ſlow DELİVERY, but a great price", "en", {"delivery": -1, "price": 1}),
        ("物流很慢！ The quality is excellent.", "zh", {"delivery": -1, "quality": 1}),
        ("快递把包裹扔在雨里", "zh", {"delivery": -1}),
        ("快递放在门口", "zh", {"delivery": 0}),
        ("快递小哥很烂", "zh", {"delivery": -1}),
        ("快递很快", "zh", {"delivery": 1}),
        ("快递慢", "zh", {"delivery": -1}),
        ("价格太贵", "zh", {"price": -1}),
        ("价格不是很贵", "zh", {"price": 1}),
        ("性价比不高", "zh", {"price": -1}),
        ("性价比不是很高", "zh", {"price": -1}),
        ("性价比太低", "zh", {"price": -1}),
        ("性价比很高", "zh", {"price": 1}),
        ("价格有点高", "zh", {"price": -1}),
        ("正好用来打理", "zh", {}),
        ("最好用温水", "zh", {}),
        ("酒店员工很多", "zh", {}),
        ("床上用品质量不错", "zh", {"quality": 1}),
        ("使用起来方便", "zh", {"ease_of_use": 1}),
        ("很好用", "zh", {"ease_of_use": 1}),
        ("超好用", "zh", {"ease_of_use": 1}),
        ("不好用", "zh", {"ease_of_use": -1}),
        ("不太好用", "zh", {"ease_of_use": -1}),
        ("第一天就摔坏了", "zh", {"quality": -1}),
        ("The price was a bit high", "en", {"price": -1}),
        ("The price is rather steep, but it works", "en", {"price": -1}),
        ("High quality at this price", "en", {"price": 1, "quality": 1}),
        ("我要退货", "zh", {}),
        ("已经申请退货了", "zh", {}),
        ("I want a refund", "en", {}),
        ("退货很麻烦", "zh", {"service": -1}),
        ("申请了但不给退货", "zh", {"service": -1}),
        ("包装破损", "zh", {"packaging": -1}),
        ("包装很差", "zh", {"packaging": -1}),
        ("包装破了", "zh", {"packaging": -1}),
        ("纸箱都压坏了", "zh", {"packaging": -1}),
        ("包装质量很差", "zh", {"packaging": -1}),
        ("包装很好，质量很差", "zh", {"packaging": 1, "quality": -1}),
        ("Terrible packaging material", "en", {"packaging": -1}),
        ("Die Lieferung war schnell", "de", {}),
        ("", "und", {}),
    ],
)
def test_signs(text: str, language: str, signs: dict[str, int]) -> None:
    found = aspects(mentions([text], [language])[0])
    assert {aspect: (polarity > 0) - (polarity < 0) for aspect, polarity in found} == signs
    assert [aspect for aspect, _ in found] == sorted(signs)


def test_neighbours_change_nothing_and_polarities_stay_in_range() -> None:
    texts, languages = list(NASTY.values()), ["zh" if "chinese" in name else "en" for name in NASTY]
    together = mentions(texts, languages)
    assert mentions(texts[::-1], languages[::-1]) == together[::-1]
    assert any(together)
    assert all(-1 <= mention.polarity <= 1 for found in together for mention in found)


@pytest.mark.parametrize(
    ("text", "language", "clauses"),
    [
        (
            "  Delivery was fast, but  the quality is terrible. ",
            "en",
            ["Delivery was fast", "the quality is terrible."],
        ),
        ("物流很快，但是质量太差了。", "zh", ["物流很快", "质量太差了"]),
        ("Bought for 5 \U0001f600. The price\nis fine; shipping slow", "en", ["The price", "shipping slow"]),
        ("good \ud83d strings, good price", "en", ["good price"]),
    ],
    ids=["english", "chinese", "outside-the-plane", "half-surrogate"],
)
def test_a_mention_rests_on_a_clause_of_the_text(text: str, language: str, clauses: list[str]) -> None:
    (found,) = mentions([text], [language])
    assert [text[each.start : each.end] for each in found] == clauses


def test_several_mentions_are_one_aspect() -> None:
    found = [Mention("price", 1.0, 0, 3), Mention("delivery", 0.5, 5, 9), Mention("price", -0.5, 12, 15)]
    assert aspects(found) == [("delivery", 0.5), ("price", 0.25)]


def test_every_opinion_belongs_to_an_aspect_and_has_a_sign() -> None:
    data = lexicon("aspects")
    assert set(data["opinions"]) <= set(data["aspects"])
    values = [value for both in data["opinions"].values() for words in both.values() for value in words.values()]
    assert len(values) > 50
    assert all(0 < abs(value) <= 1 for value in values)


def test_traditional_characters_name_aspects_at_the_same_places() -> None:
    text = "東西很好,但是運送太慢,價格不貴"
    (found,) = mentions([text], ["zh"])
    said = {one.aspect: (text[one.start : one.end], one.polarity) for one in found}
    assert said["price"][0] == "價格不貴"
    assert said["price"][1] > 0
