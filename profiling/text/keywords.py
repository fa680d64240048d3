"""Topics of a text: noun-like terms, by how prominent they are in it and how near their vector is to the text's own.

English (and undetermined) candidates are nouns and two-word compounds, by TextBlob's lexicon of parts of speech and, for a
word that may be a verb or a noun ("stand", "pick"), by the word before it; a text with few of them has few keywords, for
they become a customer's interests. Chinese ones are nouns by jieba's dictionary. Other languages have no list of nouns here
and get no keywords.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from profiling.text import readable
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder
from profiling.text.language import is_chinese
from profiling.text.lexicons import chinese, lexicon, words

# A term's weight is this much of its nearness to the text and for the rest how prominent it is there; and how much the weight
# counts against likeness to terms chosen before it (maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998). These
# and ENCODED were chosen on reviews that neither `profiling evaluate keywords` nor the benchmark measures: of the terms
# of a held-out title .752 are found, .754 by prominence alone; of the words of a summary .351, without nearness .325.
NEARNESS, RELEVANCE = 0.2, 0.95
# Only so many candidates of a text are looked at, and fewer where each costs a vector: a dozen short terms cost about as much as
# the text itself. As many as terms are asked for in any case.
CANDIDATES, ENCODED = 12, 8

_WORD_OR_BREAK = re.compile(r"[^\W\d_][\w'-]*|[^\w\s]", re.UNICODE)
# What stands where personal data stood, also where the end of the text that is read cuts it; addresses, which are no topics.
_NO_WORDS = re.compile(
    r"\[[a-z_]+\d*(?:\]|$)|(?:https?:/|www\.)[!-~]+|\b[a-z\d-]+(?:\.[a-z\d-]+)*\.(?:com|net|org|info|cn|co|io|de|fr|uk|jp)\b(?:/[!-~]*)?",
    re.IGNORECASE,
)
# In characters: what is longer is noise or glued together, and a topic is shown to people.
LONGEST_WORD, LONGEST_TERM = 30, 40
# What makes a noun of the next word, where it may be a verb too: before a singular ("a stand"), before a plural ("the picks").
_PREPOSITIONS = "as|by|for|from|in|of|on|under|with|without"
_POSSESSIVES = "my|your|his|her|its|our|their"
_BEFORE_PLURAL = re.compile(
    f"{_PREPOSITIONS}|{_POSSESSIVES}|the|these|those|all|any|few|many|more|no|other|several|some|two|three|four|five|six"
)
_BEFORE_SINGULAR = re.compile(f"{_PREPOSITIONS}|{_POSSESSIVES}|a|an|the|this|another|any|each|every|no|one|some")
# A term's first mention counts double at the start of the text, half as much extra after this many words.
_POSITION_SCALE = 20
# jieba's tags of conjunctions, adverbs, numbers, prepositions, pronouns and particles.
_FUNCTION_TAGS = frozenset(["c", "d", "m", "p", "r", "u", "ud", "ug", "uj", "ul", "uv", "uz"])
_PARTICLE_TAGS = frozenset(tag for tag in _FUNCTION_TAGS if tag.startswith("u"))
# TextBlob's subjectivity from which an adjective is an opinion ("great string") and no kind ("acoustic guitar").
_SUBJECTIVE = 0.5


def keywords(
    texts: list[str],
    languages: list[str],
    encoder: Encoder,
    vectors: list[np.ndarray | None],
    cache: TextCache | None = None,
    top: int = 5,
    nearness: float = NEARNESS,
    relevance: float = RELEVANCE,
) -> list[list[tuple[str, float]]]:
    """For each text at most `top` terms with a weight of 0 to 1, best first; ties by the alphabet.

    Which terms, maximal marginal relevance decides, so that five do not say one thing; the weight is of the term alone.

    Terms are lower case and singular, so that they add up over texts, and at most LONGEST_TERM characters long. Prominence is
    frequency, position and rarity relative to the text's best term. With a vector (unit, float32 [d]) the weight is
    nearness * cosine between term and text + (1 - nearness) * prominence; without one it is the prominence.
    Terms of all texts are encoded together, once each; with `cache` once ever.
    """
    candidates = [
        _candidates(_NO_WORDS.sub("; ", readable(text)), language, top, CANDIDATES if vector is None else ENCODED)
        for text, language, vector in zip(texts, languages, vectors, strict=True)
    ]
    return choose(candidates, encoder, vectors, cache, top, nearness, relevance)


def choose(
    candidates: list[dict[str, float]],
    encoder: Encoder,
    vectors: list[np.ndarray | None],
    cache: TextCache | None = None,
    top: int = 5,
    nearness: float = NEARNESS,
    relevance: float = RELEVANCE,
) -> list[list[tuple[str, float]]]:
    """The same of candidates that are at hand: of each text its terms with their prominence."""
    wanted = {term for found, vector in zip(candidates, vectors, strict=True) if vector is not None for term in found}
    known = _vectors(sorted(wanted), encoder, cache)
    return [
        _diverse(_ranked(found, vector, known, nearness), known, top, relevance)
        for found, vector in zip(candidates, vectors, strict=True)
    ]


def _diverse(
    ranked: list[tuple[str, float]], known: dict[str, np.ndarray], top: int, relevance: float
) -> list[tuple[str, float]]:
    """At most `top` of the ranked terms, each chosen for its weight and against its likeness to those chosen before."""
    if len(ranked) <= top or relevance >= 1:
        return ranked[:top]
    likeness = {term: 0.0 for term, _ in ranked}  # to the nearest that was chosen
    left = dict(ranked)
    chosen: list[tuple[str, float]] = []
    while left and len(chosen) < top:
        gains = {term: relevance * weight - (1 - relevance) * likeness[term] for term, weight in left.items()}
        best = min(left, key=lambda term: (-round(gains[term], 6), term))
        chosen.append((best, left.pop(best)))
        for term in left:
            likeness[term] = max(likeness[term], _likeness(term, best, known))
    return sorted(chosen, key=lambda pair: (-pair[1], pair[0]))


def _likeness(one: str, other: str, known: dict[str, np.ndarray]) -> float:
    """Cosine of two terms; without vectors 1 where one stands in the other ("guitar", "acoustic guitar"), else 0."""
    if one in known and other in known:
        return float((known[one].astype(np.float64) * known[other].astype(np.float64)).sum())
    return float(one in other or other in one)


def _ranked(
    candidates: dict[str, float], vector: np.ndarray | None, known: dict[str, np.ndarray], nearness: float
) -> list[tuple[str, float]]:
    if not candidates:
        return []
    best = max(candidates.values())
    weights = {term: score / best for term, score in candidates.items()}
    if vector is not None:
        # Summed by numpy, not BLAS: the order of the sum must not depend on the number of candidates.
        matrix = np.stack([known[term] for term in candidates]).astype(np.float64)
        cosines = (matrix * vector.astype(np.float64)).sum(axis=1)
        weights = {
            term: nearness * cosine + (1 - nearness) * weights[term]
            for term, cosine in zip(candidates, np.clip(cosines, 0.0, 1.0).tolist(), strict=True)
        }
    rounded = [(term, round(weight, 6)) for term, weight in weights.items()]
    return sorted(rounded, key=lambda pair: (-pair[1], pair[0]))


def _vectors(terms: list[str], encoder: Encoder, cache: TextCache | None) -> dict[str, np.ndarray]:
    keys = {term: f"term|{encoder.model},{encoder.numerics}|{term}" for term in terms}
    stored = cache.get_many(keys.values()) if cache is not None else {}
    known = {term: np.frombuffer(stored[key], dtype=np.float32) for term, key in keys.items() if key in stored}
    missing = [term for term in terms if term not in known]
    if missing:
        fresh = dict(zip(missing, encoder.encode(missing), strict=True))
        if cache is not None:
            cache.put_many({keys[term]: vector.tobytes() for term, vector in fresh.items()})
        known |= fresh
    return known


def prominent(mentions: Iterator[tuple[str, int, float]], most: int = ENCODED) -> dict[str, float]:
    """The `most` most prominent terms of (term, position in words, worth), best first."""
    return dict(sorted(_scores(mentions).items(), key=lambda pair: (-pair[1], pair[0]))[:most])


def _candidates(text: str, language: str, top: int, most: int) -> dict[str, float]:
    """The `most` (or `top`, if more) best terms with a cheap score > 0, best first."""
    most = max(top, most)
    if language == "zh":
        return prominent(_chinese_terms(text), most)
    if language in ("en", "und"):
        return prominent(_english_terms(text), most)
    return {}


def _scores(mentions: Iterator[tuple[str, int, float]]) -> dict[str, float]:
    """Sum of the mentions' worth, more for an early first mention. `mentions`: (term, position in words, worth)."""
    scores: dict[str, float] = {}
    for term, position, worth in mentions:
        scores[term] = scores.get(term, worth / (1 + position / _POSITION_SCALE)) + worth
    return scores


