"""The recommenders: how well each candidate item fits each customer, by one point of view each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import pandas as pd

from profiling.behaviour.activity import KIND_WEIGHT

if TYPE_CHECKING:
    from profiling.profiles.snapshot import Snapshot

# Unit vectors are rounded to multiples of 2**-25 (1.5e-8, finer than the float32 they come from), so that every product and
# every partial sum of a dot product is a whole number below 2**50 (Cauchy-Schwarz) and float64 holds it exactly.
GRID = 2.0**25
PAIRS = 8192

Names = Sequence[str] | np.ndarray


class Scorer(Protocol):
    """A point of view on which items fit a customer.

    Attributes:
        code: its name, also the code of its reasons.
        items: candidate item_ids, sorted; the same for every scorer of a snapshot. Set by `fit`.
    """

    code: str
    items: pd.Index

    def fit(self, snapshot: "Snapshot") -> Self:
        """Learn the items from the snapshot; returns itself."""

    def scores(self, customers: Names) -> np.ndarray:
        """(customers, items) float64, higher fits better; NaN where it cannot say. Any customer may be asked for."""


def candidates(snapshot: "Snapshot") -> pd.Index:
    """What may be offered, sorted: the catalogue's items; where there is no catalogue, every item ever dealt with."""
    known = snapshot.items["subject_id"] if snapshot.catalogue.empty else snapshot.catalogue["item_id"]
    return pd.Index(sorted(set(known)), dtype="str")


class Popularity:
    """Items by how much was done with them lately, the same for every customer.

    score = log(1 + sum over kinds of KIND_WEIGHT[kind] * recent_count), where `recent_count` counts an interaction as
    2 ** (-age / 30 days). The logarithm keeps one bestseller from drowning the rest. Never NaN: nothing done is a score of 0.
    """

    code = "popular"

    def fit(self, snapshot: "Snapshot") -> Self:
        self.items = candidates(snapshot)
        rows = snapshot.items[snapshot.items["facet"] == "all"].sort_values(["subject_id", "kind", "currency"])
        weighted = rows["recent_count"] * rows["kind"].map(KIND_WEIGHT).astype("float64").fillna(0.0)
        self.counts = weighted.groupby(rows["subject_id"]).sum().reindex(self.items, fill_value=0.0).to_numpy("float64")
        return self

    def scores(self, customers: Names) -> np.ndarray:
        return np.broadcast_to(np.log1p(self.counts), (len(customers), len(self.items)))


class CategoryAffinity:
    """Items by the customer's share of interest in their category.

    score = `share` of the item's category among the customer's interests of kind `category`, 0 for a category without any;
    NaN for items without a category and customers without such interests.
    """

    code = "category"

    def __init__(self, interests: pd.DataFrame) -> None:
        """interests: customer_id, kind, topic, share: one row per customer, kind and topic."""
        self._interests = interests.loc[interests["kind"] == "category", ["customer_id", "topic", "share"]]

    def fit(self, snapshot: "Snapshot") -> Self:
        self.items = candidates(snapshot)
        self.categories = item_categories(snapshot).reindex(self.items)
        self._codes, self._topics = pd.factorize(self.categories, sort=True)  # code -1: no category
        rows = self._interests[self._interests["topic"].isin(self._topics)].sort_values(["customer_id", "topic"])
        self._who = rows["customer_id"].to_numpy(
            dtype="object"
        )  # sorted, so that a customer's rows are found by bisection
        self._code = self._topics.get_indexer(pd.Index(rows["topic"]))
        self._share = rows["share"].to_numpy(dtype="float64")
        return self

    def scores(self, customers: Names) -> np.ndarray:
        shares = np.full((len(customers), len(self._topics) + 1), np.nan)  # the last column answers to code -1
        names = np.asarray(customers, dtype="object")
        first, last = np.searchsorted(self._who, names, "left"), np.searchsorted(self._who, names, "right")
        for row in np.flatnonzero(last > first):
            mine = slice(first[row], last[row])
            shares[row, :-1] = 0.0
            shares[row, self._code[mine]] = self._share[mine]
        return shares[:, self._codes]


