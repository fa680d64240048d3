"""The ledger's reading of its records: the newest one counts, a stretch covers its days, a profile waits for what is open."""

import pandas as pd
import pytest

from profiling import schemas
from profiling.ledger import Ledger, days_between, sunday_before


def ledger(*records: tuple[str, str, str] | tuple[str, str, str, str]) -> Ledger:
    """(stage, day, state[, until]) in the order written."""
    rows = [
        dict.fromkeys(schemas.LEDGER.names)
        | {"stage": stage, "day": day, "state": state, "attempt": str(n), "until": rest[0] if rest else None}
        | {"outputs": f"{n:032d}", "inputs": inputs}
        for n, (stage, day, state, *rest) in enumerate(records)
        for inputs in [f"{n - 1:032d}:encoder" if stage == "features" else None]
    ]
    return Ledger(pd.DataFrame(rows, columns=schemas.LEDGER.names))


def test_the_newest_record_counts() -> None:
    found = ledger(("ingest", "2026-01-01", "open"), ("ingest", "2026-01-01", "released"))
    assert found.state("ingest", "2026-01-01") == "released"
    assert found.state("features", "2026-01-01") is None


def test_a_stretch_covers_its_days_until_a_later_record() -> None:
    found = ledger(("ingest", "2026-01-01", "empty", "2026-01-03"), ("ingest", "2026-01-02", "released"))
    assert [found.state("ingest", f"2026-01-0{n}") for n in range(1, 5)] == ["empty", "released", "empty", None]
    assert found.get("ingest", "2026-01-03").day == "2026-01-03"


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([("ingest", "2026-01-01", "open")], "ingest of 2026-01-01 is open"),
        ([("ingest", "2026-01-01", "released")], "features of 2026-01-01 is not done"),
        ([("ingest", "2026-01-01", "stale"), ("features", "2026-01-01", "released")], "ingest of 2026-01-01 is stale"),
        ([("ingest", "2026-01-01", "failed")], None),
        ([("ingest", "2026-01-01", "released"), ("features", "2026-01-01", "released")], None),
        (
            [
                ("ingest", "2026-01-01", "released"),
                ("features", "2026-01-01", "released"),
                ("ingest", "2026-01-01", "released"),
            ],
            "features of 2026-01-01 are older than its ingest",
        ),
        ([("ingest", "2026-01-03", "open")], None),
        ([("ingest", "2026-01-01", "empty"), ("features", "2026-01-01", "empty")], None),
    ],
)
def test_what_a_profile_of_the_second_waits_for(records: list, sentence: str | None) -> None:
    found = ledger(*records).unfinished("2026-01-02")
    assert (sentence is None and not found) or (len(found) == 1 and sentence in found[0])


def test_a_failed_rerun_leaves_the_chain_on_what_is_in_the_tables() -> None:
    released = [("ingest", "2026-01-01", "released"), ("features", "2026-01-01", "released")]
    before = ledger(*released).chain("2026-01-01")
    assert ledger(*released, ("ingest", "2026-01-01", "open")).chain("2026-01-01") == before
    assert ledger(*released, ("ingest", "2026-01-01", "failed")).chain("2026-01-01") == before
    assert ledger(*released, ("ingest", "2026-01-01", "released")).chain("2026-01-01") != before
    assert ledger(*released, ("ingest", "2026-01-02", "released")).chain("2026-01-01") == before


def test_days() -> None:
    assert days_between("2026-02-27", "2026-03-01") == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert days_between("2026-03-01", "2026-02-27") == []
    assert [sunday_before(day) for day in ("2026-06-28", "2026-06-29", "2026-06-22")] == [
        "2026-06-21",
        "2026-06-28",
        "2026-06-21",
    ]
