"""Text made regular, and impossible rows told apart from possible ones."""

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from profiling.collect import REJECT_COLUMNS
from profiling.schemas import KINDS

LARGEST = 1e9  # pieces or money in one event; sums of more would lose their cents
MAX_TEXT = 20_000
MAX_ITEM_ID = 200
EARLIEST = pd.Timestamp("1995-01-01", tz="UTC")  # before the first web shops: a broken clock or a wrong unit

# Controls (tabs and line ends are whitespace and folded later), soft hyphen, zero-width and bidi characters, tag characters
# (they hide instructions from a reader's eye) and non-characters. ZWJ goes too: it can split an address so that no pattern
# finds it, and an emoji family that falls into its members is the smaller loss.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]+"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_WHITESPACE = re.compile(r"\s+")
# Only what HTML knows as a tag: "<3", "x < y" and "<yes>" are text. All quantifiers are bounded, so no input is slow.
_ATTRIBUTES = r"(?:\s[^<>]{0,2000})?/?>"
_HIDDEN_HTML = re.compile(
    r"<(script|style)" + _ATTRIBUTES + r"[^<]{0,20000}</\1\s?>|<!--[^>]{0,2000}-->", flags=re.IGNORECASE
)
_BLOCK_TAG = re.compile(
    r"</?(?:br|p|div|li|ul|ol|dl|dt|dd|tr|td|th|table|thead|tbody|h[1-6]|hr|blockquote|pre|section|article|center|option|select"
    r"|iframe|video|audio|source|object|embed|param|form|input|button|label|html|body|head|title|meta|link)"
    + _ATTRIBUTES,
    flags=re.IGNORECASE,
)
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|big|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u|wbr|script|style)"
    + _ATTRIBUTES,
    flags=re.IGNORECASE,
)


