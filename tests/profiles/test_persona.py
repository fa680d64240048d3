import json
from importlib import resources

import pytest
from profile_world import CUSTOMERS, inputs, snapshot

from profiling.llm.check import check
from profiling.profiles.build import build_profiles
from profiling.profiles.grounds import grounds_of
from profiling.profiles.persona import write
from profiling.profiles.wording import ASPECTS, listed


def findings(text: str, document: dict, language: str) -> list[tuple[str, str]]:
    return [tuple(found) for found in check(text, grounds_of(document, language), "persona")]


@pytest.fixture(scope="module")
def documents() -> dict[str, dict]:
    profiles = build_profiles(*inputs(snapshot()), 0)
    return {
        customer: json.loads(text) for customer, text in zip(profiles["customer_id"], profiles["document"], strict=True)
    }


@pytest.mark.parametrize(
    ("customer", "text"),
    [
        (
            "ann",
            "A loyal customer, known for 85 days: 6 purchases, last seen 12 days ago. Most interested in Strings, warm tone and "
            "Guitars. Satisfaction is high (0.86); praises sound; is unhappy with price.",
        ),
        (
            "bo",
            "活跃客户：认识40天，购买3次，最近一次出现在6天前。最感兴趣的是吉他、Strings和Guitars。"
            "满意度较低（0.14），保持平稳，不满意物流。",
        ),
        ("ed", "A new customer, known for 2 days: 1 purchase, last seen 1 day ago. Most interested in Strings."),
        ("fi", "A new customer, known for 28 days: 2 interactions, last seen 20 days ago. Most interested in Guitars."),
    ],
)
def test_personas_by_eye(documents, customer, text):
    assert documents[customer]["persona"]["text"] == text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("customer", CUSTOMERS)
def test_our_own_sentences_pass_the_check_in_both_languages(documents, customer, language):
    persona = write({**documents[customer], "language": language})
    assert persona["language"] == language
    assert findings(persona["text"], documents[customer], language) == []
    assert persona["checked"] is True


def test_a_language_without_templates_is_answered_in_english(documents):
    assert write({**documents["ann"], "language": "fr"})["language"] == "en"


@pytest.mark.parametrize(
    ("customer", "said", "instead", "reason"),
    [
        ("ann", "6 purchases", "7 purchases", "claim"),
        ("ann", "6 purchases", "85 purchases", "claim"),  # a number of the document, but not this one
        ("ann", "6 purchases", "seven purchases", "number"),
        ("ann", "12 days ago", "12.5 days ago", "number"),
        ("ann", "85 days", "86 days", "claim"),
        ("ann", "last seen 12 days ago", "last seen today", "claim"),
        ("ann", "(0.86)", "(0.85)", "claim"),
        ("ann", "is high", "is low", "claim"),
        ("ann", "(0.86)", "(0.86) and rising", "claim"),  # no trend is known
        ("ann", "A loyal customer", "A lapsed customer", "claim"),
        ("ann", "warm tone", "cold tone", "claim"),
        ("ann", "Guitars", "Drums", "name"),
        ("ann", "praises sound", "praises price", "sentiment"),  # price is complained of
        ("ann", "unhappy with price", "unhappy with sound", "sentiment"),
        ("ann", "A loyal customer", "A loyal customer from Leeds", "name"),  # attributes are not for the persona
        ("ann", "Strings,", "Strings at 155 USD,", "number"),
        ("ann", "A loyal customer", "She is a loyal customer", "sensitive"),
        ("bo", "购买3次", "购买4次", "claim"),
        ("bo", "购买3次", "购买四次", "number"),
        ("bo", "活跃客户", "忠诚客户", "claim"),
        ("bo", "较低", "较高", "claim"),
        ("bo", "保持平稳", "呈上升趋势", "claim"),
        ("bo", "不满意物流", "称赞物流", "sentiment"),
        ("bo", "吉他", "钢琴", "word"),
        ("bo", "Guitars", "Pianos", "name"),
        ("bo", "6天前", "16天前", "claim"),
        ("bo", "活跃客户：", "活跃客户，住在上海：", "word"),
    ],
)
def test_what_the_document_does_not_say_is_found(documents, customer, said, instead, reason):
    document = documents[customer]
    text = document["persona"]["text"]
    assert said in text
    assert reason in [found[0] for found in findings(text.replace(said, instead, 1), document, document["language"])]


def test_a_term_may_hold_numbers_dots_and_the_words_of_other_terms(documents):
    topics = ["12-53 strings", "3.5 mm jack", "strings", "c++ (live)"]
    known = [{**documents["ann"]["interests"][0], "topic": topic} for topic in topics]
    document = {**documents["ann"], "interests": known}
    assert write(document)["checked"] is True
    assert findings("Most interested in 13-53 strings.", document, "en") != []


def test_an_interest_that_is_nobodys_business_is_not_said(documents):
    topics = ["insulin for diabetes", "strings"]
    known = [{**documents["ann"]["interests"][0], "topic": topic} for topic in topics]
    text = write({**documents["ann"], "interests": known})["text"]
    assert "Most interested in strings." in text


def test_the_persona_cites_what_it_mentions(documents):
    document = documents["ann"]
    persona = document["persona"]
    assert persona["evidence"][0] == document["interests"][0]["evidence"][0]
    assert len(persona["evidence"]) == 3
    assert persona["evidence_count"] >= 3


def test_every_aspect_found_in_texts_has_a_chinese_name():
    path = resources.files("profiling.text").joinpath("data/aspects.json")
    found = json.loads(path.read_text("utf-8"))["aspects"]
    assert found
    assert set(found) == set(ASPECTS["zh"])


def test_an_aspect_named_by_two_words_is_one_term(documents):
    satisfaction = documents["ann"]["satisfaction"]
    fit = [{**satisfaction["aspects"][0], "aspect": "size_fit", "polarity": -0.9}]
    document = {**documents["ann"], "satisfaction": {**satisfaction, "aspects": fit}}
    persona = write(document)
    assert persona["text"].endswith("; is unhappy with size and fit.")
    assert persona["checked"] is True
    assert write({**document, "language": "zh"})["text"].endswith("，不满意尺寸。")


@pytest.mark.parametrize(
    ("terms", "language", "text"),
    [
        ([], "en", ""),
        (["a"], "en", "a"),
        (["a", "b"], "en", "a and b"),
        (["a", "b", "c"], "en", "a, b and c"),
        (["a", "b", "c"], "zh", "a、b和c"),
    ],
    ids=str,
)
def test_lists_of_terms(terms, language, text):
    assert listed(terms, language) == text
