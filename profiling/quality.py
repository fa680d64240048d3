"""Data gates: a suite of expectations against a frame. The only user of Great Expectations.

A suite is data, `expectations/<table>.json`, in Great Expectations' own form: `name`, `expectations` with `type`, `kwargs`,
`severity` (`critical`, the default, fails the day; `warning` and `info` only warn) and `meta` (`fix`: what to do, `why`, and
`fix_zh`, the same in Chinese, if there is one). docs/quality.md says how to add an expectation.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from profiling.errors import SettingsError
from profiling.schemas import TABLES, Column

logger = logging.getLogger(__name__)

FAIL, WARN = "fail", "warn"
_SEVERITIES = {"critical": FAIL, "warning": WARN, "info": WARN}
# What these observe is one number that belongs to nobody. Others observe cells or lists of cells and stay silent.
_AGGREGATES = {
    "expect_table_row_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
}
_EXTREMES = {"expect_column_min_to_be_between", "expect_column_max_to_be_between"}

_TYPES = ("expect_column_values_to_be_in_type_list", "expect_column_values_to_be_of_type")
_NAMED = ("column", "column_list", "column_A", "column_B", "column_set", "condition_parser")

Result = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """The outcome of a gate. Holds counts and never a cell's value.

    results, one for each expectation in the suite's order: `expectation`, `column` (or None), `arguments` (what the suite says
    of it), `severity` (fail or warn), `success`, `unexpected_count`, `unexpected_percent` (0-100), `observed` (an aggregate
    number or None), `fix`, `fix_zh`.
    """

    suite: str
    rows: int
    results: tuple[Result, ...]

    @property
    def is_passed(self) -> bool:
        """No expectation of severity `fail` is broken."""
        return not self.failures

    @property
    def failures(self) -> list[Result]:
        return self._broken(FAIL)

    @property
    def warnings(self) -> list[Result]:
        return self._broken(WARN)

    def _broken(self, severity: str) -> list[Result]:
        return [result for result in self.results if not result["success"] and result["severity"] == severity]

    def to_dict(self) -> dict[str, Any]:
        """As it is kept in the ledger: what to do is said only where there is something to do."""
        said = [
            {key: value for key, value in result.items() if not (result["success"] and key in ("fix", "fix_zh"))}
            for result in self.results
        ]
        return {**asdict(self), "results": said, "is_passed": self.is_passed}


def expectations_folder() -> Path:
    """The folder of the suites: inside the installed package, or beside it in a checkout.

    Raises:
        SettingsError: there is none.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "expectations", here.parent / "expectations"):
        if folder.is_dir():
            return folder
    raise SettingsError(f"no folder `expectations` in or beside {here}; install the package again")


# --- reading a suite ---


def expectations(suite: str) -> list[dict[str, Any]]:
    """The entries of a suite, in its order.

    Raises:
        SettingsError: the suite cannot be read.
    """
    path = expectations_folder() / f"{suite}.json"
    return _read(path, _content(path))


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json"))) or "none"
        raise SettingsError(f"no suite {path.stem!r} in {path.parent}; there are: {known}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8: {error}; correct the file") from error


def _read(path: Path, content: str) -> list[dict[str, Any]]:
    try:
        suite = json.loads(content)
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}; correct the file") from error
    if not isinstance(suite, dict) or not isinstance(suite.get("expectations"), list) or not suite["expectations"]:
        raise SettingsError(
            f'{path} holds no expectations; it needs {{"name": ..., "expectations": [...]}} with at least one'
        )
    if suite.get("name") != path.stem:
        raise SettingsError(f"{path} names its suite {suite.get('name')!r}; name it {path.stem!r}, after its file")
    return list(suite["expectations"])


def _place(path: Path, number: int, entry: object) -> str:
    kind = entry.get("type") if isinstance(entry, dict) else None
    return f"{path}, expectation {number + 1} ({kind})"


