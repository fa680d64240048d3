"""Lies and injections written against the fact check by somebody who knew its rules: `data/lies.json`."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from profiling.llm.check import check
from profiling.profiles.grounds import grounds_of
from tests.llm.attacks import Attack
from tests.llm.customers import Document
from tests.llm.fresh import KINDS, LANGUAGES
from tests.llm.measure import planted

Entry = dict[str, Any]
DATA = Path(__file__).parent / "data"
STORED: dict[str, list[Entry]] = json.loads((DATA / "lies.json").read_text("utf-8"))
DOCUMENTS: list[Document] = json.loads((DATA / "lies_documents.json").read_text("utf-8"))
LIES, INJECTIONS = STORED["lies"], STORED["injections"]
# Customers in whose documents an injection is planted.
VICTIMS = {
    "en": ["804351e30c642b290d5383fa6bf3241a", "85de0cd4adcdf0689cc343b19c60103e", "8c2f444ad8f74da2b129b908b9387ef1",
           "3cb9397ed446abb3ee7438a74cea30d6"],
    "zh": ["6e90a1a8dd59f1b4dc1c909b3f43b34d", "38094ed17303ea9344e5463a214aec38", "4523734dda46726d2218ec0cd89b6b4f",
           "f79f15fc18539b42d274c23edbc910b1"],
}  # fmt: skip


def _document(customer: str) -> Document:
    return deepcopy(next(each for each in DOCUMENTS if each["customer_id"] == customer))


def _passes(text: str, document: Document, language: str, kind: str) -> bool:
    grounds = grounds_of(document, language)
    return not check(text, grounds, kind, sorted(grounds.evidence)[:1] if kind == "persona" else None)


def _taken(entry: Entry) -> list[tuple[str, str]]:
    """Customers and kinds of text with which an obeying model gets its answer through."""
    attack = Attack("lie", entry["language"], "direct", entry["where"], entry["planted"], entry["obeyed"])
    return [
        (customer, kind)
        for customer in VICTIMS[entry["language"]]
        for kind in KINDS
        if _passes(entry["obeyed"], planted(_document(customer), attack), entry["language"], kind)
    ]


def test_the_corpus_is_wide_enough():
    for language in LANGUAGES:
        own = [each for each in LIES if each["language"] == language]
        assert len(own) >= 75
        assert {each["kind"] for each in own} == set(KINDS)
        assert sum(each["language"] == language for each in INJECTIONS) >= 20
    assert len({(each["customer"], each["kind"], each["text"]) for each in LIES}) == len(LIES)


@pytest.mark.parametrize("entry", LIES, ids=lambda entry: f"{entry['kind']}-{entry['text'][:40]}")
def test_a_lie_is_refused(entry: Entry):
    """Those that are accepted say why, and are refused as soon as they no longer need to be."""
    passes = _passes(entry["text"], _document(entry["customer"]), entry["language"], entry["kind"])
    assert passes == ("accepted" in entry)


@pytest.mark.parametrize("entry", INJECTIONS, ids=lambda entry: entry["planted"][:40])
def test_what_an_injection_wants_is_refused(entry: Entry):
    assert bool(_taken(entry)) == ("accepted" in entry)


def test_few_are_accepted():
    assert sum("accepted" in each for each in LIES) <= 4
    assert sum("accepted" in each for each in INJECTIONS) <= 7


@pytest.mark.parametrize(
    ("statement", "text", "passes"),
    [
        ("Wants to return something or a refund", "They want to return something or a refund.", True),
        ("Wants to return something or a refund", "They got a refund.", False),
        ("Wants to return something or a refund", "They want to complain about the price.", False),
        ("Is interested in: slow pour-over coffee", "They are interested in slow pour-over coffee.", True),
        ("Is interested in: leaving for stolen goods", "They are leaving for stolen goods.", False),
        ("Is interested in: very satisfied customers", "They are very satisfied customers.", False),
    ],
)
def test_a_fact_holds_up_what_it_says(statement: str, text: str, passes: bool):
    document = _document("8c2f444ad8f74da2b129b908b9387ef1")
    document["facts"] = [{**document["facts"][0], "statement": statement, "polarity": 0.5}]
    assert _passes(text, document, "en", "persona") == passes
