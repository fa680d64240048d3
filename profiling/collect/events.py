"""Our own form of events: JSON lines, CSV (both also gzip) or Parquet.

Fields: event_id (without one the row's own content names it), identifiers {type: value} or columns `identifier_<type>`
(the first is the row's identity), occurred_at, kind, item_id, text, rating, quantity, amount, currency, channel,
attributes (a JSON object). Other fields become attributes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
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


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parse)


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


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    given = record.get("attributes")
    attributes = {} if is_missing(given) else as_object(given, "attributes")
    extra = others(record, _FIELDS)
    for field in extra.keys() & attributes.keys():
        raise Unreadable("conflicting_field", field, f"`{field}` stands in the row and in `attributes`; give it once")
    return {**extra, **attributes}
