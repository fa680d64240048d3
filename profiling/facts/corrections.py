"""What a customer or a clerk says of a fact that is wrong: add-only, dated, and obeyed by every profile from its day on."""

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Any

import pandas as pd

from profiling import schemas
from profiling.errors import InputError, SettingsError
from profiling.facts.days import fact_id
from profiling.facts.slots import is_sensitive
from profiling.lake import Lake

WRONG, STATED = "wrong", "stated"
MAX_STATEMENT = 300


@dataclass(frozen=True)
class Correction:
    """One correction as it was stored; `day` is the first whose profile it changes."""

    customer_id: str
    fact_id: str
    statement: str
    kind: str
    instead: str | None
    said_by: str
    day: str


def correct(
    lake: Lake, document: dict[str, Any], fact: str, instead: str | None, said_by: str, day: str, moment: pd.Timestamp
) -> Correction:
    """Store that a fact of a profile is wrong, or what it should say.

    Args:
        document: the customer's profile that shows it.
        fact: its fact_id, or the first characters.
        instead: the statement in its place; None where it is only wrong.
        said_by: `customer`, or the clerk's name.
        day: the first day whose profile obeys.
        moment: when it was said.

    Raises:
        InputError: the profile has no such fact, or several.
        SettingsError: the statement is not as `checked_statement` wants it, or the name is no name.
    """
    found = [each for each in document["facts"] or [] if fact and each["fact_id"].startswith(fact)]
    if len(found) != 1:
        known = ", ".join(each["fact_id"][:8] for each in document["facts"] or []) or "none"
        raise InputError(
            f"{'no fact' if not found else 'more than one fact'} of {document['customer_id'][:8]} as of {document['as_of']} "
            f"begins with {fact!r}; its facts: {known} (`profiling show` prints them)"
        )
    if not said_by.strip() or len(said_by) > 80 or _has_unseen(said_by):
        raise SettingsError("--by is a name of 1 to 80 characters that are seen")
    statement = None if instead is None else checked_statement(instead)
    row = {
        **{name: found[0][name] for name in ("topic", "subtopic")},
        "value": found[0]["value"],
        "side": _side(document["customer_id"], found[0]),
        "kind": WRONG if statement is None else STATED,
        "statement": statement,
        "said_by": said_by.strip(),
        "stated_at": moment,
        "day": day,
    }
    rows = [{"identity_id": identity, **row} for identity in _who_said(lake, found[0]) or [document["customer_id"]]]
    added = pd.DataFrame(rows, columns=schemas.FACT_CORRECTIONS.names).astype({"side": "int32"})
    lake.update(
        "fact_corrections", day, lambda held: pd.concat([held, added], ignore_index=True) if len(held) else added
    )
    return Correction(
        document["customer_id"], found[0]["fact_id"], found[0]["statement"], row["kind"], statement, row["said_by"], day
    )


def _who_said(lake: Lake, fact: dict[str, Any]) -> list[str]:
    """The identities whose words a fact rests on: should the customer be split, its correction goes where the fact goes."""
    rows = lake.read("interactions", [("interaction_id", "in", list(fact["evidence"]))], ["identity_id"])
    return sorted(set(rows["identity_id"]))


def _side(customer: str, fact: dict[str, Any]) -> int:
    """The side of the fact as it was read: of one that was corrected before, the document tells the correction's."""
    named = (customer, fact["topic"], fact["subtopic"], fact["value"])
    return 1 if fact_id(*named, 1) == fact["fact_id"] else -1


def checked_statement(text: str) -> str:
    """A statement as it may be stored and published.

    Raises:
        SettingsError: it is too short or too long, holds unseen characters or personal data, or names something sensitive.
    """
    from profiling.prepare.redaction import redact

    said = " ".join(text.split())
    if not 3 <= len(said) <= MAX_STATEMENT:
        raise SettingsError(f"a statement has 3 to {MAX_STATEMENT} characters, this one {len(said)}")
    if _has_unseen(said):
        raise SettingsError("the statement holds characters that are not seen; write it in letters, digits and marks")
    if redact(said) != said:
        raise SettingsError("the statement holds personal data (an address, a number, a name); say it without")
    if is_sensitive(said):
        raise SettingsError(
            "the statement names health, religion, origin, orientation, politics or a union: a profile holds nothing of these"
        )
    return said


def _has_unseen(text: str) -> bool:
    """Controls of a terminal, marks that turn the direction of writing, blanks without width."""
    return any(unicodedata.category(character).startswith(("C", "Zl", "Zp")) for character in text)


def corrections_known(lake: Lake, day: str) -> list[str]:
    """A fingerprint of the corrections that hold on a day, as a list of one; empty where there are none.

    So a day whose profiles would come out otherwise by a new correction is stale, and all others stay what they are.
    """
    rows = lake.read("fact_corrections", [("day", "<=", day)])
    if rows.empty:
        return []
    lines = sorted(repr(tuple(map(str, row))) for row in rows.itertuples(index=False))
    return [hashlib.sha256("\n".join(lines).encode()).hexdigest()]
