"""Aspects a text speaks of (delivery, price, quality, ...) and how: the sentiment of the clauses that name them.

Each sentence is read with the words of the script it is written in, so a Chinese sentence in an English text counts as well.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from profiling.text import readable
from profiling.text.language import is_chinese
from profiling.text.lexicons import chinese, either, folded, lexicon, simplified
from profiling.text.sentiment import _chinese_words, score

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|[。！？；\n…]+|(?<=[\u4e00-\u9fff])[!?;]+")
_CLAUSE_END = {
    "en": re.compile(r"[,;:()]|\s-+\s|\b(?:but|however|although|though|yet|while|except)\b", re.IGNORECASE),
    "zh": re.compile(r"[，,、：:\s]+|但是|不过|可是|然而|只是|但"),
}
# Ends just before the opinion, at most two words between in English.
_NEGATION = {
    "en": re.compile(r"(?:\b(?:not|no|never|hardly)|n't)\s+(?:\w+\s+){0,2}$"),
    "zh": re.compile(r"(?:不|没有?|毫无)[太够算是会很]{0,2}$"),
}
_NEGATED = -0.5  # "not slow" is less than "fast"


class Mention(NamedTuple):
    """One clause that names an aspect.

    Attributes:
        aspect: its name.
        polarity: -1 to 1.
        start, end: where the clause stands in the text as it is stored (redacted), in characters; text[start:end] is the clause.
    """

    aspect: str
    polarity: float
    start: int
    end: int


class _Clause(NamedTuple):
    aspect: str
    vocabulary: str
    clause: str
    sentence: str
    start: int


def mentions(texts: list[str], languages: list[str]) -> list[list[Mention]]:
    """For each text where it speaks of which aspect and how, in the order of the text, then by name.

    A clause is judged by the opinions that belong to the aspect (a slow delivery), else by its sentiment, else by that of its
    sentence ("the price, the sound: all great"). Texts in neither English nor Chinese have none.
    """
    found = [
        list(_clauses(simplified(readable(text)))) if language in ("en", "und", "zh") else []
        for text, language in zip(texts, languages, strict=True)
    ]
    # Each distinct clause and sentence is scored once.
    wanted = sorted({(part, one.vocabulary) for each in found for one in each for part in (one.clause, one.sentence)})
    scores, _ = score([part for part, _ in wanted], [language for _, language in wanted])
    known = dict(zip(wanted, scores.tolist(), strict=True))

    def judged(one: _Clause) -> float:
        opinion = _opinion(one.aspect, one.clause, one.vocabulary)
        return opinion or known[one.clause, one.vocabulary] or known[one.sentence, one.vocabulary]

    return [
        [Mention(one.aspect, judged(one), one.start, one.start + len(one.clause)) for one in each] for each in found
    ]


def aspects(found: list[Mention]) -> list[tuple[str, float]]:
    """The aspects of one text with the mean polarity of their mentions, by name."""
    values: dict[str, list[float]] = {}
    for mention in found:
        values.setdefault(mention.aspect, []).append(mention.polarity)
    return [(aspect, math.fsum(each) / len(each)) for aspect, each in sorted(values.items())]


def _opinion(aspect: str, clause: str, vocabulary: str) -> float:
    """Mean of the aspect's own opinion words in the clause, weakened and turned by a negation; 0 without any."""
    opinions = lexicon("aspects")["opinions"].get(aspect, {}).get(vocabulary)
    if not opinions:
        return 0.0
    clause = folded(clause)
    values = [
        opinions[match.group()] * (_NEGATED if _NEGATION[vocabulary].search(clause[: match.start()]) else 1.0)
        for match in _exactly(aspect, vocabulary).finditer(clause)
        if match.group() in opinions
    ]
    return math.fsum(values) / len(values) if values else 0.0


def _clauses(text: str) -> Iterator[_Clause]:
    """Wherever a clause names an aspect."""
    if not any(_any_term(vocabulary).search(folded(text)) for vocabulary in ("en", "zh")):
        return
    for start, sentence in _pieces(_SENTENCE_END, text):
        vocabulary = "zh" if is_chinese(sentence) else "en"
        if not _any_term(vocabulary).search(folded(sentence)):
            continue
        for offset, clause in _pieces(_CLAUSE_END[vocabulary], sentence):
            said = folded(clause)
            if not _any_term(vocabulary).search(said):  # the opinions of others hold a name too
                continue
            for aspect, term in _terms(vocabulary).items():
                if _names(term, _nothing_of(aspect, vocabulary).sub(" ", said), vocabulary):
                    yield _Clause(aspect, vocabulary, clause, sentence, start + offset)


