"""Whether a day looks like the days before it: freshness, volume and drift. Warnings only, with their numbers.

A day is counted when it is ingested (`day_statistics`) and when its texts are read (`text_statistics`): a few dozen counts each.
It is then held against the counts of the last 28 days that were released with rows, so the cost follows the day and not the
history, and the wall clock is never asked.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from profiling.schemas import DAY_STATISTICS

BASELINE_DAYS = 28  # four whole weeks, so that every weekday stands in it equally
MIN_BASELINE_DAYS = 7  # with less than a week every Sunday would be news
MOST_CHANNELS = 20
NONE, OTHER = "none", "other"

PSI_LIMIT = 0.25
_Z_999 = 3.0902  # standard normal quantile of .999
Z_LIMIT = 3.5
_USUAL_SPREAD = 0.05  # days that differ by five per cent are ordinary, however even the ones before were
FRESH_HOURS = 24.0

ROWS, NEWEST = "rows", "newest_hours"
COLUMNS = ("kind", "rating", "channel", "amount", "text_length", "language")

Observation = dict[str, Any]


# --- counting a day ---


def day_statistics(interactions: pd.DataFrame, day: str, day_end: pd.Timestamp) -> pd.DataFrame:
    """Count a day's interactions.

    Args:
        interactions: the day's rows of `interactions`.
        day_end: the end of the day, UTC.

    Returns:
        Rows of `day_statistics`: by source the rows and the age in hours of the newest event at the day's end; by bin the rows
        of each main column. A missing value is a bin of its own: a column that is no longer filled has drifted.
    """
    if interactions.empty:
        return _frame({}, day)
    by_source = interactions.groupby("source")["occurred_at"]
    ages = (day_end - by_source.max()).dt.total_seconds() / 3600
    channels = interactions["channel"].fillna(NONE).astype("str")
    common = channels.value_counts().index[:MOST_CHANNELS]
    length = interactions["text"].str.len()
    counts = {
        ROWS: by_source.size(),
        NEWEST: ages,
        "kind": interactions["kind"].value_counts(),
        "rating": _labels(interactions["rating"].round()).value_counts(),
        "channel": channels.where(channels.isin(common), OTHER).value_counts(),
        "amount": _amounts(interactions["amount"], interactions["currency"]).value_counts(),
        "text_length": _labels(_floor_log(length, 2.0)).value_counts(),
    }
    return _frame(counts, day)


def text_statistics(text_features: pd.DataFrame, day: str) -> pd.DataFrame:
    """Count a day's texts: rows of `text_statistics`, the texts of each language."""
    return _frame({"language": text_features["language"].value_counts()} if len(text_features) else {}, day)


def _labels(bins: pd.Series) -> pd.Series:
    return bins.map(lambda number: f"{number:.0f}", na_action="ignore").astype("object").fillna(NONE)


def _floor_log(numbers: pd.Series, base: float) -> pd.Series:
    """Missing where the number is, or where it is not above zero."""
    known = numbers.where(numbers > 0).astype("float64").to_numpy()
    return pd.Series(np.floor(np.log(known) / np.log(base) + 1e-9), index=numbers.index)


def _amounts(amount: pd.Series, currency: pd.Series) -> pd.Series:
    """Half a power of ten wide, by currency: sums of different currencies do not compare."""
    steps = _labels(_floor_log(amount, 10**0.5))
    steps = steps.where(amount.ne(0) | amount.isna(), "zero")
    return (currency.fillna("").astype("str") + " " + steps).where(amount.notna(), NONE)


def _frame(counts: dict[str, pd.Series], day: str) -> pd.DataFrame:
    rows = [
        {"day": day, "statistic": name, "part": str(part), "number": float(number)}
        for name, by_part in counts.items()
        for part, number in by_part.items()
    ]
    frame = pd.DataFrame(rows, columns=DAY_STATISTICS.names)
    return frame.astype({"day": "str", "statistic": "str", "part": "str", "number": "float64"})


# --- holding it against the days before ---


