"""Delta tables under the lake's URI. Every write replaces one partition atomically, or appends."""

import functools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
from pyarrow import fs

from profiling import schemas
from profiling.errors import NotReady, ProfilingError
from profiling.lake._files import Files
from profiling.lake._rows import Filter, Rows, expression, piece_rows, satisfies, to_arrow
from profiling.schemas import Table

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
ROW_GROUP_ROWS, BATCH_ROWS = 65_536, 16_384
_COMMIT_TRIES = 8
# deltalake's own allocator (jemalloc) keeps what a write has freed for ten seconds, in which the next table is written: of 20,000
# texts 200 MB stay in place of 85. It reads this once, when the library is loaded; a value that is set already stays.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0")
_ENTRY = re.compile(r"\d{20}\.json")


class Tables(Files):
    """The tables of `profiling.schemas`, each a Delta table of its name.

    A table is opened once for an object's life and brought up to date whenever it is used again, which reads only the entries
    of its log written since: every call sees what is committed at its moment, as if it had opened the table anew. An object
    must not outlive its lake: a folder that was deleted and made again is another lake.
    """

    def __init__(self, uri: str, endpoint: str | None = None) -> None:
        super().__init__(uri, endpoint)
        self._opened: dict[str, Any] = {}

    def read(self, name: str, filters: Sequence[Filter] = (), columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of a table that satisfy all filters; an empty frame with its columns where there are none.

        Args:
            filters: (column, operator, value) with one of ==, !=, <, <=, >, >=, in.
        """
        table = schemas.TABLES[name]
        names = list(columns) if columns is not None else table.names
        delta = self._table(table)
        return self._rows(delta, table, filters, names)

    def batches(
        self, name: str, filters: Sequence[Filter], columns: Sequence[str], rows: int
    ) -> Iterator[pd.DataFrame]:
        """What `read` gives, about so many rows at a time; of a partition the rows come as they were written, by their key."""
        table = schemas.TABLES[name]
        delta = self._table(table)
        if delta is None:
            return
        held: list[pa.RecordBatch] = []
        with self._reachable():
            how: dict[str, Any] = {"batch_size": rows, "batch_readahead": 1, "fragment_readahead": 1}
            for batch in self._scanner(delta, table, filters, columns, **how).to_batches():
                held += [batch] if len(batch) else []
                if sum(map(len, held)) >= rows:
                    yield pa.Table.from_batches(held).to_pandas()
                    held = []
            if held:
                yield pa.Table.from_batches(held).to_pandas()

    def read_before(self, name: str, partition: str, most: int) -> pd.DataFrame:
        """The rows of the last `most` partitions before one, in one opening of the table."""
        table = schemas.TABLES[name]
        delta = self._table(table)
        held = [] if delta is None else sorted({str(p[table.partition]) for p in delta.partitions()})
        wanted = [each for each in held if each < partition][-most:]
        if not wanted:
            return table.arrow.empty_table().to_pandas()
        column = str(table.partition)
        return self._rows(delta, table, [(column, ">=", wanted[0]), (column, "<", partition)], table.names)

    def _rows(self, delta: Any | None, table: Table, filters: Sequence[Filter], names: list[str]) -> pd.DataFrame:
        if delta is None:
            return table.arrow.empty_table().select(names).to_pandas()
        with self._reachable():
            return self._scanner(delta, table, filters, names).to_table().to_pandas()

    def _scanner(self, delta: Any, table: Table, filters: Sequence[Filter], names: Sequence[str], **how: Any) -> Any:
        # Files of other partitions are left out first: without that every read would cost what the history holds.
        pruned = [
            (column, "=" if operator == "==" else operator, value)
            for column, operator, value in filters
            if column == table.partition and value != []
        ]
        # The partition's column too: without it deltalake finds no file's place.
        asked = {*names, *(column for column, _, _ in filters), table.partition}
        # Of the columns asked for only: Delta gives every file's least and greatest value of each. A column that came to the
        # schema after this table was made is null.
        schema = pa.schema([column for column in table.arrow if column.name in asked])
        dataset = self._dataset(delta, table, schema=schema, file_pruning_predicate=pruned or None)
        return dataset.scanner(columns=list(names), filter=expression(filters), **how)

    def replace(self, name: str, partition: str, frame: pd.DataFrame | Rows) -> None:
        """Atomically replace one partition of a table by a frame, checked against the table's schema."""
        table = schemas.TABLES[name]
        rows = frame if isinstance(frame, Rows) else Rows(frame, table)
        column = table.partition
        if column is None:
            raise ProfilingError(f"{name} has no partitions; it can only be appended to")
        if not len(rows) and not self._has_partition(table, partition):
            return  # nothing there before, nothing after: no empty commit
        if rows.partitions(column) - {partition}:
            raise ProfilingError(f"{name}: rows of other partitions than {column}={partition}")
        self._write(rows, mode="overwrite", predicate=f"{column} = '{partition}'")

    def append(self, name: str, frame: pd.DataFrame) -> None:
        """Add rows to a table without partitions, checked against the table's schema; what it holds stays."""
        table = schemas.TABLES[name]
        if table.partition is not None:
            raise ProfilingError(f"{name} has partitions; each is replaced whole")
        self._write(Rows(frame, table), mode="append")

    def count(self, name: str, filters: Sequence[Filter]) -> int:
        """How many rows satisfy all filters."""
        return len(self.read(name, filters, [schemas.TABLES[name].key[0]]))

    def delete(self, name: str, *any_of: Sequence[Filter]) -> int:
        """Delete the rows that satisfy all filters of one of the lists, each partition at once; how many there were.

        Partitions are dropped whole where the filters speak of nothing else. In all others the rows are taken out by
        compare-and-set, so that what another writer adds meanwhile is kept, and not by a delete with a predicate: Delta writes
        that, values and all, into its log, and what it writes anew Arrow cannot filter. The files of before stay until `vacuum`
        or `forget`.
        """
        table = schemas.TABLES[name]
        column = table.partition
        if column is None:
            raise ProfilingError(f"{name} has no partitions; nothing of it can be deleted")
        delta = self._table(table)
        if delta is None:
            return 0
        with self._reachable():
            found = self._dataset(delta, table).to_table(columns=[column], filter=expression(*any_of))
        going = found.to_pandas()[column].value_counts()
        if all(named == column for filters in any_of for named, _, _ in filters):
            if len(going):
                self._drop_partitions(table, sorted(going.index))
            return int(going.sum())
        deleted: dict[str, int] = {}

        def without(held: pd.DataFrame, partition: str) -> pd.DataFrame:
            is_going = satisfies(held, any_of)
            deleted[partition] = int(is_going.sum())
            return held[~is_going]

        for partition in sorted(going.index):
            self.update(name, partition, functools.partial(without, partition=partition))
        return sum(deleted.values())

    def _drop_partitions(self, table: Table, partitions: Sequence[str]) -> None:
        named = ", ".join(f"'{partition}'" for partition in partitions)

        def once() -> None:
            delta = self._table(table)
            if delta is not None:
                with self._reachable():
                    delta.delete(f"{table.partition} IN ({named})")

        _with_retries(once, table.name)

    def vacuum(self, name: str) -> None:
        """Remove the files of rows that were replaced or deleted a week ago or earlier: whoever reads them has long ended."""
        delta = self._table(schemas.TABLES[name])
        if delta is not None:
            with self._reachable():
                delta.vacuum(dry_run=False)
            self.remove_empty(name)

    def update(self, name: str, partition: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Replace one partition by `change` of what it holds, by compare-and-set: of two at a time one sees the other's rows.

        `change` may be called again, and must then decide anew.
        """
        from deltalake import write_deltalake

        table = schemas.TABLES[name]
        column = table.partition
        if column is None:
            raise ProfilingError(f"{name} has no partitions; it can only be appended to")

        def once() -> None:
            # Opened for this alone: no other call may bring it up to date between the reading and the writing.
            delta = self._open(table) or self._created(table)
            with self._reachable():
                dataset = self._dataset(delta, table, schema=table.arrow)
                held = dataset.to_table(filter=expression([(column, "==", partition)])).to_pandas()
            rows = to_arrow(change(held[table.names]), table)
            with self._reachable():  # Delta refuses it if the partition was written since `delta` was opened
                how = _new_columns(delta, table)
                write_deltalake(delta, rows, mode="overwrite", predicate=f"{column} = '{partition}'", **how)

        _with_retries(once, table.name)

    def rows_with(self, name: str, values: Mapping[str, Iterable[str]], columns: Sequence[str]) -> pd.DataFrame:
        """The columns of the rows that hold one of the values in one of the columns of `values`."""
        table = schemas.TABLES[name]
        delta = self._table(table)
        if delta is None:
            return table.arrow.empty_table().select(list(columns)).to_pandas()
        wanted = expression(*([(column, "in", listed)] for column, listed in values.items()))
        with self._reachable():
            return self._dataset(delta, table).to_table(columns=list(columns), filter=wanted).to_pandas()

    def partitions(self, name: str) -> list[str]:
        """The partitions a table has, ascending."""
        table = schemas.TABLES[name]
        delta = self._table(table)
        if delta is None or table.partition is None:
            return []
        return sorted({str(p[table.partition]) for p in delta.partitions()})

    def rows(self, name: str) -> int:
        """How many rows a table has."""
        table = schemas.TABLES[name]
        delta = self._table(table)
        if delta is None:
            return 0
        with self._reachable():
            return int(self._dataset(delta, table).count_rows())

    def version(self, name: str) -> int | None:
        """The Delta version of a table; None where it does not exist yet. By the names in its log alone."""
        log = fs.FileSelector(f"{self._root}/{name}/_delta_log", allow_not_found=True)
        with self._reachable():
            names = [info.base_name for info in self._files.get_file_info(log)]
        return max((int(each.removesuffix(".json")) for each in names if _ENTRY.fullmatch(each)), default=None)

    def forget(self, name: str) -> int:
        """Remove what only older versions of a table hold: data files, and the log's entries about them; how many files.

        An entry of the log names the least and the greatest value of every column of a file, so a row that is gone from the
        data still stands there. After this the table has its newest version and no history. Nobody else may write the table
        meanwhile: a file that another writer has written and not yet committed would go too.
        """
        delta = self._open(schemas.TABLES[name])
        if delta is None:
            return 0
        with self._reachable():
            removed = delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
            delta = self._open(schemas.TABLES[name])
            assert delta is not None, name
            delta.create_checkpoint()
        self.remove_empty(name)
        return len(removed) + self._forget_log(name, int(delta.version()))

    def _forget_log(self, name: str, version: int) -> int:
        """Leave of a table's log its newest checkpoint and entry, and whatever was written since."""
        log = f"{self._root}/{name}/_delta_log"
        old = []
        for info in self._files.get_file_info(fs.FileSelector(log, recursive=True)):
            number = info.base_name.split(".")[0]
            is_numbered = number.isdigit() and int(number) >= version
            if info.type == fs.FileType.File and not is_numbered and info.base_name != "_last_checkpoint":
                old.append(info.path)
        for path in sorted(old):
            self._files.delete_file(path)
        return len(old)

    def _location(self, table: Table) -> str:
        return f"{self.uri}/{table.name}"

    def _table(self, table: Table) -> Any | None:
        """A table as it is now; None where it does not exist yet."""
        held = self._opened.get(table.name)
        if held is None:
            held = self._open(table)
            if held is not None:
                self._opened[table.name] = held
            return held
        with self._reachable():
            held.update_incremental()
        return held

    def _open(self, table: Table) -> Any | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            with self._reachable():
                return DeltaTable(self._location(table), storage_options=self._storage)
        except TableNotFoundError:
            return None

    def _dataset(self, delta: Any, table: Table, **how: Any) -> Any:
        """A table's files read through Arrow's own file system: deltalake's is Python called from Arrow's threads, which
        aborts a process (exit code 134) that ends while one of them still reads ahead."""
        files = fs.SubTreeFileSystem(f"{self._root}/{table.name}", self._files)
        return delta.to_pyarrow_dataset(filesystem=files, **how)

    def _has_partition(self, table: Table, partition: str) -> bool:
        delta = self._table(table)
        return delta is not None and bool(delta.file_uris(file_pruning_predicate=[(table.partition, "=", partition)]))

    def _created(self, table: Table) -> Any:
        from deltalake import DeltaTable

        return DeltaTable.create(
            self._location(table),
            schema=table.arrow,
            mode="ignore",
            partition_by=[table.partition] if table.partition else None,
            storage_options=self._storage,
        )

    def _write(self, rows: Rows, **how: Any) -> Any:
        """Write rows; the table as it is after."""
        from deltalake import WriterProperties, write_deltalake

        table = rows.table
        # Small batches and row groups: beside a million rows writing them takes 130 MB instead of 290.
        properties = WriterProperties(max_row_group_size=min(ROW_GROUP_ROWS, 4 * piece_rows(table)))

        def write() -> Any:
            # One piece is made before Delta is asked, so that a value that does not fit is refused in our words.
            made = list(rows.pieces()) if len(rows) <= piece_rows(table) else rows.pieces()
            batches = (piece.slice(at, BATCH_ROWS) for piece in made for at in range(0, len(piece), BATCH_ROWS))
            reader = pa.RecordBatchReader.from_batches(rows.schema, batches)
            with self._reachable():
                delta = self._table(table) or self._created(table)
                write_deltalake(delta, reader, **{"writer_properties": properties, **how, **_new_columns(delta, table)})
            return delta

        return _with_retries(write, table.name)


def _new_columns(delta: Any, table: Table) -> dict[str, Any]:
    """How to write a table that was made before the schema had all of its columns: it gets them now."""
    return {"schema_mode": "merge"} if len(delta.schema().fields) < len(table.names) else {}


def _with_retries(write: Callable[[], Result], name: str) -> Result:
    """Repeat a write that another writer of the same table overtook; each repeat writes the same rows."""
    from deltalake.exceptions import CommitFailedError

    for attempt in range(1, _COMMIT_TRIES + 1):
        try:
            return write()
        except CommitFailedError as error:
            if attempt == _COMMIT_TRIES:
                raise NotReady(
                    f"{name}: {attempt} commits in a row were overtaken by other writers: {error}"
                ) from error
            logger.info("%s: overtaken by another writer, trying again (%d)", name, attempt)
            time.sleep(0.05 * 2**attempt)
    raise AssertionError("unreachable")
