"""A decision tree small enough to be read from top to bottom."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from profiling.behaviour.models import _files
from profiling.behaviour.models._explanations import PROBABILITY, of_features
from profiling.behaviour.models._inputs import columns_of, labels_of, matrix_of, one_thread, refuse_unfitted
from profiling.behaviour.models.contract import Explanation

_LEAF = -1  # in `left` and `right`, as scikit-learn marks it
# One row per node, the root first: rows go left where value <= threshold, missing ones where the training sent them.
_ARRAYS = {
    "feature": np.int64,
    "threshold": np.float64,
    "left": np.int64,
    "right": np.int64,
    "is_missing_left": np.bool_,
    "probability": np.float64,
    "rows": np.int64,
}


class DecisionTree:
    """CART (Gini), at most `max_depth` questions deep, each leaf with at least `min_rows` of the training rows.

    A row is explained by its path (Saabas 2014): each split adds probability(child) - probability(node) to the feature it
    asks for. The sum over the path is the leaf less the root, so it is exact.
    """

    name: ClassVar[str] = "decision_tree"
    reads: ClassVar[str] = "features"

    def __init__(self, *, max_depth: int = 4, min_rows: int = 20, seed: int = 0) -> None:
        self.params: dict[str, Any] = {"max_depth": max_depth, "min_rows": min_rows, "seed": seed}
        self._columns: tuple[str, ...] = ()
        self._nodes: dict[str, np.ndarray] = {}

    def fit(self, inputs: pd.DataFrame, labels: np.ndarray) -> Self:
        from sklearn.tree import DecisionTreeClassifier

        columns = columns_of(inputs)
        values, targets = matrix_of(inputs, columns), labels_of(labels, len(inputs))
        with one_thread():
            tree = (
                DecisionTreeClassifier(
                    max_depth=self.params["max_depth"],
                    min_samples_leaf=self.params["min_rows"],
                    random_state=self.params["seed"],
                )
                .fit(_as_compared(values), targets)
                .tree_
            )
        found = {
            "feature": tree.feature,
            "threshold": tree.threshold,
            "left": tree.children_left,
            "right": tree.children_right,
            "is_missing_left": tree.missing_go_to_left,
            "probability": tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1),
            "rows": tree.n_node_samples,
        }
        self._columns, self._nodes = columns, {name: found[name].astype(kind) for name, kind in _ARRAYS.items()}
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        nodes = self._fitted()
        return nodes["probability"][self._walk(matrix_of(inputs, self._columns))[0]]

    def explain(self, inputs: pd.DataFrame) -> list[Explanation]:
        nodes = self._fitted()
        values = matrix_of(inputs, self._columns)
        leaves, amounts = self._walk(values)
        probability = nodes["probability"]
        return of_features(PROBABILITY, probability[0], self._columns, values, amounts, probability[leaves])

    def save(self, folder: Path) -> None:
        state = {"columns": list(self._columns)} | {name: array.tolist() for name, array in self._fitted().items()}
        _files.write(folder, self.name, self.params, state, {})

    @classmethod
    def load(cls, folder: Path) -> Self:
        saved = _files.read(folder, cls.name)
        model, state = cls(**saved["params"]), saved["state"]
        model._columns = tuple(state["columns"])
        model._nodes = {name: np.array(state[name], dtype=kind) for name, kind in _ARRAYS.items()}
        return model

    def _walk(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The leaf of every row (n,), and what each feature added on the way there (n, d); all rows step down together."""
        nodes, compared = self._nodes, _as_compared(values)
        amounts = np.zeros(values.shape)
        at = np.zeros(len(values), dtype=np.int64)
        rows = np.arange(len(values))
        while (rows := rows[nodes["left"][at[rows]] != _LEAF]).size:
            node = at[rows]
            feature = nodes["feature"][node]
            value = compared[rows, feature]
            is_left = np.where(np.isnan(value), nodes["is_missing_left"][node], value <= nodes["threshold"][node])
            child = np.where(is_left, nodes["left"][node], nodes["right"][node])
            amounts[rows, feature] += nodes["probability"][child] - nodes["probability"][node]
            at[rows] = child
        return at, amounts

    def _fitted(self) -> dict[str, np.ndarray]:
        if not self._nodes:
            refuse_unfitted(self.name)
        return self._nodes


def _as_compared(values: np.ndarray) -> np.ndarray:
    """The values as scikit-learn compares them with its thresholds: rounded to float32."""
    limit = np.finfo(np.float32).max
    return np.clip(values, -limit, limit).astype(np.float32)
