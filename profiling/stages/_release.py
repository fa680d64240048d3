"""profiles -> statistics of segments that may leave the house, within the privacy budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from profiling.errors import NotReady
from profiling.ledger import RELEASED
from profiling.rights import budget, statistics
from profiling.settings import Settings
from profiling.stages._step import Run, begin


@dataclass(frozen=True)
class Release:
    """A release as stored, whether it was there before (and cost nothing), what is left of the budget, its files."""

    document: dict[str, Any]
    is_repeated: bool
    left: Decimal
    files: tuple[str, str]


def release_statistics(
    settings: Settings,
    day: str,
    epsilon: float,
    by: Sequence[str] = tuple(statistics.SEGMENTS),
    statistic_names: Sequence[str] = (statistics.COUNT, "satisfaction"),
) -> Release:
    """Counts and means by segment of the day's profiles, differentially private, for `epsilon` of the budget.

    The same request again gives what is stored, whatever the profiles of the day are by now, and costs nothing. Epsilon is spent
    when the answer is stored, before anyone has seen it; of two calls at a time each sees what the other has spent.

    Raises:
        SettingsError: the request makes no sense, or OpenDP is not installed.
        NotReady: the day has no profiles.
        InputError: the budget has less left, or the profiles have two rows of one customer.
    """
    run = begin(settings, day)
    asked = statistics.request(run.day, epsilon, by, statistic_names)
    found = statistics.stored(_releases(run), asked.id)
    is_repeated = found is not None
    if found is None:
        now = datetime.now(UTC)
        budget.refuse_beyond(_releases(run), asked.epsilon, settings, now)  # before a long reading; decided below
        customers = statistics.people(_profiles(run))

        def charged(held: pd.DataFrame) -> pd.DataFrame:
            if statistics.stored(held, asked.id) is not None:  # the same request was answered meanwhile
                return held
            budget.refuse_beyond(held, asked.epsilon, settings, now)
            document = statistics.document(asked, statistics.answer(customers, asked), now.isoformat())
            row = statistics.record(asked, document, budget.ACCOUNT)
            return pd.concat([held, row], ignore_index=True) if len(held) else row

        run.lake.update("released_statistics", budget.ACCOUNT, charged)
        found = statistics.stored(_releases(run), asked.id)
    assert found is not None
    left = Decimal(str(settings.privacy_budget_epsilon)) - budget.spent(_releases(run), settings, datetime.now(UTC))
    return Release(found, is_repeated, max(left, Decimal(0)), _write(run, found))


def _releases(run: Run) -> pd.DataFrame:
    return run.lake.read("released_statistics", [("account", "==", budget.ACCOUNT)])


def _profiles(run: Run) -> pd.DataFrame:
    if run.ledger.state("profile", run.day) != RELEASED:
        raise NotReady(f"{run.day} has no profiles to count; run `profiling profile --day {run.day}` first")
    return run.lake.read("profiles", [("day", "==", run.day)], ["customer_id", "document"])


def _write(run: Run, release: dict[str, Any]) -> tuple[str, str]:
    """The release as JSON and CSV below the lake's `_released/`, made again from what is stored: the same bytes every time."""
    key = f"_released/{run.day}/{release['release_id']}"
    run.lake.put_json(f"{key}.json", release)
    lines = statistics.table(release).to_csv(index=False, lineterminator="\n")
    return f"{run.lake.uri}/{key}.json", run.lake.put_page(f"{key}.csv", lines)
