"""Rows set aside on disk come back as they were, in order and in one piece."""

import pandas as pd

from profiling import schemas
from profiling.stages._spill import Spill


def link(number: int) -> pd.DataFrame:
    row = dict.fromkeys(schemas.IDENTITY_LINKS.names, f"x{number}")
    at = pd.Timestamp("2026-06-15T10:00:00.123456Z").as_unit("us")
    return pd.DataFrame([row | {"occurred_at": at, "source": None}]).astype({"source": "str"})


def test_frames_come_back_as_one() -> None:
    with Spill(schemas.IDENTITY_LINKS.arrow) as spill:
        for number in range(5):
            spill.add(link(number))
            spill.add(link(number).iloc[:0])
        found = spill.frame()
    expected = pd.concat([link(number) for number in range(5)], ignore_index=True)[schemas.IDENTITY_LINKS.names]
    pd.testing.assert_frame_equal(found, expected)


def test_nothing_comes_back_as_an_empty_frame_with_types() -> None:
    with Spill(schemas.IDENTITY_LINKS.arrow) as spill:
        found = spill.frame()
    assert found.empty
    pd.testing.assert_frame_equal(found, schemas.IDENTITY_LINKS.arrow.empty_table().to_pandas())
