"""The command line in this process: a process of its own pays three seconds and more of imports before it does anything."""

import contextlib
import io
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from unittest import mock

from profiling.__main__ import main


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """What `python -m profiling` with these arguments would end with and write; an unforeseen error is raised.

    Log lines go where the tests' own go. Some test of every command that must keep a secret starts a real process.

    Args:
        environment: the variables there are; by default those of now.
        typed: what stands on standard input.
    """
    logger, out, err, code = logging.getLogger("profiling"), io.StringIO(), io.StringIO(), 0
    level = logger.level
    with (
        mock.patch.dict(os.environ, os.environ if environment is None else environment, clear=True),
        mock.patch.object(sys, "argv", ["profiling", *arguments]),
        mock.patch.object(sys, "stdin", io.StringIO(typed)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        finally:
            logger.setLevel(level)
    return subprocess.CompletedProcess(["profiling", *arguments], code, out.getvalue(), err.getvalue())