def _english_terms(text: str) -> Iterator[tuple[str, int, float]]:
    """Nouns, and pairs (noun or objective adjective, noun) that stand side by side."""
    before: str | None = None  # a word that may open a compound
    last, last_kind = "", "none"
    for position, (word, kind, term) in enumerate(_english_words(text)):
        is_noun = kind == "noun" or (kind in ("verb", "gerund") and _is_noun_after(last, last_kind, word, term))
        if is_noun:
            yield term, position, 1.0
        if (is_noun or kind == "verb") and before is not None and before != term:
            compound = f"{before} {term}"
            if len(compound) <= LONGEST_TERM:
                yield compound, position, 1.0
        before = term if is_noun or kind == "adjective" else None
        last, last_kind = word, kind


def _is_noun_after(last: str, last_kind: str, word: str, term: str) -> bool:
    """Whether a word that the lexicon calls a verb is a noun after the word before it (Brill's rules of context, in short)."""
    is_plural = word != term
    if (_BEFORE_PLURAL if is_plural else _BEFORE_SINGULAR).fullmatch(last):
        return True
    tag = _english_lexicon()[0].get(last, "")
    if tag.startswith("JJ"):
        return True  # "a great stand", "sturdy picks"
    # "guitar stand"; but "strings break", "the guitar plays", and "my guitar sounding" are verbs.
    return last_kind == "noun" and not last.endswith("s") and not is_plural and not word.endswith("ing")


