"""From a file to batches, the same for every form: JSON lines, CSV, columns between blanks, or Parquet; a chunk at a time.

Lines and rows are numbered from 1 as they stand in the file (a CSV row by its first line, the header is line 1; a
Parquet row by its position; in a zip archive the numbers go on from member to member). Blank lines hold nothing: they keep
their number, and count as neither read nor rejected. A last line without its line end is a line like any other.
"""

import csv
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd

from profiling.collect import EVENT_COLUMNS, REJECT_COLUMNS, STATEMENT_COLUMNS, Batch
from profiling.collect._unpack import members, readable
from profiling.collect._values import Unreadable, dumps, is_missing, too_deep
from profiling.collect.drift import seen
from profiling.errors import InputError

CHUNK_LINES = 20_000
CHUNK_BYTES = 32 * 2**20  # a chunk ends here too: 20,000 lines of two megabytes would fill the memory
PARQUET_ROWS = 2_000
MAX_LINE = 16 * 2**20  # bytes (of CSV characters); a file without line ends would otherwise be held whole
MAX_ROW_LINES = 1_000  # of one CSV row; a quote that is never closed would otherwise swallow the file
MAX_ROW_CHARACTERS = 131_072  # of a CSV row of several lines, for the same reason
CONTENT_CHARACTERS = 2_000
csv.field_size_limit(MAX_LINE)  # of the whole process; the limits above are narrower where it matters
_FLOATS = ("rating", "quantity", "amount")
_TIMES = ("occurred_at", "stated_at")
_NO_TIME = np.iinfo("int64").min  # NaT


class Line(NamedTuple):
    """One line or row: its number, what stands there, and the parsed row, or why it cannot be parsed.

    `raw` is the line's bytes with its line end for JSON lines, text for CSV, columns and mail, None for Parquet (there is
    only the row). Of a CSV row that is broken each line is one, and none of them is read as a row.
    """

    number: int
    raw: bytes | str | None
    record: dict[str, Any] | Unreadable


# From one parsed row to its output rows, without `source_line`; raises Unreadable.
Parse = Callable[[dict[str, Any], ZoneInfo], Sequence[tuple[object, ...]]]


# From many parsed rows to their columns, without `source_line`, and which rows `Parse` has to read; see `_columns`.
ParseColumns = Callable[[Sequence[dict[str, Any]], ZoneInfo], tuple[dict[str, list[Any]], set[int]]]

# From the words of a line to its row, for files of columns between blanks; None: a header, which is no row.
Plain = Callable[[list[str]], dict[str, Any] | None]


def batches(
    path: Path,
    zone: ZoneInfo,
    table: str,
    parse: Parse,
    lines: Callable[[Path], Iterator[Line]] | None = None,
    columns: ParseColumns | None = None,
) -> Iterator[Batch]:
    """Read `path` chunk by chunk; a row that `parse` refuses becomes a reject. `lines` reads it, or else `read_lines`;
    `columns` is the quick way for forms of one row a line, which leaves the odd rows to `parse`.

    Raises:
        InputError: the file cannot be read at all (missing, damaged gzip, zip or Parquet, a CSV without a header).
    """
    names = EVENT_COLUMNS if table == "interactions" else STATEMENT_COLUMNS
    for chunk in _chunks((lines or read_lines)(path)):
        records = [line.record for line in chunk if isinstance(line.record, dict)]
        columns_seen = seen(records)
        if columns:
            good, left = _by_columns(chunk, records, columns, zone, names)
        else:
            good, left = pd.DataFrame(), chunk
        rows, rejects = _by_rows(left, parse, zone)
        read = len(chunk)
        chunk, records, left = [], [], []  # or two chunks would be held while the next one is read
        frames = [frame for frame in (good, _frame(rows, names)) if len(frame)] or [_frame([], names)]
        frame = (
            frames[0]
            if len(frames) == 1
            else pd.concat(frames, ignore_index=True).sort_values("source_line", kind="stable")
        )
        yield Batch(table, frame.reset_index(drop=True), _frame(rejects, REJECT_COLUMNS), read, columns_seen)


