"""Why an item is recommended: the recommenders that spoke for it, and the customer's own interactions behind that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from profiling.recommend.scorers import Content, Popularity, item_categories

if TYPE_CHECKING:
    from profiling.profiles.snapshot import Snapshot

CITED = 3  # for each reason
LIKED_FROM = 4.0  # mean stars of an item that somebody is told another one is like
COMPARED = 50  # of a customer who wrote of more items than this, the weightiest are compared with what is recommended

Claims = list[dict[str, Any]]  # {interaction_id, strength}, strongest first


class ByCustomer:
    """A frame sorted by customer_id, from which the rows of a run of customers are cut without looking at the others."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._names = frame["customer_id"].to_numpy(dtype="object")

    def of(self, customers: np.ndarray) -> pd.DataFrame:
        """The rows of these customers, who are a run of all customers in order."""
        first = np.searchsorted(self._names, customers[0], "left")
        return self._frame.iloc[first : np.searchsorted(self._names, customers[-1], "right")]


@dataclass(frozen=True)
class Grounds:
    """What reasons may rest on; the first three carry `evidence`.

    Attributes:
        said: customer_id, item_id, weight: the items a customer wrote of and rated well, or not at all, the weightiest first,
            at most COMPARED.
        opinions: customer_id: the strongest of all a customer wrote.
        dealt: customer_id, category: dealings with items of that category.
        shares: share of interest by (customer_id, category).
    """

    said: ByCustomer
    opinions: ByCustomer
    dealt: ByCustomer
    shares: Mapping[tuple[str, str], float]
    categories: Mapping[str, str]


def grounds(snapshot: "Snapshot", interests: pd.DataFrame) -> Grounds:
    """Collect them once for all customers of the snapshot."""
    rows = snapshot.activity.rename(columns={"subject_id": "customer_id"})
    items = rows[rows["facet"] == "item"].rename(columns={"value": "item_id"})
    wrote = _not_rated_badly(items[items["sentiment_count"] > 0])
    opinions = rows[(rows["facet"] == "all") & (rows["sentiment_count"] > 0)]
    categories = item_categories(snapshot)
    of_category = items.assign(category=items["item_id"].map(categories)).dropna(subset="category")
    liked = interests[interests["kind"] == "category"]
    return Grounds(
        said=ByCustomer(_weightiest(wrote)),
        opinions=ByCustomer(_cited(opinions, ["customer_id"])),
        dealt=ByCustomer(_cited(of_category, ["customer_id", "category"])),
        shares={(c, t): float(s) for c, t, s in zip(liked["customer_id"], liked["topic"], liked["share"], strict=True)},
        categories=dict(zip(categories.index, categories, strict=True)),
    )


def _not_rated_badly(wrote: pd.DataFrame) -> pd.DataFrame:
    """Without the items of a customer whose ratings are below LIKED_FROM on average: "like X" promises something good."""
    sums = wrote.groupby(["customer_id", "item_id"])[["rating_sum", "rating_count"]].transform("sum")
    return wrote[sums["rating_sum"] >= LIKED_FROM * sums["rating_count"]]


def _weightiest(wrote: pd.DataFrame) -> pd.DataFrame:
    keys = ["customer_id", "item_id"]
    # Kinds and currencies in a fixed order, so that the sum is the same whatever order the rows came in.
    weight = (
        wrote.sort_values([*keys, "kind", "currency"]).groupby(keys, sort=True)["recent_weight"].sum().reset_index()
    )
    ranked = weight.sort_values(["customer_id", "recent_weight", "item_id"], ascending=[True, False, True])
    first = ranked[ranked.groupby("customer_id").cumcount() < COMPARED]
    return first.merge(_cited(wrote, keys), on=keys, how="left", validate="1:1")


