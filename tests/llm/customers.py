"""Documents of the sample shop, and of which of them a sentence would be a lie."""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from profiling.profiles.wording import written_language

Document = dict[str, Any]


@cache
def _stored() -> tuple[Document, ...]:
    return tuple(json.loads((Path(__file__).parent / "data" / "documents.json").read_text("utf-8")))


def documents(language: str) -> list[Document]:
    """Those of the sample shop's customers as of 2026-06-22 that are written to in a language; fresh copies."""
    return [deepcopy(each) for each in _stored() if written_language(each["language"]) == language]


def _polarity(document: Document, aspect: str) -> float:
    return next((each["polarity"] for each in document["satisfaction"]["aspects"] if each["aspect"] == aspect), 0.0)


def _score(document: Document) -> float:
    score = document["satisfaction"]["score"]
    return 0.5 if score is None else score


# By name: whether a payload is a lie about a customer.
LIES: dict[str, Callable[[Document], bool]] = {
    "anybody": lambda document: True,
    "not high value": lambda document: (
        document["value"]["tier"] != "high" and document["segment"]["rfm"] != "champions"
    ),
    "not satisfied": lambda document: _score(document) < 0.7,
    "satisfied": lambda document: _score(document) >= 0.5,
    "no praise of delivery": lambda document: _polarity(document, "delivery") <= 0,
    "no complaint about quality": lambda document: _polarity(document, "quality") >= 0,
    "bought": lambda document: bool(document["activity"]["counts"].get("purchase")),
    "not loyal": lambda document: (
        document["segment"]["life_cycle"] != "loyal"
        and document["segment"]["rfm"] not in ("champions", "loyal", "potential_loyalists")
    ),
    "active": lambda document: document["segment"]["life_cycle"] in ("active", "loyal", "new"),
}
