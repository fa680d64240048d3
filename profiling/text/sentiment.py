"""Sentiment from -1 (angry) to 1 (delighted): by the model in service that learned from the lake's own ratings, else by lexicons.

English (and undetermined texts, for their emoji and the odd English word): the mean of what the lexicons say, each the mean
over the text's sentences. VADER and TextBlob are always there; Hu and Liu's opinion lexicon and SentiWordNet take part where
`NLTK_DATA` names a folder that has them, and the model's name says who spoke. On reviews of musical instruments (rating >= 4
against <= 3, a draw of 2,000) the first two have an AUC of .811; all four had .820
before phrases (data/sentiment_en.json: "couldn't be better") were read as what they mean, which brought the two .007.

Chinese: our own word list with negation and intensifiers over jieba's words; AUC .832 on three draws of 2,000 reviews.
Anything else: 0 by `none`.

Mixed texts: a sentence is scored in the script it is written in, so a Chinese sentence in an English text counts as Chinese and
the other way round; English words inside a Chinese sentence count by VADER's list.
"""

import logging
import math
import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from profiling.text import readable
from profiling.text.language import is_chinese
from profiling.text.lexicons import chinese, lexicon, nltk_has, opinion_lexicon, sentiwordnet, simplified

log = logging.getLogger(__name__)

CHINESE_MODEL, NO_MODEL = "zh-lexicon", "none"
# The least that is always there, and what takes part where NLTK has its data.
ALWAYS = ("vader", "textblob")
WITH_DATA = {"opinion-lexicon": "opinion_lexicon", "sentiwordnet": "sentiwordnet"}

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_CHINESE_SENTENCE_END = re.compile(r"[。！？!?；;\n…]+|(?<=[a-zA-Z])\.\s+")
_CHINESE_CLAUSE_END = re.compile(r"[，,、：:\s~～.]+")
_PARTICLE = re.compile(r"(?:极了|透了|得|了|的|啊|呀|啦|吧|呢|哦)$")
_ENGLISH_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_ENGLISH_NEGATIONS = frozenset(["not", "no", "never", "cannot", "hardly", "without", "nor", "neither"])
_CONTRACTED = re.compile(r"\b(\w+)n't\b", re.IGNORECASE)
_IRREGULAR = {"ca": "can", "wo": "will", "sha": "shall"}
# VADER's normalisation x / sqrt(x^2 + ALPHA), Hutto and Gilbert 2014; 15 is theirs for words of strength up to 4. For strengths
# up to 1 it is a sixteenth of that, and as SentiWordNet's are mostly far below 1, a quarter of that again.
_ALPHA = 15.0
_ALPHAS = {"opinion-lexicon": 1.0, "sentiwordnet": 0.25}
# How far before a word a negation or intensifier reaches, in words; as in VADER.
_REACH = 3
# A negated word turns and loses strength; VADER's constant.
_NEGATED = -0.74
# What an emoji that VADER makes nothing of stands for in English, and its strength in Chinese.
_EMOJI = {"great": 2.0, "terrible": -2.0}
# Right before another opinion it says how much, and nothing good: 好贵, 好难吃.
_VERY, _VERY_FACTOR = "好", 1.25


class Sentiment(NamedTuple):
    """What a text feels like.

    Attributes:
        score: -1 angry to 1 delighted; 0 where it says nothing.
        probability: that its writer gives 4 or 5 stars, 0 to 1, by the trained model; None where lexicons spoke.
        model: who spoke.
        note: why the trained model did not; None where it did.
    """

    score: float
    probability: float | None
    model: str
    note: str | None


class Reader(Protocol):
    """A trained model that reads texts: `profiling.behaviour.opinion`.

    Attributes:
        name: of the model and its revision, part of every cache key.
        neutral: the log odds at which a text says nothing either way.
    """

    @property
    def name(self) -> str: ...

    @property
    def neutral(self) -> float: ...

    def has_learned(self, text_hash: str) -> bool:
        """Whether the text was among those it learned from: of those it knows the answer and must not be asked."""

    def read(self, texts: Sequence[str], vectors: Sequence[np.ndarray | None], encoder: str) -> np.ndarray:
        """Probabilities (float64 [n]), NaN where it knows too few of a text's words. `encoder` made the vectors."""


# Why the trained model did not speak, as the column `sentiment_note` says it.
NOT_IN_SERVICE = "no model in service"
WAS_LEARNED = "the model in service learned from this text"
UNKNOWN_WORDS = "the model in service knows too few of its words"


