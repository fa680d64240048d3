"""Sums of a day and their fold: a world small enough to add up by head."""

import numpy as np
import pandas as pd
import pytest

from profiling import schemas
from profiling.behaviour import activity
from profiling.behaviour.activity import (
    GRAIN,
    RECENT_HALF_LIFE_DAYS,
    STATE_COLUMNS,
    VECTOR_COLUMNS,
    add_vectors,
    combine,
    daily_activity,
    daily_activity_in_pieces,
    fold,
    fold_vectors,
    text_activity,
)

DAY = "2026-06-15"


def event(number: int, who: str = "ann", kind: str = "purchase", item: str | None = "guitar", **changes) -> dict:
    at = pd.Timestamp(f"{changes.pop('on', DAY)}T10:{number:02d}:00", tz="UTC")
    row = {
        "interaction_id": f"i{number:02d}",
        "identity_id": who,
        "bucket": 0,
        "day": DAY,
        "occurred_at": at,
        "event_day": at.strftime("%Y-%m-%d"),
        "kind": kind,
        "source": "events",
        "item_id": item,
        "text": None,
        "text_hash": None,
        "rating": np.nan,
        "quantity": np.nan,
        "amount": np.nan,
        "currency": None,
        "channel": None,
        "attributes": None,
        "is_text_shared": False,
        "source_file": "f",
        "source_line": number,
    }
    return row | changes


def said(
    number: int, sentiment: float, keywords=(), aspects=(), language: str = "en", embedding=None, clauses=()
) -> dict:
    return {
        "interaction_id": f"i{number:02d}",
        "identity_id": "ann",
        "bucket": 0,
        "day": DAY,
        "model": "m@1",
        "language": language,
        "sentiment": sentiment,
        "sentiment_model": "lexicon",
        "keywords": [{"term": t, "weight": w} for t, w in keywords],
        "aspects": [{"aspect": a, "polarity": p} for a, p in aspects],
        "aspect_mentions": [{"aspect": a, "polarity": p, "start": s, "end": s + 9} for a, p, s in clauses],
        "embedding": embedding,
    }


EVENTS = pd.DataFrame(
    [
        event(1, amount=100.0, currency="USD", quantity=1.0),
        event(2, amount=20.0, currency="USD", quantity=2.0, item="strings"),
        event(3, amount=5.0, currency="EUR", item="strings"),
        event(4, kind="review", rating=5.0),
        event(5, kind="review", rating=2.0, item="strings", on="2026-06-13"),
        event(6, who="bob", kind="view"),
    ]
)
SAID = pd.DataFrame(
    [
        said(4, 0.9, keywords=[("tone", 0.8), ("neck", 0.5)], aspects=[("quality", 0.9)], embedding=[1.0, 0.0]),
        said(5, -0.6, keywords=[("tone", 0.4)], aspects=[("delivery", -0.7)], embedding=[0.0, 1.0]),
    ]
)


@pytest.fixture
def daily() -> pd.DataFrame:
    return daily_activity(EVENTS, SAID, DAY)


def pick(rows: pd.DataFrame, **values) -> pd.DataFrame:
    for name, value in values.items():
        rows = rows[rows[name] == value]
    return rows


def only(rows: pd.DataFrame, **values) -> pd.Series:
    found = pick(rows, **values)
    assert len(found) == 1, found
    return found.iloc[0]


def test_a_day_adds_up(daily: pd.DataFrame) -> None:
    assert list(daily.columns) == schemas.DAILY_ACTIVITY.names
    everything = {"subject_id": "ann", "facet": "all"}
    dollars = only(daily, **everything, kind="purchase", currency="USD")
    assert (dollars["count"], dollars["amount"], dollars["quantity"]) == (2, 120.0, 3.0)
    euros = only(daily, **everything, kind="purchase", currency="EUR")
    assert (euros["count"], euros["amount"]) == (1, 5.0)
    good = only(daily, **everything, kind="review", event_day=DAY)
    assert (good["rating_count"], good["rating_sum"], good["sentiment_sum"]) == (1, 5.0, 0.9)
    late = only(daily, **everything, kind="review", event_day="2026-06-13")
    assert (late["rating_sum"], late["sentiment_sum"]) == (2.0, -0.6)


