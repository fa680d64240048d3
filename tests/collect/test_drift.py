"""Columns that are new, missing or retyped; and what raises no alarm."""

import json
from pathlib import Path

import pytest

from profiling import stages
from profiling.collect import drift
from profiling.errors import GateFailed
from profiling.settings import Settings


def rows(count: int, **fields: object) -> list[dict[str, object]]:
    return [fields for _ in range(count)]


BEFORE = drift.seen(rows(20, kind="purchase", amount=1.5, at="2026-03-01") + rows(80, kind="view", at="2026-03-01"))


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (rows(100, kind="view", at="2026-03-01", amount=2), None),
        (rows(100, kind="view", at="2026-03-01", amount="2.50"), None),  # CSV instead of JSON
        (rows(100, kind="view", at="2026-03-01"), "column `amount` is missing"),
        (rows(40, kind="view", at="2026-03-01"), None),  # a day without purchases: 8 were expected
        (rows(3, at="2026-03-01"), "column `kind` is missing"),  # every row had it
        (rows(100, kind="view", at="2026-03-01", amonut=2), "column `amonut` is new (a misspelt `amount`?), `amount` is missing"),
        ([*rows(97, kind="view", at="x", amount=2), *rows(3, kind="view", at="x", amonut=2)], None),
        (rows(100, kind="view", at="2026-03-01", amount="two"), "column `amount` is text and was number"),
        (rows(100, kind="view", at=1393545600, amount=1), "column `at` is number and was text"),
        ([*rows(50, kind="view", at="x", amount="two"), *rows(50, kind="view", at="x", amount=2)], None),
        (rows(100, kind=["view"], at="x", amount={"usd": 1}), "column `amount` is object and was number, `kind` is list "
         "and was text"),
        (rows(100, kind="view", at="x", amount=None), "column `amount` is missing"),
        ([], None),
    ],
)  # fmt: skip
def test_changes_are_named(now: list[dict[str, object]], sentence: str | None) -> None:
    assert drift.changes("shop", BEFORE, drift.seen(now)) == ([f"source shop: {sentence}"] if sentence else [])


def test_parts_add_up_and_the_ledger_stays_small() -> None:
    halves = [drift.seen(rows(3, a=1)), drift.seen(rows(2, a="x", b=True))]
    assert drift.together(halves) == {"rows": 5, "columns": {"a": [5, ["number", "text"]], "b": [2, ["flag"]]}}
    wide = drift.seen([{f"key-{number}": 1 for number in range(5_000)}, {"kind": 1}, {"kind": 2}])
    assert len(wide["columns"]) == drift.MOST_COLUMNS
    assert "kind" in wide["columns"]


def test_a_source_may_change_between_json_and_csv() -> None:
    rest = {"occurred_at": "2026-06-15", "kind": "purchase"}
    as_json = drift.seen(rows(20, identifiers={"customer": "C7"}, amount=20, attributes={"page": 1}, **rest))
    columns = {"identifier_customer": "C7", "identifier_email": "ann@example.com"}
    as_csv = drift.seen(rows(20, **columns, amount="20", attributes='{"page": 1}', **rest))
    assert drift.changes("shop", as_json, as_csv) == drift.changes("shop", as_csv, as_json) == []
    assert drift.changes("shop", as_json, drift.seen(rows(20, amount=20, attributes={"page": 1}, **rest))) == [
        "source shop: column `identifiers` is missing"
    ]
    both = drift.seen(rows(20, identifiers={"customer": "C7"}, identifier_email="ann@example.com", **rest))
    assert drift.changes("shop", both, drift.seen(rows(20, identifier_email="ann@example.com", **rest))) == [
        "source shop: column `identifiers` is missing"
    ], "nothing took its place"


def deliver(settings: Settings, day: str, **fields: object) -> None:
    folder = Path(settings.landing) / "events" / day
    folder.mkdir(parents=True)
    said = {"identifiers": {"customer": "C1"}, "occurred_at": day, "kind": "purchase", "currency": "USD", **fields}
    (folder / "in.jsonl").write_text("".join(json.dumps({**said, "event_id": f"{day}-{n}"}) + "\n" for n in range(12)))
    (folder / "_SUCCESS").touch()


def test_ingest_warns_of_changed_columns_and_remembers_the_new_ones(settings: Settings) -> None:
    for day, field in (("2026-03-01", "amount"), ("2026-03-03", "amonut"), ("2026-03-04", "amonut")):
        deliver(settings, day, **{field: 5})
    days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]  # a day without a drop lies between
    said = {day: [w for w in stages.ingest(settings, day).warnings if w.startswith("source events")] for day in days}
    assert said == {
        "2026-03-01": [],
        "2026-03-02": [],
        "2026-03-03": ["source events: column `amonut` is new (a misspelt `amount`?), `amount` is missing"],
        "2026-03-04": [],
    }


def test_a_day_that_fails_names_the_changed_column_too(settings: Settings) -> None:
    deliver(settings, "2026-03-01", amount=5)
    stages.ingest(settings, "2026-03-01")
    deliver(settings, "2026-03-02", amount="five")
    with pytest.raises(GateFailed, match="column `amount` is text and was number"):
        stages.ingest(settings, "2026-03-02")
