"""The text features of a day: each distinct text once, whatever is known from before out of the cache."""

import logging
from collections.abc import Callable
from functools import cache as memoised
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson
import pandas as pd

from profiling.schemas import TEXT_FEATURES
from profiling.text import readable
from profiling.text.aspects import aspects, mentions
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder
from profiling.text.keywords import keywords
from profiling.text.language import detect
from profiling.text.lexicons import fingerprint
from profiling.text.sentiment import (
    NOT_IN_SERVICE,
    UNKNOWN_WORDS,
    WAS_LEARNED,
    Reader,
    Sentiment,
    by_model,
    lexicons,
    score,
)

log = logging.getLogger(__name__)

# Raise with every change of code that changes a result; data files and libraries are part of the keys on their own.
FEATURE_VERSION = 7
EMBEDDING_VERSION = 1

_WORD_LIBRARIES = ("jieba", "lingua-language-detector", "textblob", "vaderSentiment")
_VECTOR_LIBRARIES = ("model2vec", "tokenizers", "torch")
_TYPES = {
    "language": "str",
    "sentiment": "float64",
    "sentiment_model": "str",
    "keywords": "object",
    "aspects": "object",
    "embedding": "object",
    "sentiment_probability": "float64",
    "sentiment_note": "object",
    "aspect_mentions": "object",
}
# Distinct texts computed and stored at a time: bounds the memory, and what a kill can cost.
_BATCH = 2048


def text_features(
    rows: pd.DataFrame,
    encoder: Encoder | Callable[[], Encoder],
    cache: TextCache,
    redaction_version: str,
    trained: Reader | None = None,
    why_none: str = NOT_IN_SERVICE,
) -> pd.DataFrame:
    """One row of TEXT_FEATURES for each interaction with text, sorted by interaction_id.

    Args:
        rows: interaction_id, identity_id, bucket, day, text, text_hash; rows whose text is missing or blank are left out.
            Rows of one text_hash have the same text.
        encoder: an encoder, or a function that loads one.
        cache: results by text; a text found there costs no computation, and no import of a model.
        redaction_version: of the rules that made `text`, part of the cache key.
        trained: the model that scores the sentiment, of an earlier day. Texts that it learned from, and those of which it knows
            too few words, are scored by lexicons, and `sentiment_note` says so.
        why_none: what `sentiment_note` says where there is no such model.

    Returns:
        The columns of TEXT_FEATURES. `embedding` is a float32 array, None where the encoder cannot read the language;
        `keywords`, `aspects` and `aspect_mentions` are lists of dicts. Bit-identical whether computed or found.
    """
    reader = encoder() if callable(encoder) else encoder
    spoken = rows.loc[rows["text"].notna() & rows["text"].str.strip().ne("")]
    distinct = spoken.drop_duplicates("text_hash").set_index("text_hash")["text"].sort_index()
    found = _by_text({str(key): str(text) for key, text in distinct.items()}, reader, cache, redaction_version)
    found = _with_sentiment(found, distinct, reader, cache, redaction_version, trained, why_none)
    records = [found[text_hash] for text_hash in spoken["text_hash"]]
    frame = spoken[["interaction_id", "identity_id", "bucket", "day"]].assign(
        bucket=spoken["bucket"].astype("int32"), model=reader.model
    )
    for column, dtype in _TYPES.items():
        frame[column] = pd.Series([record[column] for record in records], index=frame.index, dtype=dtype)
    log.info(
        "text features: %d rows in, %d with text, %d distinct, %d rows without an embedding",
        len(rows), len(frame), len(distinct), sum(record["embedding"] is None for record in records),
    )  # fmt: skip
    return frame[TEXT_FEATURES.names].sort_values("interaction_id", ignore_index=True)


def _by_text(texts: dict[str, str], encoder: Encoder, cache: TextCache, redaction: str) -> dict[str, dict[str, Any]]:
    """The features of each text hash."""
    found: dict[str, dict[str, Any]] = {}
    hashes = list(texts)
    for start in range(0, len(hashes), _BATCH):
        batch = hashes[start : start + _BATCH]
        keys = {text_hash: f"text|{made_by(encoder)}|{words_version()}|{redaction}|{text_hash}" for text_hash in batch}
        stored = cache.get_many(keys.values())
        fresh = [text_hash for text_hash in batch if keys[text_hash] not in stored]
        if fresh:
            made = _compute({text_hash: texts[text_hash] for text_hash in fresh}, encoder, cache, redaction)
            packed = {keys[text_hash]: pack(record) for text_hash, record in made.items()}
            cache.put_many(packed)
            stored |= packed
        # What was just computed is unpacked too, so that both ways give the same by construction.
        found |= {text_hash: unpack(stored[keys[text_hash]]) for text_hash in batch}
    return found


