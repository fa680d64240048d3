"""What every model keeps to, whatever it is made of: fit, predict_proba, explain, save, load.

A model takes frames, gives probabilities, and says of each of them what it rests on. It knows nothing of days, lakes or
customers; which rows to learn from is decided by `training`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

TEXT = "text"  # the one column that the inputs of a model that reads must have
# They may have two more: the text's unit vector (float32 array, or None) and the name of the encoder that made it.
EMBEDDING, ENCODER = "embedding", "encoder"
READS_VECTORS = frozenset({"text_stack"})  # the models that look at them


class Contribution(NamedTuple):
    """What one input added to a score: a feature's name or a token, its value as the model read it, and the amount."""

    name: str
    value: float | str | None
    amount: float


@dataclass(frozen=True)
class Explanation:
    """Why a score is what it is: `base` plus all amounts is `score` to within `tolerance`.

    Attributes:
        scale: what base, amounts and score are counted in: `log_odds` (probability = sigmoid(score)) or `probability`.
        base: the score before anything is known of the row (model, baseline).
        contributions: largest absolute amount first; ties by name. Zero amounts may be left out.
        score: the model's own score of the row, on the same scale; on `probability` it may lie outside 0 to 1 before clipping.
        tolerance: how far the sum may be from the score: rounding for exact methods, the quadrature's error for integrated
            gradients.
    """

    scale: str
    base: float
    contributions: Sequence[Contribution]
    score: float
    tolerance: float


@runtime_checkable
class Model(Protocol):
    """A binary classifier that explains itself.

    Attributes:
        name: as targets and registry call it, such as `logistic_regression`.
        reads: `features` (numeric columns; a missing value is NaN and means not known) or `text` (one column, TEXT).
        params: everything needed to make it again, as JSON values; the seed is one of them.
    """

    name: ClassVar[str]
    reads: ClassVar[str]
    params: dict[str, Any]

    def fit(self, inputs: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn from n rows and their labels (n, of 0 and 1). The same rows in the same order give the same model.

        Raises:
            InputError: no rows, other lengths, labels that are not 0 and 1 or of one class only, or columns it cannot read.
        """

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        """The probability of label 1 of every row: (n,), float64, 0 to 1. A row's value does not depend on its neighbours.

        Raises:
            InputError: it is not fitted, or columns are missing (they are named).
        """

    def explain(self, inputs: pd.DataFrame) -> list[Explanation]:
        """One explanation for every row, in order."""

    def save(self, folder: Path) -> None:
        """Write plain files (JSON, safetensors, LightGBM's text) into `folder`; `model.json` names the model and its params.

        The same model gives the same bytes.
        """

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote: the same probabilities bit for bit. Nothing is unpickled.

        Raises:
            InputError: a file is missing, damaged, or of another model.
        """


@runtime_checkable
class Resumable(Protocol):
    """A model whose training takes long and survives a kill.

    Attributes:
        checkpoint: a folder of this training alone, None by default. When it is set, `fit` keeps its state there, and the same
            `fit` after a kill goes on from it to the same model bit for bit. It is no param: where a training kept its state
            says nothing of the model.
    """

    checkpoint: Path | None


@runtime_checkable
class KeepsWords(Protocol):
    """A model whose files hold words of the texts it learned from: whoever wrote them may ask that they be erased."""

    def vocabulary(self) -> frozenset[str]:
        """The words and word sequences in its files."""

    def words(self, text: str) -> list[str]:
        """A text as the model reads it, in the terms of its vocabulary."""
