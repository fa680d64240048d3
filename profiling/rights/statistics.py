"""Statistics of segments that may leave the house: counts and means with noise, differentially private for one customer. No I/O.

The guarantee is pure differential privacy between two populations that differ by one customer, with everything that is known of
them. So nothing here may depend on other customers but the sums themselves. The segments of a profile do: RFM scores are ranks
among all, who came once borrows the population's rhythm, and satisfaction leans on the population's mean. They are told anew
here, from what a customer's own document says and on scales that are fixed and public.

All noise, and what it costs, is OpenDP's: `make_count_by_categories` and `make_sum` know how far one customer moves them,
`make_laplace` over integers samples exactly from the operating system's secure source, which has no seed. A release can
therefore never be computed again: it is stored, and given again from there.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from profiling import schemas
from profiling.errors import InputError, ProfilingError, SettingsError
from profiling.profiles.segments import DEFAULT_GAP_DAYS, LIFE_CYCLES, RFM_CELLS, VISITORS, rfm_label, stage_of_life
from profiling.profiles.value import TIERS

# Belongs to the id of a release: other definitions below give other statistics.
DEFINITIONS = 1
# Less says nothing about anything: the noise of a count would be in the thousands.
MIN_EPSILON = 0.001
CONFIDENCE = 0.95

# A score of 5 for who was seen at most so many days ago, then 4, 3, 2; 1 for all others.
RECENCY_DAYS = (7, 30, 90, 180)
# A score of 1, one more from each of these numbers of purchases on, or of reviews where there are no purchases.
FREQUENCY = (2, 3, 5, 10)
UNKNOWN = "unknown"

# Public and fixed: which names exist tells nothing, and an empty segment is released like any other.
SEGMENTS: dict[str, tuple[str, ...]] = {
    "life_cycle": LIFE_CYCLES,
    "rfm": (*(cell.label for cell in RFM_CELLS), VISITORS),
    "tier": ("high", "medium", "low", UNKNOWN),
}
RULES = {
    "life_cycle": f"as in the profile; who has no rhythm of their own is given {DEFAULT_GAP_DAYS:.0f} days",
    "rfm": f"recency by days {RECENCY_DAYS}, frequency by purchases (or reviews) {FREQUENCY}, named as in the profile",
    "tier": "by the frequency of `rfm`: 5 high, 3 and 4 medium, 1 and 2 low, unknown without purchases and reviews",
}


@dataclass(frozen=True)
class Mean:
    """A mean over those of whom the value is known, each clipped to `low`..`high` first."""

    low: float
    high: float
    meaning: str

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


COUNT = "count"
MEANS = {
    "satisfaction": Mean(0.0, 1.0, "the customer's own opinions, 0 unhappy to 1 delighted"),
    "purchases": Mean(0.0, 20.0, "purchases known"),
}
STATISTICS = (COUNT, *MEANS)
# Values are summed as whole numbers between -STEPS and STEPS, 0 in the middle of the bounds: half of what sums from 0 would need
# in noise, and nothing of floating point in the sensitivity.
STEPS = 500


@dataclass(frozen=True)
class Request:
    """What is asked for; the same request is the same release."""

    day: str
    by: tuple[str, ...]
    statistics: tuple[str, ...]
    epsilon: float

    @property
    def id(self) -> str:
        """First 16 hex of the SHA-256 of the request and the definitions."""
        asked = json.dumps({**asdict(self), "definitions": DEFINITIONS}, sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()[:16]

    @property
    def share(self) -> float:
        """Epsilon of one statistic over one partition."""
        return self.epsilon / (len(self.by) * len(self.statistics))


def request(day: str, epsilon: float, by: Sequence[str], statistics: Sequence[str]) -> Request:
    """A request in its one form, whatever the order it was asked in.

    Raises:
        SettingsError: a name is unknown, nothing is asked for, or epsilon is no number from MIN_EPSILON on.
    """
    if not (math.isfinite(epsilon) and epsilon >= MIN_EPSILON):
        raise SettingsError(
            f"epsilon {epsilon} is not a number from {MIN_EPSILON} on, such as 0.5; less is more private"
        )
    chosen = {}
    for option, asked, known in (("by", by, tuple(SEGMENTS)), ("statistics", statistics, STATISTICS)):
        unknown = sorted(set(asked) - set(known))
        if unknown or not asked:
            raise SettingsError(f"--{option} {','.join(unknown) or 'is empty'}: choose of {', '.join(known)}")
        chosen[option] = tuple(name for name in known if name in asked)
    return Request(day, chosen["by"], chosen["statistics"], float(epsilon))


# --- what is known of one customer -------------------------------------------------------------------------------------


def people(profiles: pd.DataFrame) -> pd.DataFrame:
    """One row a customer: customer_id, the segments (`life_cycle`, `rfm`, `tier`), and the values of MEANS (NaN where unknown).

    Each row is a function of that customer's own document.

    Args:
        profiles: customer_id and document of a day's `profiles`.

    Raises:
        InputError: a customer stands there twice, or a document is of an older form.
    """
    refuse_repeats(profiles)
    told = pd.DataFrame(map(_told, profiles["customer_id"], profiles["document"]), columns=_TOLD)
    staged = stage_of_life(told.assign(usual_gap_days=told["own_gap_days"].fillna(DEFAULT_GAP_DAYS)))
    frequency = told["purchase_count"].where(told["purchase_count"] > 0, told["review_count"])
    scored = pd.DataFrame(
        {
            "recency_score": 5 - np.searchsorted(RECENCY_DAYS, told["recency_days"], side="left"),
            "frequency_score": (1.0 + np.searchsorted(FREQUENCY, frequency, side="right")),
        },
        index=told.index,
    )
    scored["frequency_score"] = scored["frequency_score"].where(frequency > 0)
    return pd.DataFrame(
        {
            "customer_id": told["customer_id"],
            "life_cycle": staged["life_cycle"],
            "rfm": rfm_label(scored),
            "tier": scored["frequency_score"].map(TIERS).fillna(UNKNOWN),
            "satisfaction": told["own_score"].astype("float64"),
            "purchases": told["purchase_count"].astype("float64"),
        }
    )


_TOLD = [
    "customer_id", "days_known", "recency_days", "quiet_days", "main_days", "own_gap_days", "purchase_count",
    "review_count", "own_score",
]  # fmt: skip


def _told(customer: str, document: str) -> tuple[Any, ...]:
    try:
        found = json.loads(document)
        activity, rule = found["activity"], found["segment"]["life_cycle_rule"]
        return (
            customer,
            activity["days_known"],
            activity["recency_days"],
            rule["quiet_days"],
            rule["active_days"],
            rule["usual_gap_days"] if rule["gap_basis"] == "own" else np.nan,
            found["consumption"]["purchase_count"],
            activity["counts"].get("review", 0),
            found["satisfaction"]["own_score"],
        )
    except KeyError as error:
        raise InputError(
            f"the profile of {customer} was made before profiles had {error}; run `profiling profile` for its day again"
        ) from error


def refuse_repeats(rows: pd.DataFrame) -> None:
    """The unit of privacy is a customer with one row: with two, the noise would hide half of what they tell.

    Raises:
        InputError: a customer_id repeats.
    """
    repeated = rows["customer_id"].duplicated()
    if repeated.any():
        customer = rows.loc[repeated, "customer_id"].iloc[0]
        raise InputError(
            f"{int(repeated.sum())} rows repeat a customer_id, the first is {customer}: one row a customer, or no privacy is "
            "promised; run `profiling profile` for the day again"
        )


# --- noise -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noisy:
    """Whole numbers with noise, one a segment; its scale (b of Laplace), and the epsilon that OpenDP says it costs."""

    values: list[int]
    scale: float
    epsilon: float

    def reach(self, alpha: float) -> float:
        """The noise is smaller than this with a probability of 1 - `alpha`."""
        return float(_opendp().discrete_laplacian_scale_to_accuracy(scale=self.scale, alpha=alpha))


def answer(customers: pd.DataFrame, asked: Request) -> list[dict[str, Any]]:
    """One row for every segment of every partition asked for, in the order of SEGMENTS.

    A row has `by`, `segment`, `epsilon` (of its partition), and of each statistic `value`, `low` and `high` (95 %, of the noise
    alone) and the scale of the noise. Within a partition a customer stands in one segment, so its segments together cost what one
    of them does; statistics and partitions add up.

    Args:
        customers: as `people` returns them.

    Raises:
        InputError: a customer stands there twice.
        ProfilingError: a segment or a value is none of those declared.
    """
    refuse_repeats(customers)
    return [row for by in asked.by for row in _partition(customers, by, asked)]


def _partition(customers: pd.DataFrame, by: str, asked: Request) -> list[dict[str, Any]]:
    names = SEGMENTS[by]
    codes = pd.Index(names).get_indexer(pd.Index(customers[by]))
    if (codes < 0).any():
        raise ProfilingError(f"{by}: a segment that is none of {', '.join(names)}; it would be left out silently")
    rows: list[dict[str, Any]] = [{"by": by, "segment": name} for name in names]
    cost = 0.0
    for statistic in asked.statistics:
        if statistic == COUNT:
            counts = noisy_counts(codes, len(names), asked.share)
            found, epsilon = _counted(counts), counts.epsilon
        else:
            known = whole_steps(customers[statistic], codes, MEANS[statistic])
            sums = noisy_sums(known, len(names), asked.share / 2)
            numbers = noisy_counts(known.codes, len(names), asked.share / 2)
            found, epsilon = _means(sums, numbers, MEANS[statistic]), sums.epsilon + numbers.epsilon
        cost += epsilon
        for row, figure in zip(rows, found, strict=True):
            row[statistic] = figure
    return [{**row, "epsilon": cost} for row in rows]


@dataclass(frozen=True)
class Steps:
    """Values as whole numbers from -STEPS to STEPS, with the code of each one's segment."""

    steps: np.ndarray
    codes: np.ndarray


