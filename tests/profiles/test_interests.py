from dataclasses import replace

import pandas as pd
import pytest
from profile_world import snapshot

from profiling.facts.profile import DENIED_COLUMNS
from profiling.profiles.interests import COLUMNS, MAX_INTERESTS, _is_head, interests


def topics(found, customer):
    return found[found["customer_id"] == customer]["topic"].tolist()


def test_interests_by_eye():
    found = interests(snapshot())
    assert found.columns.tolist() == COLUMNS
    assert topics(found, "ann") == ["Strings", "warm tone", "Guitars"]
    strings = found[(found["customer_id"] == "ann") & (found["topic"] == "Strings")].iloc[0]
    assert strings["kind"] == "category"
    assert strings["count"] == 6  # five purchases and a review
    assert strings["sentiment"] == pytest.approx(0.8)
    assert [e["interaction_id"] for e in strings["evidence"]] == [
        "ann/purchase/2026-04-19", "ann/purchase/2026-05-03", "ann/purchase/2026-05-17",
    ]  # fmt: skip


def test_shares_add_up_within_each_kind():
    shares = interests(snapshot()).groupby(["customer_id", "kind"])["share"].sum()
    assert shares["bo", "category"] == pytest.approx(1)
    assert shares["bo", "keyword"] == pytest.approx(1)


def test_what_is_recent_outweighs_what_was_long_ago():
    long_ago = [("a", f"2026-01-{day:02}", "purchase", "g1", {}) for day in (1, 2, 3)]
    lately = [("a", "2026-06-27", "purchase", "s1", {})]
    assert topics(interests(snapshot(long_ago + lately)), "a") == ["Strings", "Guitars"]


def test_a_word_used_once_counts_only_where_nothing_stronger_is_known():
    once = {"sentiment": 0.0, "language": "en", "keywords": {"walnut": 0.9, "pedal": 0.5}}
    nothing_else = snapshot([("a", "2026-06-01", "post", None, once)])
    assert topics(interests(nothing_else), "a") == ["walnut", "pedal"]
    with_category = snapshot([("a", "2026-06-01", "review", "g1", once)])
    assert topics(interests(with_category), "a") == ["Guitars"]
    twice = snapshot(
        [
            ("a", "2026-06-01", "post", None, once),
            ("a", "2026-06-02", "post", None, {**once, "keywords": {"walnut": 0.1}}),
        ]
    )
    assert topics(interests(twice), "a") == ["walnut"]


def test_sentiment_is_missing_where_no_text_spoke_of_it():
    found = interests(snapshot()).set_index(["customer_id", "topic"])
    assert found["sentiment"].isna()["fi", "Guitars"]
    assert found["sentiment"]["bo", "吉他"] == pytest.approx(-0.7)


def test_at_most_eight_and_the_strongest():
    words = {f"word{i:02}": i / 20 for i in range(1, 13)}
    more = {"sentiment": 0.0, "language": "en", "keywords": words}
    found = interests(snapshot([("a", day, "post", None, more) for day in ("2026-06-01", "2026-06-02")]))
    assert topics(found, "a") == [f"word{i:02}" for i in range(12, 12 - MAX_INTERESTS, -1)]


def test_no_catalogue_leaves_the_keywords():
    world = snapshot()
    found = interests(replace(world, catalogue=world.catalogue.iloc[:0]))
    assert set(found["kind"]) == {"keyword"}
    assert topics(found, "ann") == ["warm tone"]
    assert topics(found, "fi") == []


def test_no_activity():
    world = snapshot()
    assert interests(replace(world, activity=world.activity.iloc[:0])).columns.tolist() == COLUMNS


def wrote(customer: str, day: str, item: str | None, language: str = "en", **keywords: float) -> tuple:
    return (customer, day, "review", item, {"sentiment": 0.2, "language": language, "keywords": keywords})


def coffee_shop(*events: tuple):
    catalogue = pd.DataFrame({"item_id": ["c1"], "title": ["Beans"], "category": ["coffee"]})
    return replace(snapshot(list(events)), catalogue=catalogue)


def test_one_thing_in_two_languages_is_one_interest_under_the_name_that_weighs_most():
    days = ("2026-06-01", "2026-06-02")
    found = interests(coffee_shop(*(wrote("a", day, None, "zh", 咖啡=0.9, coffee=0.3, tea=0.2) for day in days)))
    assert topics(found, "a") == ["咖啡", "tea"]
    assert found["share"].sum() == pytest.approx(1)
    words = (("a", "coffee"), ("b", "咖啡"))
    others = interests(coffee_shop(*(wrote(who, day, None, **{word: 0.5}) for day in days for who, word in words)))
    assert (topics(others, "a"), topics(others, "b")) == (["coffee"], ["咖啡"]), "of two customers each keeps theirs"


def test_the_head_of_a_narrower_word_is_not_said_beside_it_where_both_are_the_same_texts():
    days = ("2026-06-01", "2026-06-05", "2026-06-09")
    masks = {"mask": 0.9, "sheet mask": 0.6, "sheet": 0.3, "录音麦克风": 0.5, "麦克风": 0.8}
    same = [wrote("a", day, None, **masks) for day in days]
    found = interests(snapshot(same))
    assert topics(found, "a") == ["sheet mask", "录音麦克风", "sheet"], "what a compound begins with is no head of it"
    assert found["share"].sum() == pytest.approx(1)
    apart = interests(
        snapshot([*same, wrote("a", "2026-06-07", None, mask=0.9), wrote("a", "2026-06-08", None, 麦克风=0.9)])
    )
    assert set(topics(apart, "a")) == {"mask", "sheet mask", "sheet", "录音麦克风", "麦克风"}, (
        "it is said of more than that"
    )
    others = [
        *(wrote("a", day, None, mask=0.9) for day in days),
        *(wrote("b", day, None, **{"sheet mask": 0.9}) for day in days),
    ]
    of_two = interests(snapshot(others))
    assert (topics(of_two, "a"), topics(of_two, "b")) == (["mask"], ["sheet mask"])


@pytest.mark.parametrize(
    ("term", "of", "is_head"),
    [
        ("mask", "sheet mask", True),
        ("coffee", "drip coffee", True),
        ("面膜", "补水面膜", True),
        ("mask", "mask", False),
        ("面膜", "面膜", False),
        ("sheet", "sheet mask", False),
        ("ring", "string", False),
        ("咖啡", "咖啡机", False),
        ("", "sheet mask", False),
    ],
)
def test_what_a_head_is(term, of, is_head):
    assert _is_head(term, of) is is_head


def test_a_word_for_a_category_of_the_customer_is_not_said_again():
    days = ("2026-06-01", "2026-06-02")
    found = interests(coffee_shop(*(wrote("a", day, "c1", "zh", 咖啡=0.9, 牛奶=0.2) for day in days)))
    assert found[["kind", "topic"]].to_numpy().tolist() == [["category", "coffee"], ["keyword", "牛奶"]]


def test_what_a_customer_said_is_no_interest_is_left_out():
    def denied(value: str, side: int = 1, topic: str = "interests") -> list[str]:
        rows = [("ann", topic, "hobby", value, side)]
        return topics(interests(replace(snapshot(), denied=pd.DataFrame(rows, columns=list(DENIED_COLUMNS)))), "ann")

    assert denied("warm tone") == denied("Warm Tone") == ["Strings", "Guitars"]
    assert denied("guitars") == ["Strings", "warm tone"]
    for nothing in (denied("tone"), denied("guitars", side=-1), denied("guitars", topic="needs")):
        assert nothing == ["Strings", "warm tone", "Guitars"]
