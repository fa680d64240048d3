"""A cache of bytes on disk that several processes may use, fork or kill at any time."""

import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from profiling.errors import SettingsError

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_BUSY_SECONDS = 60.0
_KEYS_A_QUERY = 900  # below the 999 variables that older SQLite builds allow
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# Of the table, in order, with whether they are its key.
_COLUMNS = [("key", True), ("checksum", False), ("value", False), ("stored_at", False)]


class _OtherTable(sqlite3.DatabaseError):
    """The file is a database, and its table is not ours."""


class TextCache:
    """Bytes by key in `folder/namespace.sqlite`. Losing it costs only time.

    Opened at the first use, one connection for each process and thread. Every value carries a checksum: a damaged value is
    missing, a damaged file, or one whose table has other columns, is moved aside with a warning and begun anew.
    """

    def __init__(self, folder: Path, namespace: str) -> None:
        self.folder, self.namespace = Path(folder), namespace
        self.path = self.folder / f"{namespace}.sqlite"
        # Connections of a parent process stay referenced: closing them in a forked child would drop the parent's locks.
        self._connections: dict[tuple[int, int], sqlite3.Connection] = {}

    def __reduce__(self) -> tuple[type["TextCache"], tuple[Path, str]]:
        return TextCache, (self.folder, self.namespace)

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values known among `keys`, in the order of `keys`."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        found = self._retrying(lambda connection: _select(connection, wanted))
        return {key: found[key] for key in wanted if key in found}

    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Store all values in one transaction: after a kill all are there or none."""
        if not values:
            return
        now = int(time.time())
        rows = [(key, zlib.crc32(value), value, now) for key, value in values.items()]
        self._retrying(lambda connection: _insert(connection, rows))

    def forget(self, before: int, *, dry_run: bool = False) -> int:
        """Delete what was stored before a moment (seconds since 1970), or only count it; how many.

        A file that was moved aside as damaged counts as one: of what age its values are, nobody can read.
        """
        aside = list(self.folder.glob(f"{self.namespace}.corrupt-*"))
        for path in [] if dry_run else aside:
            path.unlink(missing_ok=True)
        if not self.path.exists():
            return len(aside)
        return len(aside) + self._retrying(lambda connection: _forget(connection, before, dry_run))

    def keys(self) -> list[str]:
        """All keys; none where nothing was ever stored."""
        if not self.path.exists():
            return []
        return self._retrying(lambda connection: [key for (key,) in connection.execute("SELECT key FROM results")])

    def erase(self, keys: Iterable[str]) -> None:
        """Delete some values so that no byte of them is left in the files, and files that were moved aside as damaged."""
        for aside in self.folder.glob(f"{self.namespace}.corrupt-*"):
            aside.unlink(missing_ok=True)
        if self.path.exists():
            self._retrying(lambda connection: _erase(connection, list(keys)))

    def close(self) -> None:
        """Close this thread's connection; the next use opens a new one."""
        connection = self._connections.pop(_here(), None)
        if connection is not None:
            connection.close()

    def _retrying(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return action(self._connection())
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
        self.close()
        self._move_aside()
        return action(self._connection())

    def _connection(self) -> sqlite3.Connection:
        connection = self._connections.get(_here())
        if connection is None:
            connection = _open(self.path)
            self._connections[_here()] = connection
        return connection

    def _move_aside(self) -> None:
        """Rename the damaged file, unless another process has done so already."""
        import fcntl

        with (self.folder / f"{self.namespace}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_sound(self.path):
                return
            target = next(path for n in range(10**6) if not (path := self.path.with_suffix(f".corrupt-{n}")).exists())
            log.warning("%s is damaged; moved to %s, its results are computed again", self.path, target.name)
            os.replace(self.path, target)
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def caches(folder: Path, namespace: str) -> list[TextCache]:
    """The cache of a folder, and those that pods keep in `bucket-N` below it where their volume is mounted there."""
    return [TextCache(each, namespace) for each in (Path(folder), *sorted(Path(folder).glob("bucket-*")))]


def _here() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise SettingsError(
            f"PROFILING_CACHE: {path} cannot be opened ({error}); name a folder that can be written, or take away what is there"
        ) from error
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        # A power cut may lose the last transactions, never the file: good enough for a cache.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, checksum INTEGER NOT NULL, value BLOB NOT NULL, "
            "stored_at INTEGER NOT NULL DEFAULT 0)"
        )
        _hold_to_columns(connection, path)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _select(connection: sqlite3.Connection, keys: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for start in range(0, len(keys), _KEYS_A_QUERY):
        part = keys[start : start + _KEYS_A_QUERY]
        marks = ",".join("?" * len(part))
        for key, checksum, value in connection.execute(
            f"SELECT key, checksum, value FROM results WHERE key IN ({marks})", part
        ):
            if isinstance(value, bytes) and zlib.crc32(value) == checksum:
                found[key] = value
    return found


def _insert(connection: sqlite3.Connection, rows: list[tuple[str, int, bytes, int]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _hold_to_columns(connection: sqlite3.Connection, path: Path) -> None:
    """Files of an earlier version have no times: what they hold is as old as can be. A table of another make is damage."""
    found = [(name, bool(key)) for _, name, _, _, _, key in connection.execute("PRAGMA table_info(results)")]
    if found == _COLUMNS[:-1]:
        try:
            connection.execute("ALTER TABLE results ADD COLUMN stored_at INTEGER NOT NULL DEFAULT 0")
        except sqlite3.OperationalError as error:
            if "duplicate column" not in str(error):  # another process was quicker
                raise
    elif found != _COLUMNS:
        raise _OtherTable(f"{path}: the table results has the columns {', '.join(name for name, _ in found)}")


def _forget(connection: sqlite3.Connection, before: int, dry_run: bool) -> int:
    (number,) = connection.execute("SELECT count(*) FROM results WHERE stored_at < ?", (before,)).fetchone()
    if number and not dry_run:
        connection.execute("DELETE FROM results WHERE stored_at < ?", (before,))
        connection.execute("VACUUM")  # what is deleted must not be read from the file's free pages
    return int(number)


def _erase(connection: sqlite3.Connection, keys: list[str]) -> None:
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten by zeros
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("DELETE FROM results WHERE key = ?", [(key,) for key in keys])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    # Older pages may hold what was replaced before today: the file is written anew, and the log beside it emptied.
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    # The low byte is the primary code.
    if isinstance(error, _OtherTable):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _CORRUPT


def _is_sound(path: Path) -> bool:
    if not path.exists():
        return True
    try:
        connection = _open(path)
        try:
            return connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if _is_corrupt(error):
            return False
        raise
