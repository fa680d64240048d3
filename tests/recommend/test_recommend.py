"""Recommendations on a checkerboard: even customers live on even items, odd ones on odd items; the answer is seen by eye."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from profiling import schemas
from profiling.profiles.snapshot import Snapshot
from profiling.recommend import recommend
from profiling.recommend.blend import WEIGHTS, standardised
from profiling.recommend.scorers import CategoryAffinity, Content, Popularity, Scorer, on_grid

CUSTOMERS = [f"c{n}" for n in range(6)]
ITEMS = [f"i{n}" for n in range(8)]
VECTOR = {0: [1.0, 0.0, 0.1], 1: [0.0, 1.0, 0.1]}
AT = pd.Timestamp("2026-06-20T12:00:00Z")


def activity_row(subject: str, facet: str, value: str = "", kind: str = "purchase", **changes: Any) -> dict[str, Any]:
    row = {
        **dict.fromkeys((c.name for c in schemas.ACTIVITY_STATE.columns if c.type in ("double", "int64")), 0),
        "subject_type": "item" if subject.startswith("i") else "identity",
        "subject_id": subject,
        "bucket": 0,
        "kind": kind,
        "facet": facet,
        "value": value,
        "currency": "",
        "count": 1,
        "sentiment_count": 1,
        "recent_count": 1.0,
        "recent_weight": 1.0,
        "first_at": AT,
        "last_at": AT,
        "evidence": [{"interaction_id": f"{subject}-{value or kind}", "strength": 0.9}],
    }
    return {**row, **changes}


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[name for name in schemas.ACTIVITY_STATE.names if name != "week"])


def vectors(rows: dict[str, list[float]], model: str = "m") -> pd.DataFrame:
    return pd.DataFrame(
        [{"subject_id": s, "model": model, "count": 2, "embedding_sum": v} for s, v in rows.items()],
        columns=["subject_id", "model", "count", "embedding_sum"],
    )


def parity(name: str) -> int:
    return int(name[1:]) % 2


def checkerboard(**changes: Any) -> Snapshot:
    """Customer n bought item n; every item has the category, and the texts the direction, of its parity."""
    catalogue = pd.DataFrame({"item_id": ITEMS, "category": [f"k{parity(item)}" for item in ITEMS]})
    bought = [activity_row(c, "item", f"i{c[1:]}") for c in CUSTOMERS]
    parts: dict[str, Any] = {
        "day": "2026-06-28",
        "timezone": "UTC",
        "activity": frame([activity_row(c, "all") for c in CUSTOMERS] + bought),
        "population": frame([]),
        "items": frame([activity_row(item, "all", recent_count=float(n)) for n, item in enumerate(ITEMS)]),
        "customer_vectors": vectors({c: VECTOR[parity(c)] for c in CUSTOMERS}),
        "item_vectors": vectors({item: VECTOR[parity(item)] for item in ITEMS}),
        "catalogue": catalogue,
        "attributes": pd.DataFrame(columns=["customer_id", "name", "value", "stated_at", "source"]),
        "consents": pd.DataFrame(columns=["customer_id", "name", "value", "stated_at", "source"]),
    }
    return Snapshot(**{**parts, **changes})


def interests(likes: dict[str, dict[str, float]] | None = None) -> pd.DataFrame:
    likes = {c: {f"k{parity(c)}": 1.0} for c in CUSTOMERS} if likes is None else likes
    rows = [(c, "category", topic, share, share) for c, of in likes.items() for topic, share in of.items()]
    rows += [(c, "keyword", "i0", 1.0, 1.0) for c in likes]  # a word is no category, whatever it says
    return pd.DataFrame(rows, columns=["customer_id", "kind", "topic", "weight", "share"])


def offered(found: pd.DataFrame, customer: str) -> list[str]:
    return found.loc[found["customer_id"] == customer, "item_id"].tolist()


# --- the contract of every recommender

SCORERS: list[Callable[[], Scorer]] = [Popularity, Content, lambda: CategoryAffinity(interests())]
PERSONAL = SCORERS[1:]
enrol = pytest.mark.parametrize("make", SCORERS, ids=["popular", "content", "category"])
enrol_personal = pytest.mark.parametrize("make", PERSONAL, ids=["content", "category"])


@enrol
def test_scores_are_customers_by_items(make: Callable[[], Scorer]) -> None:
    scorer = make()
    assert scorer.fit(checkerboard()) is scorer
    scores = scorer.scores(["c1", "c0", "stranger"])
    assert list(scorer.items) == ITEMS
    assert scores.shape == (3, len(ITEMS))
    assert scores.dtype == np.float64
    assert scorer.scores([]).shape == (0, len(ITEMS))
    assert scorer.code in WEIGHTS


@enrol_personal
def test_personal_scores_follow_the_checkerboard(make: Callable[[], Scorer]) -> None:
    scores = make().fit(checkerboard()).scores(CUSTOMERS)
    for row, customer in zip(scores, CUSTOMERS, strict=True):
        same = np.array([parity(item) == parity(customer) for item in ITEMS])
        assert row[same].min() > row[~same].max()


@enrol_personal
def test_of_a_stranger_nothing_is_said(make: Callable[[], Scorer]) -> None:
    assert np.isnan(make().fit(checkerboard()).scores(["stranger"])).all()


@enrol
def test_a_world_without_anything_is_no_error(make: Callable[[], Scorer]) -> None:
    empty = checkerboard(
        activity=frame([]), items=frame([]), customer_vectors=vectors({}), item_vectors=vectors({}),
        catalogue=pd.DataFrame(columns=["item_id", "category"]),
    )  # fmt: skip
    assert make().fit(empty).scores(["c0"]).shape == (1, 0)


@enrol
def test_alone_or_among_others_every_bit_is_the_same(make: Callable[[], Scorer]) -> None:
    snapshot, likes = crowd()
    scorer = (CategoryAffinity(likes) if make is SCORERS[2] else make()).fit(snapshot)
    customers = sorted(set(snapshot.activity["subject_id"]))
    together = scorer.scores(customers)
    assert np.isfinite(together).any()
    for at in (0, 1, 7, 255, len(customers) - 1):
        np.testing.assert_array_equal(scorer.scores([customers[at]])[0], together[at])
    np.testing.assert_array_equal(scorer.scores(customers[::-1]), together[::-1])
    odd = standardised(scorer.scores(customers[3:10]))
    np.testing.assert_array_equal(odd, standardised(together)[3:10])


# --- each point of view


def test_popularity_counts_what_costs_more_for_more() -> None:
    items = frame(
        [
            activity_row("i1", "all", kind="view", recent_count=4.0),
            activity_row("i0", "all", kind="purchase", recent_count=1.0),
            activity_row("i0", "all", kind="purchase", recent_count=2.0, currency="EUR"),
            activity_row("i2", "all", kind="ad_impression", recent_count=1000.0),
            activity_row("i3", "topic", "guitar", recent_count=50.0),
        ]
    )
    scores = Popularity().fit(checkerboard(items=items)).scores(["c0"])[0]
    np.testing.assert_allclose(scores[:4], np.log1p([3.0, 0.8, 0.0, 0.0]))


def test_category_scores_are_the_shares() -> None:
    catalogue = pd.DataFrame({"item_id": ITEMS[:4], "category": ["k0", "k1", None, ""]})
    scorer = CategoryAffinity(interests({"c0": {"k1": 0.7, "gone": 0.3}})).fit(checkerboard(catalogue=catalogue))
    np.testing.assert_array_equal(scorer.scores(["c0", "c1"]), [[0.0, 0.7, np.nan, np.nan], [np.nan] * 4])


def test_cosine_is_that_of_the_mean_vectors() -> None:
    snapshot = checkerboard(
        customer_vectors=vectors({"c0": [3.0, 4.0], "c1": [0.0, 0.0]}),
        item_vectors=vectors({"i0": [30.0, 40.0], "i1": [-4.0, 3.0], "i2": [0.5, 0.0]}),
    )
    scores = Content().fit(snapshot).scores(["c0", "c1"])
    np.testing.assert_allclose(scores[0, :3], [1.0, 0.0, 0.6], atol=1e-7)
    assert np.isnan(scores[0, 3:]).all()
    assert np.isnan(scores[1]).all()


def test_models_do_not_mix() -> None:
    """c0's vector of the other model points at the odd items, in another number of dimensions."""
    snapshot = checkerboard(
        customer_vectors=pd.concat(
            [vectors({"c0": VECTOR[0]}), vectors({"c0": [0.0, 1.0], "c2": [1.0, 0.0]}, model="a")], ignore_index=True
        ),
        item_vectors=pd.concat(
            [vectors({item: VECTOR[parity(item)] for item in ITEMS}), vectors({"i1": [0.0, 1.0]}, model="a")],
            ignore_index=True,
        ),
    )
    scores = Content().fit(snapshot).scores(["c0", "c2"])
    assert scores[0, 0] > scores[0, 1]
    assert np.isnan(scores[1]).all()


