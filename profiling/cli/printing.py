"""How results are said: sentences and tables."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from profiling.cli.app import err, out
from profiling.errors import SettingsError
from profiling.settings import Settings

if TYPE_CHECKING:
    from profiling.behaviour.evaluation import Estimate
    from profiling.behaviour.protocols.report import Report
    from profiling.stages import Outcome, Release


def print_counts(counts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(counts))
    else:
        out.print(", ".join(f"{name} {number}" for name, number in counts.items()))


def print_outcome(outcome: "Outcome", as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(outcome.asdict()))
        return
    counts = ", ".join(f"{name} {number}" for name, number in outcome.counts.items())
    out.print(f"{outcome.stage} {outcome.day}: {outcome.state}" + (f" ({counts})" if counts else ""))
    for warning in outcome.warnings:
        err.print(f"warning: {warning}", markup=False)
    if outcome.restated:
        out.print(f"computed again, because they hold the same rows: {', '.join(outcome.restated)}")
    if outcome.staged:
        out.print(outcome.staged, soft_wrap=True)


def print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    """Records as a table; ids by their first characters, which every command takes."""
    table = Table(title=title, title_justify="left", box=None)
    for name in rows[0]:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_short(value)) for value in row.values()))
    out.print(table)


def _short(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_short, value))
    text = "" if value is None else str(value)
    return text[:12] if re.fullmatch("[0-9a-f]{32}", text) else text


def print_release(found: "Release", settings: Settings) -> None:
    from profiling.rights.budget import period

    released = found.document
    table = Table(box=None)
    for title in ("by", "segment", *released["statistics"]):
        table.add_column(title, no_wrap=True)
    for row in released["rows"]:
        figures = (row[name] for name in released["statistics"])
        table.add_row(row["by"], row["segment"], *(Text(_interval(figure)) for figure in figures))
    out.print(table)
    counts = [row["count"]["value"] for row in released["rows"] if "count" in row]
    if (below := sum(value < 0 for value in counts)) > 0:
        out.print(
            f"{below} counts came out below 0 by their noise and are shown as 0, which costs no privacy; the files keep them as "
            "they came, so that sums of them stay right on average",
            soft_wrap=True,
        )
    cost = f"epsilon {released['epsilon']}"
    cost = f"released before for {cost}, costs nothing now" if found.is_repeated else f"{cost} spent"
    out.print(f"{cost}; {found.left} of {settings.privacy_budget_epsilon} left {period(settings)}")
    out.print("\n".join(found.files), soft_wrap=True)


def _interval(figure: dict[str, Any]) -> str:
    """413 [390, 436], a count of at least 0; a mean that is lost in the noise is a dash."""
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if isinstance(value, int):
        return f"{max(0, value)} [{low}, {high}]"
    return f"{'-' if value is None else f'{value:.3f}'} [{low:.3f}, {high:.3f}]"


def print_report(report: "Report") -> None:
    facts = (
        f"{key} {value:,.3f}" if isinstance(value, float) else f"{key} {value:,}" for key, value in report.facts.items()
    )
    out.print(f"{report.protocol}: {', '.join(facts)}", markup=False)
    out.print(report.statement, markup=False)
    for found in report.tables:
        table = Table(title=found.title, title_justify="left", box=None)
        table.add_column("")
        for column in found.columns:
            table.add_column(column, no_wrap=True)
        for line in found.lines:
            cells = (_figure(line.figures[column]) if column in line.figures else "" for column in found.columns)
            table.add_row(
                Text(f"{line.name} (baseline)" if line.source == "baseline" else line.name), *map(Text, cells)
            )
        out.print(table)
        if found.note:
            out.print(found.note, markup=False)
    out.print(report.looks, markup=False)


def _figure(figure: "Estimate") -> str:
    """.917 [.909, .925]; what is not defined is its reason."""
    if figure.value is None:
        return f"- ({figure.reason})"
    value, *bounds = (
        "" if each is None else re.sub(r"^(-?)0\.", r"\1.", f"{each:.3f}")
        for each in (figure.value, figure.low, figure.high)
    )
    return f"{value} [{', '.join(bounds)}]" if all(bounds) else value


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere: there the log lines tell."""
    if not err.is_terminal:
        yield lambda day, outcome: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("days", total=total)
        seen: set[str] = set()

        def advance(day: str, outcome: "Outcome | None") -> None:
            seen.add(day)
            stage = f" {outcome.stage}" if outcome else ""
            bar.update(task, description=f"{day}{stage}", completed=len(seen))

        yield advance


def secret_line(what: str) -> str:
    """A line that must not stand in a shell's history or a list of processes: prompted for without echo, or read from a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def tell_caller(result: dict[str, Any]) -> None:
    """Write what came out to the file that XCOM_PATH names: there whoever runs a command as a task in a pod reads it.

    Raises:
        SettingsError: it cannot be written.
    """
    path = os.environ.get("XCOM_PATH")
    if path and os.environ.get("RANK", "0") == "0":  # under torchrun one process speaks for all
        try:
            Path(path).write_text(json.dumps(result))
        except OSError as error:
            raise SettingsError(f"XCOM_PATH={path}: {error.strerror}; name a file that can be written") from error
