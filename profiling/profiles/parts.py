"""The form of a publication, as bytes: the same frame gives the same bytes on one lock file. No I/O."""

import gzip
import hashlib
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from profiling.errors import ProfilingError
from profiling.schemas import PROFILES

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
SCHEMA_KEY = f"schema/profile-v{SCHEMA_VERSION}.json"
ROW_GROUP = 100_000  # rows; fixed, because it changes the bytes


@dataclass(frozen=True)
class Content:
    """What one file holds; `bucket` and `rows` where it is a part of the profiles."""

    body: bytes
    bucket: int | None = None
    rows: int = 0


def document_schema() -> bytes:
    """The JSON Schema of a document, as it stands in the package."""
    return (files("profiling.profiles") / f"profile-v{SCHEMA_VERSION}.json").read_bytes()


def checked(profiles: "pd.DataFrame", day: str, buckets: int) -> "pd.DataFrame":
    """The frame sorted by customer_id.

    Raises:
        ProfilingError: a column is missing, or a row cannot be published; names the row, the field and the fix.
    """
    missing = [name for name in PROFILES.names if name not in profiles.columns]
    if missing:
        raise ProfilingError(f"profiles of {day} lack {', '.join(missing)}; the columns are those of schemas.PROFILES")
    bucket, document = profiles["bucket"], profiles["document"]
    faults = [
        *((c.name, profiles[c.name].isna(), "is null") for c in PROFILES.columns if not c.is_nullable),
        ("day", profiles["day"] != day, f"is another day than {day}"),
        ("bucket", ~bucket.between(0, buckets - 1), f"is outside 0..{buckets - 1}; is PROFILING_BUCKETS right?"),
        ("customer_id", profiles["customer_id"].duplicated(), "is there twice"),
        ("document", document.str.contains("\n", regex=False), "has a line break; write it compact"),
    ]
    for name, is_bad, sentence in faults:
        if is_bad.any():
            row = int(is_bad.to_numpy().argmax())
            customer = profiles["customer_id"].iloc[row]
            raise ProfilingError(f"profiles of {day}, row {row} (customer {customer}): {name} {sentence}")
    return profiles.sort_values("customer_id", kind="stable")


def content(profiles: "pd.DataFrame") -> dict[str, Content]:
    """By file name: the parts of every bucket that has customers."""
    parts: dict[str, Content] = {}
    for bucket, rows in profiles.groupby(profiles["bucket"].to_numpy(dtype="int64"), sort=True):
        number = int(str(bucket))
        parts[f"part-{number:05d}.parquet"] = Content(_parquet(rows), number, len(rows))
        parts[f"part-{number:05d}.jsonl.gz"] = Content(_lines(rows["document"]), number, len(rows))
    return parts


def changes_feed(changes: "pd.DataFrame") -> Content:
    """IDENTITY_CHANGES as lines of JSON: from, to, kind (merge or split) and evidence, the interaction or statement behind it."""
    rows = changes.sort_values(["from_id", "to_id", "kind"])[["from_id", "to_id", "kind", "interaction_id"]]
    lines = [
        {"from": before, "to": after, "kind": kind, "evidence": event if isinstance(event, str) else None}
        for before, after, kind, event in rows.itertuples(index=False)
    ]
    return Content(_lines(json.dumps(line, separators=(",", ":")) for line in lines))


def manifest(
    content: Mapping[str, Content],
    *,
    day: str,
    buckets: int,
    model_versions: Mapping[str, str],
    identity_rules: str | None = None,
) -> dict[str, Any]:
    """The day's table of contents: a pure function of what it lists.

    The revision is the first 16 hex of a SHA-256 over the sorted names and SHA-256s, so other content has other keys.
    """
    digests = {name: hashlib.sha256(content[name].body).hexdigest() for name in sorted(content)}
    listing = "".join(f"{name}\0{sha}\n" for name, sha in digests.items())
    revision = hashlib.sha256(listing.encode()).hexdigest()[:16]
    folder = f"profiles/day={day}/{revision}/"

    def entry(name: str, file: Content) -> dict[str, Any]:
        named = {"key": folder + name, "sha256": digests[name], "bytes": len(file.body)}
        return named if file.bucket is None else {**named, "bucket": file.bucket, "rows": file.rows}

    return {
        "schema_version": SCHEMA_VERSION,
        "schema": SCHEMA_KEY,
        "day": day,
        "revision": revision,
        "folder": folder,
        "buckets": buckets,
        "rows": sum(file.rows for name, file in content.items() if name.endswith(".parquet")),
        "model_versions": dict(model_versions),
        "identity_rules": identity_rules,
        "objects": [entry(name, content[name]) for name in digests],
    }


