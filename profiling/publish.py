"""Publication: a day's profiles on S3 or in a folder, so that a reader never sees half of it.

    profiles/day=D/<revision>/part-<bucket>.parquet    columns, sorted by customer_id
    profiles/day=D/<revision>/part-<bucket>.jsonl.gz   whole profiles, one JSON document a line
    profiles/day=D/<revision>/identity-changes.jsonl.gz customers merged and split since the day before
    profiles/day=D/<revision>/report.html, quality.html
    profiles/day=D/<revision>/data-docs-<suite>.html   Great Expectations' own pages
    schema/profile-v1.json                             JSON Schema of a document
    profiles/day=D/manifest.json                       after all of the above: revision, keys, SHA-256, rows, versions
    profiles/day=D/run.json                            run id, times, table versions: outside the promise of same bytes
    latest.json                                        the newest day's manifest; only ever forward

Keys under a revision are named by their content, so they are written once and never change; the manifest moves from one
whole revision to the next in one write. Older revisions stay for readers that still hold an older manifest.
A bucket without customers has no part: 4,096 buckets and ten customers make at most twenty parts, not 8,192.
"""

import fcntl
import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from profiling.errors import InputError, NotReady, ProfilingError, SettingsError
from profiling.profiles import parts
from profiling.profiles.parts import SCHEMA_KEY, Content
from profiling.s3 import JSON, Bucket

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

LATEST = "latest.json"
CHANGES = "identity-changes.jsonl.gz"
CONTENT_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
}
UPLOADS = 8  # at a time: with many buckets the round trips are the cost; botocore's pool holds 10 connections
ATTEMPTS = 20  # each lost compare-and-set means that another publisher got through


class Target(Protocol):
    """Where to publish. Keys are relative, with `/`. An etag names a content, by its MD5 if it can."""

    uri: str

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Content and etag, or None where there is no such object."""

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write whole or not at all."""

    def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        """Write JSON if the object still has this etag (None: if there is no object); False if it has not."""

    def list(self, prefix: str) -> dict[str, str]:
        """Etag by key, sorted, of all keys that begin with `prefix`."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove; keys that are not there are no error."""

    def forget(self, prefix: str) -> int:
        """Remove what a reader does not see any more and the storage still keeps under a prefix; how many objects."""


def open_target(uri: str, endpoint: str | None = None) -> Target:
    """A folder, or `s3://bucket/prefix` (at `endpoint` if that is another server than AWS).

    Nothing is read or written yet.

    Raises:
        SettingsError: the uri names no bucket, is of another kind, or the endpoint is no URL.
    """
    if uri.startswith("s3://"):
        return Bucket(uri, endpoint, "PROFILING_PUBLISH")
    if "://" in uri:
        raise SettingsError(f"PROFILING_PUBLISH={uri}: neither a folder nor s3://bucket/prefix")
    return FolderTarget(Path(uri))


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()  # to compare with S3's etag, never to trust


class FolderTarget:
    """A folder. Readers see the old file or the new one: written beside, then renamed.

    No fsync: a killed process loses nothing that it wrote, only a power cut may; then a reader's SHA-256 check finds
    the damage and publishing the day again repairs it, because the lake, not this copy, is the truth.
    """

    def __init__(self, root: Path) -> None:
        self.uri = str(root)
        self._root = root
        self._scratch = (
            root / ".tmp"
        )  # one place for what a kill leaves behind; same file system, so renames are atomic

    def _path(self, key: str) -> Path:
        if not key or key.startswith("/") or {"..", "."} & set(key.split("/")):
            raise ProfilingError(f"{key!r} is no key of a publication; keys are relative and stay inside {self._root}")
        return self._root / key

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise SettingsError(f"PROFILING_PUBLISH={self.uri}: {error}; name a folder that can be written") from error

    def get(self, key: str) -> tuple[bytes, str] | None:
        try:
            body = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise SettingsError(f"PROFILING_PUBLISH={self.uri}: {error}; name a folder that can be read") from error
        return body, _md5(body)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        path = self._path(key)
        beside = self._scratch / uuid.uuid4().hex
        with self._writable():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._scratch.mkdir(exist_ok=True)
            beside.write_bytes(body)
            os.replace(beside, path)

    def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        with self._writable():
            self._scratch.mkdir(parents=True, exist_ok=True)
        with (self._scratch / "lock").open("w") as lock:  # closing the file, also by a kill, opens the lock
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = self.get(key)
            if (found[1] if found else None) != etag:
                return False
            self.put(key, body, JSON)
            return True

    def list(self, prefix: str) -> dict[str, str]:
        start = self._root / prefix.rpartition("/")[0]
        files = (path for path in start.rglob("*") if path.is_file() and self._scratch not in path.parents)
        keys = sorted(path.relative_to(self._root).as_posix() for path in files)
        return {key: _md5((self._root / key).read_bytes()) for key in keys if key.startswith(prefix)}

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path(key)
            path.unlink(missing_ok=True)
            with suppress(OSError):  # up to the first folder that something is in
                for folder in path.relative_to(self._root).parents[:-1]:
                    (self._root / folder).rmdir()

    def forget(self, prefix: str) -> int:
        left = [path for path in self._scratch.glob("*") if path.name != "lock"]  # of writers that were killed
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


