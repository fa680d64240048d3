"""The landing area: `<landing>/<source>/<YYYY-MM-DD>/*`, and `_SUCCESS` when the drop is complete."""

import hashlib
import re
from dataclasses import dataclass
from datetime import date

from profiling.collect import COLLECTORS
from profiling.collect.area import Area, File, is_source_name, open_area
from profiling.errors import NotReady, SettingsError
from profiling.settings import Settings

SUCCESS = "_SUCCESS"
EMPTIED = "_EMPTY"  # in a drop delivered again: that it holds no row any more is meant
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


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
    files: tuple[File, ...]
    is_emptied: bool = False


def landing_area(settings: Settings) -> Area:
    """The landing area of the settings; nothing is read yet."""
    return open_area(settings.landing, settings.s3_endpoint)


def sources(settings: Settings) -> list[Source]:
    """The expected sources, sorted by name: those of `PROFILING_SOURCES`, or else the folders found.

    Raises:
        SettingsError: the landing area is missing, or a folder's name is no collector and none was given.
        NotReady: the landing area is a bucket and does not answer. So do all functions here.
    """
    level = landing_area(settings).level()
    if level is None:
        raise SettingsError(f"the landing area {settings.landing} does not exist; make it, or set PROFILING_LANDING")
    named = settings.sources or [name for name in level.folders if name and not name.startswith(("_", "."))]
    found: list[Source] = []
    for entry in named:
        name, _, form = entry.partition(":")
        form = form or name
        if not is_source_name(name):
            raise SettingsError(f"PROFILING_SOURCES: {name!r} cannot name a source; name a folder of the landing area")
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
    found, incomplete = split_drops(settings, day)
    if incomplete:
        raise NotReady(f"the drop {incomplete[0]} is not complete: it has no {SUCCESS}. Wait for it, or make the file")
    return found


def split_drops(settings: Settings, day: str) -> tuple[list[Drop], list[str]]:
    """The complete drops of a day, and where those lie that are still being written."""
    area, expected = landing_area(settings), sources(settings)
    levels = area.each(lambda source: area.level(source.name, day), expected)
    found, incomplete = [], []
    for source, level in zip(expected, levels, strict=True):
        if level is None:
            continue
        if SUCCESS not in level.files:
            incomplete.append(str(area.where(source.name, day)))
            continue
        files = tuple(file for name, file in level.files.items() if not name.startswith(("_", ".")))
        found.append(Drop(source, day, files, EMPTIED in level.files))
    return found, incomplete


def is_delivered(settings: Settings, day: str) -> bool:
    """Whether any source has a folder for the day, complete or not."""
    area = landing_area(settings)
    return any(area.has_folder(source.name, day) for source in sources(settings))


def unread(settings: Settings, day: str | None = None) -> list[str]:
    """What lies in the landing area (or in the drops of one day) and is never read, relative to it, sorted.

    Names that begin with `_` or `.` are meant to be left out and are not listed. A key of a bucket with `//` lies in a folder
    without a name.
    """
    area = landing_area(settings)
    top = area.level()
    if top is None:
        return []
    expected = sources(settings)
    read = {source.name for source in expected}
    found: list[tuple[str, ...]] = (
        [] if day else [(name,) for name in (*top.files, *top.folders) if name in top.files or name not in read]
    )
    drop_folders = [(source.name, day) for source in expected] if day else []
    for source in [] if day else expected:
        files, folders = area.level(source.name) or ({}, [])
        found += [(source.name, name) for name in (*files, *folders) if name in files or not _is_day(name)]
        drop_folders += [(source.name, name) for name in folders if _is_day(name)]
    for names, level in zip(drop_folders, area.each(lambda names: area.level(*names), drop_folders), strict=True):
        found += [(*names, name) for name in level.folders] if level else []
    said = (names if names[-1] else (*names, "") for names in found if not names[-1].startswith(("_", ".")))
    return sorted("/".join(names) for names in said)


def missing_sources(settings: Settings, day: str) -> list[str]:
    """Expected sources whose drop of the day is not complete."""
    area = landing_area(settings)
    return [s.name for s in sources(settings) if not area.has_file(s.name, day, SUCCESS)]


def days_with_drops(settings: Settings) -> list[str]:
    """All days for which at least one source has a folder, ascending."""
    area = landing_area(settings)
    levels = area.each(lambda source: area.level(source.name), sources(settings))
    return sorted({name for level in levels if level for name in level.folders if _is_day(name)})


def _is_day(name: str) -> bool:
    try:
        return bool(_DAY.fullmatch(name)) and date.fromisoformat(name) is not None
    except ValueError:  # the 30th of February
        return False


def fingerprint(found: list[Drop]) -> str:
    """SHA-256 over sources, file names and contents (in a bucket: etags) of some drops."""
    digest = hashlib.sha256()
    for drop in found:
        digest.update(f"{drop.source.name}\0{drop.source.form}\0{drop.day}\0".encode())
        for file in drop.files:
            digest.update(f"{file.name}\0{file.identity()}\0".encode())
    return digest.hexdigest()
