"""Our own form of events in JSON lines, CSV and Parquet."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from profiling.collect import events
from profiling.collect._lines import MAX_LINE, MAX_ROW_LINES
from profiling.collect._values import Unreadable
from profiling.errors import InputError
from tests.collect.conftest import SHANGHAI, UTC, Reading, together

FULL = {
    "event_id": "e1", "identifiers": {"email": "a@example.org", "customer": "C1"}, "occurred_at": "2026-03-01T09:30:00+08:00",
    "kind": "purchase", "item_id": "I1", "text": "Hello, \"world\"", "rating": 4, "quantity": 2, "amount": 12.5,
    "currency": "USD", "channel": "web", "attributes": {"gift": True}, "campaign": "spring",
}  # fmt: skip
MINIMAL = {"identifiers": {"customer": "C1"}, "occurred_at": "2026-03-01", "kind": "view"}


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_all_fields_are_mapped_and_unknown_ones_become_attributes(reading: Reading) -> None:
    (row,) = reading("events", lines(FULL)).rows.to_dict("records")
    assert json.loads(row.pop("attributes")) == {"gift": True, "campaign": "spring"}
    assert row == {
        "source_line": 1, "natural_key": "e1", "identifiers": [("email", "a@example.org"), ("customer", "C1")],
        "occurred_at": pd.Timestamp("2026-03-01T01:30:00Z"), "kind": "purchase", "item_id": "I1", "text": 'Hello, "world"',
        "rating": 4.0, "quantity": 2.0, "amount": 12.5, "currency": "USD", "channel": "web",
    }  # fmt: skip


def test_what_is_not_said_is_missing(reading: Reading) -> None:
    (row,) = reading("events", lines(MINIMAL)).rows.to_dict("records")
    assert [row[name] for name in ("item_id", "text", "currency", "channel")] == [None] * 4
    assert all(pd.isna(row[name]) for name in ("rating", "quantity", "amount"))
    assert row["attributes"] == "{}"


def test_csv_json_and_parquet_say_the_same(reading: Reading, tmp_path: Path) -> None:
    plain = {
        name: value for name, value in FULL.items() if name != "event_id"
    }  # so that the natural key is compared too
    columns = [*(name for name in plain if name != "identifiers"), "identifier_email", "identifier_customer"]
    cells = {**plain, "attributes": '{"gift": true}', "identifier_email": "a@example.org", "identifier_customer": "C1"}
    text = pd.DataFrame([cells])[columns].to_csv(index=False)
    pq.write_table(pa.Table.from_pylist([plain]), tmp_path / "in.parquet")
    of_json = reading("events", lines(plain)).rows
    of_csv = reading("events", text, "in.csv").rows
    of_packed = reading("events", text, "in.csv.gz", packed=True).rows
    of_parquet = together(list(events.read(tmp_path / "in.parquet", UTC))).rows
    assert of_csv["source_line"].tolist() == [2]
    for other in (of_csv, of_packed, of_parquet):
        pd.testing.assert_frame_equal(of_json.drop(columns="source_line"), other.drop(columns="source_line"))


def test_without_an_id_the_content_names_the_event(reading: Reading) -> None:
    reordered = dict(reversed(MINIMAL.items()))
    keys = reading("events", lines(MINIMAL, reordered, {**MINIMAL, "quantity": 1})).rows["natural_key"]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("2026-03-01T09:30:00Z", "2026-03-01 09:30:00"),
        ("2026-03-01T09:30:00.25-05:00", "2026-03-01 14:30:00.250000"),
        ("2026-03-01 09:30", "2026-03-01 01:30:00"),  # no offset: the zone's
        ("2026-03-01", "2026-02-28 16:00:00"),
        ("20260301", "2026-02-28 16:00:00"),
        (1772357400, "2026-03-01 09:30:00"),
        (1772357400.5, "2026-03-01 09:30:00.500000"),
        ("1772357400", "2026-03-01 09:30:00"),
        (1772357400000, "2026-03-01 09:30:00"),
        ("1772357400250", "2026-03-01 09:30:00.250000"),
    ],
)
def test_times_are_understood(reading: Reading, said: object, utc: str) -> None:
    rows = reading("events", lines({**MINIMAL, "occurred_at": said}), zone=SHANGHAI).rows
    assert rows["occurred_at"].tolist() == [pd.Timestamp(utc, tz="UTC")]


@pytest.mark.parametrize(
    "said",
    ["2026-13-01", "2026-02-30", "yesterday", "01/03/2026", "2026-03-01T25:00:00", 20260301, -1, 0, True, [2026], 1e300,
     "99999999999999999999", "0001-01-01T00:00:00+14:00", {"a": 1}],
)  # fmt: skip
def test_other_times_are_refused(reading: Reading, said: object) -> None:
    read = reading("events", lines({**MINIMAL, "occurred_at": said}))
    assert read.rejects["reason"].tolist() == ["unparseable_time"]
    assert read.rejects["field"].tolist() == ["occurred_at"]


NASTY = {
    "no_identifiers": ({"identifiers": None}, "missing_identifiers", "identifiers"),
    "empty_identifiers": ({"identifiers": {}}, "missing_identifiers", "identifiers"),
    "only_blank_ones": ({"identifiers": {"customer": " ", "email": None}}, "missing_identifiers", "identifiers"),
    "identifiers_list": ({"identifiers": ["C1"]}, "wrong_type", "identifiers"),
    "identifiers_text": ({"identifiers": "C1"}, "wrong_type", "identifiers"),
    "identifier_float": ({"identifiers": {"customer": 1.5}}, "invalid_identifier", "identifiers"),
    "identifier_object": ({"identifiers": {"customer": {"id": 1}}}, "invalid_identifier", "identifiers"),
    "identifier_NUL": ({"identifiers": {"customer": "C\u0000"}}, "invalid_identifier", "identifiers"),
    "identifier_type": ({"identifiers": {"my customer": "C1"}}, "invalid_identifier", "identifiers"),
    "said_twice": ({"identifier_customer": "C2"}, "invalid_identifier", "identifier_customer"),
    "no_kind": ({"kind": None}, "missing_field", "kind"),
    "kind_list": ({"kind": ["view"]}, "wrong_type", "kind"),
    "no_time": ({"occurred_at": ""}, "missing_time", "occurred_at"),
    "text_number": ({"text": 5}, "wrong_type", "text"),
    "amount_words": ({"amount": "12,50"}, "unparseable_number", "amount"),
    "amount_underscore": ({"amount": "1_000"}, "unparseable_number", "amount"),
    "amount_infinite": ({"amount": "inf"}, "unparseable_number", "amount"),
    "amount_overflow": ({"amount": "1e999"}, "unparseable_number", "amount"),
    "quantity_true": ({"quantity": True}, "unparseable_number", "quantity"),
    "attributes_list": ({"attributes": [1]}, "wrong_type", "attributes"),
    "attributes_text": ({"attributes": "{cut"}, "wrong_type", "attributes"),
    "attribute_twice": ({"attributes": {"page": 1}, "page": 2}, "conflicting_field", "page"),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_row_is_refused_with_reason_and_field(reading: Reading, name: str) -> None:
    changes, reason, field = NASTY[name]
    read = reading("events", lines(MINIMAL, {**MINIMAL, **changes}))
    assert read.rows["source_line"].tolist() == [1]
    assert read.rejects[["source_line", "reason", "field"]].values.tolist() == [[2, reason, field]]


def test_whether_a_value_is_possible_is_not_decided_here(reading: Reading) -> None:
    read = reading(
        "events", lines({**MINIMAL, "rating": 9, "quantity": -2, "kind": "teleport", "occurred_at": "2099-01-01"})
    )
    assert read.rows[["rating", "quantity", "kind"]].values.tolist() == [[9.0, -2.0, "teleport"]]


HEADER = "event_id,identifier_customer,occurred_at,kind,text\n"


def test_csv_rows_are_numbered_by_their_first_line(reading: Reading) -> None:
    read = reading("events", HEADER + 'a,C1,2026-03-01,post,"two\nlines"\n\nb,C1,2026-03-01,view,\n', "in.csv")
    assert read.rows["source_line"].tolist() == [2, 5]
    assert read.rows["text"].tolist() == ["two\nlines", None]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"b,C1,2026-03-01,view\n", "broken_csv"),
        (b"b,C1,2026-03-01,view,text,more\n", "broken_csv"),
        (b'b,C1,2026-03-01,post,"half"quoted\n', "broken_csv"),
        (b"b,C1,2026-03-01,post,caf\xe9\n", "invalid_utf8"),
        (b"b,C1,2026-03-01,post," + b"x" * (MAX_LINE + 9) + b"\n", "broken_csv"),
    ],
    ids=["too_few", "too_many", "quotes", "encoding", "huge"],
)
def test_a_broken_csv_row_is_refused_and_its_neighbours_stay(reading: Reading, row: bytes, reason: str) -> None:
    before, after = b"a,C1,2026-03-01,view,\n", b"c,C1,2026-03-01,view,\n"
    read = reading("events", HEADER.encode() + before + row + after, "in.csv")
    assert read.rows["natural_key"].tolist() == ["a", "c"]
    assert read.rejects[["source_line", "reason"]].values.tolist() == [[3, reason]]
    assert read.rejects["content"][0].startswith("b,C1")


@pytest.mark.parametrize(
    "after",
    [
        "b,C1,2026-03-01,view,\n",  # to the end of the file
        'b,C1,2026-03-01,post,"closed"\n',  # another quote seems to close it
        "b,C1,2026-03-01,view,\n" * 3 + 'b,"C1",2026-03-01,view,\n',
        'b,C1,2026-03-01,post,"two\nlines"\n',
        "b,C1,2026-03-01,view,\n" * (MAX_ROW_LINES + 5),
    ],
    ids=["open", "text", "field", "lines", "many"],
)
def test_a_quote_left_open_hides_no_line(reading: Reading, after: str) -> None:
    text = 'a,C1,2026-03-01,post,"open\n' + after
    read = reading("events", HEADER + text, "in.csv")
    lines = text.splitlines()
    refused = read.rejects["source_line"].tolist()
    assert refused == list(range(2, 2 + len(refused))), "from the quote on, each line for itself"
    assert set(read.rejects["reason"]) == {"broken_csv"}
    assert read.rejects["content"].tolist() == lines[: len(refused)]
    assert len(read.rows) == len(lines) - len(refused), "what comes after it is read"


def test_what_a_customer_wrote_between_quotes_is_never_a_row(reading: Reading) -> None:
    forged = b"forged,VICTIM,2026-03-01,purchase,"
    quoted = b'b,C1,2026-03-01,post,"caf\xe9\n' + forged + b'\nend"\n'
    too_many = b'c,C1,2026-03-01,post,"one\n' + forged + b'\nend",more\n'
    unescaped = b'd,C1,2026-03-01,post,"he said\n' + forged + b'\n"no" and\n'
    read = reading("events", HEADER.encode() + quoted + too_many + unescaped + b"e,C1,2026-03-01,view,\n", "in.csv")
    assert read.rows["natural_key"].tolist() == ["e"]
    assert len(read.rejects) == 5  # two rows whole, and three lines of one that is no row


def test_a_refused_csv_row_is_kept_by_the_names_of_its_columns(reading: Reading) -> None:
    read = reading("events", HEADER + "a,C1,yesterday,view,\n", "in.csv")
    assert json.loads(read.rejects["content"][0])["occurred_at"] == "yesterday"


def test_parquet_columns_of_the_same_name_cannot_be_read(tmp_path: Path) -> None:
    pq.write_table(pa.table([["view"], ["post"]], names=["kind", "kind"]), tmp_path / "in.parquet")
    with pytest.raises(InputError, match="name each column once"):
        list(events.read(tmp_path / "in.parquet", SHANGHAI))


def test_what_is_nested_too_deeply_is_refused(reading: Reading) -> None:
    deep = '{"x":' * 300 + "1" + "}" * 300
    row = f'{{"event_id":"a","identifiers":{{"customer":"C1"}},"occurred_at":"2026-03-01","kind":"view","attributes":{deep}}}\n'
    read = reading("events", row, "in.jsonl")
    assert (len(read.rows), read.rejects["reason"].tolist()) == (0, ["nested_too_deeply"])


@pytest.mark.parametrize("header", ["a,a\n1,2\n", "a,,b\n1,2,3\n"])
def test_a_csv_without_clear_columns_cannot_be_read(reading: Reading, header: str) -> None:
    with pytest.raises(InputError, match="name each column once"):
        reading("events", header, "in.csv")


def test_parquet_types_are_understood(tmp_path: Path) -> None:
    table = pa.table(
        {
            "identifiers": pa.array(
                [[("email", "a@example.org"), ("customer", "C1")]] * 2, pa.map_(pa.string(), pa.string())
            ),
            "occurred_at": pa.array([datetime(2026, 3, 1, 12), None], pa.timestamp("ns")),
            "kind": ["view", "view"],
            "amount": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
            "rating": pa.array([float("nan"), 5.0]),
            "since": [date(2026, 1, 1), None],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    read = together(list(events.read(tmp_path / "in.parquet", SHANGHAI)))
    (row,) = read.rows.to_dict("records")
    assert row["identifiers"] == [("email", "a@example.org"), ("customer", "C1")]
    assert row["occurred_at"] == pd.Timestamp("2026-03-01T04:00:00Z")
    assert (row["amount"], pd.isna(row["rating"]), row["attributes"]) == (12.5, True, '{"since":"2026-01-01"}')
    assert read.rejects[["source_line", "reason"]].values.tolist() == [[2, "missing_time"]]
    assert json.loads(read.rejects["content"][0])["kind"] == "view"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("in.parquet", b"PAR1 this is none", "not a readable Parquet file"),
        ("in.jsonl.gz", b"\x1f\x8b\x08\x00cut", "gzip file is damaged or cut short"),
    ],
)
def test_a_damaged_file_is_an_error_with_the_fix(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        list(events.read(tmp_path / name, UTC))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        list(events.read(tmp_path / "none.jsonl", UTC))


_WORDS = st.one_of(
    st.none(), st.sampled_from(["", " ", " a ", "C1", "x\0y", "7", "\u3000", "view"]), st.text(max_size=5)
)
# Parquet, where decimals come from, has no others.
_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
_VALUES = st.one_of(
    _WORDS,
    st.booleans(),
    st.integers(),
    st.integers(10**320, 10**321),
    st.floats(),
    _DECIMALS,
    st.just([1]),
    st.just({"a": 1}),
)
_TIMES = st.one_of(
    _VALUES, st.datetimes().map(str), st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()).map(str),
    st.sampled_from(["2026-03-29T02:30:00", "2026-03-01", "20260301", " 2026-03-01 ", "0001-01-01", "9999-12-31T23:59:59-12:00"]),
)  # fmt: skip
_IDENTIFIERS = st.one_of(
    _VALUES, st.dictionaries(st.sampled_from(["customer", "e mail", "device"]), _VALUES, max_size=2)
)
_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": _WORDS, "identifiers": _IDENTIFIERS, "identifier_customer": _VALUES, "occurred_at": _TIMES, "kind": _WORDS,
        "item_id": _VALUES, "text": _VALUES, "rating": _VALUES, "quantity": _VALUES, "amount": _VALUES, "currency": _WORDS,
        "channel": _VALUES, "attributes": st.one_of(_VALUES, st.just('{"a": 1}')), "colour": _VALUES,
    },
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_ROWS, max_size=4), st.sampled_from([UTC, SHANGHAI, ZoneInfo("Europe/Berlin")]))
@example(rows=[{"rating": "0\x1f"}], zone=UTC)
@example(rows=[{"rating": Decimal("sNaN")}], zone=UTC)
def test_many_rows_at_once_are_read_as_one_by_one(rows: list[dict[str, Any]], zone: ZoneInfo) -> None:
    def one(record: dict[str, Any]) -> tuple[object, ...] | None:
        try:
            (row,) = events._parse(record, zone)
        except Unreadable:
            return None
        return row

    columns, odd = events._columns(rows, zone)
    for number, record in enumerate(rows):
        by_columns = tuple(values[number] for values in columns.values())
        if number not in odd:  # repr: a missing number is no number, and is not equal to itself
            assert repr(by_columns) == repr(one(record))
    whole = [{"event_id": "1", "identifiers": {"customer": "C1"}, "occurred_at": "2026-03-01T09:30:00", "kind": "view"}]
    assert events._columns(whole, zone)[1] == set()
