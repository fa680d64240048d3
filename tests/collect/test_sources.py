"""The mapping of each source: what its columns become, and what it refuses."""

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from profiling.collect import cdnow, german_credit, online_shoppers
from profiling.collect._repeats import Repeats
from profiling.collect.land import FORMS as FORMS_WITH_TIME
from profiling.collect.land import land
from profiling.prepare.quarantine import quarantine
from tests.collect.conftest import SHANGHAI, UTC, Reading, together
from tests.collect.forms import FORMS, Form

AT = "2026-03-01T10:00:00Z"
BY_NAME = {form.name: form for form in FORMS}


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def attributes(row: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = json.loads(str(row["attributes"]))
    return found


# cdnow


def test_cdnow_master_and_sample_name_the_same_purchases(reading: Reading) -> None:
    master = reading(
        "cdnow", " customer_id  date number_of_cds  dollar_value\n 00004 19970101  2   29.33\n", "a.txt", SHANGHAI
    )
    sample = reading("cdnow", " 00004 0001 19970101  2   29.33\n", "b.txt", SHANGHAI)
    (of_master,), (of_sample,) = master.rows.to_dict("records"), sample.rows.to_dict("records")
    assert of_master["natural_key"] == of_sample["natural_key"]
    assert of_master["identifiers"] == [("cdnow", "00004")]
    assert of_sample["identifiers"] == [("cdnow_sample", "0001"), ("cdnow", "00004")]
    assert of_master["occurred_at"] == pd.Timestamp("1996-12-31T16:00:00Z")
    assert [of_master[name] for name in ("kind", "quantity", "amount", "currency")] == ["purchase", 2.0, 29.33, "USD"]


def test_cdnow_keeps_two_equal_purchases_of_a_day(reading: Reading) -> None:
    keys = reading("cdnow", " 1 19970101 1 11.77\n" * 3, "in.txt").rows["natural_key"]
    assert keys.is_unique
    assert keys[2] == keys[0] + "-3"


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        ("1 19970101 1", "broken_columns", None),
        ("customer_id date 1 2", "unparseable_time", "date"),  # looks like a header and is none
        ("1 2 19970101 1 2 3", "broken_columns", None),
        ("1 1997-01-01 1 2", "unparseable_time", "date"),
        ("1 1997010１ 1 2", "unparseable_time", "date"),
        ("1 19970101 one 2", "unparseable_number", "quantity"),
    ],
)
def test_cdnow_refuses_other_lines(reading: Reading, line: str, reason: str, field: str | None) -> None:
    assert reading("cdnow", line, "in.txt").rejects[["reason", "field"]].values.tolist() == [[reason, field]]


def test_repeats_forget_what_is_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiling.collect._repeats.MOST_ROWS", 2)
    repeats = Repeats()
    assert [repeats.numbered(content)[32:] for content in "aabab"] == ["", "-2", "", "", ""]


# online_shoppers


def test_a_session_is_dated_by_its_month_and_says_what_was_assumed(reading: Reading) -> None:
    form = BY_NAME["online_shoppers"]
    (row,) = reading("online_shoppers", form.content(3).replace("TRUE\n", "FALSE\n"), form.file, SHANGHAI).rows.to_dict(
        "records"
    )
    assert (row["kind"], row["occurred_at"]) == ("view", pd.Timestamp("2017-01-31T16:00:00Z"))
    said = attributes(row)
    assert (said["product_pages"], said["product_seconds"], said["visitor_type"]) == (3, 64, "Returning_Visitor")
    assert (said["time_precision"], said["is_year_assumed"], said["is_weekend"]) == ("month", True, False)
    assert row["identifiers"] == [("session", row["natural_key"])]


def test_a_session_with_a_year_is_of_that_year(reading: Reading) -> None:
    session = {"Month": "June", "Year": 2021, "Revenue": True, "Weekend": False}
    (row,) = reading("online_shoppers", lines(session)).rows.to_dict("records")
    assert (row["kind"], row["occurred_at"]) == ("purchase", pd.Timestamp("2021-06-01", tz="UTC"))
    assert attributes(row)["is_year_assumed"] is False
    refused = reading(
        "online_shoppers", lines({**session, "Year": 1.5}, {**session, "Revenue": "maybe"}, {**session, "Month": None})
    )
    assert refused.rejects["field"].tolist() == ["Year", "Revenue", "Month"]


