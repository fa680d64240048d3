"""What holds for every form: nothing raises, every line is accounted for, and a large file is read in pieces."""

import gzip
import json
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiling.collect import COLLECTORS, EVENT_COLUMNS, STATEMENT_COLUMNS, collector
from profiling.collect._lines import CHUNK_LINES
from profiling.errors import InputError, SettingsError
from tests.collect.conftest import SHANGHAI, UTC, is_closed, together, zipped

_FIELDS = (
    "identifiers", "identifier_customer", "occurred_at", "stated_at", "kind", "item_id", "text", "rating", "attributes",
    "reviewerID", "asin", "overall", "reviewText", "unixReviewTime", "user_id", "parent_asin", "timestamp", "title",
    "purpose", "status", "price", "categories", "helpful", "style", "images", "", "customer", "date", "quantity", "amount",
    "Month", "Year", "Revenue", "Weekend", "order", "delivered", "promised", "weight", "event", "user", "at", "ad", "query",
    "sender", "message_id", "subject", "id", "author", "created_at", "platform",
)  # fmt: skip
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(["2026-03-01", "0001-01-01", "9999-12-31T23:59:59", "granted", "1393545600", "{}", "12.5"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["customer", "email", "x y"]), inner, max_size=3)
    ),
    max_leaves=5,
)
_RECORDS = st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=8)
_ALMOST = st.builds(  # a good row with something wrong, so that the deeper checks are reached
    lambda base, changes: {**base, **changes},
    st.sampled_from(
        [
            {"identifiers": {"customer": "C1"}, "occurred_at": "2026-03-01", "kind": "view", "stated_at": 1393545600},
            {"reviewerID": "A", "asin": "B", "overall": 5, "unixReviewTime": 1393545600, "title": "T"},
            {"identifiers": {"customer": "C1"}, "purpose": "p", "status": "granted", "stated_at": "2026-03-01"},
            {
                "customer": "1",
                "date": "19970101",
                "quantity": 1,
                "amount": 2,
                "Month": "Feb",
                "Revenue": "TRUE",
                "Weekend": False,
            },
            {
                "order": "O1",
                "customer": "C1",
                "delivered": "2026-03-01",
                "sender": "a@example.org",
                "date": "2026-03-01",
            },
            {"event": "search", "user": "U1", "at": "2026-03-01", "query": "#tea @me 😡", "id": 1, "author": "ann"},
            {"id": 1, "author": "ann", "created_at": "2026-03-01", "text": "#tea @me 😡", "platform": "x y"},
        ]
    ),
    _RECORDS,
)
_LINES = st.lists(st.one_of((_RECORDS | _ALMOST).map(orjson.dumps), st.binary(max_size=40)), max_size=6)
_PATIENT = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("form", COLLECTORS)
@given(content=_LINES.map(b"\n".join))
@_PATIENT
def test_no_json_lines_raise_and_every_line_is_accounted_for(tmp_path: Path, form: str, content: bytes) -> None:
    if content[:2] in (b"\x1f\x8b", b"PK", b"\xff\xfe", b"\xfe\xff"):
        return  # packed files and UTF-16 are another matter
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    read = together(list(collector(form)(path, SHANGHAI)))
    assert is_closed(read)
    text = content.removeprefix(b"\xef\xbb\xbf")
    assert read.lines_read == sum(bool(line.strip()) for line in text.split(b"\n"))
    for batch in read.batches:
        assert list(batch.rows.columns) == list(EVENT_COLUMNS if batch.table == "interactions" else STATEMENT_COLUMNS)


@pytest.mark.parametrize("form", ["events", "customers", "consents", "catalogue"])
@given(
    content=st.lists(
        st.binary(max_size=30) | st.sampled_from([b'"', b'C1,"a\n', b"C1,2026-03-01,view,tea\n"]), max_size=8
    )
)
@_PATIENT
def test_no_csv_raises_and_every_row_is_accounted_for(tmp_path: Path, form: str, content: list[bytes]) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"identifier_customer,occurred_at,kind,item_id\n" + b"".join(content))
    assert is_closed(together(list(collector(form)(path, UTC))))


