"""Waiting for a day's drop without holding a worker: an operator that defers and a trigger that looks for the markers."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from day_runs import resolve_day

MARKER = "_SUCCESS"


def unfinished(landing: str, sources: Sequence[str], day: str) -> list[str]:
    """The markers still missing of a day's drop, as paths. `sources` empty: the folders found; none found: one is expected."""
    root = Path(landing)
    names = list(sources) or sorted(folder.name for folder in root.glob("*/") if not folder.name.startswith((".", "_")))
    return [str(marker) for name in names or ["*"] if not (marker := root / name / day / MARKER).is_file()]


class DropTrigger(BaseTrigger):
    """Fires when every expected source of `day` has its marker, or at the `deadline`, with the markers still missing.

    `deadline` is a moment (seconds since 1970), not a duration: a triggerer that restarts goes on with the same one.
    """

    def __init__(self, landing: str, sources: Sequence[str], day: str, deadline: float, poll_seconds: float = 30.0) -> None:
        super().__init__()
        self.landing, self.sources, self.day = landing, list(sources), day
        self.deadline, self.poll_seconds = deadline, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("landing", "sources", "day", "deadline", "poll_seconds")
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            # In a thread: a slow network folder must not stop the other triggers of this process.
            missing = await asyncio.to_thread(unfinished, self.landing, self.sources, self.day)
            if not missing or time.time() >= self.deadline:
                yield TriggerEvent({"missing": missing})
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
        from profiling.settings import Settings

        day, run_type = resolve_day(context), context["dag_run"].run_type
        if run_type != "scheduled":
            self.log.info("%s: a %s run does not wait; what has landed is what there is", day, run_type)
            return
        settings = Settings.load()
        # `name:collector` names the form of a source; the folder is the name.
        sources = [source.partition(":")[0] for source in settings.sources]
        missing = unfinished(settings.landing, sources, day)
        if missing:
            self.log.info("%s: waiting for %s", day, ", ".join(missing))
            deadline = time.time() + self.patience.total_seconds()
            trigger = DropTrigger(settings.landing, sources, day, deadline, self.poll_seconds)
            self.defer(trigger=trigger, method_name="resume", kwargs={"day": day})

    def resume(self, context: Any, event: dict[str, list[str]], day: str) -> None:
        """Goes on when the drop is complete.

        Raises:
            AirflowFailException: the time is over and markers are still missing.
        """
        if event["missing"]:
            raise AirflowFailException(
                f"the drop of {day} is not complete after {self.patience}: missing {', '.join(event['missing'])}. "
                f"Deliver it and clear this task, or trigger {day} by hand to take what is there"
            )
