"""The privacy budget of what leaves the house: how much epsilon was spent, and the refusal of what would go beyond. No I/O."""

from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd

from profiling.errors import InputError
from profiling.settings import Settings

# Whose privacy is spent. One account for all statistics and days: the same people stand behind each of them.
ACCOUNT = "customers"


def spent(releases: pd.DataFrame, settings: Settings, now: datetime) -> Decimal:
    """Epsilon of the releases that still count: of the last PROFILING_PRIVACY_BUDGET_DAYS, or of all time where that is 0.

    Decimal, so that ten times 0.1 is 1. A release dated after `now` (a clock was set back) counts too.

    Args:
        releases: columns epsilon and released_at of the table `released_statistics`.
    """
    return sum((Decimal(str(epsilon)) for epsilon in _counting(releases, settings, now)["epsilon"]), Decimal(0))


def refuse_beyond(releases: pd.DataFrame, epsilon: float, settings: Settings, now: datetime) -> None:
    """Nothing, if a release of `epsilon` fits beside those that count.

    Raises:
        InputError: it does not; the sentence says what is left, and when more comes back.
    """
    budget = Decimal(str(settings.privacy_budget_epsilon))
    left = budget - spent(releases, settings, now)
    if Decimal(str(epsilon)) <= left:
        return
    raise InputError(
        f"the privacy budget has {max(left, Decimal(0))} of {budget} epsilon left {period(settings)}, and {epsilon} was "
        f"asked for{_next(releases, settings, now)}; ask for less, or repeat an earlier release, which costs nothing"
    )


def period(settings: Settings) -> str:
    """The time a budget is for, in words."""
    days = settings.privacy_budget_days
    return f"for any {days} days" if days else "for all time"


def _counting(releases: pd.DataFrame, settings: Settings, now: datetime) -> pd.DataFrame:
    if not settings.privacy_budget_days:
        return releases
    return releases[releases["released_at"] > pd.Timestamp(now) - timedelta(days=settings.privacy_budget_days)]


def _next(releases: pd.DataFrame, settings: Settings, now: datetime) -> str:
    """When the oldest release that counts no longer does."""
    counting = _counting(releases, settings, now)
    if counting.empty or not settings.privacy_budget_days:
        return ""
    oldest = counting.sort_values("released_at").iloc[0]
    back = oldest["released_at"] + timedelta(days=settings.privacy_budget_days)
    return f" ({oldest['epsilon']} comes back on {back:%Y-%m-%d %H:%M} UTC)"