def _english_words(text: str) -> Iterator[tuple[str, str, str]]:
    """(word, its kind, its term) of each word; breaks are of no kind."""
    for token in _WORD_OR_BREAK.findall(text):
        word = token.casefold().strip("'-").removesuffix("'s")
        yield (word, *_english_word(word)) if len(word) <= LONGEST_WORD else ("", "none", "")


def english_terms(text: str) -> list[str]:
    """The terms of an English text that may become keywords, in its order; those that come again, again."""
    return [term for term, _, _ in _english_terms(text)]


def english_nouns(text: str) -> list[tuple[int, int]]:
    """Where the runs of nouns of an English text stand: (start, end), in order; names of aspects are nouns here."""
    tags, stop = _english_lexicon()[0], words("stopwords_en")
    found: list[tuple[int, int]] = []
    for match in _WORD_OR_BREAK.finditer(text):
        word = match.group().casefold().strip("'-")
        if len(word) < 3 or word in stop or not tags.get(word, "NN").startswith("NN"):
            continue
        if found and not text[found[-1][1] : match.start()].strip():
            found[-1] = found[-1][0], match.end()
        else:
            found.append(match.span())
    return found


@cache
def _english_word(word: str) -> tuple[str, str]:
    """(noun, adjective, verb, gerund or none; the word in singular). `verb`: may close a compound, as in "guitar picks"."""
    tags, singularize, sentiment = _english_lexicon()
    tag = tags.get(word)
    term = word if tag is not None and tag != "NNS" and not tag.startswith("VB") else _singular(word, tags, singularize)
    if len(term) < 3 or not term[0].isalpha() or is_chinese(term) or {word, term} & _never_english():
        return "none", term
    if tag is None or tag.startswith("NN"):
        return "noun", term
    if tag == "JJ" and sentiment(word)[1] < _SUBJECTIVE:
        return "adjective", term
    if tag in ("VB", "VBP") or (tag == "VBZ" and term != word):  # "dies" is no plural
        return "verb", term
    if tag == "VBG":
        return "gerund", term
    return "none", term


def _singular(word: str, tags: dict[str, str], singularize: Any) -> str:
    """The singular if it is a noun of the lexicon or only an s shorter ("lens" is in the lexicon as it is)."""
    if not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    term: str = singularize(word)
    return term if term == word[:-1] or tags.get(term, "").startswith("NN") else word


@cache
def _english_lexicon() -> tuple[dict[str, str], Any, Any]:
    from textblob.en import parser, sentiment
    from textblob.en.inflect import singularize

    parser.lexicon.get("a")  # loads the file
    return dict(dict.items(parser.lexicon)), singularize, sentiment


def _chinese_terms(text: str) -> Iterator[tuple[str, int, float]]:
    """Nouns of two characters and more, rare ones worth more."""
    tokenizer, tags = chinese()
    for position, token in enumerate(tokenizer.lcut(text)):
        term = token.casefold()
        if not 2 <= len(term) <= LONGEST_WORD or not all(c.isalpha() for c in term) or term in _never_chinese():
            continue
        tag = tags.get(term)
        if term.isascii():
            kind, term = _english_word(term)
            is_noun = kind == "noun"
        else:
            is_noun = tag.startswith(("n", "vn")) if tag else _is_a_name(term, tags)
        if is_noun:
            yield term, position, -math.log(max(tokenizer.FREQ.get(term, 0), 1) / tokenizer.total)


def _is_a_name(term: str, tags: dict[str, str]) -> bool:
    """Whether a word that the dictionary lacks is a name, and not ordinary words that jieba's model took for one.

    Such hold a stop word (我读), begin with an adverb, a number or the like (多花, 不像), or end with a particle (写得, 读过).
    """
    first, last = tags.get(term[0], ""), tags.get(term[-1], "")
    return not (first in _FUNCTION_TAGS or last in _PARTICLE_TAGS or any(c in _never_chinese() for c in term))


@cache
def _never_english() -> frozenset[str]:
    """Stop words, words of letters and offers, and what `aspects` reports: price and delivery are no interests."""
    return words("stopwords_en") | words("no_interests_en") | _of_aspects("en")


@cache
def _never_chinese() -> frozenset[str]:
    from profiling.text.sentiment import _chinese_words

    opinions = frozenset(_chinese_words()[0])
    lists = ("stopwords_zh", "no_interests_zh", "stopwords_en", "no_interests_en")
    return frozenset().union(*map(words, lists)) | _of_aspects("zh") | opinions


def _of_aspects(vocabulary: str) -> frozenset[str]:
    data = lexicon("aspects")["aspects"]
    return frozenset(term for name in data for term in data[name][vocabulary])
