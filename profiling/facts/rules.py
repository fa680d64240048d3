"""Facts by rules: the patterns of the slots over a customer's own sentences, and the clauses that judge an aspect."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from profiling.facts.sentences import Sentence, own_sentences
from profiling.facts.slots import LANGUAGES, Pattern, Slot, slots, word_list
from profiling.text import readable
from profiling.text.lexicons import chinese, either, folded
from profiling.text.tokens import split

NAME = "rules"
_AT, _WORDS_OF_PLACE = "在", 5  # 一个安静的房间 are four words
# jieba's tags: of places (里, 户外), and of what may stand before one: nouns, adjectives, numbers, pronouns, particles.
_PLACE_TAGS = frozenset(["f", "s"])
_NAMING_TAGS = ("n", "a", "b", "m", "q", "r", "u", "l", "vn")
# Raise with every change of code that changes a result; the data files are part of the key on their own.
RULES_VERSION = 4

_NEGATION = {
    "en": re.compile(r"\b(?:not|never|no|cannot|stop)\b|n't\b|\bno longer\b", re.IGNORECASE),
    "zh": re.compile(r"不|没|别|勿"),
}
_MARK = re.compile(r"\[\w+\]")
_LEAST_POLARITY = 0.3  # of a clause that judges an aspect: below, it is not clear that it judges
_MOST_WORDS, _MOST_CHARACTERS = 4, 12
_OF_ASPECTS = 0.75  # of a slot's confidence, for the clearest clause


@dataclass(frozen=True)
class Fact:
    """What one text says of its writer.

    Attributes:
        value: what fills the slot, in a regular form; empty where the slot needs none.
        start, end: the words it rests on, text[start:end] of the redacted text.
    """

    topic: str
    subtopic: str
    value: str
    statement: str
    polarity: float
    confidence: float
    is_inferred: bool
    start: int
    end: int


def extract(text: str, language: str, mentions: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """The facts of one text, in the order of the text; each statement once, by the surest place.

    Args:
        text: redacted.
        language: of the text; in others than English, Chinese and `und` nothing is read.
        mentions: `aspect_mentions` of its features: aspect, polarity, start, end.

    Example:
        >>> [fact.statement for fact in extract("I am looking for a quiet fan for my room.", "en", [])]
        ['Is looking for: quiet fan']
    """
    if language not in (*LANGUAGES, "und"):
        return []
    own = list(own_sentences(readable(text)))
    found = _of_sentences(own) + _of_aspects(own, mentions)
    best: dict[str, Fact] = {}
    for fact in sorted(found, key=lambda each: (-each.confidence, each.start, each.statement)):
        best.setdefault(fact.statement, fact)
    return sorted(best.values(), key=lambda each: (each.start, each.topic, each.subtopic, each.statement))


def _of_sentences(own: Sequence[Sentence]) -> list[Fact]:
    whole = folded("\n".join(sentence.text for sentence in own))  # most patterns need what stands nowhere in it
    patterns = {
        language: [
            (slot, pattern) for slot in slots() for pattern in slot.patterns[language] if pattern.may_match(whole)
        ]
        for language in {sentence.language for sentence in own}
    }
    return [fact for sentence in own for fact in _of_sentence(sentence, patterns[sentence.language])]


def _of_sentence(sentence: Sentence, patterns: Sequence[tuple[Slot, Pattern]]) -> list[Fact]:
    found: list[Fact] = []
    taken: list[tuple[int, int]] = []
    text = folded(sentence.text)
    for slot, pattern in patterns:
        if not pattern.may_match(text):
            continue
        for match in pattern.regex.finditer(sentence.text):
            start, end = match.span()
            if any(start < stop and begin < end for begin, stop in taken) or start >= sentence.others_from:
                continue
            fact = _fact(slot, pattern, match, sentence)
            if fact is not None:
                found.append(fact)
                taken.append((start, end))
    return found


def _fact(slot: Slot, pattern: Pattern, match: re.Match[str], sentence: Sentence) -> Fact | None:
    groups = match.groupdict()
    verb = (groups.get("aux") or "") + " " + (groups.get("start") or "")
    # Between the speaker and the verb, and just before: "not really worth the money".
    is_negated = bool(_NEGATION[sentence.language].search(verb))
    if is_negated and pattern.negation == "drop":
        return None
    polarity = -pattern.polarity if is_negated and pattern.negation == "flip" else pattern.polarity
    value = ""
    if slot.has_value:
        cleaned = clean_value(groups.get("value") or "", sentence.language, slot)
        if cleaned is None:
            return None
        value = cleaned
    statement = slot.statement(sentence.language, polarity, value)
    if statement is None:
        return None
    start, end = _trimmed(sentence.text, *match.span())
    if slot.has_value:
        end = min(end, match.start("value") + len(groups["value"]))
    return Fact(
        slot.topic,
        slot.subtopic,
        value,
        statement,
        polarity,
        pattern.confidence,
        pattern.is_inferred,
        sentence.start + start,
        sentence.start + end,
    )


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without white space and marks at either end."""
    while start < end and not (text[start].isalnum() or text[start] in "$€£["):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in "]"):
        end -= 1
    return start, end


