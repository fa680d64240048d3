"""Scores in a world of three customers whose right answer is seen by eye."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.collect.truth import read_truth, score
from profiling.errors import InputError

FILE = "events.jsonl"
CUSTOMERS = [
    {"identifier": "C1", "tastes": ["tea", "coffee"], "churned_on": None, "satisfaction": 0.9, "trend": 0.4},
    {
        "identifier": "C2",
        "tastes": ["pets", "audio", "running"],
        "churned_on": "2026-03-05",
        "satisfaction": 0.2,
        "trend": 0.0,
    },
    {"identifier": "C3", "tastes": ["kitchen", "tea"], "churned_on": "2026-03-20", "satisfaction": 0.5, "trend": 0.0},
]
DUPLICATES = [
    {"kind": "exact", "day": "2026-03-02", "file": FILE, "line": 1, "of_day": "2026-03-01", "of_line": 1},
    {"kind": "near", "day": "2026-03-01", "file": FILE, "line": 3, "of_day": "2026-03-01", "of_line": 2},
    {
        "kind": "near",
        "day": "2026-03-30",
        "file": FILE,
        "line": 3,
        "of_day": "2026-03-30",
        "of_line": 2,
    },  # after the day
]
REJECTS = [{"day": "2026-03-01", "file": FILE, "line": 9, "reason": "broken_json"}]
REDACTIONS = [
    {"event_id": "E2", "day": "2026-03-01", "file": FILE, "line": 2, "type": "phone", "planted": "202-555-0143"}
]
LATE = [{"event_id": "E5", "day": "2026-03-02", "file": FILE, "line": 2, "event_day": "2026-03-01"}]
SHOWN = {"id1": {"score": 0.8, "trend": 0.1}, "id2": {"score": 0.3, "trend": None}}
IDENTIFIERS = {"id1": "C1", "id2": "C2", "id3": "C3", "visitor": "D1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in {
        "customers": CUSTOMERS, "duplicates": DUPLICATES, "rejects": REJECTS, "redactions": REDACTIONS, "late": LATE
    }.items():  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def document(customer_id: str, life_cycle: str, *topics: str) -> dict[str, Any]:
    level = SHOWN.get(customer_id, {"score": None, "trend": None})
    interests = [{"topic": "shiny", "kind": "keyword"}, *({"topic": topic, "kind": "category"} for topic in topics)]
    return {
        "customer_id": customer_id,
        "interests": interests,
        "segment": {"life_cycle": life_cycle},
        "satisfaction": level,
    }


def rows(*places: tuple[str, int, str | None], source: str = "events") -> pd.DataFrame:
    frame = pd.DataFrame(places, columns=["day", "source_line", "text"])
    return frame.assign(source=source, source_file=FILE, reason="broken_json")


STORED = rows(("2026-03-01", 1, None), ("2026-03-01", 2, "call [phone]"), ("2026-03-02", 2, "late"))
REFUSED = rows(("2026-03-01", 9, None))
PERFECT = [document("id1", "active", "tea", "coffee"), document("id2", "lapsed", "audio", "pets", "running")]


def test_all_recovered(folder: Path) -> None:
    found = score(folder, "2026-03-10", [*PERFECT, document("visitor", "lapsed", "tea")], IDENTIFIERS, STORED, REFUSED)
    assert found.pop("wrong_rejects") == 0.0
    assert len(found) == 12
    assert found == pytest.approx(dict.fromkeys(found, 1.0))


def test_interests_count_as_many_as_there_are_tastes(folder: Path) -> None:
    profiles = [document("id1", "active", "tea", "pets", "coffee"), document("id2", "lapsed", "audio")]
    found = score(folder, "2026-03-10", profiles, IDENTIFIERS, STORED, REFUSED)
    assert found["interest_precision"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["interest_recall"] == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_churn_is_measured_both_ways(folder: Path) -> None:
    profiles = [document("id1", "at_risk"), document("id2", "active"), document("id3", "lapsed")]
    found = score(folder, "2026-03-25", profiles, IDENTIFIERS, STORED, REFUSED)
    assert (found["churn_recall"], found["churn_precision"]) == (0.5, 0.5)
    found = score(folder, "2026-03-25", profiles, IDENTIFIERS, STORED, REFUSED, silent_days=10)  # too early to judge C3
    assert (found["churn_recall"], found["churn_precision"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (rows(("2026-03-01", 1, None), ("2026-03-02", 1, None)), "exact_duplicates"),
        (rows(("2026-03-02", 2, None)), "exact_duplicates"),  # both copies lost
        (rows(("2026-03-01", 2, "a"), ("2026-03-01", 3, "A")), "near_duplicates"),
        (rows(("2026-03-01", 1, None)), "late"),
        (rows(("2026-03-01", 7, "call 202-555-0143")), "redactions"),
        (rows(("2026-03-01", 2, None)), "redacted_rows"),  # nothing leaks, but the text is gone
        (rows(("2026-03-01", 2, "x"), source="reviews"), "redacted_rows"),
    ],
)
def test_what_went_wrong_is_seen(folder: Path, stored: pd.DataFrame, name: str) -> None:
    assert score(folder, "2026-03-10", PERFECT, IDENTIFIERS, stored, REFUSED)[name] == 0.0


def test_rejects_must_have_the_planted_reason_and_nothing_else(folder: Path) -> None:
    refused = rows(("2026-03-01", 9, None), ("2026-03-01", 5, None)).assign(reason="rating_out_of_range")
    found = score(folder, "2026-03-10", PERFECT, IDENTIFIERS, STORED, refused)
    assert (found["rejects"], found["wrong_rejects"]) == (0.0, 1.0)


def test_nothing_planted_yet_is_not_a_number(folder: Path) -> None:
    found = score(folder, "2026-02-01", [], {}, STORED.iloc[:0], REFUSED.iloc[:0])
    assert all(math.isnan(value) for name, value in found.items() if name != "wrong_rejects")


def test_a_missing_truth_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="profiling sample --out DIR"):
        read_truth(tmp_path)


def test_satisfaction_in_the_wrong_order_and_a_wrong_trend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHOWN, "id1", {"score": 0.1, "trend": -0.1})
    profiles = [document("id1", "active", "tea"), document("id2", "lapsed", "audio")]
    found = score(folder, "2026-03-10", profiles, IDENTIFIERS, STORED, REFUSED)
    assert found["satisfaction_rank"] == pytest.approx(-1.0)
    assert found["trend_sign"] == 0.0
