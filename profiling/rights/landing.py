"""A person's lines in the landing area: found by their identifiers, and blanked, so that every other line keeps its number."""

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from profiling.collect import collector
from profiling.collect._unpack import members, readable
from profiling.collect.area import Area, File
from profiling.collect.drops import Drop
from profiling.errors import InputError
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import Rules

SHORTEST = (
    4  # characters of an identifier that are sought in a line that cannot be parsed; a shorter one stands in too many
)


@dataclass
class Lines:
    """Of one file: the numbers at which rows begin, and which of the rows are the person's."""

    drop: Drop
    file: File
    theirs: set[int] = field(default_factory=set)
    starts: set[int] = field(default_factory=set)
    rejected: dict[int, str] = field(default_factory=dict)


def find(drops: Iterable[Drop], identities: set[str], key: bytes, rules: Rules, zone: ZoneInfo) -> list[Lines]:
    """Files that hold lines of a person: rows with one of the identifiers, and rejected lines in which one is spelled out.

    Raises:
        InputError: a file cannot be read, so nobody can say whether the person is in it.
    """
    found, values = [], set[str]()
    known: dict[tuple[str, str], bool] = {}

    def is_theirs(pairs: Any) -> bool:
        is_sought = False
        for kind, value in pairs:
            if (kind, value) not in known:
                known[kind, value] = identity_id(key, kind, value, rules) in identities
            if known[kind, value]:
                values.add(value)
                is_sought = True
        return is_sought

    for drop in drops:
        if drop.source.form == "catalogue":  # of items, not of people
            continue
        for file in drop.files:
            lines = Lines(drop, file)
            with file.local() as path:
                batches = list(collector(drop.source.form)(path, zone))
            for batch in batches:
                numbers = batch.rows["source_line"].tolist()
                theirs = [is_theirs(pairs) for pairs in batch.rows["identifiers"]]
                lines.theirs |= {number for number, own in zip(numbers, theirs, strict=True) if own}
                lines.starts |= {*numbers, *batch.rejects["source_line"].tolist()}
                lines.rejected |= dict(zip(batch.rejects["source_line"], batch.rejects["content"], strict=True))
            found.append(lines)
    spelled = _spelled_out(values)
    for lines in found:
        lines.theirs |= {n for n, content in lines.rejected.items() if isinstance(content, str) and spelled(content)}
    return [lines for lines in found if lines.theirs]


def _spelled_out(values: set[str]) -> Callable[[str], bool]:
    sought = sorted(re.escape(value) for value in values if len(value) >= SHORTEST)
    if not sought:
        return lambda content: False
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(sought)})(?!\w)", re.IGNORECASE)
    return lambda content: pattern.search(content) is not None


def blank(lines: Lines, area: Area) -> None:
    """Write the file anew with the person's lines empty, packed as it was, text as UTF-8; either file is there, whole."""
    place = (lines.drop.source.name, lines.drop.day, lines.file.name)
    with lines.file.local() as path, area.scratch("erasing") as folder:
        folder.mkdir(parents=True)
        beside = folder / path.name
        if ".parquet" in {suffix.lower() for suffix in path.suffixes}:
            _blank_rows(path, beside, lines.theirs)
        else:
            _blank_lines(path, beside, lines)
        area.move_in(beside, *place)


def _blank_lines(path: Path, beside: Path, lines: Lines) -> None:
    with path.open("rb") as raw:
        start = raw.read(4)
    is_blank = _Blanking(lines.theirs, lines.starts)
    with readable(path):
        if start.startswith(b"PK"):
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, stream in members(path):
                    with archive.open(zipfile.ZipInfo(name), "w") as out:
                        _copy(stream, out, name, lines, is_blank)
            return
        with beside.open("wb") as plain:
            packing = (
                gzip.GzipFile(filename="", mode="wb", mtime=0, fileobj=plain) if start[:2] == b"\x1f\x8b" else plain
            )
            for name, stream in members(path):
                _copy(stream, packing, name, lines, is_blank)
            if packing is not plain:
                packing.close()


class _Blanking:
    """Whether the next line is to be blanked: from a row of the person to where the next row begins."""

    def __init__(self, theirs: set[int], starts: set[int]) -> None:
        self.theirs, self.starts = theirs, starts
        self.number, self.is_on = 0, False

    def next(self) -> bool:
        self.number += 1
        if self.number in self.starts or self.number in self.theirs:
            self.is_on = self.number in self.theirs
        return self.is_on

    def end(self) -> None:
        """A member of an archive ends: what follows is another file's header."""
        self.is_on = False


def _copy(stream: BinaryIO, out: Any, name: str, lines: Lines, blanking: _Blanking) -> None:
    for line in _split(stream, ".csv" in f"{name} {lines.file.name}".lower()):
        out.write(_line_end(line) if blanking.next() else line)
    blanking.end()


def _split(stream: BinaryIO, is_csv: bool) -> Iterator[bytes]:
    """Lines as the collectors count them: CSV also ends one at a carriage return that stands alone."""
    if not is_csv:
        yield from stream
        return
    with io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="") as decoded:
        for line in decoded:
            yield line.encode("utf-8", "surrogateescape")


def _line_end(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def _blank_rows(file: Path, beside: Path, theirs: set[int]) -> None:
    """A row of nulls is to Parquet what a blank line is to text."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as source:
            schema = pa.schema([field.with_nullable(True) for field in source.schema_arrow])
            with pq.ParquetWriter(beside, schema) as writer:
                number = 0
                for batch in source.iter_batches():
                    keeps = pa.array([number + at not in theirs for at in range(1, batch.num_rows + 1)])
                    number += batch.num_rows
                    columns = [pc.if_else(keeps, column, pa.scalar(None, column.type)) for column in batch.columns]
                    writer.write_table(pa.table(columns, schema=schema))
    except pa.ArrowException as error:
        raise InputError(
            f"{file.name}: cannot be written without a person's rows ({error}); deliver it anew"
        ) from error