def _compute(texts: dict[str, str], encoder: Encoder, cache: TextCache, redaction: str) -> dict[str, dict[str, Any]]:
    contents = [readable(text) for text in texts.values()]
    languages = detect(contents)
    is_read = [encoder.can_read(language) for language in languages]
    read = [text_hash for text_hash, can in zip(texts, is_read, strict=True) if can]
    embeddings = _embed({text_hash: readable(texts[text_hash]) for text_hash in read}, encoder, cache, redaction)
    vectors = [embeddings.get(text_hash) for text_hash in texts]
    sentiments, models = score(contents, languages)
    terms = keywords(contents, languages, encoder, vectors, cache)
    spoken_of = mentions(contents, languages)
    return {
        text_hash: {
            "language": languages[row],
            "sentiment": float(sentiments[row]),
            "sentiment_model": models[row],
            "keywords": [{"term": term, "weight": weight} for term, weight in terms[row]],
            "aspects": [{"aspect": aspect, "polarity": polarity} for aspect, polarity in aspects(spoken_of[row])],
            "aspect_mentions": [mention._asdict() for mention in spoken_of[row]],
            "embedding": vectors[row],
        }
        for row, text_hash in enumerate(texts)
    }


def _with_sentiment(
    found: dict[str, dict[str, Any]],
    texts: pd.Series,
    encoder: Encoder,
    cache: TextCache,
    redaction: str,
    trained: Reader | None,
    why_none: str,
) -> dict[str, dict[str, Any]]:
    """The records with the sentiment of whoever speaks: the trained model where it may and can, else the lexicons."""
    read = _read(found, texts, encoder, cache, redaction, trained) if trained is not None else {}

    def sentiment(text_hash: str, record: dict[str, Any]) -> Sentiment:
        if trained is not None and (probability := read.get(text_hash, np.nan)) == probability:
            return by_model(probability, trained)
        note = why_none if trained is None else UNKNOWN_WORDS if text_hash in read else WAS_LEARNED
        return Sentiment(record["sentiment"], None, record["sentiment_model"], note)

    return {
        text_hash: record
        | {
            "sentiment": said.score,
            "sentiment_probability": said.probability,
            "sentiment_model": said.model,
            "sentiment_note": said.note,
        }
        for text_hash, record in found.items()
        for said in (sentiment(text_hash, record),)
    }


def _read(
    found: dict[str, dict[str, Any]], texts: pd.Series, encoder: Encoder, cache: TextCache, redaction: str, by: Reader
) -> dict[str, float]:
    """The trained model's probability of each text that it did not learn from, NaN where it cannot tell."""
    keys = {
        text_hash: f"sentiment|{by.name}|{encoder.model}|{words_version()}|{redaction}|{text_hash}"
        for text_hash in found
        if not by.has_learned(text_hash)
    }
    stored = cache.get_many(keys.values())
    missing = [text_hash for text_hash, key in keys.items() if key not in stored]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        vectors = [found[text_hash]["embedding"] for text_hash in batch]
        probabilities = by.read([readable(str(texts[text_hash])) for text_hash in batch], vectors, encoder.model)
        fresh = {keys[text_hash]: np.float64(p).tobytes() for text_hash, p in zip(batch, probabilities, strict=True)}
        cache.put_many(fresh)
        stored |= fresh
    return {text_hash: float(np.frombuffer(stored[key], dtype=np.float64)[0]) for text_hash, key in keys.items()}


def _embed(texts: dict[str, str], encoder: Encoder, cache: TextCache, redaction: str) -> dict[str, np.ndarray | None]:
    """Vectors by text hash, kept apart from the other features: a new word list must not cost the embeddings again.

    None where the encoder knows no word of the text (a zero vector, which has no direction).
    """
    keys = {text_hash: f"vector|{made_by(encoder)}|{_vectors_version()}|{redaction}|{text_hash}" for text_hash in texts}
    stored = cache.get_many(keys.values())
    missing = [text_hash for text_hash, key in keys.items() if key not in stored]
    if missing:
        fresh = encoder.encode([texts[text_hash] for text_hash in missing])
        packed = {keys[text_hash]: vector.tobytes() for text_hash, vector in zip(missing, fresh, strict=True)}
        cache.put_many(packed)
        stored |= packed
    vectors = {text_hash: np.frombuffer(stored[key], dtype=np.float32) for text_hash, key in keys.items()}
    return {text_hash: vector if vector.any() else None for text_hash, vector in vectors.items()}


def made_by(encoder: Encoder) -> str:
    """What made a vector, to the last bit."""
    return f"{encoder.model},{encoder.numerics}"


def pack(record: dict[str, Any]) -> bytes:
    """A line of JSON, whose floats come back exactly, then the raw vector."""
    vector = record["embedding"]
    words = {name: value for name, value in record.items() if name != "embedding"}
    return orjson.dumps(words) + b"\n" + (b"" if vector is None else vector.tobytes())


def unpack(value: bytes) -> dict[str, Any]:
    words, _, vector = value.partition(b"\n")
    return {**orjson.loads(words), "embedding": np.frombuffer(vector, dtype=np.float32) if vector else None}


@memoised
def words_version() -> str:
    return _digest(FEATURE_VERSION, fingerprint(), _vectors_version(), *lexicons(), *map(version, _WORD_LIBRARIES))


@memoised
def _vectors_version() -> str:
    return _digest(EMBEDDING_VERSION, *map(version, _VECTOR_LIBRARIES))


def _digest(*parts: object) -> str:
    return sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]
