"""What an expression needs is in every text that it matches."""

import random
import re

import pytest

from profiling.facts.needs import needed
from profiling.facts.rules import extract
from profiling.facts.slots import LANGUAGES, Pattern, slots
from profiling.text.lexicons import folded


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        (r"\bmy\s+(?:new|old) job\b", {"new job", "old job"}),
        (r"\bi (?:really )?(?:buy|built)\b", {"i buy", "i built", "i really buy", "i really built"}),
        (r"(?P<value>\w+) plays?", {" play", " plays"}),
        (r"(?:never)*again", {"again"}),
        (r"(?:very )+good", {"very "}),
        (r"(?!not )gr[ae]y", {"gray", "grey"}),
        (r"不(?:会|想)再", {"不会再", "不想再"}),
        (r"[^a]b?", None),
        (r"(?:yes|\w)", None),
        (r"\w+", None),
    ],
)
def test_what_an_expression_needs(pattern: str, needs: set[str] | None) -> None:
    assert needed(re.compile(pattern, re.IGNORECASE)) == needs


def test_letters_that_only_unicode_takes_for_others_are_looked_up_as_those() -> None:
    pattern = re.compile("sick kin", re.IGNORECASE)
    for text in ("SICK KIN", "ſick kin", "sıck kin", "sİck kin", "sic\u212a kin"):
        assert pattern.search(text)
        assert any(each in folded(text) for each in needed(pattern) or ())


def test_a_sentence_is_only_passed_over_where_nothing_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = [(language, each) for slot in slots() for language in LANGUAGES for each in slot.patterns[language]]
    examples = {language: [text for slot in slots() for text in slot.examples[language]] for language in LANGUAGES}
    draw = random.Random(11)
    words = " ".join(examples["en"]).split()
    texts = [*examples["en"], *examples["zh"], *(" ".join(draw.choices(words, k=9)).upper() for _ in range(300))]
    passed = matched = 0
    for _, pattern in patterns:
        for text in texts:
            is_match = pattern.regex.search(text) is not None
            may = pattern.may_match(folded(text))
            assert may or not is_match, (pattern.regex.pattern, text)
            passed, matched = passed + (not may), matched + is_match
    assert matched > len(patterns) / 2
    assert passed > len(patterns) * len(texts) / 2
    found = [extract(text, "und", []) for text in texts]
    monkeypatch.setattr(Pattern, "may_match", lambda self, text: True)
    assert found == [extract(text, "und", []) for text in texts]
