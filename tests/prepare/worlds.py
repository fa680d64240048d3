"""Small batches, as the collectors give them."""

from typing import Any

import pandas as pd

from profiling.collect import EVENT_COLUMNS, STATEMENT_COLUMNS

KEY = b"a key only for tests"
DAY = "2026-06-15"
DAY_END = pd.Timestamp("2026-06-16", tz="UTC")


def events(*changes: dict[str, Any]) -> pd.DataFrame:
    """Possible events on lines 1, 2, ..., each with some fields changed."""
    rows = [
        {
            "source_line": line, "natural_key": f"order-{line}", "identifiers": [("customer", f"c{line}")],
            "occurred_at": pd.Timestamp("2026-06-15T10:00", tz="UTC"), "kind": "review", "item_id": "B0006O1Y6S",
            "text": "The strings sound warm.", "rating": 5.0, "quantity": 1.0, "amount": 9.5, "currency": "USD",
            "channel": "web", "attributes": None, **change,
        }
        for line, change in enumerate(changes, 1)
    ]  # fmt: skip
    numbers = dict.fromkeys(("rating", "quantity", "amount"), "float64")
    types = {"source_line": "int64", "occurred_at": "datetime64[us, UTC]", **numbers}
    return pd.DataFrame(rows, columns=list(EVENT_COLUMNS)).astype(types)


def statements(*changes: dict[str, Any]) -> pd.DataFrame:
    """Possible statements on lines 1, 2, ..., each with some fields changed."""
    rows = [
        {
            "source_line": line, "identifiers": [("customer", f"c{line}")], "name": "city", "value": "Leeds",
            "stated_at": pd.Timestamp("2026-06-14T10:00", tz="UTC"), **change,
        }
        for line, change in enumerate(changes, 1)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(STATEMENT_COLUMNS))
    times = pd.to_datetime(frame["stated_at"], utc=True).astype("datetime64[us, UTC]")
    return frame.assign(stated_at=times).astype({"source_line": "int64"})
