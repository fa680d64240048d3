"""Pseudonyms, and personal data taken out of texts."""

import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

# Part of every cache key that depends on redacted texts: raise it with every change of what `redact` does.
REDACTION_VERSION = "1"
PERSONAL = ("card", "email", "phone", "resident_id")

Span = tuple[int, int]


def pseudonym(key: bytes, *parts: str) -> str:
    """HMAC-SHA256 over the parts joined by NUL, the first 32 hex digits (128 bits).

    >>> pseudonym(b"k" * 16, "identity", "email", "a@example.org")
    '8c76357c1e8002dcd6da208df39ccf73'
    """
    # surrogatepass: whatever a source calls its customer, a pseudonym comes out.
    return hmac.digest(key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def pseudonyms(key: bytes, purpose: str, *columns: pd.Series) -> pd.Series:
    """`pseudonym(key, purpose, ...)` for every row of some str columns; missing where any part is missing."""
    index = columns[0].index
    is_whole = np.logical_and.reduce([column.notna().to_numpy() for column in columns])
    rows = np.flatnonzero(is_whole)
    parts = [column.iloc[rows].tolist() if len(rows) < len(index) else column.tolist() for column in columns]
    messages = parts[0] if len(parts) == 1 else map("\0".join, zip(*parts, strict=True))
    keyed = hmac.new(key, purpose.encode() + b"\0", "sha256").copy  # the key's part is hashed once
    found = np.full(len(index), None, dtype=object)
    digests = []
    for message in messages:
        one = keyed()
        one.update(message.encode("utf-8", "surrogatepass"))
        digests.append(one.hexdigest()[:32])
    found[rows] = digests
    return pd.Series(found, index=index, dtype="str")


# Full-width forms to ASCII, one character for one, so that places in the folded text are places in the text.
_FOLD = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    **dict.fromkeys(map(ord, "‐‑‒–—−﹣"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " "),
    **{ord(digit): str(value) for value, digit in enumerate("٠١٢٣٤٥٦٧٨٩")},
}
_CANDIDATE = re.compile(r"@|＠|(?:\d[^\d]{0,3}?){7}")

# Letters of all scripts but those written without spaces: in 邮箱zhang@example.cn谢谢 the address ends where Chinese begins.
_LETTER = r"[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
_EMAIL = re.compile(
    rf"(?<!{_LETTER})(?<![.%+'-])(?:{_LETTER}|[.%+'-])++@(?:(?:{_LETTER}|-)+\.)+(?:(?!\d){_LETTER}){{2,}}"
)
# No ASCII letter or digit may touch a number: B0006O1Y6S, 1Z999AA10123456784 and 0.13800138000 are no numbers of persons.
_START = r"(?<![0-9A-Za-z])(?<![0-9]\.)(?<![A-Za-z]-)"
_END = r"(?![0-9A-Za-z])(?!\.[0-9])"
_RESIDENT_ID = re.compile(rf"{_START}\d{{6}}[ -]?\d{{8}}[ -]?\d{{3}}[0-9Xx]{_END}", flags=re.ASCII)
_DIGIT_GROUPS = re.compile(rf"{_START}\d+(?:[ -]\d+)*{_END}", flags=re.ASCII)
_GROUP = re.compile(r"\d+", flags=re.ASCII)
# Issuer ranges by first digits and the lengths they use: Visa, Mastercard, American Express, Discover, UnionPay, JCB, Diners,
# Mir, Maestro. Luhn alone would take every tenth product number.
_ISSUERS = (
    (re.compile("4"), {13, 16, 19}),
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile("3[47]"), {15}),
    (re.compile("6011|64[4-9]|65"), {16, 19}),
    (re.compile("62"), {16, 17, 18, 19}),
    (re.compile("35(2[89]|[3-8])"), {16}),
    (re.compile("30[0-5]|36|38|39"), {14}),
    (re.compile("220[0-4]"), {16, 19}),
    (re.compile("5018|5020|5038|6304|6759|676[1-3]"), {13, 14, 15, 16, 17, 18, 19}),
)

_CHINESE_MOBILE = re.compile(
    rf"{_START}(?:\(?(?:\+|00)?86\)?[ -]?)?1[3-9]\d(?:[ -]?\d{{4}}){{2}}{_END}", flags=re.ASCII
)
_INTERNATIONAL = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+ ?|00)[1-9]\d{{0,14}}(?:(?: ?\(\d{{1,5}}\) ?|[ .-])\d{{1,14}}){{0,7}}{_END}",
    flags=re.ASCII,
)
_BRITISH_MOBILE = re.compile(rf"{_START}07\d{{3}} ?\d{{3}} ?\d{{3}}{_END}", flags=re.ASCII)
# Other national forms: the pattern, and the region whose numbering plan must know the number. Bare runs of digits are left alone:
# time stamps, order and article numbers look the same.
_NATIONAL = (
    (re.compile(rf"{_START}(?:1[ .-])?(?:\(\d{{3}}\) ?|\d{{3}}[ .-])\d{{3}}[ .-]\d{{4}}{_END}", flags=re.ASCII), "US"),
    (re.compile(rf"{_START}(?:\(0\d{{2,4}}\) ?|0\d{{2,4}} )\d{{3,4}} ?\d{{3,4}}{_END}", flags=re.ASCII), "GB"),
    (re.compile(rf"{_START}(?:\(0\d{{2,3}}\) ?|0\d{{2,3}}[ -])\d{{3,4}}[ -]?\d{{4}}{_END}", flags=re.ASCII), "CN"),
)
# After a word that announces it, any number of seven to fifteen digits is one.
_ANNOUNCED = re.compile(
    r"(?:(?<![A-Za-z])(?:(?:tele)?phone|tel|call|cell|mobile|fax|text|whatsapp|sms)(?![A-Za-z])|电话|手机|手機|電話|致电|拨打|微信)"
    r"(?: ?(?:me|us|him|her|number|no|nr|is|was|at|on|to|号码|号|號|是|为|[.:#-]))*+ ?"
    rf"([+(]?\d(?:[ ().-]{{0,2}}\d){{6,14}}){_END}",
    flags=re.IGNORECASE | re.ASCII,
)
_DATE = re.compile(r"(?:19|20)\d\d([ .-]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])")


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from (match.span() for match in _EMAIL.finditer(text))


