"""What is asked of a generative model and what comes back: the only shape the rest of the package knows.

A request asks for one JSON document. It comes back as a reply whose value fits the schema, or as a failure with a reason to
count by; one bad row never costs the others theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

# Reasons to count by. `refused`: the model will not; `length`: cut off at `max_tokens`; `schema`: no JSON document, or one that
# does not fit; `budget`: not asked, the run has spent what it may; `unavailable`: no answer after all retries; `rejected`: the
# server says the request is wrong (too long, unknown model) and would say so again.
FailureReason = Literal["refused", "length", "schema", "budget", "unavailable", "rejected"]


@dataclass(frozen=True)
class Request:
    """One question.

    Attributes:
        row: what the caller knows it by; not sent, and not part of the cache's key.
        prompt: name and version of the prompt's file, such as `facts@3`.
        system: the instruction, written by us alone.
        user: what it is about, with everything that customers wrote delimited as data.
        schema: JSON Schema of the answer.
        max_tokens: at which an answer is cut off and counts as failed.
        about: ids of the people whose data it holds (`identity_id`, `customer_id`); not sent, and not part of the cache's
            key. Erasing one of them erases what was answered. Empty: whom `row` names, if it is such an id, the id of an
            interaction or a text's hash.
    """

    row: str
    prompt: str
    system: str
    user: str
    schema: Mapping[str, Any]
    max_tokens: int
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """An answer that fits the request's schema. Tokens are what the model counted when it was asked, also where `is_cached`."""

    value: Any
    model: str
    tokens_in: int
    tokens_out: int
    is_cached: bool = False


@dataclass(frozen=True)
class Failure:
    """No usable answer: why, in one word to count by, and in a sentence that quotes nothing of what customers wrote."""

    reason: FailureReason
    detail: str


@dataclass
class Usage:
    """What was asked so far. `cost` in the currency of the prices set; None where none are. Retries are calls like others.
    `unstored` answers were used and could not be kept: the next run pays for them again."""

    calls: int = 0
    cache_hits: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    failures: dict[str, int] | None = None
    unstored: int = 0


class LanguageModel(Protocol):
    """Answers requests. Whoever comes first is served first: where a budget may end, callers put what matters most first."""

    name: str  # stands in `written_by` and in cache keys
    usage: Usage

    def answer(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """An answer to each, in the order of the requests. Never raises for what a single request or the server does wrong."""