def item_categories(snapshot: "Snapshot") -> pd.Series:
    """Category by item_id, of the items that have one."""
    known = snapshot.catalogue.reindex(columns=["item_id", "category"]).dropna().astype("str")
    return known[known["category"] != ""].set_index("item_id")["category"]


class Content:
    """Items by how alike their texts are to the customer's: cosine of the mean vectors, within one model.

    The model is the one that read the most texts of items, ties by name: models' cosines are not comparable, and this choice
    is the same whichever customers are scored. NaN for customers and items of whom that model read nothing.

    A plain matrix product rounds differently for other shapes (BLAS picks other kernels), so a customer's cosines would hang
    on his neighbours. Vectors on a GRID make every sum exact instead, in any order, on any device.
    """

    code = "content"

    def fit(self, snapshot: "Snapshot") -> Self:
        self.items = candidates(snapshot)
        texts = snapshot.item_vectors.groupby("model", sort=True)["count"].sum()
        self.model = str(texts.idxmax()) if len(texts) else ""  # the first of equals
        items = snapshot.item_vectors[snapshot.item_vectors["model"] == self.model].set_index("subject_id")
        self._all_items = items["embedding_sum"]
        self.vectors = on_grid(items["embedding_sum"].reindex(self.items))
        mine = snapshot.customer_vectors[snapshot.customer_vectors["model"] == self.model]
        self._customers = mine.set_index("subject_id")["embedding_sum"]
        return self

    def scores(self, customers: Names) -> np.ndarray:
        mine = on_grid(self._customers.reindex(pd.Index(customers)))
        if mine.shape[1] != self.vectors.shape[1] or not mine.shape[1]:  # one side has no vector at all
            return np.full((len(customers), len(self.items)), np.nan)
        # (customers, d) @ (d, items), exact, and a power of two keeps it so. NaN stays outside: no BLAS promises its way.
        cosine = np.nan_to_num(mine) @ np.nan_to_num(self.vectors).T / GRID**2
        cosine[np.isnan(mine[:, 0])] = np.nan
        cosine[:, np.isnan(self.vectors[:, 0])] = np.nan
        return cosine

    def similarity(self, left: Names, right: Names) -> np.ndarray:
        """(pairs,) cosines of the items `left[i]` and `right[i]`, candidates or not; NaN where one has no vector."""
        cosine = np.full(len(left), np.nan)
        for start in range(0, len(left), PAIRS):  # in chunks: a pair costs two vectors of memory
            part = slice(start, start + PAIRS)
            one, other = (on_grid(self._all_items.reindex(pd.Index(names[part]))) for names in (left, right))
            if one.shape[1] and one.shape == other.shape:
                cosine[part] = np.add.reduce(one * other, axis=1) / GRID**2  # exact, in any order
        return cosine


def on_grid(sums: pd.Series) -> np.ndarray:
    """(n, d) float64: sums of vectors as unit vectors, times GRID, whole numbers; rows of NaN for missing and zero ones.

    d is 0 where no vector is given at all.
    """
    is_there = sums.notna().to_numpy()
    if not is_there.any():
        return np.empty((len(sums), 0))
    rows = np.array(sums[is_there].tolist(), dtype="float64").reshape(int(is_there.sum()), -1)
    # d products in each row's own contiguous memory: NumPy adds them in the same order however many rows there are
    norm = np.sqrt(np.add.reduce(rows * rows, axis=1, keepdims=True))
    unit = np.rint(np.divide(rows, norm, out=np.full_like(rows, np.nan), where=norm > 0) * GRID)
    found = np.full((len(sums), rows.shape[1]), np.nan)
    found[is_there] = unit
    return found
