"""CDNOW's purchases, columns between blanks, as published by Fader and Hardie.

Master file (with a header line): customer, date, quantity, amount. Sample (without): the customer's id in the master file,
the id within the sample, date, quantity, amount.

| file | interaction |
| --- | --- |
| customer | identifier `cdnow`; of the sample the id within it first, as `cdnow_sample`, which links the two |
| date, YYYYMMDD | `occurred_at`: the midnight it begins with, in the lake's zone |
| number of CDs | `quantity` |
| dollar value | `amount` in USD |

Purchases have no id: customer (of the master file), date, quantity and amount are the natural key, with a number for the
second equal purchase of a day. So the sample's purchases are known as those of the master file, where both are delivered.

Source: Fader and Hardie, "Forecasting Repeat Sales at CDNOW", Interfaces 31 (2001).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import Line, batches, read_lines
from profiling.collect._repeats import Repeats
from profiling.collect._values import Unreadable, moment, name, name_or_none, number

_COLUMNS = ("customer", "date", "quantity", "amount")
_HEADER = ["customer_id", "date", "number_of_cds", "dollar_value"]  # the master file's first line


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `purchase`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parser(), lines)


def lines(path: Path) -> Iterator[Line]:
    """The lines of one file, with the columns named as above."""
    return read_lines(path, _named)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of one purchase.

    Raises:
        Unreadable: its date is missing or no date.
    """
    written = name(record, "date")
    if len(written) != 8 or not written.isascii() or not written.isdigit():
        raise Unreadable("unparseable_time", "date", "`date` is no day; write it as YYYYMMDD, such as 19970101")
    return moment({"date": written}, "date", zone)


def _named(words: list[str]) -> dict[str, Any] | None:
    if words == _HEADER:
        return None
    if len(words) == len(_COLUMNS):
        return dict(zip(_COLUMNS, words, strict=True))
    if len(words) == len(_COLUMNS) + 1:
        return dict(zip(("customer", "sample_customer", *_COLUMNS[1:]), words, strict=True))
    raise Unreadable(
        "broken_columns",
        None,
        f"{len(words)} columns; a purchase has 4 (customer, date, quantity, amount), or 5 in the sample",
    )


def _parser() -> Callable[[dict[str, Any], ZoneInfo], list[tuple[object, ...]]]:
    repeats = Repeats()

    def parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
        customer, sampled = name(record, "customer"), name_or_none(record, "sample_customer")
        who = [("cdnow_sample", sampled)] if sampled else []
        occurred_at = when(record, zone)
        quantity, amount = number(record, "quantity"), number(record, "amount")
        for field, value in (("quantity", quantity), ("amount", amount)):
            if math.isnan(value):
                raise Unreadable("missing_field", field, f"`{field}` is missing; a purchase needs it")
        key = repeats.numbered(f"{customer}|{occurred_at}|{quantity!r}|{amount!r}")
        rest = (math.nan, quantity, amount, "USD", None, "{}")
        return [(key, [*who, ("cdnow", customer)], occurred_at, "purchase", None, None, *rest)]

    return parse
