"""Amazon reviews as published for research, JSON lines; the form is recognised row by row.

2014: reviewerID, asin, overall, reviewText, summary, unixReviewTime (seconds), helpful.
2018: the same with verified, style, vote, image.
2023: user_id, parent_asin, asin, rating, title, text, timestamp (milliseconds), verified_purchase, helpful_vote,
images.
`reviewerName` is never read.

Sources: He and McAuley, WWW 2016; Ni, Li and McAuley, EMNLP 2019; Hou et al., "Bridging Language and Items", 2024.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import batches
from profiling.collect._values import Unreadable, dumps, epoch, is_missing, name, name_or_none, number, text

# Kept as said; names of the 2023 form become those of 2018 where they mean the same.
_ATTRIBUTES = {
    "helpful": "helpful",
    "vote": "vote",
    "helpful_vote": "vote",
    "verified": "verified",
    "verified_purchase": "verified",
    "style": "style",
    "asin": "asin",
}
_PICTURES = ("image", "images")
_SENTENCE_ENDS = tuple(".!?…。！？~:;,")


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of events of kind `review`, for `interactions`.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "interactions", _parse)


def when(record: Mapping[str, Any], zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of one review.

    Raises:
        Unreadable: its time is missing or no time.
    """
    return epoch(record, "timestamp", 1000) if _is_2023(record) else epoch(record, "unixReviewTime", 1)


def _is_2023(record: Mapping[str, Any]) -> bool:
    return "user_id" in record or "timestamp" in record


def _parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
    user_field, rating_field, title_field, body_field = (
        ("user_id", "rating", "title", "text")
        if _is_2023(record)
        else ("reviewerID", "overall", "summary", "reviewText")
    )
    user = name(record, user_field)
    item = name_or_none(record, "parent_asin") or name_or_none(record, "asin")
    if item is None:
        raise Unreadable("missing_field", "asin", "neither `parent_asin` nor `asin` says which item was reviewed")
    occurred_at = when(record, zone)
    rating = number(record, rating_field)
    title, body = text(record, title_field), text(record, body_field)
    attributes = {new: record[old] for old, new in _ATTRIBUTES.items() if not is_missing(record.get(old))}
    if attributes.get("asin") == item:
        del attributes["asin"]  # worth keeping only where it names a variant of the item
    for field in _PICTURES:
        if isinstance(record.get(field), list) and record[field]:
            attributes["image_count"] = len(record[field])
            if links := [link for link in map(_link, record[field]) if link]:
                attributes["media"] = links  # ingest takes them out again, unless media are read
    key = f"{user}|{item}|{hashlib.sha256(dumps([rating, title, body]).encode()).hexdigest()[:16]}"
    numbers = (rating, float("nan"), float("nan"))
    return [
        (
            key,
            [("amazon", user)],
            occurred_at,
            "review",
            item,
            _joined(title, body),
            *numbers,
            None,
            None,
            dumps(attributes),
        )
    ]


def _link(picture: object) -> str | None:
    """The address of a picture: of 2018 the element itself, of 2023 its largest size."""
    if isinstance(picture, dict):
        sizes = (picture.get(f"{size}_image_url") for size in ("large", "medium", "small"))
        picture = next((size for size in sizes if size), None)
    return picture if isinstance(picture, str) else None


def _joined(title: str | None, body: str | None) -> str | None:
    """Title and body as running text; a body that repeats its title is taken alone."""
    if title is None or body is None:
        return title or body
    title = title.strip()
    if body.lstrip().startswith(title):
        return body
    return f"{title} {body}" if title.endswith(_SENTENCE_ENDS) else f"{title}. {body}"
