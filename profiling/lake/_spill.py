"""Rows set aside on disk while a day is read, and rows so set aside as rows of a table."""

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa

from profiling.errors import ProfilingError
from profiling.lake._rows import Rows, piece_rows, to_batches
from profiling.schemas import Table

SPILL_ROWS = 2048  # of a batch in the file; of texts with their vectors 4 MB
CONVERTED_ROWS = 4096  # at a time; divides the rows of a piece. Evidence as Python objects takes five times its size


class Spill:
    """Frames of one table in a temporary file, compressed, until all of a day are there.

    A day is read in small batches. Kept as frames they would lie scattered among what making them has freed: of a million rows
    nearly twice their size stays in use. The file has no name and is gone with the object or the process.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the object
        self._close = weakref.finalize(self, self._file.close)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer: pa.RecordBatchWriter | None = pa.ipc.new_file(
            pa.PythonFile(self._file, mode="w"), schema, options=options
        )
        self._ends: list[int] = []  # by batch, the rows up to its end
        self._held: tuple[int, tuple[str, ...], pa.Table] | None = None

    def __enter__(self) -> "Spill":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def ends(self) -> np.ndarray:
        """By batch, the number of rows up to its end."""
        return np.array(self._ends, dtype=np.int64)

    def add(self, rows: pd.DataFrame | pa.Table) -> None:
        """Append the schema's columns of a frame.

        Raises:
            ProfilingError: a value does not fit its column, or one is missing where none may.
        """
        assert self._writer is not None, "it has been read"
        if not isinstance(rows, pa.Table):
            try:
                rows = pa.Table.from_pandas(rows, schema=self.schema, preserve_index=False)
            except (ValueError, pa.ArrowTypeError) as error:
                raise ProfilingError(f"a value does not fit its column: {error}") from error
        for batch in rows.replace_schema_metadata(None).to_batches(max_chunksize=SPILL_ROWS):
            if len(batch):
                self._writer.write_batch(batch)
                self._ends.append(len(self) + len(batch))

    def frame(self) -> pd.DataFrame:
        """All that was added, in that order; nothing can be added any more."""
        with self._reader(self.schema.names) as reader:
            rows = reader.read_all()
        found = rows.to_pandas(split_blocks=True, self_destruct=True)
        del rows
        pa.default_memory_pool().release_unused()
        return found

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All that was added, or some columns of it, batch after batch; nothing can be added any more."""
        with self._reader(self.schema.names if names is None else names) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)

    def batch(self, number: int, names: Sequence[str]) -> pa.Table:
        """Some columns of one batch; the one asked for last is at hand."""
        held = self._held
        if held is None or held[:2] != (number, tuple(names)):
            with self._reader(names) as reader:
                held = self._held = number, tuple(names), pa.Table.from_batches([reader.get_batch(number)])
        return held[2]

    def _reader(self, names: Sequence[str]) -> pa.RecordBatchFileReader:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        fields = [self.schema.get_field_index(name) for name in names]
        self._file.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        return pa.ipc.open_file(pa.PythonFile(self._file, mode="r"), options=options)


class SpilledRows(Rows):
    """Rows of a table that lie in spills, sorted by its key; in memory are the key and a piece at a time.

    Quick where every spill is nearly sorted; right in any case.

    Raises:
        ProfilingError: a key repeats.
    """

    def __init__(self, spills: Sequence[Spill], table: Table) -> None:
        self.table, self._spills = table, list(spills)
        part = np.repeat(np.arange(len(self._spills)), [len(spill) for spill in self._spills])
        row = np.concatenate([np.arange(len(spill)) for spill in self._spills] or [np.zeros(0, dtype=np.int64)])
        self._part, self._row = part, row
        key = self.columns(list(table.key))
        if repeated := int(key.duplicated().sum()):
            raise ProfilingError(f"{table.name}: {repeated} rows repeat the key {table.key}")
        order = key.sort_values(list(table.key)).index.to_numpy()
        self._part, self._row = part[order], row[order]

    def __len__(self) -> int:
        return len(self._part)

    def where(self, is_kept: np.ndarray) -> "SpilledRows":
        """The rows for which a mask, in their order, is true."""
        found = object.__new__(SpilledRows)
        found.table, found._spills = self.table, self._spills
        found._part, found._row = self._part[is_kept], self._row[is_kept]
        return found

    def columns(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of all rows, in order."""
        tables = [pa.Table.from_batches(spill.batches(names), self._of(spill, names)) for spill in self._spills]
        whole = pa.concat_tables([each.select(list(names)) for each in tables]) if tables else None
        if whole is None:
            return self.schema.empty_table().select(list(names)).to_pandas()
        starts = np.cumsum([0, *(len(spill) for spill in self._spills)])[:-1]
        return whole.take(pa.array(starts[self._part] + self._row)).to_pandas()

    def frames(self, names: Sequence[str] | None = None, rows: int | None = None) -> Iterator[pd.DataFrame]:
        """The rows in order, or some columns of them, a piece at a time; `rows` where it shall be smaller than usual."""
        for piece in self._tables(self.table.names if names is None else list(names), rows):
            yield piece.to_pandas()

    def pieces(self) -> Iterator[pa.RecordBatch]:
        # By way of pandas, as a frame's rows: what stands under a null is the same then, and so is the fingerprint.
        size = piece_rows(self.table)
        made: list[pa.RecordBatch] = []
        for frame in self.frames(rows=min(size, CONVERTED_ROWS)):
            made += to_batches(frame, self.table)
            if sum(map(len, made)) >= size:
                yield from pa.Table.from_batches(made).combine_chunks().to_batches()
                made = []
        if made:
            yield from pa.Table.from_batches(made).combine_chunks().to_batches()

    def _tables(self, names: Sequence[str], rows: int | None = None) -> Iterator[pa.Table]:
        size = rows or piece_rows(self.table)
        for start in range(0, len(self), size):
            yield self._gathered(self._part[start : start + size], self._row[start : start + size], names)

    def partitions(self, column: str) -> set[str]:
        return set(self.columns([column])[column].unique())

    def _gathered(self, part: np.ndarray, row: np.ndarray, names: Sequence[str]) -> pa.Table:
        found, places = [], []
        for number in np.unique(part):
            spill, at = self._spills[number], np.flatnonzero(part == number)
            ends = spill.ends
            batch_of = np.searchsorted(ends, row[at], side="right")
            for batch in np.unique(batch_of):
                here = at[batch_of == batch]
                rows = spill.batch(int(batch), names)
                found.append(rows.take(pa.array(row[here] - (ends[batch] - len(rows)))).select(list(names)))
                places.append(here)
        order = np.concatenate(places)
        whole = pa.concat_tables(found)
        return whole if (np.diff(order) > 0).all() else whole.take(pa.array(np.argsort(order)))

    @staticmethod
    def _of(spill: Spill, names: Sequence[str]) -> pa.Schema:
        return pa.schema([field for field in spill.schema if field.name in names])
