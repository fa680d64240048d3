"""A day beside the days before it: counts, formulas with known answers, and what is worth a warning."""

import math

import numpy as np
import pandas as pd
import pytest

from profiling import schemas
from profiling.lake import to_arrow
from profiling.watch import (
    day_statistics,
    fix,
    metrics,
    modified_z,
    observe,
    psi,
    psi_limit,
    sentence,
    text_statistics,
    warnings,
)

DAY = "2026-06-15"
END = pd.Timestamp("2026-06-16", tz="UTC")


def events(rows: int = 4, source: str = "shop", kind: str = "purchase", hours_before_end: float = 2.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": source, "kind": kind, "occurred_at": END - pd.Timedelta(hours=hours_before_end), "rating": np.nan,
            "channel": None, "amount": 100.0, "currency": "USD", "text": None,
        },
        index=range(rows),
    )  # fmt: skip


def days(count: int, rows: int = 100, **how: object) -> pd.DataFrame:
    """Statistics of as many days before DAY, each alike."""
    one = day_statistics(events(rows, **how), DAY, END)  # type: ignore[arg-type]
    return pd.concat([one.assign(day=f"2026-05-{n + 1:02d}") for n in range(count)], ignore_index=True)


def found(today: pd.DataFrame, before: pd.DataFrame) -> dict[tuple[str, str], bool]:
    return {(one["check"], one["of"]): one["success"] for one in observe(today, before)}


def test_a_day_is_counted_by_source_and_by_bin() -> None:
    rows = pd.concat([events(2), events(1, "web", "review", 5.5)], ignore_index=True)
    rows = rows.assign(
        rating=[np.nan, np.nan, 4.0],
        channel=[None, "app", "app"],
        amount=[100.0, 0.0, np.nan],
        text=[None, "word", "a" * 17],
    )
    counted = day_statistics(rows, DAY, END)
    assert {(s, p): n for s, p, n in counted[["statistic", "part", "number"]].itertuples(index=False)} == {
        ("rows", "shop"): 2, ("rows", "web"): 1, ("newest_hours", "shop"): 2, ("newest_hours", "web"): 5.5,
        ("kind", "purchase"): 2, ("kind", "review"): 1, ("rating", "none"): 2, ("rating", "4"): 1,
        ("channel", "none"): 1, ("channel", "app"): 2,
        ("amount", "USD 4"): 1, ("amount", "USD zero"): 1, ("amount", "none"): 1,  # 100 = sqrt(10) ** 4
        ("text_length", "none"): 1, ("text_length", "2"): 1, ("text_length", "4"): 1,
    }  # fmt: skip
    to_arrow(counted, schemas.DAY_STATISTICS)


def test_no_rows_are_no_statistics() -> None:
    assert day_statistics(events(0), DAY, END).empty
    assert text_statistics(pd.DataFrame({"language": []}), DAY).empty
    to_arrow(day_statistics(events(0), DAY, END), schemas.DAY_STATISTICS)


def test_rare_channels_are_counted_together() -> None:
    counted = day_statistics(events(60).assign(channel=[f"c{n % 30}" for n in range(60)]), DAY, END)
    channels = counted[counted["statistic"] == "channel"].set_index("part")["number"]
    assert len(channels) == 21
    assert (channels.sum(), channels["other"]) == (60, 20)


# --- formulas


def test_psi_by_hand() -> None:
    assert psi([30, 70], [300, 700]) == pytest.approx(0.0, abs=1e-3)
    big = psi([50_000, 50_000], [25_000, 75_000])  # (.5-.25) ln 2 + (.5-.75) ln(2/3)
    assert big == pytest.approx(0.25 * math.log(2) + 0.25 * math.log(1.5), abs=1e-4)
    assert psi([10, 0], [0, 10]) == pytest.approx(2 * (10.5 - 0.5) / 11 * math.log(21))


def test_chance_alone_stays_under_the_limit_and_fills_its_quantile() -> None:
    """Yurdakul and Naranjo: without drift a PSI is above the .999 quantile once in a thousand times."""
    generator = np.random.default_rng(7)
    shares, n, m = [0.4, 0.3, 0.2, 0.1], 60, 1680
    values = [psi(generator.multinomial(n, shares), generator.multinomial(m, shares)) for _ in range(4000)]
    limit = (1 / n + 1 / m) * 16.266  # chi-squared, 3 degrees of freedom, .999
    assert psi_limit(n, m, 4) == pytest.approx(limit, rel=0.02)
    assert np.mean(np.array(values) > psi_limit(n, m, 4)) < 0.004
    assert psi_limit(1e6, 28e6, 4) == 0.25


