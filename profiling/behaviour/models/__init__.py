"""Models on one contract: `make` makes one by name, `load_model` reads any of them back, `MODELS` names them.

Importing this package costs nothing: torch, scikit-learn and LightGBM are imported with the first model that needs them.
"""

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from profiling.behaviour.models import _files
from profiling.behaviour.models.contract import Model
from profiling.errors import InputError, SettingsError

_WHERE = {
    "customer_profiler": ("customer_profiler", "CustomerProfilerModel"),
    "decision_tree": ("decision_tree", "DecisionTree"),
    "lightgbm": ("boosted_trees", "LightGBM"),
    "linear_regression": ("linear", "LinearRegression"),
    "logistic_regression": ("linear", "LogisticRegression"),
    "text_stack": ("text_stack", "TextStack"),
    "tfidf_logistic_regression": ("tfidf", "TfidfLogisticRegression"),
}


class _Classes(Mapping[str, type[Model]]):
    """Name -> class, imported when it is asked for."""

    def __getitem__(self, name: str) -> type[Model]:
        module, kind = _WHERE[name]
        found: type[Model] = getattr(import_module(f"{__name__}.{module}"), kind)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_WHERE)

    def __len__(self) -> int:
        return len(_WHERE)

    def __contains__(self, name: object) -> bool:
        return name in _WHERE  # without an import


MODELS: Mapping[str, type[Model]] = _Classes()


def make(name: str, **params: Any) -> Model:
    """A model that has not learned anything yet; what is not in `params` has the model's own default.

    Raises:
        SettingsError: there is no such model, or it has no such param.
    """
    if name not in MODELS:
        raise SettingsError(f"there is no model {name!r}; take one of {', '.join(MODELS)}")
    known = inspect.signature(MODELS[name]).parameters
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise SettingsError(f"{name} has no param {', '.join(unknown)}; it has {', '.join(known)}")
    return MODELS[name](**params)


def load_model(folder: Path) -> Model:
    """The model that `save` wrote into `folder`, whichever it is. Nothing is unpickled.

    Raises:
        InputError: a file is missing or damaged, or the model is one this version does not have.
    """
    name = _files.read(folder)["name"]
    if name not in MODELS:
        raise InputError(f"{folder} holds a {name!r}, which this version does not have ({', '.join(MODELS)})")
    return MODELS[name].load(folder)
