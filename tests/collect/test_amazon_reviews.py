"""The three published forms of Amazon reviews, and what is wrong with rows."""

import json
from pathlib import Path

import pandas as pd
import pytest

from profiling.collect import EVENT_COLUMNS, amazon_reviews
from tests.collect.conftest import UTC, Reading, together

OF_2014 = {
    "reviewerID": "A1", "asin": "B01", "reviewerName": "Ann Example", "helpful": [2, 3], "reviewText": "Works well.",
    "overall": 5.0, "summary": "Good", "unixReviewTime": 1393545600, "reviewTime": "02 28, 2014",
}  # fmt: skip
OF_2018 = {
    "reviewerID": "A2", "asin": "B02", "reviewerName": "Bob Example", "overall": 2.0, "verified": True, "vote": "1,204",
    "style": {"Size:": " Big"}, "image": ["https://example.org/1.jpg"], "reviewText": "Broke.", "summary": "Bad!",
    "unixReviewTime": 1441324800,
}  # fmt: skip
OF_2023 = {
    "user_id": "A3", "parent_asin": "B03", "asin": "B03-RED", "rating": 4, "title": "Fine", "text": "Fine so far",
    "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": False, "images": [],
}  # fmt: skip


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_the_three_forms_may_stand_in_one_file(reading: Reading, packed: bool) -> None:
    read = reading("amazon_reviews", lines(OF_2014, OF_2018, OF_2023), packed=packed)
    rows = read.rows
    assert list(rows.columns) == list(EVENT_COLUMNS)
    assert rows["source_line"].tolist() == [1, 2, 3]
    assert rows["identifiers"].tolist() == [[("amazon", "A1")], [("amazon", "A2")], [("amazon", "A3")]]
    assert rows["item_id"].tolist() == ["B01", "B02", "B03"]
    assert rows["text"].tolist() == ["Good. Works well.", "Bad! Broke.", "Fine so far"]
    assert rows["rating"].tolist() == [5.0, 2.0, 4.0]
    assert rows["kind"].tolist() == ["review"] * 3
    assert str(rows["occurred_at"].dtype) == "datetime64[us, UTC]"
    assert rows["occurred_at"].tolist() == [
        pd.Timestamp("2014-02-28", tz="UTC"),
        pd.Timestamp("2015-09-04", tz="UTC"),
        pd.Timestamp("2020-05-05T14:08:48.923", tz="UTC"),
    ]
    assert [json.loads(attributes) for attributes in rows["attributes"]] == [
        {"helpful": [2, 3]},
        {
            "verified": True, "vote": "1,204", "style": {"Size:": " Big"}, "image_count": 1,
            "media": ["https://example.org/1.jpg"],
        },
        {"verified": False, "vote": 0, "asin": "B03-RED"},
    ]  # fmt: skip


def test_of_a_picture_of_2023_the_largest_size_is_referred_to(reading: Reading) -> None:
    sizes = {f"{size}_image_url": f"https://example.org/{size}.jpg" for size in ("small", "medium", "large")}
    images = [
        sizes | {"attachment_type": "IMAGE"},
        {"small_image_url": sizes["small_image_url"], "large_image_url": None},
        7,
    ]
    said = json.loads(reading("amazon_reviews", lines({**OF_2023, "images": images})).rows["attributes"][0])
    assert said["media"] == ["https://example.org/large.jpg", "https://example.org/small.jpg"]
    assert said["image_count"] == 3


def test_names_of_people_are_never_kept(reading: Reading) -> None:
    rows = reading("amazon_reviews", lines(OF_2014, OF_2018)).rows
    assert "Example" not in rows.to_csv()


def test_the_natural_key_tells_reviews_apart_and_ignores_votes(reading: Reading) -> None:
    rows = reading(
        "amazon_reviews",
        lines(
            OF_2014, {**OF_2014, "helpful": [9, 9]}, {**OF_2014, "overall": 4.0}, {**OF_2014, "reviewText": "Other."}
        ),
    ).rows
    assert rows["natural_key"].nunique() == 3
    assert rows["natural_key"][0] == rows["natural_key"][1]
    assert rows["natural_key"][0].startswith("A1|B01|")


@pytest.mark.parametrize(
    ("title", "body", "text"),
    [
        ("Good", "Works.", "Good. Works."),
        ("Good!", "Works.", "Good! Works."),
        ("不错。", "很好用", "不错。 很好用"),
        ("Works well", "Works well, really", "Works well, really"),
        (None, "Works.", "Works."),
        ("Good", None, "Good"),
        ("Good", "   ", "Good"),
        (None, None, None),
        ("", "", None),
    ],
)
def test_title_and_body_become_one_text(
    reading: Reading, title: str | None, body: str | None, text: str | None
) -> None:
    row = {name: value for name, value in OF_2014.items() if name not in ("summary", "reviewText")}
    read = reading("amazon_reviews", lines({**row, "summary": title, "reviewText": body}))
    assert read.rows["text"].tolist() == [text]


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in OF_2014.items() if name != field}


