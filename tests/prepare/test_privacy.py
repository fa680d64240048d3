"""Pseudonyms: keyed, stable, the same one by one and in bulk."""

import hashlib
import hmac

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from profiling.prepare.privacy import hasher, pseudonym, pseudonyms
from tests.prepare.worlds import KEY


def test_pseudonym_is_hmac_sha256() -> None:
    expected = hmac.new(KEY, b"identity\0email\0ann@example.org", hashlib.sha256).hexdigest()[:32]
    assert pseudonym(KEY, "identity", "email", "ann@example.org") == expected
    assert pseudonym(b"another key altogether", "identity", "email", "ann@example.org") != expected
    assert len(pseudonym(KEY, "lone surrogate \ud800")) == 32


def test_bulk_is_the_same_as_one_by_one() -> None:
    types, values = pd.Series(["a", "b", None]), pd.Series(["x", "张三", "z"])
    result = pseudonyms(KEY, "identity", types, values)
    assert result[:2].tolist() == [pseudonym(KEY, "identity", "a", "x"), pseudonym(KEY, "identity", "b", "张三")]
    assert result.isna().tolist() == [False, False, True]


@given(st.binary(min_size=1, max_size=200), st.text(max_size=20), st.text(st.characters(), max_size=50))
def test_the_quick_way_is_hmac_for_keys_of_any_length(key: bytes, purpose: str, message: str) -> None:
    assert hasher(key, purpose)(message) == pseudonym(key, purpose, message)
