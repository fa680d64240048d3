"""Reading input files: one module per input form, all on one contract.

A collector is a function `read(path, zone) -> Iterator[Batch]` in `profiling/collect/<form>.py`. It maps and parses;
whether a value is possible is decided later, for all sources alike, in `profiling/prepare`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from profiling.errors import SettingsError

STATEMENT_FORMS = ("customers", "consents", "catalogue", "german_credit")
COLLECTORS = (
    "amazon_reviews", "events", "cdnow", "online_shoppers", "deliveries", "ad_log", "mail", "posts", *STATEMENT_FORMS,
)  # fmt: skip

# What a batch of events holds. `identifiers` is a list of (type, value) pairs, `occurred_at` datetime64[us, UTC], never
# NaT, the three numbers float64 with NaN, the rest str or None; `attributes` is a JSON object as text.
EVENT_COLUMNS = (
    "source_line", "natural_key", "identifiers", "occurred_at", "kind", "item_id", "text",
    "rating", "quantity", "amount", "currency", "channel", "attributes",
)  # fmt: skip
# What a batch of statements holds; a line may give several. For the catalogue `identifiers` is [("item", item_id)].
STATEMENT_COLUMNS = ("source_line", "identifiers", "name", "value", "stated_at")
REJECT_COLUMNS = ("source_line", "reason", "field", "detail", "content")


@dataclass(frozen=True)
class Batch:
    """Some rows of one file: `rows` with the columns above, `rejects` with REJECT_COLUMNS, for `table`.

    `lines_read` counts input lines (messages, of mail): every line is in `rows` (once or, for statements, several times)
    or once in `rejects`. `seen` is what `profiling.collect.drift` makes of their columns.
    """

    table: str
    rows: pd.DataFrame
    rejects: pd.DataFrame
    lines_read: int
    seen: Mapping[str, Any]


Reader = Callable[[Path, ZoneInfo], Iterator[Batch]]


def collector(name: str) -> Reader:
    """The reader of one input form.

    Raises:
        SettingsError: there is no such form.
    """
    if name not in COLLECTORS:
        raise SettingsError(
            f"no collector {name!r}; known: {', '.join(COLLECTORS)}. "
            "Name a source's collector as PROFILING_SOURCES=folder:collector"
        )
    reader: Reader = import_module(f"profiling.collect.{name}").read
    return reader
