"""Rows of the lake's tables: frames checked against their schema, their fingerprint, and filters of them."""

import functools
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from profiling import schemas
from profiling.errors import ProfilingError
from profiling.schemas import Table

Filter = tuple[str, str, Any]
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def to_arrow(frame: pd.DataFrame, table: Table, is_unique: bool = True) -> pa.Table:
    """A frame as rows of a table, sorted by its key. What is only staged may still repeat a key.

    Raises:
        ProfilingError: columns are missing or unknown, a type does not fit, a required value is null, or a key repeats.
    """
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
    ordered = frame.sort_values(list(table.key), ignore_index=True)[table.names]
    try:
        rows = pa.Table.from_pandas(ordered, schema=table.arrow, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ProfilingError(f"{table.name}: a value does not fit its column: {error}") from error
    return rows.replace_schema_metadata(None)


def checked(frame: pd.DataFrame | pa.Table, table: Table) -> pa.Table:
    """Rows of a table: what `to_arrow` has made of a frame already, or makes of it now."""
    return frame if isinstance(frame, pa.Table) else to_arrow(frame, table)


def fingerprint(frames: Mapping[str, pd.DataFrame | pa.Table]) -> str:
    """SHA-256 over the sorted rows of some frames, by table name: equal content, equal fingerprint."""
    digest = hashlib.sha256()
    for name in sorted(frames):
        rows = checked(frames[name], schemas.TABLES[name]).combine_chunks()
        sink = _Hashed()
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), rows.schema) as writer:
            writer.write_table(rows)
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
