"""What a protocol found: tables of our figures beside the baselines', and everything needed to find them again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from profiling.behaviour.evaluation import Estimate
from profiling.errors import SettingsError

BASELINES = "baseline"
OURS = "ours"


@dataclass(frozen=True)
class Line:
    """One model in a table: its name, whose figures they are, and a figure by column (left out: not measured)."""

    name: str
    source: str
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class Table:
    """Models by figures. `note` says what a reader must know before comparing."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """A protocol's outcome.

    Attributes:
        protocol: its name on the command line.
        statement: what was done, exactly enough to do it again.
        looks: how often figures of the test rows were looked at while our models were being made, in words.
        facts: counts of the data.
        tables: ours beside the baselines'.
        evaluations: all metrics of all models as plain values.
    """

    protocol: str
    statement: str
    looks: str
    facts: dict[str, float]
    tables: tuple[Table, ...]
    evaluations: dict[str, Any] = field(default_factory=dict)

    def asdict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def published(columns: Iterable[str], *rows: tuple[str, tuple[float | None, ...]]) -> tuple[Line, ...]:
    """Lines of figures that were measured elsewhere, in the order of the columns; None where the table has none."""
    return tuple(
        Line(
            name,
            BASELINES,
            {column: Estimate(value) for column, value in zip(columns, values, strict=True) if value is not None},
        )
        for name, values in rows
    )


def chosen(wanted: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    """The models asked for, in the order of the protocol; all when none is named.

    Raises:
        SettingsError: one of them is not the protocol's.
    """
    names = list(known)
    asked = list(wanted) if wanted is not None else names
    for name in asked:
        if name not in names:
            raise SettingsError(f"--models: {name!r} is none of this protocol's; there are {', '.join(names)}")
    return [name for name in names if name in asked]


def one_file(inputs: list[Path]) -> Path:
    """The only input.

    Raises:
        SettingsError: there are several.
    """
    if len(inputs) != 1:
        raise SettingsError(
            f"{len(inputs)} files given; this protocol reads one --input: docs/results.md says which file"
        )
    return inputs[0]