def _cited(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """`by` and `evidence`: the strongest CITED interactions of each group that has any, each at its highest strength."""
    claims = rows[[*by, "evidence"]].explode("evidence", ignore_index=True).dropna(subset="evidence")
    named = pd.DataFrame(claims["evidence"].tolist(), index=claims.index, columns=["interaction_id", "strength"])
    claims = claims.assign(**named).sort_values(
        [*by, "strength", "interaction_id"], ascending=[True] * len(by) + [False, True], kind="stable"
    )
    claims = claims.drop_duplicates([*by, "interaction_id"])
    claims = claims[claims.groupby(by).cumcount() < CITED]
    if claims.empty:
        return claims[[*by, "evidence"]]
    return claims.groupby(by, sort=True)["evidence"].agg(list).reset_index()


def with_reasons(
    picks: pd.DataFrame,
    customers: np.ndarray,
    known: Grounds,
    content: Content,
    popular: Popularity,
    codes: Sequence[str],
) -> pd.DataFrame:
    """`picks` of these customers with `reasons` and `evidence`.

    A recommender is a reason where it put the item above the customer's average; where none did (little is left to offer),
    `popular` stands alone. Parameters: `content` {like, similarity}: the item he wrote of and did not rate
    badly that is most like this one, both None where there is none; `category` {category, share}; `popular` {recent_count}.
    Evidence for `content` is what he did with that item (his strongest opinions where there is none), for `category` his
    dealings with it. What all customers did is no evidence about one: `popular` has its number and nothing else.

    Args:
        picks: customer_id, rank, item_id, score, and a column of contributions to the score for each of `codes`.
    """
    likes = _likes(picks[picks[content.code] > 0], known.said.of(customers), content)
    opinions = known.opinions.of(customers).set_index("customer_id")["evidence"].to_dict()
    dealt = known.dealt.of(customers).set_index(["customer_id", "category"])["evidence"].to_dict()
    counts = pd.Series(popular.counts, index=popular.items).to_dict()
    reasons, evidence = [], []
    for pick in picks.to_dict("records"):
        who, item = pick["customer_id"], pick["item_id"]
        like, similarity, said = likes.get((who, item), (None, None, opinions.get(who, [])))
        category = known.categories.get(item)
        grounded: dict[str, tuple[dict[str, Any], Claims]] = {
            "content": ({"like": like, "similarity": similarity}, said),
            "category": (
                {"category": category, "share": known.shares.get((who, category or ""), 0.0)},
                dealt.get((who, category), []),
            ),
            "popular": ({"recent_count": round(counts[item], 6)}, []),
        }
        order = sorted(codes, key=lambda code: (-pick[code], code))
        spoke = [code for code in order if pick[code] > 0] or ["popular"]
        reasons.append([{"code": code, "params": grounded[code][0]} for code in spoke])
        evidence.append(_joined([grounded[code][1] for code in spoke]))
    lists = {"reasons": reasons, "evidence": evidence}
    return picks.assign(**{name: pd.Series(found, index=picks.index, dtype="object") for name, found in lists.items()})


def _likes(
    picks: pd.DataFrame, said: pd.DataFrame, content: Content
) -> dict[tuple[str, str], tuple[str, float, Claims]]:
    """(item he wrote of, cosine, evidence) by (customer_id, item_id) picked; the most alike, ties by item_id."""
    own = said.rename(columns={"item_id": "like"})[["customer_id", "like", "evidence"]]
    pairs = picks[["customer_id", "item_id"]].merge(own, on="customer_id", how="inner", validate="m:m")
    pairs = pairs.assign(similarity=content.similarity(pairs["item_id"].to_numpy(), pairs["like"].to_numpy()))
    best = (
        pairs.dropna(subset="similarity")
        .sort_values(["customer_id", "item_id", "similarity", "like"], ascending=[True, True, False, True])
        .drop_duplicates(["customer_id", "item_id"])
    )
    return {
        (row["customer_id"], row["item_id"]): (
            row["like"],
            round(float(row["similarity"]), 6),
            _claims(row["evidence"]),
        )
        for row in best.to_dict("records")
    }


def _claims(evidence: Any) -> Claims:
    return evidence if isinstance(evidence, list) else []


def _joined(claims: list[Claims]) -> Claims:
    """One after the other, each interaction once: the strongest reason's evidence comes first."""
    found: dict[str, dict[str, Any]] = {}
    for claim in (claim for part in claims for claim in part):
        found.setdefault(claim["interaction_id"], claim)
    return list(found.values())