def mend(text: str) -> str:
    """The text without lone surrogates (no UTF-8 file can hold them); halves of a pair are joined."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _without_html(text: str) -> str:
    """Character references resolved and tags stripped. Exports are often escaped twice, hence the rounds."""
    for _ in range(3):
        before = text
        if "&" in text:
            text = html.unescape(text)
        if "<" in text:
            text = _HIDDEN_HTML.sub(" ", text)
            text = _BLOCK_TAG.sub(" ", text)
            text = _INLINE_TAG.sub("", text)
        if text == before:
            break
        text = _INVISIBLE.sub("", text)
    return text


def normalise(text: str) -> str | None:
    """`normalise_text` for one text."""
    if not text.isascii():
        text = mend(text)
    text = _INVISIBLE.sub("", text)
    if "&" in text or "<" in text:
        text = mend(_without_html(text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = _WHITESPACE.sub(" ", text).strip()
    return text[:MAX_TEXT].rstrip() or None


def normalise_text(series: pd.Series) -> pd.Series:
    """Texts of one form: Unicode NFC, no HTML, nothing invisible, single spaces, at most MAX_TEXT characters.

    NFC and not NFKC: NFKC also rewrites what was said (`m²` to `m2`, `™` to `TM`, `①` to `1`, the full-width punctuation of
    Chinese to ASCII). Whoever compares more loosely, as redaction and de-duplication do, folds for the comparison alone.

    Args:
        series: str or missing.

    Returns:
        The same index, dtype str; missing where nothing is left.
    """
    return _mapped(series, normalise)


def tidy(series: pd.Series) -> pd.Series:
    """Codes such as item ids: trimmed and storable, otherwise untouched; missing where blank."""
    return _mapped(series, lambda code: (code if code.isascii() else mend(code)).strip() or None)


def _mapped(series: pd.Series, change: Callable[[str], str | None]) -> pd.Series:
    """`change` of every text of a column of texts and missing values; most columns are missing in most rows."""
    found = np.full(len(series), None, dtype=object)
    rows = np.flatnonzero(series.notna().to_numpy())
    texts = series.tolist() if len(rows) == len(series) else series.iloc[rows].tolist()
    found[rows] = [change(text) if isinstance(text, str) else None for text in texts]
    return pd.Series(found, index=series.index, name=series.name, dtype="str")


def as_json(record: Mapping[Any, Any]) -> str:
    """A row as one compact JSON object, for quarantine; missing numbers and times are null."""

    def plain(value: Any) -> Any:
        return None if pd.api.types.is_scalar(value) and pd.isna(value) else value

    cells = {str(name): plain(value) for name, value in record.items()}
    return mend(json.dumps(cells, ensure_ascii=False, separators=(",", ":"), default=str))


def rejects_of(rows: pd.DataFrame, reason: str, field: str, details: Iterable[str]) -> pd.DataFrame:
    """Rejects with one reason, as REJECT_COLUMNS; `content` is the whole row."""
    return pd.DataFrame(
        {
            "source_line": rows["source_line"].to_numpy("int64"),
            "reason": reason,
            "field": field,
            "detail": list(details),
            "content": [as_json(record) for record in rows.to_dict("records")],
        },
        columns=list(REJECT_COLUMNS),
    )


def is_identified(identifiers: object) -> bool:
    """At least one (type, value) pair, all of them non-blank text without NUL (which separates the parts of a pseudonym)."""
    if not isinstance(identifiers, list | tuple | np.ndarray) or len(identifiers) == 0:
        return False
    return all(len(pair) == 2 and _is_key(pair[0]) and _is_key(pair[1]) for pair in identifiers)


def _is_key(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _each(holds: Callable[[object], bool], column: pd.Series) -> np.ndarray:
    return np.fromiter(map(holds, column.tolist()), dtype=bool, count=len(column))


def _kind(value: object) -> str:
    known = f"use one of: {', '.join(KINDS)}"
    if not (isinstance(value, str) and re.fullmatch(r"[A-Za-z_ -]{1,30}", value)):
        return f"the kind is missing or not a word; {known}"
    near = get_close_matches(value.lower(), KINDS, n=1)
    if not near:  # not quoted: in a row whose columns are shifted it may be somebody's name
        return f"the kind is unknown; {known}"
    return f"kind {value!r} is unknown; did you mean {near[0]!r}?"


# The checks in their order: reason, field, who fails (rows, day_end -> mask), what to say of the field's value.
# Numbers, dates and kinds are shown; identifiers never are.
_Check = tuple[str, str, Callable[[pd.DataFrame, pd.Timestamp], "pd.Series[bool] | np.ndarray"], Callable[[Any], str]]
_CHECKS: tuple[_Check, ...] = (
    ("unknown_kind", "kind", lambda rows, _: ~rows["kind"].isin(KINDS), _kind),
    (
        "identifier_missing", "identifiers", lambda rows, _: ~_each(is_identified, rows["identifiers"]),
        lambda _: "the row names no customer; give at least one identifier with a type and a value, neither blank",
    ),
    (
        "natural_key_missing", "natural_key", lambda rows, _: ~_each(_is_key, rows["natural_key"]),
        lambda _: "the row has nothing that tells it from others; give each event its own id",
    ),
    (
        "item_id_too_long", "item_id", lambda rows, _: rows["item_id"].str.len().gt(MAX_ITEM_ID).fillna(False).astype(bool),
        lambda item: f"item_id has {len(item)} characters, at most {MAX_ITEM_ID} are allowed; check the column order",
    ),
    (
        "time_missing", "occurred_at", lambda rows, _: rows["occurred_at"].isna(),
        lambda _: "the time of the event is missing; give it as ISO 8601",
    ),
    (
        "in_the_future", "occurred_at", lambda rows, day_end: rows["occurred_at"] >= day_end,
        lambda at: f"{at.isoformat()} lies after the drop's day; check clock and time zone, or deliver it in its day's drop",
    ),
    (
        "before_1995", "occurred_at", lambda rows, _: rows["occurred_at"] < EARLIEST,
        lambda at: f"{at.isoformat()} lies before 1995; check the unit of the time stamp (seconds or milliseconds)",
    ),
    (
        "rating_out_of_range", "rating", lambda rows, _: rows["rating"].notna() & ~rows["rating"].between(1, 5),
        lambda rating: f"rating {rating:g} is outside 1-5; scale it to 1-5 or leave it empty",
    ),
    (
        "quantity_out_of_range", "quantity", lambda rows, _: (rows["quantity"] < 0) | (rows["quantity"] > LARGEST),
        lambda quantity: f"quantity {quantity:g} is negative or beyond a billion; give returns as events of their own",
    ),
    (
        "amount_out_of_range", "amount", lambda rows, _: (rows["amount"] < 0) | (rows["amount"] > LARGEST),
        lambda amount: f"amount {amount:g} is negative or beyond a billion; give refunds as events of their own",
    ),
    (
        "currency_missing", "currency",
        lambda rows, _: rows["amount"].notna() & ~rows["currency"].str.fullmatch("[A-Z]{3}").fillna(False).astype(bool),
        lambda _: "an amount needs its currency as a code of three letters (ISO 4217), such as USD or CNY",
    ),
)  # fmt: skip
REASONS = tuple(reason for reason, *_ in _CHECKS)


def _upper_currency(rows: pd.DataFrame) -> pd.DataFrame:
    """`usd` is USD; item ids and channels are trimmed, blank ones are missing."""
    trimmed = {name: tidy(rows[name]) for name in ("item_id", "channel", "currency")}
    return rows.assign(**trimmed).assign(currency=lambda frame: frame["currency"].str.upper())


def validate(rows: pd.DataFrame, day_end: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Possible rows and, with one reason each, the impossible ones.

    Args:
        rows: events as EVENT_COLUMNS.
        day_end: the first moment after the drop's day, UTC.

    Returns:
        good: the possible rows in their order, currency in capitals, codes trimmed.
        rejects: REJECT_COLUMNS, in the order of `rows`; the reason is the first that applies in the order of REASONS.
    """
    rows = rows.reset_index(drop=True).pipe(_upper_currency)
    verdict = np.full(len(rows), -1)
    for number, (_, _, fails, _) in enumerate(_CHECKS):
        verdict[(verdict < 0) & np.asarray(fails(rows, day_end), dtype=bool)] = number
    faulty = []
    for number, (reason, field, _, say) in enumerate(_CHECKS):
        found = rows[verdict == number]
        if len(found):
            rejects = rejects_of(found, reason, field, (say(value) for value in found[field]))
            faulty.append(rejects.set_axis(found.index))
    good = rows[verdict < 0].reset_index(drop=True)
    if not faulty:
        return good, pd.DataFrame(columns=list(REJECT_COLUMNS))
    return good, pd.concat(faulty).sort_index().reset_index(drop=True)