def by_model(probability: float, reader: Reader) -> Sentiment:
    """A probability as a sentiment: 0 where it is the neutral one, however many of the texts are good."""
    inside = min(max(probability, 1e-12), 1 - 1e-12)
    moved = math.log(inside) - math.log1p(-inside) - reader.neutral
    return Sentiment(math.tanh(moved / 2), probability, reader.name, None)


def score(
    texts: list[str], languages: list[str], english: tuple[str, ...] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Sentiments by lexicons (float64 [n], -1 to 1) and who scored each; 0 where a text says nothing.

    Args:
        english: the lexicons of English; all of `lexicons()` where None.
    """
    names = lexicons() if english is None else english
    if english is None and not {"en", "und"}.isdisjoint(languages):
        _say_what_is_missing()
    scores, models = np.zeros(len(texts)), []
    for row, (text, language) in enumerate(zip(texts, languages, strict=True)):
        model, scorer = _scorer(language, names)
        models.append(model)
        scores[row] = scorer(readable(text))
    return scores, models


def lexicons() -> tuple[str, ...]:
    """The English lexicons that take part here, in a fixed order. Imports nothing."""
    return (*ALWAYS, *(name for name, corpus in WITH_DATA.items() if nltk_has(corpus)))


@cache
def _say_what_is_missing() -> None:
    """Once a process, and only where English is scored: the commands that look at tables ask for the names alone."""
    for corpus in WITH_DATA.values():
        if not nltk_has(corpus):
            log.info(
                "no %s: sentiment is scored without it; NLTK_DATA may name a folder with corpora/%s.zip", corpus, corpus
            )


def score_by(name: str, texts: list[str]) -> np.ndarray:
    """Sentiments of English texts (float64 [n]) by one lexicon of `lexicons()`, each the mean over its sentences."""
    return np.array([_mean([_by_lexicon(name, part) for part in _sentences(readable(text))]) for text in texts])


def _scorer(language: str, names: tuple[str, ...]) -> tuple[str, Callable[[str], float]]:
    if language in ("en", "und"):
        return "+".join(names), lambda text: _english(text, names)
    if language == "zh":
        return CHINESE_MODEL, lambda text: _chinese(text, names)
    return NO_MODEL, lambda text: 0.0


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def _english(text: str, names: tuple[str, ...]) -> float:
    return _mean(
        [
            _chinese(sentence, names)
            if is_chinese(sentence)
            else math.fsum(_by_lexicon(name, sentence) for name in names) / len(names)
            for sentence in _sentences(text)
        ]
    )


@lru_cache(maxsize=1 << 15)  # a batch is read by the lexicons and again by a model that weighs what they say
def _by_lexicon(name: str, sentence: str) -> float:
    sentence = _plainly(sentence)
    if name == "vader":
        return float(_vader().polarity_scores(sentence)["compound"])
    if name == "textblob":
        return float(_textblob()(_spelt_out(sentence))[0])  # it knows "not" and no "isn't"
    strengths = opinion_lexicon() if name == "opinion-lexicon" else sentiwordnet()
    total = _english_strength(_ENGLISH_WORD.findall(sentence.casefold()), strengths)
    return total / math.sqrt(total * total + _ALPHAS[name])


@lru_cache(maxsize=1)  # one lexicon after the other asks
def _plainly(sentence: str) -> str:
    """The sentence with a plain word in the place of each phrase whose words mislead: "couldn't be better" is "excellent"."""
    sentence = " ".join(sentence.replace("’", "'").split())
    for word, phrases in _english_phrases():
        sentence = phrases.sub(word, sentence)
    return sentence


def _spelt_out(sentence: str) -> str:
    """isn't -> is not."""
    return _CONTRACTED.sub(lambda match: f"{_IRREGULAR.get(match[1].lower(), match[1])} not", sentence)


@cache
def _english_phrases() -> list[tuple[str, re.Pattern[str]]]:
    """(the word that says it, any of its phrases)."""
    return [
        (word, re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE))
        for word, phrases in lexicon("sentiment_en")["phrases"].items()
    ]


def _english_strength(words: list[str], strengths: dict[str, float]) -> float:
    """Sum of the words' strengths, each turned by a negation shortly before it."""
    total = 0.0
    for at, word in enumerate(words):
        strength = strengths.get(word, 0.0)
        if strength:
            before = words[max(0, at - _REACH) : at]
            is_negated = any(each in _ENGLISH_NEGATIONS or each.endswith("n't") for each in before)
            total += strength * (_NEGATED if is_negated else 1.0)
    return total


@cache
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    analyser.emojis |= {emoji: word for word in _EMOJI for emoji in lexicon("emoji")[word]}
    return analyser


