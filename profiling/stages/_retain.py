"""What is older than its limit as of a day -> deleted, and its days closed."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

from profiling.rights import retention
from profiling.rights.retention import Removed
from profiling.settings import Settings
from profiling.stages._step import begin, refuse_future

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retained:
    """What a day's retention deleted, or would: small enough for XCom. `warnings` say what holds a limit up."""

    day: str
    is_dry_run: bool
    removed: list[Removed]
    warnings: list[str]

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


def retain(settings: Settings, day: str, *, dry_run: bool = False) -> Retained:
    """Delete what is older than `PROFILING_RETENTION_DAYS` as of a day, and close the days it was of.

    Raises:
        SettingsError: it is no day, or lies in the future, which would make everything old.
        InputError: the weekly sums that the remaining days go on from cannot be made.
    """
    run = begin(settings, day)
    refuse_future(run.day)
    removed, warnings = retention.retain(settings, run.day, run.attempt, dry_run=dry_run)
    for each in removed:
        verb = "would be deleted" if dry_run else "deleted"
        logger.info("retention %s: %s: %d %s up to %s %s", run.day, each.what, each.number, each.unit, each.until, verb)
    return Retained(run.day, dry_run, removed, warnings)
