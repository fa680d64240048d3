"""Single values of an input row: text, number, time, identifiers. What cannot be read raises `Unreadable`."""

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Years 1 to 9999, what datetime can hold.
FIRST_US = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_US = (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // MICROSECOND
# Bare numbers are epoch seconds below, milliseconds from 1e11 on (seconds reach it in the year 5138). Numbers below 1e8
# (1973) are refused: they are rather dates written as numbers, such as 20260301.
EPOCH_LEAST, EPOCH_MILLISECONDS = 1e8, 1e11
_EPOCH_TEXT = re.compile(r"\d{9,}(\.\d+)?", re.ASCII)
_NUMBER_TEXT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_IDENTIFIER_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
_IDENTIFIER_COLUMN = "identifier_"


class Unreadable(Exception):
    """A row cannot be read: `reason` for machines, `field` at fault, `detail` one sentence with the fix."""

    def __init__(self, reason: str, field: str | None, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.field, self.detail = reason, field, detail


def too_deep() -> Unreadable:
    """The fault of a row that is nested too deeply to be read or written."""
    return Unreadable("nested_too_deeply", None, "objects are nested too deeply; 200 levels are the most")


def is_number_text(value: str) -> bool:
    """Whether `number` reads this text."""
    return _NUMBER_TEXT.fullmatch(value.strip()) is not None


def is_missing(value: object) -> bool:
    """None, a blank string, or NaN (how frames write "nothing" into Parquet)."""
    return (
        value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, float) and value != value)
    )


def _kind(value: object) -> str:
    """The JSON name of a value's type: messages name types, never values, which may be personal."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def dumps(value: object, *, is_sorted: bool = True) -> str:
    """Compact JSON, canonical by its sorted keys; what JSON cannot hold becomes text.

    Raises:
        Unreadable: it is nested too deeply to be written.
    """
    try:
        return orjson.dumps(_jsonable(value), option=orjson.OPT_SORT_KEYS if is_sorted else None).decode()
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise too_deep() from error


def _jsonable(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bool | float | str) or value is None or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def text(record: Mapping[str, Any], field: str) -> str | None:
    """A string field as it stands, None where it is missing."""
    value = record.get(field)
    if is_missing(value):
        return None
    if not isinstance(value, str):
        raise Unreadable("wrong_type", field, f"`{field}` is {_kind(value)}; write it as a string")
    return value


def name(record: Mapping[str, Any], field: str) -> str:
    """An id or a code every row needs: a string, or a whole number, without blanks around it.

    Raises:
        Unreadable: it is missing, or neither a string nor a whole number.
    """
    value = name_or_none(record, field)
    if value is None:
        raise Unreadable("missing_field", field, f"`{field}` is missing; every row needs one")
    return value


def name_or_none(record: Mapping[str, Any], field: str) -> str | None:
    """As `name`, None where it is missing."""
    value = record.get(field)
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable("wrong_type", field, f"`{field}` is {_kind(value)}; write it as a string")
    return str(value).strip()


def number(record: Mapping[str, Any], field: str) -> float:
    """A finite number, also written as text; NaN where it is missing.

    Raises:
        Unreadable: it is not a number.
    """
    value = record.get(field)
    if is_missing(value):
        return math.nan
    if isinstance(value, str) and is_number_text(value):
        value = float(value.strip())  # `float` alone takes off fewer kinds of white space
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not _is_finite(value):
        raise Unreadable(
            "unparseable_number", field, f"`{field}` is not a number; write digits with a point, such as 12.50"
        )
    return float(value)


def _is_finite(value: int | float | Decimal) -> bool:
    try:
        return math.isfinite(float(value))
    except (OverflowError, ValueError):  # ValueError: a signalling NaN
        return False


def epoch(record: Mapping[str, Any], field: str, per_second: int) -> int:
    """An epoch time as microseconds since 1970 UTC; `per_second` says its unit (1 seconds, 1000 milliseconds).

    Raises:
        Unreadable: it is missing, not a number, or outside the years 1 to 9999.
    """
    value = number(record, field)
    if math.isnan(value):
        raise Unreadable("missing_time", field, f"`{field}` is missing; a row needs the time it happened")
    microseconds = value * 1_000_000 / per_second
    if not FIRST_US <= microseconds <= LAST_US:
        unit = "seconds" if per_second == 1 else "milliseconds"
        raise Unreadable("unparseable_time", field, f"`{field}` is no date of the years 1 to 9999; write epoch {unit}")
    return round(microseconds)


def moment(record: Mapping[str, Any], field: str, zone: ZoneInfo) -> int:
    """A time as microseconds since 1970 UTC.

    ISO 8601 with an offset, or without one (then in `zone`; a date alone is its midnight), or epoch time: a number of
    at least 1e8, or nine digits and more as text, is seconds below 1e11 and milliseconds from there on.

    Raises:
        Unreadable: it is missing or not such a time.
    """
    value = record.get(field)
    if is_missing(value):
        raise Unreadable("missing_time", field, f"`{field}` is missing; a row needs its time")
    try:
        if isinstance(value, str):
            value = value.strip()
            value = float(value) if _EPOCH_TEXT.fullmatch(value) else datetime.fromisoformat(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= EPOCH_LEAST:
            return epoch({field: value}, field, 1 if value < EPOCH_MILLISECONDS else 1000)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if isinstance(value, datetime):
            return _since_epoch(value, zone)
    except (ValueError, OverflowError):
        pass
    raise Unreadable(
        "unparseable_time",
        field,
        f"`{field}` is no time; write ISO 8601 such as 2026-03-01T09:30:00+00:00, or epoch seconds",
    )


def _since_epoch(value: datetime, zone: ZoneInfo) -> int:
    if hasattr(value, "to_pydatetime"):  # a pandas Timestamp, from a Parquet column in nanoseconds
        value = value.to_pydatetime(warn=False)
    aware = value if value.tzinfo else value.replace(tzinfo=zone)
    microseconds = (aware - EPOCH) // MICROSECOND
    if not FIRST_US <= microseconds <= LAST_US:
        raise OverflowError("outside the years 1 to 9999 in UTC")
    return microseconds


def identifiers(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(type, value) pairs in the order given: `identifiers` {type: value} (an object, or one as text), then the columns
    `identifier_<type>`. Empty ones are left out.

    Raises:
        Unreadable: there is none, or one is malformed or given twice with two values.
    """
    given = record.get("identifiers")
    if is_missing(given):
        given = {}
    given = dict(as_object(given, "identifiers"))
    for field, value in record.items():
        kind = field.removeprefix(_IDENTIFIER_COLUMN)
        if kind != field and not is_missing(value):
            if not is_missing(given.get(kind)) and given[kind] != value:
                raise Unreadable("invalid_identifier", field, f"`{field}` contradicts `identifiers`; give it once")
            given[kind] = value
    pairs = [(kind, value) for kind, value in given.items() if not is_missing(value)]
    if not pairs:
        raise Unreadable(
            "missing_identifiers", "identifiers", 'a row needs at least one identifier, such as {"customer": "C1"}'
        )
    return [_identifier(kind, value) for kind, value in pairs]


