"""Words of generated texts: which of them are plain, which are the grounds' own, and which come from nowhere."""

import json
import re
from calendar import month_name
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from profiling.llm.numbers import SPOKEN
from profiling.text.lexicons import words as words_of_list

DATA = files("profiling.llm") / "data"
HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
WORD = re.compile(r"[^\W\d_]+")
_HYPHENED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CLAUSE = re.compile(r"[^,;:.!?()—–，；：。！？（）\n]+")


def strange_en(rest: str, own: frozenset[str], kind: str) -> list[tuple[str, bool]]:
    """Words that are neither plain nor own (stems), and whether each is written like a name."""
    known = plain("en")
    found = []
    for match in _HYPHENED.finditer(rest):
        if _is_odd_capital(match, rest, kind):
            found.append((match.group(0), True))
            continue
        parts = [match.group(0)] if match.group(0).lower() in known else WORD.findall(match.group(0))
        for word in parts:
            low = word.lower()
            if (
                low not in known
                and low not in NUMBER_WORDS
                and not {low, stem(low)} & own
                and stem(low) not in _stems()
            ):
                found.append((word, word[0].isupper()))
    return found


def _is_odd_capital(match: re.Match[str], rest: str, kind: str) -> bool:
    """Whether plain words are written as a name (`Best Buy`) or shouted; a subject may have capitals throughout."""
    word = match.group(0)
    if len(word) > 1 and word.isupper() and word.lower() not in _MONEY:
        return True
    before = rest[: match.start()].rstrip(" ")
    inside = bool(before) and (before[-1].isalnum() or before[-1] == "¤")
    return kind != "subject" and inside and word[0].isupper() and word.lower() not in _CAPITALS


_MONEY = frozenset(["usd", "cny", "eur"])
NUMBER_WORDS = SPOKEN | _MONEY | {"percent", "dollars", "euros", "yuan"}
_CAPITALS = _MONEY | frozenset(map(str.lower, month_name)) | {"customer", "shop", "team"}  # and the words of greetings


def strange_zh(rest: str, own: Collection[str]) -> list[tuple[str, bool]]:
    """The same of a Chinese text: what no cut into plain and own words covers, and every Latin word, which is a name."""
    found = [(word, True) for word in re.findall(r"[A-Za-zÀ-ÿ]+", rest) if word.upper() not in ("USD", "CNY", "EUR")]
    words = plain("zh") | frozenset(own) | _NUMERALS
    return found + [(run, False) for text in HAN_RUN.findall(rest) for run in _uncovered(text, words)]


_NUMERALS = frozenset("零〇一二两三四五六七八九十百千万亿半元块") | {"百分之", "欧元", "美元", "人民币"}
_LONGEST_ZH = 8


def _uncovered(text: str, words: Collection[str]) -> list[str]:
    """The runs of a Chinese text that its words cannot cover, however it is cut."""
    best: list[tuple[int, int]] = [(0, -1)]  # characters uncovered up to here, where the last word begins
    for end in range(1, len(text) + 1):
        options = [(best[end - 1][0] + 1, -1)]
        options += [
            (best[start][0], start) for start in range(max(0, end - _LONGEST_ZH), end) if text[start:end] in words
        ]
        best.append(min(options))
    marks, end = [False] * len(text), len(text)
    while end:
        start = best[end][1]
        if start < 0:
            marks[end - 1] = True
            end -= 1
        else:
            end = start
    return ["".join(c for c, _ in run) for run in _groups(text, marks)]


def _groups(text: str, marks: Sequence[bool]) -> Iterator[list[tuple[str, bool]]]:
    run: list[tuple[str, bool]] = []
    for character, mark in zip(text, marks, strict=True):
        if mark:
            run.append((character, mark))
        elif run:
            yield run
            run = []
    if run:
        yield run


@cache
def plain(language: str) -> frozenset[str]:
    """The plain words of a language: listed ones, stop words, and words of opinion, which are looked at by themselves."""
    own = _listed(f"plain_{language}")
    judging = {word for words in opinions()[language].values() for phrase in words for word in phrase.split()}
    return own | words_of_list(f"stopwords_{language}") | judging  # whose opinions are looked at by themselves


@cache
def function_words() -> frozenset[str]:
    """English words that two sentences share by chance."""
    return _listed("function_words_en")


def _listed(name: str) -> frozenset[str]:
    lines = (DATA / f"{name}.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def _stems() -> frozenset[str]:
    # Stems of short words meet those of others (`he` of `hes`), and adverbs those of things (`friendly`, `lively`).
    return frozenset(stem(word) for word in plain("en") if len(word) > 2 and not word.endswith("ly"))


@cache
def _stemmer() -> Any:
    from nltk.stem.snowball import SnowballStemmer

    return SnowballStemmer("english")


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """The stem of an English word, lower case."""
    return str(_stemmer().stem(word))


@cache
def opinions() -> dict[str, dict[str, list[str]]]:
    """Words that say how somebody feels, by language and kind: `opinions.json`."""
    return json.loads((DATA / "opinions.json").read_text("utf-8"))


@cache
def either(words: tuple[str, ...], language: str) -> re.Pattern[str]:
    """Any of some words, the longest first; English ones whole."""
    longest = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(rf"\b(?:{longest})\b" if language == "en" else longest, re.IGNORECASE)


def is_negated(text: str, language: str) -> bool:
    """Whether a negation stands anywhere in a text."""
    negation = either(tuple(opinions()[language]["negation"]), language)
    return bool(negation.search(text) or (language == "en" and re.search(r"n[’']t\b", text)))


def clause_at(text: str, span: tuple[int, int]) -> str:
    """The clause, or clauses, in which a place of a text lies."""
    return "".join(
        match.group(0) for match in _CLAUSE.finditer(text) if match.start() < span[1] and span[0] < match.end()
    )
