"""Facts over time: said again, contradicted, corrected, of several identities; and that days fold alike wherever they are cut."""

import json
from typing import Any

import pandas as pd
import pytest

from profiling import schemas
from profiling.facts.days import fact_id, facts_of_day, fold
from profiling.facts.profile import MAX_FACTS, facts_of_customers
from profiling.facts.rules import NAME, Fact
from profiling.rights.former import own_part

ANN, BOB = "a" * 32, "b" * 32
ONE_EACH = pd.Series({ANN: ANN, BOB: BOB}, name="customer_id").rename_axis("identity_id")
BOTH = pd.Series({ANN: ANN, BOB: ANN}, name="customer_id").rename_axis("identity_id")


def fact(subtopic: str = "product", value: str = "tent", side: int = 1, **changes: Any) -> Fact:
    topic = {"product": "needs", "budget": "price_sensitivity", "move": "life_events"}[subtopic]
    words = f"{subtopic}: {value} {'for' if side > 0 else 'against'}"
    base = {"confidence": 0.8, "is_inferred": False, "start": 3, "end": 9} | changes
    return Fact(topic, subtopic, value, words, float(side), **base)


def day(date: str, *said: tuple[str, Fact], at: str | None = None, by: str = NAME) -> pd.DataFrame:
    """The facts of one arrival day: (identity, fact), each an interaction of its own, all read by one."""
    columns = ["interaction_id", "identity_id", "bucket", "day", "occurred_at"]
    rows = pd.DataFrame(
        [
            {
                "interaction_id": f"{date}-{number}",
                "identity_id": who,
                "bucket": 0,
                "day": date,
                "occurred_at": pd.Timestamp(at or date, tz="UTC") + pd.Timedelta(minutes=number),
            }
            for number, (who, _) in enumerate(said)
        ],
        columns=columns,
    )
    return facts_of_day(rows, {f"{date}-{n}": [(each, by)] for n, (_, each) in enumerate(said)})


def folded(*days: pd.DataFrame) -> pd.DataFrame:
    state = fold(day("2026-01-01"), day("2026-01-01"))
    for each in days:
        state = fold(state, each)
    return state


def held(state: pd.DataFrame, customers: pd.Series = ONE_EACH, corrections: list[dict] | None = None) -> pd.DataFrame:
    rows = pd.DataFrame(corrections or [], columns=schemas.FACT_CORRECTIONS.names)
    return facts_of_customers(state, rows, customers, customers, "2026-06-28")


def test_said_again_it_is_surer_and_one() -> None:
    state = folded(day("2026-06-01", (ANN, fact())), day("2026-06-02", (ANN, fact(confidence=0.5))))
    (row,) = held(state).to_dict("records")
    assert row["confidence"] == pytest.approx(1 - 0.2 * 0.5)
    assert (row["count"], row["superseded"]) == (2, 0)
    assert [each["interaction_id"] for each in row["evidence"]] == ["2026-06-01-0", "2026-06-02-0"]
    assert (row["since"], row["stated_at"]) == (
        pd.Timestamp("2026-06-01", tz="UTC"),
        pd.Timestamp("2026-06-02", tz="UTC"),
    )


def test_twice_on_one_day_is_one_row_of_the_table() -> None:
    rows = day("2026-06-01", (ANN, fact()), (ANN, fact()), (BOB, fact()))
    assert sorted(rows["count"]) == [1, 2]
    assert not rows.duplicated(["fact_id", "day"]).any()


def test_it_does_not_matter_where_a_checkpoint_is_cut() -> None:
    days = [day(f"2026-06-0{n}", (ANN, fact(confidence=0.1 * n)), (ANN, fact("move", ""))) for n in range(1, 8)]
    whole = folded(pd.concat(days, ignore_index=True))
    for cut in range(1, 7):
        parts = folded(pd.concat(days[:cut], ignore_index=True), pd.concat(days[cut:], ignore_index=True))
        pd.testing.assert_frame_equal(parts, whole)
    assert len(whole["evidence"][0]) == 5


def test_the_latest_of_two_sides_holds_in_whatever_order_they_arrive() -> None:
    need, no_need = day("2026-06-01", (ANN, fact())), day("2026-06-09", (ANN, fact(side=-1)))
    late = day("2026-06-20", (ANN, fact()), at="2026-05-01")  # arrived last, said first
    for state in (folded(need, no_need), folded(no_need, late)):
        (row,) = held(state).to_dict("records")
        assert (row["polarity"], row["superseded"]) == (-1, 1)


