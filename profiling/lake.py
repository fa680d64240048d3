"""The lake: Delta tables, staging and the ledger under one URI. The only user of deltalake.

Every write of a table replaces one partition atomically, or appends to the ledger. A reader sees a partition as it was before
or as it is after, never between.
"""

import functools
import hashlib
import io
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from profiling import schemas
from profiling.errors import InputError, NotReady, ProfilingError, SettingsError
from profiling.schemas import Table
from profiling.settings import Settings

logger = logging.getLogger(__name__)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LEDGER_COLUMNS = ("stage", "day", "state", "recorded_at", "attempt", "until", "inputs", "outputs")
Filter = tuple[str, str, Any]
Result = TypeVar("Result")

# The ledger gets a file with every append; past this many it is rewritten as one.
_COMPACT_AT = 24
_COMMIT_TRIES = 8


@dataclass(frozen=True)
class Staged:
    """What one bucket of one stage and day computed: frames by table name, and facts about how."""

    frames: Mapping[str, pd.DataFrame]
    facts: dict[str, Any] = field(default_factory=dict)


class Lake:
    """Tables, staging and ledger under `uri`, a folder or `s3://bucket/prefix`."""

    def __init__(self, uri: str, endpoint: str | None = None) -> None:
        self.uri = uri
        self._endpoint = endpoint
        self._storage = _storage_options(uri, endpoint)
        self._files, self._root = _filesystem(uri, endpoint)

    @classmethod
    def open(cls, settings: Settings) -> "Lake":
        """The lake of the settings.

        Raises:
            SettingsError: the lake was made with another number of buckets.
        """
        lake = cls(settings.lake, settings.s3_endpoint)
        lake._check_buckets(settings.buckets)
        return lake

    # --- tables ---

    def read(self, name: str, filters: Sequence[Filter] = (), columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of a table that satisfy all filters; an empty frame with its columns where there are none.

        Args:
            filters: (column, operator, value) with one of ==, !=, <, <=, >, >=, in.
        """
        table = schemas.TABLES[name]
        names = list(columns) if columns is not None else table.names
        delta = self._table(table)
        return self._rows(delta, table, filters, names)

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
        # Files of other partitions are left out first: without that every read would cost what the history holds.
        pruned = [
            (column, "=" if operator == "==" else operator, value)
            for column, operator, value in filters
            if column == table.partition and value != []
        ]
        with self._reachable():
            dataset = self._dataset(delta, table, file_pruning_predicate=pruned or None)
            held = [name for name in names if name in dataset.schema.names]
            rows = dataset.to_table(columns=held, filter=_expression(filters))
        for name in set(names) - set(held):
            # A column that came to the schema after this table was made; such columns may be null.
            rows = rows.append_column(name, pa.nulls(rows.num_rows, table.arrow.field(name).type))
        return rows.select(names).to_pandas()

    def replace(self, name: str, partition: str, frame: pd.DataFrame) -> None:
        """Atomically replace one partition of a table by `frame`, checked against the table's schema."""
        table = schemas.TABLES[name]
        rows = to_arrow(frame, table)
        column = table.partition
        if column is None:
            raise ProfilingError(f"{name} has no partitions; it can only be appended to")
        if not rows.num_rows and not self._has_partition(table, partition):
            return  # nothing there before, nothing after: no empty commit
        if set(rows.column(column).unique().to_pylist()) - {partition}:
            raise ProfilingError(f"{name}: rows of other partitions than {column}={partition}")
        self._write(table, rows, mode="overwrite", predicate=f"{column} = '{partition}'")

    def append(self, name: str, frame: pd.DataFrame) -> None:
        """Add rows to a table without partitions, checked against the table's schema; what it holds stays."""
        table = schemas.TABLES[name]
        if table.partition is not None:
            raise ProfilingError(f"{name} has partitions; each is replaced whole")
        self._write(table, to_arrow(frame, table), mode="append")

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
            found = self._dataset(delta, table).to_table(columns=[column], filter=_expression(*any_of))
        going = found.to_pandas()[column].value_counts()
        if all(named == column for filters in any_of for named, _, _ in filters):
            if len(going):
                self._drop_partitions(table, sorted(going.index))
            return int(going.sum())
        deleted: dict[str, int] = {}

        def without(held: pd.DataFrame, partition: str) -> pd.DataFrame:
            is_going = _satisfies(held, any_of)
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
            delta = self._table(table) or self._created(table)
            with self._reachable():
                held = self._dataset(delta, table).to_table(filter=_expression([(column, "==", partition)])).to_pandas()
            rows = to_arrow(change(held[table.names]), table)
            with self._reachable():  # Delta refuses it if the partition was written since `delta` was opened
                write_deltalake(delta, rows, mode="overwrite", predicate=f"{column} = '{partition}'")

        _with_retries(once, table.name)

    def rows_with(self, name: str, values: Mapping[str, Iterable[str]], columns: Sequence[str]) -> pd.DataFrame:
        """The columns of the rows that hold one of the values in one of the columns of `values`."""
        table = schemas.TABLES[name]
        delta = self._table(table)
        if delta is None:
            return table.arrow.empty_table().select(list(columns)).to_pandas()
        wanted = _expression(*([(column, "in", listed)] for column, listed in values.items()))
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
        """The Delta version of a table; None where it does not exist yet."""
        delta = self._table(schemas.TABLES[name])
        return None if delta is None else int(delta.version())

    def _location(self, table: Table) -> str:
        return f"{self.uri}/{table.name}"

    def _table(self, table: Table) -> Any | None:
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

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Errors of the storage as ours: what waiting may heal is NotReady, what it cannot is SettingsError."""
        from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

        where = f"PROFILING_LAKE={self.uri}" + (f" at {self._endpoint}" if self._endpoint else "")
        try:
            yield
        except (FileNotFoundError, TableNotFoundError, CommitFailedError):
            raise
        except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise SettingsError(f"{where}: {error}; name a folder that can be written") from error
        except (OSError, DeltaError) as error:
            said = " ".join(str(error).split())[:300]
            if not self.uri.startswith("s3://"):
                raise SettingsError(f"{where}: {said}; name a folder that can be written") from error
            if any(sign in said for sign in ("NoSuchBucket", "NO_SUCH_BUCKET", "bucket does not exist")):
                bucket = self.uri.removeprefix("s3://").partition("/")[0]
                raise SettingsError(f"{where}: no such bucket; create it (aws s3 mb s3://{bucket})") from error
            raise NotReady(
                f"{where} does not answer as a lake ({said}); check PROFILING_S3_ENDPOINT, the credentials and the network"
            ) from error

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

    def _write(self, table: Table, rows: pa.Table, **how: Any) -> Any:
        """Write rows; the table as it is after."""
        from deltalake import WriterProperties, write_deltalake

        # In pieces, and in row groups a quarter of the default: half the memory for a day of a million rows.
        properties = WriterProperties(max_row_group_size=ROW_GROUP_ROWS)

        def write() -> Any:
            pieces = pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(max_chunksize=PIECE_ROWS))
            with self._reachable():
                delta = self._table(table) or self._created(table)
                # A table made before the schema had all of its columns gets them now.
                more = {"schema_mode": "merge"} if len(delta.schema().fields) < len(table.names) else {}
                write_deltalake(delta, pieces, **{"writer_properties": properties, **how, **more})
            return delta

        return _with_retries(write, table.name)

    # --- staging ---

    def stage(self, stage: str, day: str, bucket: int, staged: Staged) -> str:
        """Write what one bucket computed where no reader looks; the key goes to `staged`.

        The facts are written last: an attempt without them was killed and is never used.
        """
        key = f"_staging/{stage}/{day}/{bucket:05d}/{uuid.uuid4().hex[:12]}"
        for name, frame in staged.frames.items():
            self._put(f"{key}/{name}.parquet", _parquet(to_arrow(frame, schemas.TABLES[name], is_unique=False)))
        facts = {**staged.facts, "tables": sorted(staged.frames), "bucket": bucket}
        self._put(f"{key}/facts.json", json.dumps(facts, sort_keys=True).encode())
        return key

    def staged(self, key: str) -> Staged:
        """What `stage` wrote under a key.

        Raises:
            InputError: there is no complete attempt under that key.
        """
        try:
            facts = json.loads(self._get(f"{key}/facts.json"))
        except FileNotFoundError as error:
            raise InputError(f"nothing complete is staged under {key!r}; run the stage with --bucket again") from error
        frames = {
            name: pq.read_table(pa.BufferReader(self._get(f"{key}/{name}.parquet"))).to_pandas()
            for name in facts["tables"]
        }
        return Staged(frames, facts)

    def is_staged(self, key: str) -> bool:
        """Whether a complete attempt lies under a key."""
        return bool(self._files.get_file_info(f"{self._root}/{key}/facts.json").type == fs.FileType.File)

    def newest_staged(self, stage: str, day: str, buckets: int) -> list[str]:
        """The newest complete attempt of every bucket.

        Raises:
            NotReady: a bucket has none.
        """
        base = f"{self._root}/_staging/{stage}/{day}"
        found: dict[int, tuple[datetime, str]] = {}
        for info in self._files.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True)):
            if info.base_name == "facts.json":
                bucket, attempt = info.path.split("/")[-3:-1]
                newest = (info.mtime, f"_staging/{stage}/{day}/{bucket}/{attempt}")
                found[int(bucket)] = max(found.get(int(bucket), newest), newest)
        missing = sorted(set(range(buckets)) - set(found))
        if missing:
            raise NotReady(
                f"{stage} {day}: bucket {missing[0]} is not staged yet; run `profiling {stage} --day {day} "
                f"--bucket {missing[0]}` first"
            )
        return [found[bucket][1] for bucket in sorted(found)]

    def empty_staged(self, key: str) -> None:
        """Take the rows out of a complete attempt and say so in its facts: a close finds it and computes it again."""
        staged = self.staged(key)
        facts = {**staged.facts, "tables": sorted(staged.frames), "is_emptied": True}
        self._put(
            f"{key}/facts.json", json.dumps(facts, sort_keys=True).encode()
        )  # first: no close may take it for whole
        for name in staged.frames:
            self._put(f"{key}/{name}.parquet", _parquet(schemas.TABLES[name].arrow.empty_table()))

    def clear_staged(self, keys: Iterable[str]) -> None:
        """Remove staged work once it is committed; another run of the same day may still need its own."""
        for key in keys:
            if self._files.get_file_info(f"{self._root}/{key}").type == fs.FileType.Directory:
                self._files.delete_dir(f"{self._root}/{key}")

    def day_folders(self, prefix: str) -> list[str]:
        """The folders below a prefix that are named by a day, one or two levels deep."""
        found = []
        for info in self._files.get_file_info(
            fs.FileSelector(f"{self._root}/{prefix}", recursive=True, allow_not_found=True)
        ):
            inside = info.path.removeprefix(f"{self._root}/{prefix}/").split("/")
            found += ["/".join([prefix, *inside[: n + 1]]) for n, part in enumerate(inside[:2]) if _DAY.fullmatch(part)]
        return sorted(set(found))

    def _put(self, key: str, content: bytes) -> None:
        try:
            with self._reachable():
                self._write_file(f"{self._root}/{key}", content)
        except FileNotFoundError as error:
            raise SettingsError(f"PROFILING_LAKE={self.uri}: {error}; name a folder that can be written") from error

    def _write_file(self, path: str, content: bytes) -> None:
        if isinstance(self._files, fs.LocalFileSystem):
            self._files.create_dir(os.path.dirname(path))
            partial = f"{path}.{uuid.uuid4().hex[:8]}.tmp"  # a kill must not leave half a file under the name
            with self._files.open_output_stream(partial) as stream:
                stream.write(content)
            self._files.move(partial, path)
        else:
            with self._files.open_output_stream(path) as stream:
                stream.write(content)

    def _get(self, key: str) -> bytes:
        with self._reachable(), self._files.open_input_stream(f"{self._root}/{key}") as stream:
            return bytes(stream.read())

    # --- forgetting ---

    def forget(self, name: str) -> int:
        """Remove what only older versions of a table hold: data files, and the log's entries about them; how many files.

        An entry of the log names the least and the greatest value of every column of a file, so a row that is gone from the
        data still stands there. After this the table has its newest version and no history. Nobody else may write the table
        meanwhile: a file that another writer has written and not yet committed would go too.
        """
        delta = self._table(schemas.TABLES[name])
        if delta is None:
            return 0
        with self._reachable():
            removed = delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
            delta = self._table(schemas.TABLES[name])
            assert delta is not None, name
            delta.create_checkpoint()
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

    def keys(self, prefix: str) -> list[str]:
        """The files under a folder of the lake, those of its folders too, sorted; also what a killed write left behind."""
        with self._reachable():
            found = self._files.get_file_info(
                fs.FileSelector(f"{self._root}/{prefix}", recursive=True, allow_not_found=True)
            )
        return sorted(info.path[len(self._root) + 1 :] for info in found if info.type == fs.FileType.File)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files; those that are not there are no error."""
        for key in keys:
            try:
                self._files.delete_file(f"{self._root}/{key}")
            except FileNotFoundError:
                continue

    # --- models' files ---

    def put_folder(self, key: str, folder: Path) -> None:
        """Copy the files of a folder under a key."""
        for file in sorted(folder.iterdir()):
            self._put(f"{key}/{file.name}", file.read_bytes())

    def fetch_folder(self, key: str, folder: Path) -> None:
        """Copy the files under a key into an empty folder.

        Raises:
            InputError: there is nothing under the key.
        """
        with self._reachable():
            found = self._files.get_file_info(fs.FileSelector(f"{self._root}/{key}", allow_not_found=True))
        files = [info.base_name for info in found if info.type == fs.FileType.File]
        if not files:
            raise InputError(
                f"{self.uri}/{key} is gone; restore it from a backup, or roll the model back and train again"
            )
        for name in files:
            (folder / name).write_bytes(self._get(f"{key}/{name}"))

    def put_page(self, key: str, html: str) -> str:
        """Write a page for people; its address."""
        self._put(key, html.encode())
        return f"{self.uri}/{key}"

    def put_json(self, key: str, value: Mapping[str, Any]) -> None:
        """Write a JSON document; whole or not at all."""
        self._put(key, (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode())

    def get_json(self, key: str) -> dict[str, Any] | None:
        """A JSON document, or None where there is none.

        Raises:
            InputError: it is damaged.
        """
        try:
            found: dict[str, Any] = json.loads(self._get(key))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(f"{self.uri}/{key} is damaged ({error}); run what made it again") from error
        return found

    # --- ledger ---

    def record(self, stage: str, day: str, state: str, attempt: str, **facts: Any) -> None:
        """Append one record to the ledger; dicts and lists become JSON."""
        row: dict[str, Any] = dict.fromkeys(schemas.LEDGER.names)
        row |= {"stage": stage, "day": day, "state": state, "attempt": attempt}
        row |= {
            name: json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict | list) else value
            for name, value in facts.items()
        }
        frame = pd.DataFrame([row | {"recorded_at": pd.Timestamp(datetime.now(UTC))}])
        delta = self._write(schemas.LEDGER, to_arrow(frame, schemas.LEDGER), mode="append")
        if len(delta.file_uris()) >= _COMPACT_AT:
            self._compact(delta)

    def ledger(self, columns: Sequence[str] = LEDGER_COLUMNS, attempts: Sequence[str] | None = None) -> pd.DataFrame:
        """The records, oldest first: of all attempts, or of some.

        By default without the long columns (counts, files, report, note): every stage asks for all states, and few for more.
        """
        filters: list[Filter] = [("attempt", "in", list(attempts))] if attempts is not None else []
        return self.read("days", filters, columns).sort_values("recorded_at", kind="stable", ignore_index=True)

    def _compact(self, delta: Any) -> None:
        from deltalake.exceptions import CommitFailedError

        try:
            delta.optimize.compact()
        except CommitFailedError as error:
            logger.info("the ledger is being compacted by someone else: %s", error)

    # --- the number of buckets ---

    def _check_buckets(self, buckets: int) -> None:
        """The lake remembers the number of buckets of its first use: with another one rows would be read twice or never."""
        self.require("buckets", buckets, f"PROFILING_BUCKETS is {buckets}, and this lake was made with another number")

    def require(self, name: str, value: object, sentence: str) -> None:
        """Remember a fact at the lake's first use, and refuse another value afterwards.

        Raises:
            SettingsError: the lake was made with another value.
        """
        try:
            facts = json.loads(self._get("_lake.json"))
        except FileNotFoundError:
            facts = {}
        except ValueError as error:
            raise InputError(
                f"{self.uri}/_lake.json is damaged ({error}); it holds what the lake was made with, such as "
                '{"buckets": 1}: restore it from a backup'
            ) from error
        if name not in facts:
            self._put("_lake.json", json.dumps({**facts, name: value}, sort_keys=True).encode())
        elif facts[name] != value:
            shown = f" ({facts[name]})" if name == "buckets" else ""
            raise SettingsError(f"{sentence}{shown}. Set it back, or load the history into a new lake")


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


def fingerprint(frames: Mapping[str, pd.DataFrame]) -> str:
    """SHA-256 over the sorted rows of some frames, by table name: equal content, equal fingerprint."""
    digest = hashlib.sha256()
    for name in sorted(frames):
        rows = to_arrow(frames[name], schemas.TABLES[name]).combine_chunks()
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


def _parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return bytes(sink.getvalue())


def _expression(*any_of: Sequence[Filter]) -> Any | None:
    """Rows that satisfy all filters of one of the lists; None where a list asks for nothing."""
    import pyarrow.dataset as ds

    def part(column: str, operator: str, value: Any) -> Any:
        left = ds.field(column)
        return _is_in(left, list(value)) if operator == "in" else _OPERATORS[operator](left, value)

    if not all(any_of):
        return None
    alls = [functools.reduce(lambda left, right: left & right, (part(*each) for each in filters)) for filters in any_of]
    return functools.reduce(lambda left, right: left | right, alls)


def _satisfies(rows: pd.DataFrame, any_of: Iterable[Sequence[Filter]]) -> pd.Series:
    """The same as `_expression`, of a frame."""
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


ROW_GROUP_ROWS, PIECE_ROWS = 262_144, 65_536
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


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


def _storage_options(uri: str, endpoint: str | None) -> dict[str, str] | None:
    if not uri.startswith("s3://"):
        return None
    options = {"AWS_REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint:
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}
    return options


def _filesystem(uri: str, endpoint: str | None) -> tuple[fs.FileSystem, str]:
    if uri.startswith("s3://"):
        scheme, _, host = endpoint.partition("://") if endpoint else ("https", "", None)
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        return fs.S3FileSystem(endpoint_override=host, scheme=scheme, region=region), uri.removeprefix("s3://")
    return fs.LocalFileSystem(), uri