def _check(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        place = _place(path, number, entry)
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("type"), str)
            or not isinstance(entry.get("kwargs", {}), dict)
        ):
            raise SettingsError(f"{place}: needs a `type` and `kwargs`")
        if entry.get("severity", "critical") not in _SEVERITIES:
            raise SettingsError(f"{place}: severity {entry['severity']!r} is unknown; use {', '.join(_SEVERITIES)}")
        meta = entry.get("meta")
        if not isinstance(meta, dict) or not all(
            isinstance(meta.get(name), str) and meta[name] for name in ("fix", "why")
        ):
            raise SettingsError(f"{place}: `meta` needs two sentences, `fix` (what to do) and `why`")


def _columns(entry: Mapping[str, Any]) -> list[str]:
    """The columns an expectation needs to be there; those that ask whether columns are there need none."""
    kwargs = entry.get("kwargs", {})
    if entry["type"] == "expect_column_to_exist" or "column_set" in kwargs or entry["type"].startswith("expect_table_"):
        return []
    named = [kwargs.get(name) for name in ("column", "column_A", "column_B")] + list(kwargs.get("column_list", ()))
    return [name for name in named if name]


def _build(path: Path, entries: Sequence[dict[str, Any]]) -> list[Any]:
    """The expectations as objects, each with its number. One by one: ExpectationSuite drops what it cannot build."""
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    built = []
    for number, entry in enumerate(entries):
        try:
            configuration = ExpectationConfiguration(
                type=entry["type"],
                kwargs=entry.get("kwargs", {}),
                meta={"number": number},
                severity=entry.get("severity", "critical"),
            )
            built.append(configuration.to_domain_obj())
        except (GreatExpectationsError, ValueError, TypeError) as error:  # pydantic's ValidationError is a ValueError
            why = " ".join(str(error).split())
            raise SettingsError(
                f"{_place(path, number, entry)}: Great Expectations does not accept it: {why}"
            ) from error
    return built


# --- making a frame fit ---


def _derived(column: Column) -> list[str]:
    """What stands for a column of lists, which Great Expectations cannot count or sort."""
    if not pa.types.is_list(column.type):
        return [column.name]
    if pa.types.is_floating(column.type.value_type):
        return [f"{column.name}_dimension", f"{column.name}_norm"]
    return [f"{column.name}_count"]


def _norm(vector: Any) -> float:
    """Infinite where a component is NaN, which would pass for a missing vector."""
    norm = float(np.linalg.norm(np.asarray(vector, dtype="float64")))
    return norm if np.isfinite(norm) else np.inf


def lengths(frame: pd.DataFrame, table: Sequence[Column]) -> pd.DataFrame:
    """Lists as numbers: a vector becomes `<name>_dimension` and `<name>_norm`, another list `<name>_count`.

    `gate` does so itself; whoever holds a frame in pieces does it by pieces and gives the gate what is left.
    """
    numbers: dict[str, pd.Series] = {}
    lists = [column for column in table if pa.types.is_list(column.type) and column.name in frame]
    for column in lists:
        cells = [
            None if cell is None or cell is pd.NA or isinstance(cell, float) else cell for cell in frame[column.name]
        ]
        count, *norm = _derived(column)
        numbers[count] = pd.Series(
            [np.nan if cell is None else float(len(cell)) for cell in cells], index=frame.index, dtype=float
        )
        for name in norm:
            norms = [np.nan if cell is None else _norm(cell) for cell in cells]
            numbers[name] = pd.Series(norms, index=frame.index, dtype=float)
    return frame.drop(columns=[column.name for column in lists]).assign(**numbers)


