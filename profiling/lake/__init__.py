"""The lake: Delta tables, staging and the ledger under one URI. The only user of deltalake.

Every write of a table replaces one partition atomically, or appends to the ledger. A reader sees a partition as it was before
or as it is after, never between. `_tables` has the verbs of the tables, `_staging` the work that is not yet committed,
`_files` what lies beside both, `_rows` how a frame becomes rows, `_spill` rows set aside on disk.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from profiling import schemas
from profiling.errors import SettingsError
from profiling.lake._rows import Filter, Rows, fingerprint, to_arrow
from profiling.lake._spill import Spill, SpilledRows
from profiling.lake._staging import Staged, Staging
from profiling.lake._tables import Tables
from profiling.settings import Settings

__all__ = ["LEDGER_COLUMNS", "Filter", "Lake", "Rows", "Spill", "SpilledRows", "Staged", "fingerprint", "to_arrow"]

logger = logging.getLogger(__name__)

LEDGER_COLUMNS = ("stage", "day", "state", "recorded_at", "attempt", "until", "inputs", "outputs")
# The ledger gets a file with every append; past this many it is rewritten as one.
_COMPACT_AT = 24


class Lake(Tables, Staging):
    """Tables, staging and ledger under `uri`, a folder or `s3://bucket/prefix`."""

    def __init__(self, uri: str, endpoint: str | None = None) -> None:
        super().__init__(uri, endpoint)
        self._states: tuple[int, pd.DataFrame] | None = None  # the ledger's version and its records of that version

    @classmethod
    def open(cls, settings: Settings, *, may_create: bool = False) -> "Lake":
        """The lake of the settings. Only who brings the first rows may create it: a mistyped path is no new lake.

        Raises:
            SettingsError: there is none, or it was made with another number of buckets.
        """
        lake = cls(settings.lake, settings.s3_endpoint)
        said = f"PROFILING_BUCKETS is {settings.buckets}, and this lake was made with another number"
        if may_create:  # with another number rows would be read twice or never
            lake.require("buckets", settings.buckets, said)
            return lake
        facts = lake._facts()
        if facts is None and not lake._has_ledger():
            raise SettingsError(
                f"there is no lake at PROFILING_LAKE={lake.uri}; correct the path, or make a lake there by taking in a first "
                "day: `profiling run --from D --to D`"
            )
        _refuse_other(facts or {}, "buckets", settings.buckets, said)
        return lake

    def is_there(self) -> bool:
        """Whether it was ever made: by what is written first, or by the ledger, where that was lost."""
        return self._facts() is not None or self._has_ledger()

    def _has_ledger(self) -> bool:
        return self.version("days") is not None

    def record(self, stage: str, day: str, state: str, attempt: str, **facts: Any) -> None:
        """Append one record to the ledger; dicts and lists become JSON."""
        row: dict[str, Any] = dict.fromkeys(schemas.LEDGER.names)
        row |= {"stage": stage, "day": day, "state": state, "attempt": attempt}
        row |= {
            name: json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict | list) else value
            for name, value in facts.items()
        }
        frame = pd.DataFrame([row | {"recorded_at": pd.Timestamp(datetime.now(UTC))}])
        delta = self._write(Rows(frame, schemas.LEDGER), mode="append")
        if len(delta.file_uris()) >= _COMPACT_AT:
            self._compact(delta)

    def ledger(self, columns: Sequence[str] = LEDGER_COLUMNS, attempts: Sequence[str] | None = None) -> pd.DataFrame:
        """The records, oldest first: of all attempts, or of some.

        By default without the long columns (counts, files, report, note): every stage asks for all states, and few for more.
        """
        if attempts is None and tuple(columns) == LEDGER_COLUMNS:
            return self._all_states()
        filters: list[Filter] = [("attempt", "in", list(attempts))] if attempts is not None else []
        return _by_time(self.read("days", filters, columns))

    def _all_states(self) -> pd.DataFrame:
        """The states as they are now, read again only when there is a newer version."""
        delta = self._table(schemas.LEDGER)
        version = -1 if delta is None else int(delta.version())
        if self._states is None or self._states[0] != version:
            self._states = version, _by_time(self._rows(delta, schemas.LEDGER, [], list(LEDGER_COLUMNS)))
        return self._states[1].copy(deep=False)

    def _compact(self, delta: Any) -> None:
        from deltalake.exceptions import CommitFailedError

        try:
            delta.optimize.compact()
        except CommitFailedError as error:
            logger.info("the ledger is being compacted by someone else: %s", error)

    def _facts(self) -> dict[str, Any] | None:
        """What the lake was made with; None where nothing was ever written down.

        Raises:
            InputError: the file is damaged.
        """
        fix = 'it holds what the lake was made with, such as {"buckets": 1}: restore it from a backup'
        return self.get_json("_lake.json", fix)

    def require(self, name: str, value: object, sentence: str) -> None:
        """Remember a fact at the lake's first use, and refuse another value afterwards.

        Raises:
            SettingsError: the lake was made with another value.
        """
        facts = self._facts() or {}
        if name not in facts:
            self._put("_lake.json", json.dumps({**facts, name: value}, sort_keys=True).encode())
        _refuse_other(facts, name, value, sentence)


def _refuse_other(facts: Mapping[str, Any], name: str, value: object, sentence: str) -> None:
    if facts.get(name, value) != value:
        shown = f" ({facts[name]})" if name == "buckets" else ""
        raise SettingsError(f"{sentence}{shown}. Set it back, or load the history into a new lake")


def _by_time(records: pd.DataFrame) -> pd.DataFrame:
    return records.sort_values("recorded_at", kind="stable", ignore_index=True)
