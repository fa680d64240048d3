"""The made-up shop: the same bytes every time, and a truth that fits its drops."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stdnum import luhn
from stdnum.cn import ric

from profiling.collect import collector
from profiling.collect.sample import SOURCES, write_sample
from profiling.collect.sample_shop import CATEGORIES, items
from profiling.errors import InputError
from tests.collect.conftest import UTC, Read, together

SMALL = {"customers": 40, "days": 30}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as the demo writes it."""
    folder = tmp_path_factory.mktemp("sample") / "shop"
    write_sample(folder)
    return folder


def days(shop: Path) -> list[Path]:
    return sorted((shop / "events").iterdir())


def truth(shop: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shop / "_truth" / f"{name}.jsonl").read_text().splitlines()]


def line(shop: Path, day: str, number: int) -> bytes:
    return (shop / "events" / day / "events.jsonl").read_bytes().splitlines()[number - 1]


def records(shop: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows that are JSON objects with an event id of ours, broken ones excepted."""
    for day in days(shop):
        for raw in (day / "events.jsonl").read_bytes().splitlines():
            if raw.endswith(b"}") and not raw.startswith(b'{"event_id":"X'):
                yield day.name, json.loads(raw)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    counts = [write_sample(tmp_path / name, **SMALL) for name in ("one", "two")]
    assert counts[0] == counts[1]
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    write_sample(tmp_path / "other", **SMALL, seed=8)
    assert tree(tmp_path / "one") != tree(tmp_path / "other")


def test_writing_again_touches_nothing_and_mends_what_is_missing(tmp_path: Path) -> None:
    write_sample(tmp_path, **SMALL)
    before = tree(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    write_sample(tmp_path, **SMALL)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "events/2026-06-28/events.jsonl").write_bytes(b"cut")
    (tmp_path / "events/2026-06-27/_SUCCESS").unlink()
    write_sample(tmp_path, **SMALL)
    assert tree(tmp_path) == before


def test_a_folder_that_is_not_this_sample_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not a sample of ours"):
        write_sample(tmp_path / "mine", **SMALL)
    assert list(tree(tmp_path / "mine")) == ["thesis.txt"]
    write_sample(tmp_path / "sample", **SMALL)
    with pytest.raises(InputError, match="holds another sample"):
        write_sample(tmp_path / "sample", customers=40, days=31)


@pytest.mark.parametrize("wrong", [{"customers": 0}, {"days": 0}, {"end": "28.06.2026"}])
def test_wrong_arguments_are_said(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        write_sample(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_the_smallest_shop_works(tmp_path: Path) -> None:
    assert write_sample(tmp_path, customers=1, days=1)["days"] == 1


def test_every_source_is_complete_on_every_day(shop: Path) -> None:
    calendar = [day.name for day in days(shop)]
    assert (len(calendar), calendar[0], calendar[-1]) == (120, "2026-03-01", "2026-06-28")
    for source in SOURCES:
        assert [day.name for day in sorted((shop / source).iterdir())] == calendar
        assert all((shop / source / day / "_SUCCESS").is_file() for day in calendar)


def test_the_size_is_that_of_a_quick_demo(shop: Path) -> None:
    lines = [len((day / "events.jsonl").read_bytes().splitlines()) for day in days(shop)]
    texts = [record["text"] for _, record in records(shop) if "text" in record]
    assert 40 <= sum(lines) / 120 <= 60
    assert 20 <= len(texts) / 120 <= 25
    assert len(set(texts)) > 1_500
    assert sum(bool(re.search("[一-鿿]", text)) for text in texts) / len(texts) == pytest.approx(0.3, abs=0.1)


def test_our_collectors_read_the_drops_and_refuse_only_what_was_planted(shop: Path) -> None:
    early = {"broken_json", "missing_identifiers", "unparseable_time"}  # the others are impossible, not unreadable
    for source in SOURCES:
        read = {day.name: whole(source, shop / source / day.name / f"{source}.jsonl") for day in days(shop)}
        refused = {
            (day, number, reason)
            for day, found in read.items()
            if len(found.rejects)
            for number, reason in zip(found.rejects["source_line"], found.rejects["reason"], strict=True)
        }
        planted = {(row["day"], row["line"], row["reason"]) for row in truth(shop, "rejects") if row["reason"] in early}
        assert refused == (planted if source == "events" else set())
        assert sum(found.lines_read for found in read.values()) > 0


def whole(source: str, path: Path) -> Read:
    return together(list(collector(source)(path, UTC)) if path.exists() else [])


def test_broken_rows_are_of_every_kind_and_under_the_limit_every_day(shop: Path) -> None:
    planted = truth(shop, "rejects")
    per_day = Counter(row["day"] for row in planted)
    for day in days(shop):
        assert per_day[day.name] <= 0.05 * len((day / "events.jsonl").read_bytes().splitlines())
    assert min(Counter(row["reason"] for row in planted).values()) > 10
    checks = {
        "broken_json": lambda raw, _: not raw.endswith(b"}"),
        "rating_out_of_range": lambda raw, _: json.loads(raw)["rating"] == 9,
        "missing_identifiers": lambda raw, _: "identifiers" not in json.loads(raw),
        "unparseable_time": lambda raw, _: "-13-" in json.loads(raw)["occurred_at"],
        "quantity_out_of_range": lambda raw, _: json.loads(raw)["quantity"] < 0,
        "in_the_future": lambda raw, day: json.loads(raw)["occurred_at"][:10] > day,
    }
    assert {row["reason"] for row in planted} == set(checks)
    for row in planted:
        assert checks[row["reason"]](line(shop, row["day"], row["line"]), row["day"])


def test_duplicates_stand_where_the_truth_says(shop: Path) -> None:
    def bare(text: str) -> str:
        return "".join(letter for letter in text.casefold() if letter.isalnum())

    planted = truth(shop, "duplicates")
    for row in planted:
        copy, original = line(shop, row["day"], row["line"]), line(shop, row["of_day"], row["of_line"])
        if row["kind"] == "exact":
            assert copy == original
        else:
            one, other = json.loads(copy), json.loads(original)
            assert one["text"] != other["text"]
            assert bare(one["text"]) == bare(other["text"])
            assert one["event_id"] != other["event_id"]
            assert one["identifiers"] == other["identifiers"]
            assert one["occurred_at"][:10] == other["occurred_at"][:10] == row["day"]
    same_day = Counter((row["kind"], row["day"] == row["of_day"]) for row in planted)
    assert min(same_day[key] for key in (("exact", True), ("exact", False), ("near", True))) > 20


def test_nothing_else_is_said_twice(shop: Path) -> None:
    copies = {(row["day"], row["line"]) for row in truth(shop, "duplicates")}
    ids, sayings = Counter(), Counter()
    for day in days(shop):
        for number, raw in enumerate((day / "events.jsonl").read_bytes().splitlines(), 1):
            if not raw.endswith(b"}") or (day.name, number) in copies:
                continue
            record = json.loads(raw)
            ids[record["event_id"]] += 1
            if "text" in record and not record["event_id"].startswith("X"):
                customer, event_day = record["identifiers"]["customer"], record["occurred_at"][:10]
                sayings[(customer, event_day, record["kind"], record["text"])] += 1
    assert max(ids.values()) == 1
    assert max(sayings.values()) == 1


def test_late_rows_keep_their_time(shop: Path) -> None:
    late = {(row["day"], row["event_id"]) for row in truth(shop, "late")}
    found = {(day, record["event_id"]) for day, record in records(shop) if record["occurred_at"][:10] != day}
    again = {(row["day"], row["event_id"]) for row in truth(shop, "duplicates")}
    assert found - again == late
    assert len(late) > 50


def test_planted_personal_data_are_real_in_form_and_of_nobody(shop: Path) -> None:
    planted = truth(shop, "redactions")
    assert set(Counter(row["type"] for row in planted)) == {"email", "phone", "card", "resident_id"}
    for row in planted:
        assert row["planted"] in json.loads(line(shop, row["day"], row["line"]))["text"]
        if row["type"] == "card":
            assert luhn.is_valid(re.sub("[ -]", "", row["planted"]))
        if row["type"] == "resident_id":
            assert row["planted"][-1] == ric.calc_check_digit(row["planted"])
        if row["type"] == "email":
            assert row["planted"].endswith("@example.org")


def test_customers_behave_as_the_truth_says(shop: Path) -> None:
    known = {row["identifier"]: row for row in truth(shop, "customers")}
    assert len(known) == 120
    assert sum(row["churned_on"] is not None for row in known.values()) == 24
    assert sum(row["language"] == "zh" for row in known.values()) == 36
    category = {item.item_id: item.category for item in items()}
    last, bought, ratings = {}, Counter(), Counter()
    for _, record in records(shop):
        customer = record["identifiers"].get("customer")
        if customer is None:
            continue
        person = known[customer]
        last[customer] = max(last.get(customer, ""), record["occurred_at"][:10])
        assert record["occurred_at"][:10] >= person["joined_on"]
        if record["kind"] == "purchase":
            bought[category[record["item_id"]] in person["tastes"]] += 1
        if record["kind"] == "review":
            ratings[(person["satisfaction"] > 0.5, record["rating"] >= 4)] += 1
    for customer, day in last.items():
        churned_on = known[customer]["churned_on"]
        assert churned_on is None or day < churned_on
    assert bought[True] > 10 * bought[False]
    assert ratings[(True, True)] > ratings[(True, False)]
    assert ratings[(False, False)] > ratings[(False, True)]


def test_all_ways_to_name_a_customer_occur_and_the_customer_comes_first(shop: Path) -> None:
    forms = Counter(tuple(record["identifiers"]) for _, record in records(shop))
    assert set(forms) == {("customer",), ("customer", "email"), ("device",)}
    assert forms[("customer",)] > forms[("customer", "email")] > forms[("device",)] > 50


def test_the_catalogue_is_told_once_and_then_only_changes(shop: Path) -> None:
    first, *later = [whole("catalogue", shop / "catalogue" / day.name / "catalogue.jsonl") for day in days(shop)]
    assert first.lines_read == len(items()) == 120
    assert set(first.rows.loc[first.rows["name"] == "category", "value"]) == set(CATEGORIES)
    changes = [found for found in later if found.lines_read]
    assert 5 <= len(changes) <= 15
    assert {name for found in changes for name in found.rows["name"]} == {"price_usd"}


def test_some_consents_are_taken_back(shop: Path) -> None:
    stated = [
        whole("consents", shop / "consents" / day.name / "consents.jsonl").rows.assign(day=day.name)
        for day in days(shop)
        if (shop / "consents" / day.name / "consents.jsonl").exists()
    ]
    assert any(set(rows["value"]) == {"withdrawn"} and rows["day"].iloc[0] > "2026-03-01" for rows in stated)
    assert set(stated[0]["name"]) == {"marketing_email", "marketing_sms"}
