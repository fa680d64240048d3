"""The slots that facts fill, out of `slots.json`: names, templates, and the patterns of the rules."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from profiling.facts.needs import Strings, needed
from profiling.schemas import FACT_TOPICS
from profiling.text.lexicons import either, folded

LANGUAGES = ("en", "zh")
NEGATIONS = ("flip", "drop", "ignore")
_FOLDER = files("profiling.facts")


@dataclass(frozen=True)
class Pattern:
    """One expression over a sentence; `negation` says what a negated verb does: turn the fact round, leave it out, nothing."""

    regex: re.Pattern[str]
    polarity: float
    confidence: float
    negation: str
    is_inferred: bool
    needs: Strings | None  # of these one stands, folded, in every text that matches; None where none can be told

    def may_match(self, text: str) -> bool:
        """False where a folded text holds nothing that the expression needs."""
        return self.needs is None or any(each in text for each in self.needs)


@dataclass(frozen=True)
class Slot:
    """What a fact can be about.

    Attributes:
        topic, subtopic: its name; topics are schemas.FACT_TOPICS.
        names: by language.
        statements: by language the templates in favour and against; one alone where the slot has one side.
        polarity: 1, or -1 where what fills it speaks against.
        is_single: a customer has one: a later one goes before an earlier one with another value.
        aspects: the aspects of a text (`text/aspects.py`) whose clauses fill it; `unless` a clause matches this.
        half_life_days: how fast it fades.
    """

    topic: str
    subtopic: str
    names: Mapping[str, str]
    statements: Mapping[str, tuple[str, ...]]
    examples: Mapping[str, tuple[str, ...]]
    polarity: float
    confidence: float
    is_single: bool
    has_value: bool
    aspects: tuple[str, ...]
    unless: Mapping[str, re.Pattern[str]]
    half_life_days: float
    same: Mapping[str, str]
    patterns: Mapping[str, tuple[Pattern, ...]]

    def statement(self, language: str, polarity: float, value: str) -> str | None:
        """The fact in one sentence; None where the slot has no side of this polarity."""
        sides = self.statements[language]
        if len(sides) == 1:
            return sides[0].format(value=value) if polarity * self.polarity > 0 else None
        return sides[0 if polarity > 0 else 1].format(value=value)


@cache
def fixed_statements() -> frozenset[str]:
    """Every statement that says the same of everybody it is true of: nothing that a customer wrote stands in it."""
    return frozenset(
        side for slot in slots() if not slot.has_value for sides in slot.statements.values() for side in sides
    )


@cache
def slots() -> tuple[Slot, ...]:
    """All slots, in the order they are tried."""
    data = _data()
    found = tuple(
        _slot(topic, subtopic, entry, content["half_life_days"], data["macros"])
        for topic, content in data["topics"].items()
        for subtopic, entry in content["slots"].items()
    )
    unknown = {slot.topic for slot in found} ^ set(FACT_TOPICS)
    if unknown:
        raise ValueError(f"slots.json and schemas.FACT_TOPICS differ: {', '.join(sorted(unknown))}")
    return found


@cache
def by_name() -> dict[tuple[str, str], Slot]:
    """The slots by (topic, subtopic)."""
    return {(slot.topic, slot.subtopic): slot for slot in slots()}


@cache
def topic_names() -> dict[str, dict[str, str]]:
    """By topic its name by language."""
    return {topic: content["name"] for topic, content in _data()["topics"].items()}


@cache
def word_list(*path: str) -> tuple[str, ...]:
    """A list of `slots.json` beside the topics, by the keys that lead to it."""
    found: Any = _data()
    for key in path:
        found = found[key]
    return tuple(found)


@cache
def sensitive() -> dict[str, re.Pattern[str]]:
    """By language, any of the sensitive words in a folded text."""
    data = json.loads((_FOLDER / "sensitive.json").read_text("utf-8"))
    kinds = [content for kind, content in data.items() if kind != "about"]
    english = either(word for kind in kinds for word in kind["en"]).replace(r"\ ", r"\s+")
    chinese = either(word for kind in kinds for word in kind["zh"])
    return {"en": re.compile(rf"\b(?:{english})s?\b"), "zh": re.compile(chinese)}


def is_sensitive(text: str) -> bool:
    """Whether a text names health, religion, ethnicity, orientation, politics, a union, a crime, debts or a divorce.

    Not the list of `profiling.llm.check`: that one keeps "he", "my wife" and "rich" out of sentences about a customer, and of the
    facts that customers state themselves 1 in 80 of English and 1 in 8 of Chinese reviews stand beside such a word.
    """
    low = folded(text)
    return any(pattern.search(low) for pattern in sensitive().values())


@cache
def fingerprint() -> str:
    """12 hex digits that change with either data file."""
    parts = [(_FOLDER / name).read_bytes() for name in ("slots.json", "sensitive.json")]
    return sha256(b"\0".join(parts)).hexdigest()[:12]


@cache
def _data() -> dict[str, Any]:
    return json.loads((_FOLDER / "slots.json").read_text("utf-8"))


def _slot(topic: str, subtopic: str, entry: dict[str, Any], half_life: float, macros: dict[str, Any]) -> Slot:
    polarity = float(entry.get("polarity", 1))
    own = {"polarity": polarity, "confidence": entry["confidence"], "negation": entry["negation"]}
    patterns = {
        language: tuple(_pattern(each, own, macros[language]) for each in entry["patterns"][language])
        for language in LANGUAGES
    }
    return Slot(
        topic,
        subtopic,
        entry["name"],
        {language: tuple(entry["statement"][language]) for language in LANGUAGES},
        {language: tuple(entry["examples"][language]) for language in LANGUAGES},
        polarity,
        float(entry["confidence"]),
        bool(entry.get("is_single", False)),
        "{value}" in entry["statement"]["en"][0],
        tuple(entry.get("aspects", ())),
        {language: re.compile(text, re.IGNORECASE) for language, text in entry.get("unless", {}).items()},
        float(half_life),
        entry.get("same", {}),
        patterns,
    )


def _pattern(entry: str | dict[str, Any], own: dict[str, Any], macros: dict[str, str]) -> Pattern:
    said = {"pattern": entry} if isinstance(entry, str) else entry
    text = said["pattern"]
    for name in ("me", "np", "aux"):
        text = text.replace("{" + name + "}", macros[name])
    negation = said.get("negation", own["negation"])
    if negation not in NEGATIONS:
        raise ValueError(f"slots.json: negation is one of {', '.join(NEGATIONS)}, not {negation!r}")
    regex = re.compile(text, re.IGNORECASE)
    return Pattern(
        regex,
        float(said.get("polarity", own["polarity"])),
        float(said.get("confidence", own["confidence"])),
        negation,
        bool(said.get("is_inferred", False)),
        needed(regex),
    )