# --- writing


@dataclass(frozen=True)
class Published:
    """What a publication holds: objects, bytes and customers of its revision; `written`: objects this call uploaded."""

    revision: str
    manifest_key: str
    objects: int
    bytes: int
    customers: int
    written: int


def publish_profiles(
    target: Target,
    profiles: "pd.DataFrame",
    *,
    day: str,
    buckets: int,
    report_html: str,
    quality_html: str,
    model_versions: Mapping[str, str],
    run: Mapping[str, Any],
    data_docs: Mapping[str, str] = MappingProxyType({}),
    identity_changes: "pd.DataFrame | None" = None,
    identity_rules: str | None = None,
    schema: bytes | None = None,
) -> Published:
    """Publish one day whole, then move the pointers to it. Doing it again writes only `run.json`.

    Args:
        profiles: columns of `schemas.PROFILES`, one row a customer, all of `day`.
        buckets: how many there are; a row's `bucket` names its part.
        model_versions: version by model, for the manifest.
        run: run id, times, table versions: goes to `run.json` as it is.
        data_docs: HTML by suite.
        identity_changes: columns of `schemas.IDENTITY_CHANGES`, all of `day`; None where there is no feed of them.
        identity_rules: the fingerprint of the rules behind the customer ids, for the manifest.
        schema: JSON Schema of a document, published as `schema/profile-v1.json`; the package's own where None.

    Raises:
        ProfilingError: the frame is not a day's profiles (names the field), or `latest.json` cannot be read.
        SettingsError: no such bucket, or no right to write.
        NotReady: the server does not answer.
    """
    content = parts.content(parts.checked(profiles, day, buckets)) | {
        "report.html": Content(report_html.encode()),
        "quality.html": Content(quality_html.encode()),
        **{f"data-docs-{suite}.html": Content(page.encode()) for suite, page in data_docs.items()},
    }
    if identity_changes is not None:
        content[CHANGES] = parts.changes_feed(identity_changes)
    manifest = parts.manifest(
        content, day=day, buckets=buckets, model_versions=model_versions, identity_rules=identity_rules
    )
    revision = manifest["revision"]
    manifest_key = f"profiles/day={day}/manifest.json"
    written = _upload(target, manifest["folder"], content)
    # Before the manifest too: whatever a manifest names is there when a reader sees it.
    written += _put_changed(target, SCHEMA_KEY, parts.document_schema() if schema is None else schema)
    written += _put_changed(target, manifest_key, parts.to_json(manifest))
    target.put(f"profiles/day={day}/run.json", parts.to_json({**run, "day": day, "revision": revision}), JSON)
    written += 1 + _advance(target, day, manifest_key)
    size = sum(len(file.body) for file in content.values())
    log.info(
        "published %s at %s: revision %s of %d objects, %d writes", day, target.uri, revision, len(content), written
    )
    return Published(revision, manifest_key, len(content), size, len(profiles), written)


def _upload(target: Target, folder: str, content: Mapping[str, Content]) -> int:
    """Upload what is not there yet; how many.

    Same etag as our MD5: same content. Where a server's etag is no MD5 (KMS encryption) all is uploaded again: dearer,
    and right.
    """
    there = target.list(folder)
    new = [name for name in sorted(content) if there.get(folder + name) != _md5(content[name].body)]
    keys, bodies = [folder + name for name in new], [content[name].body for name in new]
    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(target.put, keys, bodies, [CONTENT_TYPES[Path(name).suffix] for name in new]))
    return len(new)


