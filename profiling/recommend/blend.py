"""The blend: standardised scores of all recommenders, weighted and added up; the best k of what a customer has not."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from profiling.recommend.reasons import ByCustomer, grounds, with_reasons
from profiling.recommend.scorers import CategoryAffinity, Content, Popularity, Scorer

if TYPE_CHECKING:
    from profiling.profiles.snapshot import Snapshot

WEIGHTS = {
    "content": 0.5,  # rests on the customer's own words, and tells apart the items of one category
    "category": 0.3,  # rests on the customer's own behaviour, but a category is coarse
    "popular": 0.2,  # knows nothing of the customer: decides between equals, and speaks for those of whom nothing is known
}
OWNING_KINDS = ("purchase", "review")  # who reviewed an item has it, wherever it was bought
COLUMNS = ["customer_id", "rank", "item_id", "score", "reasons", "evidence"]
DIGITS = 6  # what differs less is a tie: no reader could tell why one comes first
BLOCK = 1024  # customers at a time
CELLS = 2**22  # customers x items at a time at most: 32 MiB a matrix, however large the catalogue


def recommend(snapshot: "Snapshot", interests: pd.DataFrame, k: int = 5, block: int = BLOCK) -> pd.DataFrame:
    """The best k items for every customer of `snapshot.activity`.

    Args:
        snapshot: what is known at the end of the day.
        interests: customer_id, kind, topic, share; only those of kind `category` are looked at.
        k: how many at most; fewer where the customer has nearly everything.
        block: customers at a time; changes memory and time, never a bit of the result.

    Returns:
        COLUMNS, sorted by customer_id and rank. `rank` from 1; `score` the weighted sum of the scores, each standardised over
        the customer's candidates (mean 0, deviation 1), rounded to DIGITS, equal scores by item_id; `reasons` a list of {code,
        params}, strongest first; `evidence` a list of {interaction_id, strength} of the customer's own interactions.
    """
    content, category, popular = Content(), CategoryAffinity(interests), Popularity()
    scorers: list[Scorer] = [content.fit(snapshot), category.fit(snapshot), popular.fit(snapshot)]
    items = popular.items
    is_identity = snapshot.activity["subject_type"] == "identity"
    customers = np.array(sorted(set(snapshot.activity.loc[is_identity, "subject_id"])), dtype="object")
    if not len(customers) or not len(items) or k < 1:
        return pd.DataFrame(columns=COLUMNS).astype(
            {"customer_id": "str", "rank": "int64", "item_id": "str", "score": "float64"}
        )
    owned, known = ByCustomer(_owned(snapshot, items)), grounds(snapshot, interests)
    size = max(1, min(block, CELLS // len(items)))
    picks = [
        _best(part, scorers, owned.of(part), k).pipe(
            with_reasons, part, known, content, popular, [scorer.code for scorer in scorers]
        )[COLUMNS]
        for part in (customers[start : start + size] for start in range(0, len(customers), size))
    ]
    return pd.concat(picks, ignore_index=True)


def _owned(snapshot: "Snapshot", items: pd.Index) -> pd.DataFrame:
    """customer_id and `column` (in `items`) of everything a customer has, sorted by customer_id."""
    rows = snapshot.activity[(snapshot.activity["facet"] == "item") & snapshot.activity["kind"].isin(OWNING_KINDS)]
    found = pd.DataFrame({"customer_id": rows["subject_id"], "column": items.get_indexer(pd.Index(rows["value"]))})
    return found[found["column"] >= 0].sort_values(["customer_id", "column"], ignore_index=True)


def _best(customers: np.ndarray, scorers: list[Scorer], owned: pd.DataFrame, k: int) -> pd.DataFrame:
    """customer_id, rank, item_id, score and one column of contribution per scorer, for one block of customers."""
    items = scorers[0].items
    parts = {scorer.code: WEIGHTS[scorer.code] * standardised(scorer.scores(customers)) for scorer in scorers}
    total = np.zeros((len(customers), len(items)))
    for part in parts.values():
        total += part
    # One whole number a cell says it all: the rounded score first, then the item's place in the order of item_ids.
    steps = np.rint(total * 10**DIGITS).astype("int64")
    keys = steps * len(items) + np.arange(len(items))[::-1]
    keys[pd.Index(customers).get_indexer(pd.Index(owned["customer_id"])), owned["column"]] = np.iinfo("int64").min
    k = min(k, len(items))
    columns = np.argpartition(keys, len(items) - k, axis=1)[:, len(items) - k :]
    order = np.argsort(-np.take_along_axis(keys, columns, axis=1), axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, axis=1)  # (customers, k), best first
    is_offered = np.take_along_axis(keys, columns, axis=1) != np.iinfo("int64").min
    rows, ranks = np.nonzero(is_offered)
    columns = columns[rows, ranks]
    return pd.DataFrame(
        {
            "customer_id": pd.Series(customers[rows], dtype="str"),
            "rank": ranks + 1,
            "item_id": pd.Series(items.to_numpy()[columns], dtype="str"),
            "score": steps[rows, columns] / 10**DIGITS,
            **{code: part[rows, columns] for code, part in parts.items()},
        }
    )


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each row to mean 0 and deviation 1 over the items that have a score; 0 for the others, and where all are equal."""
    has_score = ~np.isnan(scores)
    # C order is not for speed: NumPy sums a row in the same order for any number of rows only if the row is contiguous.
    values = np.where(has_score, scores, 0.0).copy(order="C")
    number = np.maximum(np.count_nonzero(has_score, axis=1), 1)[:, None]
    centred = np.where(has_score, values - values.sum(axis=1, keepdims=True) / number, 0.0).copy(order="C")
    deviation = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / number)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9)