def _parquet(rows: "pd.DataFrame") -> bytes:
    schema = pa.schema([column for column in PROFILES.arrow if column.name != "document"])
    table = pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)
    return _table(table)


def _table(rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(
        rows,
        sink,
        version="2.6",
        compression="zstd",
        compression_level=3,
        row_group_size=ROW_GROUP,
        store_schema=False,
    )
    return sink.getvalue()


def _lines(documents: Iterable[str]) -> bytes:
    return _packed(document.encode() + b"\n" for document in documents)


def _packed(lines: Iterable[bytes]) -> bytes:
    sink = io.BytesIO()
    # GzipFile, not gzip.compress: its header does not change with the Python version.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, mtime=0, fileobj=sink) as stream:
        for line in lines:
            stream.write(line)
    return sink.getvalue()


def to_json(value: Mapping[str, Any]) -> bytes:
    """For people and programs: indented, keys sorted."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


# --- and back


def documents(body: bytes) -> Iterator[dict[str, Any]]:
    """The documents of a `.jsonl.gz` part."""
    with gzip.open(io.BytesIO(body), "rt", encoding="utf-8", newline="\n") as lines:
        yield from (json.loads(line) for line in lines)


def frame(content: Mapping[str, Content]) -> "pd.DataFrame":
    """The profiles in the parts of a publication, with the columns that were published and `document`."""
    import pandas as pd
    import pyarrow.parquet as pq

    found = [PROFILES.arrow.empty_table().to_pandas()]
    for name in sorted(each for each in content if each.endswith(".parquet")):
        rows = pq.read_table(io.BytesIO(content[name].body)).to_pandas()
        lines = _unpacked(content[name.replace(".parquet", ".jsonl.gz")].body)
        found.append(rows.assign(document=[line.decode().rstrip("\n") for line in lines]))
    return pd.concat(found[1:] or found, ignore_index=True)


def number_of(parquet: bytes, who: Collection[str]) -> int:
    """How many rows of a `.parquet` part are of some customers."""
    import pyarrow.parquet as pq

    return sum(each in who for each in pq.read_table(io.BytesIO(parquet), columns=["customer_id"])[0].to_pylist())


def naming(lines: bytes, who: Collection[str]) -> set[str]:
    """The customers of a `.jsonl.gz` part that are none of some people and whose documents name one of them."""
    sought = re.compile("|".join(sorted(who)).encode())
    found = {json.loads(line)["customer_id"] for line in _unpacked(lines) if who and sought.search(line)}
    return found - set(who)


def ids(name: str, body: bytes) -> set[str]:
    """The customers that a `.parquet` part or the feed names."""
    import pyarrow.parquet as pq

    if name.endswith(".parquet"):
        return set(pq.read_table(io.BytesIO(body), columns=["customer_id"])[0].to_pylist())
    return {line[key] for line in documents(body) for key in _NAMING if line.get(key)}


def without(name: str, file: Content, who: Collection[str]) -> Content:
    """A file of a publication without some customers: their rows, their documents, and the lines of the feed that name them.

    The lines of all others keep their bytes, and a file in which none of these customers stands is the same one. Pages are not
    looked into.
    """
    if name.endswith(".parquet"):
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        rows = pq.read_table(io.BytesIO(file.body))
        kept = rows.filter(pc.invert(pc.is_in(rows["customer_id"], pa.array(sorted(who), pa.string()))))
        return file if len(kept) == len(rows) else Content(_table(kept), file.bucket, len(kept))
    if name.endswith(".jsonl.gz"):
        lines = _unpacked(file.body)
        others = [line for line in lines if not {json.loads(line).get(key) for key in _NAMING} & set(who)]
        if len(others) < len(lines):
            return Content(_packed(others), file.bucket, 0 if file.bucket is None else len(others))
    return file


_NAMING = (
    "customer_id",
    "from",
    "to",
)  # what names a customer in a line: of a document the first, of the feed the others


def _unpacked(body: bytes) -> list[bytes]:
    with gzip.open(io.BytesIO(body)) as lines:
        return list(lines)


def pointer(body: bytes, where: str) -> dict[str, str]:
    """`day` and `manifest` of a `latest.json`.

    Raises:
        ProfilingError: it is something else.
    """
    try:
        found = json.loads(body)
        return {"day": str(found["day"]), "manifest": str(found["manifest"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ProfilingError(
            f"{where} is no pointer to a manifest ({error!r}); delete it and publish the newest day again"
        ) from error
