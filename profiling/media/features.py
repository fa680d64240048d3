"""The media features of a day: each address fetched once, each distinct content read once, the rest out of the cache.

The cache `media` holds `url|<SHA-256 of the address>` (which content lies there), `read|...|<SHA-256 of the content>` (what was
read, redacted) and `said|...|<the same>` (labels and vector). The bytes themselves are kept nowhere.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pandas as pd

from profiling.errors import MediaUnread
from profiling.media.kinds import media_type
from profiling.media.reader import READING_VERSION, Reader, Reading
from profiling.prepare.clean import normalise
from profiling.prepare.redaction import REDACTION_VERSION, redact
from profiling.schemas import MEDIA_FEATURES
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder
from profiling.text.features import made_by, pack, unpack, words_version
from profiling.text.keywords import keywords
from profiling.text.language import detect

log = logging.getLogger(__name__)

NAMESPACE = "media"
_BATCH = 16  # distinct media in memory, and what a kill costs in downloads; answers are stored as they come


@dataclass(frozen=True)
class _Found:
    """What became of one address."""

    media_hash: str | None = None
    media_type: str | None = None
    reason: str | None = None
    reading: Reading | None = None


def media_features(
    references: pd.DataFrame,
    may_be_read: pd.Series,
    fetch: Callable[[str], bytes],
    reader: Reader,
    encoder: Encoder,
    cache: TextCache,
    *,
    limit: int,
    at_once: int,
) -> pd.DataFrame:
    """One row of MEDIA_FEATURES for each reference, sorted by interaction and position.

    Args:
        references: as `references.references` returns them.
        may_be_read: by the same index, whether the customer's media may be given to a model.
        fetch: the bytes behind an address; raises MediaUnread.
        limit: how many distinct addresses are looked at, the cached among them, in the order of `references`.
        at_once: downloads or questions at the same time.

    Returns:
        A medium that was not read has its `reason`, no labels and no vector. `embedding` is None also where the encoder cannot
        read the language.
    """
    wanted = references.loc[may_be_read, "url"].drop_duplicates().tolist()
    found = dict.fromkeys(wanted[limit:], _Found(reason="over_limit"))
    with ThreadPoolExecutor(at_once) as pool:
        for start in range(0, min(limit, len(wanted)), _BATCH):
            batch = wanted[start : min(start + _BATCH, limit)]
            found |= _looked_at(batch, fetch, reader, cache, pool)
    outcomes = [
        found[url] if allowed else _Found(reason="no_consent")
        for url, allowed in zip(references["url"], may_be_read, strict=True)
    ]
    said = _said({one.media_hash: one.reading for one in outcomes if one.reading and one.media_hash}, encoder, cache)
    rows = [_row(one, said.get(one.media_hash or "") if one.reading else None) for one in outcomes]
    made = pd.DataFrame(rows, index=references.index, columns=list(_ROW), dtype="object")
    frame = references.drop(columns="url").assign(
        url_hash=references["url"].map(url_hash).astype("str"),
        model=encoder.model,
        **{name: made[name] for name in _ROW},
    )
    log.info("media: %d referred to, %d of %d distinct read", len(references), sum(f.reading is not None for f in found.values()),
             len(found))  # fmt: skip
    return frame[MEDIA_FEATURES.names].sort_values(["interaction_id", "position"], ignore_index=True)


_ROW = ("media_hash", "media_type", "reason", "written_by", "labels", "text", "embedding")


def _row(one: _Found, said: Mapping[str, Any] | None) -> dict[str, Any]:
    labels = said["labels"] if said else []
    return {
        "media_hash": one.media_hash,
        "media_type": one.media_type,
        "reason": one.reason,
        "written_by": one.reading.model if one.reading else None,
        "labels": [{"term": term, "weight": weight} for term, weight in labels],
        "text": (one.reading.text or None) if one.reading else None,
        "embedding": said["embedding"] if said else None,
    }


def url_hash(url: str) -> str:
    """What stands for an address in the table and in the cache."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def _looked_at(
    urls: list[str], fetch: Callable[[str], bytes], reader: Reader, cache: TextCache, pool: ThreadPoolExecutor
) -> dict[str, _Found]:
    """A batch of addresses, out of the cache where that has both the content's name and its reading."""
    names = {url: f"url|{url_hash(url)}" for url in urls}
    stored = cache.get_many(names.values())
    found = {url: _Found(*orjson.loads(stored[name])) for url, name in names.items() if name in stored}
    known = _readings(found, reader, cache)
    contents: dict[str, bytes] = {}
    absent = [url for url in urls if url not in found or (_read_key(found[url], reader) or "") not in {*known, ""}]
    if reader.given_up:
        found |= {url: replace(found.get(url, _Found()), reason=reader.given_up.reason) for url in absent}
    else:
        for url, (one, content) in zip(absent, pool.map(lambda url: _fetched(url, fetch), absent), strict=True):
            found[url] = one
            if one.media_hash and content is not None:
                contents[one.media_hash] = content
                cache.put_many({names[url]: orjson.dumps([one.media_hash, one.media_type])})
        known |= _readings(found, reader, cache)
    failed = _read_missing(found, contents, known, reader, cache, pool)
    return {url: _settled(found[url], known, failed, reader) for url in urls}


