"""Who a row belongs to: pseudonyms of identifiers, links between them, and customers as connected components."""

from datetime import datetime

import numpy as np
import pandas as pd

from profiling.prepare.privacy import pseudonym, pseudonyms

LINK_COLUMNS = ("identity_id", "other_id", "identifier_type", "interaction_id", "occurred_at")


def identity_id(key: bytes, identifier_type: str, value: str) -> str:
    """The pseudonym of one identifier, exactly as the source writes it."""
    return pseudonym(key, "identity", identifier_type, value)


def interaction_id(key: bytes, source: str, natural_key: str, occurred_at: datetime) -> str:
    """The pseudonym of one event; `occurred_at` in UTC."""
    return pseudonym(key, "interaction", source, natural_key, occurred_at.isoformat())


def _isoformat(times: pd.Series) -> pd.Series:
    """`Timestamp.isoformat` of a UTC column, in bulk."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    texts = [text.removesuffix(".000000") + "+00:00" for text in np.datetime_as_string(naive, unit="us").tolist()]
    return pd.Series(texts, index=times.index, dtype="object")


def first_identities(identifiers: pd.Series, key: bytes) -> pd.Series:
    """identity_id of the first identifier of each row."""
    types = pd.Series([pairs[0][0] for pairs in identifiers], index=identifiers.index, dtype="object")
    values = pd.Series([pairs[0][1] for pairs in identifiers], index=identifiers.index, dtype="object")
    return pseudonyms(key, "identity", types, values)


def buckets_of(identities: pd.Series, buckets: int) -> pd.Series:
    """`int(identity_id[:8], 16) % buckets`, int32."""
    numbers = np.array([int(identity[:8], 16) for identity in identities.tolist()], dtype="int64") % buckets
    return pd.Series(numbers.astype("int32"), index=identities.index)


def identify(rows: pd.DataFrame, key: bytes, source: str, buckets: int) -> pd.DataFrame:
    """Valid events with `identity_id`, `bucket` and `interaction_id` added."""
    identities = first_identities(rows["identifiers"], key)
    sources = pd.Series(source, index=rows.index, dtype="object")
    return rows.assign(
        identity_id=identities,
        bucket=buckets_of(identities, buckets),
        interaction_id=pseudonyms(key, "interaction", sources, rows["natural_key"], _isoformat(rows["occurred_at"])),
    )


def links(rows: pd.DataFrame, key: bytes) -> pd.DataFrame:
    """One row for every further identifier of an identified event: IDENTITY_LINKS without `day`."""
    several = rows[rows["identifiers"].map(len) > 1]
    found = [
        (first, identity_id(key, kind, value), kind, event, at)
        for first, event, at, identifiers in zip(
            several["identity_id"],
            several["interaction_id"],
            several["occurred_at"],
            several["identifiers"],
            strict=True,
        )
        for kind, value in identifiers[1:]
    ]
    frame = pd.DataFrame(found, columns=list(LINK_COLUMNS)).astype(
        {**dict.fromkeys(LINK_COLUMNS, "str"), "occurred_at": "datetime64[us, UTC]"}
    )
    return (
        frame[frame["identity_id"] != frame["other_id"]]
        .sort_values(["identity_id", "other_id", "interaction_id", "identifier_type"])
        .drop_duplicates(["identity_id", "other_id", "interaction_id"])
        .reset_index(drop=True)
    )


def _components(left: np.ndarray, right: np.ndarray, count: int) -> np.ndarray:
    """The lowest member of each node's connected component: hook the higher root under the lower, then jump pointers."""
    root = np.arange(count)
    while (root[left] != root[right]).any():
        low = np.minimum(root[left], root[right])
        np.minimum.at(root, root[left], low)
        np.minimum.at(root, root[right], low)
        while (root != root[root]).any():
            root = root[root]
    return root


def resolve(links: pd.DataFrame, first_seen: pd.Series) -> pd.Series:
    """The customer of every identity: connected components of the links, named after their oldest member.

    Args:
        links: `identity_id`, `other_id`: identifiers of one person, in any order.
        first_seen: identity_id -> time of its first event; identities without links are customers of their own.

    Returns:
        identity_id -> customer_id, sorted by identity_id, for every identity of `links` and `first_seen`. Oldest by
        (first_seen, identity_id); members never seen themselves come after all that were.
    """
    members = (
        pd.Index(first_seen.index).union(pd.Index(links["identity_id"])).union(pd.Index(links["other_id"])).unique()
    )
    # Numbered from oldest to youngest, so the lowest number of a component is its customer.
    order = (
        pd.DataFrame({"first_seen": first_seen.reindex(members).array, "identity_id": members})
        .sort_values(["first_seen", "identity_id"], na_position="last")["identity_id"]
        .to_numpy()
    )
    number = pd.Index(order)
    root = _components(
        number.get_indexer(pd.Index(links["identity_id"])), number.get_indexer(pd.Index(links["other_id"])), len(number)
    )
    customers = pd.Series(order[root], index=pd.Index(order, name="identity_id"), name="customer_id", dtype="str")
    return customers.sort_index()
