"""Where interactions refer to media: the list `media` of their attributes holds addresses of pictures and recordings."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

COLUMNS = ("interaction_id", "identity_id", "bucket", "day", "position", "url")


def _parsed(document: object) -> dict[str, Any]:
    """The attributes where they have a list `media`, else nothing. Most have none, and those cost no parsing."""
    if not isinstance(document, str) or '"media"' not in document:
        return {}
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("media"), list) else {}


def urls(document: object) -> list[str]:
    """The addresses in one row's attributes, in their order, each once; what is no text is left out."""
    return list(dict.fromkeys(each for each in _parsed(document).get("media", []) if isinstance(each, str)))


def references(interactions: pd.DataFrame) -> pd.DataFrame:
    """One row for each address an interaction refers to: COLUMNS, sorted by interaction and position, which counts from 0."""
    found = interactions.assign(url=interactions["attributes"].map(urls))
    found = found.loc[found["url"].map(len) > 0].explode("url")
    found = found.assign(position=found.groupby("interaction_id").cumcount().astype("int32"))
    return found[list(COLUMNS)].sort_values(["interaction_id", "position"], ignore_index=True)


def without_links(attributes: pd.Series) -> tuple[pd.Series, int]:
    """Attributes whose lists of media are taken out, and how many addresses were in them.

    The addresses lead to a person's pictures: who does not have them read does not keep them either.
    """
    number = 0

    def one(document: object) -> object:
        nonlocal number
        found = _parsed(document)
        if not found:
            return document
        number += len(found.pop("media"))
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    return _mapped(attributes, one), number


def _mapped(attributes: pd.Series, one: Callable[[object], object]) -> pd.Series:
    return pd.Series(
        [one(each) for each in attributes.tolist()],
        index=attributes.index,
        name=attributes.name,
        dtype=attributes.dtype,
    )
