"""Statements: all or nothing by line."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from profiling import schemas
from profiling.prepare.identity import identity_id
from profiling.prepare.statements import prepare_statements
from tests.prepare.worlds import DAY, DAY_END, KEY, statements

UTC = ZoneInfo("UTC")


def prepare(rows: pd.DataFrame, table: str = "attributes", zone: ZoneInfo = UTC) -> tuple[pd.DataFrame, pd.DataFrame]:
    return prepare_statements(
        rows, table, source="crm", source_file="c.csv", day=DAY, day_end=DAY_END, zone=zone, key=KEY
    )[:2]


def test_a_statement_about_a_customer() -> None:
    rows = statements({"value": " New&nbsp;York "}, {"name": "note", "value": "mail ann@example.org"}, {"value": None})
    frame, rejects = prepare(rows)
    assert rejects.empty
    assert frame["subject_id"].tolist() == [identity_id(KEY, "customer", f"c{line}") for line in (1, 2, 3)]
    assert frame["value"].fillna("-").tolist() == ["New York", "mail [email]", "-"]
    assert frame.loc[0, ["source", "source_file", "source_line", "day"]].tolist() == ["crm", "c.csv", 1, DAY]


def test_an_item_keeps_its_id_and_its_numbers() -> None:
    frame, _ = prepare(
        statements({"identifiers": [("item", "B0006O1Y6S")], "name": "gtin", "value": "13800138000"}), "catalogue"
    )
    assert frame.loc[0, ["subject_id", "value"]].tolist() == ["B0006O1Y6S", "13800138000"]


def test_a_statement_without_a_time_was_made_as_the_day_began() -> None:
    frame, _ = prepare(statements({"stated_at": pd.NaT}), zone=ZoneInfo("Asia/Shanghai"))
    assert frame["stated_at"][0] == pd.Timestamp("2026-06-14T16:00", tz="UTC")


FAULTS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "of nobody": ("attributes", {"identifiers": []}, "identifier_missing", "identifiers"),
    "without a name": ("attributes", {"name": " "}, "name_missing", "name"),
    "name too long": ("attributes", {"name": "x" * 101}, "name_missing", "name"),
    "from the future": ("attributes", {"stated_at": DAY_END}, "in_the_future", "stated_at"),
    "consent of another word": ("consents", {"value": "yes"}, "consent_unknown", "value"),
    "consent missing": ("consents", {"value": None}, "consent_unknown", "value"),
}


@pytest.mark.parametrize(("table", "change", "reason", "field"), FAULTS.values(), ids=FAULTS.keys())
def test_one_impossible_statement_rejects_its_line(table: str, change: dict, reason: str, field: str) -> None:
    fine = {"value": "Granted"}
    rows = statements(fine, {**fine, "name": "first"}, {**fine, **change}).assign(source_line=[1, 2, 2])
    frame, rejects = prepare(rows, table)
    assert frame["source_line"].tolist() == [1]
    (reject,) = rejects.to_dict("records")
    assert (reject["source_line"], reject["reason"], reject["field"]) == (2, reason, field)
    assert "first" in json.loads(reject["content"])["statements"]


def test_two_values_of_one_name_contradict_and_one_value_twice_does_not() -> None:
    rows = statements({}, {"value": "York"}, {}, {}).assign(source_line=[1, 1, 2, 2])
    frame, rejects = prepare(rows)
    assert frame["source_line"].tolist() == [2]
    assert rejects["reason"].tolist() == ["stated_twice"]


def test_consent_words_are_small() -> None:
    frame, _ = prepare(statements({"value": "WITHDRAWN"}, {"value": " granted"}), "consents")
    assert frame["value"].tolist() == ["withdrawn", "granted"]


@pytest.mark.parametrize("table", ["attributes", "consents", "catalogue"])
@pytest.mark.parametrize("rows", [statements({"value": "granted"}), statements()], ids=["rows", "no rows"])
def test_the_frame_fits_its_table(rows: pd.DataFrame, table: str) -> None:
    frame, _ = prepare(rows, table)
    pa.Table.from_pandas(frame, schema=schemas.TABLES[table].arrow, preserve_index=False).validate(full=True)


def test_a_line_that_names_a_customer_twice_over_links_the_two() -> None:
    both = {"identifiers": [("customer", "c1"), ("email", "Ann@Example.org")]}
    rows = statements(both, {**both, "name": "street"}, {}, {"identifiers": [("customer", "c4"), ("phone", "12")]})
    rows = rows.assign(source_line=[1, 1, 2, 3])
    arguments = {"source": "crm", "source_file": "c.csv", "day": DAY, "day_end": DAY_END, "zone": UTC, "key": KEY}
    found = prepare_statements(rows, "attributes", **arguments)
    assert list(found.links.columns) == schemas.IDENTITY_LINKS.names
    first = found.links[found.links["identity_id"] == identity_id(KEY, "customer", "c1")].iloc[0]
    assert len(found.links) == 2, "a line's statements give its link once"
    assert first["other_id"] == identity_id(KEY, "email", "ann@example.org")
    assert (first["first_type"], first["identifier_type"], first["source"]) == ("customer", "email", "crm")
    assert found.counts == {"as_written_phone": 1}
    items = rows.assign(identifiers=[[("item", "i1"), ("gtin", "i1")]] * 4)
    assert prepare_statements(items, "catalogue", **arguments).links.empty
