"""What a customer or a clerk says of a fact that is wrong: add-only, dated, and obeyed by every profile from its day on."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import pandas as pd

from profiling import schemas
from profiling.errors import InputError, SettingsError
from profiling.facts.days import fact_id
from profiling.facts.slots import by_name, is_sensitive
from profiling.lake import Lake

WRONG, STATED = "wrong", "stated"
MAX_STATEMENT = 300
# An address of mail, or as many digits as a telephone number has, however they are parted.
_CONTACT = re.compile(r"@|(?:\d[\s().\-/–]*){7}")


@dataclass(frozen=True)
class Correction:
    """One correction as it was stored; `day` is the first whose profile it changes, unless one that was stated later holds."""

    customer_id: str
    fact_id: str
    statement: str
    kind: str
    instead: str | None
    said_by: str
    day: str
    stated_at: str
    holds: bool


def correct(
    lake: Lake,
    document: dict[str, Any],
    fact: str,
    instead: str | None,
    said_by: str,
    day: str,
    moment: pd.Timestamp,
    now: pd.Timestamp | None = None,
) -> Correction:
    """Store that a fact of a profile is wrong, or what it should say.

    Args:
        document: the customer's profile that shows it, or showed it before it was marked wrong.
        fact: its fact_id, or the first characters.
        instead: the statement in its place; None where it is only wrong.
        said_by: `customer`, or the clerk's role or staff number.
        day: the first day whose profile obeys.
        moment: when it was said.
        now: when it is recorded; None is this moment.

    Raises:
        InputError: the profile has no such fact, or several, or the same correction holds already.
        SettingsError: the statement is not as `checked_statement` wants it, or the name is no name; said in the future.
    """
    now = pd.Timestamp.now(tz="UTC") if now is None else now
    if moment > now:
        raise SettingsError(f"a correction is not stated in the future: {moment.isoformat()}")
    held = _held(lake, document, day)
    found = _found(document, held, fact)
    _refuse_contact(said_by)
    statement = None if instead is None else checked_statement(instead)
    before = held.get(found["fact_id"])
    kind = WRONG if statement is None else STATED
    if before is not None and (before["kind"], before["statement"]) == (kind, statement):
        said = "marked wrong" if statement is None else f"corrected to {statement!r}"
        raise InputError(
            f"fact {found['fact_id'][:8]} is already {said}: since {before['stated_at'].isoformat()}, by {before['said_by']}, "
            f"for profiles from {before['day']} on"
        )
    row = {
        **{name: found[name] for name in ("topic", "subtopic", "value")},
        "side": _side(document["customer_id"], found),
        "kind": kind,
        "statement": statement,
        "said_by": said_by.strip(),
        "stated_at": moment,
        "recorded_at": now,
        "day": day,
    }
    rows = [
        {"identity_id": identity, **row, "evidence": places}
        for identity, places in sorted(_who_said(lake, document, found, before, row["side"], day).items())
    ]
    added = pd.DataFrame(rows, columns=schemas.FACT_CORRECTIONS.names).astype({"side": "int32"})
    lake.update(
        "fact_corrections", day, lambda held: pd.concat([held, added], ignore_index=True) if len(held) else added
    )
    return Correction(
        document["customer_id"],
        found["fact_id"],
        found["statement"],
        kind,
        statement,
        row["said_by"],
        day,
        moment.isoformat(),
        before is None or before["stated_at"] <= moment,
    )


def _who_said(
    lake: Lake, document: dict[str, Any], fact: dict[str, Any], before: dict[str, Any] | None, side: int, day: str
) -> dict[str, list[dict[str, Any]]]:
    """The words a fact rests on by the identity whose they are: should the customer be split, its correction goes where the fact
    goes. One that the profile does not show because it is wrong belongs to those who hold that correction, with its words."""
    customer = document["customer_id"]
    if "evidence" not in fact:
        return {identity: [] for identity in before["identities"]} if before else {customer: []}
    # The profile cites a few of them.
    mine = [customer, *document["identity"]["merged_from"]]
    slot = [(name, "==", fact[name]) for name in ("topic", "subtopic", "value")]
    rows = lake.read("facts", [("identity_id", "in", mine), ("day", "<=", day), *slot], ["polarity", "evidence"])
    read = [each for each in rows.to_dict("records") if (each["polarity"] < 0) == (side < 0)]
    places = {
        (each["interaction_id"], int(each["start"]), int(each["end"]))
        for each in [*fact.get("spans", ()), *(place for row in read for place in row["evidence"])]
    }
    names = sorted({*fact["evidence"], *(name for name, *_ in places)})
    whose = lake.read("interactions", [("interaction_id", "in", names)], ["interaction_id", "identity_id"])
    found: dict[str, list[dict[str, Any]]] = {identity: [] for identity in whose["identity_id"]}
    identity_of = dict(zip(whose["interaction_id"], whose["identity_id"], strict=True))
    for name, start, end in sorted(places):
        if name in identity_of:
            found[identity_of[name]].append({"interaction_id": name, "start": start, "end": end})
    return found or {customer: []}


def _side(customer: str, fact: dict[str, Any]) -> int:
    """The side of the fact as it was read: of one that was corrected before, the document tells the correction's."""
    named = (customer, fact["topic"], fact["subtopic"], fact["value"])
    return 1 if fact_id(*named, 1) == fact["fact_id"] else -1


