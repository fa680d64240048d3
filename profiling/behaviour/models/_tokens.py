"""Words of a text as numbers, for a network. No tokenizer here needs a download."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import numpy as np

from profiling.text.tokens import TOKENIZERS as TOKENIZERS
from profiling.text.tokens import split

PADDING: Final = 0
UNKNOWN: Final = 1
_FIRST_WORD: Final = 2


def tokens_of(text: str, tokenizer: str, most: int) -> list[str]:
    """The first `most` tokens of a text, lower case."""
    return split(text.lower(), tokenizer)[:most]


def vocabulary_of(texts: Iterable[list[str]], min_count: int) -> dict[str, int]:
    """Token -> number, from 2 on, the most frequent first; tokens rarer than `min_count` stay unknown, so that training
    also teaches what an unknown one means."""
    counts = Counter(token for tokens in texts for token in tokens)
    kept = sorted((token for token, count in counts.items() if count >= min_count), key=lambda t: (-counts[t], t))
    return vocabulary_from(kept)


def vocabulary_from(words: list[str]) -> dict[str, int]:
    """The words in the order of their numbers -> the vocabulary."""
    return {word: number for number, word in enumerate(words, start=_FIRST_WORD)}


def numbered(tokens: list[str], vocabulary: dict[str, int]) -> np.ndarray:
    """int64 (length,). A text without a token is one padding, so that there is something to read."""
    return np.array([vocabulary.get(token, UNKNOWN) for token in tokens] or [PADDING], dtype=np.int64)


def size_of(vocabulary: dict[str, int]) -> int:
    """Rows of the embedding: the words, padding and unknown."""
    return _FIRST_WORD + len(vocabulary)