def clauses_of(text: str) -> Iterator[tuple[int, str]]:
    """(position, clause) of every sentence of a text."""
    for start, sentence in _pieces(_SENTENCE_END, text):
        for offset, clause in _pieces(_CLAUSE_END["zh" if is_chinese(sentence) else "en"], sentence):
            yield start + offset, clause


def _pieces(end: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    """(position, piece) between the matches of `end`, without white space around it; blank ones are left out."""
    start = 0
    for stop, following in [*((match.start(), match.end()) for match in end.finditer(text)), (len(text), len(text))]:
        piece = text[start:stop]
        if stripped := piece.strip():
            yield start + piece.index(stripped[0]), stripped
        start = following


@cache
def _terms(vocabulary: str) -> dict[str, re.Pattern[str]]:
    aspects = lexicon("aspects")["aspects"]
    return {aspect: _any_of(terms[vocabulary], vocabulary, plural="s?") for aspect, terms in sorted(aspects.items())}


def _names(term: re.Pattern[str], said: str, vocabulary: str) -> bool:
    """Whether a name stands in a clause; a Chinese word must not be made of the halves of two others (正好|用来)."""
    if vocabulary == "en":
        return term.search(said) is not None
    match = term.search(said)
    while match is not None and _cuts(match.span(), said):
        match = term.search(said, match.start() + 1)  # 用品|质量 is no 品质, but 质量
    return match is not None


def _cuts(span: tuple[int, int], said: str) -> bool:
    """Whether one of jieba's words lies partly inside.

    No cut is what stands in one word, an ending (摔坏|了, 使用|起来), nor a modifier that jieba takes to the name's first
    character: 不好|用, but not 正好|用.
    """
    if said[: span[1]].endswith(("了", "起来")):
        return False
    modifiers = _modifiers()
    end = 0
    for word in chinese()[0].lcut(said):
        start, end = end, end + len(word)
        begins_before, ends_after = start < span[0] < end < span[1], span[0] < start < span[1] < end
        if ends_after or (begins_before and said[start : span[0]] not in modifiers):
            return True
    return False


@cache
def _modifiers() -> frozenset[str]:
    _, negations, intensifiers = _chinese_words()
    return (negations | intensifiers.keys() | {"也"}) - {"最"}  # 最好|用温水 is advice


@cache
def _nothing_of(aspect: str, vocabulary: str) -> re.Pattern[str]:
    """What holds a name of the aspect and says nothing of it: opinions of several words of the others ("cheap quality"), and
    what the data lists (我要退货).
    """
    listed = lexicon("aspects")["no_names"].get(aspect, {}).get(vocabulary, [])
    opinions = lexicon("aspects")["opinions"]
    found = [
        phrase
        for other in opinions
        for phrase in opinions[other][vocabulary]
        if other != aspect and (match := _terms(vocabulary)[aspect].search(phrase)) and match.group() != phrase
    ]
    patterns = [*listed, *([_any_of(found, vocabulary).pattern] if found else [])]
    return re.compile("|".join(patterns) or "(?!)")


@cache
def _any_term(vocabulary: str) -> re.Pattern[str]:
    every = [term for terms in lexicon("aspects")["aspects"].values() for term in terms[vocabulary]]
    return _any_of(every, vocabulary, plural="s?")


@cache
def _exactly(aspect: str, vocabulary: str) -> re.Pattern[str]:
    """The aspect's opinions, and its names that are words of jieba's and hold one without saying it: 快递, but not 太贵."""
    opinions = list(lexicon("aspects")["opinions"][aspect][vocabulary])
    if vocabulary == "zh":
        names = lexicon("aspects")["aspects"][aspect]["zh"]
        opinions += [
            name
            for name in names
            if name not in opinions
            and name in chinese()[1]
            and any(opinion in name and name.removesuffix(opinion) not in _modifiers() for opinion in opinions)
        ]
    return _any_of(opinions, vocabulary)


def _any_of(terms: list[str], vocabulary: str, plural: str = "") -> re.Pattern[str]:
    """Any of the terms in a folded text, longest first; whole words in English."""
    return re.compile(rf"\b(?:{either(terms)}){plural}\b" if vocabulary == "en" else either(terms))
