"""Consents: one line a statement, JSON lines or CSV.

`identifiers` {type: value} (or columns `identifier_<type>`), `purpose` (such as marketing_email), `status` (granted or
withdrawn), `stated_at`. Other fields are not kept.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._values import Unreadable, identifiers, moment, name

STATUSES = ("granted", "withdrawn")


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of statements, for `consents`: the purpose is the name, the status the value.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "consents", _parse)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC at which the line was stated.

    Raises:
        Unreadable: its time is missing or no time.
    """
    return moment(record, "stated_at", zone)


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    who, purpose, status = identifiers(record), name(record, "purpose"), name(record, "status")
    if status not in STATUSES:
        # Guessing here could turn a refusal into a permission.
        raise Unreadable("unknown_status", "status", "`status` is neither granted nor withdrawn; write one of the two")
    return [(who, purpose, status, when(record, zone))]
