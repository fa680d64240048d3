"""A batch of events from input to interactions."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from profiling import schemas
from profiling.prepare.clean import MAX_TEXT
from profiling.prepare.identity import identity_id
from profiling.prepare.interactions import Prepared, prepare_interactions, redact_json
from profiling.prepare.privacy import pseudonym
from tests.prepare.worlds import DAY, DAY_END, KEY, events

UTC = ZoneInfo("UTC")


def prepare(rows: pd.DataFrame, **changes: Any) -> Prepared:
    arguments = {
        "source": "shop", "source_file": "a.jsonl", "day": DAY, "day_end": DAY_END, "zone": UTC, "key": KEY, "buckets": 1,
        "bucket": None,
    }  # fmt: skip
    return prepare_interactions(rows, **{**arguments, **changes})


def test_a_batch_is_validated_identified_redacted_and_dated() -> None:
    rows = events(
        {"text": "Mail&nbsp;ann@example.org!", "attributes": '{"phone":13800138000,"n":3}'},
        {"rating": 9.0},
        {"identifiers": [("customer", "c1"), ("email", "ann@example.org")], "text": None},
    )
    before = rows.copy(deep=True)
    prepared = prepare(rows)
    first, last = prepared.rows.to_dict("records")
    assert first["text"] == "Mail [email]!"
    assert first["text_hash"] == pseudonym(KEY, "text", "Mail [email]!")
    assert json.loads(first["attributes"]) == {"phone": "[phone]", "n": 3}
    assert (first["day"], first["event_day"], first["source"], first["source_line"]) == (DAY, DAY, "shop", 1)
    assert first["identity_id"] == identity_id(KEY, "customer", "c1")
    assert pd.isna(last["text"])
    assert pd.isna(last["text_hash"])
    assert prepared.rejects["reason"].tolist() == ["rating_out_of_range"]
    assert {kind: number for kind, number in prepared.redactions.items() if number} == {"email": 1, "phone": 1}
    assert prepared.links["other_id"].tolist() == [identity_id(KEY, "email", "ann@example.org")]
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize("rows", [events({}, {"text": None, "rating": None}), events()], ids=["rows", "no rows"])
def test_the_frames_fit_their_tables(rows: pd.DataFrame) -> None:
    prepared = prepare(rows)
    interactions = prepared.rows.assign(is_text_shared=False).astype({"is_text_shared": bool})
    for frame, table in ((interactions, schemas.INTERACTIONS), (prepared.links, schemas.IDENTITY_LINKS)):
        assert sorted(frame.columns) == sorted(table.names)
        pa.Table.from_pandas(frame[table.names], schema=table.arrow, preserve_index=False).validate(full=True)


def test_a_text_does_not_outgrow_its_limit_by_redaction() -> None:
    prepared = prepare(events({"text": "a@b.co " * 3_000}))
    assert prepared.rows["text"].str.len().tolist() == [MAX_TEXT]


def test_raw_identifiers_are_nowhere() -> None:
    prepared = prepare(events({"identifiers": [("customer", "annwhite77"), ("email", "ann.white@example.org")]}))
    for frame in (prepared.rows, prepared.links):
        assert "white" not in frame.to_csv()


def test_the_event_day_is_the_local_one() -> None:
    late = pd.Timestamp("2026-06-14T16:30", tz="UTC")  # half past midnight in Shanghai
    assert prepare(events({"occurred_at": late})).rows["event_day"].tolist() == ["2026-06-14"]
    assert prepare(events({"occurred_at": late}), zone=ZoneInfo("Asia/Shanghai")).rows["event_day"].tolist() == [DAY]


def test_buckets_part_the_batch() -> None:
    rows = events(*({"text": f"mail c{number}@example.org"} for number in range(40)), {"kind": "x"})
    whole = prepare(rows, buckets=4)
    parts = [prepare(rows, buckets=4, bucket=bucket) for bucket in range(4)]
    together = pd.concat([part.rows for part in parts]).sort_values("source_line", ignore_index=True)
    pd.testing.assert_frame_equal(together, whole.rows)
    assert [len(part.rejects) for part in parts] == [1, 0, 0, 0]
    assert [part.redactions["email"] for part in parts] == [len(part.rows) for part in parts]
    assert min(len(part.rows) for part in parts) > 0


DOCUMENTS = {
    "untouched": ('{"verified":true,"votes":3}', '{"verified":true,"votes":3}'),
    "deep": ('{"a":[{"b":"call 13800138000"}],"c":null}', '{"a":[{"b":"call [phone]"}],"c":null}'),
    "escaped": ('{"a":"ann\\u0040example.org"}', '{"a":"[email]"}'),
    "html and invisible": ('{"a":"R&amp;B\\u200b"}', '{"a":"R&B"}'),
    "lone surrogate": ('{"a":"x\\ud800"}', '{"a":"x"}'),
    "long number that is none": ('{"ean":4006381333931,"at":1441324800}', '{"ean":4006381333931,"at":1441324800}'),
    "card as a number": ('{"a":4111111111111111}', '{"a":"[card]"}'),
    "no JSON": ("mail ann@example.org {", "mail [email] {"),
    "blank": (" ", None),
    "missing": (None, None),
}


@pytest.mark.parametrize(("before", "after"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_redact_json(before: str | None, after: str | None) -> None:
    redacted, _ = redact_json(pd.Series([before], dtype="object"))
    assert redacted.astype(object).where(redacted.notna(), None)[0] == after
