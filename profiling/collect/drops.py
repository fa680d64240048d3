"""The landing area: `<landing>/<source>/<YYYY-MM-DD>/*`, and `_SUCCESS` when the drop is complete."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from profiling.collect import COLLECTORS
from profiling.errors import NotReady, SettingsError
from profiling.settings import Settings

SUCCESS = "_SUCCESS"
EMPTIED = "_EMPTY"  # in a drop delivered again: that it holds no row any more is meant
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Source:
    """A folder of the landing area and the collector that reads its files."""

    name: str
    form: str


@dataclass(frozen=True)
class Drop:
    """What one source delivered on one day; files sorted by name, none for a complete but empty drop."""

    source: Source
    day: str
    files: tuple[Path, ...]
    is_emptied: bool = False


def sources(settings: Settings) -> list[Source]:
    """The expected sources, sorted by name: those of `PROFILING_SOURCES`, or else the folders found.

    Raises:
        SettingsError: the landing area is missing, or a folder's name is no collector and none was given.
    """
    landing = Path(settings.landing)
    if "://" in settings.landing:
        raise SettingsError(f"PROFILING_LANDING={settings.landing}: the landing area is a folder or a mounted volume")
    if not landing.is_dir():
        raise SettingsError(f"the landing area {landing} does not exist; make it, or set PROFILING_LANDING")
    named = settings.sources or sorted(
        folder.name for folder in landing.iterdir() if folder.is_dir() and not folder.name.startswith(("_", "."))
    )
    found: list[Source] = []
    for entry in named:
        name, _, form = entry.partition(":")
        form = form or name
        if form not in COLLECTORS:
            raise SettingsError(
                f"source {name!r}: no collector {form!r}; known: {', '.join(COLLECTORS)}. "
                f"Say which one reads it: PROFILING_SOURCES={name}:collector"
            )
        if name in {source.name for source in found}:
            raise SettingsError(f"PROFILING_SOURCES names {name!r} twice; name each source once")
        found.append(Source(name, form))
    return sorted(found, key=lambda source: source.name)


def drops(settings: Settings, day: str) -> list[Drop]:
    """The complete drops of a day, by source; an empty list is a day without a drop.

    Raises:
        NotReady: a source has files but no `_SUCCESS`: it is still being written.
    """
    found = []
    for source in sources(settings):
        folder = Path(settings.landing) / source.name / day
        if not folder.is_dir():
            continue
        if not (folder / SUCCESS).exists():
            raise NotReady(f"the drop {folder} is not complete: it has no {SUCCESS}. Wait for it, or make the file")
        files = sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith(("_", ".")))
        found.append(Drop(source, day, tuple(files), (folder / EMPTIED).exists()))
    return found


def is_delivered(settings: Settings, day: str) -> bool:
    """Whether any source has a folder for the day, complete or not."""
    return any((Path(settings.landing) / source.name / day).is_dir() for source in sources(settings))


def unread(settings: Settings, day: str | None = None) -> list[str]:
    """What lies in the landing area (or in the drops of one day) and is never read, relative to it, sorted.

    Names that begin with `_` or `.` are meant to be left out and are not listed.
    """
    landing = Path(settings.landing)
    if not landing.is_dir():
        return []
    found: list[Path] = [] if day else [entry for entry in landing.iterdir() if entry.is_file()]
    for source in sources(settings):
        folder = landing / source.name
        if day is None and folder.is_dir():
            found += [entry for entry in folder.iterdir() if entry.is_file() or not _DAY.fullmatch(entry.name)]
        for drop in folder.glob(day or "????-??-??"):
            found += [entry for entry in drop.iterdir() if entry.is_dir()]
    return sorted(str(entry.relative_to(landing)) for entry in found if not entry.name.startswith(("_", ".")))


def missing_sources(settings: Settings, day: str) -> list[str]:
    """Expected sources whose drop of the day is not complete."""
    landing = Path(settings.landing)
    return [s.name for s in sources(settings) if not (landing / s.name / day / SUCCESS).exists()]


def days_with_drops(settings: Settings) -> list[str]:
    """All days for which at least one source has a folder, ascending."""
    days = {
        folder.name
        for source in sources(settings)
        if (Path(settings.landing) / source.name).is_dir()
        for folder in (Path(settings.landing) / source.name).iterdir()
        if folder.is_dir() and _DAY.fullmatch(folder.name)
    }
    return sorted(days)


def fingerprint(found: list[Drop]) -> str:
    """SHA-256 over sources, file names and contents of some drops."""
    digest = hashlib.sha256()
    for drop in found:
        digest.update(f"{drop.source.name}\0{drop.source.form}\0{drop.day}\0".encode())
        for file in drop.files:
            with file.open("rb") as stream:
                digest.update(f"{file.name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\0".encode())
    return digest.hexdigest()
