"""Rows set aside on disk while a day is read."""

import tempfile
from types import TracebackType

import pandas as pd
import pyarrow as pa


class Spill:
    """Frames of one table in a temporary file, compressed, until all of a day are there.

    A day is read in small batches. Kept as frames they would lie scattered among what making them has freed: of a million rows
    nearly twice their size stays in use. The file has no name and is gone with the process.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by __exit__
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), schema, options=options)

    def __enter__(self) -> "Spill":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, frame: pd.DataFrame) -> None:
        """Append the schema's columns of a frame."""
        if len(frame):
            self._writer.write_table(pa.Table.from_pandas(frame, schema=self._schema, preserve_index=False))

    def frame(self) -> pd.DataFrame:
        """All that was added, in that order; nothing can be added any more."""
        self._writer.close()
        self._file.seek(0)
        with pa.ipc.open_stream(pa.PythonFile(self._file, mode="r")) as reader:
            rows = reader.read_all()
        found = rows.to_pandas(split_blocks=True, self_destruct=True)
        del rows
        pa.default_memory_pool().release_unused()
        return found
