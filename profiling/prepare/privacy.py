"""Pseudonyms: keyed hashes in place of identifiers."""

import hmac
from collections.abc import Callable
from hashlib import sha256

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
    """`pseudonym(key, purpose, ...)` of parts that are joined by NUL already, for many: the key's part is hashed once.

    HMAC by its definition (RFC 2104): H(key ^ opad, H(key ^ ipad, message)). `hmac` makes an object of Python's for each
    message, which takes as long as the rest.
    """
    block = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block) + purpose.encode() + b"\0").copy
    outer = sha256(bytes(byte ^ 0x5C for byte in block)).copy

    def hashed(message: str) -> str:
        first, second = inner(), outer()
        first.update(message.encode("utf-8", "surrogatepass"))
        second.update(first.digest())
        return second.hexdigest()[:32]

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
