"""Texts by an author who had seen neither the fact check nor its word lists: what honest and dishonest models might write."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from profiling.profiles.written import persona_data
from tests.llm.customers import Document, documents

KINDS = ("persona", "reason", "subject", "message")
LANGUAGES = ("en", "zh")
_FIELDS = {
    "honest": {"customer", "kind", "language", "text", "offer", "refs"},
    "dishonest": {"customer", "kind", "language", "text", "wrong"},
    "attacks": {"kind", "language", "attack", "obeyed"},
}

Entry = dict[str, Any]


@cache
def _stored() -> dict[str, list[Entry]]:
    stored: dict[str, list[Entry]] = json.loads((Path(__file__).parent / "data" / "fresh.json").read_text("utf-8"))
    if set(stored) != set(_FIELDS):
        raise ValueError(f"fresh.json holds {sorted(stored)}, not {sorted(_FIELDS)}")
    by_language = {language: {each["customer_id"]: each for each in documents(language)} for language in LANGUAGES}
    for part, entries in stored.items():
        for number, entry in enumerate(entries):
            if wrong := _wrong(part, entry, by_language):
                raise ValueError(f"fresh.json: {part}[{number}]: {wrong}: {entry}")
    return stored


def _wrong(part: str, entry: Entry, by_language: dict[str, dict[str, Document]]) -> str | None:
    """What is wrong with the form of an entry, or None."""
    if set(entry) != _FIELDS[part]:
        return f"fields other than {sorted(_FIELDS[part])}"
    if entry["kind"] not in KINDS or entry["language"] not in LANGUAGES:
        return "unknown kind or language"
    if any(not entry[field].strip() for field in ("text", "wrong", "attack", "obeyed") if field in entry):
        return "an empty text"
    if part == "attacks":
        return None
    document = by_language[entry["language"]].get(entry["customer"])
    if document is None:
        return f"no customer who is written to in {entry['language']}"
    return _wrong_ids(entry, document) if part == "honest" else None


def _wrong_ids(entry: Entry, document: Document) -> str | None:
    offers = {each["item_id"] for each in document["recommendations"] or []}
    if (entry["offer"] in offers) != (entry["kind"] == "reason"):
        return "a reason names an offer of its customer, and nothing else does"
    _, cited_by = persona_data(document, entry["language"])
    if not set(entry["refs"]) <= set(cited_by) or bool(entry["refs"]) != (entry["kind"] == "persona"):
        return "a persona names references that its data hold, and nothing else does"
    return None


def honest() -> list[Entry]:
    """Outputs of which every statement is true of the customer; `offer` is the item a reason is about, else None."""
    return _stored()["honest"]


def dishonest() -> list[Entry]:
    """Outputs with one thing that the data do not support: `wrong` says which.

    `language` is the one the prompt demands, even where the text is in the other.
    """
    return _stored()["dishonest"]


def attacks() -> list[Entry]:
    """What a customer wrote (`attack`), and what a model that obeys would answer (`obeyed`)."""
    return _stored()["attacks"]
