"""What is known about customers: one line a customer, JSON lines or CSV.

`identifiers` {type: value} (or columns `identifier_<type>`), `stated_at`, and any other fields: one statement each. In
JSON a null says that the value is no longer known; an empty CSV field says nothing.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._values import Unreadable, identifiers, is_identifier, moment, said


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of statements, for `attributes`. A line is taken whole or not at all.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "attributes", _parse)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC at which the line was stated.

    Raises:
        Unreadable: its time is missing or no time.
    """
    return moment(record, "stated_at", zone)


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    who, stated_at = identifiers(record), when(record, zone)
    fields = [field for field in record if field != "stated_at" and not is_identifier(field)]
    if not fields:
        raise Unreadable("nothing_said", None, "the line names a customer and says nothing; add a field, such as city")
    if not all(field.strip() for field in fields):
        raise Unreadable("missing_name", None, "a field has no name; name every field")
    return [(who, field, said(record[field]), stated_at) for field in fields]
