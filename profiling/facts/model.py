"""Facts by a language model: it fills slots and quotes the words; what the quote does not bear is dropped and counted.

The model writes no sentence of its own: a statement is the slot's template, so that rules and model fill one contract, the
language is right, and the same fact is the same from whoever reads it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from profiling.facts.rules import Fact, clean_value
from profiling.facts.sentences import own_sentences
from profiling.facts.slots import Slot, by_name, is_sensitive, slots
from profiling.llm.contract import Failure, LanguageModel, Request
from profiling.llm.prompts import load
from profiling.text import readable
from profiling.text.aspects import mentions
from profiling.text.language import is_chinese
from profiling.text.sentiment import score

PROMPT = "facts"
# Raise with every change of the check that changes what stands, or of how a model's facts are stored.
CHECK_VERSION = 3
MAX_CHARACTERS = 4000  # of a text: a longer one is read by the rules alone
STATED, INFERRED = 0.85, 0.6
# Why a fact of an answer was dropped.
REASONS = ("slot", "quote", "not_own", "sensitive", "value", "side", "language")
# A text whose answer had facts and kept none.
NOTHING_STOOD, TOO_LONG = "nothing_stood", "too_long"
_CLEAR = 0.35  # a sentiment that decides: below, words say too little
# Slots whose side is a judgement, so that the mood of the words must agree; that somebody moves house has none.
_JUDGING = frozenset(["complaints", "service_experience", "price_sensitivity"])
_SPACES = re.compile(r"\s+")


@dataclass
class Read:
    """What became of a batch: facts by text, texts left to the rules and facts dropped by reason, and how many were kept."""

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    fallen_back: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    kept: int = 0

    def counts(self) -> dict[str, int]:
        """For the stage's counts, without what is 0."""
        found = {"facts_read_by_model": len(self.facts), "facts_of_model": self.kept}
        found |= {f"facts_fell_back_{reason}": number for reason, number in sorted(self.fallen_back.items())}
        found |= {f"facts_dropped_{reason}": number for reason, number in sorted(self.dropped.items())}
        return {name: number for name, number in found.items() if number}