def psi(actual: Sequence[float], expected: Sequence[float]) -> float:
    """The population stability index of two histograms over the same bins; 0 where their shares agree.

        PSI = sum over bins of (a - e) * ln(a / e),  a and e the shares of a bin

    Source: N. Siddiqi, Credit Risk Scorecards (Wiley, 2006), ch. 10, who reads above .25 as a change. Half a row is added to
    every bin (Jeffreys' prior), so that an empty one gives a number.

    Example:
        >>> round(psi([50, 50], [75, 25]), 3)
        0.267
    """
    a, e = (np.asarray(counts, dtype="float64") + 0.5 for counts in (actual, expected))
    a, e = a / a.sum(), e / e.sum()
    return float(np.sum((a - e) * np.log(a / e)))


def psi_limit(rows: float, baseline_rows: float, bins: int) -> float:
    """Above which a PSI is more than chance: .25, and more where a day is so small that chance alone reaches it.

    Without any drift the PSI of n rows against m is distributed as (1/n + 1/m) times chi-squared with `bins` - 1 degrees of
    freedom: B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, Journal of Risk Model
    Validation 14 (2020). Taken is its .999 quantile, by the approximation of Wilson and Hilferty (1931).
    """
    freedom = bins - 1
    quantile = freedom * (1 - 2 / (9 * freedom) + _Z_999 * math.sqrt(2 / (9 * freedom))) ** 3
    return max(PSI_LIMIT, (1 / rows + 1 / baseline_rows) * quantile)


def modified_z(value: float, usual: Sequence[float]) -> float:
    """How far a count lies from usual ones, in robust standard deviations of their logarithms; negative for fewer.

        M = .6745 * (x - median) / MAD,  x = ln(1 + count)

    Source: B. Iglewicz and D. Hoaglin, How to Detect and Handle Outliers (ASQC, 1993), who label |M| > 3.5. On logarithms,
    because a shop's days differ by factors.

    Example:
        >>> round(modified_z(0, [90, 100, 110]), 1)
        -32.9
    """
    logs = np.log1p(np.asarray(usual, dtype="float64"))
    median = float(np.median(logs))
    spread = max(float(np.median(np.abs(logs - median))), _USUAL_SPREAD)
    return 0.6745 * (math.log1p(value) - median) / spread


def observe(today: pd.DataFrame, before: pd.DataFrame) -> list[Observation]:
    """What is to be said of a day's statistics beside those of the days before.

    Args:
        today: rows of `day_statistics` or `text_statistics` of one day, or both.
        before: the same of the baseline's days.

    Returns:
        By check and source or column: `check` (freshness, volume or drift), `of`, `value` (hours, rows or PSI), `usual` (the
        median of the baseline; None for drift), `limit` (what the value is held against; None for volume), `days` (of the
        baseline), `success`. Nothing where the baseline is shorter than a week.
    """
    days = before["day"].nunique()
    if today.empty or days < MIN_BASELINE_DAYS:
        return []
    now, usual = _by_part(today), _by_part(before)
    found = [*_volume(now, usual, days), *_freshness(now, usual), *_drift(now, usual)]
    return [{**one, "days": days, "success": bool(one["success"])} for one in found]


Counts = dict[str, dict[str, list[float]]]


def _by_part(statistics: pd.DataFrame) -> Counts:
    """By statistic and part the numbers, one a day."""
    found: Counts = {}
    for name, part, number in zip(statistics["statistic"], statistics["part"], statistics["number"], strict=True):
        found.setdefault(name, {}).setdefault(part, []).append(float(number))
    return found


def _volume(now: Counts, usual: Counts, days: int) -> Iterator[Observation]:
    """A source that delivered nothing counts as zero rows, today and before."""
    if ROWS not in now:
        return
    for source in sorted(now[ROWS].keys() | usual.get(ROWS, {}).keys()):
        delivered = usual.get(ROWS, {}).get(source, [])
        before = delivered + [0.0] * (days - len(delivered))
        rows, median = sum(now[ROWS].get(source, [])), float(np.median(before))
        # Of a few rows a day, none is no news: what chance does to a count of that size (Poisson) is left to it.
        is_news = abs(rows - median) > 3 * math.sqrt(max(median, 1.0))
        is_usual = abs(modified_z(rows, before)) <= Z_LIMIT or not is_news
        yield {"check": "volume", "of": source, "value": rows, "usual": median, "limit": None, "success": is_usual}