def test_the_grid_keeps_sums_exact() -> None:
    """The same product in two orders: floats differ, whole numbers do not."""
    rng = np.random.default_rng(0)
    one, other = (on_grid(pd.Series(list(rng.normal(size=(40, 384))))) for _ in range(2))
    order = rng.permutation(384)
    np.testing.assert_array_equal(one @ other.T, one[:, order] @ other[:, order].T)
    plain, shuffled = one / np.linalg.norm(one, axis=1)[:, None], order
    assert (plain @ plain.T != plain[:, shuffled] @ plain[:, shuffled].T).any(), "this test cannot tell them apart"


def test_standardised_is_mean_nought_and_deviation_one() -> None:
    found = standardised(np.array([[1.0, 2.0, 3.0, np.nan], [5.0, 5.0, 5.0, 5.0], [np.nan] * 4]))
    np.testing.assert_allclose(found[0], [-np.sqrt(1.5), 0.0, np.sqrt(1.5), 0.0])
    np.testing.assert_array_equal(found[1:], 0.0)


# --- the blend


def test_everyone_is_offered_the_own_colour_first_without_what_he_has() -> None:
    found = recommend(checkerboard(), interests(), k=3)
    assert list(found.columns) == ["customer_id", "rank", "item_id", "score", "reasons", "evidence"]
    assert offered(found, "c0") == ["i6", "i4", "i2"]  # the more popular first
    assert offered(found, "c1") == ["i7", "i5", "i3"]
    assert offered(found, "c4") == ["i6", "i2", "i0"]
    assert found["rank"].tolist() == [1, 2, 3] * len(CUSTOMERS)
    assert found["customer_id"].tolist() == sorted(found["customer_id"])


