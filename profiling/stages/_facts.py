"""What a bucket's customers say of themselves: read batch by batch beside the texts' features, put together at the end."""

from typing import TYPE_CHECKING

import pandas as pd

from profiling.facts.days import SPOKEN_KINDS, by_interaction, facts_of_day, facts_of_texts, facts_version
from profiling.facts.rules import Fact
from profiling.lake import Lake
from profiling.settings import Settings

if TYPE_CHECKING:
    from profiling.llm.client import ServerModel
    from profiling.text.cache import TextCache

_OF_ROWS = ["interaction_id", "identity_id", "bucket", "day", "occurred_at"]


def fact_inputs(settings: Settings) -> list[str]:
    """What facts are read with: the rules, and the model that is set with its prompt and check.

    Raises:
        SettingsError: a server without a model's name.
    """
    if not settings.has_llm:
        return [facts_version()]
    from profiling.facts.model import version
    from profiling.llm.opening import model_name

    return [facts_version(), model_name(settings) or "", version()]


class Said:
    """The facts of one bucket and day. Of the rows only those are kept that state something, without their texts.

    A model is opened with the bucket's share of the budget, and asked batch by batch, the longest texts of each first.
    """

    def __init__(self, lake: Lake, settings: Settings, day: str) -> None:
        self._lake, self._settings, self._day = lake, settings, day
        self._rows: list[pd.DataFrame] = []
        self._found: dict[str, list[tuple[Fact, str]]] = {}
        self._model: ServerModel | None = None
        self._is_opened = False
        self._counts: dict[str, int] = {}

    def add(self, rows: pd.DataFrame, features: pd.DataFrame, cache: "TextCache", redaction: str) -> None:
        """Read a batch: interactions with their texts, and the texts' features."""
        from profiling.text.features import words_version

        read = features[["interaction_id", "language", "aspect_mentions"]]
        spoken = rows[rows["kind"].isin(SPOKEN_KINDS)].merge(read, on="interaction_id", how="inner", validate="1:1")
        found = by_interaction(spoken, facts_of_texts(spoken, cache, f"{words_version()}|{redaction}"))
        model = self._opened() if len(spoken) else None
        if model is not None:
            from profiling.facts.model import with_model
            from profiling.rights.consent import may_be_read_by_language_model

            allowed = may_be_read_by_language_model(self._lake, self._settings, self._day, spoken["identity_id"])
            found, counts = with_model(found, spoken[allowed], model)
            for name, number in counts.items():
                self._counts[name] = self._counts.get(name, 0) + number
        self._found |= {name: facts for name, facts in found.items() if facts}
        self._rows.append(spoken.loc[spoken["interaction_id"].isin(self._found.keys()), _OF_ROWS])

    def facts(self) -> pd.DataFrame:
        """FACTS of all batches."""
        rows = pd.concat(self._rows, ignore_index=True) if self._rows else pd.DataFrame(columns=_OF_ROWS)
        return facts_of_day(rows, self._found)

    def counts(self) -> dict[str, int]:
        """What the model did, for the day's counts; nothing where none is set."""
        from profiling.llm.opening import counts

        return self._counts | counts(self._model.usage if self._model is not None else None)

    def _opened(self) -> "ServerModel | None":
        if not self._is_opened:
            from profiling.llm import opening

            self._model, self._is_opened = opening.open_model(self._settings, parts=self._settings.buckets), True
        return self._model
