"""Topics of hand-made texts: who belongs where is known by looking."""

import numpy as np
import pandas as pd
import pytest

from profiling.schemas import TOPICS
from profiling.text import topics
from profiling.text.topics import in_service, term_topics, weekly_topics, without_terms

NOTHING = TOPICS.arrow.empty_table().to_pandas()
WEEKS = ["2026-01-04", "2026-01-11", "2026-01-18", "2026-01-25"]
COFFEE, STRINGS, BAGS = 0, 1, 2
WORDS = {
    COFFEE: ["coffee", "grinder", "roast"],
    STRINGS: ["string", "bronze", "gauge"],
    BAGS: ["bag", "zipper", "pocket"],
}


def said(axis: int, words: list[str], customers: int = 12, *, model: str = "mini@1", turn: float = 0.0, size: int = 6,
         day: str = WEEKS[0], sentiment: float = 0.5) -> pd.DataFrame:  # fmt: skip
    """A text of each customer that has all the words; `turn` moves its meaning out of its axis, 0 to 1."""
    vector = np.full(size, 2.0)  # what all texts have in common is more than what tells them apart
    vector[axis] += 2 * (1 - turn)
    vector[axis + 3] += 2 * turn
    return pd.DataFrame(
        {
            "interaction_id": [f"{axis}/{'+'.join(words)}/{day}/{number:02}" for number in range(customers)],
            "identity_id": [f"c{number:02}" for number in range(customers)],
            "day": day,
            "model": model,
            "sentiment": sentiment,
            "keywords": [[{"term": word, "weight": 0.9 - 0.1 * at} for at, word in enumerate(words)]] * customers,
            "embedding": [(vector / np.linalg.norm(vector)).astype("float32")] * customers,
        }
    )


def base(**changes: object) -> pd.DataFrame:
    return pd.concat([said(axis, words, **changes) for axis, words in WORDS.items()], ignore_index=True)  # type: ignore[arg-type]


def ids(found: pd.DataFrame) -> dict[str, str]:
    return dict(term_topics(found)[["term", "topic_id"]].itertuples(index=False))


def state(found: pd.DataFrame, topic: str) -> str:
    return str(found.set_index("topic_id")["state"][topic])


def test_what_is_written_together_is_a_topic() -> None:
    found = weekly_topics(base(), NOTHING, WEEKS[0])
    assert found.columns.tolist() == TOPICS.names
    assert sorted(found["name"]) == ["bag", "coffee", "string"]
    assert set(found["state"]) == {"new"}
    coffee = found.set_index("name").loc["coffee"]
    assert [entry["term"] for entry in coffee["terms"]] == WORDS[COFFEE]
    assert (coffee["texts"], coffee["customers"], coffee["share"], coffee["sentiment"]) == (12, 12, 1 / 3, 0.5)
    assert np.isnan(coffee["share_before"])
    assert len({ids(found)[word] for words in WORDS.values() for word in words}) == 3


def test_ids_and_names_stay_while_words_and_meaning_drift() -> None:
    """Every week a word comes and one goes, and the meaning turns away: in the end nothing is as it was but the topics."""
    words = {axis: list(each) for axis, each in WORDS.items()}
    first = found = weekly_topics(base(), NOTHING, WEEKS[0])
    for number, week in enumerate(WEEKS[1:], 1):
        words = {axis: [*each, f"{each[0]} {number}"][-3:] for axis, each in words.items()}
        texts = [said(axis, each, day=week, turn=0.15 * number) for axis, each in words.items()]
        found = weekly_topics(pd.concat(texts), found, week)
        assert set(found["state"]) == {"kept"}
    assert set(found["topic_id"]) == set(first["topic_id"])
    assert set(found["since"]) == {WEEKS[0]}
    for axis, each in words.items():
        assert {ids(found)[word] for word in each} == {ids(first)[WORDS[axis][0]]}
        assert not set(each) & set(WORDS[axis])


