"""The command line itself: its options, the two consoles, how loudly it speaks."""

import logging
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from profiling import __version__

app = typer.Typer(
    name="profiling", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)  # a pipe has no width of its own
err = Console(stderr=True, highlight=False, soft_wrap=True)

Day = Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day.")]
Bucket = Annotated[int | None, typer.Option("--bucket", metavar="B", help="Compute one bucket into staging.")]
Close = Annotated[bool, typer.Option("--close", help="Gate the staged day and commit it.")]
AsOf = Annotated[
    str,
    typer.Option(
        "--as-of", metavar="YYYY-MM-DD", help="The day the labels end; the model speaks from the next day on."
    ),
]
OneTarget = Annotated[str | None, typer.Option("--target", metavar="T", help="One target; default: each.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.callback()
def configure(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Warnings only.")] = False,
) -> None:
    """Daily customer profiles from text and behaviour. Settings come from PROFILING_* variables and .env."""
    if version:
        out.print(__version__)
        raise typer.Exit
    level = logging.WARNING if quiet or err.is_terminal else logging.INFO
    handler: logging.Handler = RichHandler(console=err, show_path=False) if err.is_terminal else logging.StreamHandler()
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(message)s")
    logging.getLogger("profiling").setLevel(level)
