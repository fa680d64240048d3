"""Split a historical file into daily drops by event time, as if each day had been delivered on its own."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from profiling.collect._lines import Line, read_lines
from profiling.collect._values import EPOCH, Unreadable, dumps
from profiling.collect.area import Area, is_source_name, open_area
from profiling.errors import InputError, SettingsError

log = logging.getLogger(__name__)

SUCCESS = "_SUCCESS"
# The catalogue and german_credit have no time of their own.
FORMS = (
    "amazon_reviews", "events", "cdnow", "online_shoppers", "deliveries", "ad_log", "mail", "posts", "customers", "consents",
)  # fmt: skip
_OPEN_FILES = 64
_UNDATED = "undated"  # where lines before the first readable time wait for their day
FORMAT_SUFFIXES = {".gz", ".zip", ".json", ".jsonl", ".ndjson", ".csv", ".parquet", ".txt", ".eml", ".mbox"}


def land(
    source: str, files: Sequence[Path], landing: str | Path, zone: ZoneInfo, form: str, endpoint: str | None = None
) -> dict[str, int]:
    """Write `<landing>/<source>/<day>/<file's stem>.jsonl` and `_SUCCESS` for every event day in `zone`.

    JSON lines keep their bytes; rows of every other kind of file become JSON lines of the same form. A line without a readable
    time goes to the day of the line before it, or the first day: ingest will quarantine it, and nothing is lost. Each
    drop is complete before its `_SUCCESS` appears; other files of a drop are left alone, and landing a file again gives
    the same bytes. One call per source at a time. `landing` is a folder, where the work needs as much room again as the files
    unpacked, or `s3://bucket/prefix`, where the folder for temporary files needs it.

    Returns:
        Lines per day, by day; blank lines count nowhere.

    Raises:
        InputError: a file is missing or unreadable, has no line with a time, or shares its stem with another.
        SettingsError: `form` has no event time, the source's name cannot be a source, or there is no such bucket.
        NotReady: the bucket does not answer.
    """
    if form not in FORMS:
        raise SettingsError(f"files of form {form!r} cannot be split by time; those that can: {', '.join(FORMS)}")
    if not is_source_name(source):
        raise SettingsError(f"{source!r} cannot name a source; use a plain folder name that starts with a letter")
    stems = _stems(files)
    module = import_module(f"profiling.collect.{form}")
    lines: Callable[[Path], Iterator[Line]] = getattr(module, "lines", read_lines)
    area = open_area(landing, endpoint)
    counts: Counter[str] = Counter()
    with area.scratch(f"landing-{source}") as working:
        for stem, path in stems.items():
            counts += _split(lines(path), path.name, working / stem, module.when, zone)
        area.each(lambda day: _deliver(area, source, day, [working / stem / day for stem in stems]), sorted(counts))
    log.info("%s: %d lines of %d files landed on %d days", source, sum(counts.values()), len(stems), len(counts))
    return dict(sorted(counts.items()))


def _stems(files: Sequence[Path]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for path in files:
        if not path.is_file():
            raise InputError(f"{path} is not a file; name the file to split")
        stem = path.name
        while Path(stem).suffix.lower() in FORMAT_SUFFIXES and Path(stem).stem:
            stem = Path(stem).stem
        if stem in stems:
            raise InputError(f"{path} and {stems[stem]} would both land as {stem}.jsonl; rename one")
        stems[stem] = path
    return stems


def _split(
    lines: Iterator[Line],
    name: str,
    folder: Path,
    when: Callable[[Mapping[str, Any], ZoneInfo], int],
    zone: ZoneInfo,
) -> Counter[str]:
    """Write the lines of one file to `folder`/<day>, in their order, and count them."""
    counts: Counter[str] = Counter()
    folder.mkdir(parents=True)
    with _Appenders(folder) as appenders:
        day = None
        for line in lines:
            known = _day(line, when, zone)
            if day is None and known is not None:
                appenders.rename(_UNDATED, known)
                counts = Counter({known: counts[_UNDATED]})
            day = known or day
            appenders.append(day or _UNDATED, _as_json_line(line))
            counts[day or _UNDATED] += 1
    if _UNDATED in counts:
        raise InputError(f"{name}: no line has a readable time; is it of the form named?")
    return counts


def _day(line: Line, when: Callable[[Mapping[str, Any], ZoneInfo], int], zone: ZoneInfo) -> str | None:
    if isinstance(line.record, Unreadable):
        return None
    try:
        moment = EPOCH + timedelta(microseconds=when(line.record, zone))
        return moment.astimezone(zone).date().isoformat()
    except (Unreadable, OverflowError):
        return None


def _as_json_line(line: Line) -> bytes:
    if isinstance(line.raw, bytes):
        return line.raw if line.raw.endswith(b"\n") else line.raw + b"\n"
    # A broken CSV row has no fields: as a JSON string it stays one line, and ingest says why it is refused.
    broken = str(line.raw).encode(errors="surrogateescape").decode(errors="replace")
    # Not sorted: the first identifier given is the row's identity.
    return dumps(broken if isinstance(line.record, Unreadable) else line.record, is_sorted=False).encode() + b"\n"


class _Appenders:
    """Files of one folder opened for appending, the least recently used closed when too many are open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: OrderedDict[str, BinaryIO] = OrderedDict()

    def __enter__(self) -> "_Appenders":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self.open.values():
            file.close()

    def append(self, name: str, content: bytes) -> None:
        if name not in self.open:
            if len(self.open) == _OPEN_FILES:
                self.open.popitem(last=False)[1].close()
            self.open[name] = (self.folder / name).open("ab")
        self.open.move_to_end(name)
        self.open[name].write(content)

    def rename(self, old: str, new: str) -> None:
        if old in self.open:
            self.open.pop(old).close()
            (self.folder / old).rename(self.folder / new)


def _deliver(area: Area, source: str, day: str, files: Sequence[Path]) -> None:
    """Move the day's files into its drop, whole, and complete it."""
    area.remove(source, day, SUCCESS)
    for file in files:
        if file.is_file():
            area.move_in(file, source, day, f"{file.parent.name}.jsonl")
    area.put(b"", source, day, SUCCESS)
