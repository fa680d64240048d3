"""Aspects a text speaks of (delivery, price, quality, ...) and how: the sentiment of the clauses that name them."""

import math
import re
from functools import cache

from profiling.text import readable
from profiling.text.lexicons import lexicon
from profiling.text.sentiment import score

_SENTENCE_END = {
    "en": re.compile(r"(?<=[.!?])\s+|\n+"),
    "zh": re.compile(r"[。！？!?；;\n…]+"),
}
_CLAUSE_END = {
    "en": re.compile(r"[,;:()]|\s-+\s|\b(?:but|however|although|though|yet|while|except)\b", re.IGNORECASE),
    "zh": re.compile(r"[，,、：:\s]+|但是|不过|可是|然而|只是|但"),
}
# Ends just before the opinion, at most two words between in English.
_NEGATION = {
    "en": re.compile(r"(?:\b(?:not|no|never|hardly)|n't)\s+(?:\w+\s+){0,2}$", re.IGNORECASE),
    "zh": re.compile(r"(?:不|没有?|毫无)[太够算是会很]?$"),
}
_NEGATED = -0.5  # "not slow" is less than "fast"


def aspects(texts: list[str], languages: list[str]) -> list[list[tuple[str, float]]]:
    """For each text its aspects with a polarity of -1 to 1, by name.

    The polarity is the mean over the clauses that name the aspect. A clause is judged by the opinions that belong to the
    aspect (a slow delivery), else by its sentiment, else by that of its sentence ("the price, the sound: all great").
    Texts in neither English nor Chinese have none.
    """
    mentions = [
        _mentions(readable(text), _vocabulary(language)) for text, language in zip(texts, languages, strict=True)
    ]
    # Each distinct clause and sentence is scored once.
    wanted = sorted(
        {
            (part, language)
            for found, language in zip(mentions, languages, strict=True)
            for _, clause, sentence in found
            for part in (clause, sentence)
        }
    )
    scores, _ = score([part for part, _ in wanted], [language for _, language in wanted])
    known = dict(zip(wanted, scores.tolist(), strict=True))
    return [
        _polarities(
            [
                (aspect, _opinion(aspect, clause, language) or known[clause, language] or known[sentence, language])
                for aspect, clause, sentence in found
            ]
        )
        for found, language in zip(mentions, languages, strict=True)
    ]


def _polarities(judged: list[tuple[str, float]]) -> list[tuple[str, float]]:
    values: dict[str, list[float]] = {}
    for aspect, polarity in judged:
        values.setdefault(aspect, []).append(polarity)
    return [(aspect, math.fsum(found) / len(found)) for aspect, found in sorted(values.items())]


def _opinion(aspect: str, clause: str, language: str) -> float:
    """Mean of the aspect's own opinion words in the clause, weakened and turned by a negation; 0 without any."""
    vocabulary = _vocabulary(language)
    opinions = lexicon("aspects")["opinions"].get(aspect, {}).get(vocabulary)
    if vocabulary is None or not opinions:
        return 0.0
    values = [
        opinions[match.group().lower()] * (_NEGATED if _NEGATION[vocabulary].search(clause[: match.start()]) else 1.0)
        for match in _exactly(aspect, vocabulary).finditer(clause)
    ]
    return math.fsum(values) / len(values) if values else 0.0


def _mentions(text: str, vocabulary: str | None) -> list[tuple[str, str, str]]:
    """(aspect, clause, sentence) wherever a clause names an aspect."""
    if vocabulary is None or not _any_term(vocabulary).search(text):
        return []
    return [
        (aspect, clause.strip(), sentence.strip())
        for sentence in _SENTENCE_END[vocabulary].split(text)
        for clause in _CLAUSE_END[vocabulary].split(sentence)
        for aspect, term in _terms(vocabulary).items()
        if term.search(clause)
    ]


def _vocabulary(language: str) -> str | None:
    return {"en": "en", "und": "en", "zh": "zh"}.get(language)


@cache
def _terms(vocabulary: str) -> dict[str, re.Pattern[str]]:
    aspects = lexicon("aspects")["aspects"]
    return {aspect: _any_of(terms[vocabulary], vocabulary, plural="s?") for aspect, terms in sorted(aspects.items())}


@cache
def _any_term(vocabulary: str) -> re.Pattern[str]:
    every = [term for terms in lexicon("aspects")["aspects"].values() for term in terms[vocabulary]]
    return _any_of(every, vocabulary, plural="s?")


@cache
def _exactly(aspect: str, vocabulary: str) -> re.Pattern[str]:
    return _any_of(list(lexicon("aspects")["opinions"][aspect][vocabulary]), vocabulary)


def _any_of(terms: list[str], vocabulary: str, plural: str = "") -> re.Pattern[str]:
    """Any of the terms, longest first; whole words in English."""
    either = "|".join(re.escape(term) for term in sorted(terms, key=lambda term: (-len(term), term)))
    return re.compile(rf"\b(?:{either}){plural}\b" if vocabulary == "en" else either, re.IGNORECASE)