Rows = list[tuple[object, ...]]


def _by_columns(
    chunk: list[Line], records: list[dict[str, Any]], columns: ParseColumns, zone: ZoneInfo, names: Sequence[str]
) -> tuple[pd.DataFrame, list[Line]]:
    """The rows that `columns` reads, and the lines that are left for the form's own parser."""
    parsed = [line for line in chunk if isinstance(line.record, dict)]
    values, odd = columns(records, zone)
    values["source_line"] = [line.number for line in parsed]
    if odd:
        is_kept = [row not in odd for row in range(len(parsed))]
        values = {name: list(compress(column, is_kept)) for name, column in values.items()}
    left = [line for line in chunk if not isinstance(line.record, dict)] + [parsed[row] for row in sorted(odd)]
    frame = pd.DataFrame({name: _column(name, values[name]) for name in names})
    return frame, sorted(left, key=lambda line: line.number)


def _by_rows(lines: list[Line], parse: Parse, zone: ZoneInfo) -> tuple[Rows, Rows]:
    """Rows and rejects of some lines, one by one."""
    rows: Rows = []
    rejects: Rows = []
    for line in lines:
        try:
            if isinstance(line.record, Unreadable):
                raise line.record
            rows.extend((line.number, *row) for row in parse(line.record, zone))
        except Unreadable as fault:
            rejects.append((line.number, fault.reason, fault.field, fault.detail, _content(line)))
    return rows, rejects


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.raw or "")
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def read_lines(path: Path, plain: Plain | None = None) -> Iterator[Line]:
    """The lines of a file, one at a time, by its name: `.csv`, `.parquet`, `.json`, `.jsonl`, `.ndjson`; what has none of
    these is read by `plain` where the form has columns between blanks, and as JSON lines elsewhere.

    Raises:
        InputError: as `batches`.
    """
    with readable(path):
        if ".parquet" in suffixes(path.name):
            yield from _parquet(path)
            return
        number = 0
        for name, stream in members(path):
            found = suffixes(name) or suffixes(path.name)
            if ".parquet" in found:
                raise InputError(f"{path.name}: holds a Parquet file; deliver it as it is, it is packed already")
            if ".csv" in found:
                number = yield from _csv(stream, number, path.name)
            elif plain and not found:
                number = yield from _plain_lines(stream, number, plain)
            else:
                number = yield from _json_lines(stream, number)


def suffixes(name: str) -> set[str]:
    """The endings of a file's name that say how its lines are read, in lower case."""
    return {suffix.lower() for suffix in Path(name).suffixes} & {".csv", ".parquet", ".json", ".jsonl", ".ndjson"}


def bounded(stream: Any) -> Iterator[Any]:
    """The lines of a stream of bytes or text; of a line longer than MAX_LINE one piece that is longer than that."""
    while line := stream.readline(MAX_LINE + 1):
        piece = line
        while len(piece) > MAX_LINE and piece[-1:] not in (b"\n", "\n"):
            piece = stream.readline(MAX_LINE + 1)
        yield line


def too_long(what: str = "line") -> Unreadable:
    return Unreadable(
        "line_too_long", None, f"the {what} is longer than {MAX_LINE >> 20} MB; one row a line, or cut its text"
    )


def not_utf8() -> Unreadable:
    return Unreadable("invalid_utf8", None, "the line is not UTF-8; write the file in that encoding")


def _json_lines(stream: BinaryIO, number: int) -> Generator[Line, None, int]:
    for raw in bounded(stream):
        number += 1
        if len(raw) > MAX_LINE:
            yield Line(number, raw[: 4 * CONTENT_CHARACTERS], too_long())
        elif raw.strip():
            yield Line(number, raw, _json_object(raw))
    return number