def whole_steps(values: pd.Series, codes: np.ndarray, mean: Mean) -> Steps:
    """The values known, clipped to the bounds of the mean, as steps from their middle."""
    is_known = values.notna().to_numpy()
    clipped = values[is_known].clip(mean.low, mean.high).to_numpy(dtype="float64")
    return Steps(np.rint((clipped - mean.middle) / mean.half * STEPS).astype("int64"), codes[is_known])


def noisy_counts(codes: np.ndarray, segments: int, epsilon: float) -> Noisy:
    """How many of the codes are each of 0 to `segments` - 1."""
    dp = _opendp()
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.symmetric_distance()
    counting = dp.t.make_count_by_categories(
        *space, categories=list(range(segments)), null_category=False, MO=dp.L1Distance["i64"], TOA="i64"
    )
    scale = dp.binary_search_param(lambda b: counting >> dp.m.then_laplace(b), d_in=1, d_out=epsilon)
    measurement = counting >> dp.m.then_laplace(scale)
    values = measurement(np.asarray(codes, dtype="int64"))
    return Noisy([int(value) for value in values], scale, measurement.map(1))


def noisy_sums(known: Steps, segments: int, epsilon: float) -> Noisy:
    """The sum of the steps of each code from 0 to `segments` - 1; each step is one customer's only one."""
    dp = _opendp()
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.symmetric_distance()
    summing = dp.t.make_clamp(*space, bounds=(-STEPS, STEPS)) >> dp.t.then_sum()
    scale = dp.binary_search_param(lambda b: summing >> dp.m.then_laplace(b), d_in=1, d_out=epsilon)
    measurement = summing >> dp.m.then_laplace(scale)
    values = [int(measurement(known.steps[known.codes == code])) for code in range(segments)]
    return Noisy(values, scale, measurement.map(1))


