"""Which model speaks for a day: candidates become champions, or the reason why not is kept. Pure functions of table rows.

A promotion takes effect the day after `as_of`, so a profile never rests on a model that has seen its own day. The champion for
a day is the promotion in effect that was not rolled back, the newest by `effective_from`.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

PROMOTED, REFUSED, ROLLED_BACK = "promoted", "refused", "rolled_back"
RETRAIN = "retrain.json"
# Which texts a model learned from, beside its files: the first 32 bits of each text's keyed hash. No part of the model's name.
LEARNED = "learned.json"
CHANCE = {"roc_auc": 0.5}


@dataclass(frozen=True)
class Entry:
    """A model of the registry: where it lies, since when it speaks, and what it scored on its holdout."""

    target: str
    as_of: str
    sha: str
    model: str
    effective_from: str
    value: float

    @property
    def folder(self) -> str:
        return artefact_folder(self.target, self.as_of, self.sha)


def artefact_folder(target: str, as_of: str, sha: str = "") -> str:
    """Where a model's files lie in the lake; without `sha` the folder of all candidates of the day."""
    return f"_models/{target}/{as_of}/{sha}".rstrip("/")


def retrain_flag(target: str, as_of: str) -> str:
    """Where it says that the model of a day learned from somebody who was erased since, so that it is trained again."""
    return f"{artefact_folder(target, as_of)}/{RETRAIN}"


def effective_from(as_of: str) -> str:
    return (date.fromisoformat(as_of) + timedelta(days=1)).isoformat()


def champion(models: pd.DataFrame, target: str, day: str) -> Entry | None:
    """The champion of a target for a day.

    Args:
        models: rows of `models`.
    """
    rows = models[models["target"] == target]
    back = rows[rows["state"] == ROLLED_BACK]
    withdrawn = {
        key: moment
        for key, moment in zip(zip(back["as_of"], back["sha"], strict=True), back["decided_at"], strict=True)
    }
    promoted = rows[(rows["state"] == PROMOTED) & (rows["effective_from"] <= day)]
    # Promoted again after it was rolled back, it speaks again.
    stands = [
        (row["as_of"], row["sha"]) not in withdrawn or row["decided_at"] > withdrawn[row["as_of"], row["sha"]]
        for row in promoted.to_dict("records")
    ]
    standing = promoted[np.array(stands, dtype=bool)].sort_values(
        ["effective_from", "decided_at", "sha"], kind="stable"
    )
    if standing.empty:
        return None
    newest = standing.iloc[-1]
    return Entry(**{name: newest[name] for name in ("target", "as_of", "sha", "model", "effective_from", "value")})


def decide(target_metric: str, candidate: dict[str, Any], incumbent: Entry | None) -> tuple[str, str]:
    """(state, reason) for a candidate.

    Args:
        candidate: a report of `training.report`, with `beaten`: the sha of the champion it was measured beside, or None.
        incumbent: the champion it would replace, as it is now.

    The rule: a point estimate on the same holdout not worse than the champion's. Not significance: with the few rows of one
    holdout that would keep the first model for ever; the interval of the difference is recorded beside it.
    """
    value = candidate["holdout"]["metrics"][target_metric]["value"]
    if value is None or value <= CHANCE.get(target_metric, float("-inf")):
        return REFUSED, f"its {target_metric} of {_shown(value)} on the holdout is no better than chance"
    if candidate["leaks"]["is_leaking"]:
        return REFUSED, "torn labels still score above chance: it sees the answers"
    if incumbent is None:
        return PROMOTED, f"no model was in service; {target_metric} {_shown(value)} on the holdout"
    theirs = candidate["champion"]["value"]["value"]
    said = f"{target_metric} {_shown(value)} against {_shown(theirs)} of the champion as of {incumbent.as_of} on the same holdout"
    return (PROMOTED, said) if theirs is None or value >= theirs else (REFUSED, said)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