def test_of_what_there_is_one_of_another_value_goes_before() -> None:
    budgets = [day(f"2026-06-0{n}", (ANN, fact("budget", f"${n}00"))) for n in (1, 2, 3)]
    (row,) = held(folded(*budgets)).to_dict("records")
    assert (row["value"], row["superseded"]) == ("$300", 2)
    needs = [day(f"2026-06-0{n}", (ANN, fact(value=value))) for n, value in enumerate(("tent", "lamp"), 1)]
    assert sorted(held(folded(*needs))["value"]) == ["lamp", "tent"]


def test_the_identities_of_a_customer_speak_together() -> None:
    state = folded(day("2026-06-01", (ANN, fact())), day("2026-06-02", (BOB, fact()), (BOB, fact("move", ""))))
    assert held(state).groupby("customer_id").size().to_dict() == {ANN: 1, BOB: 2}
    joined = held(state, BOTH)
    assert set(joined["customer_id"]) == {ANN}
    assert joined.set_index("subtopic")["count"].to_dict() == {"product": 2, "move": 1}
    assert joined.set_index("subtopic")["fact_id"]["product"] == fact_id(ANN, "needs", "product", "tent", 1)


@pytest.mark.parametrize("first", ["model", NAME])
@pytest.mark.parametrize("identities", [ONE_EACH, BOTH], ids=["one", "two"])
def test_what_a_model_read_goes_without_what_the_rules_read_of_the_same(first: str, identities: pd.Series) -> None:
    """Whoever read it last; over days, over a checkpoint, and over the identities of a customer."""
    dates = ("2026-06-01", "2026-06-02") if first == "model" else ("2026-06-02", "2026-06-01")
    read_by_model = day(dates[0], (BOB if identities is BOTH else ANN, fact(confidence=0.85)), by="model")
    read_by_rules = day(dates[1], (ANN, fact(confidence=0.5)))
    both = folded(*sorted([read_by_model, read_by_rules], key=lambda rows: rows["day"][0]))
    (whole,) = held(both, identities).to_dict("records")
    assert (whole["count"], len(whole["evidence"]), whole["confidence"]) == (2, 2, pytest.approx(1 - 0.15 * 0.5))
    nobody = pd.DataFrame(columns=schemas.FACT_CORRECTIONS.names)
    left = facts_of_customers(both, nobody, identities, identities, "2026-06-28", {ANN})
    pd.testing.assert_frame_equal(left, held(folded(read_by_rules), identities))
    alone = folded(read_by_model)
    for said in (nobody, pd.DataFrame([correction("stated")], columns=nobody.columns)):
        assert facts_of_customers(alone, said, identities, identities, "2026-06-28", {ANN}).empty


def test_two_readers_of_one_day_are_two_rows_and_one_fact() -> None:
    rows = facts_of_day(
        pd.DataFrame(
            {
                "interaction_id": ["i1", "i2"],
                "identity_id": ANN,
                "bucket": 0,
                "day": "2026-06-01",
                "occurred_at": pd.Timestamp("2026-06-01", tz="UTC"),
            }
        ),
        {"i1": [(fact(), "model")], "i2": [(fact(), NAME)]},
    )
    assert rows["written_by"].tolist() == ["model", NAME]
    assert not rows.duplicated(list(schemas.FACTS.key)).any()
    assert held(folded(rows))["count"].tolist() == [2]


def correction(kind: str, who: str = ANN, at: str = "2026-06-10", **changes: Any) -> dict[str, Any]:
    base = {
        "identity_id": who, "topic": "needs", "subtopic": "product", "value": "tent", "side": 1, "kind": kind,
        "statement": "Needs a tent for four" if kind == "stated" else None, "said_by": "Kim",
        "stated_at": pd.Timestamp(at, tz="UTC"), "day": "2026-06-10",
    }  # fmt: skip
    return base | changes


def test_a_corrected_statement_takes_its_own_side() -> None:
    state = folded(day("2026-06-01", (ANN, fact())))
    (stated,) = held(state, corrections=[correction("stated", statement="Hates tents")]).to_dict("records")
    (before,) = held(state).to_dict("records")
    assert (before["polarity"], stated["polarity"]) == (1.0, -1.0)
    assert stated["fact_id"] == before["fact_id"]


def test_a_correction_overrules_also_what_is_said_again_later() -> None:
    state = folded(day("2026-06-01", (ANN, fact())), day("2026-06-20", (ANN, fact())))
    assert held(state, corrections=[correction("wrong")]).empty
    (row,) = held(state, corrections=[correction("wrong"), correction("stated", at="2026-06-11")]).to_dict("records")
    assert row["statement"] == "Needs a tent for four"
    assert (row["written_by"], row["confidence"]) == ("correction by Kim", 1.0)
    assert row["evidence"], "it rests on what the fact rested on"
    assert held(state, corrections=[correction("stated"), correction("wrong", at="2026-06-11")]).empty
    assert held(folded(day("2026-06-01", (ANN, fact("move", "")))), corrections=[correction("stated")])[
        "subtopic"
    ].tolist() == ["move"], "without its evidence there is nothing to correct"


