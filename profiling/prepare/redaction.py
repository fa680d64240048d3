"""Personal data taken out of texts: what a finder finds is replaced by `[email]` and so on.

The text is cut at the marks, old and new, and every piece is searched until no finder finds anything in any piece. So a mark can
never become part of a finding, and redacting what was redacted finds the same pieces again and nothing in them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from profiling.prepare import _numbers, _people
from profiling.prepare._numbers import Span
from profiling.prepare.clean import mend

# Part of ingest's inputs and of every cache key that depends on redacted texts: raise it with every change of what `redact` does.
REDACTION_VERSION = "2"
PERSONAL = (
    "address", "card", "email", "iban", "ip", "name", "passport", "phone", "plate", "resident_id", "secret", "ssn",
)  # fmt: skip
MARK = re.compile(rf"\[({'|'.join(PERSONAL)})(?:_([1-9]\d{{0,3}}))?\]", flags=re.ASCII)

# Full-width forms to ASCII, one character for one, so that places in the folded text are places in the text.
_FOLD = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    **dict.fromkeys(map(ord, "‐‑‒–—−﹣"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " "),
    **{ord(digit): str(value) for value, digit in enumerate("٠١٢٣٤٥٦٧٨٩")},
}


class Finder(NamedTuple):
    """kind: of PERSONAL; hints: in a text without any of them the finder finds nothing (patterns for RE2); find: the spans.

    Hints are looked for in texts as they are written, the finder gets them folded. One large hint would be too much for RE2's
    fast automaton.
    """

    kind: str
    hints: tuple[str, ...]
    find: Callable[[str], Iterator[Span]]


_DIGITS = r"[0-9０-９٠-٩](?:[^0-9０-９٠-٩]{0,3}[0-9０-９٠-٩]){6}"
_D, _DOT, _COLON = "[0-9０-９٠-٩]", "[.．]", "[:：]"
# The order matters: a link's secret may look like an address of mail, that may hold a number, a resident id and a card hold what
# looks like a phone number, and an address is a run of words and numbers that anything else may end.
FINDERS = (
    Finder("secret", (r"://|：//|[?&;#？＆；＃][A-Za-z0-9_.-]+[=＝]|eyJ",), _numbers.secrets),
    Finder("email", (r"@|＠|(?i: dot |[(\[（]dot|[(\[（]at[)\]）])",), _numbers.emails),
    Finder("iban", (_DIGITS,), _numbers.ibans),
    Finder("resident_id", (_DIGITS,), _numbers.resident_ids),
    Finder("passport", (r"(?i:passport|ｐａｓｓｐｏｒｔ)|护照",), _numbers.passports),
    Finder("card", (_DIGITS,), _numbers.cards),
    Finder("ssn", (_DIGITS,), _numbers.ssns),
    Finder(
        "plate",
        (rf"[{_numbers.CHINESE_PLACES}][A-ZＡ-Ｚ]", r"(?i:plate|registration|\breg\b)[^0-9]{0,40}[0-9]"),
        _numbers.plates,
    ),
    Finder("ip", (rf"{_D}{_DOT}{_D}{{1,3}}{_DOT}{_D}{{1,3}}{_DOT}{_D}|[0-9A-Fa-f]?[:：][0-9A-Fa-f:：]*[:：]",), _numbers.ips),
    Finder("phone", (_DIGITS,), _numbers.phones),
    Finder("address", _people.ENGLISH_ADDRESS_HINTS, _people.english_addresses),
    Finder("address", (r"[路街道巷弄村同段区园寓厦场城港湾心苑府里庭][^。！？]{0,12}?[0-9０-９]",), _people.chinese_addresses),
    Finder("name", _people.ENGLISH_NAME_HINTS, _people.english_names),
    Finder("name", (_people.CHINESE_NAME_HINT,), _people.chinese_names),
)  # fmt: skip


class Found(NamedTuple):
    """Something personal in a text: its kind, where, and the value that was there."""

    kind: str
    start: int
    end: int
    value: str


def suspects(texts: pd.Series) -> np.ndarray:
    """Which finder might find something in which text: bool, texts by FINDERS. False is certain; missing texts are all False.

    RE2 over a column costs a twentieth of what Python's own engine does.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        column = pa.array(texts, pa.large_string(), from_pandas=True)
    except UnicodeEncodeError:  # half of a character, which no finder looks for
        column = pa.array([mend(text) if isinstance(text, str) else None for text in texts], pa.large_string())
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = column.dictionary_encode()  # equal texts, such as `{}` in a million events, are looked at once
    masks = {
        hint: pc.match_substring_regex(encoded.dictionary, hint).to_numpy(zero_copy_only=False)
        for hint in dict.fromkeys(hint for finder in FINDERS for hint in finder.hints)
    }
    by_text = np.zeros((len(encoded.dictionary) + 1, len(FINDERS)), dtype=bool)  # the last row is of missing texts
    for number, finder in enumerate(FINDERS):
        for hint in finder.hints:
            by_text[:-1, number] |= masks[hint]
    return by_text[encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()]


