"""Keywords: noun-like, comparable over texts, ranked by the text's own vector."""

from collections.abc import Sequence

import numpy as np
import pytest

from profiling.text import keywords as keyword_rules
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder
from profiling.text.keywords import keywords

from .conftest import NASTY


def terms(text: str, language: str, encoder: Encoder, top: int = 5) -> list[str]:
    vector = encoder.encode([text])[0] if encoder.can_read(language) else None
    return [term for term, _ in keywords([text], [language], encoder, [vector], top=top)[0]]


def test_topics_and_no_verbs_opinions_or_aspects(static: Encoder) -> None:
    text = "I love my new acoustic guitar! The strings work great, the price was good. Would buy again, highly recommended."
    assert set(terms(text, "en", static)) == {"acoustic guitar", "guitar", "string"}


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("This is a stand for my guitar", "stand"),
        ("The picks arrived", "pick"),
        ("A sturdy strap", "strap"),
        ("I got it with straps", "strap"),
        ("The guitar stand", "stand"),
        ("For the recording", "recording"),
    ],
)
def test_a_verb_of_the_lexicon_is_a_noun_where_the_word_before_says_so(text: str, term: str) -> None:
    assert term in keyword_rules.english_terms(text)


@pytest.mark.parametrize(
    "text",
    [
        "They stand",
        "You stand there",
        "To stand",
        "The strings stand",
        "The guitar stands",
        "A guitar. Stand up",
        "This picks",
    ],
)
def test_and_a_verb_elsewhere(text: str) -> None:
    assert not {"stand", "pick"} & set(keyword_rules.english_terms(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The guitar: acoustic. We compose and sing. Great, lovely, sang, cheap.", ["guitar"]),
        ("It is not slow and I don't regret it. I can't complain.", []),
        ("The charger gets hot and dies.", ["charger"]),
        ("The charger dies", ["charger"]),
        ("The lid is loose. Please e-mail me.", ["lid"]),
        ("I am a VIP, don't ignore me", []),
        ("The slow regret", []),
        ("The parcels came this morning, from the sale", []),
    ],
)
def test_a_text_with_few_nouns_has_few_keywords(text: str, expected: list[str], static: Encoder) -> None:
    """They become interests: not slow and no regret are none."""
    assert [term for term, _ in keywords([text], ["en"], static, [None])[0]] == expected


@pytest.mark.parametrize("text", ["这次真是白花钱", "价格比别家高", "新手入门推荐", "新品"])
def test_no_topics_of_chinese(text: str, static: Encoder) -> None:
    assert terms(text, "zh", static) == []


@pytest.mark.parametrize("text", ["Guitar string", "guitar strings", "GUITAR STRINGS!", "The guitar's strings"])
def test_case_and_number_are_merged(text: str, static: Encoder) -> None:
    assert "guitar string" in terms(text, "en", static)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("lens", "lens"),
        ("two batteries", "battery"),
        ("glass", "glass"),
        ("the humbuckers", "humbucker"),
        ("bass", "bass"),
    ],
)
def test_singulars(text: str, term: str, static: Encoder) -> None:
    assert terms(text, "en", static)[0] == term


def test_chinese_topics_without_an_encoder_that_reads_them(static: Encoder) -> None:
    found = keywords(["这把吉他音色很好，吉他弦也不错，快递很快，非常满意"], ["zh"], static, [None])[0]
    assert found[0] == ("吉他", 1.0)
    assert "音色" in [term for term, _ in found]
    assert not {"满意", "快递", "不错", "非常"} & {term for term, _ in found}


def test_words_of_the_other_language_are_judged_by_their_own(static: Encoder) -> None:
    mixed = ["这把guitar的音色很好，strings也很nice，我really喜欢", "琴很好。The tuner works."]
    chinese, english = keywords(mixed, ["zh", "en"], static, [None, None])
    assert {"guitar", "string", "音色"} <= {term for term, _ in chinese}
    assert not {"nice", "really"} & {term for term, _ in chinese}
    assert [term for term, _ in english] == ["tuner"], "琴很好 is no noun of English"


