"""Running `profiling run` in a process that kills itself at its n-th write.

A write point is every moment at which the disk is about to change or has just changed: a Delta commit or clean-up (before and
after), a staged file, a file opened for writing, a rename, a removal. SIGKILL leaves no chance to clean up.
"""

import logging
import multiprocessing
import os
import signal
import sys
from typing import Any

from profiling.settings import Settings

# What a forked child finds imported already; nothing of it has been used, so nothing breaks in the fork.
PRELOAD = [
    "tests.faults.killing",
    "great_expectations",
    "deltalake",
    "model2vec",
    "profiling.stages",
    "profiling.quality",
]
_points = 0


def context() -> multiprocessing.context.BaseContext:
    """A fork server: a child costs milliseconds instead of seconds of imports."""
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(PRELOAD)
    return forkserver


def run_and_die(settings: Settings, first: str, last: str, kill_at: int, counted: Any) -> None:
    """Run all stages of all days; SIGKILL at write point `kill_at` (0: never). `counted` gets the number of points."""
    _arm(settings, kill_at, counted)
    from profiling import stages

    for _ in stages.run_days(settings, first, last):
        pass


def erase_and_die(settings: Settings, request: str, kill_at: int, counted: Any) -> None:
    """Carry out a request to be erased, in the same way."""
    _arm(settings, kill_at, counted)
    from profiling import stages

    stages.erase(settings, request)


def _arm(settings: Settings, kill_at: int, counted: Any) -> None:
    logging.disable(logging.WARNING)
    root = os.path.dirname(settings.lake)

    def point() -> None:
        global _points
        _points += 1
        counted.value = _points
        if _points == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple) -> None:
        is_write = event == "open" and isinstance(arguments[1], str) and arguments[1].strip("rbt") != ""
        if (is_write or event in ("os.rename", "os.remove")) and str(arguments[0]).startswith(root):
            point()

    import deltalake

    from profiling.lake import Lake

    def around(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            point()
            result = function(*args, **kwargs)
            point()
            return result

        return call

    deltalake.write_deltalake = around(deltalake.write_deltalake)
    for owner, name in (
        (Lake, "_put"),
        (Lake, "_put_rows"),
        (Lake, "remove"),
        (Lake, "clear_staged"),
        (deltalake.DeltaTable, "vacuum"),
        (deltalake.DeltaTable, "create_checkpoint"),
    ):
        setattr(owner, name, around(getattr(owner, name)))
    sys.addaudithook(audit)