def might_hold(texts: pd.Series) -> list[bool]:
    """Which texts some finder might find something in. False is certain."""
    found: np.ndarray = np.logical_or.reduce(suspects(texts), axis=1)
    return found.tolist()


def find(text: str, finders: Sequence[Finder] = FINDERS) -> list[Found]:
    """What `redact` replaces, in the order of the text; nothing overlaps."""
    folded = text if text.isascii() else text.translate(_FOLD)
    found: list[Found] = []
    pieces = _between(0, len(text), [match.span() for match in MARK.finditer(text)])
    while pieces:  # every round takes characters away, so this ends
        fresh: list[Span] = []
        for start, end in pieces:
            hits = _hits(folded[start:end], finders)
            found += [Found(kind, start + a, start + b, text[start + a : start + b]) for kind, a, b in hits]
            if hits:
                fresh += _between(start, end, [(start + a, start + b) for _, a, b in hits])
        pieces = fresh
    return sorted(found, key=lambda each: each.start)


def _between(start: int, end: int, spans: list[Span]) -> list[Span]:
    """What lies between some spans in order, without the empty ones."""
    edges = [start, *(edge for span in spans for edge in span), end]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def _hits(piece: str, finders: Sequence[Finder]) -> list[tuple[str, int, int]]:
    """Spans of a piece in order; one that overlaps the find of an earlier finder belongs to that."""
    taken = bytearray(len(piece))
    hits = []
    for finder in finders:
        for start, end in finder.find(piece):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                hits.append((finder.kind, start, end))
    return sorted(hits, key=lambda hit: hit[1])


def redact_counted(text: str, finders: Sequence[Finder] = FINDERS) -> tuple[str, Counter[str]]:
    """`redact`, and how many of each of PERSONAL were replaced; marks that stood in the text before do not count."""
    counts: Counter[str] = Counter()
    while found := find(text, finders):
        marks = _marks(text, found)
        pieces, at = [], 0
        for each in found:
            pieces += [text[at : each.start], marks[each.kind, _same(each)]]
            at = each.end
        text = "".join([*pieces, text[at:]])
        counts.update(each.kind for each in found)
        finders = FINDERS  # what is cut may look different to those that were left out
    return text, counts


def _marks(text: str, found: list[Found]) -> dict[tuple[str, str], str]:
    """The mark of every value: `[email]` where a kind stands once in the text, else numbered; numbers in use are left out."""
    used: dict[str, set[int]] = {}
    for match in MARK.finditer(text):
        used.setdefault(match[1], set()).add(int(match[2] or 1))
    values: dict[str, list[str]] = {}
    for each in found:
        known = values.setdefault(each.kind, [])
        if (value := _same(each)) not in known:
            known.append(value)
    marks = {}
    for kind, known in values.items():
        if len(known) == 1 and kind not in used:
            marks[kind, known[0]] = f"[{kind}]"
            continue
        free = (number for number in range(1, 10_000) if number not in used.get(kind, ()))
        marks |= {(kind, value): f"[{kind}_{number}]" for value, number in zip(known, free, strict=False)}
    return marks


def _same(found: Found) -> str:
    """What two spellings of one value have in common: +86 138 0013 8000 is 13800138000, and Ann@ is ann@."""
    value = found.value.translate(_FOLD).casefold()
    if found.kind == "phone":
        return re.sub(r"\D", "", value)[-9:]  # without the codes of country and trunk, which may be left out
    if found.kind in ("card", "iban", "passport", "plate", "resident_id", "ssn"):
        return re.sub(r"[\W_]", "", value)
    return value


def redact(text: str) -> str:
    """The text with personal data (PERSONAL) replaced by `[email]`, or by `[email_1]`, `[email_2]` where the text holds several.

    Runs on normalised text. Idempotent. One value has one mark in a text. Article numbers, ISBN, prices and dates stay.

    >>> redact("Write to ann@example.org, I paid $1,299.00 on 2015-12-31")
    'Write to [email], I paid $1,299.00 on 2015-12-31'
    """
    return redact_counted(text)[0]


def redact_series(series: pd.Series) -> tuple[pd.Series, dict[str, int]]:
    """`redact` for a column of str or missing, and how many of each of PERSONAL were replaced. Equal texts are read once."""
    total: Counter[str] = Counter()
    texts = series.astype(object).where(series.notna(), None).tolist()
    known: dict[str, tuple[str, Counter[str]]] = {}
    suspected = suspects(pd.Series(texts, dtype="object"))
    for at in np.flatnonzero(suspected.any(axis=1)):
        text = texts[at] or ""
        if text not in known:
            chosen = [finder for finder, is_needed in zip(FINDERS, suspected[at], strict=True) if is_needed]
            known[text] = redact_counted(text, chosen)
        texts[at], counts = known[text]
        total.update(counts)
    return pd.Series(texts, index=series.index, name=series.name, dtype="str"), {kind: total[kind] for kind in PERSONAL}
