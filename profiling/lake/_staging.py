"""Work that is computed and not yet committed: where no reader of the tables looks, until a close takes it."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from profiling import schemas
from profiling.errors import InputError, NotReady
from profiling.lake._files import Files
from profiling.lake._rows import to_arrow
from profiling.lake._spill import SPILL_ROWS, Spill

SPILLED = {"text_features"}  # tables of which a day's rows are never in memory all at once


@dataclass(frozen=True)
class Staged:
    """What one bucket of one stage and day computed: rows by table name, those of SPILLED on disk, and facts about how."""

    frames: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)


class Staging(Files):
    """The staged work of every stage, day and bucket, by attempt."""

    def stage(self, stage: str, day: str, bucket: int, staged: Staged) -> str:
        """Write what one bucket computed where no reader looks; the key goes to `staged`.

        The facts are written last: an attempt without them was killed and is never used.
        """
        key = f"_staging/{stage}/{day}/{bucket:05d}/{uuid.uuid4().hex[:12]}"
        for name, frame in staged.frames.items():
            self._put_rows(f"{key}/{name}.parquet", frame, schemas.TABLES[name])
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
        return Staged({name: self._rows_at(f"{key}/{name}.parquet", name) for name in facts["tables"]}, facts)

    def _put_rows(self, key: str, rows: pd.DataFrame | Spill, table: schemas.Table) -> None:
        with self._writing(key) as stream, pq.ParquetWriter(stream, table.arrow, compression="zstd") as writer:
            if isinstance(rows, Spill):
                for batch in rows.batches():
                    writer.write_batch(batch)
            else:
                writer.write_table(to_arrow(rows, table, is_unique=False))

    def _rows_at(self, key: str, name: str) -> pd.DataFrame | Spill:
        if name not in SPILLED:
            return pq.read_table(pa.BufferReader(self._get(key))).to_pandas()
        found = Spill(schemas.TABLES[name].arrow)
        with self._reachable(), self._files.open_input_file(f"{self._root}/{key}") as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=SPILL_ROWS):
                found.add(pa.Table.from_batches([batch]))
        return found

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
        # First: no close may take it for whole.
        self._put(f"{key}/facts.json", json.dumps(facts, sort_keys=True).encode())
        for name in staged.frames:
            table = schemas.TABLES[name]
            self._put_rows(f"{key}/{name}.parquet", table.arrow.empty_table().to_pandas(), table)

    def clear_staged(self, keys: Iterable[str]) -> None:
        """Remove staged work once it is committed; another run of the same day may still need its own."""
        for key in keys:
            if self._files.get_file_info(f"{self._root}/{key}").type == fs.FileType.Directory:
                self._files.delete_dir(f"{self._root}/{key}")
