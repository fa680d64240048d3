"""Statements about customers and items made ready: attributes, consents, catalogue."""

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from profiling.collect import REJECT_COLUMNS
from profiling.prepare.clean import as_json, is_identified, normalise_text
from profiling.prepare.identifiers import as_written
from profiling.prepare.identity import first_identities, statement_links
from profiling.prepare.identity_rules import Rules, default_rules
from profiling.prepare.redaction import redact_series
from profiling.schemas import TABLES

CONSENT_VALUES = ("granted", "withdrawn")
MAX_NAME = 100

_FIXES = {
    "identifier_missing": ("identifiers", "the line says nothing of whom it speaks; give an identifier with a type and a value"),
    "name_missing": ("name", f"a statement needs a name of 1 to {MAX_NAME} characters; check the header"),
    "in_the_future": ("stated_at", "the statement lies after the drop's day; check clock and time zone, or deliver it later"),
    "consent_unknown": ("value", "consent is neither granted nor withdrawn; use one of these two words"),
    "stated_twice": ("name", "the line states two values of one name; keep one"),
}  # fmt: skip


class PreparedStatements(NamedTuple):
    """What became of a batch: the columns of its table; REJECT_COLUMNS, one for each line; IDENTITY_LINKS of lines that name a
    customer by several identifiers; how many identifiers of each type could not be normalised, as a name of the ledger's counts.
    """

    rows: pd.DataFrame
    rejects: pd.DataFrame
    links: pd.DataFrame
    counts: dict[str, int]


def _start_of(day: str, zone: ZoneInfo) -> pd.Timestamp:
    return pd.Timestamp(day).tz_localize(zone, nonexistent="shift_forward", ambiguous=True).tz_convert("UTC")


def _faults(rows: pd.DataFrame, table: str, day_end: pd.Timestamp) -> pd.Series:
    """The first reason against each statement, in the order of `_FIXES`; missing where there is none."""
    values = rows.groupby(["source_line", "name"], dropna=False)["value"].transform(
        lambda said: said.nunique(dropna=False)
    )
    masks = {
        "identifier_missing": ~rows["identifiers"].map(is_identified).astype(bool),
        "name_missing": ~rows["name"].str.len().between(1, MAX_NAME),
        "in_the_future": rows["stated_at"] >= day_end,
        "consent_unknown": ~rows["value"].isin(CONSENT_VALUES) if table == "consents" else pd.Series(False, index=rows.index),
        "stated_twice": values.gt(1),
    }  # fmt: skip
    reasons = pd.Series(None, index=rows.index, dtype="object")
    for reason in reversed(_FIXES):
        reasons[masks[reason].to_numpy(bool)] = reason
    return reasons


def _reject(line: pd.DataFrame) -> dict[str, Any]:
    """One reject for a whole line: the reason of its first faulty statement."""
    first = line[line["reason"].notna()].iloc[0]
    field, detail = _FIXES[first["reason"]]
    said = {
        "identifiers": line["identifiers"].iloc[0],
        "stated_at": line["stated_at"].iloc[0],
        "statements": dict(zip(line["name"].astype(object), line["value"].astype(object), strict=True)),
    }
    return {
        "source_line": int(first["source_line"]),
        "reason": first["reason"],
        "field": field,
        "detail": detail,
        "content": as_json(said),
    }


def prepare_statements(
    rows: pd.DataFrame,
    table: str,
    *,
    source: str,
    source_file: str,
    day: str,
    day_end: pd.Timestamp,
    zone: ZoneInfo,
    key: bytes,
    rules: Rules | None = None,
) -> PreparedStatements:
    """Statements of one file, ready for their table.

    A line is all or nothing: one impossible statement rejects it whole. A statement without a time was made at the start of the
    drop's day in `zone`. Values of customers are redacted; those of items are not (an article number may look like anything).

    Args:
        rows: STATEMENT_COLUMNS.
        table: `attributes`, `consents` or `catalogue`; the subject is the pseudonym of the line's first identifier, or, for
            the catalogue, the item id itself.
    """
    rows = rows.reset_index(drop=True).assign(
        name=normalise_text(rows["name"]).to_numpy(), value=normalise_text(rows["value"]).to_numpy()
    )
    if table == "consents":
        rows = rows.assign(value=rows["value"].str.lower())
    rows = rows.assign(reason=_faults(rows, table, day_end))
    bad_lines = rows.loc[rows["reason"].notna(), "source_line"]
    is_bad = rows["source_line"].isin(bad_lines)
    rejects = [_reject(line) for _, line in rows[is_bad].groupby("source_line")]
    good = rows[~is_bad].drop_duplicates(["source_line", "name"])
    is_item = table == "catalogue"
    good = good.assign(
        subject_id=[pairs[0][1] for pairs in good["identifiers"]]
        if is_item
        else first_identities(good["identifiers"], key, rules),
        value=good["value"] if is_item else redact_series(good["value"])[0],
        stated_at=good["stated_at"].fillna(_start_of(day, zone)),
        source=source,
        source_file=source_file,
        day=day,
    )
    said = good.iloc[:0] if is_item else good
    linked = statement_links(said, key, source, rules).assign(day=day)
    counts = as_written(rules or default_rules(), said.drop_duplicates("source_line")["identifiers"])
    frame = good[TABLES[table].names]
    texts = {name: "str" for name in frame.columns if name not in ("stated_at", "source_line")}
    frame = frame.astype({**texts, "stated_at": "datetime64[us, UTC]", "source_line": "int64"}).reset_index(drop=True)
    rejected = pd.DataFrame(rejects, columns=list(REJECT_COLUMNS))
    linked = linked.astype({"day": "str"})[TABLES["identity_links"].names]
    return PreparedStatements(frame, rejected, linked, {f"as_written_{kind}": n for kind, n in counts.items()})
