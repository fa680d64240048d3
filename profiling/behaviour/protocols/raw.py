"""The published files of reviews, read as they are: a protocol measures on the rows its baselines were measured on.

The pipeline's own reading (`collect`, `prepare`) redacts and deduplicates, and joins title and body; that would be another
data set.
"""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from profiling.errors import InputError

COLUMNS = ("customer", "item", "rating", "day", "summary", "text")
_SECONDS_A_DAY = 86_400


def read_reviews(path: Path) -> pd.DataFrame:
    """The reviews of an Amazon file (forms of 2014, 2018 and 2023, plain or gzip), in the file's order.

    Returns:
        customer, item: as named there; rating: float, 1 to 5; day: int64, days since 1970-01-01 UTC; summary, text: str, ""
        where the review has none. One row per line of the file, copies included.

    Raises:
        InputError: the file is missing or empty, or a line is no review (the line is named).
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            rows = [_review(line, number, path) for number, line in enumerate(file, 1) if line.strip()]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); give a file of Amazon reviews, JSON lines") from error
    if not rows:
        raise InputError(f"{path} has no reviews; give a file of Amazon reviews, JSON lines")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without surrounding white space, empty ones left out, in order.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); give a text file, one review a line") from error
    return [line.strip() for line in lines if line.strip()]


def _review(line: bytes, number: int, path: Path) -> tuple[object, ...]:
    try:
        record: dict[str, Any] = orjson.loads(line)
        if "user_id" in record:  # the form of 2023; its times are milliseconds
            item, day = record.get("parent_asin") or record["asin"], int(record["timestamp"]) // 1000 // _SECONDS_A_DAY
            customer, rating, title, body = record["user_id"], record["rating"], record.get("title"), record.get("text")
        else:
            item, day = record["asin"], int(record["unixReviewTime"]) // _SECONDS_A_DAY
            customer, rating = record["reviewerID"], record["overall"]
            title, body = record.get("summary"), record.get("reviewText")
        return str(customer), str(item), float(rating), day, title or "", body or ""
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}, line {number}: {type(error).__name__}: {error}; every line must be one Amazon review as JSON"
        ) from error
