"""Our own form of events: JSON lines, CSV (both also gzip) or Parquet.

Fields: event_id (without one the row's own content names it), identifiers {type: value} or columns `identifier_<type>`
(the first is the row's identity), occurred_at, kind, item_id, text, rating, quantity, amount, currency, channel,
attributes (a JSON object). Other fields become attributes.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect import _columns as column
from profiling.collect._lines import batches
from profiling.collect._values import (
    Unreadable,
    as_object,
    dumps,
    identifiers,
    is_missing,
    moment,
    name,
    name_or_none,
    number,
    others,
    text,
)

_FIELDS = {
    "event_id", "occurred_at", "kind", "item_id", "text", "rating", "quantity", "amount", "currency", "channel",
    "attributes",
}  # fmt: skip
_PLAIN = _FIELDS - {"attributes"} | {"identifiers"}  # a row of these alone has no attributes


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parse, columns=_columns)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of one event.

    Raises:
        Unreadable: its time is missing or no time.
    """
    return moment(record, "occurred_at", zone)


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    who = identifiers(record)
    rest = (
        when(record, zone),
        name(record, "kind"),
        name_or_none(record, "item_id"),
        text(record, "text"),
        number(record, "rating"),
        number(record, "quantity"),
        number(record, "amount"),
        name_or_none(record, "currency"),
        name_or_none(record, "channel"),
        dumps(_attributes(record)),
    )
    key = name_or_none(record, "event_id")
    if key is None:  # over the values read, so that the same event in CSV and in JSON is one event
        key = hashlib.sha256(dumps([who, *rest]).encode()).hexdigest()[:32]
    return [(key, who, *rest)]


def _columns(records: Sequence[dict[str, Any]], zone: ZoneInfo) -> tuple[column.Columns, set[int]]:
    """`_parse` for many rows at once, field by field; see `profiling.collect._columns`."""
    odd: set[int] = set()
    keys = column.names(records, "event_id", odd)
    values: column.Columns = {
        "natural_key": keys,
        "identifiers": column.identifier_lists(records, odd),
        "occurred_at": column.moments(records, "occurred_at", zone, odd),
        "kind": column.names(records, "kind", odd),
        "item_id": column.names(records, "item_id", odd),
        "text": column.texts(records, "text", odd),
        "rating": column.numbers(records, "rating", odd),
        "quantity": column.numbers(records, "quantity", odd),
        "amount": column.numbers(records, "amount", odd),
        "currency": column.names(records, "currency", odd),
        "channel": column.names(records, "channel", odd),
        "attributes": ["{}" if record.keys() <= _PLAIN else None for record in records],
    }
    for row, document in enumerate(values["attributes"]):
        if document is None:
            values["attributes"][row] = column.of_row(_attributes_text, records[row], row, odd)
    odd.update(
        row for row, (key, kind) in enumerate(zip(keys, values["kind"], strict=True)) if key is None or kind is None
    )
    return values, odd


def _attributes_text(record: dict[str, Any]) -> str:
    return dumps(_attributes(record))


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    given = record.get("attributes")
    attributes = {} if is_missing(given) else as_object(given, "attributes")
    extra = others(record, _FIELDS)
    for field in extra.keys() & attributes.keys():
        raise Unreadable("conflicting_field", field, f"`{field}` stands in the row and in `attributes`; give it once")
    return {**extra, **attributes}
