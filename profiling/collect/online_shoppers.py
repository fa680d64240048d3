"""Web sessions of an online shop, the UCI form: CSV between semicolons, one session a row.

| column | interaction |
| --- | --- |
| `Month` | `occurred_at`: the first moment of the month, in the lake's zone |
| `Year`, if there is one | its year, or else 2017, and then the attribute `is_year_assumed` is true |
| `Revenue` | `kind`: `purchase` where TRUE, `view` where FALSE |
| `VisitorType`, `Weekend` | attributes `visitor_type`, `is_weekend` |
| the six page columns | attributes `administrative_pages`, `administrative_seconds`, `informational_…`, `product_…` |
| `BounceRates`, `ExitRates`, `PageValues`, `SpecialDay` | attributes of those names in our spelling |
| `OperatingSystems`, `Browser`, `Region`, `TrafficType` | attributes, codes as given |

The file says no year: the sessions are of one year and were published in August 2018, so 2017 is the last it can be whole.
`time_precision` is `month` in every row, so that nobody counts days between sessions.
It names no visitor either: each session is somebody of its own (identifier `session`, the digest of its columns, with a
number for the second equal one), so that sessions are counted and no customer is made up.

Source: Sakar and Kastro, UCI "Online Shoppers Purchasing Intention", CC BY 4.0.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._repeats import Repeats
from profiling.collect._values import Unreadable, dumps, moment, name, name_or_none, number

ASSUMED_YEAR = 2017
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "june": 6, "jul": 7, "july": 7, "aug": 8, "sep": 9,
    "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_NUMBERS = {
    "Administrative": "administrative_pages",
    "Administrative_Duration": "administrative_seconds",
    "Informational": "informational_pages",
    "Informational_Duration": "informational_seconds",
    "ProductRelated": "product_pages",
    "ProductRelated_Duration": "product_seconds",
    "BounceRates": "bounce_rate",
    "ExitRates": "exit_rate",
    "PageValues": "page_value",
    "SpecialDay": "special_day",
}
_CODES = {
    "OperatingSystems": "operating_system",
    "Browser": "browser",
    "Region": "region",
    "TrafficType": "traffic_type",
    "VisitorType": "visitor_type",
}


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `view` or `purchase`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parser())


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC at which the month of one session began.

    Raises:
        Unreadable: its month is missing or none, or its year is none.
    """
    month = _MONTHS.get(name(record, "Month").lower())
    if month is None:
        raise Unreadable("unparseable_time", "Month", "`Month` is no month; write its first three letters, such as Feb")
    year = number(record, "Year")
    year = ASSUMED_YEAR if math.isnan(year) else year
    if not (1 < year < 9999 and year == int(year)):
        raise Unreadable("unparseable_time", "Year", "`Year` is no year; write four digits, such as 2017")
    return moment({"Month": datetime(int(year), month, 1)}, "Month", zone)


def _parser() -> Callable[[dict[str, Any], ZoneInfo], list[tuple[object, ...]]]:
    repeats = Repeats()

    def parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
        occurred_at = when(record, zone)
        is_bought, is_weekend = _flag(record, "Revenue"), _flag(record, "Weekend")
        pages = {new: number(record, old) for old, new in _NUMBERS.items()}
        attributes = {
            **{new: value for new, value in pages.items() if not math.isnan(value)},
            **{new: code for old, new in _CODES.items() if (code := name_or_none(record, old)) is not None},
            "is_weekend": is_weekend,
            "time_precision": "month",
            "is_year_assumed": math.isnan(number(record, "Year")),
        }
        session = repeats.numbered(dumps([occurred_at, is_bought, attributes]))
        kind = "purchase" if is_bought else "view"
        rest = (math.nan, math.nan, math.nan, None, "web", dumps(attributes))
        return [(session, [("session", session)], occurred_at, kind, None, None, *rest)]

    return parse


def _flag(record: Mapping[str, Any], field: str) -> bool:
    """TRUE or FALSE, as text or JSON.

    Raises:
        Unreadable: it is neither, or missing.
    """
    value = record.get(field)
    said = value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).strip().lower())
    if said is None:
        raise Unreadable("not_a_flag", field, f"`{field}` is neither TRUE nor FALSE; write one of the two")
    return said