def _counted(counts: Noisy) -> list[dict[str, Any]]:
    """Values as they came, below 0 too: so sums over segments and days stay right on average. Intervals begin at 0."""
    reach = counts.reach(1 - CONFIDENCE)
    return [
        {
            "value": value,
            "low": max(0, math.floor(value - reach)),
            "high": max(0, math.ceil(value + reach)),
            "scale": counts.scale,
        }
        for value in counts.values
    ]


def _means(sums: Noisy, numbers: Noisy, mean: Mean) -> list[dict[str, Any]]:
    """Quotients of the noisy numbers; null, over the whole bounds, where the noise may be all there is."""
    unsure = (1 - CONFIDENCE) / 2  # each of the two, so that both hold together with CONFIDENCE
    up, across = sums.reach(unsure), numbers.reach(unsure)

    def of(share: float) -> float:
        return mean.middle + mean.half * min(1.0, max(-1.0, share))

    found = []
    for total, number in zip(sums.values, numbers.values, strict=True):
        figure: dict[str, Any] = {"value": None, "low": mean.low, "high": mean.high}
        if number - across >= 1:
            edges = [(total + s) / STEPS / (number + n) for s in (-up, up) for n in (-across, across)]
            figure = {"value": of(total / STEPS / number), "low": of(min(edges)), "high": of(max(edges))}
        # Of the sum, in the unit of the mean, and of the number of values that it is divided by.
        found.append({**figure, "scale": sums.scale / STEPS * mean.half, "scale_of_number": numbers.scale})
    return found