def read(texts: Mapping[str, str], model: LanguageModel, about: Mapping[str, tuple[str, ...]]) -> Read:
    """Ask a model for the facts of texts, the longest first: where a budget ends, they have most to say.

    Args:
        texts: redacted, by text_hash; of people who allow language models only.
        about: by text_hash, the people who wrote it.

    Returns:
        Facts of the texts whose answer stood; all others are the rules'.
    """
    done = Read()
    asked: list[tuple[str, Request]] = []
    for text_hash, text in sorted(texts.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(text) > MAX_CHARACTERS:
            done.fallen_back[TOO_LONG] += 1
        else:
            asked.append((text_hash, request(text_hash, text, about.get(text_hash, ()))))
    answers = model.answer([each for _, each in asked])
    for (text_hash, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, Failure):
            done.fallen_back[answer.reason] += 1
            continue
        facts, dropped = checked(answer.value["facts"], texts[text_hash])
        done.dropped.update(dropped)
        if dropped and not facts:
            done.fallen_back[NOTHING_STOOD] += 1
            continue
        done.facts[text_hash] = facts
        done.kept += len(facts)
    return done


def version() -> str:
    """What is asked and how the answer is checked: part of what a day is computed from."""
    return f"{load(PROMPT).label}.{CHECK_VERSION}"


def with_model(
    found: Mapping[str, list[tuple[Fact, str]]], allowed: pd.DataFrame, model: LanguageModel
) -> tuple[dict[str, list[tuple[Fact, str]]], dict[str, int]]:
    """Facts by interaction, the model's where its answer stood and the rules' elsewhere; and counts.

    Args:
        found: the rules', with who read them.
        allowed: interaction_id, identity_id, text, text_hash of those whose writers allow language models.
    """
    writers: dict[str, set[str]] = {}
    for text_hash, identity in zip(allowed["text_hash"], allowed["identity_id"], strict=True):
        writers.setdefault(text_hash, set()).add(identity)
    distinct = allowed.drop_duplicates("text_hash")
    texts = {str(key): str(text) for key, text in zip(distinct["text_hash"], distinct["text"], strict=True)}
    done = read(texts, model, {text_hash: tuple(sorted(names)) for text_hash, names in writers.items()})
    pairs = zip(allowed["interaction_id"], allowed["text_hash"], strict=True)
    by_model = {
        interaction: [(fact, model.name) for fact in done.facts[text_hash]]
        for interaction, text_hash in pairs
        if text_hash in done.facts
    }
    return {**found, **by_model}, done.counts()


def request(row: str, text: str, about: tuple[str, ...] = ()) -> Request:
    """The question about one text."""
    asked = load(PROMPT).request(row, slots=_menu(), text=readable(text))
    return Request(asked.row, asked.prompt, asked.system, asked.user, asked.schema, asked.max_tokens, about)


@cache
def _menu() -> list[dict[str, Any]]:
    """The slots as a model is shown them."""
    return [
        {
            "topic": slot.topic,
            "subtopic": slot.subtopic,
            "about": slot.names["en"],
            "fills": slot.has_value,
            "examples": [*slot.examples["en"], *slot.examples["zh"]],
        }
        for slot in slots()
    ]


def checked(answer: Sequence[Mapping[str, Any]], text: str) -> tuple[list[Fact], Counter[str]]:
    """The facts of an answer that the text bears, each once, and how many were dropped by reason."""
    found: dict[str, Fact] = {}
    dropped: Counter[str] = Counter()
    for entry in answer:
        fact = _checked(entry, readable(text))
        if isinstance(fact, str):
            dropped[fact] += 1
        else:
            found.setdefault(fact.statement, fact)
    return sorted(found.values(), key=lambda each: (each.start, each.topic, each.subtopic, each.statement)), dropped


def _checked(entry: Mapping[str, Any], text: str) -> Fact | str:
    """The fact, or the reason why there is none."""
    slot = by_name().get((entry["topic"], entry["subtopic"]))
    if slot is None:
        return "slot"
    quote = entry["quote"].strip()
    start = text.find(quote)
    if start < 0 or len(quote) < 2:
        return "quote"
    if is_sensitive(quote) or is_sensitive(entry["value"]):
        return "sensitive"
    end = start + len(quote)
    own = [s for s in own_sentences(text) if s.start <= start and end <= s.start + len(s.text)]
    if not own or end - own[0].start > own[0].others_from:
        return "not_own"
    sentence = own[0]
    value = ""
    if slot.has_value:
        if (is_chinese(entry["value"]) or entry["value"].isascii()) is False:
            return "language"
        cleaned = clean_value(entry["value"], sentence.language, slot)
        if cleaned is None or not is_said(entry["value"], quote):
            return "value"
        value = cleaned
    polarity = 1.0 if entry["side"] == "for" else -1.0
    if slot.polarity < 0 and len(slot.statements["en"]) == 1:
        polarity = -1.0  # the slot has one side: to want a refund is to speak against
    statement = slot.statement(sentence.language, polarity, value)
    if statement is None:
        return "side"
    if slot.topic in _JUDGING and not slot.has_value and slot.subtopic != "discount":
        mood = _mood(quote, sentence.language, slot)
        if abs(mood) >= _CLEAR and mood * polarity < 0:
            return "side"
    confidence = INFERRED if entry["is_inferred"] else STATED
    return Fact(
        slot.topic, slot.subtopic, value, statement, polarity, confidence, bool(entry["is_inferred"]), start, end
    )


def _mood(quote: str, language: str, slot: Slot) -> float:
    """How the words judge: the aspect that the slot is about, else by their sentiment."""
    spoken = [each.polarity for each in mentions([quote], [language])[0] if each.aspect in slot.aspects]
    return sum(spoken) / len(spoken) if spoken else float(score([quote], [language])[0][0])


def is_said(value: str, quote: str) -> bool:
    """Whether every word and number of a value stands in the quote."""
    said = quote.casefold()
    if is_chinese(value) or is_chinese(quote):
        return _SPACES.sub("", value.casefold()) in _SPACES.sub("", said)
    words = set(re.findall(r"[\w'$€£.-]+", said))
    return all(word in words or word in said.split() for word in value.casefold().split())
