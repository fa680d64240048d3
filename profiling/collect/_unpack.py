"""A delivered file as streams of UTF-8 bytes: plain, gzip or zip; UTF-8 with or without a BOM, or UTF-16 with one.

Gzip and zip are recognised by their first bytes, whatever the name. Nothing is unpacked to disk, and no more than a buffer
is held: a file may be larger than the memory. What UTF-16 cannot say (half a pair) becomes bytes that are no UTF-8, so that
its line is refused and no other.
"""

import codecs
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from profiling.errors import InputError

# Text packs to a tenth, repetitive logs to a hundredth; a bomb to a thousandth and less.
MOST_RATIO = 200
FREE_BYTES = 16 * 2**20  # a small file may be of any ratio
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: an archive without members
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ZIP_FAULTS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError)
_BUFFER = 256 * 1024


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Faults of reading as an InputError with the fix."""
    try:
        yield
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"{path.name}: the gzip file is damaged or cut short ({error}); deliver it again"
            if not isinstance(error, _ZipFault)
            else f"{path.name}: the zip file is damaged or cut short ({error}); deliver it again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the path and its rights"
        ) from error


class _ZipFault(EOFError):
    """Damage inside a zip archive, told apart from that of a gzip file."""


def members(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """(name, stream) of what a file holds: itself, or the members of a zip archive with their folders, sorted by name.

    Each stream has to be read before the next is asked for. Folders and names that begin with `.` or `_` are left out, as
    in a drop. A plain or gzip file may be a pipe. Call it, and read, within `readable`.

    Raises:
        InputError: a zip bomb, an encrypted archive, or an archive within the archive.
    """
    with path.open("rb") as raw:
        start = raw.peek(4)[:4]
        if start in _ZIP:
            yield from _zip_members(path, raw)
        elif start.startswith(_GZIP):
            counted = _Counted(raw)
            packed = gzip.GzipFile(fileobj=cast(BinaryIO, counted))
            yield path.name, _utf8(_buffered(_Limited(packed, _Budget(path.name), counted)), path.name)
        else:
            yield path.name, _utf8(raw)


def _zip_members(path: Path, raw: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    budget = _Budget(path.name)  # of all members together: they may lie over one another in the archive
    size = _Size(path.stat().st_size)
    try:
        with zipfile.ZipFile(raw) as archive:
            for member in sorted(archive.infolist(), key=lambda member: member.filename):
                name = member.filename.rsplit("/", 1)[-1]
                if (
                    member.filename.endswith("/")
                    or name.startswith((".", "_"))
                    or member.filename.startswith("__MACOSX/")
                ):
                    continue
                if member.flag_bits & 1:
                    raise InputError(f"{path.name}: the zip file is encrypted; deliver it without a password")
                with archive.open(member) as packed:
                    yield member.filename, _utf8(_buffered(_Limited(packed, budget, size)), path.name)
    except (*_ZIP_FAULTS, ValueError, IndexError, struct.error, OverflowError) as error:
        raise _ZipFault(str(error) or "it ends too early") from error


class _Size:
    """The packed size of an archive: known from the start."""

    def __init__(self, packed: int) -> None:
        self.packed = packed


class _Counted:
    """A file that counts what was read of it; a pipe cannot tell."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.packed = file, 0

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        self.packed += len(content)
        return content


class _Budget:
    """How much a packed file may unpack to."""

    def __init__(self, name: str) -> None:
        self.name, self.unpacked = name, 0

    def spend(self, unpacked: int, packed: int) -> None:
        self.unpacked += unpacked
        if self.unpacked > FREE_BYTES and self.unpacked > MOST_RATIO * packed:
            raise InputError(
                f"{self.name}: unpacks to more than {MOST_RATIO} times its size, as a zip bomb does; if it is meant, "
                "deliver it unpacked"
            )


class _Limited(io.RawIOBase):
    """An unpacking stream within its budget. Damage of a zip member is told here, where it is met."""

    def __init__(self, source: Any, budget: _Budget, size: _Size | _Counted) -> None:
        self.source, self.budget, self.size = source, budget, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self.source.read(len(buffer))
        except _ZIP_FAULTS as error:
            if isinstance(self.source, zipfile.ZipExtFile):
                raise _ZipFault(str(error) or "it ends too early") from error
            raise
        self.budget.spend(len(content), self.size.packed)
        buffer[: len(content)] = content
        return len(content)


class _Recoded(io.RawIOBase):
    """UTF-16 as UTF-8. Half a character pair becomes three bytes that are no UTF-8, half a character one."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self.source, self.decoder = source, codecs.getincrementaldecoder(encoding)("surrogatepass")
        self.ready, self.is_over = b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready and not self.is_over:
            content = self.source.read(_BUFFER)
            self.is_over = not content
            try:
                self.ready = self.decoder.decode(content, final=self.is_over).encode("utf-8", "surrogatepass")
            except UnicodeDecodeError:  # only at the very end: a character cut in two
                self.ready = b"\xff"
        given, self.ready = self.ready[: len(buffer)], self.ready[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(raw, _BUFFER))


def _utf8(stream: Any, packed_in: str | None = None) -> BinaryIO:
    """The stream without its BOM, as UTF-8.

    Raises:
        InputError: what was unpacked is packed again.
    """
    start = stream.peek(4)[:4]
    if packed_in and (start.startswith(_GZIP) or start in _ZIP):
        raise InputError(f"{packed_in}: holds a file that is packed once more; pack once, with gzip or zip")
    if start.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif encoding := _UTF_16.get(start[:2]):
        stream.read(2)
        return _buffered(_Recoded(stream, encoding))
    return cast(BinaryIO, stream)
