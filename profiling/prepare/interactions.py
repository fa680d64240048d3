"""A batch of events made into interactions: everything but de-duplication, which needs all files of the drop."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from profiling.prepare.clean import MAX_TEXT, mend, normalise, normalise_text, validate
from profiling.prepare.identifiers import as_written
from profiling.prepare.identity import identify, links
from profiling.prepare.identity_rules import Rules, default_rules
from profiling.prepare.privacy import pseudonyms
from profiling.prepare.redaction import PERSONAL, might_hold, redact_counted, redact_series
from profiling.schemas import IDENTITY_LINKS, INTERACTIONS

COLUMNS = tuple(name for name in INTERACTIONS.names if name != "is_text_shared")
_NEEDS_A_LOOK = re.compile(r"[<&\\]|[^\x00-\x7f]")  # what normalising may change


@dataclass(frozen=True)
class Prepared:
    """What became of a batch.

    rows: every column of INTERACTIONS but `is_text_shared`; links: IDENTITY_LINKS; rejects: REJECT_COLUMNS;
    redactions: how many of each kind of `redaction.PERSONAL` were replaced; as_written: how many identifiers
    of each type could not be normalised.
    """

    rows: pd.DataFrame
    links: pd.DataFrame
    rejects: pd.DataFrame
    redactions: dict[str, int]
    as_written: dict[str, int]

    def counts(self) -> dict[str, int]:
        """Both, by the names of the ledger's counts."""
        redacted = {f"redacted_{kind}": number for kind, number in self.redactions.items()}
        return redacted | {f"as_written_{kind}": number for kind, number in self.as_written.items()}


def _redact_value(value: Any, counts: Counter[str]) -> Any:
    """Every text inside normalised and redacted, and every whole number that would be redacted were it text."""
    if isinstance(value, dict):
        return {mend(name): _redact_value(item, counts) for name, item in value.items()}
    if isinstance(value, list):
        return [_redact_value(item, counts) for item in value]
    if isinstance(value, str) or (type(value) is int and abs(value) >= 1_000_000):
        text = normalise(str(value)) or ""
        redacted, found = redact_counted(text)
        counts.update(found)
        return value if isinstance(value, int) and redacted == text else redacted
    return value


def redact_json(series: pd.Series) -> tuple[pd.Series, dict[str, int]]:
    """Texts inside JSON documents normalised and redacted, with counts; what is no JSON is treated as text."""
    counts: Counter[str] = Counter()

    def one(document: object, is_suspect: bool) -> str | None:
        if document == "{}":
            return document
        if not isinstance(document, str) or not document.strip():
            return None
        if not (is_suspect or _NEEDS_A_LOOK.search(document)):
            return document
        try:
            value = json.loads(document)
        except (ValueError, RecursionError):
            value = document
        redacted = _redact_value(value, counts)
        return (
            redacted if isinstance(redacted, str) else json.dumps(redacted, ensure_ascii=False, separators=(",", ":"))
        )

    made = [one(document, is_suspect) for document, is_suspect in zip(series.tolist(), might_hold(series), strict=True)]
    documents = pd.Series(made, index=series.index, name=series.name, dtype="str")
    return documents, {name: counts[name] for name in PERSONAL}


def _days(times: pd.Series, zone: ZoneInfo) -> pd.Series:
    """YYYY-MM-DD in `zone`; a drop holds few days, so each is written once."""
    codes, days = pd.factorize(times.dt.tz_convert(zone).dt.tz_localize(None).to_numpy("datetime64[D]"))
    names = np.datetime_as_string(days.astype("datetime64[D]")).astype(object)
    return pd.Series(names[codes], index=times.index, dtype="str")


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of INTERACTIONS in order, with the types the lake expects; empty frames included."""
    texts = {name: "str" for name in COLUMNS if str(INTERACTIONS.arrow.field(name).type) == "string"}
    return rows.reindex(columns=list(COLUMNS)).astype(
        {**texts, "bucket": "int32", "source_line": "int64", "occurred_at": "datetime64[us, UTC]"}
    )


def prepare_interactions(
    batch_rows: pd.DataFrame,
    *,
    source: str,
    source_file: str,
    day: str,
    day_end: pd.Timestamp,
    zone: ZoneInfo,
    key: bytes,
    buckets: int,
    bucket: int | None,
    rules: Rules | None = None,
) -> Prepared:
    """Validate, identify, keep one bucket, normalise, redact, hash, date.

    Args:
        batch_rows: events of one file as EVENT_COLUMNS.
        day: day of the drop; day_end: the first moment after it in `zone`, as UTC.
        bucket: the bucket to keep, or None for all. Texts of other buckets cost nothing. Rejects belong to bucket 0.
    """
    good, rejects = validate(batch_rows, day_end)
    rules = rules or default_rules()
    rows = identify(good, key, source, buckets, rules)
    if bucket is not None:
        rows = rows[rows["bucket"] == bucket].reset_index(drop=True)
    text, in_text = redact_series(normalise_text(rows["text"]))
    text = text.str.slice(0, MAX_TEXT)  # `[email]` may be longer than the address was
    attributes, in_attributes = redact_json(rows["attributes"])
    interactions = rows.assign(
        day=day,
        event_day=_days(rows["occurred_at"], zone),
        source=source,
        text=text,
        text_hash=pseudonyms(key, "text", text),
        attributes=attributes,
        source_file=source_file,
    ).pipe(_typed)
    return Prepared(
        rows=interactions,
        links=links(rows, source).assign(day=day).astype({"day": "str"})[IDENTITY_LINKS.names],
        rejects=rejects if bucket in (None, 0) else rejects.iloc[:0],
        redactions={name: in_text[name] + in_attributes[name] for name in PERSONAL},
        as_written=as_written(rules, rows["identifiers"]),
    )
