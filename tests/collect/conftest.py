"""Small files on disk, read as batches and seen as one."""

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from profiling.collect import Batch, collector

UTC = ZoneInfo("UTC")
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Read:
    """All batches of a file together."""

    rows: pd.DataFrame
    rejects: pd.DataFrame
    lines_read: int
    batches: list[Batch]


Reading = Callable[..., Read]


def together(batches: list[Batch]) -> Read:
    return Read(
        pd.concat([batch.rows for batch in batches], ignore_index=True) if batches else pd.DataFrame(),
        pd.concat([batch.rejects for batch in batches], ignore_index=True) if batches else pd.DataFrame(),
        sum(batch.lines_read for batch in batches),
        batches,
    )


def is_closed(read: Read) -> bool:
    """Every line read is stored or rejected, never both, never neither."""
    if not read.batches:
        return read.lines_read == 0
    stored, refused = set(read.rows["source_line"]), list(read.rejects["source_line"])
    return len(stored) + len(refused) == read.lines_read and not stored & set(refused)


def zipped(*members: bytes, name: str = "in.jsonl") -> bytes:
    """A zip archive; its members are named so that they sort as given."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"{number}-{name}", member)
    return packed.getvalue()


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """read(form, content, name="in.jsonl", zone=UTC, packed=False): write the content, read it as that form."""

    def read(
        form: str, content: str | bytes, name: str = "in.jsonl", zone: ZoneInfo = UTC, packed: bool = False
    ) -> Read:
        raw = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(raw) if packed else raw)
        found = together(list(collector(form)(path, zone)))
        assert is_closed(found)
        return found

    return read