def _identifier(kind: object, value: object) -> tuple[str, str]:
    if not isinstance(kind, str) or not _IDENTIFIER_TYPE.fullmatch(kind):
        raise Unreadable(
            "invalid_identifier", "identifiers", "an identifier's type is a word such as customer, email or device"
        )
    if isinstance(value, bool) or not isinstance(value, str | int) or "\0" in str(value):
        raise Unreadable("invalid_identifier", "identifiers", f"the identifier `{kind}` is not a string; write one")
    return kind, str(value).strip()


def identifiers_or(record: Mapping[str, Any], field: str, kind: str) -> list[tuple[str, str]]:
    """`identifiers` where the row has them, with the field's value as one more of the given type where it has that.

    Raises:
        Unreadable: there is neither, or one is malformed.
    """
    given = {key: value for key, value in record.items() if is_identifier(key) and not is_missing(value)}
    value = name_or_none(record, field)
    if value is None and not given:
        raise Unreadable("missing_identifiers", field, f"`{field}` is missing; a row needs whom it is about")
    pairs = [] if value is None else [_identifier(kind, value)]
    return pairs + [pair for pair in (identifiers(given) if given else []) if pair not in pairs]


def others(record: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The fields a form has no place for, which become attributes."""
    return {
        field: value
        for field, value in record.items()
        if field not in known and not is_identifier(field) and not is_missing(value)
    }


def is_identifier_type(kind: str) -> bool:
    """Whether a word may be the type of an identifier."""
    return _IDENTIFIER_TYPE.fullmatch(kind) is not None


def is_identifier(field: str) -> bool:
    """Whether a column holds identifiers."""
    return field == "identifiers" or field.startswith(_IDENTIFIER_COLUMN)


def as_object(value: object, field: str) -> dict[str, Any]:
    """An object, or one written as JSON text (as in a CSV column).

    Raises:
        Unreadable: it is neither.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, dict):
        raise Unreadable("wrong_type", field, f'`{field}` is not a JSON object; write one such as {{"name": "value"}}')
    return value


def said(value: object) -> str | None:
    """The value of a statement as text: strings stripped, everything else as JSON."""
    if isinstance(value, str):
        return value.strip()
    return None if is_missing(value) else dumps(value)
