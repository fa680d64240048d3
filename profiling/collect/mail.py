"""Mail from customers: `.eml` (one message a file) and mbox (many), by the standard library.

| message | interaction, of kind `email` |
| --- | --- |
| `From` | identifier `email`, in small letters; the name beside the address is not read |
| `Date` | `occurred_at` |
| `Message-ID` | natural key; without one the digest of sender, time, subject and text |
| body | `text`: the first plain part, or else the first HTML part without its tags; where it says nothing, the subject |
| `Subject` | attribute `subject` |
| `In-Reply-To`, `References` | attribute `is_reply` |
| attachments | attribute `attachment_count`; they are not read |

Taken out of the body: quoted lines (`>`), the line that announces them, everything from a forwarded or quoted original on, the
signature (from a line `-- ` on), and what phones append. A charset is believed; where it is wrong UTF-8 is tried, and what is
neither refuses the message. The line of a message is the one it begins with. An mbox is known by its first line, whatever the
name. Lines of our own (`.jsonl`: sender, date, message_id, subject, text, is_reply, attachment_count) are what `profiling land`
makes of messages.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC
from email import message_from_bytes
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import Line, batches, bounded, read_lines, too_long
from profiling.collect._own_words import own_words, plain
from profiling.collect._unpack import members, readable
from profiling.collect._values import Unreadable, dumps, is_missing, moment, name, name_or_none, text, too_deep

MAX_MESSAGE = 32 * 2**20  # bytes; mail servers refuse more than that
MOST_PARTS = 10_000  # lines that begin with two hyphens
MOST_HEADERS = 128 * 2**10  # bytes up to the first blank line of a part
MOST_HEADER = 2_000  # characters of a header that are read
MOST_TEXT = 200_000  # characters of a body that are read; what is stored is less
_SEPARATOR = re.compile(rb"From \S.*\d:\d\d")  # between the messages of an mbox
_ESCAPED = re.compile(rb"^>(>*From )", re.M)
_FORMS = (".json", ".jsonl", ".ndjson")
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "us-ascii": "utf-8", "ascii": "utf-8"}


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `email`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parse, lines)


def lines(path: Path) -> Iterator[Line]:
    """The messages of one file as rows of what is used of them."""
    if any(suffix.lower() in _FORMS for suffix in path.suffixes):
        yield from read_lines(path)
        return
    with readable(path):
        number = 0
        for _, stream in members(path):
            last = number
            for first, last, raw in _messages(bounded(stream), number):  # noqa: B007
                start = raw[:MOST_TEXT].decode(errors="replace")  # so long that batches of long messages end early
                yield Line(first, start, too_long("message") if len(raw) > MAX_MESSAGE else _record(raw))
            number = last


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC at which one message was sent.

    Raises:
        Unreadable: its date is missing or no time.
    """
    return moment(record, "date", zone)


def _messages(stream: Iterator[bytes], number: int) -> Iterator[tuple[int, int, bytes]]:
    """(its first line, the last line read, its bytes) of each message; of one longer than MAX_MESSAGE a little more."""
    first, size, held = number + 1, 0, list[bytes]()
    is_mbox, is_after_blank = False, True
    for raw in stream:
        number += 1
        if is_after_blank and _SEPARATOR.match(raw[:1000]) and (is_mbox or not b"".join(held).strip()):
            if is_mbox:
                yield first, number, _ESCAPED.sub(rb"\1", b"".join(held))
            first, size, held, is_mbox = number, 0, [], True
            continue
        is_after_blank = not raw.strip()
        if size <= MAX_MESSAGE and (size or not is_after_blank):  # blank lines before the header are none of it
            first = first if size or is_mbox else number
            size += len(raw)
            held.append(raw)
    if size or is_mbox:  # nothing after the last separator is a message cut short, not none
        content = b"".join(held)
        yield first, number, _ESCAPED.sub(rb"\1", content) if is_mbox else content


