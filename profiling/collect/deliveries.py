"""Parcels brought to customers: CSV or JSON lines with `order, customer, from, to, promised, delivered, weight, text`.

| column | interaction, of kind `delivery` |
| --- | --- |
| `order` | natural key, and the attribute `order` |
| `customer`, or `identifiers`, `identifier_<type>` | identifier `customer`, or those given |
| `delivered` | `occurred_at`; empty while the parcel is under way, and then `promised` is (see below) |
| `promised`, may be empty | attributes `promised_at` (UTC) and `lateness_hours`: above 0 late, below 0 early |
| `from`, `to`, may be empty | attributes `origin`, `destination`: depots or towns, never a street |
| `weight`, may be empty | attribute `weight_kg`, not negative |
| `text`, may be empty | `text`: what the customer said about it |

A parcel that is under way happened when it was promised, with `is_delivered` false: that is when the customer is let down.
One that is promised for later is from the future and goes to quarantine. Other columns become attributes.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._values import (
    EPOCH,
    Unreadable,
    dumps,
    identifiers_or,
    is_missing,
    moment,
    name,
    name_or_none,
    number,
    others,
    text,
)

_FIELDS = ("order", "customer", "from", "to", "promised", "delivered", "weight", "text")
_HOUR = 3_600_000_000


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `delivery`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parse)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC at which the parcel was delivered, or promised where it is under way.

    Raises:
        Unreadable: both are missing, or the one that counts is no time.
    """
    is_under_way = is_missing(record.get("delivered")) and not is_missing(record.get("promised"))
    return moment(record, "promised" if is_under_way else "delivered", zone)


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    order, who = name(record, "order"), identifiers_or(record, "customer", "customer")
    occurred_at = when(record, zone)
    is_delivered = not is_missing(record.get("delivered"))
    weight = number(record, "weight")
    if weight < 0:
        raise Unreadable("out_of_range", "weight", "`weight` is negative; write kilograms, or leave it empty")
    attributes: dict[str, Any] = {
        "order": order,
        "origin": name_or_none(record, "from"),
        "destination": name_or_none(record, "to"),
        "weight_kg": None if math.isnan(weight) else weight,
        "is_delivered": is_delivered,
    }
    if not is_missing(record.get("promised")):
        promised = moment(record, "promised", zone)
        attributes["promised_at"] = (EPOCH + timedelta(microseconds=promised)).isoformat()
        if is_delivered:
            attributes["lateness_hours"] = round((occurred_at - promised) / _HOUR, 2)
    said = {field: value for field, value in attributes.items() if value is not None}
    rest = (math.nan, math.nan, math.nan, None, None, dumps({**others(record, _FIELDS), **said}))
    return [(order, who, occurred_at, "delivery", None, text(record, "text"), *rest)]