def test_every_facet_has_its_rows_and_its_evidence(daily: pd.DataFrame) -> None:
    ann = daily[daily["subject_id"] == "ann"]
    assert sorted(pick(ann, facet="topic")["value"]) == ["neck", "tone", "tone"]
    assert sorted(pick(ann, facet="aspect")["value"]) == ["delivery", "quality"]
    assert pick(ann, facet="language")["value"].tolist() == ["en", "en"]
    assert only(ann, facet="aspect", value="delivery")["sentiment_sum"] == -0.7
    assert all(len(evidence) > 0 for evidence in ann["evidence"])
    assert [e["interaction_id"] for e in only(ann, facet="topic", value="neck")["evidence"]] == ["i04"]


def test_items_are_summed_over_customers_without_evidence(daily: pd.DataFrame) -> None:
    guitar = pick(daily, subject_type="item", subject_id="guitar")
    assert guitar["count"].sum() == 3  # bought, reviewed, and viewed by bob
    assert all(len(evidence) == 0 for evidence in pick(daily, subject_type="item")["evidence"])


def test_money_is_counted_once_per_facet(daily: pd.DataFrame) -> None:
    ann = pick(daily, subject_id="ann", currency="USD")
    assert pick(ann, facet="all")["amount"].sum() == pick(ann, facet="item")["amount"].sum() == 120.0
    assert pick(daily, facet="topic")["amount"].sum() == 0.0


def test_the_order_of_rows_does_not_matter(daily: pd.DataFrame) -> None:
    for seed in range(5):
        shuffled = daily_activity(EVENTS.sample(frac=1, random_state=seed), SAID.sample(frac=1, random_state=seed), DAY)
        pd.testing.assert_frame_equal(shuffled, daily, check_exact=True)


def test_an_empty_day(daily: pd.DataFrame) -> None:
    empty = daily_activity(EVENTS.iloc[:0], SAID.iloc[:0], DAY)
    assert empty.empty
    assert list(empty.columns) == schemas.DAILY_ACTIVITY.names


def test_in_pieces_it_is_the_same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EVENTS_AT_ONCE", 3)
    rng = np.random.default_rng(5)
    people, items = [f"p{n}" for n in range(9)], ["guitar", "strings", None]
    events = [
        event(
            n,
            who=rng.choice(people),
            kind="review",
            item=items[n % 3],
            rating=float(n % 5 + 1),
            amount=0.1 * n,
            currency="USD",
        )
        for n in range(60)
    ]
    texts = [
        said(n, rng.uniform(-1, 1), [(f"t{n % 4}", 0.3)], [("quality", 0.1 * (n % 7))], clauses=[("quality", 0.5, n)])
        | {"identity_id": events[n]["identity_id"]}
        for n in range(0, 60, 2)
    ]  # fmt: skip
    interactions, features = pd.DataFrame(events), pd.DataFrame(texts)
    labels = [{"interaction_id": f"i{n:02d}", "labels": [{"term": "drum", "weight": 0.5}]} for n in (3, 4, 4)]
    media = pd.DataFrame(labels)
    asked: list[int] = []

    def of(identities: pd.Series) -> pd.DataFrame:
        asked.append(len(identities))
        return features[features["identity_id"].isin(identities)]

    sentiments = features[["interaction_id", "sentiment"]]
    pieces = list(daily_activity_in_pieces(interactions, of, sentiments, DAY, media))
    assert sum(asked) == interactions["identity_id"].nunique()
    assert len(asked) > 3
    whole = daily_activity(interactions, features, DAY, media)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole, check_exact=True)
    assert list(daily_activity_in_pieces(interactions.iloc[:0], of, sentiments, DAY, media)) == []


def state_of(daily: pd.DataFrame, as_of: str = DAY) -> pd.DataFrame:
    none = schemas.ACTIVITY_STATE.arrow.empty_table().to_pandas()[STATE_COLUMNS]
    return fold(none, "2026-06-14", daily, as_of)


