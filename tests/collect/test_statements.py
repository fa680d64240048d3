"""Customers, consents and the catalogue: lines that give statements."""

import json

import pandas as pd
import pytest

from profiling.collect import STATEMENT_COLUMNS
from tests.collect.conftest import SHANGHAI, Reading

AT = "2026-03-01T08:00:00"


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def said(rows: pd.DataFrame) -> list[tuple[str, str | None]]:
    return list(zip(rows["name"], rows["value"], strict=True))


def test_a_customer_line_gives_one_statement_a_field(reading: Reading) -> None:
    line = {"identifiers": {"customer": "C1", "email": "a@example.org"}, "stated_at": AT, "city": " Austin ", "age": 41,
            "is_member": True, "left": None, "tags": ["b", "a"]}  # fmt: skip
    rows = reading("customers", lines(line), zone=SHANGHAI).rows
    assert list(rows.columns) == list(STATEMENT_COLUMNS)
    assert said(rows) == [
        ("city", "Austin"),
        ("age", "41"),
        ("is_member", "true"),
        ("left", None),
        ("tags", '["b","a"]'),
    ]
    assert rows["identifiers"].tolist() == [[("customer", "C1"), ("email", "a@example.org")]] * 5
    assert rows["stated_at"].unique().tolist() == [pd.Timestamp("2026-03-01T00:00:00Z")]
    assert rows["source_line"].unique().tolist() == [1]


def test_customers_in_csv_say_nothing_by_empty_fields(reading: Reading) -> None:
    rows = reading("customers", "identifier_customer,stated_at,city,sex\nC1,2026-03-01,,female\n", "in.csv").rows
    assert said(rows) == [("sex", "female")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"stated_at": AT, "city": "Austin"}, "missing_identifiers"),
        ({"identifiers": {"customer": "C1"}, "city": "Austin"}, "missing_time"),
        ({"identifiers": {"customer": "C1"}, "stated_at": "soon", "city": "Austin"}, "unparseable_time"),
        ({"identifiers": {"customer": "C1"}, "stated_at": AT}, "nothing_said"),
        ({"identifiers": {"customer": "C1"}, "stated_at": AT, " ": "x", "city": "Austin"}, "missing_name"),
    ],
)
def test_a_customer_line_is_taken_whole_or_not_at_all(reading: Reading, line: object, reason: str) -> None:
    read = reading("customers", lines(line))
    assert (len(read.rows), read.rejects["reason"].tolist()) == (0, [reason])


def test_consents_are_purpose_and_status(reading: Reading) -> None:
    line = {"identifiers": {"customer": "C1"}, "purpose": "marketing_email", "status": "granted", "stated_at": AT}
    read = reading("consents", lines(line, {**line, "status": "withdrawn"}))
    assert said(read.rows) == [("marketing_email", "granted"), ("marketing_email", "withdrawn")]


@pytest.mark.parametrize("status", ["Granted", "yes", "true", "withdrawn?"])
def test_a_doubtful_consent_is_no_consent(reading: Reading, status: str) -> None:
    line = {"identifiers": {"customer": "C1"}, "purpose": "marketing_email", "status": status, "stated_at": AT}
    read = reading("consents", lines(line))
    assert (len(read.rows), read.rejects["reason"].tolist()) == (0, ["unknown_status"])


def test_our_catalogue(reading: Reading) -> None:
    line = {"item_id": "I1", "title": "Tea tray / 茶盘", "category": "tea", "price_usd": 42.0}
    rows = reading("catalogue", lines(line, {"item_id": "I1", "price_usd": 40, "stated_at": AT})).rows
    assert said(rows) == [("title", "Tea tray / 茶盘"), ("category", "tea"), ("price_usd", "42.0"), ("price_usd", "40")]
    assert rows["identifiers"].tolist() == [[("item", "I1")]] * 4
    assert rows["stated_at"].isna().tolist() == [True, True, True, False]
    assert str(rows["stated_at"].dtype) == "datetime64[us, UTC]"


AMAZON = {
    "2014": (
        {"asin": "B1", "title": "Picks", "price": 5.99, "brand": "Dun", "categories": [["Music", "Guitar", "Picks"], ["X"]]},
        {"title": "Picks", "category": "Picks", "category_path": "Music > Guitar > Picks", "brand": "Dun", "price_usd": "5.99"},
    ),
    "2018": (
        {"asin": "B1", "title": "Picks", "price": "$1,005.99 - $2,000.00", "category": ["Music", "Picks"], "also_buy": ["B2"]},
        {"title": "Picks", "category": "Picks", "category_path": "Music > Picks", "price_usd": "1005.99"},
    ),
    "2023": (
        {"parent_asin": "B1", "title": "Picks", "price": "from 14.99", "categories": ["Music", "Picks"], "store": "Dun",
         "main_category": "Musical Instruments", "stated_at": AT},
        {"title": "Picks", "category": "Picks", "category_path": "Music > Picks", "brand": "Dun", "price_usd": "14.99"},
    ),
    "2023 poor": (
        {"parent_asin": "B1", "title": "Picks", "price": None, "categories": [], "main_category": "Music"},
        {"title": "Picks", "category": "Music", "category_path": "Music"},
    ),
    "no offer": ({"asin": "B1", "title": "Picks", "price": "—", "categories": [[]]}, {"title": "Picks"}),
}  # fmt: skip


@pytest.mark.parametrize("form", AMAZON)
def test_amazons_metadata(reading: Reading, form: str) -> None:
    line, statements = AMAZON[form]
    rows = reading("catalogue", lines(line)).rows
    assert dict(said(rows)) == statements
    assert rows["identifiers"][0] == [("item", "B1")]


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        ({"title": "Tray"}, "missing_field", "item_id"),
        ({"item_id": "I1"}, "nothing_said", None),
        ({"item_id": "I1", "title": "Tray", "price_usd": "cheap"}, "unparseable_number", "price_usd"),
        ({"item_id": "I1", "title": "Tray", "stated_at": "soon"}, "unparseable_time", "stated_at"),
        ({"asin": "B1", "title": "Picks", "price": ".a-box { color: red }"}, "unparseable_number", "price"),
        ({"asin": "B1", "title": "Picks", "categories": [["Music", 5]]}, "wrong_type", "categories"),
        ({"asin": "B1", "also_buy": ["B2"]}, "nothing_said", None),
        ({"asin": None, "title": "Picks"}, "missing_field", "asin"),
    ],
)
def test_one_bad_field_refuses_the_item(reading: Reading, line: object, reason: str, field: str | None) -> None:
    read = reading("catalogue", lines(line))
    assert (len(read.rows), read.rejects["reason"].tolist()) == (0, [reason])
    assert read.rejects["field"][0] == field
