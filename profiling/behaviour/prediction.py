"""What the champions say of customers: a probability, where it stands among others, and what it rests on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.examples import is_in_population
from profiling.behaviour.features import GROUPS, customer_features
from profiling.behaviour.models.contract import EMBEDDING, ENCODER, TEXT, Explanation, Model
from profiling.behaviour.registry import Entry
from profiling.behaviour.targets import TARGETS
from profiling.text.lexicons import words

FUNCTION_WORDS = "(function words)"
REASONS = 5  # a reader wants to see why, not everything: the rest is one sum
COLUMNS = [
    "customer_id", "target", "horizon_days", "probability", "percentile", "model", "sha", "as_of", "scale", "base", "score",
    "reasons", "rest", "evidence",
]  # fmt: skip


@dataclass(frozen=True)
class Speaker:
    """A champion, loaded.

    Attributes:
        percentiles: (101,) its probabilities on its holdout, at every hundredth.
    """

    entry: Entry
    model: Model
    percentiles: np.ndarray


def predict(
    speakers: Sequence[Speaker],
    population: pd.DataFrame | None,
    day: str,
    customers: Sequence[str],
    texts: pd.DataFrame,
    timezone: str = "UTC",
) -> pd.DataFrame:
    """One row a customer and target that asks about them, sorted by both.

    Args:
        population: a snapshot's `population`; rows of others than `customers` are not looked at. None where only texts are read.
        customers: customer_ids.
        texts: customer_id, interaction_id, text: the newest text of each; only for targets that read. EMBEDDING and ENCODER
            where a model looks at them.
        timezone: IANA name, of the day's end.

    Returns:
        COLUMNS, without those for which nothing speaks: a text of which the model knows no word.

        `percentile` is the share of the model's holdout with a lower probability, 0 to 1: the same for every bucket.
        `reasons` is a list of {name, values, amount}, the REASONS largest: words of the text (`values` {"count": times}; function
        words together, after all others), or a group of features (`values` by feature; NaN is not known). base + their amounts +
        rest = score, and probability = sigmoid(score) on `log_odds` or the clipped score on `probability`. `evidence` is a list
        of {interaction_id, strength} of the text that was read; empty for models of features, whose evidence is the customer's
        activity.
    """
    read = texts[texts["customer_id"].isin(set(customers))].sort_values("customer_id", ignore_index=True)
    cited = [[{"interaction_id": i, "strength": 1.0}] for i in read["interaction_id"]]
    parts = []
    for speaker in speakers:
        target = TARGETS[speaker.entry.target]
        if target.reads == "text":
            inputs = read[[name for name in (TEXT, EMBEDDING, ENCODER) if name in read]].astype("object")
            names, evidence = read["customer_id"], cited
        elif population is None:
            continue
        else:
            mine = population[population["subject_id"].isin(set(customers))]
            features = customer_features(mine, day, timezone)
            inputs = features[is_in_population(target, mine, day, timezone).reindex(features.index, fill_value=False)]
            names, evidence = inputs.index.to_series(), [[] for _ in range(len(inputs))]
        if len(inputs):
            parts.append(_spoken(speaker, inputs, names, evidence, target.horizon_days))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).sort_values(["customer_id", "target"], ignore_index=True)


def _spoken(
    speaker: Speaker, inputs: pd.DataFrame, names: pd.Series, evidence: list[list[dict[str, object]]], horizon_days: int
) -> pd.DataFrame:
    probabilities = speaker.model.predict_proba(inputs)
    explained = speaker.model.explain(inputs)
    if TARGETS[speaker.entry.target].reads == "text":
        reasons = [_words(each) for each in explained]
    else:
        rows = inputs.to_dict("records")
        reasons = [_groups(each, row) for each, row in zip(explained, rows, strict=True)]
    below = np.searchsorted(speaker.percentiles, probabilities, side="left") / (len(speaker.percentiles) - 1)
    found = pd.DataFrame(
        {
            "customer_id": names.to_numpy(dtype="object"),
            "target": speaker.entry.target,
            "horizon_days": horizon_days,
            "probability": probabilities,
            "percentile": np.minimum(below, 1.0),
            "model": speaker.entry.model,
            "sha": speaker.entry.sha,
            "as_of": speaker.entry.as_of,
            "scale": [each.scale for each in explained],
            "base": [each.base for each in explained],
            "score": [each.score for each in explained],
            "reasons": [found[:REASONS] for found in reasons],
            "rest": [float(sum(each["amount"] for each in found[REASONS:])) for found in reasons],
            "evidence": evidence,
        }
    )[COLUMNS]
    return found[[bool(each) for each in reasons]]


def _words(explained: Explanation) -> list[dict[str, Any]]:
    """The amounts by term, largest first; function words, of which a reader learns nothing, are one reason, the last."""
    found, small = [], []
    for each in explained.contributions:
        if _is_function_words(each.name):
            small.append(each.amount)
        else:
            found.append({"name": each.name, "values": {"count": each.value}, "amount": each.amount})
    if small:
        found.append({"name": FUNCTION_WORDS, "values": {"count": len(small)}, "amount": math.fsum(small)})
    return found


def _is_function_words(term: str) -> bool:
    """Whether a term holds nothing but function words: `from the`, 的是."""
    english, chinese = words("function_words_en"), words("function_words_zh")
    return all(word in english or chinese.issuperset(word) for word in term.split())


def _groups(explained: Explanation, row: Mapping[Any, float]) -> list[dict[str, Any]]:
    """The amounts by group of features, largest first; a group of which the model makes nothing is none of its reasons."""
    amounts = {each.name: each.amount for each in explained.contributions}
    found = [
        {
            "name": name,
            "values": {feature: row[feature] for feature in features},
            "amount": float(sum(amounts.get(feature, 0.0) for feature in features)),
        }
        for name, features in GROUPS.items()
    ]
    return sorted((each for each in found if each["amount"]), key=lambda each: (-abs(each["amount"]), each["name"]))