def test_equal_sessions_are_sessions_of_their_own(reading: Reading) -> None:
    form = BY_NAME["online_shoppers"]
    assert reading("online_shoppers", form.content(1, 1), form.file).rows["natural_key"].is_unique


# german_credit


def test_an_applicant_is_attributes_and_an_outcome_in_words(reading: Reading) -> None:
    form = BY_NAME["german_credit"]
    rows = reading("german_credit", form.content(169), form.file).rows
    said = dict(zip(rows["name"], rows["value"], strict=True))
    assert len(said) == 22
    assert (said["checking_account_dm"], said["credit_months"], said["credit_amount_dm"]) == ("below 0", "6", "1169")
    assert (said["sex"], said["personal_status"], said["credit_outcome"]) == ("male", "single", "good")
    assert rows["stated_at"].isna().all()
    assert len({tuple(pairs) for pairs in rows["identifiers"]}) == 1
    assert set(german_credit._COLUMNS["personal_status"] or {}) == set(german_credit._SEX)


# deliveries

HEADER = "order,customer,from,to,promised,delivered,weight,text\n"


def test_a_late_delivery_says_how_late(reading: Reading) -> None:
    content = HEADER + "O1,C1,Hub,Austin,2026-03-01T09:00Z,2026-03-02T10:30Z,1.5,Box was wet\n"
    (row,) = reading("deliveries", content, "in.csv").rows.to_dict("records")
    assert (row["natural_key"], row["identifiers"], row["kind"]) == ("O1", [("customer", "C1")], "delivery")
    assert (row["occurred_at"], row["text"]) == (pd.Timestamp("2026-03-02T10:30Z"), "Box was wet")
    assert attributes(row) == {
        "order": "O1", "origin": "Hub", "destination": "Austin", "weight_kg": 1.5, "is_delivered": True,
        "promised_at": "2026-03-01T09:00:00+00:00", "lateness_hours": 25.5,
    }  # fmt: skip


def test_a_parcel_under_way_happened_when_it_was_promised(reading: Reading) -> None:
    read = reading("deliveries", HEADER + "O1,C1,,,2026-03-01,,,\nO2,C1,,,,2026-03-01,,\nO3,C1,,,,,,\n", "in.csv")
    assert [attributes(row).get("is_delivered") for row in read.rows.to_dict("records")] == [False, True]
    assert "lateness_hours" not in attributes(read.rows.to_dict("records")[0])
    assert read.rejects[["reason", "field"]].values.tolist() == [["missing_time", "delivered"]]


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (",C1,,,,2026-03-01,,", "missing_field", "order"),
        ("O1,,,,,2026-03-01,,", "missing_identifiers", "customer"),
        ("O1,C1,,,soon,2026-03-01,,", "unparseable_time", "promised"),
        ("O1,C1,,,,2026-03-01,-1,", "out_of_range", "weight"),
    ],
)
def test_deliveries_refuse_other_rows(reading: Reading, row: str, reason: str, field: str) -> None:
    assert reading("deliveries", HEADER + row, "in.csv").rejects[["reason", "field"]].values.tolist() == [
        [reason, field]
    ]


# ad_log


def test_impressions_clicks_and_searches(reading: Reading) -> None:
    shown = {
        "event": "impression",
        "identifiers": {"device": "D1"},
        "user": "U1",
        "at": AT,
        "ad": "A1",
        "cost": "0.02",
        "campaign": "spring",
    }
    read = reading(
        "ad_log",
        lines(
            shown, {**shown, "event": "Click", "id": "x1"}, {"event": "search", "user": "U1", "at": AT, "query": "tea"}
        ),
    )
    assert read.rows[["kind", "item_id", "text"]].values.tolist() == [
        ["ad_impression", "A1", None],
        ["ad_click", "A1", None],
        ["search", None, "tea"],
    ]
    first = read.rows.to_dict("records")[0]
    assert first["identifiers"] == [("user", "U1"), ("device", "D1")]
    assert attributes(first) == {"campaign": "spring", "cost": 0.02}
    assert math.isnan(first["amount"])  # the advertiser's money is not the customer's
    assert read.rows["natural_key"][1] == "x1"