def _plain_lines(stream: BinaryIO, number: int, plain: Plain) -> Generator[Line, None, int]:
    for raw in bounded(stream):
        number += 1
        text = raw[: 4 * CONTENT_CHARACTERS].decode(errors="replace")
        if len(raw) > MAX_LINE:
            yield Line(number, text, too_long())
        elif words := raw.split():
            try:
                record = plain([word.decode() for word in words])
                if record is not None:
                    yield Line(number, text, record)
            except UnicodeDecodeError:
                yield Line(number, text, not_utf8())
            except Unreadable as fault:
                yield Line(number, text, fault)
    return number


def _json_object(raw: bytes) -> dict[str, Any] | Unreadable:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError:
            return not_utf8()
        if "depth" in error.msg:  # orjson: "depth limit exceeded", at 1,024 levels
            return too_deep()
        # The position helps; orjson's message never quotes the line.
        return Unreadable("broken_json", None, f"the line is not complete JSON ({error.msg}); write one object a line")
    if not isinstance(record, dict):
        return Unreadable(
            "not_an_object", None, "the line is JSON but no object; write one object a line, no array around"
        )
    return record


class _Tee:
    """Lines of a CSV file, remembering those of the row being read (a quoted field may span several)."""

    def __init__(self, lines: Iterator[str], number: int) -> None:
        self.lines, self.row, self.number, self.size = lines, list[str](), number, 0

    def __iter__(self) -> "_Tee":
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        self.row.append(line)
        self.size += len(line)
        if len(line) > MAX_LINE:
            raise csv.Error(f"the line is longer than {MAX_LINE} characters")
        if len(self.row) > MAX_ROW_LINES or (len(self.row) > 1 and self.size > MAX_ROW_CHARACTERS):
            raise csv.Error(f"a quote is not closed within {MAX_ROW_LINES} lines or {MAX_ROW_CHARACTERS} characters")
        return line

    def clear(self) -> None:
        """Another row begins."""
        self.row.clear()
        self.size = 0


def _csv(stream: BinaryIO, number: int, file: str) -> Generator[Line, None, int]:
    # surrogateescape carries bytes that are no UTF-8 through to the row they stand in.
    with io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="") as decoded:
        lines = bounded(decoded)
        first = next(lines, "")
        tee = _Tee(chain([first], lines) if first else lines, number)
        rows = csv.reader(tee, strict=True, delimiter=_delimiter(first))
        try:
            header = [column.strip() for column in next(rows, [])]
            "".join(header).encode()
        except (csv.Error, UnicodeEncodeError) as error:
            raise InputError(f"{file}: the header line is broken ({error}); write plain column names") from error
        if not all(header) or len(set(header)) < len(header):
            raise InputError(f"{file}: a column has no name, or two have the same; name each column once in line 1")
        while True:
            number = tee.number + 1
            tee.clear()
            record: dict[str, Any] | Unreadable
            try:
                row = next(rows)
                if len(row) <= 1 and not "".join(row).strip():
                    continue
                record = _csv_record(header, row)
            except StopIteration:
                return tee.number
            except csv.Error as error:
                # Each line for itself and none as a row: some may be whole, but some may be what a customer wrote between quotes.
                yield from _broken(number, tee.row, error)
                continue
            yield Line(number, "".join(tee.row), record)


def _delimiter(header: str) -> str:
    """What stands most often in the header line: spreadsheets also write semicolons and tabs."""
    return max(",;\t", key=header.count)


def _broken(number: int, lines: list[str], error: csv.Error) -> Iterator[Line]:
    advice = "double quotes inside quotes, close each quote"
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
        return not_utf8()
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
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                for record in batch.to_pylist(maps_as_pydicts="lossy"):
                    number += 1
                    said = {name: value for name, value in record.items() if not is_missing(value)}
                    if said:  # a row of nulls is a blank line
                        yield Line(number, None, said)
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
        if None in values:
            values = [_NO_TIME if value is None else value for value in values]
        moments = np.array(values, dtype="int64").view("datetime64[us]")
        return pd.Series(moments).dt.tz_localize("UTC")
    return pd.Series(values, dtype="object")