@pytest.mark.parametrize(("kind", "is_owned"), [("purchase", True), ("review", True), ("view", False)])
def test_bought_and_reviewed_is_owned_and_looked_at_is_not(kind: str, is_owned: bool) -> None:
    activity = frame([activity_row("c0", "all"), activity_row("c0", "item", "i6", kind=kind)])
    found = offered(recommend(checkerboard(activity=activity), interests(), k=8), "c0")
    assert ("i6" not in found) == is_owned
    assert len(found) == 8 - is_owned


def test_who_has_everything_is_offered_nothing() -> None:
    activity = frame([activity_row("c0", "item", item) for item in ITEMS] + [activity_row("c1", "all")])
    found = recommend(checkerboard(activity=activity), interests(), k=3)
    assert set(found["customer_id"]) == {"c1"}


def test_the_catalogue_says_what_may_be_offered() -> None:
    snapshot = checkerboard(catalogue=pd.DataFrame({"item_id": ["i2", "new"], "category": ["k0", "k0"]}))
    assert sorted(offered(recommend(snapshot, interests()), "c0")) == ["i2", "new"]


def test_without_a_catalogue_all_known_items_may() -> None:
    snapshot = checkerboard(catalogue=pd.DataFrame(columns=["item_id", "category"]))
    assert sorted(offered(recommend(snapshot, interests({}), k=9), "c0")) == ITEMS[1:]


