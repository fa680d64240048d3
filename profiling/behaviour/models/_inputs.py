"""What a model may be given. One place refuses what cannot be learned from, and says which column or label it is."""

from contextlib import AbstractContextManager
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from profiling.behaviour.models.contract import TEXT
from profiling.errors import InputError
from profiling.text import readable


def labels_of(labels: Any, rows: int) -> np.ndarray:
    """The labels as float64 (n,) of 0 and 1, both there.

    Raises:
        InputError: no rows, another length, missing labels, labels that are neither 0 nor 1, or of one class only.
    """
    values = pd.Series(np.asarray(labels)) if not isinstance(labels, pd.Series) else labels
    if rows == 0:
        raise InputError("there are no rows to learn from; name days that have customers with a known outcome")
    if len(values) != rows:
        raise InputError(f"there are {rows} rows and {len(values)} labels; each row needs its own")
    missing = int(values.isna().sum())
    if missing:
        raise InputError(f"{missing} of {rows} labels are NaN; leave out the rows whose outcome is not known")
    if not pd.api.types.is_numeric_dtype(values):
        raise InputError(f"labels are of type {values.dtype}; they must be the numbers 0 and 1")
    numbers = values.to_numpy(dtype=np.float64)
    found = np.unique(numbers)
    if not np.isin(found, (0.0, 1.0)).all():
        odd = ", ".join(f"{value:g}" for value in found[~np.isin(found, (0.0, 1.0))][:3])
        raise InputError(f"labels hold {odd}; they must be 0 and 1")
    if len(found) == 1:
        raise InputError(
            f"all {rows} labels are {found[0]:g}; a model needs rows of both classes: take a longer period"
        )
    return numbers


def columns_of(inputs: pd.DataFrame) -> tuple[str, ...]:
    """Names of the features to learn from, in the frame's order.

    Raises:
        InputError: there is no column, or two of one name.
    """
    names = [str(name) for name in inputs.columns]
    if not names:
        raise InputError("the inputs have no columns; a model of features needs at least one")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"columns are there more than once: {', '.join(twice)}; give each feature a name of its own")
    return tuple(names)


def matrix_of(inputs: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """The named columns in this order: float64 (n, d), C-contiguous, NaN where not known. Other columns are not looked at.

    Raises:
        InputError: columns are missing, no numbers, or infinite; they are named.
    """
    _refuse("are missing from the inputs; the model learned from them", [c for c in columns if c not in inputs.columns])
    series = [inputs[name] for name in columns]
    # A column without a single value has no type of its own (None in every row): it is simply not known.
    _refuse(
        "hold no numbers; encode them first", [str(s.name) for s in series if not _is_numeric(s) and s.notna().any()]
    )
    values = np.empty((len(inputs), len(columns)))
    for at, column in enumerate(series):
        values[:, at] = column.to_numpy(dtype=np.float64, na_value=np.nan) if _is_numeric(column) else np.nan
    is_infinite = np.isinf(values).any(axis=0)
    _refuse(
        "hold infinite values; a value that is not known is NaN", [columns[at] for at in np.flatnonzero(is_infinite)]
    )
    return values


def texts_of(inputs: pd.DataFrame) -> list[str]:
    """The column TEXT as strings, cut and repaired as everywhere (`profiling.text.readable`); a missing text is empty.

    Raises:
        InputError: the column is missing, or holds something else than texts.
    """
    if TEXT not in inputs.columns:
        raise InputError(f"the column {TEXT!r} is missing; a model that reads needs it and no other")
    values = inputs[TEXT].tolist()
    odd = next((v for v in values if not isinstance(v, str) and not pd.isna(v)), None)
    if odd is not None:
        raise InputError(f"the column {TEXT!r} holds {odd!r} of type {type(odd).__name__}; it must hold texts")
    return [readable(value) if isinstance(value, str) else "" for value in values]


def refuse_unfitted(name: str) -> NoReturn:
    """For a model that is asked before it has learned."""
    raise InputError(f"{name} has not learned anything yet; call fit or load a saved one")


def one_thread() -> AbstractContextManager[Any]:
    """One BLAS thread: with more, sums are split by their number, and another machine gives other last bits."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def _refuse(why: str, columns: list[str]) -> None:
    if columns:
        raise InputError(f"columns {', '.join(columns)} {why}")