def in_order(corrections: pd.DataFrame) -> pd.DataFrame:
    """Rows of `fact_corrections`, the one that holds last: stated later, and of the same instant recorded later."""
    # Null in rows of before the column was.
    recorded = pd.to_datetime(corrections["recorded_at"], utc=True).fillna(
        pd.to_datetime(corrections["stated_at"], utc=True)
    )
    ordered = corrections.assign(recorded_at=recorded)
    return ordered.sort_values(["stated_at", "recorded_at", "kind"], kind="stable")


def _held(lake: Lake, document: dict[str, Any], day: str) -> dict[str, dict[str, Any]]:
    """By fact_id the correction that holds of each fact of a customer on a day."""
    customer = document["customer_id"]
    mine = [customer, *document["identity"]["merged_from"]]
    rows = in_order(lake.read("fact_corrections", [("day", "<=", day), ("identity_id", "in", mine)]))
    held: dict[str, dict[str, Any]] = {}
    for row in rows.to_dict("records"):
        name = fact_id(customer, row["topic"], row["subtopic"], row["value"], row["side"])
        identities = {*held.get(name, {}).get("identities", ()), row["identity_id"]}
        held[name] = {
            **{str(name): value for name, value in row.items() if name != "evidence"},
            "statement": row["statement"] if row["kind"] == STATED else None,
            "identities": sorted(identities),
        }
    return held


def _found(document: dict[str, Any], held: dict[str, dict[str, Any]], fact: str) -> dict[str, Any]:
    """The fact that is meant: one the profile shows, or one that is marked wrong and therefore left out of it."""
    known = {each["fact_id"]: each for each in document["facts"] or []}
    for name, row in held.items():
        if name not in known and row["kind"] == WRONG:
            slot = by_name().get((row["topic"], row["subtopic"]))
            language = "zh" if document["language"] == "zh" else "en"
            said = slot.statement(language, row["side"], row["value"]) if slot else None
            known[name] = {**row, "fact_id": name, "polarity": row["side"], "statement": said or row["value"]}
    found = [each for name, each in known.items() if fact and name.startswith(fact)]
    if len(found) != 1:
        shown = ", ".join(each["fact_id"][:8] for each in document["facts"] or []) or "none"
        raise InputError(
            f"{'no fact' if not found else 'more than one fact'} of {document['customer_id'][:8]} as of {document['as_of']} "
            f"begins with {fact!r}; its facts: {shown} (`profiling show` prints them)"
        )
    return found[0]


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


def _refuse_contact(said_by: str) -> None:
    """It stays as long as the correction does, so nobody is to be reached by it."""
    if not said_by.strip() or len(said_by) > 80 or _has_unseen(said_by):
        raise SettingsError("--by is a name of 1 to 80 characters that are seen")
    if _CONTACT.search(unicodedata.normalize("NFKC", said_by)):
        raise SettingsError(
            "--by looks like an e-mail address or a telephone number, and is kept with the correction; write a role or a staff "
            "number, such as service-desk or S-1042"
        )


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
