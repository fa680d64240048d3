"""Which model speaks for a day, and why a candidate becomes champion or not."""

import pandas as pd
import pytest

from profiling.behaviour.registry import PROMOTED, REFUSED, ROLLED_BACK, Entry, champion, decide, effective_from


def decisions(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """(as_of, sha, state) in the order they were decided."""
    frame = pd.DataFrame(rows, columns=["as_of", "sha", "state"], dtype="str")
    return frame.assign(
        target="churn",
        model="lightgbm",
        value=0.7,
        effective_from=pd.Series([effective_from(as_of) for as_of in frame["as_of"]], dtype="str"),
        decided_at=pd.date_range("2026-07-01", periods=len(frame), tz="UTC"),
    )


FIRST, SECOND = ("2026-06-14", "a", PROMOTED), ("2026-06-21", "b", PROMOTED)


@pytest.mark.parametrize(
    ("rows", "day", "speaks"),
    [
        ([], "2026-06-20", None),
        ([FIRST], "2026-06-14", None),  # never for a day its labels have seen
        ([FIRST], "2026-06-15", "a"),
        ([FIRST, SECOND], "2026-06-21", "a"),
        ([FIRST, SECOND], "2026-06-22", "b"),
        ([SECOND, FIRST], "2026-06-22", "b"),  # in whatever order they were decided
        ([FIRST, ("2026-06-21", "b", REFUSED)], "2026-06-22", "a"),
        ([FIRST, SECOND, ("2026-06-21", "b", ROLLED_BACK)], "2026-06-22", "a"),
        ([FIRST, ("2026-06-14", "a", ROLLED_BACK)], "2026-06-22", None),
        ([FIRST, ("2026-06-14", "a", ROLLED_BACK), FIRST], "2026-06-22", "a"),
        ([FIRST, ("2026-06-14", "c", PROMOTED)], "2026-06-20", "c"),  # trained again as of the same day
    ],
)
def test_who_speaks(rows: list[tuple[str, str, str]], day: str, speaks: str | None) -> None:
    found = champion(decisions(*rows), "churn", day)
    assert (found and found.sha) == speaks
    assert champion(decisions(*rows), "satisfied", day) is None


def measured(value: float | None, theirs: float | None = None, is_leaking: bool = False) -> dict:
    return {
        "holdout": {"metrics": {"roc_auc": {"value": value}}},
        "champion": {"value": {"value": theirs}},
        "leaks": {"is_leaking": is_leaking},
    }


INCUMBENT = Entry("churn", "2026-06-14", "a", "lightgbm", "2026-06-15", 0.9)


@pytest.mark.parametrize(
    ("candidate", "incumbent", "state", "reason"),
    [
        (measured(0.7), None, PROMOTED, "no model was in service"),
        (measured(0.5), None, REFUSED, "no better than chance"),
        (measured(None), None, REFUSED, "no better than chance"),
        (
            measured(0.7, 0.6),
            INCUMBENT,
            PROMOTED,
            "0.7000 against 0.6000",
        ),  # on the same rows, whatever it scored elsewhere
        (measured(0.7, 0.7), INCUMBENT, PROMOTED, "0.7000 against 0.7000"),
        (measured(0.7, 0.71), INCUMBENT, REFUSED, "0.7000 against 0.7100"),
        (measured(0.99, 0.7, is_leaking=True), INCUMBENT, REFUSED, "sees the answers"),
    ],
)
def test_the_rule(candidate: dict, incumbent: Entry | None, state: str, reason: str) -> None:
    found, said = decide("roc_auc", candidate, incumbent)
    assert found == state
    assert reason in said