def _put_changed(target: Target, key: str, body: bytes) -> int:
    found = target.get(key)
    if found and found[0] == body:
        return 0
    target.put(key, body, JSON)
    return 1


def _advance(target: Target, day: str, manifest_key: str) -> int:
    """Point `latest.json` to this day unless it already points to it or a later one; 1 if it was written."""
    body = parts.to_json({"day": day, "manifest": manifest_key})
    for attempt in range(ATTEMPTS):
        found = target.get(LATEST)
        if found and parts.pointer(found[0], f"{target.uri}/{LATEST}")["day"] >= day:
            return 0
        if target.put_if(LATEST, body, found[1] if found else None):
            return 1
        time.sleep(0.02 * attempt)
    raise NotReady(f"{target.uri}/{LATEST}: {ATTEMPTS} other publishers were quicker; publish {day} again")


# --- taking people out


def published_days(target: Target) -> list[str]:
    """The days with a manifest, ascending."""
    keys = (key for key in target.list("profiles/") if key.endswith("/manifest.json"))
    return sorted(key.split("/")[1].removeprefix("day=") for key in keys)


@dataclass(frozen=True)
class Shown:
    """What a published day shows of some people: profiles of theirs, and of others that name them among their members."""

    own: int = 0
    others: int = 0


def showing(
    target: Target, who: Collection[str], is_searched: Callable[[str], bool] = lambda day: False
) -> dict[str, Shown]:
    """The published days that show some people; a damaged day may show anybody.

    Only the parts of their buckets and the feeds are read; of a day that `is_searched` every document, for those of others from
    before a split. A feed that names them makes a day of no profiles.
    """
    found = {}
    for day in published_days(target):
        manifest = read_manifest(target, day)
        buckets = {int(each[:8], 16) % manifest["buckets"] for each in who}
        is_whole = is_searched(day)
        parts_of_day = [each for each in manifest["objects"] if is_whole or each.get("bucket") in {*buckets, None}]
        shown = [part for each in parts_of_day if (part := _shown(target, each, who, is_whole)) is not None]
        if shown:
            found[day] = Shown(sum(each.own for each in shown), sum(each.others for each in shown))
    return found


def _shown(target: Target, part: Mapping[str, Any], who: Collection[str], is_whole: bool) -> Shown | None:
    """What a part shows of some people; None where it names none of them."""
    is_feed, is_lines = part["key"].endswith(CHANGES), part["key"].endswith(".jsonl.gz")
    if not is_feed and not part["key"].endswith(".parquet") and not (is_whole and is_lines):
        return None
    try:
        file = _whole(target, part)
    except InputError:
        return Shown()
    if is_feed:
        return None if parts.without(CHANGES, file, who) is file else Shown()
    if is_lines:
        others = len(parts.naming(file.body, who))
        return Shown(others=others) if others else None
    own = parts.number_of(file.body, who)
    return Shown(own) if own else None


def shown_ids(target: Target, day: str) -> set[str]:
    """The ids of the customers that a published day shows, and of those its feed names.

    Raises:
        InputError: a file of the day is gone or damaged.
    """
    named = [part for part in read_manifest(target, day)["objects"] if part["key"].endswith((".parquet", CHANGES))]
    return {each for part in named for each in parts.ids(part["key"], _whole(target, part).body)}