def clean_value(text: str, language: str, slot: Slot) -> str | None:
    """What fills a slot in a regular form, at most a few words; None where it says nothing (`something`, `it`).

    Example:
        >>> from profiling.facts.slots import by_name
        >>> clean_value("a new pair of Running Shoes for the summer", "en", by_name()["needs", "product"])
        'running shoe'
    """
    known = slot.same.get(text.strip().lower())
    if known is not None:
        return known
    text = _MARK.split(text)[0].strip().lower()
    value = _english(text, slot) if language == "en" else _chinese(text, slot)
    if not value or not any(map(str.isalnum, value)):
        return None
    # What there is one of is an amount or a size, or of a few words.
    return None if not slot.is_single and _names_nothing(language).match(value) else value


@cache
def _names_nothing(language: str) -> re.Pattern[str]:
    """A number of something that is not named (一副, `two pairs`), or whom a thing is for or done with (给我老公)."""
    measures = either(_words("measures", language))
    if language == "en":
        return re.compile(rf"(?:\d+|{either(_words('numerals', 'en'))}) (?:{measures})$")
    persons = either(_words("persons", "zh"))
    return re.compile(rf"(?:\d+|[一二三四五六七八九十两几半]+)[多来]?(?:{measures})儿?$|[给为跟](?:{persons})")


def _english(text: str, slot: Slot) -> str | None:
    words = text.split()
    leading, stop, empty, determiners = (_words(name, "en") for name in ("leading", "stop", "empty", "determiners"))
    while words and words[0].strip("'") in leading:
        words.pop(0)
    kept: list[str] = []
    for word in words:
        # What stands directly behind a verb belongs to it: "training our puppy", "listening to jazz".
        is_verb = len(kept) == 1 and kept[0].endswith("ing")
        if is_verb and word in determiners:
            continue
        is_of_verb = is_verb and f"{kept[0]} {word}" in _words("prepositional", "en")
        if ((word in stop or word in determiners) and not is_of_verb) or len(kept) == _MOST_WORDS:
            break
        kept.append(word)
        if word != word.rstrip(".,/'-"):
            break
    kept = [stripped for word in kept if (stripped := word.strip(".,/'-&"))]
    while kept and (kept[-1] in leading or kept[-1] in stop):
        kept.pop()
    if not kept or kept[0] in empty or all(word in empty for word in kept):
        return None
    if len(kept) == 1 and {kept[0], _singular(kept[0])} & _words("incomplete", "en"):
        return None
    return " ".join([*kept[:-1], _singular(kept[-1])]) if not slot.is_single else " ".join(kept)