def _fetched(url: str, fetch: Callable[[str], bytes]) -> tuple[_Found, bytes | None]:
    try:
        content = fetch(url)
        return _Found(hashlib.sha256(content).hexdigest(), media_type(content)), content
    except MediaUnread as error:
        log.info("a medium was not read (%s): %s", error.reason, error)
        return _Found(reason=error.reason), None


def _read_key(one: _Found, reader: Reader) -> str | None:
    """The cache's name of a content's reading; None where nobody would read it."""
    model = reader.model(one.media_type) if one.media_type else None
    return f"read|{model}|{READING_VERSION}|{REDACTION_VERSION}|{one.media_hash}" if model else None


def _readings(found: Mapping[str, _Found], reader: Reader, cache: TextCache) -> dict[str, bytes]:
    keys = (key for one in found.values() if (key := _read_key(one, reader)))
    return cache.get_many(keys)


def _read_missing(
    found: Mapping[str, _Found],
    contents: Mapping[str, bytes],
    known: dict[str, bytes],
    reader: Reader,
    cache: TextCache,
    pool: ThreadPoolExecutor,
) -> dict[str, str]:
    """Read each content once whose reading is not known, into `known` and the cache; the reasons of those that failed, by key."""
    missing = {
        key: one for one in found.values()
        if one.media_hash in contents and (key := _read_key(one, reader)) and key not in known
    }  # fmt: skip
    failed = {}

    def read(one: _Found) -> Reading | MediaUnread:
        try:
            return reader.read(contents[str(one.media_hash)], str(one.media_type))
        except MediaUnread as error:
            log.info("a medium was not read (%s): %s", error.reason, error)
            return error

    for key, answer in zip(missing, pool.map(read, missing.values()), strict=True):
        if isinstance(answer, MediaUnread):
            failed[key] = answer.reason
            continue
        known[key] = _stored(answer)
        cache.put_many({key: known[key]})  # at once: a kill must not pay for it again
    return failed


def _stored(reading: Reading) -> bytes:
    """A reading in normal form and redacted: a transcript may hold a number that somebody said."""
    labels = reading.labels and [(redact(normalise(term) or ""), weight) for term, weight in reading.labels]
    return orjson.dumps([labels, redact(normalise(reading.text) or ""), reading.model])


def _settled(one: _Found, known: Mapping[str, bytes], failed: Mapping[str, str], reader: Reader) -> _Found:
    """With its reading, or the reason why there is none."""
    if one.reason:
        return one
    key = _read_key(one, reader)
    if key is None:
        return replace(one, reason="no_model")
    if key in failed:
        return replace(one, reason=failed[key])
    labels, text, model = orjson.loads(known[key])
    labels = None if labels is None else tuple((term, weight) for term, weight in labels)
    return replace(one, reading=Reading(labels, text, model))


def _said(readings: Mapping[str, Reading], encoder: Encoder, cache: TextCache) -> dict[str, dict[str, Any]]:
    """Labels and vector of each content, by its hash: `labels` of a recording are the keywords of its transcript."""
    keys = {
        name: f"said|{made_by(encoder)}|{words_version()}|{one.model}|{READING_VERSION}|{REDACTION_VERSION}|{name}"
        for name, one in readings.items()
    }
    stored = cache.get_many(keys.values())
    fresh = {keys[name]: pack(record) for name, record in _worked_out(
        {name: one for name, one in sorted(readings.items()) if keys[name] not in stored}, encoder)}  # fmt: skip
    cache.put_many(fresh)
    return {name: unpack((stored | fresh)[key]) for name, key in keys.items()}


def _worked_out(readings: Mapping[str, Reading], encoder: Encoder) -> Iterator[tuple[str, dict[str, Any]]]:
    if not readings:
        return
    texts = [_as_text(one) for one in readings.values()]
    languages = detect(texts)
    read = [row for row, language in enumerate(languages) if texts[row] and encoder.can_read(language)]
    encoded = encoder.encode([texts[row] for row in read])
    vectors = {row: vector for row, vector in zip(read, encoded, strict=True) if vector.any()}
    terms = keywords(texts, languages, encoder, [vectors.get(row) for row in range(len(texts))])
    for row, (name, one) in enumerate(readings.items()):
        yield name, {"labels": terms[row] if one.labels is None else one.labels, "embedding": vectors.get(row)}


def _as_text(reading: Reading) -> str:
    return ". ".join(filter(None, (", ".join(term for term, _ in reading.labels or ()), reading.text)))