def test_ties_go_by_item_id_whatever_the_order_of_rows() -> None:
    nothing = {"customer_vectors": vectors({}), "item_vectors": vectors({}), "items": frame([])}
    snapshot = checkerboard(catalogue=pd.DataFrame({"item_id": ["b", "d", "a", "c"]}), **nothing)
    found = recommend(snapshot, interests({}), k=3)
    assert offered(found, "c0") == ["a", "b", "c"]
    assert set(found["score"]) == {0.0}


def test_of_whom_nothing_is_known_the_popular_is_offered() -> None:
    snapshot = checkerboard(activity=frame([activity_row("newcomer", "all", evidence=[])]))
    found = recommend(snapshot, interests({}), k=2)
    assert offered(found, "newcomer") == ["i7", "i6"]
    assert found["reasons"].tolist() == [
        [{"code": "popular", "params": {"recent_count": 7.0}}],
        [{"code": "popular", "params": {"recent_count": 6.0}}],
    ]
    assert found["evidence"].tolist() == [[], []]


def test_reasons_are_the_strongest_first_with_the_customer_s_own_evidence() -> None:
    first = recommend(checkerboard(), interests()).iloc[0]
    assert (first["customer_id"], first["item_id"]) == ("c0", "i6")
    assert first["reasons"] == [
        {"code": "content", "params": {"like": "i0", "similarity": 1.0}},
        {"code": "category", "params": {"category": "k0", "share": 1.0}},
        {"code": "popular", "params": {"recent_count": 6.0}},
    ]
    assert first["evidence"] == [{"interaction_id": "c0-i0", "strength": 0.9}]


def test_evidence_is_never_another_customer_s() -> None:
    found = recommend(checkerboard(), interests())
    for row in found.to_dict("records"):
        cited = [claim["interaction_id"] for claim in row["evidence"]]
        assert all(name.startswith(row["customer_id"] + "-") for name in cited)
        personal = {reason["code"] for reason in row["reasons"]} - {"popular"}
        assert bool(cited) == bool(personal)


def test_content_without_an_item_of_his_own_cites_his_opinions() -> None:
    activity = frame(
        [activity_row("c0", "all", kind="post"), activity_row("c0", "all", kind="view", sentiment_count=0)]
    )
    first = recommend(checkerboard(activity=activity), interests({})).iloc[0]
    assert first["reasons"][0] == {"code": "content", "params": {"like": None, "similarity": None}}
    assert first["evidence"] == [{"interaction_id": "c0-post", "strength": 0.9}]


def test_the_item_most_like_it_is_named() -> None:
    """c0 wrote of i1 (odd) and i2 (even); i4 is even."""
    activity = frame([activity_row("c0", "all"), activity_row("c0", "item", "i1"), activity_row("c0", "item", "i2")])
    found = recommend(checkerboard(activity=activity), interests()).set_index("item_id")
    assert found.loc["i4", "reasons"][0]["params"]["like"] == "i2"


def test_what_was_rated_badly_is_never_named() -> None:
    """c0 wrote of two even items: what he rated well, or not at all, is named, however alike the others are."""

    def named(**rated: Any) -> str | None:
        rows = [activity_row("c0", "all"), activity_row("c0", "item", "i2", **rated)]
        return (
            recommend(checkerboard(activity=frame(rows)), interests())
            .set_index("item_id")
            .loc["i4", "reasons"][0]["params"]["like"]
        )

    assert named() == "i2"
    assert named(rating_sum=4.0, rating_count=1) == "i2"
    assert named(rating_sum=9.0, rating_count=2) == "i2"
    assert named(rating_sum=3.0, rating_count=1) is None
    assert named(rating_sum=6.0, rating_count=2) is None


# --- the same everywhere


