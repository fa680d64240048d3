"""Rejects keep their reason and lose the person."""

import pandas as pd
import pyarrow as pa
import pytest

from profiling import schemas
from profiling.collect import REJECT_COLUMNS
from profiling.prepare.clean import validate
from profiling.prepare.quarantine import MAX_CONTENT, quarantine
from tests.prepare.worlds import DAY, DAY_END, events


def quarantined(*contents: str | None) -> pd.DataFrame:
    rows = [
        (line, "not_json", None, "the line is no JSON; repair it", content) for line, content in enumerate(contents, 1)
    ]
    rejects = pd.DataFrame(rows, columns=list(REJECT_COLUMNS))
    return quarantine(rejects, source="shop", source_file="a.jsonl", day=DAY)


CONTENTS = {
    "pairs": ('{"identifiers":[["customer","SECRET"]],"rating":9}', '{"identifiers":"[identifier]","rating":9}'),
    "object": ('{"identifiers": {"customer": "SECRET"}, "rating": 9}', '{"identifiers":"[identifier]","rating":9}'),
    "column": ('{"identifier_email":"SECRET","kind":"x"}', '{"identifier_email":"[identifier]","kind":"x"}'),
    "amazon": (
        '{"reviewerID":"SECRET","reviewerName":"SECRET","overall":9}',
        '{"reviewerID":"[identifier]","reviewerName":"[identifier]","overall":9}',
    ),
    "deep": ('{"a":{"user_id":["SECRET"]}}', '{"a":{"user_id":"[identifier]"}}'),
    "number": ('{"user_id":12345,"x":1}', '{"user_id":"[identifier]","x":1}'),
    "pattern": ('{"text":"mail SECRET@example.org"}', '{"text":"mail [email]"}'),
    "broken": ('{"reviewerID": "SECRET", "overall": 9', '{"reviewerID": "[identifier]", "overall": 9'),
    "broken inside the value": ('{"overall": 9, "reviewerName": "SECRET SEC', '{"overall": 9, "reviewerName": "[identifier]"'),
    "broken, escaped quote": ('{"name": "SEC\\"RET", "x": 1', '{"name": "[identifier]", "x": 1'),
    "broken list": ('{"identifiers":[["a","SECRET"],["b","SECRET"]],"x":', '{"identifiers":"[identifier]","x":'),
    "broken list, open": ('{"identifiers":[["a","SECRET"],["b","SECR', '{"identifiers":"[identifier]"'),
    "broken object": ('{"identifiers":{"a":"SECRET"},"x":', '{"identifiers":"[identifier]","x":'),
    "broken bare word": ('{"user_id": SECRET, "x": 1}', '{"user_id": "[identifier]", "x": 1}'),
    "python": ("{'user_id': 'SECRET', 'x': 1}", "{'user_id': \"[identifier]\", 'x': 1}"),
    "broken, escaped at sign": ('{"text": "SECRET\\u0040example.org', '{"text": "[email]'),
    "broken, a name without quotes": ('{user_id: "SECRET", x: 1', '{user_id: "[identifier]", x: 1'),
    "no JSON": ("9,SECRET,SECRET@example.org,13800138000", "9,xxxxxx,[email],99999999999"),
    "a key in braces": ("{3F2504E0-4F89},SECRET", "{9x9999x9-9x99},xxxxxx"),
    "a list": ('["SECRET", 12]', '["xxxxxx", 99]'),
    "lone surrogate": ('{"x":"a\\ud800b"}', '{"x":"ab"}'),
    "null": ("null", "xxxx"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CONTENTS.values(), ids=CONTENTS.keys())
def test_content_is_redacted(before: str, after: str) -> None:
    content = quarantined(before)["content"][0]
    assert content == after
    assert "SEC" not in content


def test_content_is_cut_after_it_is_redacted() -> None:
    content = quarantined('{"' + "x" * (MAX_CONTENT - 8) + " 4111111111111111")["content"][0]
    assert content == '{"' + "x" * (MAX_CONTENT - 8) + " [card"


def test_deep_nesting_is_survived() -> None:
    assert quarantined("[" * 100_000)["content"][0] == "[" * MAX_CONTENT


def test_rejects_of_events_fit_the_table_and_name_nobody() -> None:
    _, rejects = validate(
        events({"kind": "x", "identifiers": [("email", "ann.white@example.org")], "natural_key": "white-1"}), DAY_END
    )
    frame = quarantine(rejects, source="shop", source_file="a.jsonl", day=DAY)
    pa.Table.from_pandas(frame, schema=schemas.QUARANTINE.arrow, preserve_index=False).validate(full=True)
    assert "white" not in frame.to_csv()
    assert '"rating":5.0' in frame["content"][0]


def test_no_rejects_and_no_content() -> None:
    assert quarantined().columns.tolist() == schemas.QUARANTINE.names
    assert quarantined(None)["content"].isna().all()
