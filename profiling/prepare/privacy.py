"""Pseudonyms: keyed hashes in place of identifiers."""

import hmac
from collections.abc import Callable

import numpy as np
import pandas as pd


def pseudonym(key: bytes, *parts: str) -> str:
    """HMAC-SHA256 over the parts joined by NUL, the first 32 hex digits (128 bits).

    >>> pseudonym(b"k" * 16, "identity", "email", "a@example.org")
    '8c76357c1e8002dcd6da208df39ccf73'
    """
    # surrogatepass: whatever a source calls its customer, a pseudonym comes out.
    return hmac.digest(key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def hasher(key: bytes, purpose: str) -> Callable[[str], str]:
    """`pseudonym(key, purpose, ...)` of parts that are joined by NUL already, for many: the key's part is hashed once."""
    keyed = hmac.new(key, purpose.encode() + b"\0", "sha256").copy

    def hashed(message: str) -> str:
        one = keyed()
        one.update(message.encode("utf-8", "surrogatepass"))
        return one.hexdigest()[:32]

    return hashed


def pseudonyms(key: bytes, purpose: str, *columns: pd.Series) -> pd.Series:
    """`pseudonym(key, purpose, ...)` for every row of some str columns; missing where any part is missing."""
    index = columns[0].index
    is_whole = np.logical_and.reduce([column.notna().to_numpy() for column in columns])
    rows = np.flatnonzero(is_whole)
    parts = [column.iloc[rows].tolist() if len(rows) < len(index) else column.tolist() for column in columns]
    messages = parts[0] if len(parts) == 1 else map("\0".join, zip(*parts, strict=True))
    found = np.full(len(index), None, dtype=object)
    found[rows] = list(map(hasher(key, purpose), messages))
    return pd.Series(found, index=index, dtype="str")