def _resident_ids(text: str) -> Iterator[Span]:
    """Chinese resident identity numbers: check digit and birth date must fit (GB 11643). The place is not looked up: codes of
    dissolved counties are still in use."""
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    for match in _RESIDENT_ID.finditer(text):
        number = re.sub("[ -]", "", match[0]).upper()
        try:
            ric.get_birth_date(number)
        except ValidationError:
            continue
        if number[-1] == ric.calc_check_digit(number):
            yield match.span()


def _is_card(number: str) -> bool:
    from stdnum import ean, luhn

    if not any(prefix.match(number) and len(number) in lengths for prefix, lengths in _ISSUERS):
        return False
    # Cards of 13 digits are all but gone, articles numbered with 13 digits are everywhere.
    return luhn.is_valid(number) and not (len(number) == 13 and ean.is_valid(number))


def _cards(text: str) -> Iterator[Span]:
    """13 to 19 digits, with spaces or dashes, of a known issuer and with a valid check digit (ISO/IEC 7812)."""
    for run in _DIGIT_GROUPS.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        free = 0  # a neighbour such as a count may stand before or after: every stretch of whole groups is tried
        for first, (start, _) in enumerate(groups):
            if start < free:
                continue
            number = ""
            for begin, end in groups[first : first + 19]:
                number += text[begin:end]
                if len(number) > 19:
                    break
                if len(number) >= 13 and _is_card(number):
                    yield start, end
                    free = end
                    break


def _is_phone(number: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _international(text: str, start: int, end: int) -> Span | None:
    """The longest valid number at the start of the stretch: a year or a price may follow it after a space."""
    while end - start >= 8:
        number = text[start:end]
        if _is_phone("+" + number[2:] if number.startswith("00") else number, None):
            return start, end
        shorter = re.search(r"[ .()-]+\d+$", number)
        if shorter is None:
            return None
        end = start + shorter.start()
    return None


def _phones(text: str) -> Iterator[Span]:
    for form in (
        _CHINESE_MOBILE,
        _BRITISH_MOBILE,
    ):  # the form is enough; plans lag behind, and drama numbers are in none
        yield from (match.span() for match in form.finditer(text))
    for match in _INTERNATIONAL.finditer(text):
        found = _international(text, *match.span())
        if found:
            yield found
    for pattern, region in _NATIONAL:
        yield from (match.span() for match in pattern.finditer(text) if _is_phone(match[0], region))
    for match in _ANNOUNCED.finditer(text):
        if not _DATE.match(match[1]):
            yield match.span(1)


# The order matters: an e-mail address may hold a number; a resident id and a card hold what looks like a phone number.
_FINDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("email", _emails),
    ("resident_id", _resident_ids),
    ("card", _cards),
    ("phone", _phones),
)


def _replace(text: str, spans: list[Span], by: str) -> tuple[str, int]:
    """The text with the spans replaced, and how many; a span that overlaps an earlier one belongs to it."""
    pieces, at, count = [], 0, 0
    for start, end in sorted(spans):
        if start >= at:
            pieces += [text[at:start], by]
            at, count = end, count + 1
    return "".join([*pieces, text[at:]]), count


def redact_counted(text: str) -> tuple[str, Counter[str]]:
    """`redact`, and how many of each of PERSONAL were replaced."""
    counts: Counter[str] = Counter()
    while _CANDIDATE.search(text):  # every replacement takes away an @ or seven digits, so this ends
        before = text
        for name, find in _FINDERS:
            folded = text if text.isascii() else text.translate(_FOLD)
            text, found = _replace(text, list(find(folded)), f"[{name}]")
            counts[name] += found
        if text == before:
            break
    return text, counts


def redact(text: str) -> str:
    """The text with e-mail addresses, resident ids, payment cards and phone numbers replaced by `[email]` and so on.

    Runs on normalised text. Idempotent. Article numbers, ISBN, prices, dates and time stamps stay.

    >>> redact("Write to ann@example.org, I paid $1,299.00 on 2015-12-31")
    'Write to [email], I paid $1,299.00 on 2015-12-31'
    """
    return redact_counted(text)[0]


def redact_series(series: pd.Series) -> tuple[pd.Series, dict[str, int]]:
    """`redact` for a column of str or missing, and how many of each of PERSONAL were replaced."""
    total: Counter[str] = Counter()
    texts = series.astype(object).where(series.notna(), None).tolist()
    for row, text in enumerate(texts):
        if text is not None and _CANDIDATE.search(text):
            texts[row], counts = redact_counted(text)
            total.update(counts)
    redacted = pd.Series(texts, index=series.index, name=series.name, dtype="str")
    return redacted, {name: total[name] for name in PERSONAL}
