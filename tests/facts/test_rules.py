"""Facts by rules: the labelled cases, every slot's own examples, and where in the text a fact rests."""

import json
import re
import time
from importlib.resources import files

import pytest

from profiling.behaviour.protocols import facts as protocol
from profiling.facts.rules import Fact, clean_value, extract
from profiling.facts.slots import Slot, by_name, is_sensitive, slots, topic_names
from profiling.schemas import FACT_TOPICS
from profiling.text.aspects import mentions
from profiling.text.language import detect

CASES = protocol._texts_of(protocol.hand_made())


def read(text: str) -> list[Fact]:
    language = detect([text])
    return extract(text, language[0], [each._asdict() for each in mentions([text], language)[0]])


def said(text: str) -> list[str]:
    return [fact.statement for fact in read(text)]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_labelled_text(case: protocol.Text) -> None:
    found = read(case.text)
    assert {protocol._key(fact) for fact in found} == {slot for slot, _ in case.facts}
    words = dict(case.facts)
    for fact in found:
        assert protocol._overlaps(fact, case, words[protocol._key(fact)]), case.text[fact.start : fact.end]


def test_there_are_cases_of_every_kind_in_both_languages() -> None:
    kinds = {(case.group, case.language) for case in CASES}
    wanted = {"extraction", "negation", "supposed", "others", "sensitive", *protocol.HISTORIES}
    assert len(protocol.hand_made()) >= 60
    assert kinds == {(kind, language) for kind in wanted for language in ("en", "zh")}


@pytest.mark.parametrize("slot", slots(), ids=lambda slot: f"{slot.topic}/{slot.subtopic}")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_example_fills_its_slot(slot: Slot, language: str) -> None:
    assert slot.examples[language]
    for example in slot.examples[language]:
        found = read(example)
        assert (slot.topic, slot.subtopic) in {(fact.topic, fact.subtopic) for fact in found}, (example, found)


def test_every_topic_has_slots_and_names_in_both_languages() -> None:
    assert {slot.topic for slot in slots()} == set(FACT_TOPICS)
    assert all(set(names) == {"en", "zh"} for names in topic_names().values())
    assert all(set(slot.names) == {"en", "zh"} for slot in slots())


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("My friend says I need a new guitar, but I need a capo.", []),
        ("I need a capo. My friend needs a tuner.", ["Is looking for: capo"]),
        ("We need something for the wall.", []),
        ("I need it.", []),
        ("Please write to me, I need a stand for [name].", ["Is looking for: stand"]),
        ("I need [name].", []),
        ("I am looking forward to the concert.", []),
        ("I no longer play the piano.", ["Is not interested in: piano"]),
        ("I can't recommend it enough!", ["Recommends what was bought"]),
        ("I will not return it.", []),
        ("We have not moved to another flat.", []),
        ("朋友推荐的，果然没错。", []),
        ("我没有退货。", []),
        ("I love spoiling my two cats.", ["Is interested in: spoiling cat"]),
        ("I enjoy listening to jazz records.", ["Is interested in: listening to jazz record"]),
        ("I enjoy listening.", []),
        ("I love cooking with friends.", ["Is interested in: cooking"]),
        ("I enjoy brewing oolong the slow way.", ["Is interested in: brewing oolong"]),
        ("Perfect for weekends in a tent.", []),
        ("I got a new dog food today.", []),
        ("I got a new dog today.", ["Has a new pet: dog"]),
        ("我喜欢在家做意式浓缩。", ["感兴趣：在家做意式浓缩"]),
        ("我喜欢在卧室里做音乐。", ["感兴趣：在卧室里做音乐"]),
        ("我喜欢在一个安静的房间里看书。", ["感兴趣：在一个安静的房间里看书"]),
        ("我喜欢在厨房做饭。", ["感兴趣：在厨房做饭"]),
        ("我喜欢在户外跑步。", ["感兴趣：在户外跑步"]),
        ("我喜欢在北京看展。", ["感兴趣：在北京看展"]),
        ("我喜欢在周末爬山。", ["感兴趣：周末爬山"]),
        ("我喜欢在练瑜伽。", ["感兴趣：练瑜伽"]),
        ("我喜欢在学吉他。", ["感兴趣：学吉他"]),
        ("需要一台在车里用的风扇。", ["想要：在车里用的风扇"]),
        ("我喜欢在夜里看书。", ["感兴趣：夜里看书"]),
        ("最近迷上了上班路上听播客。", ["感兴趣：上班路上听播客"]),
        ("我喜欢上吉他了。", ["感兴趣：吉他"]),
        ("很适合早上来一杯浓咖啡。", []),
        ("我想买智能手表。", ["想要：智能手表"]),
        ("需要一台新的多功能料理机。", ["想要：多功能料理机"]),
        ("我想买用来跑步的耳机。", ["想要：跑步的耳机"]),
        ("我还想买一副给我老公", []),
        ("我想买一副。", []),
        ("我想买两副给妈妈。", []),
        ("我喜欢给朋友。", []),
        ("我想买一副眼镜给我老公。", ["想要：眼镜"]),
        ("我想买三件套。", ["想要：三件套"]),
        ("我想买给力的耳机。", ["想要：给力的耳机"]),
        ("预算500块。", ["预算：500块"]),
        ("It feels cheap and the material is bad.", ["Complains about the quality"]),
        ("It looks really cheap.", ["Complains about the quality"]),
        ("The case is cheaply built.", ["Complains about the quality"]),
        ("The price is too high.", ["Finds prices too high"]),
        ("I need five pairs for my husband.", []),
        ("I need five pairs of socks.", ["Is looking for: five pairs of sock"]),
        ("Ich suche eine Gitarre und brauche ein Stativ.", []),
        ("", []),
    ],
)
def test_what_is_and_what_is_not_said(text: str, statements: list[str]) -> None:
    assert said(text) == statements


