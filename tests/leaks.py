"""A search of every byte: whether a word stands anywhere in files, packed or not, in Parquet, SQLite, or as it is."""

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq


def find(roots: Iterable[Path], words: Iterable[str], without: Iterable[Path] = ()) -> list[str]:
    """`file: word` for every file under the roots that holds one of the words, in bytes or in what it unpacks to."""
    sought = {form for word in words for form in forms(word)}
    left_out = set(without)
    files = [
        file
        for root in roots
        for file in sorted([root] if root.is_file() else root.rglob("*"))
        if file.is_file() and not left_out & {file, *file.parents} and not file.is_symlink()
    ]
    assert files, "nothing was searched"
    return [
        f"{file}: {form!r}"
        for file in files
        for body in [b"\n".join([str(file).encode(), *bodies(file.name, file.read_bytes(), file)])]
        for form in sought
        if form in body
    ]


def forms(word: str) -> set[bytes]:
    """A word as UTF-8, as UTF-16, and as JSON writes it in ASCII."""
    return {word.encode(), word.encode("utf-16-le"), json.dumps(word)[1:-1].encode()}


def bodies(name: str, raw: bytes, file: Path | None = None) -> Iterator[bytes]:
    """The bytes of a file, and those it unpacks to."""
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield from bodies(name.removesuffix(".gz"), gzip.decompress(raw))
    elif raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for member in archive.namelist():
                yield from bodies(member, archive.read(member))
    elif raw[:4] == b"PAR1":
        for column in pq.read_table(io.BytesIO(raw), partitioning=None).columns:
            yield repr(column.to_pylist()).encode()
            yield json.dumps(column.to_pylist(), default=str, ensure_ascii=False).encode()
    elif raw[:15] == b"SQLite format 3" and file is not None:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        yield value if isinstance(value, bytes) else str(value).encode()
