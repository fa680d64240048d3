"""A customer's facts as of a day: identities joined, corrections obeyed, of what contradicts itself the latest."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from profiling.facts.corrections import in_order
from profiling.facts.days import fact_id, joined
from profiling.facts.rules import NAME
from profiling.facts.slots import by_name

MAX_FACTS = 12
_CLEAR = 0.05  # below, a statement takes no side
FACT_COLUMNS = (
    "customer_id", "fact_id", "topic", "subtopic", "value", "statement", "polarity", "confidence", "is_inferred", "since",
    "stated_at", "written_by", "count", "superseded", "evidence",
)  # fmt: skip
DENIED_COLUMNS = ("customer_id", "topic", "subtopic", "value", "side")
_Key = tuple[str, str, str, int]  # topic, subtopic, value, side


def facts_of_customers(
    facts: pd.DataFrame,
    corrections: pd.DataFrame,
    mine: pd.Series,
    customer_of: pd.Series,
    day: str,
    by_rules: Collection[str] = (),
) -> pd.DataFrame:
    """FACT_COLUMNS: the facts that hold of each customer, at most MAX_FACTS, strongest and freshest first.

    The same fact of several identities is one and surer. A fact is superseded, and only counted, where the customer later said
    the opposite of the same thing, or something else where there is one of it (a size, a budget). A correction overrules from its
    day on, whoever says the fact again: `wrong` leaves it out, another statement stands in its place, as long as it has evidence.

    Args:
        facts: columns of `facts_state` but the week, folded to the end of the day, of identities in any order.
        corrections: rows of `fact_corrections` known by the day, of anybody.
        mine: customer_id by identity_id of the customers wanted.
        customer_of: customer_id by identity_id of everybody linked, also those who were never seen.
        day: YYYY-MM-DD.
        by_rules: customers of whom only what the rules read counts: of the same fact the model's reading adds nothing.
    """
    own = facts[facts["identity_id"].isin(mine.index)]
    wanted = set(mine)
    said = _corrections(corrections, mine, customer_of, wanted)
    own = own.assign(customer_id=own["identity_id"].map(mine))
    own = own[(own["written_by"] == NAME) | ~own["customer_id"].isin(set(by_rules))]
    own = own.sort_values(["customer_id", "identity_id", "fact_id", "written_by"], kind="stable")
    rows: list[dict[str, Any]] = []
    for customer, records in _by_customer(own).items():
        rows += _of_customer(str(customer), records, said.get(customer, {}), pd.Timestamp(day, tz="UTC"))
    return pd.DataFrame(rows, columns=list(FACT_COLUMNS))


def denied_by_customers(corrections: pd.DataFrame, mine: pd.Series, customer_of: pd.Series) -> pd.DataFrame:
    """DENIED_COLUMNS: the facts of the customers of `mine` that are marked wrong; arguments as of `facts_of_customers`."""
    said = _corrections(corrections, mine, customer_of, set(mine))
    rows = [
        (customer, *key)
        for customer, facts in sorted(said.items())
        for key, row in sorted(facts.items())
        if row["kind"] == "wrong"
    ]
    return pd.DataFrame(rows, columns=list(DENIED_COLUMNS))


def _by_customer(own: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for record in own.to_dict("records"):
        found.setdefault(record["customer_id"], []).append({str(name): value for name, value in record.items()})
    return found


def _corrections(
    corrections: pd.DataFrame, mine: pd.Series, customer_of: pd.Series, wanted: set[str]
) -> dict[str, dict[_Key, Mapping[Any, Any]]]:
    """By customer and fact the correction that holds, with the words that all corrections of the fact were about."""
    found: dict[str, dict[_Key, Mapping[Any, Any]]] = {}
    for row in in_order(corrections).to_dict("records"):
        customer = mine.get(row["identity_id"], customer_of.get(row["identity_id"], row["identity_id"]))
        if customer in wanted:
            key = (row["topic"], row["subtopic"], row["value"], int(row["side"]))
            held = found.setdefault(str(customer), {})
            before = held.pop(key, {"evidence": []})  # the one stated last comes last
            held[key] = row | {"evidence": [*before["evidence"], *_places(row["evidence"])]}
    return found


def _of_customer(
    customer: str, records: list[dict[str, Any]], corrected: Mapping[_Key, Mapping[Any, Any]], day: pd.Timestamp
) -> list[dict[str, Any]]:
    merged: dict[_Key, dict[str, Any]] = {}
    for record in _as_corrected(records, corrected):
        key = key_of(record)
        merged[key] = joined(merged[key], record) if key in merged else record
    held = []
    for key, record in merged.items():
        correction = corrected.get(key)
        if correction is None:
            held.append(record)
        elif correction["kind"] == "stated":
            changes = {"statement": correction["statement"], "written_by": f"correction by {correction['said_by']}"}
            changes["polarity_said"] = _side(correction["statement"])
            held.append(
                record | changes | {"confidence": 1.0, "is_inferred": False, "stated_at": correction["stated_at"]}
            )
    standing = [record | {"superseded": 0} for record in held if not any(_overrules(other, record) for other in held)]
    for record in held:
        newest = [each for each in standing if _is_about_the_same(each, record) and key_of(each) != key_of(record)]
        if newest and not any(each["fact_id"] == record["fact_id"] for each in standing):
            max(newest, key=_age)["superseded"] += 1
    ranked = sorted(standing, key=lambda each: (-_weight(each, day), each["topic"], each["subtopic"], each["value"]))
    return [
        {name: record.get(name) for name in FACT_COLUMNS}
        | {
            "customer_id": customer,
            "polarity": record.get("polarity_said", record["polarity"]),
            "fact_id": fact_id(customer, record["topic"], record["subtopic"], record["value"], record["polarity"]),
        }
        for record in ranked[:MAX_FACTS]
    ]


def _places(evidence: Any) -> list[Mapping[str, Any]]:
    # Null in rows of before the column was.
    return [] if evidence is None or isinstance(evidence, float) else list(evidence)


def _as_corrected(
    records: Iterable[dict[str, Any]], corrected: Mapping[_Key, Mapping[Any, Any]]
) -> Iterator[dict[str, Any]]:
    """Records, of which what is read in corrected words stands under the fact that was corrected, whoever reads them now.

    Where the corrected fact is still read in an interaction, what its reader found beside it is another fact.
    """
    records = list(records)
    read = {(key_of(record), each["interaction_id"]) for record in records for each in record["evidence"]}
    for record in records:
        if key_of(record) in corrected:
            yield record
            continue
        rest = list(record["evidence"])
        for key, correction in reversed(list(corrected.items())):
            if key[:2] != key_of(record)[:2]:
                continue
            places = [each for each in correction["evidence"] if (key, each["interaction_id"]) not in read]
            taken = [each for each in rest if any(_overlap(each, place) for place in places)]
            if taken:
                rest = [each for each in rest if each not in taken]
                yield _part(record, taken, key)
        if len(rest) == len(record["evidence"]):
            yield record
        elif rest:
            yield _part(record, rest, key_of(record)) | {
                "count": record["count"] - len(record["evidence"]) + len(rest),
            }


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(
        one["interaction_id"] == other["interaction_id"] and one["start"] < other["end"] and other["start"] < one["end"]
    )


def _part(record: Mapping[str, Any], evidence: list[Any], key: _Key) -> dict[str, Any]:
    """What some of a record's evidence says, as the fact of a key; the moments are those of all of it."""
    return {
        **record,
        "value": key[2],
        "polarity": float(key[3]),
        "fact_id": fact_id(record["identity_id"], *key),
        "confidence": 1 - math.prod(1 - each["strength"] for each in evidence),
        "count": len(evidence),
        "evidence": evidence,
    }