def _singular(word: str) -> str:
    """One form for `guitars` and `guitar`; a rough one, for a key and not for grammar."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("shes", "ches", "xes", "sses", "atoes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _chinese(text: str, slot: Slot) -> str | None:
    leading, stop, empty = (_words(name, "zh") for name in ("leading", "stop", "empty"))
    # Words as jieba cuts them: 在 is one in 在卧室里做音乐, and none in 在家做意式浓缩, as 能 is none in 智能手表.
    begins, ends = _bounds(text)
    start, is_shorter = 0, True
    while is_shorter:
        is_shorter = False
        for word in sorted(leading, key=lambda each: (-len(each), each)):
            end = start + len(word)
            is_leading = text.startswith(word, start) and end in ends and len(text) > end + 1
            if is_leading and not (word == _AT and _begins_with_place(text[end:])):
                start, is_shorter = end, True
    stops = (at for at in begins if at > start and any(text.startswith(w, at) and at + len(w) in ends for w in stop))
    text = text[start : next(stops, len(text))].strip().rstrip("的")
    if (
        len(text) < 1
        or len(text.removeprefix(_AT)) > _MOST_CHARACTERS
        or text in empty
        or any(text.startswith(word) for word in empty)
    ):
        return None
    if text in _words("incomplete", "zh"):
        return None
    return text if slot.is_single or len(text) > 1 or slot.subtopic == "new_pet" else None


def _begins_with_place(text: str) -> bool:
    """Whether 在 before a text says where (卧室里做音乐), not when (周末爬山) or that something is going on (学吉他)."""
    tags, places = chinese()[1], tuple(_words("places", "zh"))
    for number, word in enumerate(split(text, "jieba")[:_WORDS_OF_PLACE]):
        tag = tags.get(word, "")
        # 北京 is a place where it comes first; behind other words the tag is also that of 吉他. 学 is a noun in the dictionary.
        may_name = tag.startswith(_NAMING_TAGS)
        if tag in _PLACE_TAGS or (tag == "ns" and not number) or ((may_name or not tag) and word.endswith(places)):
            return True
        if not may_name or (tag == "n" and len(word) == 1):
            return False
    return False


def _bounds(text: str) -> tuple[list[int], list[int]]:
    """Where the words of a Chinese text begin, and where they end, ascending."""
    begins: list[int] = []
    ends: list[int] = []
    for word in split(text, "jieba"):
        begins.append(text.index(word, ends[-1] if ends else 0))
        ends.append(begins[-1] + len(word))
    return begins, ends


@cache
def _words(name: str, language: str) -> frozenset[str]:
    return frozenset(word_list("values", name, language))


def _of_aspects(own: Sequence[Sentence], mentions: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """What clauses say of aspects that belong to a slot; only where the clause is the customer's own."""
    filled = {aspect: slot for slot in slots() for aspect in slot.aspects}
    found = []
    for mention in mentions:
        slot = filled.get(mention["aspect"])
        sentence = next((s for s in own if s.start <= mention["start"] < s.start + len(s.text)), None)
        if slot is None or sentence is None or abs(mention["polarity"]) < _LEAST_POLARITY:
            continue
        if mention["start"] - sentence.start >= sentence.others_from:
            continue
        unless = slot.unless.get(sentence.language)
        if unless and unless.search(sentence.text[mention["start"] - sentence.start : mention["end"] - sentence.start]):
            continue
        polarity = 1.0 if mention["polarity"] > 0 else -1.0
        statement = slot.statement(sentence.language, polarity, "")
        if statement is None:
            continue
        confidence = round(slot.confidence * _OF_ASPECTS * (0.5 + 0.5 * abs(mention["polarity"])), 4)
        found.append(
            Fact(
                slot.topic,
                slot.subtopic,
                "",
                statement,
                polarity,
                confidence,
                True,
                int(mention["start"]),
                int(mention["end"]),
            )
        )
    return found


def as_record(fact: Fact) -> dict[str, Any]:
    """A fact as it is cached."""
    return {name: getattr(fact, name) for name in fact.__dataclass_fields__}
