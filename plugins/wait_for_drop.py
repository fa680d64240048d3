"""Waiting for a day's drop without holding a worker: an operator that defers, and a trigger that looks for the markers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from day_runs import resolve_day

from profiling.errors import NotReady, SettingsError
from profiling.settings import Settings

log = logging.getLogger(__name__)


def missing_sources(day: str) -> list[str]:
    """The expected sources whose drop of the day is not complete; of a bucket that does not answer, that, for it may later.

    Raises:
        SettingsError: no source is expected at all, or the landing area is missing.
    """
    from profiling.collect import drops  # brings pandas: not for every process that loads plugins

    settings = Settings.load()
    try:
        if not drops.sources(settings):
            raise SettingsError(
                f"no source is expected: {settings.landing} has no folder; deliver a first drop, or set PROFILING_SOURCES"
            )
        return drops.missing_sources(settings, day)
    except NotReady as error:
        log.warning("%s: %s", day, error)
        return [f"any source: {error}"]


class DropTrigger(BaseTrigger):
    """Fires when the drop of `day` is complete, or at the `deadline` with the sources still missing.

    `deadline` is a moment (seconds since 1970), not a duration: a triggerer that restarts goes on with the same one.
    """

    def __init__(self, day: str, deadline: float, poll_seconds: float) -> None:
        super().__init__()
        self.day, self.deadline, self.poll_seconds = day, deadline, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"day": self.day, "deadline": self.deadline, "poll_seconds": self.poll_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            # In a thread: a slow network folder or bucket must not hold up the other triggers of this process.
            missing = await asyncio.to_thread(missing_sources, self.day)
            if not missing or time.time() >= self.deadline:
                yield TriggerEvent(missing)
                return
            await asyncio.sleep(self.poll_seconds)


class WaitForDrop(BaseOperator):
    """Lets a scheduled day begin when its drop is complete. A day asked for by hand or by a backfill does not wait.

    Args:
        patience: how long to wait before the day fails.
        poll_seconds: time between two looks.
    """

    def __init__(self, *, patience: timedelta, poll_seconds: float = 30.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patience, self.poll_seconds = patience, poll_seconds

    def execute(self, context: Any) -> None:
        day = resolve_day(context)
        if context["dag_run"].run_type != "scheduled":  # an enum of strings: compared, never formatted
            self.log.info("%s was asked for and does not wait; what has landed is what there is", day)
        elif missing := missing_sources(day):
            self.log.info("%s: waiting for %s", day, ", ".join(missing))
            trigger = DropTrigger(day, time.time() + self.patience.total_seconds(), self.poll_seconds)
            self.defer(trigger=trigger, method_name="resume", kwargs={"day": day})

    def resume(self, context: Any, event: list[str], day: str) -> None:
        """Goes on when the drop is complete.

        Raises:
            AirflowFailException: the time is over and sources are still missing.
        """
        if event:
            raise AirflowFailException(
                f"the drop of {day} is not complete after {self.patience}: no _SUCCESS from {', '.join(event)}. "
                f"Deliver it and clear this task, or trigger {day} by hand to take what is there"
            )