def _references(frame: pd.DataFrame, known: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """A column `<name>_is_known` for each column that refers to others: whether all it names is among what is known.

    A column of evidence refers by the `interaction_id` of its elements; naming nothing is fine.
    """
    found: dict[str, pd.Series] = {}
    for name in (name for name in known if name in frame):
        ids = known[name] if isinstance(known[name], set | frozenset) else set(known[name])
        if any(isinstance(cell, str) for cell in frame[name].head(1)):
            found[f"{name}_is_known"] = frame[name].astype(object).isin(ids)
        else:
            held = [all(element["interaction_id"] in ids for element in cell) for cell in frame[name]]
            found[f"{name}_is_known"] = pd.Series(held, index=frame.index, dtype=bool)
    return frame.assign(**found)


# --- the gate ---


@dataclass(frozen=True)
class _Plan:
    """What Great Expectations works out of a suite before it sees a row: expectations, the metrics each needs, their graph."""

    expectations: Mapping[int, Any]
    needs: Mapping[int, Any]
    edges: list[Any]


@lru_cache(maxsize=64)
def _plan(path: Path, content: str, runnable: tuple[int, ...], types: tuple[tuple[str, Any], ...]) -> _Plan:
    """The plan of some expectations of a suite, made once per process: it takes six times as long as a small day's gate.

    It depends on the columns' types (an expectation of a type asks for other metrics where they are mixed) and on no row.
    `content`, the file's text, is part of the key: an edited suite is planned anew.
    """
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    objects = _build(path, _read(path, content))
    columns = {name: pd.Series([], dtype=dtype) for name, dtype in types}
    engine = PandasExecutionEngine(batch_data_dict={"frame": pd.DataFrame(columns)})
    calculator = MetricsCalculator(execution_engine=engine, show_progress_bars=False)
    expectations = {number: objects[number] for number in runnable}
    needs, edges = {}, {}
    for number, expectation in expectations.items():
        needs[number] = expectation.get_validation_dependencies(engine, {"result_format": dict(_COUNTS_ONLY)})
        graph = calculator.build_metric_dependency_graph(needs[number].get_metric_configurations())
        edges.update({edge.id: edge for edge in graph.edges})  # what two expectations need is computed once
    return _Plan(expectations, needs, list(edges.values()))


# Without it a result would carry samples of the cells.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


def _outcomes(plan: _Plan, frame: pd.DataFrame) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    """(number, `success` and `result`) for each expectation of a plan; None for one that cannot be computed.

    This is what `Batch.validate` does, less what it works out anew for every frame; a test holds the two against each other.
    """
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.validation_graph import ValidationGraph

    engine = PandasExecutionEngine(batch_data_dict={"frame": frame})
    graph = ValidationGraph(execution_engine=engine, edges=plan.edges)
    with np.errstate(invalid="ignore"):
        metrics, _ = graph.resolve(runtime_configuration={"catch_exceptions": True}, show_progress_bars=False)
    for number, expectation in plan.expectations.items():
        needed = plan.needs[number].metric_configurations
        if not all(metric.id in metrics for metric in needed.values()):
            yield number, None
            continue
        values = {name: metrics[metric.id] for name, metric in needed.items()}
        found = expectation._validate(values, {"result_format": dict(plan.needs[number].result_format)}, engine)
        yield number, found if isinstance(found, Mapping) else found.to_json_dict()


def _observed(entry: Mapping[str, Any], table: Mapping[str, Column], found: Mapping[str, Any]) -> int | float | None:
    value = found.get("observed_value")
    column = table.get(entry.get("kwargs", {}).get("column", ""))
    is_public = entry["type"] in _AGGREGATES or (
        entry["type"] in _EXTREMES and column is not None and not column.is_personal
    )
    return value if is_public and isinstance(value, int | float) and not isinstance(value, bool) else None


def _result(
    entry: Mapping[str, Any], success: bool, found: Mapping[str, Any], observed: int | float | None = None
) -> Result:
    kwargs = entry.get("kwargs", {})
    pair = [kwargs[name] for name in ("column_A", "column_B") if name in kwargs]
    column = kwargs.get("column") or ", ".join(kwargs.get("column_list", pair)) or None
    percent = found.get("unexpected_percent")
    return {
        "expectation": entry["type"],
        "column": column,
        "arguments": {name: value for name, value in kwargs.items() if name not in _NAMED},
        "severity": _SEVERITIES[entry.get("severity", "critical")],
        "success": success,
        "unexpected_count": int(found.get("unexpected_count") or 0),
        "unexpected_percent": round(float(percent), 4) if percent is not None and percent == percent else 0.0,
        "observed": observed,
        "fix": entry["meta"]["fix"],
        "fix_zh": entry["meta"].get("fix_zh", entry["meta"]["fix"]),
    }


def _judge(
    path: Path, content: str, entries: Sequence[dict[str, Any]], frame: pd.DataFrame, table: Mapping[str, Column]
) -> Iterator[tuple[int, Result]]:
    """(number, result) for each expectation; those about a missing column fail, those about cells of no rows hold."""
    runnable = []
    for number, entry in enumerate(entries):
        columns = _columns(entry)
        if not set(columns) <= set(frame.columns):
            yield number, _result(entry, False, {"unexpected_count": len(frame), "unexpected_percent": 100.0})
        elif columns and frame.empty:
            yield number, _result(entry, True, {})
        else:
            runnable.append(number)
    if not runnable:
        _build(path, entries)  # a wrong suite is refused on a quiet day too
        return
    types = tuple((str(name), dtype) for name, dtype in frame.dtypes.items())
    outcomes = dict(_outcomes(_plan(path, content, tuple(runnable), types), frame))
    mistyped = {
        entries[number]["kwargs"]["column"]
        for number, found in outcomes.items()
        if found is not None and not found["success"] and entries[number]["type"] in _TYPES
    }
    for number, found in outcomes.items():
        entry = entries[number]
        if found is not None:
            result = found.get("result") or {}
            yield number, _result(entry, bool(found["success"]), result, _observed(entry, table, result))
        elif mistyped & set(_columns(entry)):  # what cannot be computed on values of a wrong type does not hold
            yield number, _result(entry, False, {"unexpected_count": len(frame), "unexpected_percent": 100.0})
        else:
            raise SettingsError(
                f"{_place(path, number, entry)}: it cannot be computed on this column; check type and kwargs"
            )


def gate(
    suite: str,
    frame: pd.DataFrame,
    folder: Path | None = None,
    *,
    known: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Report:
    """Hold a frame against its suite.

    Args:
        suite: name of a file in the folder of expectations, without `.json`; for a table of `schemas`, its name.
        frame: the staged rows. Columns of lists are judged by their lengths: `embedding_dimension`, `embedding_norm`,
            `keywords_count`. It is not changed.
        folder: another folder of suites.
        known: for columns that refer to rows of another table, the ids that are there. They are judged as
            `<column>_is_known`: `evidence_is_known`.

    Returns:
        The report. A column that is missing fails what is expected of it; of no rows, all that is said of cells holds.

    Raises:
        SettingsError: the suite cannot be read, or names an expectation or a column that does not exist.
    """
    path = (folder or expectations_folder()) / f"{suite}.json"
    content = _content(path)
    entries = _read(path, content)
    _check(path, entries)
    columns = TABLES[suite].columns if suite in TABLES else ()
    judged = lengths(_references(frame, known), columns).reset_index(drop=True)
    there = {name for column in columns for name in _derived(column)} | set(judged.columns)
    for number, entry in enumerate(entries):
        unknown = sorted(set(_columns(entry)) - there)
        if unknown:
            raise SettingsError(
                f"{_place(path, number, entry)}: there is no column {unknown[0]!r}; there are: {', '.join(sorted(there))}"
            )
    table = {name: column for column in columns for name in _derived(column)}
    results = dict(_judge(path, content, entries, judged, table))
    if len(results) != len(entries):
        raise SettingsError(
            f"{path}: {len(entries) - len(results)} expectations gave no result; two of them are the same"
        )
    report = Report(suite, len(frame), tuple(results[number] for number in sorted(results)))
    logger.info(
        "gate %s: %d rows, %d failures, %d warnings", suite, report.rows, len(report.failures), len(report.warnings)
    )
    return report


def gate_in_pieces(
    suite: str,
    pieces: Callable[[], Iterable[pd.DataFrame]],
    *,
    known: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Report:
    """Hold a table against its suite a piece at a time: the report of `gate`, without the whole table in memory.

    Where something is unexpected, or a number of the whole is asked for, the pieces are put together and judged at once.

    Args:
        pieces: reads the rows again from the first, piece after piece, at least one. No key is in two pieces.
    """
    rows, first = 0, None
    for piece in pieces():
        report = gate(suite, piece, known=known)
        if any(not r["success"] or r["unexpected_count"] or r["observed"] is not None for r in report.results):
            return gate(suite, pd.concat(list(pieces()), ignore_index=True), known=known)
        rows, first = rows + report.rows, first or report
    if first is None:
        raise ValueError(f"{suite}: no piece to judge")
    return replace(first, rows=rows)