PLACE = {"interaction_id": "2026-06-01-0", "start": 3, "end": 9}


@pytest.mark.parametrize("kind", ["stated", "wrong"])
@pytest.mark.parametrize("side", [1, -1])
def test_a_correction_holds_of_the_words_whoever_reads_them(kind: str, side: int) -> None:
    """A model reads another value, or the other side, in the words that a fact of the rules was corrected for."""
    said = [correction(kind, evidence=[PLACE])]
    (before,) = held(folded(day("2026-06-01", (ANN, fact()))), corrections=[correction("stated")]).to_dict("records")
    other = fact(value="large tent" if side > 0 else "tent", side=side, start=5, end=20)
    rows = held(folded(day("2026-06-01", (ANN, other), by="model")), corrections=said).to_dict("records")
    shown = [(row["statement"], row["fact_id"], row["value"]) for row in rows]
    assert shown == ([("Needs a tent for four", before["fact_id"], "tent")] if kind == "stated" else [])


def test_a_correction_holds_of_no_other_words() -> None:
    """Of other words of the text, of another slot, and of what the same reader told apart from the corrected fact."""
    said = [correction("stated", evidence=[PLACE])]
    for other in (fact(value="lamp", start=9, end=20), fact("move", "")):
        (row,) = held(folded(day("2026-06-01", (ANN, other))), corrections=said).to_dict("records")
        assert row["statement"] == other.statement
    rows = day("2026-06-01", (ANN, fact())).assign(fact_id="f1")
    beside = day("2026-06-01", (ANN, fact(value="lamp")))
    both = held(fold(rows, beside), corrections=said)
    assert sorted(both["statement"]) == ["Needs a tent for four", "product: lamp for"]
    # Said elsewhere too: what rests on the other words stays, by their strength.
    days = [day(f"2026-06-0{n}", (ANN, fact(value="lamp", confidence=0.1 * n + 0.4)), by="model") for n in (1, 2)]
    found = held(folded(*days), corrections=said).set_index("value")
    assert found["count"].to_dict() == {"tent": 1, "lamp": 1}
    assert found["confidence"]["lamp"] == pytest.approx(0.6)
    assert [each["interaction_id"] for each in found["evidence"]["lamp"]] == ["2026-06-02-0"]


def test_of_two_corrections_the_one_stated_later_holds_and_of_one_instant_the_one_recorded_later() -> None:
    state = folded(day("2026-06-01", (ANN, fact())))
    morning, noon, night = (pd.Timestamp(f"2026-06-20T{hour}:00", tz="UTC") for hour in ("08", "12", "22"))
    stated_first = correction("wrong", at="2026-06-10", recorded_at=night)
    stated_last = correction("stated", at="2026-06-11", recorded_at=morning)
    for rows in ([stated_first, stated_last], [stated_last, stated_first]):
        assert len(held(state, corrections=rows)) == 1, "not the one recorded last"
    wrong = correction("wrong", recorded_at=noon)
    for rows in ([wrong, correction("stated", recorded_at=night)], [correction("stated", recorded_at=night), wrong]):
        assert len(held(state, corrections=rows)) == 1
    assert held(state, corrections=[wrong, correction("stated", recorded_at=morning)]).empty
    assert (
        len(held(state, corrections=[correction("stated", recorded_at=noon), correction("wrong", at="2026-06-09")]))
        == 1
    )


def test_a_correction_of_an_identity_that_was_merged_since_is_the_customers() -> None:
    state = folded(day("2026-06-01", (ANN, fact())))
    assert held(state, BOTH, [correction("wrong", BOB)]).empty
    assert len(held(state, ONE_EACH, [correction("wrong", BOB)])) == 1


def test_the_freshest_and_surest_are_shown() -> None:
    old = day("2024-01-01", (ANN, fact(value="old thing", confidence=0.99)))
    new = day("2026-06-20", *[(ANN, fact(value=f"thing {number:02d}", confidence=0.6)) for number in range(14)])
    shown = held(folded(old, new))
    assert len(shown) == MAX_FACTS
    assert "old thing" not in set(shown["value"])


def test_of_a_shared_profile_a_person_is_told_only_the_places_in_their_own_texts() -> None:
    spans = [{"interaction_id": name, "start": 0, "end": 3} for name in ("mine", "theirs")]
    fact = {"statement": "Is looking for: tent", "evidence": ["mine", "theirs"], "spans": spans}
    document = json.dumps({"facts": [fact, {**fact, "evidence": ["theirs"]}], "identity": {"members": [ANN, BOB]}})
    (told,) = own_part(document, [ANN], ["mine"])["facts"]
    assert (told["evidence"], told["spans"]) == (["mine"], spans[:1])
