"""From a file to batches, the same for every form: plain or gzip; JSON lines, CSV or Parquet; a chunk at a time.

Lines and rows are numbered from 1 as they stand in the file (a CSV row by its first line, the header is line 1; a
Parquet row by its position). Blank lines hold nothing: they keep their number, and count as neither read nor rejected.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd

from profiling.collect import EVENT_COLUMNS, REJECT_COLUMNS, STATEMENT_COLUMNS, Batch
from profiling.collect._values import Unreadable, dumps, is_missing
from profiling.errors import InputError

CHUNK_LINES = 20_000
MAX_ROW_LINES = 1_000  # of one CSV row; a quote that is never closed would otherwise swallow the file
CONTENT_CHARACTERS = 2_000
_BOM = b"\xef\xbb\xbf"
_FLOATS = ("rating", "quantity", "amount")
_TIMES = ("occurred_at", "stated_at")


class Line(NamedTuple):
    """One line or row: its number, what stands there, and the parsed row, or why it cannot be parsed.

    `raw` is the line's bytes with its line end for JSON lines, text for CSV, None for Parquet (there is only the row).
    Of a CSV row that is broken each line is one, and none of them is read as a row.
    """

    number: int
    raw: bytes | str | None
    record: dict[str, Any] | Unreadable


# From one parsed row to its output rows, without `source_line`; raises Unreadable.
Parse = Callable[[dict[str, Any], ZoneInfo], Sequence[tuple[object, ...]]]


def batches(path: Path, zone: ZoneInfo, table: str, parse: Parse) -> Iterator[Batch]:
    """Read `path` chunk by chunk; a row that `parse` refuses becomes a reject.

    Raises:
        InputError: the file cannot be read at all (missing, damaged gzip or Parquet, a CSV without a header).
    """
    columns = EVENT_COLUMNS if table == "interactions" else STATEMENT_COLUMNS
    lines = read_lines(path)
    while chunk := list(islice(lines, CHUNK_LINES)):
        rows: list[tuple[object, ...]] = []
        rejects: list[tuple[object, ...]] = []
        for line in chunk:
            try:
                if isinstance(line.record, Unreadable):
                    raise line.record
                rows.extend((line.number, *row) for row in parse(line.record, zone))
            except Unreadable as fault:
                rejects.append((line.number, fault.reason, fault.field, fault.detail, _content(line)))
        read = len(chunk)
        del chunk  # or two chunks would be held while the next one is read
        yield Batch(table, _frame(rows, columns), _frame(rejects, REJECT_COLUMNS), read)


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, one at a time, by its name: `.csv[.gz]`, `.parquet`, everything else JSON lines.

    Gzip is recognised by its first bytes, whatever the name.

    Raises:
        InputError: as `batches`.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    with _readable(path):
        if ".parquet" in suffixes:
            yield from _parquet(path)
        else:
            yield from (_csv if ".csv" in suffixes else _json_lines)(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"{path.name}: the gzip file is damaged or cut short ({error}); deliver it again") from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the path and its rights"
        ) from error


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open for reading bytes; works on a pipe too."""
    with path.open("rb") as raw:
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if raw.peek(2)[:2] == b"\x1f\x8b" else raw


def _json_lines(path: Path) -> Iterator[Line]:
    with _open(path) as file:
        for number, raw in enumerate(file, 1):
            if number == 1:
                raw = raw.removeprefix(_BOM)
            if raw.strip():
                yield Line(number, raw, _json_object(raw))


def _json_object(raw: bytes) -> dict[str, Any] | Unreadable:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError:
            return Unreadable("invalid_utf8", None, "the line is not UTF-8; write the file in that encoding")
        # The position helps; orjson's message never quotes the line.
        return Unreadable("broken_json", None, f"the line is not complete JSON ({error.msg}); write one object a line")
    if not isinstance(record, dict):
        return Unreadable(
            "not_an_object", None, "the line is JSON but no object; write one object a line, no array around"
        )
    return record


