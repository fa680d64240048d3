"""The landing area's storage, a folder or `s3://bucket/prefix`: the few verbs of everything that delivers or reads drops.

Names are given one by one: source, day, file. What is put appears whole or not at all, in both.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from profiling.errors import InputError, SettingsError
from profiling.s3 import Bucket

Item = TypeVar("Item")
Result = TypeVar("Result")
_AT_A_TIME = 8  # requests to a bucket: round trips are the cost; botocore's pool holds 10 connections


class File(Protocol):
    """A file of a drop."""

    @property
    def name(self) -> str:
        """Its last name, which says the form."""

    def identity(self) -> str:
        """Another one when its content is another one."""

    def local(self) -> AbstractContextManager[Path]:
        """Where it can be read, under its own name, while the context lasts."""


class Level(NamedTuple):
    """What stands directly under some names: files by name, sorted, and the names of folders, sorted."""

    files: dict[str, File]
    folders: list[str]


class Area(Protocol):
    """A landing area. Of a bucket every verb raises SettingsError (no such bucket, no right) or NotReady (no answer)."""

    def level(self, *names: str) -> Level | None:
        """What stands directly under a folder; None where there is no such folder. A bucket itself may be empty."""

    def has_file(self, *names: str) -> bool: ...

    def has_folder(self, *names: str) -> bool: ...

    def is_free(self) -> bool:
        """Whether nothing is here yet, and something may be."""

    def read(self, *names: str) -> bytes | None:
        """The content of a small file; None where there is none."""

    def put(self, content: bytes, *names: str) -> None: ...

    def put_new(self, content: bytes, *names: str) -> bool:
        """Write a file that is not there yet; False if it is. Of several at a time one writes."""

    def move_in(self, path: Path, *names: str) -> None:
        """Put a file of `scratch`, which is gone from there afterwards."""

    def remove(self, *names: str) -> None:
        """Remove a file; one that is not there is no error."""

    def remove_folder(self, *names: str) -> None:
        """Remove a folder with all that is in it; one that is not there is no error."""

    def forget(self) -> int:
        """Remove what the storage keeps of older contents of all files, those of files that are gone too; how many there were."""

    def scratch(self, name: str) -> AbstractContextManager[Path]:
        """A path for a folder of work, empty at first and removed at the end; to make it is the caller's."""

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """`work` of every item, in their order; several at a time where waiting is the cost."""

    def where(self, *names: str) -> str:
        """As a person reads it."""


def open_area(landing: str | Path, endpoint: str | None = None) -> Area:
    """The area at a folder or `s3://bucket/prefix`. Nothing is read yet.

    Raises:
        SettingsError: the address names no bucket.
    """
    if str(landing).startswith("s3://"):
        return _bucket_area(str(landing), endpoint, os.getpid())
    return FolderArea(Path(landing))


def is_source_name(name: str) -> bool:
    """Whether it names one folder of the area, and none that is left out."""
    return bool(name) and name[0] not in "._" and Path(name).name == name


@lru_cache(maxsize=4)
def _bucket_area(landing: str, endpoint: str | None, pid: int) -> "BucketArea":
    """Kept, because a client costs more than a request; by process, because connections do not outlive a fork."""
    return BucketArea(Bucket(landing, endpoint, "PROFILING_LANDING"))


