"""Columns of a source that are new, missing or retyped since its last drop. Pure functions of what was seen.

What was seen of a file is kept with it in the ledger: `{"rows": n, "columns": {name: [rows with a value, kinds]}}`, where kinds
are some of `number`, `text`, `flag`, `list`, `object`. Names only, never a value.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from profiling.collect._values import is_identifier, is_missing, is_number_text

MOST_COLUMNS = 200  # kept of a file; JSON whose keys are data would fill the ledger
EXPECTED_ROWS = 10  # so many rows of a column must be expected before their absence says anything: e^-10 by chance
_LOOKED_AT = 500  # rows of a batch whose kinds are looked at, evenly; the names of all rows are
_KINDS = {bool: "flag", int: "number", float: "number", str: "text", list: "list", dict: "object"}

Seen = Mapping[str, Any]


def seen(records: Sequence[Mapping[str, Any]]) -> Seen:
    """The columns of some rows; a column that is null in a row is not in it."""
    # Rows of one form repeat few sets of names: these are counted, and not their names one by one.
    shapes = Counter(
        tuple(name for name, value in record.items() if value is not None) if None in record.values() else tuple(record)
        for record in records
    )
    counts: Counter[str] = Counter()
    for names, number in shapes.items():
        for name in names:
            counts[name] += number
    kinds: dict[str, set[str]] = {name: set() for name in counts}
    for record in records[:: max(1, len(records) // _LOOKED_AT)]:
        for name, value in record.items():
            if not is_missing(value):
                kinds[name].add(_kind(value))
    return _kept(len(records), counts, kinds)


def together(parts: Iterable[Seen]) -> Seen:
    """What was seen of several batches or files."""
    rows = 0
    counts: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for part in parts:
        rows += part["rows"]
        for name, (count, some) in part["columns"].items():
            counts[name] += count
            kinds.setdefault(name, set()).update(some)
    return _kept(rows, counts, kinds)


def changes(source: str, before: Seen, now: Seen) -> list[str]:
    """One sentence, or none, about what differs between the columns of a source's last drop and of this one.

    A column counts as new or missing only where the other drop should have held at least EXPECTED_ROWS rows of it, or where
    every row has it; it is retyped where no value has a kind it had before. So a drop that is small or holds no row of some
    kind raises no alarm.

    >>> was = {"rows": 50, "columns": {"kind": [50, ["text"]], "amount": [50, ["number"]]}}
    >>> changes("events", was, {"rows": 50, "columns": {"kind": [50, ["text"]], "amonut": [50, ["number"]]}})
    ['source events: column `amonut` is new (a misspelt `amount`?), `amount` is missing']
    """
    if not before["rows"] or not now["rows"]:
        return []
    old, new = before["columns"], now["columns"]
    if _is_other_form(old, new) or _is_other_form(new, old):
        old, new = _without_identifiers(old), _without_identifiers(new)
    missing = [name for name in sorted(old) if name not in new and _is_expected(old[name][0], before, now)]
    said = [
        f"`{name}` is new{_near(name, missing)}"
        for name in sorted(new)
        if name not in old and _is_expected(new[name][0], now, before)
    ]
    said += [f"`{name}` is missing" for name in missing]
    said += [
        f"`{name}` is {' or '.join(new[name][1])} and was {' or '.join(old[name][1])}"
        for name in sorted(old.keys() & new.keys())
        if old[name][1] and new[name][1] and not set(old[name][1]) & set(new[name][1])
    ]
    return [f"source {source}: column " + ", ".join(said)] if said else []


def _is_other_form(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether one names its identifiers in `identifiers`, as JSON does, and the other in columns instead, as CSV does."""
    instead = {name for name in new if is_identifier(name)} - old.keys()
    return "identifiers" in old and "identifiers" not in new and bool(instead)


def _without_identifiers(columns: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: column for name, column in columns.items() if not is_identifier(name)}


def _is_expected(count: int, there: Seen, here: Seen) -> bool:
    """Whether a column of `count` rows in one drop should be seen in the other."""
    return bool(count >= there["rows"] or count / there["rows"] * here["rows"] >= EXPECTED_ROWS)


def _near(name: str, missing: Sequence[str]) -> str:
    near = get_close_matches(name, missing, n=1, cutoff=0.75)
    return f" (a misspelt `{near[0]}`?)" if near else ""


def _kept(rows: int, counts: Mapping[str, int], kinds: Mapping[str, set[str]]) -> Seen:
    most = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_COLUMNS]
    return {"rows": rows, "columns": {name: [counts[name], sorted(kinds[name])] for name in sorted(most)}}


def _kind(value: object) -> str:
    """What drift calls a value's kind."""
    # In CSV everything is text: what reads as a number, flag or object is one in every form, so that the form may change.
    if isinstance(value, Decimal) or (isinstance(value, str) and is_number_text(value)):
        return "number"
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return "flag"
    if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
        return "object"
    return _KINDS.get(type(value), "text")