def test_modified_z_by_hand() -> None:
    logs = np.log1p([10, 20, 40])  # median ln 21, deviations ln(21/11), 0, ln(41/21)
    assert modified_z(99, [10, 20, 40]) == pytest.approx(0.6745 * (math.log(100) - logs[1]) / math.log(21 / 11))
    assert modified_z(100, [100] * 28) == 0


# --- what is worth a warning


def test_an_ordinary_day_is_quiet() -> None:
    seen = found(day_statistics(events(95), DAY, END), days(28))
    assert seen == {
        ("volume", "shop"): True,
        ("freshness", "shop"): True,
    }  # of one kind and one amount nothing can drift
    assert warnings(observe(day_statistics(events(95), DAY, END), days(28))) == []


@pytest.mark.parametrize(("rows", "is_usual"), [(20, False), (60, False), (90, True), (110, True), (400, False)])
def test_volume(rows: int, is_usual: bool) -> None:
    assert found(day_statistics(events(rows), DAY, END), days(28))["volume", "shop"] == is_usual


def test_a_source_that_fell_silent_and_one_that_rarely_spoke() -> None:
    before = pd.concat([days(28), days(28, 50, source="web"), days(28, 3, source="fax")])
    seen = found(day_statistics(events(100), DAY, END), before)
    assert (seen["volume", "web"], seen["volume", "fax"]) == (False, True)


def test_freshness() -> None:
    old = day_statistics(events(100, hours_before_end=30), DAY, END)
    assert found(old, days(28))["freshness", "shop"] is False
    assert found(old, days(28, hours_before_end=20))["freshness", "shop"] is True  # this source is always late
    assert found(day_statistics(events(100, hours_before_end=23), DAY, END), days(28))["freshness", "shop"] is True


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"kind": "view"}, "kind"),
        ({"rating": 1.0}, "rating"),
        ({"channel": "app"}, "channel"),
        ({"amount": 5.0}, "amount"),
        ({"currency": "EUR"}, "amount"),
        ({"amount": np.nan}, "amount"),
        ({"text": "word"}, "text_length"),
    ],
)
def test_a_column_that_changed_is_named_and_no_other(changed: dict[str, object], column: str) -> None:
    seen = observe(day_statistics(events(100).assign(**changed), DAY, END), days(28))
    assert [one["of"] for one in seen if not one["success"]] == [column]
    assert metrics(seen)[f"psi_{column}"] > 0.25


def test_languages_drift_too() -> None:
    before = pd.concat(
        [text_statistics(pd.DataFrame({"language": ["en"] * 50}), f"2026-05-{n:02d}") for n in range(1, 29)]
    )
    seen = observe(text_statistics(pd.DataFrame({"language": ["en"] * 20 + ["zh"] * 30}), DAY), before)
    assert [(one["check"], one["of"], one["success"]) for one in seen] == [("drift", "language", False)]


def test_without_a_week_before_nothing_is_said() -> None:
    assert observe(day_statistics(events(1), DAY, END), days(6)) == []
    assert observe(day_statistics(events(0), DAY, END), days(28)) == []
    assert observe(day_statistics(events(1), DAY, END), days(7))


def test_sentences_carry_the_numbers_and_the_fix() -> None:
    seen = observe(day_statistics(events(20, kind="view", hours_before_end=50), DAY, END), days(28))
    said = " ".join(warnings(seen))
    assert "shop delivered 20 rows; 100 is usual" in said
    assert "is 50.0 hours older than the day's end; 2.0 is usual, 24.0 the limit" in said
    assert "the distribution of kind has a PSI of" in said
    assert all(fix(one) in said for one in seen if not one["success"])
    assert all(sentence(one, "zh")[-1] >= "\u4e00" or sentence(one, "zh")[-1].isdigit() for one in seen)
    assert metrics(seen)["rows_share_shop"] == 0.2