NASTY = {
    "cut": (lines(OF_2014).rstrip()[:40], "broken_json", None),
    "array": ("[1, 2]\n", "not_an_object", None),
    "string": ('"hello"\n', "not_an_object", None),
    "NaN": ('{"reviewerID": NaN}\n', "broken_json", None),
    "deep": ("[" * 3000 + "\n", "nested_too_deeply", None),
    "no_utf8": (b'{"reviewerID": "\xff\xfe"}\n', "invalid_utf8", None),
    "lone_surrogate": ('{"reviewerID": "\\ud800"}\n', "broken_json", None),
    "no_user": (lines(without("reviewerID")), "missing_field", "reviewerID"),
    "blank_user": (lines({**OF_2014, "reviewerID": "  "}), "missing_field", "reviewerID"),
    "no_item": (lines(without("asin")), "missing_field", "asin"),
    "no_time": (lines(without("unixReviewTime")), "missing_time", "unixReviewTime"),
    "time_in_words": (lines({**OF_2014, "unixReviewTime": "yesterday"}), "unparseable_number", "unixReviewTime"),
    "time_in_ms": (lines({**OF_2014, "unixReviewTime": 1393545600000000}), "unparseable_time", "unixReviewTime"),
    "rating_in_words": (lines({**OF_2014, "overall": "five"}), "unparseable_number", "overall"),
    "rating_true": (lines({**OF_2014, "overall": True}), "unparseable_number", "overall"),
    "text_is_list": (lines({**OF_2014, "reviewText": ["a"]}), "wrong_type", "reviewText"),
    "2023_without_time": (lines({"user_id": "A", "asin": "B", "rating": 1}), "missing_time", "timestamp"),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_line_is_refused_with_its_reason_and_its_neighbours_stay(reading: Reading, name: str) -> None:
    nasty, reason, field = NASTY[name]
    raw = nasty.encode() if isinstance(nasty, str) else nasty
    read = reading("amazon_reviews", lines(OF_2014).encode() + raw.rstrip(b"\n") + b"\n" + lines(OF_2018).encode())
    assert read.rows["source_line"].tolist() == [1, 3]
    (reject,) = read.rejects.to_dict("records")
    assert (reject["source_line"], reject["reason"], reject["field"]) == (2, reason, field)
    assert len(reject["detail"]) > 20
    assert reject["content"] == raw.decode(errors="replace").rstrip("\n")[:2000]


def test_messages_name_fields_and_never_values(reading: Reading) -> None:
    read = reading("amazon_reviews", lines({**OF_2014, "overall": "secret-value"}))
    assert "secret-value" not in read.rejects["detail"][0]
    assert "secret-value" in read.rejects["content"][0]


def test_byte_order_mark_crlf_and_blank_lines_do_no_harm(reading: Reading) -> None:
    content = b"\xef\xbb\xbf" + lines(OF_2014).replace("\n", "\r\n").encode() + b"\r\n\n" + lines(OF_2018).encode()
    read = reading("amazon_reviews", content)
    assert read.rows["source_line"].tolist() == [1, 4]
    assert (read.lines_read, len(read.rejects)) == (2, 0)


def test_a_half_written_last_line_is_refused(reading: Reading) -> None:
    read = reading("amazon_reviews", lines(OF_2014, OF_2018)[:-30])
    assert (len(read.rows), read.rejects["reason"].tolist()) == (1, ["broken_json"])


def test_a_monstrous_line_keeps_a_short_content(reading: Reading) -> None:
    read = reading("amazon_reviews", '{"reviewText": "' + "好" * 1_000_000)
    assert len(read.rejects["content"][0]) == 2000


def test_an_empty_file_says_nothing(reading: Reading) -> None:
    assert reading("amazon_reviews", "").lines_read == 0


@pytest.mark.parametrize(
    ("name", "count", "distinct"),
    [("Musical_Instruments_5.json", 10_261, 10_261), ("AMAZON_FASHION_5.json", 3_176, None)],
)
def test_the_real_files_are_read_whole(real_data: Path, name: str, count: int, distinct: int | None) -> None:
    path = real_data / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    read = together(list(amazon_reviews.read(path, UTC)))
    assert (len(read.rows), len(read.rejects), read.lines_read) == (count, 0, count)
    keys = read.rows[["natural_key", "occurred_at"]].drop_duplicates()
    assert len(keys) == distinct if distinct else len(keys) < count  # the fashion file repeats itself
    assert (
        read.rows["occurred_at"]
        .between(pd.Timestamp("2003-01-01", tz="UTC"), pd.Timestamp("2019-01-01", tz="UTC"))
        .all()
    )
