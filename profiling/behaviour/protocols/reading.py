"""What the encoder and the lexicons say of texts, kept in the cache: reading 10,000 reviews takes minutes."""

import logging
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np

from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder
from profiling.text.lexicons import fingerprint
from profiling.text.sentiment import score

log = logging.getLogger(__name__)

_BATCH = 1024  # texts computed and stored at a time: what a kill can cost
_NAMESPACE = "protocols"


def embeddings(texts: list[str], encoder: Encoder, cache: Path) -> np.ndarray:
    """Unit vectors, float32 [n, encoder.dimension]; those of `cache` are taken from there."""
    found = _cached(texts, f"vector|{encoder.model}|{version('torch')}", cache, lambda new: encoder.encode(new))
    return (
        np.stack([np.frombuffer(found[text], dtype=np.float32) for text in texts])
        if texts
        else np.zeros((0, encoder.dimension), dtype=np.float32)
    )


def sentiments(texts: list[str], language: str, cache: Path) -> np.ndarray:
    """Sentiment by lexicons, float64 [n], -1 to 1 (`profiling.text.sentiment`)."""
    found = _cached(
        texts, f"sentiment|{language}|{fingerprint()}", cache, lambda new: score(new, [language] * len(new))[0]
    )
    return np.array([np.frombuffer(found[text], dtype=np.float64)[0] for text in texts])


def _cached(texts: list[str], kind: str, folder: Path, compute: Callable[[list[str]], np.ndarray]) -> dict[str, bytes]:
    """The bytes of each distinct text's row of `compute(new texts)`."""
    store = TextCache(folder, _NAMESPACE)
    keys = {text: f"{kind}|{sha256(text.encode('utf-8', 'replace')).hexdigest()}" for text in texts}
    stored = store.get_many(keys.values())
    new = [text for text, key in keys.items() if key not in stored]
    for start in range(0, len(new), _BATCH):
        batch = new[start : start + _BATCH]
        rows = compute(batch)
        fresh = {keys[text]: np.atleast_1d(row).tobytes() for text, row in zip(batch, rows, strict=True)}
        store.put_many(fresh)
        stored |= fresh
        log.info("%s: %d of %d texts read", kind.split("|")[0], start + len(batch), len(new))
    return {text: stored[key] for text, key in keys.items()}