def test_a_name_stays_while_it_is_among_the_strongest() -> None:
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    coffee = ids(first)["coffee"]

    def named(order: list[str], before: pd.DataFrame) -> pd.DataFrame:
        texts = [said(COFFEE, order), said(STRINGS, WORDS[STRINGS]), said(BAGS, WORDS[BAGS])]
        return weekly_topics(pd.concat(texts), before, WEEKS[1])

    third = named(["grinder", "roast", "coffee"], first)
    assert third.set_index("topic_id")["name"][coffee] == "coffee"
    fourth = named(["grinder", "roast", "bean", "coffee"], third)
    assert fourth.set_index("topic_id")["name"][coffee] == "grinder"
    back = named(["roast", "grinder", "coffee"], fourth)
    assert back.set_index("topic_id")["name"][coffee] == "grinder"


def test_a_word_that_goes_clearly_elsewhere_changes_its_topic() -> None:
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    moved = [said(COFFEE, ["coffee", "grinder"]), said(STRINGS, [*WORDS[STRINGS], "roast"]), said(BAGS, WORDS[BAGS])]
    found = weekly_topics(pd.concat(moved), first, WEEKS[1])
    assert ids(found)["roast"] == ids(first)["string"]
    between = [*moved[1:], said(COFFEE, ["coffee", "grinder", "roast"], customers=5)]  # a little nearer to strings
    assert ids(weekly_topics(pd.concat(between), first, WEEKS[1]))["roast"] == ids(first)["coffee"]


def test_two_topics_that_become_one_go_on_as_the_older() -> None:
    """Tea is a topic of its own for a week; then it is written of exactly as coffee is."""
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    tea = said(COFFEE, ["tea", "leaf"], turn=1.0)
    second = weekly_topics(pd.concat([base(), tea]), first, WEEKS[1])
    assert state(second, ids(second)["tea"]) == "new"
    third = second
    for week in WEEKS[2:]:  # its meaning of the week before still counts for half in the first one
        third = weekly_topics(pd.concat([base(), said(COFFEE, ["tea", "leaf"])]), third, week)
    assert ids(third)["tea"] == ids(third)["leaf"] == ids(first)["coffee"]
    assert not (in_service(third)["topic_id"] == ids(second)["tea"]).any()


def test_a_merger_says_into_which() -> None:
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    twin = first[first["name"] == "coffee"].assign(topic_id="f" * 16, since=WEEKS[1], name="tea")
    twin["terms"] = [[{"term": "tea", "weight": 1.0}]]
    texts = pd.concat([base(), said(COFFEE, ["tea"])])
    found = weekly_topics(texts, pd.concat([first, twin]), WEEKS[1])
    gone = found.set_index("topic_id").loc["f" * 16]
    assert (gone["state"], gone["merged_into"], gone["texts"]) == ("merged", ids(first)["coffee"], 0)
    assert ids(found)["tea"] == ids(first)["coffee"]
    after = weekly_topics(texts, found, WEEKS[2])
    assert "f" * 16 not in set(after["topic_id"])


def test_a_topic_ends_and_comes_back_as_itself() -> None:
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    bag = ids(first)["bag"]
    without = pd.concat([said(COFFEE, WORDS[COFFEE]), said(STRINGS, WORDS[STRINGS])])
    second = weekly_topics(without, first, WEEKS[1])
    assert state(second, bag) == "ended"
    assert "bag" not in ids(second)
    third = weekly_topics(without, second, WEEKS[2])
    assert state(third, bag) == "dormant"
    fourth = weekly_topics(base(), third, WEEKS[3])
    assert (state(fourth, bag), ids(fourth)["zipper"]) == ("returned", bag)
    assert fourth.set_index("topic_id")["since"][bag] == WEEKS[0]
    late = weekly_topics(base(), third, "2026-12-27")  # forgotten by then
    assert late.set_index("topic_id")["state"][ids(late)["bag"]] == "new"
    assert ids(late)["bag"] != bag


def test_a_week_without_texts_ends_all_and_loses_none() -> None:
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    second = weekly_topics(base().iloc[:0], first, WEEKS[1])
    assert set(second["state"]) == {"ended"}
    third = weekly_topics(base(), second, WEEKS[2])
    assert ids(third) == ids(first)
    assert weekly_topics(base().iloc[:0], NOTHING, WEEKS[0]).empty