def _freshness(now: Counts, usual: Counts) -> Iterator[Observation]:
    for source, (hours,) in sorted(now.get(NEWEST, {}).items()):
        before = usual.get(NEWEST, {}).get(source, [])
        if len(before) < MIN_BASELINE_DAYS:
            continue
        median = float(np.median(before))
        limit = max(FRESH_HOURS, 3 * median)
        yield {
            "check": "freshness", "of": source, "value": round(hours, 1), "usual": round(median, 1),
            "limit": round(limit, 1), "success": hours <= limit,
        }  # fmt: skip


def _drift(now: Counts, usual: Counts) -> Iterator[Observation]:
    for column in COLUMNS:
        bins = sorted(now.get(column, {}).keys() | usual.get(column, {}).keys())
        if len(bins) < 2 or column not in now or column not in usual:
            continue
        a, e = ([sum(counts[column].get(part, [])) for part in bins] for counts in (now, usual))
        value, limit = psi(a, e), psi_limit(sum(a), sum(e), len(bins))
        yield {
            "check": "drift", "of": column, "value": round(value, 4), "usual": None, "limit": round(limit, 4),
            "success": value <= limit,
        }  # fmt: skip


# --- saying it ---

_SENTENCES = {
    "volume": (
        "{of} delivered {value:,.0f} rows; {usual:,.0f} is usual",
        "{of} 投递了 {value:,.0f} 行；通常为 {usual:,.0f} 行",
    ),
    "freshness": (
        "the newest event of {of} is {value:,.1f} hours older than the day's end; {usual:,.1f} is usual, {limit:,.1f} the limit",
        "{of} 的最新事件比当日末早 {value:,.1f} 小时；通常为 {usual:,.1f} 小时，上限 {limit:,.1f} 小时",
    ),
    "drift": (
        "the distribution of {of} has a PSI of {value:.3f}; the limit for a day of this size is {limit:.3f}",
        "{of} 的分布 PSI 为 {value:.3f}；此规模的一天上限为 {limit:.3f}",
    ),
}
_FIXES = {
    "volume": (
        "check that the source's drop was complete before _SUCCESS was written",
        "检查来源写入 _SUCCESS 之前投递是否完整",
    ),
    "freshness": (
        "check whether the source sends old rows again, or stopped in the middle of the day",
        "检查来源是否重复发送旧数据，或在当日中途停止",
    ),
    "drift": (
        "compare the day's values of the column with last week's; if the change is meant, it becomes the baseline by itself",
        "将当日该列的取值与上周比较；若变化是预期的，基线会自行适应",
    ),
}


def sentence(observation: Mapping[str, Any], language: str = "en") -> str:
    """An observation as a sentence, `en` or `zh`."""
    return _SENTENCES[observation["check"]][language == "zh"].format(**observation)


def fix(observation: Mapping[str, Any], language: str = "en") -> str:
    """What to do where an observation is out of the usual, `en` or `zh`."""
    return _FIXES[observation["check"]][language == "zh"]


def warnings(observations: Sequence[Observation]) -> list[str]:
    """What is out of the usual, with its number and what to do."""
    return [f"{one['check']}: {sentence(one)}. {fix(one)}" for one in observations if not one["success"]]


def metrics(observations: Sequence[Observation]) -> dict[str, float]:
    """The numbers by name, for programs: `psi_kind`, `rows_share_events` (1 is usual), `newest_hours_events`."""
    found = {}
    for one in observations:
        if one["check"] == "drift":
            found[f"psi_{one['of']}"] = one["value"]
        elif one["check"] == "freshness":
            found[f"newest_hours_{one['of']}"] = one["value"]
        elif one["usual"]:
            found[f"rows_share_{one['of']}"] = round(one["value"] / one["usual"], 3)
    return found