def crowd(customers: int = 300, items: int = 200, d: int = 48) -> tuple[Snapshot, pd.DataFrame]:
    """A seeded world large enough that a matrix product takes other kernels for other shapes."""
    rng = np.random.default_rng(4)
    names, things = [f"c{n:04d}" for n in range(customers)], [f"i{n:04d}" for n in range(items)]
    owns = rng.integers(0, items, size=(customers, 4))
    rows = [activity_row(name, "all") for name in names[:-1]]
    rows += [
        activity_row(name, "item", things[at], evidence=[{"interaction_id": f"{name}-{at}", "strength": float(at)}])
        for name, of in zip(names, owns, strict=True)
        for at in sorted(set(of))
    ]
    read = rng.random(customers) < 0.9
    snapshot = checkerboard(
        activity=frame(rows),
        items=frame([activity_row(item, "all", recent_count=float(rng.gamma(1.0, 9.0))) for item in things]),
        customer_vectors=vectors(
            {name: rng.normal(size=d) for name, is_read in zip(names, read, strict=True) if is_read}  # type: ignore[misc]
        ),
        item_vectors=vectors({item: rng.normal(size=d) for item in things[:-9]}),  # type: ignore[misc]
        catalogue=pd.DataFrame({"item_id": things, "category": [f"k{n % 7}" for n in range(items)]}),
    )
    shares = rng.dirichlet(np.ones(7), size=customers)
    likes = interests(
        {name: {f"k{n}": float(s) for n, s in enumerate(of)} for name, of in zip(names, shares, strict=True)}
    )
    return snapshot, likes


def only(snapshot: Snapshot, customers: list[str]) -> Snapshot:
    def of(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows["subject_id"].isin(customers)].reset_index(drop=True)

    return Snapshot(
        **{
            **snapshot.__dict__,
            "activity": of(snapshot.activity),
            "customer_vectors": of(snapshot.customer_vectors),
        }
    )


def test_a_customer_is_offered_the_same_alone_and_with_others() -> None:
    snapshot, likes = crowd()
    together = recommend(snapshot, likes)
    assert len(together) == 300 * 5
    for chosen in (["c0000"], ["c0007"], ["c0299"], [f"c{n:04d}" for n in range(0, 300, 3)]):
        alone = recommend(only(snapshot, chosen), likes)
        expected = together[together["customer_id"].isin(chosen)].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_exact=True)


@pytest.mark.parametrize("block", [1, 7, 299, 1024])
def test_blocks_change_nothing(block: int) -> None:
    snapshot, likes = crowd(customers=60)
    pd.testing.assert_frame_equal(recommend(snapshot, likes, block=block), recommend(snapshot, likes), check_exact=True)


def test_the_order_of_rows_changes_nothing() -> None:
    snapshot, likes = crowd(customers=60)
    parts = ("activity", "items", "customer_vectors", "item_vectors", "catalogue")
    shuffled = {name: getattr(snapshot, name).sample(frac=1, random_state=1) for name in parts}
    found = recommend(Snapshot(**{**snapshot.__dict__, **shuffled}), likes.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(found, recommend(snapshot, likes), check_exact=True)


def test_arguments_are_left_as_they_were() -> None:
    snapshot, likes = checkerboard(), interests()
    before = {name: part.copy(deep=True) for name, part in snapshot.__dict__.items() if isinstance(part, pd.DataFrame)}
    liked = likes.copy(deep=True)
    recommend(snapshot, likes)
    for name, part in before.items():
        pd.testing.assert_frame_equal(getattr(snapshot, name), part)
    pd.testing.assert_frame_equal(likes, liked)


def test_nobody_and_nothing_give_no_rows() -> None:
    for snapshot in (checkerboard(activity=frame([])), checkerboard(catalogue=pd.DataFrame(), items=frame([]))):
        found = recommend(snapshot, interests({}))
        assert found.empty
        assert list(found.columns) == ["customer_id", "rank", "item_id", "score", "reasons", "evidence"]
    assert recommend(checkerboard(), interests(), k=0).empty