def test_weights_are_of_nearness_and_prominence(static: Encoder) -> None:
    text = "A guitar in the park"
    vector = static.encode([text])[0]
    prominence = dict(keywords([text], ["en"], static, [None])[0])
    assert prominence["guitar"] == 1 > prominence["park"]
    for term, weight in keywords([text], ["en"], static, [vector], nearness=0.3)[0]:
        cosine = float(static.encode([term])[0] @ vector)
        assert weight == pytest.approx(0.3 * cosine + 0.7 * prominence[term], abs=1e-5)


def test_one_thing_is_not_said_five_times(static: Encoder) -> None:
    text = "Guitar strings, guitar string set, guitar picks. The guitar strap, the guitar case; a piano, a microphone."
    vector = static.encode([text])[0]
    near, far = (
        [term for term, _ in keywords([text], ["en"], static, [vector], relevance=share)[0]] for share in (1.0, 0.5)
    )
    assert sum("guitar" in term for term in far) < sum("guitar" in term for term in near)
    without = [term for term, _ in keywords([text], ["en"], static, [None], relevance=0.5)[0]]
    assert {"piano", "microphone"} <= set(without)


def test_redaction_marks_and_other_languages_give_nothing(static: Encoder) -> None:
    assert terms("[email] [phone_2] [resident_id_12]", "en", static) == []
    assert terms("Die Lieferung war schnell", "de", static) == []


def test_words_and_terms_have_a_longest_length(static: Encoder) -> None:
    assert terms("a" * 20_000, "en", static) == terms("好" + "a" * 20_000, "zh", static) == []
    word = "w" * keyword_rules.LONGEST_WORD
    assert terms(f"A {word} and a {word}w", "en", static) == [word]
    found = terms(f"{word} guitar, {word} humbucker", "en", static)
    assert f"{word} guitar" in found
    assert f"{word} humbucker" in found, "40 characters"
    assert f"{word} humbuckers x" not in found
    assert "humbuckerx" in (found := terms(f"{word} humbuckerx", "en", static))
    assert f"{word} humbuckerx" not in found


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("See https://www.example.com/gear/piano?id=drums#banjo for the guitar", "en"),
        ("www.example.co.uk/piano or example.com, the guitar", "en"),
        ("HTTP : // the guitar", "en"),
        ("the guitar [resident_id", "en"),
        ("吉他http://example.com/piano很好", "zh"),
    ],
)
def test_addresses_and_marks_that_were_cut_are_no_topics(text: str, language: str, static: Encoder) -> None:
    assert terms(text, language, static) == ["吉他" if language == "zh" else "guitar"]


def test_words_that_jiebas_model_joins_are_no_names(static: Encoder) -> None:
    text = "多花了几百，不像正品，写得好，读过。奶泡机和光域镜头，意式咖啡"
    found = {term for term, _ in keywords([text], ["zh"], static, [None], top=12)[0]}
    assert {"奶泡机", "光域", "意式"} <= found
    assert not {"多花", "不像", "写得", "读过"} & found


def test_order_neighbours_and_cache_change_nothing(static: Encoder, cache: TextCache) -> None:
    texts, languages = list(NASTY.values()), ["zh" if "chinese" in name else "en" for name in NASTY]
    vectors = [
        None if language == "zh" else static.encode([text])[0] for text, language in zip(texts, languages, strict=True)
    ]
    fresh = keywords(texts, languages, static, vectors)
    assert keywords(texts, languages, static, vectors, cache) == fresh
    assert keywords(texts[::-1], languages[::-1], _Silent(static), vectors[::-1], cache) == fresh[::-1]
    for found in fresh:
        assert len(found) <= 5
        assert all(0 <= weight <= 1 for _, weight in found)
        assert [weight for _, weight in found] == sorted((weight for _, weight in found), reverse=True)


class _Silent:
    """The names of an encoder that must not be asked for vectors: everything is in the cache."""

    def __init__(self, encoder: Encoder) -> None:
        self.model, self.dimension, self.can_read = encoder.model, encoder.dimension, encoder.can_read
        self.numerics = encoder.numerics

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        raise AssertionError(f"asked for {len(texts)} vectors that the cache holds")
