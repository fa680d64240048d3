"""A small made-up file of reviews whose answers are known."""

from pathlib import Path

import numpy as np
import orjson

DAY_SECONDS = 86_400
GOOD = ("great", "lovely sound", "works well", "very happy", "a joy")
BAD = ("terrible", "broke soon", "waste of money", "very angry", "a pity")
FILLER = ("the strings", "this cable", "my guitar", "for the stage", "after a week", "in the box")


def write_reviews(path: Path, customers: int = 120, seed: int = 0) -> Path:
    """Reviews of 2011 to 2014 in the form of 2014: half of the customers review every 70 days or so, half stopped for good.

    Texts of four and five stars say something good, others something bad.
    """
    generator = np.random.default_rng(seed)
    lines = []
    for customer in range(customers):
        is_regular = customer % 2 == 0
        first = 15_000 + int(generator.integers(0, 60))
        stop = 16_300 if is_regular else int(generator.integers(15_300, 16_100))
        day = first
        while day < stop:
            rating = int(generator.choice([1, 3, 4, 5, 5], 1)[0])
            words = GOOD if rating >= 4 else BAD
            text = [*generator.choice(FILLER, 3), *generator.choice(words, 2)]
            lines.append(
                {
                    "reviewerID": f"C{customer}",
                    "asin": f"I{generator.integers(40)}",
                    "overall": float(rating),
                    "reviewText": " ".join(generator.permutation(text)),
                    "summary": str(generator.choice(words)),
                    "unixReviewTime": day * DAY_SECONDS,
                }
            )
            day += int(generator.integers(20, 90))
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
    return path