def _record(raw: bytes) -> dict[str, Any] | Unreadable:
    no_message = Unreadable("broken_message", None, "no mail message begins here; deliver it as it was received")
    try:
        _refuse_monsters(raw)
        message = message_from_bytes(raw)
        if message.get("From") is None and message.get("Date") is None:
            raise no_message
        parts = [part for part in message.walk() if not part.is_multipart()]
        sent = _header(message, "Date")
        return {
            "sender": parseaddr(_header(message, "From"))[1].lower(),
            "date": _date(sent),
            "message_id": _header(message, "Message-ID"),
            "subject": _header(message, "Subject"),
            "text": _body(parts),
            "is_reply": bool(message.get("In-Reply-To") or message.get("References")),
            "attachment_count": sum(_is_attached(part) for part in parts),
        }
    except Unreadable as fault:
        return fault
    except RecursionError:
        return too_deep()
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return no_message  # what the parser makes of headers that only a machine could have broken


def _refuse_monsters(raw: bytes) -> None:
    """Refuse what the library would take minutes for: its time grows with the square of a header.

    Raises:
        Unreadable: the message has too many parts, or a header section that is too long.
    """
    parts = raw.split(b"\n--", MOST_PARTS + 1)
    if len(parts) > MOST_PARTS:
        raise Unreadable(
            "too_many_parts", None, f"the message has more than {MOST_PARTS} parts; deliver it without them"
        )
    for part in parts:
        ends = [end for blank in (b"\n\n", b"\n\r\n") if (end := part.find(blank, 0, MOST_HEADERS)) >= 0]
        if not ends and len(part) > MOST_HEADERS:
            raise Unreadable("header_too_long", None, f"the headers have more than {MOST_HEADERS >> 10} kB; cut them")


def _date(written: str) -> str:
    """ISO 8601; where a message names no offset (`-0000`) its clock is UTC. What is no date is left for `when` to refuse."""
    try:
        sent = parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):
        return written
    return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).isoformat()


def _header(message: Message, field: str) -> str:
    """One header, decoded, on one line; as it stands where it cannot be decoded."""
    written = str(message.get(field, ""))[:MOST_HEADER]
    with suppress(HeaderParseError, LookupError, ValueError):
        written = str(make_header(decode_header(written)))
    return " ".join(written.encode(errors="replace").decode().split())


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_filename() is not None


def _body(parts: list[Message]) -> str:
    """What the sender wrote, of the first plain part or else the first HTML part."""
    shown = [part for part in parts if not _is_attached(part)]
    for kind in ("text/plain", "text/html"):
        for part in shown:
            if part.get_content_type() == kind:
                said = _decoded(part)[:MOST_TEXT]
                return own_words(plain(said) if kind == "text/html" else said)
    return ""


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = str(part.get_content_charset() or "utf-8")
    for encoding in (_SUPERSETS.get(charset, charset), "utf-8"):
        try:
            return content.decode(encoding)
        except (LookupError, ValueError):
            continue
    raise Unreadable(
        "wrong_charset", "Content-Type", "the text is neither in the charset it names nor UTF-8; repair the charset"
    )


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    sender = name(record, "sender").lower()
    if "@" not in sender or "\0" in sender:
        raise Unreadable("missing_identifiers", "sender", "the message names no sender; its `From` needs an address")
    occurred_at = when(record, zone)
    subject, body = text(record, "subject"), text(record, "text")
    key = name_or_none(record, "message_id")
    if key is None:
        key = hashlib.sha256(dumps([sender, occurred_at, subject, body]).encode()).hexdigest()[:32]
    attributes = {
        field: record[field]
        for field in ("subject", "is_reply", "attachment_count")
        if not is_missing(record.get(field))
    }
    rest = (math.nan, math.nan, math.nan, None, "email", dumps(attributes))
    return [(key, [("email", sender)], occurred_at, "email", None, body or subject, *rest)]
