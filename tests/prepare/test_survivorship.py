"""Which statement survives."""

import pandas as pd
import pytest

from profiling.prepare.identity_rules import Rules, Survivorship
from profiling.prepare.survivorship import surviving

# What two members of one customer are said to be, by source, in the order of time.
SAID = [
    ("crm", "i1", "Ann Lee of Leeds"),
    ("shop", "i1", "Ann Lee"),
    ("shop", "i2", "A. Lee"),
    ("mail", "i2", "Ann"),
]


def rules(how: Survivorship, *trust: str) -> Rules:
    return Rules.model_validate(
        {"version": 1, "types": {"*": {}}, "trust": trust, "survivorship": {"*": "newest", "name": how}}
    )


def said(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["source", "identity_id", "value"])
    times = pd.Timestamp("2026-06-01", tz="UTC") + pd.to_timedelta(range(len(rows)), unit="h")
    return frame.assign(
        customer_id="c", name="name", stated_at=times, day="2026-06-01", source_file="f", source_line=range(len(rows))
    ).astype({"value": "str"})


@pytest.mark.parametrize(
    ("how", "trust", "expected"),
    [
        ("newest", (), "Ann"),
        ("most_complete", (), "Ann Lee of Leeds"),
        ("most_trusted", ("shop", "crm"), "A. Lee"),  # the last that the shop said, of whichever member
        ("most_trusted", ("nobody",), "Ann"),  # no source is in the list: the newest
    ],
)
def test_one_survives(how: Survivorship, trust: tuple[str, ...], expected: str) -> None:
    rows = said(*SAID)
    for seed in range(4):
        found = surviving(rows.sample(frac=1, random_state=seed), rules(how, *trust))
        assert found["value"].tolist() == [expected]


def test_other_attributes_follow_the_rule_of_all_others() -> None:
    rows = pd.concat([said(*SAID), said(*SAID).assign(name="city")])
    found = surviving(rows, rules("most_complete"))
    assert dict(zip(found["name"], found["value"], strict=True)) == {"city": "Ann", "name": "Ann Lee of Leeds"}


def test_what_a_source_has_taken_back_stands_for_nothing() -> None:
    rows = said(*SAID, ("crm", "i1", None))
    assert surviving(rows, rules("most_complete"))["value"].tolist() == ["A. Lee"]
    assert surviving(rows, rules("most_trusted", "crm"))["value"].isna().all()
