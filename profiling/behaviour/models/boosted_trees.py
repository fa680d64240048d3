"""LightGBM on features: gradient boosted trees."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from profiling.behaviour.models import _files
from profiling.behaviour.models._explanations import LOG_ODDS, of_features
from profiling.behaviour.models._inputs import columns_of, labels_of, matrix_of, refuse_unfitted
from profiling.behaviour.models.contract import Explanation

_TREES = "trees.txt"


class LightGBM:
    """Ke et al. 2017. Missing values are split on as they are; explained by exact TreeSHAP (Lundberg et al. 2018)."""

    name: ClassVar[str] = "lightgbm"
    reads: ClassVar[str] = "features"

    def __init__(
        self,
        *,
        trees: int = 200,
        learning_rate: float = 0.05,
        num_leaves: int = 15,
        min_rows: int = 20,
        seed: int = 0,
    ) -> None:
        self.params: dict[str, Any] = {
            "trees": trees,
            "learning_rate": learning_rate,
            "num_leaves": num_leaves,
            "min_rows": min_rows,
            "seed": seed,
        }
        self._columns: tuple[str, ...] = ()
        self._booster: Any = None

    def fit(self, inputs: pd.DataFrame, labels: np.ndarray) -> Self:
        import lightgbm

        columns = columns_of(inputs)
        values, targets = matrix_of(inputs, columns), labels_of(labels, len(inputs))
        settings = {
            "objective": "binary",
            "learning_rate": self.params["learning_rate"],
            "num_leaves": self.params["num_leaves"],
            "min_data_in_leaf": self.params["min_rows"],
            "seed": self.params["seed"],
            # The three that LightGBM asks for to give the same trees on every run.
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        trained = lightgbm.train(settings, lightgbm.Dataset(values, targets), num_boost_round=self.params["trees"])
        # Read back at once, so that what is used now is to the bit what will be used after loading.
        self._columns, self._booster = columns, _booster(trained.model_to_string())
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        return self._predict(self._values(inputs))

    def explain(self, inputs: pd.DataFrame) -> list[Explanation]:
        values = self._values(inputs)
        if not len(values):
            return []
        parts = self._predict(values, pred_contrib=True)  # (n, d + 1), the last is the expected score
        scores = self._predict(values, raw_score=True)
        return of_features(LOG_ODDS, parts[0, -1], self._columns, values, parts[:, :-1], scores)

    def save(self, folder: Path) -> None:
        if self._booster is None:
            refuse_unfitted(self.name)
        trees = self._booster.model_to_string().encode()
        _files.write(folder, self.name, self.params, {"columns": list(self._columns)}, {_TREES: trees})

    @classmethod
    def load(cls, folder: Path) -> Self:
        saved = _files.read(folder, cls.name)
        model = cls(**saved["params"])
        model._columns = tuple(saved["state"]["columns"])
        model._booster = _booster(saved["files"][_TREES].decode())
        return model

    def _values(self, inputs: pd.DataFrame) -> np.ndarray:
        if self._booster is None:
            refuse_unfitted(self.name)
        return matrix_of(inputs, self._columns)

    def _predict(self, values: np.ndarray, **what: bool) -> np.ndarray:
        if not len(values):
            return np.zeros(0)
        return np.asarray(self._booster.predict(values, num_threads=1, **what), dtype=np.float64)


def _booster(trees: str) -> Any:
    from lightgbm import Booster

    return Booster(model_str=trees)
