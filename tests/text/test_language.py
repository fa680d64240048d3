"""Language by script, by common words, by lingua."""

import pytest

from profiling.text.language import detect

from .conftest import NASTY

CASES = [
    ("The strings arrived quickly.", "en"),
    ("Nice strings", "en"),
    ("Awesome!!!", "en"),
    ("A red guitar", "en"),
    ("running shoes", "en"),
    ("sehr gut", "de"),
    ("livraison rapide", "fr"),
    ("质量很好", "zh"),
    ("好评", "zh"),
    ("这个 guitar 的音色 very nice，推荐给大家", "zh"),
    ("I bought the 吉他 for my son and he loves it", "en"),
    ("この商品はとても良いです", "ja"),
    ("カメラ", "ja"),
    ("정말 좋은 제품입니다", "ko"),
    ("Die Lieferung war schnell und die Qualität ist sehr gut.", "de"),
    ("Très bon produit, livraison rapide", "fr"),
    ("Muy bueno y barato, lo recomiendo", "es"),
    ("Ottimo prodotto, lo consiglio a tutti", "it"),
    ("Хорошая гитара, рекомендую", "ru"),
    ("πολύ καλή ποιότητα", "el"),
    ("ძალიან კარგი გიტარა", "und"),  # Georgian is none of the languages told apart
    ("", "und"),
    ("  ", "und"),
    ("ok", "und"),
    ("好", "und"),
    ("12345 !!!", "und"),
    ("😍😍😍", "und"),
]


@pytest.mark.parametrize(("text", "language"), CASES, ids=[text[:20] or "empty" for text, _ in CASES])
def test_language(text: str, language: str) -> None:
    assert detect([text]) == [language]


def test_neighbours_and_nasty_texts_change_nothing() -> None:
    texts = [text for text, _ in CASES] + list(NASTY.values())
    together = detect(texts)
    assert detect(texts[::-1]) == together[::-1]
    assert detect([NASTY["long"], NASTY["long chinese"], NASTY["german"]]) == ["en", "zh", "de"]
