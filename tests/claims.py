"""Law of evidence: every claim of a published profile cites interactions that are there and are its customer's own."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

from profiling.lake import Lake
from profiling.publish import open_target, read_manifest
from profiling.settings import Settings

Document = dict[str, Any]


def published_documents(settings: Settings, day: str) -> dict[str, Document]:
    """The documents of a day as readers get them, by customer_id."""
    target = open_target(settings.publish)
    keys = [part["key"] for part in read_manifest(target, day)["objects"]]
    bodies = [target.get(key) for key in keys if "/part-" in key and key.endswith(".jsonl.gz")]
    lines = [line for body in bodies if body for line in gzip.decompress(body[0]).splitlines()]
    return {document["customer_id"]: document for document in map(json.loads, lines)}


def claims(part: Any, where: str = "") -> Iterator[tuple[str, Document]]:
    """Every object with `evidence` or `spans`, wherever it stands in a document, with the path to it."""
    if isinstance(part, dict):
        if "evidence" in part or "spans" in part:
            yield where, part
        for name, value in part.items():
            yield from claims(value, f"{where}/{name}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from claims(value, f"{where}/{number}")


def cited(claim: Document) -> set[str]:
    """The interactions that a claim names."""
    return {*(claim.get("evidence") or []), *(span["interaction_id"] for span in claim.get("spans") or [])}


def unfounded(settings: Settings, documents: dict[str, Document]) -> list[str]:
    """What is wrong with the claims of some documents, each in a line; empty when every one is borne.

    A claim is borne when what it cites are interactions of a member of its customer, when it counts at least what it cites and
    something where it cites something, and when its spans lie in those texts.
    """
    columns = ["interaction_id", "identity_id", "text"]
    rows = Lake(settings.lake).read("interactions", [], columns)
    text_of = {
        str(i): t if isinstance(t, str) else "" for i, t in zip(rows["interaction_id"], rows["text"], strict=True)
    }
    wrong = []
    for name, document in documents.items():
        own = set(rows.loc[rows["identity_id"].isin(document["identity"]["members"]), "interaction_id"])
        for where, claim in claims(document):
            wrong += [f"{name}{where}: cites {each}, no interaction of theirs" for each in sorted(cited(claim) - own)]
            named, count = claim.get("evidence"), claim.get("evidence_count")
            if named is not None and count is not None and (len(named) > count or bool(named) != bool(count)):
                wrong.append(f"{name}{where}: cites {len(named)} of {count}")
            for span in claim.get("spans") or []:
                text = text_of.get(span["interaction_id"], "")
                if not text[span["start"] : span["end"]].strip() or span["end"] > len(text):
                    wrong.append(f"{name}{where}: characters {span['start']} to {span['end']} are not in the text")
    return wrong


def borne(settings: Settings, day: str) -> dict[str, int]:
    """Assert that every claim of a published day is borne; how many there were, by the part of the document."""
    documents = published_documents(settings, day)
    assert documents, f"{day} published nobody"
    assert unfounded(settings, documents) == []
    found: dict[str, int] = {}
    for document in documents.values():
        for where, claim in claims(document):
            part = where.split("/")[1]
            found[part] = found.get(part, 0) + bool(cited(claim))
    return found
