"""Two tiny worlds whose right answer is obvious by eye, one for each kind of input, and how each model is made for them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.models import MODELS, make
from profiling.behaviour.models.contract import TEXT, Model

ROWS = 240


@dataclass(frozen=True)
class World:
    """`reason` is what decides every label; `yes` and `no` are rows nobody would doubt."""

    inputs: pd.DataFrame
    labels: np.ndarray
    yes: pd.DataFrame
    no: pd.DataFrame
    reason: tuple[str, str]  # of yes and of no: a feature's name, or the word


def of_features() -> World:
    """Who came lately comes again. `colour` is noise, and every fifth is not known; all have the same `shop`."""
    chance = np.random.default_rng(7)
    days = chance.permutation(np.linspace(0, 120, ROWS))
    colour = np.where(np.arange(ROWS) % 5 == 0, np.nan, chance.normal(size=ROWS))
    inputs = pd.DataFrame({"days_since_last": days, "colour": colour, "shop": 1})
    yes, no = ({"days_since_last": [day], "colour": [0.1], "shop": [1]} for day in (2.0, 110.0))
    labels = (days < 40).astype(int)
    return World(inputs, labels, pd.DataFrame(yes), pd.DataFrame(no), ("days_since_last", "days_since_last"))


def of_texts() -> World:
    """Who loves it is satisfied, who hates it is not; the rest of the sentence says nothing."""
    chance = np.random.default_rng(7)
    is_happy = np.arange(ROWS) % 2 == 0
    filler = [" ".join(chance.choice(["the", "red", "guitar", "came", "on", "monday"], 3)) for _ in range(ROWS)]
    texts = [f"{'love' if happy else 'hate'} {rest}" for happy, rest in zip(is_happy, filler, strict=True)]
    yes, no = (pd.DataFrame({TEXT: [f"{word} the red guitar"]}) for word in ("love", "hate"))
    return World(pd.DataFrame({TEXT: texts}), is_happy.astype(int), yes, no, ("love", "hate"))


WORLDS = {"features": of_features(), "text": of_texts()}


@dataclass(frozen=True)
class Case:
    """A model under the contract: its name, and params that suit a tiny world. That is all it takes to enrol one."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()  # what its reasons may be called beside the word that decides

    def make(self) -> Model:
        return make(self.name, **self.params)

    @property
    def world(self) -> World:
        return WORLDS[MODELS[self.name].reads]


CASES = [
    Case("logistic_regression"),
    Case("linear_regression"),
    Case("decision_tree"),
    Case("lightgbm", {"trees": 30}),
    Case("tfidf_logistic_regression"),
    Case("tfidf_logistic_regression", {"terms": "characters", "C": 1.0, "is_balanced": False}),
    Case("text_stack", also=("(mood by lexicons)",)),
    Case("customer_profiler", {"embedding": 8, "hidden": 12, "learning_rate": 0.02, "epochs": 6}),
]