@pytest.mark.parametrize(
    ("row", "field"),
    [({"event": "click", "user": "U", "at": AT}, "ad"), ({"event": "search", "user": "U", "at": AT, "ad": "A"}, "query"),
     ({"event": "click", "at": AT, "ad": "A"}, "user"), ({"event": "click", "user": "U", "ad": "A"}, "at")],
)  # fmt: skip
def test_an_ad_row_without_what_it_is_about_is_refused(reading: Reading, row: object, field: str) -> None:
    assert reading("ad_log", lines(row)).rejects["field"].tolist() == [field]


# posts


def test_a_post_keeps_its_signals(reading: Reading) -> None:
    post = {
        "id": 7,
        "author": "Ann",
        "created_at": AT,
        "platform": "Weibo",
        "text": "@Acme 太慢了 #慢递# #Slow 😡😡👍🏽 ann@example.org #1",
        "likes": 3,
    }
    (row,) = reading("posts", lines(post)).rows.to_dict("records")
    assert (row["natural_key"], row["identifiers"], row["channel"]) == ("7", [("weibo", "Ann")], "weibo")
    assert row["text"] == post["text"]
    assert attributes(row) == {
        "likes": 3,
        "hashtags": ["慢递", "slow"],
        "mentions": ["acme"],
        "emoji": ["😡", "😡", "👍🏽"],
    }


@pytest.mark.parametrize(
    ("said", "emoji"),
    [("\U0001f468\u200d\U0001f469\u200d\U0001f467 home", ["\U0001f468\u200d\U0001f469\u200d\U0001f467"]), ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
     ("1\ufe0f\u20e3 ❤\ufe0f", ["1\ufe0f\u20e3", "❤\ufe0f"]), ("plain, 100 % #", None), ("😀" * 99, ["😀"] * 50)],
)  # fmt: skip
def test_emoji_are_found_whole(reading: Reading, said: str, emoji: list[str] | None) -> None:
    (row,) = reading("posts", lines({"id": 1, "author": "a", "created_at": AT, "text": said})).rows.to_dict("records")
    assert attributes(row).get("emoji") == emoji
    assert row["identifiers"] == [("handle", "a")]


# all of them


@pytest.mark.parametrize("form", [form for form in FORMS if form.name in FORMS_WITH_TIME], ids=lambda form: form.name)
def test_a_landed_file_says_the_same(form: Form, reading: Reading, tmp_path: Path) -> None:
    before = reading(form.name, form.content(1, 1, 2) + form.bad, form.file)
    counts = land(form.name, [tmp_path / form.file], tmp_path / "landing", UTC, form.name)
    assert sum(counts.values()) == 4
    (landed,) = tmp_path.glob(f"landing/{form.name}/*/in.jsonl")
    after = reading(form.name, landed.read_bytes())
    columns = [name for name in before.rows if name != "source_line"]
    pd.testing.assert_frame_equal(before.rows[columns], after.rows[columns])
    assert after.rejects["reason"].tolist() == [form.reason]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_no_identifier_of_a_refused_row_is_kept(form: Form, reading: Reading) -> None:
    bad = form.bad.replace("00009", "76543").replace("O1,C1", "O1,XYZZY").replace("nobody", "XYZZY")
    for identifier in ('"C1"', '"U1"', '"ann"', '"reviewerID": "A1"'):
        bad = bad.replace(identifier, re.sub(r'"\w+"$', '"XYZZY"', identifier))
    read = reading(form.name, form.header + bad, form.file)
    kept = quarantine(read.rejects, source=form.name, source_file=form.file, day="2026-03-01")["content"][0]
    assert "XYZZY" not in kept
    assert "xyzzy" not in kept
    assert "76543" not in kept


COUNTS = {
    "CDNOW_master.txt": (cdnow, 69_659, 69_659),
    "CDNOW_sample.txt": (cdnow, 6_919, 6_919),
    "online_shoppers_intention.csv": (online_shoppers, 12_330, 12_330),
    "german.data": (german_credit, 1_000, 22_000),
}


@pytest.mark.parametrize("name", COUNTS)
def test_real_files_lose_nothing(real_data: Path, name: str) -> None:
    path = real_data / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    module, lines_read, rows = COUNTS[name]
    read = together(list(module.read(path, UTC)))
    assert (read.lines_read, len(read.rows), len(read.rejects)) == (lines_read, rows, 0)
    if "natural_key" in read.rows:
        assert read.rows["natural_key"].is_unique
