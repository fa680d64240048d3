"""The champion of `satisfied` as a reader of the day's texts: it learned from ratings of earlier days, and of no text twice."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.models.contract import EMBEDDING, ENCODER, TEXT, KeepsWords, Model
from profiling.behaviour.registry import Entry

READING = "satisfied"
# Of a text's terms, runs of two words among them, so many must be known; in the texts of one shop it is half to two thirds.
LEAST_KNOWN = 0.25
NOT_BETTER = "the model in service is no better than lexicons"
OLDER = "the model in service was trained by an older version"


def learned_prefixes(hashes: np.ndarray) -> bytes:
    """The content of LEARNED for the text hashes (hex) of the rows that were learned from.

    32 bits tell a text that was learned from for certain and take one in 20,000 others for one of them where 200,000 were.
    """
    return as_list({str(each)[:8] for each in hashes}).encode()


def as_list(prefixes: Iterable[str]) -> str:
    return json.dumps(sorted(prefixes)) + "\n"


def why_not(measured: Mapping[str, Any], is_known: bool) -> str | None:
    """Why a model must not score sentiment; None where it may.

    Args:
        measured: its evaluation.
        is_known: whether it is known what it learned from.
    """
    if not is_known or "lexicons" not in measured:
        return OLDER
    ours, theirs = (
        each["value"] for each in (measured["holdout"]["metrics"][measured["metric"]], measured["lexicons"])
    )
    return NOT_BETTER if ours is None or (theirs is not None and ours <= theirs) else None


@dataclass(frozen=True)
class ChampionReader:
    """`profiling.text.sentiment.Reader` of a champion.

    Attributes:
        share: of the rows it learned from, those with label 1.
        learned: content of LEARNED.
    """

    entry: Entry
    model: Model
    share: float
    learned: frozenset[str]

    @property
    def name(self) -> str:
        return f"{READING}/{self.entry.model}@{self.entry.sha}"

    @property
    def neutral(self) -> float:
        """A model that weighs both classes the same is neutral at .5, any other where it knows nothing: at its classes' share."""
        if self.model.params.get("is_balanced"):
            return 0.0
        return float(np.log(self.share) - np.log1p(-self.share))

    def has_learned(self, text_hash: str) -> bool:
        return text_hash[:8] in self.learned

    def read(self, texts: Sequence[str], vectors: Sequence[np.ndarray | None], encoder: str) -> np.ndarray:
        inputs = pd.DataFrame({TEXT: pd.Series(list(texts), dtype="object"), ENCODER: encoder})
        inputs[EMBEDDING] = pd.Series(list(vectors), dtype="object")
        return np.where(self._is_read(texts), self.model.predict_proba(inputs), np.nan)

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return self.model.vocabulary() if isinstance(self.model, KeepsWords) else frozenset()

    def _is_read(self, texts: Sequence[str]) -> np.ndarray:
        if not isinstance(self.model, KeepsWords):
            return np.ones(len(texts), dtype=bool)
        found = []
        for text in texts:
            terms = set(self.model.words(text))
            found.append(bool(terms) and len(terms & self._vocabulary) >= LEAST_KNOWN * len(terms))
        return np.array(found, dtype=bool)