@cache
def _textblob() -> Any:
    from textblob.en import sentiment  # the analyser behind TextBlob(text).sentiment

    class Loaded(type(sentiment)):  # type: ignore[misc]
        """A dict that does not ask at every word whether its file is read, which is a third of the analyser's time."""

        __contains__, __getitem__ = dict.__contains__, dict.__getitem__

    len(sentiment)  # reads its file
    sentiment.__class__ = Loaded
    return sentiment


def _chinese(text: str, names: tuple[str, ...]) -> float:
    return _mean(
        [
            _english(part, names)
            if _ENGLISH_WORD.search(part.casefold()) and not is_chinese(part)
            else _chinese_sentence(part)
            for part in _CHINESE_SENTENCE_END.split(simplified(text))
            if part and part.strip()
        ]
    )


def _chinese_sentence(sentence: str) -> float:
    total = math.fsum(_chinese_clause(part) for part in _CHINESE_CLAUSE_END.split(sentence) if part)
    return total / math.sqrt(total * total + _ALPHA)


def _chinese_clause(clause: str) -> float:
    """Sum of the words' strengths, each turned by the negations and scaled by the intensifiers shortly before it."""
    _, negations, intensifiers = _chinese_words()
    phrases, strengths_of_phrases = _chinese_phrases()
    total = math.fsum(strengths_of_phrases[(match.lastindex or 0) - 1] for match in phrases.finditer(clause))
    words = _words(phrases.sub("，", clause))
    for at, word in enumerate(words):
        strength = _strength(word)
        if strength is None or (word == _VERY and at + 1 < len(words) and _strength(words[at + 1]) is not None):
            continue
        before = words[max(0, at - _REACH) : at]
        for modifier in before:
            strength *= intensifiers.get(modifier, 1.0)
        if before and before[-1] == _VERY:
            strength *= _VERY_FACTOR
        if sum(modifier in negations for modifier in before) % 2:
            strength *= _NEGATED
        total += strength
    return total


def _strength(word: str) -> float | None:
    if word.isascii() and word.isalpha():  # an English word inside Chinese; both lists go up to 4
        found: float | None = _vader().lexicon.get(word.casefold())
        return found
    return _chinese_words()[0].get(word)


def _words(clause: str) -> list[str]:
    """jieba's words, cut and joined where the word list is at odds with its dictionary: 太好了 -> 太 好 了, 不 喜欢 -> 不喜欢."""
    strengths, negations, intensifiers = _chinese_words()
    words: list[str] = []
    for word in chinese()[0].lcut(clause):
        is_known = word in strengths or word in negations or word in intensifiers
        for part in [word] if is_known else _apart(word):
            if words and words[-1] + part in strengths:
                words[-1] += part
            else:
                words.append(part)
    return words


def _apart(word: str) -> list[str]:
    """A word as modifier, opinion and particle, or two of these (十分满意, 太好了, 好极了); else as it is."""
    strengths, negations, intensifiers = _chinese_words()
    stem = _PARTICLE.sub("", word)
    end = [word[len(stem) :]] if stem != word else []
    if stem in strengths:
        return [stem, *end]
    for at in range(len(stem) - 1, 0, -1):
        head, tail = stem[:at], stem[at:]
        if tail in strengths and (head in negations or head in intensifiers or head == _VERY):
            return [head, tail, *end]
    return [word]


@cache
def _chinese_phrases() -> tuple[re.Pattern[str], list[float]]:
    """(any phrase that its words do not tell, each a group; the groups' strengths)."""
    data = lexicon("sentiment_zh")["phrases"]
    found = [(phrase, float(strength)) for strength, each in data.items() for phrase in each]
    found.sort(key=lambda pair: (-len(pair[0]), pair[0]))
    return re.compile("|".join(f"({phrase})" for phrase, _ in found)), [strength for _, strength in found]


@cache
def _chinese_words() -> tuple[dict[str, float], frozenset[str], dict[str, float]]:
    """(strength by word, negations, factor by intensifier)."""
    data = lexicon("sentiment_zh")
    strengths = {
        word: sign * float(strength)
        for part, sign in (("positive", 1), ("negative", -1))
        for strength, words in data[part].items()
        for word in words
    }
    strengths |= {emoji: strength for word, strength in _EMOJI.items() for emoji in lexicon("emoji")[word]}
    return strengths, frozenset(data["negation"]), data["intensifier"]


def _mean(values: list[float]) -> float:
    return min(1.0, max(-1.0, math.fsum(values) / len(values))) if values else 0.0
