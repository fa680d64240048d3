"""Who a row belongs to: pseudonyms of identifiers, and the links between them. Customers are made of these when reading."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd

from profiling.prepare.identifiers import normalised
from profiling.prepare.identity_rules import Rules, default_rules
from profiling.prepare.privacy import pseudonym, pseudonyms

LINK_COLUMNS = ("identity_id", "other_id", "identifier_type", "interaction_id", "occurred_at", "first_type", "source")


def identity_id(key: bytes, identifier_type: str, value: str, rules: Rules | None = None) -> str:
    """The pseudonym of one identifier, normalised by its type's rule."""
    return pseudonym(key, "identity", identifier_type, normalised(rules or default_rules(), identifier_type, value))


def interaction_id(key: bytes, source: str, natural_key: str, occurred_at: datetime) -> str:
    """The pseudonym of one event; `occurred_at` in UTC."""
    return pseudonym(key, "interaction", source, natural_key, occurred_at.isoformat())


def _isoformat(times: pd.Series) -> pd.Series:
    """`Timestamp.isoformat` of a UTC column, in bulk."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    texts = [text.removesuffix(".000000") + "+00:00" for text in np.datetime_as_string(naive, unit="us").tolist()]
    return pd.Series(texts, index=times.index, dtype="object")


def identities_of(identifiers: pd.Series, key: bytes, rules: Rules) -> pd.Series:
    """(type, identity_id) pairs of each row, each identity once, in the order of `led`."""
    known: dict[tuple[str, str], tuple[str, str]] = {}

    def hashed(kind: str, value: str) -> tuple[str, str]:
        found = known.get((kind, value))
        if found is None:
            found = known[kind, value] = _hashed(key, kind, normalised(rules, kind, value))
        return found

    rows = [
        [hashed(*pairs[0])] if len(pairs) == 1 else list(dict.fromkeys(hashed(*pair) for pair in led(pairs, rules)))
        for pairs in identifiers
    ]
    return pd.Series(rows, index=identifiers.index, dtype="object")


@lru_cache(maxsize=1 << 18)  # a day's customers come again in every batch
def _hashed(key: bytes, kind: str, spelling: str) -> tuple[str, str]:
    return kind, pseudonym(key, "identity", kind, spelling)


def led(pairs: Sequence[tuple[str, str]], rules: Rules) -> Sequence[tuple[str, str]]:
    """A row's identifiers with one that identifies alone first: what someone does on the family's device is theirs."""
    if len(pairs) == 1 or rules.leads(pairs[0][0]):
        return pairs
    return sorted(pairs, key=lambda pair: not rules.leads(pair[0]))  # stable: otherwise in the order given


def first_identities(identifiers: pd.Series, key: bytes, rules: Rules | None = None) -> pd.Series:
    """identity_id of each row: of its first identifier that identifies alone, else of its first."""
    rows = identities_of(identifiers, key, rules or default_rules())
    return pd.Series([pairs[0][1] for pairs in rows], index=identifiers.index, dtype="str")


def buckets_of(identities: pd.Series, buckets: int) -> pd.Series:
    """`int(identity_id[:8], 16) % buckets`, int32."""
    numbers = np.array([int(identity[:8], 16) for identity in identities.tolist()], dtype="int64") % buckets
    return pd.Series(numbers.astype("int32"), index=identities.index)


def identify(rows: pd.DataFrame, key: bytes, source: str, buckets: int, rules: Rules | None = None) -> pd.DataFrame:
    """Valid events with `identities`, `identity_id`, `bucket` and `interaction_id` added; `identities` as `identities_of`."""
    found = identities_of(rows["identifiers"], key, rules or default_rules())
    identities = pd.Series([pairs[0][1] for pairs in found], index=rows.index, dtype="str")
    sources = pd.Series(source, index=rows.index, dtype="object")
    return rows.assign(
        identities=found,
        identity_id=identities,
        bucket=buckets_of(identities, buckets),
        interaction_id=pseudonyms(key, "interaction", sources, rows["natural_key"], _isoformat(rows["occurred_at"])),
    )


def links(rows: pd.DataFrame, source: str) -> pd.DataFrame:
    """One row for every pair of identities of an event: IDENTITY_LINKS without `day`.

    Every pair and not only those with the first: which of them may join is a question of the rules, and asked when reading.

    Args:
        rows: `identities`, `interaction_id`, `occurred_at`.
    """
    several = rows[np.fromiter(map(len, rows["identities"].tolist()), dtype="int64", count=len(rows)) > 1]
    found = [
        (one, other, kind, event, at, first_kind, source)
        for identities, event, at in zip(
            several["identities"], several["interaction_id"], several["occurred_at"], strict=True
        )
        for (first_kind, one), (kind, other) in combinations(identities, 2)
    ]
    frame = pd.DataFrame(found, columns=list(LINK_COLUMNS)).astype(
        {**dict.fromkeys(LINK_COLUMNS, "str"), "occurred_at": "datetime64[us, UTC]"}
    )
    key = ["identity_id", "other_id", "interaction_id"]
    return frame.sort_values(key, kind="stable").drop_duplicates(key, ignore_index=True)


def statement_ids(statements: pd.DataFrame, key: bytes) -> pd.Series:
    """What the links of a statement about a customer name as their event, from `source`, `subject_id` and `stated_at`."""
    subjects = statements["subject_id"].astype("str")
    return pseudonyms(
        key, "statement", statements["source"].astype("str"), subjects, _isoformat(statements["stated_at"])
    )


def statement_links(statements: pd.DataFrame, key: bytes, source: str, rules: Rules | None = None) -> pd.DataFrame:
    """The links of statements about customers, as `links`: whoever says several identifiers of one says that they are one's.

    Args:
        statements: `identifiers`, `subject_id`, `stated_at` (UTC, none missing). A line's statements give its links once.
    """
    found = statements[statements["identifiers"].map(len) > 1].drop_duplicates("source_line")
    ids = statement_ids(found.assign(source=source), key)
    identities = identities_of(found["identifiers"], key, rules or default_rules())
    return links(found.assign(identities=identities, interaction_id=ids, occurred_at=found["stated_at"]), source)
