"""Profiles of customers who want no marketing: nothing is recommended to them, and no approach is planned."""

import json
from collections.abc import Collection
from typing import Any

import pandas as pd

from profiling.profiles.canonical import FLOAT_DIGITS, dumps
from profiling.profiles.document import PARTS

REASON = "the customer has not consented to marketing"
NO_ACTION = "none"


def silence(profiles: pd.DataFrame, customers: Collection[str]) -> pd.DataFrame:
    """`schemas.PROFILES` with `recommendations` and `next_best_action` of some customers null, and the reason in `nulls`.

    The column `next_best_action` is `none`, as where nothing calls for an approach.
    """
    wanted = profiles["customer_id"].isin(set(customers))
    if not wanted.any():
        return profiles
    documents = [_silent(json.loads(document)) for document in profiles.loc[wanted, "document"]]
    found = profiles.copy()
    found.loc[wanted, "next_best_action"] = NO_ACTION
    found.loc[wanted, "completeness"] = [document["completeness"] for document in documents]
    found.loc[wanted, "document"] = [dumps(document) for document in documents]
    return found


def _silent(document: dict[str, Any]) -> dict[str, Any]:
    kept = {
        pointer: reason
        for pointer, reason in document["nulls"].items()
        if pointer.split("/")[1] not in ("recommendations", "next_best_action")
    }
    filled = round(document["completeness"] * len(PARTS)) - bool(document["recommendations"])
    return document | {
        "recommendations": None,
        "next_best_action": None,
        "completeness": round(filled / len(PARTS), FLOAT_DIGITS),
        "nulls": kept | {"/recommendations": REASON, "/next_best_action": REASON},
    }