_SNIPPETS = (
    b"\n", b"\r\n", b"From a Mon Mar  2 10:00:00 2026\n", b"From: A <a@example.org>\n", b"Subject: =?utf-8?b?5Lul?=\n",
    b"Date: Mon, 2 Mar 2026 10:00:00 +0000\n", b"Content-Type: text/html; charset=gb2312\n", b"<p>late<![x<blockquote>\n",
    b"Content-Type: multipart/mixed; boundary=b\n", b"--b\n", b"--b--\n", b"> quoted\n", b"Content-Transfer-Encoding: base64\n",
    b" 00001 19970101  1   11.77\n", b"A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1\n",
    b'{"id":1,"author":"a","created_at":1393545600,"text":"#a"}\n', b"order;customer;delivered\n", b"O1;C1;2026-03-01\n", b'"',
)  # fmt: skip
_BYTES = st.lists(st.sampled_from(_SNIPPETS) | st.binary(max_size=12), max_size=12).map(b"".join)
_PACKINGS = st.sampled_from(
    [
        lambda raw: raw,
        gzip.compress,
        lambda raw: gzip.compress(raw)[:-9],
        lambda raw: b"\xff\xfe" + raw,
        lambda raw: b"\xfe\xff" + raw,
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: b"PK\x03\x04" + raw,
        lambda raw: zipped(raw, raw),
        lambda raw: zipped(raw)[:-30] + raw,
    ]
)


@pytest.mark.parametrize("form", COLLECTORS)
@given(
    content=_BYTES,
    packing=_PACKINGS,
    name=st.sampled_from(["in.csv", "in.txt", "in.json", "in", "in.eml", "in.parquet"]),
)
@_PATIENT
def test_no_bytes_raise_anything_but_an_input_error(
    tmp_path: Path, form: str, content: bytes, packing: Callable[[bytes], bytes], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(packing(content))
    try:
        batches = list(collector(form)(path, SHANGHAI))
    except InputError:
        return
    assert is_closed(together(batches))


@pytest.mark.parametrize("form", COLLECTORS)
@given(place=st.integers(0, 400), byte=st.integers(0, 255))
@_PATIENT
def test_a_damaged_zip_is_an_input_error_or_read(tmp_path: Path, form: str, place: int, byte: int) -> None:
    packed = bytearray(zipped(b'{"a": 1}\n' * 9, b"\n"))
    packed[place % len(packed)] = byte
    path = tmp_path / "in.zip"
    path.write_bytes(packed)
    try:
        batches = list(collector(form)(path, UTC))
    except InputError:
        return
    assert is_closed(together(batches))


@pytest.mark.slow
@pytest.mark.long
def test_a_large_gzip_file_is_read_in_pieces(tmp_path: Path) -> None:
    """The file is a pipe: when the first batch is out, most of it has not even been written; old batches are let go."""
    total, block = 200_000, 1_000
    pipe = tmp_path / "reviews.json.gz"
    os.mkfifo(pipe)
    written = []

    def write() -> None:
        with gzip.open(pipe, "wb", compresslevel=1) as file:
            for start in range(0, total, block):
                rows = (
                    {
                        "reviewerID": f"A{n}",
                        "asin": "B",
                        "overall": 5,
                        "reviewText": os.urandom(40).hex(),
                        "unixReviewTime": n,
                    }
                    for n in range(start, start + block)
                )
                file.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))
                written.append(block)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    lines, earlier = 0, None
    for number, batch in enumerate(collector("amazon_reviews")(pipe, UTC)):
        if number == 0:
            assert sum(written) < total / 2
        assert earlier is None or earlier() is None, "a batch already given is still held"
        assert batch.lines_read <= CHUNK_LINES
        assert batch.rows["source_line"].iloc[0] == lines + 1
        lines += batch.lines_read
        earlier = weakref.ref(batch.rows)
        del batch
    writer.join(timeout=10)
    assert (lines, sum(written)) == (total, total)


def test_a_gzip_file_cut_short_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(json.dumps({"n": n}).encode() for n in range(10_000)))[:-20])
    with pytest.raises(InputError, match="deliver it again"):
        list(collector("events")(path, UTC))


def test_an_unknown_form_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="no collector 'tweets'; known: amazon_reviews"):
        collector("tweets")
