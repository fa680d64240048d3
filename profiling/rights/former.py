"""Profiles of somebody else that name a person: those made before the rules, or a link, told the two apart."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from profiling.lake import Lake


def naming(lake: Lake, identities: Collection[str]) -> Iterator[pd.DataFrame]:
    """Day by day the profiles of other customers with one of the identities among their members: customer_id, day, document.

    Their documents are searched as texts, one day's at a time: what had once joined two may be found nowhere else any more.
    """
    pattern = "|".join(sorted(identities))
    for day in lake.partitions("profiles") if pattern else []:
        rows = lake.read("profiles", [("day", "==", day)], ["customer_id", "day", "document"])
        rows = rows[~rows["customer_id"].isin(identities)]
        found = rows[rows["document"].str.contains(pattern).astype(bool)]
        if len(found):
            yield found


def own_part(document: str, identities: Collection[str], events: Collection[str]) -> dict[str, Any]:
    """Of such a document what is the person's: their identities, and the claims that cite events of theirs, citing only these."""
    whole = json.loads(document)
    # What is written of all that is known tells of the other too, whatever it cites.
    of_both = {"persona": None, "next_best_action": _without_copy(whole.get("next_best_action"))}
    claims = _cited({**whole, **of_both}, frozenset(events)) or {}
    members = sorted(set(identities) & set(whole["identity"]["members"]))
    return {**claims, "identity": {"members": members}}


def _without_copy(action: Any) -> Any:
    return {name: value for name, value in action.items() if name != "copy"} if isinstance(action, dict) else None


def _cited(value: Any, events: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [kept for item in value if (kept := _cited(item, events)) is not None] or None
    if not isinstance(value, dict):
        return None
    if "evidence" in value:
        own = [event for event in value["evidence"] if event in events]
        places = [span for span in value.get("spans", ()) if span["interaction_id"] in events]
        return {**value, "evidence": own, **({"spans": places} if "spans" in value else {})} if own else None
    return {name: kept for name, item in value.items() if (kept := _cited(item, events)) is not None} or None