class _Tee:
    """Lines of a CSV file, remembering those of the row being read (a quoted field may span several)."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.row, self.number = lines, list[str](), 0

    def __iter__(self) -> "_Tee":
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        self.row.append(line)
        if len(self.row) > MAX_ROW_LINES:
            raise csv.Error(f"a quote is not closed within {MAX_ROW_LINES} lines")
        return line


def _csv(path: Path) -> Iterator[Line]:
    # surrogateescape carries bytes that are no UTF-8 through to the row they stand in.
    with _open(path) as file, io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as decoded:
        tee = _Tee(iter(decoded))
        rows = csv.reader(tee, strict=True)
        try:
            header = [column.strip() for column in next(rows, [])]
        except csv.Error as error:
            raise InputError(f"{path.name}: the header line is broken ({error}); write plain column names") from error
        if not all(header) or len(set(header)) < len(header):
            raise InputError(
                f"{path.name}: a column has no name, or two have the same; name each column once in line 1"
            )
        while True:
            number = tee.number + 1
            tee.row.clear()
            record: dict[str, Any] | Unreadable
            try:
                row = next(rows)
                if not row:
                    continue
                record = _csv_record(header, row)
            except StopIteration:
                return
            except csv.Error as error:
                # Each line for itself and none as a row: some may be whole, but some may be what a customer wrote between quotes.
                yield from _broken(number, tee.row, error)
                continue
            yield Line(number, "".join(tee.row), record)


def _broken(number: int, lines: list[str], error: csv.Error) -> Iterator[Line]:
    advice = "double quotes inside quotes, close each quote"
    if "field limit" in str(error):
        advice = "a field is longer than 131,072 characters; deliver such texts as JSON lines"
    for at, line in enumerate(lines):
        where = (
            "no CSV row begins here" if not at else f"the row begun on line {number}, which is broken, holds this line"
        )
        yield Line(number + at, line, Unreadable("broken_csv", None, f"{where} ({error}); {advice}"))


def _csv_record(header: list[str], row: list[str]) -> dict[str, Any] | Unreadable:
    if len(row) != len(header):
        return Unreadable(
            "broken_csv", None, f"{len(row)} fields under {len(header)} columns; quote fields with commas"
        )
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return Unreadable("invalid_utf8", None, "the line is not UTF-8; write the file in that encoding")
    return {column: value for column, value in zip(header, row, strict=True) if not is_missing(value)}


def _parquet(path: Path) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                raise InputError(f"{path.name}: two columns have the same name; name each column once")
            number = 0
            for batch in file.iter_batches(batch_size=CHUNK_LINES):
                for record in batch.to_pylist(maps_as_pydicts="lossy"):
                    number += 1
                    yield Line(number, None, {name: value for name, value in record.items() if not is_missing(value)})
    except (pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise InputError(f"{path.name}: not a readable Parquet file ({error}); deliver it again") from error


def _content(line: Line) -> str:
    # A parsed row by its columns' names: only so can whoever keeps it tell which of its values identify someone.
    raw = line.raw
    if isinstance(line.record, dict) and not isinstance(raw, bytes):
        try:
            raw = dumps(line.record)
        except Unreadable:
            raw = ""
    if not isinstance(raw, bytes):
        raw = str(raw).encode(errors="surrogateescape")
    # A character is at most four bytes: cutting first keeps a monstrous line cheap.
    return raw[: 4 * CONTENT_CHARACTERS].decode(errors="replace").rstrip("\r\n")[:CONTENT_CHARACTERS]


def _frame(rows: list[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame({name: _column(name, column) for name, column in zip(columns, values, strict=True)})


def _column(name: str, values: Sequence[Any]) -> pd.Series:
    if name == "source_line":
        return pd.Series(values, dtype="int64")
    if name in _FLOATS:
        return pd.Series(values, dtype="float64")
    if name in _TIMES:
        moments = np.array(
            [np.datetime64("NaT") if value is None else value for value in values], dtype="datetime64[us]"
        )
        return pd.Series(moments).dt.tz_localize("UTC")
    return pd.Series(values, dtype="object")
