import json
from dataclasses import replace

import pandas as pd
import pytest
from profile_world import EVENTS, inputs, interaction_id, shuffled, snapshot

from profiling.facts.profile import DENIED_COLUMNS
from profiling.profiles.build import build_profiles
from profiling.profiles.schema import document_faults
from profiling.profiles.topics import COLUMNS, topics

IN_SERVICE = pd.DataFrame(
    {
        "term": ["packet", "strap", "warm tone", "吉他"],
        "topic_id": ["a" * 16, "b" * 16, "a" * 16, "c" * 16],
        "name": ["warm tone", "strap", "warm tone", "吉他"],
    }
)


def world(events=EVENTS, served=IN_SERVICE):
    return replace(snapshot(events), topics=served)


def of(found, customer):
    return found[found["customer_id"] == customer].to_dict("records")


def test_topics_by_eye():
    found = topics(world())
    assert found.columns.tolist() == COLUMNS
    (ann,) = of(found, "ann")  # both of her words are of one topic, and in two texts: three uses, two interactions
    assert (ann["name"], ann["share"], ann["count"]) == ("warm tone", pytest.approx(1), 2)
    assert ann["sentiment"] == pytest.approx((0.9 + 0.8 + 0.8) / 3)
    assert [e["interaction_id"] for e in ann["evidence"]] == ["ann/review/2026-04-21", "ann/review/2026-06-16"]
    (bo,) = of(found, "bo")
    assert (bo["name"], bo["count"]) == ("吉他", 2)
    assert of(found, "fi") == []


def test_a_share_is_of_all_the_customer_wrote():
    """What is in no topic counts too: half of what they say is not told as all of it."""
    words = {"sentiment": 0.0, "language": "en", "keywords": {"strap": 0.5, "weather": 0.5}}
    found = topics(world([("a", "2026-06-28", "post", None, words)]))
    assert [(row["name"], row["share"]) for row in of(found, "a")] == [("strap", pytest.approx(0.5))]


def test_at_most_five_and_the_strongest():
    words = [f"word{i}" for i in range(7)]
    served = pd.DataFrame({"term": words, "topic_id": [f"{i:016x}" for i in range(7)], "name": words})
    said = {"sentiment": 0.0, "language": "en", "keywords": {word: (i + 1) / 10 for i, word in enumerate(words)}}
    found = topics(world([("a", "2026-06-28", "post", None, said)], served))
    assert found["name"].tolist() == ["word6", "word5", "word4", "word3", "word2"]


def test_what_a_customer_said_is_no_interest_is_no_topic_of_theirs():
    def denied(value: str, side: int = 1, topic: str = "interests", who: str = "ann") -> list[tuple]:
        rows = pd.DataFrame([(who, topic, "hobby", value, side)], columns=list(DENIED_COLUMNS))
        found = of(topics(replace(world(), denied=rows)), "ann")
        return [(row["name"], round(row["share"], 3), row["count"], len(row["evidence"])) for row in found]

    whole = [("warm tone", 1.0, 2, 2)]
    assert denied("warm tone") == denied("Warm Tone") == [], "neither by that word nor by others of its topic"
    ((name, share, count, cited),) = denied("packet")
    assert (name, count, cited) == ("warm tone", 2, 2)
    assert 0 < share < 1, "what is left of the topic is less than all they wrote"
    for nothing in (
        denied("tone"),
        denied("warm tone", side=-1),
        denied("warm tone", topic="needs"),
        denied("packet", who="bo"),
    ):
        assert nothing == whole


def test_documents_cite_the_customers_own_interactions_and_fit_the_schema():
    profiles = build_profiles(*inputs(world()), bucket=0)
    documents = {each["customer_id"]: each for each in map(json.loads, profiles["document"])}
    assert document_faults(profiles["document"]) == []
    (topic,) = documents["ann"]["topics"]
    assert topic["evidence"] == [interaction_id("ann", day, "review") for day in ("2026-04-21", "2026-06-16")]
    assert topic["evidence_count"] == topic["count"] == 2
    assert documents["fi"]["topics"] == []
    again = build_profiles(*inputs(shuffled(world(), 3)), bucket=0)
    assert again["document"].tolist() == profiles["document"].tolist()


def test_without_topics_in_service_the_document_says_so():
    profiles = build_profiles(*inputs(snapshot()), bucket=0)
    assert document_faults(profiles["document"]) == []
    document = json.loads(profiles["document"].iloc[0])
    assert document["topics"] is None
    assert document["nulls"]["/topics"].startswith("no topics are in service")
    assert topics(snapshot()).empty
    without = {name: value for name, value in document.items() if name != "topics"}
    without["nulls"] = {place: why for place, why in document["nulls"].items() if place != "/topics"}
    assert document_faults(pd.Series([json.dumps(without)])) == []  # as documents were before there were any