def test_words_of_fewer_than_five_customers_never_enter() -> None:
    secret = said(COFFEE, ["jane doe", "coffee"], customers=4)
    many = pd.concat(
        [secret, secret.assign(interaction_id=[f"again {n}" for n in range(4)])]
    )  # eight texts, four people
    found = weekly_topics(pd.concat([base(), many]), NOTHING, WEEKS[0])
    assert "jane doe" not in ids(found)
    fifth = said(COFFEE, ["jane doe", "coffee"], customers=5)
    assert "jane doe" in ids(weekly_topics(pd.concat([base(), fifth]), NOTHING, WEEKS[0]))


def test_a_few_customers_found_no_topic() -> None:
    assert weekly_topics(base(customers=9), NOTHING, WEEKS[0]).empty
    born = weekly_topics(base(), NOTHING, WEEKS[0])
    assert set(weekly_topics(base(customers=5), born, WEEKS[1])["state"]) == {"kept"}  # easier to stay than to begin


def test_the_order_of_rows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "MOST_TEXTS", 60)  # a sample, too, must not depend on it
    texts = pd.concat([base(), said(COFFEE, ["tea", "leaf"], turn=0.7), base(day=WEEKS[1])], ignore_index=True)
    first = weekly_topics(texts, NOTHING, WEEKS[0])
    second = weekly_topics(texts, first, WEEKS[1])
    assert 0 < second["texts"].max() < 60
    for seed in range(3):
        mixed = texts.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(weekly_topics(mixed, NOTHING, WEEKS[0]), first)
        pd.testing.assert_frame_equal(weekly_topics(mixed, first.sample(frac=1, random_state=seed), WEEKS[1]), second)


def test_two_models_are_never_compared_and_topics_outlive_a_change() -> None:
    """The new encoder has another dimension, and its axes mean other things: whoever mixed the two would fail, or go astray."""
    first = weekly_topics(base(), NOTHING, WEEKS[0])
    turned = {COFFEE: BAGS, STRINGS: COFFEE, BAGS: STRINGS}
    new = [said(turned[axis], words, model="new@1", size=7, day=WEEKS[1]) for axis, words in WORDS.items()]
    second = weekly_topics(pd.concat([base(), *new]), first, WEEKS[1])
    assert set(second["model"]) == {"new@1"}
    assert set(second["texts"]) == {12}  # those of the old one are not counted
    assert ids(second) == ids(first)
    assert {len(each) for each in second["centroid"]} == {7}


def test_texts_without_a_vector_have_no_topics() -> None:
    blind = said(BAGS, ["包", "拉链"])
    blind["embedding"] = None
    found = weekly_topics(pd.concat([base(), blind]), NOTHING, WEEKS[0])
    assert "包" not in ids(found)
    assert found["share"].tolist() == [1 / 3] * 3
    seen = weekly_topics(pd.concat([base(), said(BAGS, ["包", "拉链"], turn=1.0)]), NOTHING, WEEKS[0])
    assert ids(seen)["包"] == ids(seen)["拉链"]


def test_terms_can_be_taken_out() -> None:
    found = weekly_topics(base(), NOTHING, WEEKS[0])
    less = without_terms(found, {"coffee", *WORDS[BAGS]})
    assert sorted(less["name"]) == ["grinder", "string"]
    assert "coffee" not in ids(less)
    assert ids(less)["roast"] == ids(found)["coffee"]


def test_a_term_that_is_left_out_is_in_no_topic_and_leaves_those_it_was_in() -> None:
    before = weekly_topics(base(), NOTHING, WEEKS[0])
    assert "grinder" in ids(before)
    found = weekly_topics(base(), before, WEEKS[1], lambda term: term in ("grinder", "coffee"))
    assert sorted(ids(found)) == ["bag", "bronze", "gauge", "pocket", "roast", "string", "zipper"]
    assert "coffee" not in found["name"].tolist()
    assert weekly_topics(base(), NOTHING, WEEKS[0], lambda term: True).empty