def test_a_state_sums_event_days_and_halves_with_age(daily: pd.DataFrame) -> None:
    state = state_of(daily)
    reviews = only(state, subject_id="ann", kind="review", facet="all")
    assert (reviews["count"], reviews["active_days"], reviews["rating_sum"]) == (2, 2, 7.0)
    two_days = 2 ** (-2 / RECENT_HALF_LIFE_DAYS)
    assert reviews["recent_rating_sum"] == pytest.approx(5.0 + 2.0 * two_days, rel=1e-12)
    assert reviews["first_at"].strftime("%Y-%m-%d") == "2026-06-13"
    assert [e["interaction_id"] for e in reviews["evidence"]] == ["i04", "i05"]  # 1.0 by five stars, then 0.6


def test_an_untouched_state_only_decays(daily: pd.DataFrame) -> None:
    state = state_of(daily)
    later = fold(state, DAY, daily.iloc[:0], "2026-07-15")
    month = 2 ** (-30 / RECENT_HALF_LIFE_DAYS)
    assert later["recent_count"].to_numpy() == pytest.approx(state["recent_count"].to_numpy() * month)
    assert later["count"].tolist() == state["count"].tolist()


def test_a_checkpoint_in_between_gives_the_same_sums(daily: pd.DataFrame) -> None:
    tomorrow = daily.assign(day="2026-06-16", event_day="2026-06-16")
    at_once = state_of(pd.concat([daily, tomorrow]), "2026-06-16")
    in_two = fold(state_of(daily), DAY, tomorrow, "2026-06-16")
    pd.testing.assert_frame_equal(at_once, in_two, check_exact=False, rtol=1e-12)


def test_evidence_is_the_strongest_few_and_each_once(daily: pd.DataFrame) -> None:
    many = pd.DataFrame([event(n, kind="review", rating=float(1 + n % 5)) for n in range(40)])
    state = state_of(daily_activity(many, SAID.iloc[:0], DAY))
    evidence = only(state, subject_id="ann", facet="all")["evidence"]
    assert [e["strength"] for e in evidence] == [1.0] * 5  # one or five stars
    again = combine(pd.concat([state, state], ignore_index=True))
    assert [dict(e) for e in only(again, subject_id="ann", facet="all")["evidence"]] == [dict(e) for e in evidence]


SPOKEN = pd.DataFrame(
    [
        said(4, 0.9, aspects=[("price", 0.2)], clauses=[("price", p, s) for s, p in enumerate((0.1, -0.4, 0.5, 0.3))]),
        said(
            5, -0.6, aspects=[("delivery", -0.7), ("price", 0.1)], clauses=[("delivery", -0.7, 20), ("price", 0.1, 40)]
        ),
    ]
)


def places(row: pd.Series) -> list[tuple[str, int, float]]:
    return [(span["interaction_id"], span["start"], span["polarity"]) for span in row["spans"]]


def test_an_aspect_has_the_clearest_clauses_of_its_evidence() -> None:
    daily = daily_activity(EVENTS, SPOKEN, DAY)
    ann = pick(daily, subject_id="ann", facet="aspect")
    # Three of the four clauses of i04, in the text's order; each aspect its own.
    assert places(only(ann, value="price", event_day=DAY)) == [("i04", 1, -0.4), ("i04", 2, 0.5), ("i04", 3, 0.3)]
    assert places(only(ann, value="price", event_day="2026-06-13")) == [("i05", 40, 0.1)]
    assert places(only(ann, value="delivery")) == [("i05", 20, -0.7)]
    assert daily.loc[daily["facet"] != "aspect", "spans"].isna().all()


def test_spans_go_with_the_evidence_that_is_kept() -> None:
    state = state_of(daily_activity(EVENTS, SPOKEN, DAY))
    price = only(state, subject_id="ann", facet="aspect", value="price")
    assert places(price) == [("i04", 1, -0.4), ("i04", 2, 0.5), ("i04", 3, 0.3), ("i05", 40, 0.1)]
    stronger = [event(n, kind="review") for n in range(10, 15)]
    said_then = [said(n, 0.9, aspects=[("price", 0.9)], clauses=[("price", 0.9, n)]) for n in range(10, 15)]
    daily = daily_activity(pd.DataFrame(stronger), pd.DataFrame(said_then), DAY).assign(day="2026-06-16")
    later = only(fold(state, DAY, daily, "2026-06-16"), subject_id="ann", facet="aspect", value="price")
    assert [e["interaction_id"] for e in later["evidence"]] == [f"i{n}" for n in range(10, 15)]
    assert places(later) == [(f"i{n}", n, 0.9) for n in range(10, 15)]


