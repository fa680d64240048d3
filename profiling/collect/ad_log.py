"""An ad server's log, JSON lines or CSV: what was shown, clicked and searched for.

| field | interaction |
| --- | --- |
| `event` | `kind`: `impression` -> `ad_impression`, `click` -> `ad_click`, `search` -> `search` |
| `user`, or `identifiers`, `identifier_<type>` (such as `identifier_device`) | identifier `user`, or those given |
| `at` | `occurred_at` |
| `id`, may be missing | natural key; without one the row's content, with a number for the second equal row |
| `ad` | `item_id`: needed for impressions and clicks |
| `query` | `text`: needed for searches |
| `placement` | `channel` |
| `cost` | attribute `cost`: what the advertiser pays is no money of the customer's, so it is no `amount` |

Other fields (`campaign`, `position`, `currency`, ...) become attributes.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._repeats import Repeats
from profiling.collect._values import (
    Unreadable,
    dumps,
    identifiers_or,
    moment,
    name,
    name_or_none,
    number,
    others,
    text,
)

_KINDS = {"impression": "ad_impression", "click": "ad_click", "search": "search"}
_FIELDS = ("event", "user", "at", "id", "ad", "query", "placement", "cost")


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `ad_impression`, `ad_click` or `search`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parser())


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of one row.

    Raises:
        Unreadable: its time is missing or no time.
    """
    return moment(record, "at", zone)


def _parser() -> Callable[[dict[str, Any], ZoneInfo], list[tuple[object, ...]]]:
    repeats = Repeats()

    def parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
        kind = _KINDS.get(name(record, "event").lower())
        if kind is None:
            raise Unreadable("unknown_event", "event", f"`event` is none of {', '.join(_KINDS)}; write one of them")
        needed = "query" if kind == "search" else "ad"
        ad, query = name_or_none(record, "ad"), text(record, "query")
        if (query if kind == "search" else ad) is None:
            raise Unreadable("missing_field", needed, f"`{needed}` is missing; this event says nothing without it")
        cost = number(record, "cost")
        attributes = others(record, _FIELDS) | ({} if math.isnan(cost) else {"cost": cost})
        rest = (
            when(record, zone), kind, ad, query, math.nan, math.nan, math.nan, None, name_or_none(record, "placement"),
            dumps(attributes),
        )  # fmt: skip
        who = identifiers_or(record, "user", "user")
        key = name_or_none(record, "id") or repeats.numbered(dumps([who, *rest]))
        return [(key, who, *rest)]

    return parse