@dataclass(frozen=True)
class LocalFile:
    """A file of a folder."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def identity(self) -> str:
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextmanager
    def local(self) -> Iterator[Path]:
        yield self.path


class FolderArea:
    """A folder, or a mounted volume."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def level(self, *names: str) -> Level | None:
        folder = self._root.joinpath(*names)
        if not folder.is_dir():
            return None
        entries = sorted(folder.iterdir())
        files: dict[str, File] = {entry.name: LocalFile(entry) for entry in entries if entry.is_file()}
        return Level(files, [entry.name for entry in entries if entry.is_dir()])

    def has_file(self, *names: str) -> bool:
        return self._root.joinpath(*names).is_file()

    def has_folder(self, *names: str) -> bool:
        return self._root.joinpath(*names).is_dir()

    def is_free(self) -> bool:
        return not self._root.exists() or (self._root.is_dir() and not any(self._root.iterdir()))

    def read(self, *names: str) -> bytes | None:
        path = self._root.joinpath(*names)
        return path.read_bytes() if path.is_file() else None

    def put(self, content: bytes, *names: str) -> None:
        path = self._root.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.tmp")
        unfinished.write_bytes(content)
        unfinished.replace(path)

    def put_new(self, content: bytes, *names: str) -> bool:
        folder = self._root.joinpath(*names[:-1])
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:  # closing the file, also by a kill, opens the lock
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.has_file(*names):
                return False
            self.put(content, *names)
            return True

    def move_in(self, path: Path, *names: str) -> None:
        target = self._root.joinpath(*names)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def remove(self, *names: str) -> None:
        self._root.joinpath(*names).unlink(missing_ok=True)

    def remove_folder(self, *names: str) -> None:
        folder = self._root.joinpath(*names)
        if folder.is_dir():
            shutil.rmtree(folder)

    def forget(self) -> int:
        """A folder keeps nothing."""
        return 0

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Beside the sources, so that files are moved and not copied; a name that starts with _ is never a source."""
        folder = self._root / f"_{name}"
        shutil.rmtree(folder, ignore_errors=True)  # left by a call that was killed
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        return [work(item) for item in items]

    def where(self, *names: str) -> str:
        return str(self._root.joinpath(*names))


@dataclass(frozen=True)
class Fetched:
    """A file of a bucket: read as it was when it was listed, or not at all."""

    bucket: Bucket
    key: str
    etag: str

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def identity(self) -> str:
        return f"etag {self.etag}"

    @contextmanager
    def local(self) -> Iterator[Path]:
        """
        Raises:
            SettingsError: the folder for temporary files cannot hold it.
            InputError: its name is too long for a file.
        """
        with tempfile.TemporaryDirectory(prefix="drop-") as folder:
            path = Path(folder) / self.name
            try:
                self.bucket.fetch(self.key, self.etag, path)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:  # a key may have 1,024 bytes
                    raise InputError(
                        f"{self.bucket.uri}/{self.key}: a file's name has at most 255 bytes; rename it"
                    ) from error
                raise SettingsError(
                    f"{self.bucket.uri}/{self.key} cannot be kept in {tempfile.gettempdir()} while it is read ({error}); "
                    "name a folder with more room: TMPDIR"
                ) from error
            yield path


class BucketArea:
    """A bucket, or a prefix of one. A folder is there as long as a key begins with its name."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def level(self, *names: str) -> Level | None:
        prefix = "".join(f"{name}/" for name in names)
        found = self._bucket.level(prefix)
        if found is None:
            return None if names else Level({}, [])
        files: dict[str, File] = {
            name: Fetched(self._bucket, prefix + name, etag) for name, etag in found.objects.items()
        }
        return Level(files, found.folders)

    def has_file(self, *names: str) -> bool:
        key = "/".join(names)
        return self._bucket.first(key) == key  # what begins with a key comes after it

    def has_folder(self, *names: str) -> bool:
        return self._bucket.first("".join(f"{name}/" for name in names)) is not None

    def is_free(self) -> bool:
        return self._bucket.first("") is None

    def read(self, *names: str) -> bytes | None:
        found = self._bucket.get("/".join(names))
        return found[0] if found else None

    def put(self, content: bytes, *names: str) -> None:
        self._bucket.put("/".join(names), content, "application/octet-stream")

    def put_new(self, content: bytes, *names: str) -> bool:
        return self._bucket.put_if("/".join(names), content, None)

    def move_in(self, path: Path, *names: str) -> None:
        self._bucket.upload(path, "/".join(names))
        path.unlink()

    def remove(self, *names: str) -> None:
        self._bucket.delete(["/".join(names)])

    def remove_folder(self, *names: str) -> None:
        self._bucket.delete(self._bucket.list("".join(f"{name}/" for name in names)))

    def forget(self) -> int:
        return self._bucket.forget("")

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
            yield Path(folder) / "work"

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(work, items))

    def where(self, *names: str) -> str:
        return "/".join((self._bucket.uri, *names))