def test_a_state_from_before_places_were_kept_gets_those_of_newer_days() -> None:
    daily = daily_activity(EVENTS, SPOKEN, DAY)
    older = state_of(daily[daily["event_day"] == DAY]).assign(spans=None)
    price = only(fold(older, DAY, daily[daily["event_day"] != DAY], DAY), facet="aspect", value="price")
    assert [e["interaction_id"] for e in price["evidence"]] == ["i04", "i05"]
    assert places(price) == [("i05", 40, 0.1)]


def test_identities_of_one_customer_add_up() -> None:
    rows = state_of(daily_activity(EVENTS.assign(identity_id=["a", "b"] * 3), SAID, DAY))
    one = combine(rows[rows["subject_type"] == "identity"].assign(subject_id="c"))
    assert not one.duplicated(GRAIN).any()
    assert one.loc[one["facet"] == "all", "count"].sum() == len(EVENTS)


def vector_sums(said: pd.DataFrame, piece: int = 2) -> pd.DataFrame:
    """`text_activity` of the events, the vectors read in pieces of so many rows."""
    said = said.sort_values(["interaction_id", "model"], ignore_index=True)
    vectors = [None if vector is None else np.asarray(vector) for vector in said["embedding"]]
    pieces = [vectors[start : start + piece] for start in range(0, len(vectors), piece)]
    return pd.concat(text_activity(EVENTS, said.drop(columns="embedding"), lambda: pieces, DAY), ignore_index=True)


def test_sums_are_the_same_however_many_subjects_are_summed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = vector_sums(SAID)
    monkeypatch.setattr(activity, "SUBJECTS_AT_ONCE", 1)
    pd.testing.assert_frame_equal(vector_sums(SAID, piece=1), whole)


def test_of_several_vectors_no_sum_is_minus_zero() -> None:
    """As `add_vectors` adds them: bytes of a day do not depend on which of the two summed it."""
    said = SAID.assign(embedding=[np.array([-0.0, 1.0], dtype="float32")] * len(SAID))
    sums = vector_sums(said)
    assert all(np.signbit(row["embedding_sum"][0]) == (row["count"] == 1) for _, row in sums.iterrows())
    assert (sums["count"] == 1).any()
    assert (sums["count"] > 1).any()


def test_vectors_add_up_by_customer_and_by_item() -> None:
    rows = vector_sums(SAID)
    assert list(rows.columns) == schemas.TEXT_ACTIVITY.names
    ann = only(rows, subject_type="identity")
    assert list(ann["embedding_sum"]) == [1.0, 1.0]
    assert ann["count"] == 2
    assert list(only(rows, subject_id="guitar")["embedding_sum"]) == [1.0, 0.0]
    state = fold_vectors(rows[VECTOR_COLUMNS].iloc[:0], rows)
    twice = fold_vectors(state, rows)
    assert only(twice, subject_id="ann")["embedding_sum"].tolist() == [2.0, 2.0]
    assert only(twice, subject_id="ann")["count"] == 4


def test_vectors_of_two_models_do_not_mix() -> None:
    two = pd.DataFrame(
        [
            {"subject_type": "identity", "subject_id": "a", "bucket": 0, "model": m, "count": 1, "embedding_sum": v}
            for m, v in (("m@1", [1.0]), ("n@1", [1.0, 2.0]), ("m@1", [3.0]), ("n@1", [1.0, 1.0]))
        ]
    )
    added = add_vectors(two)
    assert only(added, model="m@1")["embedding_sum"].tolist() == [4.0]
    assert only(added, model="n@1")["embedding_sum"].tolist() == [2.0, 3.0]


def test_texts_without_vector_are_left_out() -> None:
    unread = SAID.assign(embedding=None)
    assert vector_sums(unread).empty