def _opendp() -> ModuleType:
    """OpenDP, with the constructors whose proofs are reviewed by the community (`contrib`).

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import opendp.prelude as dp
    except ImportError as error:
        raise SettingsError(
            'statistics are released with OpenDP, which is not installed; run `pip install "customer-profiling[statistics]"`'
        ) from error
    dp.enable_features("contrib")
    return dp


# --- the form of a release ---------------------------------------------------------------------------------------------


def document(asked: Request, rows: list[dict[str, Any]], released_at: str) -> dict[str, Any]:
    """A release as a document: what was asked, what the words mean, what is promised, the rows."""
    return {
        "release_id": asked.id,
        "day": asked.day,
        "released_at": released_at,
        "epsilon": asked.epsilon,
        "privacy": "pure differential privacy; neighbours differ by one customer; discrete Laplace noise of OpenDP",
        "interval": f"{CONFIDENCE:.0%}, of the noise alone",
        "by": {name: RULES[name] for name in asked.by},
        "statistics": {
            name: "customers; may be below 0"
            if name == COUNT
            else f"{MEANS[name].meaning}; mean of who has any, clipped to {MEANS[name].low:g}..{MEANS[name].high:g}"
            for name in asked.statistics
        },
        "rows": rows,
    }


def table(release: dict[str, Any]) -> pd.DataFrame:
    """The rows of a release, one column a figure (`count`, `count_low`, ...): the CSV."""
    flat = []
    for row in release["rows"]:
        line = {"day": release["day"], "by": row["by"], "segment": row["segment"]}
        for name in release["statistics"]:
            line |= {name if key == "value" else f"{name}_{key}": value for key, value in row[name].items()}
        flat.append({**line, "epsilon": row["epsilon"]})
    return pd.DataFrame(flat)


def stored(releases: pd.DataFrame, release_id: str) -> dict[str, Any] | None:
    """The release of an id among rows of `released_statistics`, or None."""
    rows = releases.loc[releases["release_id"] == release_id, "answer"]
    return json.loads(rows.iloc[0]) if len(rows) else None


def record(asked: Request, release: dict[str, Any], account: str) -> pd.DataFrame:
    """A release as a row of `released_statistics`."""
    row = {
        "account": account,
        "release_id": asked.id,
        "day": asked.day,
        "by": ",".join(asked.by),
        "statistics": ",".join(asked.statistics),
        "epsilon": asked.epsilon,
        "released_at": pd.Timestamp(release["released_at"]).as_unit("us"),
        "answer": json.dumps(release, ensure_ascii=False, sort_keys=True),
    }
    return pd.DataFrame([row])[schemas.RELEASED_STATISTICS.names]