def test_an_earlier_mail_is_somebody_elses() -> None:
    text = "I need a capo.\n\nOn 3 May 2026 the shop wrote:\nI need a tent.\n-----Original Message-----\nI need a lamp."
    assert said(text) == ["Is looking for: capo"]


def test_the_same_statement_twice_in_a_text_is_one_by_its_surest_place() -> None:
    (fact,) = read("I need a tent. The ground is wet here. We are looking for a tent.")
    assert fact.statement == "Is looking for: tent"
    assert fact.start == 0


def test_places_are_those_of_the_text_as_it_is_stored() -> None:
    text = "“Nice”, they wrote.\n  I’m looking for a quiet fan — soon."
    (fact,) = read(text)
    assert text[fact.start : fact.end].startswith("I’m looking for a quiet fan")


def test_a_mood_that_is_not_clear_is_no_fact() -> None:
    assert said("The delivery came.") == []


@pytest.mark.parametrize(
    ("value", "language", "regular"),
    [
        ("a new pair of Running Shoes for the summer", "en", "running shoe"),
        ("the", "en", None),
        ("something", "en", None),
        ("good old brass", "en", "old brass"),
        ("a box of ripe tomatoes", "en", "box of ripe tomato"),
        ("一把新的吉他，因为", "zh", "吉他，"),
        ("新鲜 水果 和 蔬菜", "zh", "新鲜 水果"),
        ("东西", "zh", None),
        ("一副", "zh", None),
        ("十多个", "zh", None),
        ("两点儿", "zh", None),
        ("给我老公", "zh", None),
        ("为孩子", "zh", None),
        ("跟朋友", "zh", None),
        ("一个给我老公", "zh", None),
        ("5 pieces", "en", None),
    ],
)
def test_what_fills_a_slot_is_regular(value: str, language: str, regular: str | None) -> None:
    found = clean_value(value, language, by_name()["needs", "product"])
    assert found == regular


def test_sensitive_words_in_both_languages() -> None:
    for text in (
        "I am diabetic",
        "our church",
        "as a lesbian",
        "a union member",
        "我怀孕了",
        "信仰",
        "性取向",
        "民族服装",
    ):
        assert is_sensitive(text), text
    for text in ("gentle care for sensitive skin", "a quiet fan", "护理敏感肌", "安静的风扇", "racing bike"):
        assert not is_sensitive(text), text


def test_a_text_of_nothing_but_marks_ends() -> None:
    assert read("?!...\n。。。！" * 2000) == []


# What a sentence about a customer may not say, and a customer may: sex, age, family, nationality, and words of two meanings.
SAID_OF_ONESELF = {
    "en": "he she him his her hers himself herself mr mrs ms sir madam man men woman women male female lady ladies gentlem[ae]n "
    r"girl\w* boy\w* mother\w* father\w* mum mom dad wife husband years?_old aged? elderly young\w* teen\w* senior\w* "
    r"middle-aged retired pensioner\w* millennial\w* chinese american\w* foreign\w* union\w* rich",
    "zh": "(?<![其吉])他(?!人) 她 先生 女士 小姐 男性 女性 男士 男人 女人 男孩 女孩 妈妈 母亲 爸爸 父亲 妻子 丈夫 太太 "
    "宝妈 岁 年龄 年轻 老人 老年 中年 青年 退休 寺 有钱",
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_sensitive_in_generated_texts_is_in_facts_but_for_what_customers_may_say(language: str) -> None:
    forbidden = json.loads((files("profiling.llm") / "data" / "forbidden.json").read_text("utf-8"))["sensitive"][
        language
    ]
    allowed = {word.replace("_", " ") for word in SAID_OF_ONESELF[language].split()}
    assert allowed < set(forbidden)
    endings = ("", "s", "t", "y", "e", "o", "n", "m", "ed", "led", "ic", "ity", "ism")
    # A pattern such as `diagnos\w*` is one word or another: one of them has to be found.
    for pattern in set(forbidden) - allowed:
        stem = re.sub(r"\\w[*+]|\(.*|\[.*", "", pattern)
        assert any(is_sensitive(stem + ending) for ending in endings), pattern


@pytest.mark.parametrize("word", ["不", "我最近", "非常", "really "])
def test_a_text_of_one_word_over_and_over_takes_no_time(word: str) -> None:
    """A customer could hold up a day by it: with the square of its length it took minutes."""
    began = time.process_time()
    extract("我" + word * (20_000 // len(word)), "zh", [])
    assert time.process_time() - began < 10


def test_marks_fill_no_slot() -> None:
    slot = by_name()["needs", "product"]
    assert clean_value("cup & saucer", "en", slot) == "cup saucer"
    assert [clean_value(text, language, slot) for text, language in (("& ]", "en"), ("' !", "zh"))] == [None, None]
