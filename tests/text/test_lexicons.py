"""Texts in lower case and patterns of many terms find what the plain way finds."""

import re
import sys

import pytest

from profiling.text.lexicons import either, folded


def test_a_folded_letter_matches_what_the_letter_matches_where_case_is_ignored() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    low = folded(every)
    assert len(low) == len(every)
    for pattern in ("[a-z]", r"\w", r"\s", r"\d", *"iks"):
        ignoring = [match.start() for match in re.finditer(pattern, every, re.IGNORECASE)]
        assert [match.start() for match in re.finditer(pattern, low)] == ignoring, pattern
    assert {letter for letter in every if re.fullmatch("s", letter, re.IGNORECASE)} == set("sSſ")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("too small, too", ["too small", "too"]),
        ("a size too smaller", ["size", "too"]),
        ("sizes, f.x", ["sizes", "f."]),
        ("fax", []),
    ],
)
def test_the_longest_term_that_stands_there(text: str, found: list[str]) -> None:
    pattern = re.compile(rf"\b(?:{either(['too', 'size', 'too small', 't', 'f.'])})s?\b")
    assert pattern.findall(text) == found
