"""Equal rows of sources that give their rows no id: the second of two is an event of its own, not a copy of the first."""

from collections import Counter
from hashlib import sha256

MOST_ROWS = 200_000


class Repeats:
    """Numbers equal rows of one file, so that the n-th has the same key in every delivery of the file.

    Rows further apart than MOST_ROWS different ones count as equal again: the memory stays bounded, and the price is a
    duplicate that the ledger counts.
    """

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def numbered(self, content: str) -> str:
        """The content's digest (32 hex characters) and, from the second on, which one it is.

        >>> repeats = Repeats()
        >>> repeats.numbered("a") == repeats.numbered("a").removesuffix("-2")
        True
        """
        digest = sha256(content.encode(errors="replace"))
        if len(self._seen) == MOST_ROWS:
            self._seen.clear()
        key = digest.digest()[:12]
        self._seen[key] += 1
        number = self._seen[key]
        return digest.hexdigest()[:32] + (f"-{number}" if number > 1 else "")
