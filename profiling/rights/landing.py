"""A person's lines in the landing area: found by their identifiers, and blanked, so that every other line keeps its number."""

import gzip
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from profiling.collect import collector
from profiling.collect._lines import suffixes
from profiling.collect._unpack import members, readable
from profiling.collect._values import Unreadable, identifiers
from profiling.collect.area import Area, File
from profiling.collect.drops import Drop
from profiling.errors import InputError
from profiling.prepare.identity import identity_id, led
from profiling.prepare.identity_rules import OTHER, Rules
from profiling.rights.suppressions import is_hers

SHORTEST = (
    4  # characters of an identifier that are sought in a line that cannot be parsed; a shorter one stands in too many
)
LONGEST = 320  # characters of what may be an identifier: an address of the longest local part and domain
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_WORD = re.compile(r"[^\s\"'<>,;(){}\[\]|\\]+|[\w.+@-]+")
_NUMBER = re.compile(r"\+?[\d(][\d\s().\-/]{3,}\d")


@dataclass(frozen=True)
class Person:
    """Who is sought: their identities, which of these somebody else has too, and the spellings that pseudonyms were made of;
    the first one is that of now."""

    identities: frozenset[str]
    shared: frozenset[str]
    key: bytes
    spellings: Sequence[Rules]


@dataclass
class Lines:
    """Of one file: the numbers at which rows begin, and which of the rows are the person's."""

    drop: Drop
    file: File
    theirs: set[int] = field(default_factory=set)
    starts: set[int] = field(default_factory=set)
    rejected: dict[int, str] = field(default_factory=dict)


def find(drops: Iterable[Drop], person: Person, zone: ZoneInfo) -> list[Lines]:
    """Files that hold lines of a person: their rows (`suppressions.is_hers`), and rejected lines that spell out an identifier.

    Raises:
        InputError: a file cannot be read, so nobody can say whether the person is in it.
    """
    found, sought = [], _Sought(person)
    for drop in drops:
        if drop.source.form == "catalogue":  # of items, not of people
            continue
        for file in drop.files:
            lines = Lines(drop, file)
            with file.local() as path:
                batches = list(collector(drop.source.form)(path, zone))
            for batch in batches:
                numbers = batch.rows["source_line"].tolist()
                theirs = [sought.is_theirs(pairs) for pairs in batch.rows["identifiers"]]
                lines.theirs |= {number for number, own in zip(numbers, theirs, strict=True) if own}
                lines.starts |= {*numbers, *batch.rejects["source_line"].tolist()}
                lines.rejected |= dict(zip(batch.rejects["source_line"], batch.rejects["content"], strict=True))
            found.append(lines)
    spells = sought.in_rejected()
    for lines in found:
        lines.theirs |= {n for n, content in lines.rejected.items() if isinstance(content, str) and spells(content)}
    return [lines for lines in found if lines.theirs]


class _Sought:
    """A person's identifiers as the rows of the landing area write them, learned row by row."""

    def __init__(self, person: Person) -> None:
        self.person, self.rules = person, person.spellings[0]
        self.known: dict[tuple[str, str], tuple[bool, bool]] = {}

    def is_theirs(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Whether a row of these identifiers is the person's."""
        found = [self._of(*pair) for pair in pairs]
        if not any(is_listed for is_listed, _ in found):
            return False
        ordered = led(list(pairs), self.rules)
        is_listed, is_alone = zip(*(self._of(*pair) for pair in ordered), strict=True)
        return is_hers([kind for kind, _ in ordered], is_listed, is_alone, self.rules)

    def _of(self, kind: str, value: str) -> tuple[bool, bool]:
        """Whether an identifier is the person's, and whether it is nobody else's."""
        if (kind, value) not in self.known:
            ids = {identity_id(self.person.key, kind, value, spelling) for spelling in self.person.spellings}
            is_listed = not ids.isdisjoint(self.person.identities)
            self.known[kind, value] = (is_listed, is_listed and ids.isdisjoint(self.person.shared))
        return self.known[kind, value]

    def in_rejected(self) -> Callable[[str], bool]:
        """Whether a line that was rejected is the person's, by all that the rows have shown."""
        own, common = (
            {pair[1] for pair, of in self.known.items() if of[0] and of[1] == alone} for alone in (True, False)
        )
        spells_own, spells_common = _spelled_out(own), _spelled_out(common)
        kinds = sorted(({*self.rules.types} - {OTHER}) | {kind for kind, _ in self.known})

        def is_theirs(content: str) -> bool:
            texts, pairs = _read(content)
            if pairs and self.is_theirs(pairs):
                return True
            candidates = {each for text in texts for each in _candidates(text)}
            found = {self._of(kind, each) for each in candidates for kind in kinds if _may_be(self.rules, kind, each)}
            if (True, True) in found or any(map(spells_own, texts)):
                return True
            # What somebody else has too makes a line theirs only where it does not say whose it is.
            return not pairs and ((True, False) in found or any(map(spells_common, texts)))

        return is_theirs


def _spelled_out(values: set[str]) -> Callable[[str], bool]:
    sought = sorted(re.escape(value) for value in values if len(value) >= SHORTEST)
    if not sought:
        return lambda content: False
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(sought)})(?!\w)", re.IGNORECASE)
    return lambda content: pattern.search(content) is not None


def _read(content: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The texts of a rejected line with JSON's escapes resolved, and its identifiers where it says them as a row does."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return [content, _unescaped(content)], []
    texts = [content, *(_unescaped(text) for text in _leaves(record))]
    try:
        return texts, identifiers(record) if isinstance(record, dict) else []
    except Unreadable:
        return texts, []


def _unescaped(text: str) -> str:
    halves = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _leaves(value: Any) -> Iterator[str]:
    """The texts and numbers in a JSON document, names of fields too."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None:
        yield str(value)


def _candidates(text: str) -> Iterator[str]:
    """What in a text may be an identifier: the whole, its words, its numbers with what groups their digits."""
    plain = unicodedata.normalize("NFKC", text)
    for found in (
        plain.strip(),
        *_WORD.findall(plain),
        *_WORD.findall(plain.replace(":", " ")),
        *_NUMBER.findall(plain),
    ):
        for each in (found, found.strip(".:!?")):
            if SHORTEST <= len(each) <= LONGEST:
                yield each


def _may_be(rules: Rules, kind: str, text: str) -> bool:
    """Whether looking is worth it: an address has its sign and a number its digits."""
    how = rules.of(kind).normalise
    if how == "email":
        return "@" in text
    return how != "phone" or sum(map(str.isdigit, text)) > SHORTEST


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
    for line in _split(stream, ".csv" in (suffixes(name) or suffixes(lines.file.name))):
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