def _side(statement: str) -> float:
    """-1, 0 or 1: what a corrected statement says, by the lexicons; the fact it stands for may have said the opposite."""
    from profiling.text.language import detect
    from profiling.text.sentiment import score

    said = score([statement], detect([statement]))[0][0]
    return 0.0 if abs(said) < _CLEAR else 1.0 if said > 0 else -1.0


def key_of(record: Mapping[str, Any]) -> _Key:
    """What makes two statements about one customer the same fact."""
    return record["topic"], record["subtopic"], record["value"], -1 if record["polarity"] < 0 else 1


def _is_about_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both cannot hold at once: opposite sides of the same, or two values of what there is one of."""
    if (one["topic"], one["subtopic"]) != (other["topic"], other["subtopic"]):
        return False
    if one["value"] == other["value"]:
        return True
    slot = by_name().get((one["topic"], one["subtopic"]))
    return slot is not None and slot.is_single and one["polarity"] > 0 and other["polarity"] > 0


def _overrules(newer: Mapping[str, Any], older: Mapping[str, Any]) -> bool:
    return key_of(newer) != key_of(older) and _is_about_the_same(newer, older) and _age(newer) > _age(older)


def _age(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Later is greater; of two said at the same moment the surer one counts."""
    return record["stated_at"], record["confidence"], record["statement"], record["fact_id"]


def _weight(record: Mapping[str, Any], day: pd.Timestamp) -> float:
    """How much a fact matters as of a day: its confidence, halved with every half-life of its topic since it was said."""
    slot = by_name().get((record["topic"], record["subtopic"]))
    half_life = slot.half_life_days if slot is not None else 365.0
    days = max(0, (day.normalize() - record["stated_at"].normalize()).days)
    return float(record["confidence"]) * 0.5 ** (days / half_life)
