"""Rows of the lake's tables: frames checked against their schema, their fingerprint, and filters of them."""

import functools
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from profiling import schemas
from profiling.errors import ProfilingError
from profiling.schemas import Table

Filter = tuple[str, str, Any]
PIECE_ROWS = 65_536
_VECTOR_PIECE_ROWS = 4_096  # of rows with a vector: 10 MB as Arrow, and as objects three times that
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Rows:
    """A frame as rows of a table: checked against its schema, sorted by its key, handed out in pieces of `piece_rows` rows.

    Beside the frame only a piece at a time is in memory. What is only staged may still repeat a key.

    Raises:
        ProfilingError: columns are missing or unknown, a required value is null, or a key repeats; from `pieces`, when a type
            does not fit.
    """

    def __init__(self, frame: pd.DataFrame, table: Table, is_unique: bool = True) -> None:
        missing = sorted(set(table.names) - set(frame.columns))
        unknown = sorted(set(frame.columns) - set(table.names))
        if missing or unknown:
            raise ProfilingError(f"{table.name}: missing columns {missing}, unknown columns {unknown}")
        repeated = frame.duplicated(list(table.key))
        if is_unique and repeated.any():
            raise ProfilingError(f"{table.name}: {int(repeated.sum())} rows repeat the key {table.key}")
        for column in table.columns:
            if not column.is_nullable and (nulls := int(frame[column.name].isna().sum())):
                raise ProfilingError(f"{table.name}.{column.name}: {nulls} nulls, none allowed")
        self.table = table
        self._frame = frame
        key = frame[list(table.key)].reset_index(drop=True)
        self._order = key.sort_values(list(table.key)).index.to_numpy()

    def __len__(self) -> int:
        return len(self._frame)

    def pieces(self) -> Iterator[pa.RecordBatch]:
        """The rows in order; always the same pieces of the same content."""
        size = piece_rows(self.table)
        for start in range(0, len(self), size):
            yield from to_batches(self._frame.iloc[self._order[start : start + size]][self.table.names], self.table)

    @property
    def schema(self) -> pa.Schema:
        return self.table.arrow

    def partitions(self, column: str) -> set[str]:
        """The values of the column by which the table is split."""
        return set(self._frame[column].unique())


def piece_rows(table: Table) -> int:
    """How many rows of a table are handed out, hashed and written at a time."""
    has_vectors = any(pa.types.is_list(c.type) and pa.types.is_floating(c.type.value_type) for c in table.columns)
    return _VECTOR_PIECE_ROWS if has_vectors else PIECE_ROWS


def to_batches(piece: pd.DataFrame, table: Table) -> list[pa.RecordBatch]:
    """One piece as Arrow.

    Raises:
        ProfilingError: a type does not fit.
    """
    try:
        rows = pa.Table.from_pandas(piece, schema=table.arrow, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ProfilingError(f"{table.name}: a value does not fit its column: {error}") from error
    found: list[pa.RecordBatch] = rows.replace_schema_metadata(None).combine_chunks().to_batches()
    return found


def to_arrow(frame: pd.DataFrame, table: Table, is_unique: bool = True) -> pa.Table:
    """A frame as rows of a table, whole: see `Rows`."""
    return pa.Table.from_batches(Rows(frame, table, is_unique).pieces(), table.arrow)


def fingerprint(frames: Mapping[str, pd.DataFrame | Rows]) -> str:
    """SHA-256 over the sorted rows of some frames, by table name: equal content, equal fingerprint."""
    digest = hashlib.sha256()
    for name in sorted(frames):
        frame = frames[name]
        rows = frame if isinstance(frame, Rows) else Rows(frame, schemas.TABLES[name])
        sink = _Hashed()
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), rows.schema) as writer:
            for piece in rows.pieces():
                writer.write_batch(piece)
        digest.update(name.encode() + b"\0" + sink.digest.digest())
    return digest.hexdigest()


class _Hashed(io.RawIOBase):
    """A file that keeps nothing of what is written but its SHA-256: a day's rows need not stand in memory once more."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.digest.update(content)
        return len(memoryview(content))


def expression(*any_of: Sequence[Filter]) -> Any | None:
    """Rows that satisfy all filters of one of the lists; None where a list asks for nothing."""
    import pyarrow.dataset as ds

    def part(column: str, operator: str, value: Any) -> Any:
        left = ds.field(column)
        return _is_in(left, list(value)) if operator == "in" else _OPERATORS[operator](left, value)

    if not all(any_of):
        return None
    alls = [functools.reduce(lambda left, right: left & right, (part(*each) for each in filters)) for filters in any_of]
    return functools.reduce(lambda left, right: left | right, alls)


def satisfies(rows: pd.DataFrame, any_of: Iterable[Sequence[Filter]]) -> pd.Series:
    """The same as `expression`, of a frame."""
    found = pd.Series(False, index=rows.index)
    for filters in any_of:
        of_all = pd.Series(True, index=rows.index)
        for column, operator, value in filters:
            of_all &= rows[column].isin(list(value)) if operator == "in" else _OPERATORS[operator](rows[column], value)
        found |= of_all
    return found


def _is_in(field: Any, values: list[Any]) -> Any:
    import pyarrow.compute as pc

    return field.isin(values) if values else pc.scalar(False)  # Arrow cannot tell the type of no values
