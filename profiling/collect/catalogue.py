"""The catalogue: one line an item, JSON lines or CSV.

Our own form: `item_id`, optionally `stated_at`, and any other fields (title, category, price_usd, brand, ...): one
statement each. Fields named `price` or `price_<currency>` must be numbers.
Amazon's metadata: `parent_asin` or `asin` with title, price, brand (2023: store) and categories (2014: lists in a list,
2018: `category`, 2023: `categories` and `main_category`); the category is the most special one, `category_path` the way
to it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._values import Unreadable, is_missing, moment, name, name_or_none, number, said, text

# "$12.99", "12.99", "from 12.99" and "$12.99 - $15.99": the least price at which the item is offered.
_AMAZON_PRICE = re.compile(
    r"(?:from\s+)?\$?\s*(\d[\d,]*(?:\.\d+)?)(?:\s*-\s*\$?\s*\d[\d,]*(?:\.\d+)?)?", re.ASCII | re.I
)


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of statements, for `catalogue`; `stated_at` is NaT where the line does not say it.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "catalogue", _parse)


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    is_amazon = "item_id" not in record and ("asin" in record or "parent_asin" in record)
    item, statements = _amazon(record) if is_amazon else _own(record)
    if not statements:
        raise Unreadable("nothing_said", None, "the line names an item and says nothing; add a field, such as title")
    stated_at = None if is_missing(record.get("stated_at")) else moment(record, "stated_at", zone)
    return [([("item", item)], field, value, stated_at) for field, value in statements.items()]


def _own(record: Mapping[str, Any]) -> tuple[str | None, dict[str, str | None]]:
    item = name(record, "item_id")
    fields = [field for field in record if field not in ("item_id", "stated_at")]
    for field in fields:
        if not field.strip():
            raise Unreadable("missing_name", None, "a field has no name; name every field")
        if field == "price" or field.startswith("price_"):
            number(record, field)
    return item, {field: said(record[field]) for field in fields}


def _amazon(record: Mapping[str, Any]) -> tuple[str, dict[str, str | None]]:
    item = name_or_none(record, "parent_asin") or name_or_none(record, "asin")
    if item is None:
        raise Unreadable("missing_field", "asin", "neither `parent_asin` nor `asin` names the item")
    path = _categories(record)
    statements = {
        "title": said(text(record, "title")),
        "category": path[-1] if path else None,
        "category_path": " > ".join(path) or None,
        "brand": said(text(record, "brand") or text(record, "store")),
        "price_usd": _price(record),
    }
    return item, {field: value for field, value in statements.items() if value is not None}


def _categories(record: Mapping[str, Any]) -> list[str]:
    """The first way through the categories, from the general to the special."""
    for field in ("categories", "category", "main_category"):
        value = record.get(field)
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list) and value and isinstance(value[0], list):
            value = value[0]
        if is_missing(value) or value == []:
            continue
        if not isinstance(value, list) or not all(isinstance(step, str) for step in value):
            raise Unreadable(
                "wrong_type", field, f'`{field}` is no list of names; write one such as ["Music", "Guitars"]'
            )
        if path := [step.strip() for step in value if step.strip()]:
            return path
    return []


def _price(record: Mapping[str, Any]) -> str | None:
    value = record.get("price")
    if isinstance(value, str):
        if value.strip() in ("", "—", "None"):  # how the 2018 and 2023 files write "no offer"
            return None
        match = _AMAZON_PRICE.fullmatch(value.strip())
        value = match[1].replace(",", "") if match else value
    price = number({"price": value}, "price")
    return None if math.isnan(price) else said(price)
