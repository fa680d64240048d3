"""Answers to the very requests that the package makes, by authors who were shown nothing but these requests.

The customers are the sample shop's (260 customers, 150 days, seed 41, as of its last day), their documents cut to what requests
and grounds read. Two sets, each about its own customers: `first` was looked at once and what it showed was mended; `second`
came after that.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from profiling.llm.check import check
from profiling.llm.grounds import Finding
from profiling.profiles.grounds import grounds_of
from profiling.profiles.wording import written_language
from profiling.profiles.written import persona_data

PARTS = ("first", "second")


class Text(NamedTuple):
    """One text of an answer, and what the fact check finds in it."""

    language: str
    kind: str
    text: str
    found: list[Finding]


@cache
def texts(part: str) -> list[Text]:
    """Every text of the answers of a part."""
    stored = json.loads((Path(__file__).parent / "data" / "answered.json").read_text("utf-8"))[part]
    by_customer = {document["customer_id"]: document for document in stored["documents"]}
    return [text for each in stored["answers"] for text in _texts(by_customer[each["customer"]], each)]


def _texts(document: dict[str, Any], answered: dict[str, Any]) -> list[Text]:
    language, answer = written_language(document["language"]), answered["answer"]
    grounds = grounds_of(document, language)
    cited = None
    if answered["prompt"] == "persona":
        _, cited_by = persona_data(document, language)
        cited = [one for ref in answer["refs"] for one in cited_by.get(ref, [ref])] if cited_by else None
        said = [("persona", answer["text"])]
    elif answered["prompt"] == "reasons":
        said = [("reason", each["text"]) for each in answer["reasons"]]
    else:
        said = [("subject", answer["subject"]), ("message", answer["message"])]
    return [Text(language, kind, text, check(text.strip(), grounds, kind, cited)) for kind, text in said]
