"""The command line: every stage is one function and one command. It parses, calls, and says in one sentence what went wrong.

Exit codes: 0 done, 1 the data (a gate, a file, something not ready), 2 wrong usage or settings.
"""

import sys

import typer

from profiling.cli import input, look, measure, rights, stages  # noqa: F401  # each adds its commands to the app
from profiling.cli.app import app, err
from profiling.errors import ProfilingError


def main() -> None:
    """Run the command line; an error made on purpose is one sentence and its exit code."""
    try:
        app(standalone_mode=False)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except ProfilingError as error:
        err.print(f"[red]{type(error).__name__}[/red]: ", end="")
        err.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        error.show()  # type: ignore[attr-defined]  # a usage error of the command line library
        sys.exit(2)


if __name__ == "__main__":
    main()
