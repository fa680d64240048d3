"""A corpus of ugly files, made here: each is read by its rule in docs/sources.md, none loses a row, none raises by accident."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiling.collect import _unpack, collector
from profiling.collect._lines import MAX_LINE
from profiling.errors import InputError
from tests.collect.conftest import UTC, is_closed, together, zipped

HEADER = b"event_id,identifier_customer,occurred_at,kind,text\n"
MAIL = b"From: a@example.org\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n"


def event(number: int = 1, **fields: object) -> bytes:
    row = {
        "event_id": f"e{number}",
        "identifiers": {"customer": "C1"},
        "occurred_at": "2026-03-01",
        "kind": "post",
        "text": "茶",
    }
    return json.dumps({**row, **fields}, ensure_ascii=False).encode() + b"\n"


def row(number: int = 1, text: str = "tea") -> bytes:
    return f"e{number},C1,2026-03-01,post,{text}\n".encode()


def encrypted() -> bytes:
    """A zip archive whose member says that it is encrypted."""
    packed = bytearray(zipped(event()))
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(start) + place] |= 1
    return bytes(packed)


def overlapping() -> bytes:
    """A zip archive whose members all lie on the same packed bytes: each is of a fair ratio, all together are a bomb."""
    packed = bytearray(zipped(b"x" * 2**20 + b"\n"))
    start = packed.index(b"PK\x01\x02")
    end = packed.index(b"PK\x05\x06")
    entry, tail = bytes(packed[start:end]), bytearray(packed[end:])
    copies = 40
    tail[8:12] = struct.pack("<HH", copies, copies)
    tail[12:16] = struct.pack("<I", len(entry) * copies)
    return bytes(packed[:start]) + entry * copies + bytes(tail)


def parquet(*columns: str) -> bytes:
    packed = io.BytesIO()
    pq.write_table(pa.table([["C1"]] * len(columns), names=list(columns)), packed)
    return packed.getvalue()


def listed(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, event())
        archive.writestr("good.jsonl", event(2))
    return packed.getvalue()


@dataclass(frozen=True)
class Case:
    """An ugly file: how many rows come out of it and which rejects, or the sentence that says why it cannot be read."""

    content: Callable[[], bytes]
    rows: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    file: str = "in.jsonl"
    form: str = "events"


def bad(**reasons: int) -> dict[str, int]:
    return reasons


CASES = {
    # packed
    "gzip": Case(lambda: gzip.compress(event()), 1),
    "gzip under another name": Case(lambda: gzip.compress(HEADER + row()), 1, file="in.csv"),
    "two gzip files in one": Case(lambda: gzip.compress(event(1)) + gzip.compress(event(2)), 2),
    "gzip cut short": Case(lambda: gzip.compress(event() * 99)[:-20], error="gzip file is damaged or cut short"),
    "gzip with a wrong sum": Case(lambda: gzip.compress(event())[:-8] + b"\0" * 8, error="gzip file is damaged"),
    "gzip of nothing": Case(lambda: gzip.compress(b"")),
    "gzip bomb": Case(lambda: gzip.compress(b"x" * 2**25), error="as a zip bomb does"),
    "gzip in gzip": Case(lambda: gzip.compress(gzip.compress(event())), error="packed once more"),
    "zip": Case(lambda: zipped(event()), 1, file="in.zip"),
    "zip of several": Case(lambda: zipped(event(1), event(2) + event(3), b""), 3),
    "zip of CSV, each with its header": Case(lambda: zipped(HEADER + row(1), HEADER + row(2), name="in.csv"), 2),
    "zip of nothing": Case(lambda: zipped()),
    "zip with a folder and a hidden file": Case(lambda: listed("__MACOSX/._good.jsonl"), 1),
    "zip that leads out of the folder": Case(lambda: listed("../../etc/passwd.jsonl"), 2),
    "zip cut short": Case(lambda: zipped(event())[:-10], error="zip file is damaged or cut short"),
    "zip with a wrong sum": Case(
        lambda: zipped(event()).replace(struct.pack("<I", zlib.crc32(event())), b"\0\0\0\0"),
        error="zip file is damaged",
    ),
    "zip bomb": Case(lambda: zipped(b"x" * 2**25), error="as a zip bomb does"),
    "zip bomb of overlapping members": Case(overlapping, error="zip bomb|zip file is damaged"),
    "zip in zip": Case(lambda: zipped(zipped(event())), error="packed once more"),
    "zip of Parquet": Case(lambda: zipped(parquet("kind"), name="in.parquet"), error="deliver it as it is"),
    "zip encrypted": Case(encrypted, error="deliver it without a password"),
    # encoded
    "BOM": Case(lambda: b"\xef\xbb\xbf" + event(), 1),
    "BOM before a CSV header": Case(lambda: b"\xef\xbb\xbf" + HEADER + row(), 1, file="in.csv"),
    "BOM and nothing": Case(lambda: b"\xef\xbb\xbf"),
    "BOM in gzip": Case(lambda: gzip.compress(b"\xef\xbb\xbf" + event()), 1),
    "UTF-16": Case(lambda: event().decode().encode("utf-16"), 1),
    "UTF-16 big-endian CSV": Case(lambda: b"\xfe\xff" + (HEADER + row()).decode().encode("utf-16-be"), 1, file="in.csv"),
    "UTF-16 cut in a character": Case(lambda: event().decode().encode("utf-16") + b"x", 1, bad(invalid_utf8=1)),
    "UTF-16 with half a pair": Case(
        lambda: b"\xff\xfe" + b'"\0\x00\xd8"\0\n\0' + event().decode().encode("utf-16-le"), 1, bad(invalid_utf8=1)
    ),
    "UTF-16 without its mark": Case(lambda: event().decode().encode("utf-16-le"), 0, bad(invalid_utf8=1, broken_json=1)),
    "GB18030 in one line": Case(lambda: event(1) + event(2).decode().encode("gb18030") + event(3), 2, bad(invalid_utf8=1)),
    "Latin-1 in one CSV row": Case(lambda: HEADER + row(1) + row(2, "caf\xe9").decode().encode("latin-1") + row(3), 2,
                                   bad(invalid_utf8=1), file="in.csv"),
    "Latin-1 in the header": Case(lambda: b"caf\xe9,kind\n1,view\n", error="the header line is broken", file="in.csv"),
    "half a pair by escape": Case(lambda: event().replace("茶".encode(), b"\\ud800"), 0, bad(broken_json=1)),
    "NUL in a text": Case(lambda: event(text="a\0b"), 1),
    # lines
    "nothing": Case(lambda: b""),
    "only blank lines": Case(lambda: b"\n \r\n\n"),
    "CRLF": Case(lambda: (event(1) + event(2)).replace(b"\n", b"\r\n"), 2),
    "no last line end": Case(lambda: event().rstrip(), 1),
    "last line in half": Case(lambda: event(1) + event(2)[:40], 1, bad(broken_json=1)),
    "last CSV row in half": Case(lambda: HEADER + row(1) + row(2)[:9], 1, bad(broken_csv=1), file="in.csv"),
    "only a header": Case(lambda: HEADER, file="in.csv"),
    "text of two megabytes": Case(lambda: event(text="tea " * 2**19), 1),
    "text of two megabytes in CSV": Case(lambda: HEADER + row(1, "tea " * 2**19) + row(2), 2, file="in.csv"),
    "line of seventeen megabytes": Case(lambda: event(1, text="x" * MAX_LINE) + event(2), 1, bad(line_too_long=1)),
    "CSV row of seventeen megabytes": Case(
        lambda: HEADER + row(1, "x" * MAX_LINE) + row(2), 1, bad(broken_csv=1), file="in.csv"
    ),
    "no line ends at all": Case(lambda: event().rstrip() * 3, 0, bad(broken_json=1)),
    # JSON
    "an array around": Case(lambda: b"[" + event().rstrip() + b"]\n", 0, bad(not_an_object=1)),
    "words": Case(lambda: b"hello\nnull\n1\n", 0, bad(broken_json=1, not_an_object=2)),
    "NaN": Case(lambda: event(rating=float("nan")), 0, bad(broken_json=1)),
    "a number beyond all": Case(lambda: event().replace(b'"post"', b'"post", "amount": 1e999'), 0, bad(broken_json=1)),
    "300 levels": Case(lambda: event(attributes=nested(300)), 0, bad(nested_too_deeply=1)),
    "100,000 levels": Case(
        lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n" + event(), 1, bad(nested_too_deeply=1)
    ),
    "100,000 levels never closed": Case(lambda: b"[" * 100_000 + b"\n" + event(), 1, bad(nested_too_deeply=1)),
    "a field said twice": Case(lambda: event().replace(b'"kind"', b'"kind": "view", "kind"'), 1),
    # CSV
    "semicolons": Case(lambda: (HEADER + row()).replace(b",", b";"), 1, file="in.csv"),
    "tabs": Case(lambda: (HEADER + row()).replace(b",", b"\t"), 1, file="in.csv"),
    "too many fields": Case(lambda: HEADER + b"e1,C1,2026-03-01,post,a,b\n" + row(2), 1, bad(broken_csv=1), file="in.csv"),
    "a quote left open": Case(lambda: HEADER + row(1, '"open') + row(2), 0, bad(broken_csv=2), file="in.csv"),
    "a column twice": Case(lambda: b"kind,kind\nview,post\n", error="name each column once", file="in.csv"),
    "no Parquet": Case(lambda: b"PAR1 this is none", error="not a readable Parquet file", file="in.parquet"),
    "Parquet of another table": Case(lambda: parquet("a", "b"), 0, bad(missing_identifiers=1), file="in.parquet"),
    # other forms
    "too few columns": Case(lambda: b"00001 19970101 1\n00001 19970101 1 2\n", 1, bad(broken_columns=1),
                            file="in.txt", form="cdnow"),
    "mail that is none": Case(lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 0, bad(broken_message=1),
                              file="in.eml", form="mail"),
    "mbox cut after a separator": Case(
        lambda: b"From a Mon Mar  2 10:00:00 2026\nFrom: a@example.org\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nHi\n\n"
        b"From b Mon Mar  2 10:00:00 2026\n", 1, bad(broken_message=1), file="in.mbox", form="mail",
    ),
    "mail with a header of 200 kB": Case(
        lambda: MAIL + b"Content-Type: text/plain" + b";\n a" * 50_000 + b"\n\nHi",
        0, bad(header_too_long=1), file="in.eml", form="mail",
    ),
    "mail of 20,000 parts": Case(
        lambda: MAIL + b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\n\n" * 20_000, 0, bad(too_many_parts=1), file="in.eml", form="mail",
    ),
    "mail of 200 kB of open tags": Case(
        lambda: MAIL + b"Content-Type: text/html\n\n" + b"<a " * 66_000,
        1, file="in.eml", form="mail",
    ),
    "mail in a wrong charset": Case(
        lambda: MAIL + b"Content-Type: text/plain; charset=x-none\n\n\xff\n",
        0, bad(wrong_charset=1), file="in.eml", form="mail",
    ),
    "mail of 3,000 parts in parts": Case(
        lambda: MAIL
        + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)),
        0, bad(nested_too_deeply=1), file="in.eml", form="mail",
    ),
}  # fmt: skip


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"x": value}
    return value


def test_the_corpus_is_whole() -> None:
    assert len(CASES) == 70
    assert sum(case.error is not None for case in CASES.values()) == 14


@pytest.mark.parametrize("name", CASES)
def test_an_ugly_file_is_read_by_its_rule(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / case.file
    path.write_bytes(case.content())
    if case.error:
        with pytest.raises(InputError, match=case.error) as raised:
            list(collector(case.form)(path, UTC))
        assert case.file in str(raised.value)
        return
    read = together(list(collector(case.form)(path, UTC)))
    assert is_closed(read)
    found = Counter(read.rejects["reason"]) if len(read.rejects) else {}
    assert (len(read.rows), dict(found)) == (case.rows, case.rejects)
    if len(read.rejects):
        assert read.rejects["detail"].str.len().gt(20).all()
        assert read.rejects["content"].str.len().le(2_000).all()


def test_a_bomb_is_noticed_before_it_goes_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 MB of one letter in 256 kB: the unpacking ends at the ratio, not at the last byte."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("in.jsonl", "w") as member:
        for _ in range(256):
            member.write(b"x" * 2**20)
    (tmp_path / "in.zip").write_bytes(packed.getvalue())
    made, budgets = _unpack._Budget, []
    monkeypatch.setattr(_unpack, "_Budget", lambda name: budgets.append(made(name)) or budgets[0])
    with pytest.raises(InputError, match="as a zip bomb does"):
        list(collector("events")(tmp_path / "in.zip", UTC))
    assert budgets[0].unpacked < 80 * 2**20