def publish_without(
    target: Target,
    day: str,
    who: Collection[str],
    report_html: Callable[["pd.DataFrame"], str],
    run: Mapping[str, Any],
) -> bool:
    """Publish a day again without some customers, from what is published of it: a day that no table can make again.

    A profile of somebody else that names them among its members, from before a split, goes whole, as it does from the table.
    Everybody else's rows and lines stay as they are, and so does every file that shows none of these customers. The new revision
    is whole before the manifest names it; `latest.json` names the manifest, whose key is the same. The old revision stays until
    `withdraw_old`.

    Args:
        report_html: the day's report, of the profiles that are left.
        run: for `run.json`, as in `publish_profiles`.

    Returns:
        Whether they were in it.

    Raises:
        InputError: a file of the day is gone or damaged, so nobody can say who is in it.
        NotReady: somebody else publishes the day again and again.
    """
    key = f"profiles/day={day}/manifest.json"
    for attempt in range(ATTEMPTS):
        found = target.get(key)
        if found is None:
            return False
        manifest = json.loads(found[0])
        before = {part["key"].removeprefix(manifest["folder"]): _whole(target, part) for part in manifest["objects"]}
        lines = [file.body for name, file in before.items() if file.bucket is not None and name.endswith(".jsonl.gz")]
        customers = {*who}.union(*(parts.naming(body, who) for body in lines))
        content = {
            name: parts.without(name, file, who if file.bucket is None else customers) for name, file in before.items()
        }
        if content == before:
            return False
        content = {name: file for name, file in content.items() if file.bucket is None or file.rows}
        if sum(file.rows for file in content.values()) < sum(file.rows for file in before.values()):
            content["report.html"] = Content(report_html(parts.frame(content)).encode())
        said = {name: manifest.get(name) for name in ("buckets", "model_versions", "identity_rules")}
        revised = parts.manifest(content, day=day, **said)
        revised |= {name: manifest[name] for name in ("schema_version", "schema")}
        _upload(target, revised["folder"], content)
        target.put(
            f"profiles/day={day}/run.json", parts.to_json({**run, "day": day, "revision": revised["revision"]}), JSON
        )
        if target.put_if(key, parts.to_json(revised), found[1]):
            log.info("published %s at %s without erased people: revision %s", day, target.uri, revised["revision"])
            return True
        time.sleep(0.02 * attempt)
    raise NotReady(f"{target.uri}/{key}: {ATTEMPTS} other publishers were quicker; the same call again goes on")


def _whole(target: Target, part: Mapping[str, Any]) -> Content:
    """A file that a manifest names, as it was published.

    Raises:
        InputError: it is gone or damaged.
    """
    found = target.get(part["key"])
    if not found or hashlib.sha256(found[0]).hexdigest() != part["sha256"]:
        folder = "/".join(part["key"].split("/")[:2])
        raise InputError(
            f"{target.uri}/{part['key']} is {'damaged' if found else 'gone'}, so nobody can say who is in it; restore it from a "
            f"backup, or remove {folder}/, which no reader can read whole, and call again"
        )
    return Content(found[0], part.get("bucket"), part.get("rows", 0))


def withdraw_old(target: Target) -> int:
    """Remove at once every part that no manifest names, of all days, and what the storage still keeps of them; how many."""
    keys = list(target.list("profiles/"))
    named = {key for key in keys if key.endswith(("/manifest.json", "/run.json"))}
    for key in [key for key in keys if key.endswith("/manifest.json")]:
        found = target.get(key)
        named |= {part["key"] for part in json.loads(found[0])["objects"]} if found else set()
    old = [key for key in keys if key not in named]
    target.delete(old)
    return len(old) + target.forget("")


def read_manifest(target: Target, day: str | None = None) -> dict[str, Any]:
    """The manifest of a day; of the newest published day where `day` is None.

    Raises:
        NotReady: that day, or any day, is not published.
    """
    key = f"profiles/day={day}/manifest.json"
    if day is None:
        latest = target.get(LATEST)
        if latest is None:
            raise NotReady(f"{target.uri}: nothing is published yet; run `profiling publish --day D`")
        key = parts.pointer(latest[0], f"{target.uri}/{LATEST}")["manifest"]
    found = target.get(key)
    if found is None:
        raise NotReady(f"{target.uri}/{key} is not there; run `profiling publish --day {day or 'D'}`")
    manifest: dict[str, Any] = json.loads(found[0])
    return manifest


def read_published(target: Target, day: str | None = None, *, bucket: int | None = None) -> Iterator[dict[str, Any]]:
    """The documents of a published day, by bucket and customer_id; those of one bucket where it is given.

    Every part is checked against the manifest's SHA-256 before a document of it is given out.

    Raises:
        NotReady: the day is not published.
        ProfilingError: a part is gone or is not what was published.
    """
    manifest = read_manifest(target, day)
    for part in manifest["objects"]:
        if "bucket" not in part or not part["key"].endswith(".jsonl.gz") or bucket not in {None, part["bucket"]}:
            continue
        found = target.get(part["key"])
        sha = hashlib.sha256(found[0]).hexdigest() if found else "gone"
        if not found or sha != part["sha256"]:
            raise ProfilingError(
                f"{target.uri}/{part['key']}: SHA-256 is {sha}, the manifest says {part['sha256']}; "
                f"run `profiling publish --day {manifest['day']}` to restore it"
            )
        yield from parts.documents(found[0])
