"""What a generated text may rest on, in the form that the fact check reads, and what it finds wrong."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from profiling.llm.numbers import Amount
from profiling.llm.statements import Statements


class Finding(NamedTuple):
    """Something wrong: the reason to count by, and the place in the text."""

    reason: str
    what: str


@dataclass(frozen=True)
class Claim:
    """A phrase that asserts something, and whether the grounds say the same.

    Attributes:
        kinds: of texts where it is looked for; all where there are none.
        by_fact: whether a fact may hold it up: `same` if the phrase stands in its statement too, `any` in whatever words; None
            for what no customer can say, such as a level or a stage.
        may_be_name: whether it asserts nothing where it only names a topic (`weekend`).
    """

    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool]
    kinds: frozenset[str] = frozenset()
    by_fact: Literal["same", "any"] | None = None
    may_be_name: bool = False


@dataclass(frozen=True)
class Grounds:
    """What a text may rest on.

    Attributes:
        language: it has to be written in, `en` or `zh`.
        terms: names that may be said, as `names_in` returns them.
        statements: of facts that order nothing; only a persona may say them.
        amounts: numbers that may be said, with their units.
        dates: YYYY-MM-DD.
        evidence: what may be cited.
        aspects: polarity by the aspect's name as `profiling.text` knows it.
        opinions: (aspect, sign) that facts state.
        topics: sentiment by topic; None where nothing was said of it.
        mood: satisfaction, 0 to 1; None where unknown.
        claims: phrases and whether they hold.
        written: what customers wrote, of which no long run may be repeated.
        orders: what of it looks like an order to whoever reads it.
    """

    language: str
    terms: frozenset[str] = frozenset()
    statements: Statements = field(default_factory=lambda: Statements("en"))
    amounts: tuple[Amount, ...] = ()
    dates: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()
    aspects: Mapping[str, float] = field(default_factory=dict)
    opinions: frozenset[tuple[str, float]] = frozenset()
    topics: Mapping[str, float | None] = field(default_factory=dict)
    mood: float | None = None
    claims: tuple[Claim, ...] = ()
    written: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
