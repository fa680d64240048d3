"""Facts as rows: those of a day's interactions, and their fold over days. Frame in, frame out, but for the cache of texts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import pandas as pd

from profiling import schemas
from profiling.facts.rules import NAME, RULES_VERSION, Fact, as_record, extract
from profiling.facts.slots import fingerprint
from profiling.text.cache import TextCache

# Kinds in which customers speak in sentences; a search names a thing and says nothing of who searches.
SPOKEN_KINDS = ("review", "post", "email", "contact", "purchase")
MAX_EVIDENCE = 5
# A row is of one reader, so that what a language model read can go and what the rules read stay.
_ROW = ("fact_id", "written_by")
STATE_COLUMNS = [name for name in schemas.FACTS.names if name != "day"]
_BATCH = 2048


def facts_version() -> str:
    """What makes facts, to the last word list: a part of what a day is computed from, and of cache keys."""
    return f"{RULES_VERSION}.{fingerprint()}"


def facts_of_texts(texts: pd.DataFrame, cache: TextCache, made_by: str) -> dict[str, list[Fact]]:
    """The facts that the rules read in each distinct text, by text_hash; what is known from before comes out of the cache.

    Args:
        texts: text_hash, text, language, aspect_mentions; one row a text is looked at.
        made_by: versions of what made text, language and mentions.
    """
    distinct = texts.drop_duplicates("text_hash").sort_values("text_hash", kind="stable")
    columns = ("text_hash", "text", "language", "aspect_mentions")
    rows = list(zip(*(distinct[name].tolist() for name in columns), strict=True))
    found: dict[str, list[Fact]] = {}
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        keys = {text_hash: f"facts|{facts_version()}|{made_by}|{text_hash}" for text_hash, *_ in batch}
        stored = cache.get_many(keys.values())
        fresh = {
            keys[text_hash]: orjson.dumps([as_record(fact) for fact in extract(text, language, _plain(mentions))])
            for text_hash, text, language, mentions in batch
            if keys[text_hash] not in stored
        }
        cache.put_many(fresh)
        stored = {**stored, **fresh}
        found |= {text_hash: [Fact(**one) for one in orjson.loads(stored[key])] for text_hash, key in keys.items()}
    return found


def _plain(mentions: Any) -> list[Mapping[str, Any]]:
    return [] if mentions is None else list(mentions)


def facts_of_day(rows: pd.DataFrame, found: Mapping[str, Sequence[tuple[Fact, str]]]) -> pd.DataFrame:
    """FACTS of a day's interactions: each statement of an identity once a reader, stronger for every interaction that says it.

    Args:
        rows: interaction_id, identity_id, bucket, day, occurred_at, of kinds in which customers speak.
        found: by interaction_id, facts and who read each.
    """
    records = []
    for row in rows.sort_values("interaction_id", kind="stable").to_dict("records"):
        for fact, written_by in found.get(row["interaction_id"], ()):
            records.append(_record(row, fact, written_by))
    if not records:
        return _empty("facts")
    records.sort(key=lambda one: (_row_of(one), one["stated_at"], one["evidence"][0]["interaction_id"]))
    merged: list[dict[str, Any]] = []
    for record in records:
        if merged and _row_of(merged[-1]) == _row_of(record):
            merged[-1] = joined(merged[-1], record)
        else:
            merged.append(record)
    return _typed(merged, "facts")


def fact_id(person: str, topic: str, subtopic: str, value: str, polarity: float) -> str:
    """32 hex digits for a person's fact; `person` is a pseudonym, so that nobody can find out by guessing."""
    side = "-" if polarity < 0 else "+"
    return hashlib.sha256("\0".join((person, topic, subtopic, value, side)).encode()).hexdigest()[:32]


def _record(row: Mapping[Any, Any], fact: Fact, written_by: str) -> dict[str, Any]:
    return {
        "fact_id": fact_id(row["identity_id"], fact.topic, fact.subtopic, fact.value, fact.polarity),
        **{name: row[name] for name in ("identity_id", "bucket", "day")},
        **{name: getattr(fact, name) for name in ("topic", "subtopic", "value", "statement", "polarity", "confidence")},
        "is_inferred": fact.is_inferred,
        "since": row["occurred_at"],
        "stated_at": row["occurred_at"],
        "written_by": written_by,
        "count": 1,
        "evidence": [
            {
                "interaction_id": row["interaction_id"],
                "strength": fact.confidence,
                "start": fact.start,
                "end": fact.end,
            }
        ],
    }


def _row_of(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in _ROW)


def joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two records of the same fact as one: surer, with the words of the newer and the strongest evidence of both."""
    newer = max((one, other), key=lambda each: (each["stated_at"], each["statement"]))
    cited: dict[str, Mapping[str, Any]] = {}
    for each in sorted(
        [*one["evidence"], *other["evidence"]], key=lambda e: (-e["strength"], e["interaction_id"], e["start"])
    ):
        cited.setdefault(each["interaction_id"], each)
    return {
        **newer,
        "confidence": 1 - (1 - one["confidence"]) * (1 - other["confidence"]),
        "is_inferred": bool(one["is_inferred"] and other["is_inferred"]),
        "since": min(one["since"], other["since"]),
        "count": int(one["count"] + other["count"]),
        "evidence": [dict(each) for each in list(cited.values())[:MAX_EVIDENCE]],
    }


def fold(state: pd.DataFrame, daily: pd.DataFrame) -> pd.DataFrame:
    """A checkpoint and the days after it as one: STATE_COLUMNS, a row a fact and reader, sorted by them.

    Days are added in their order, so that it does not matter where a checkpoint was made.
    """
    both = pd.concat([state.assign(day=""), daily], ignore_index=True) if len(state) else daily
    both = both.sort_values([*_ROW, "day"], kind="stable", ignore_index=True)
    is_alone = ~both.duplicated(list(_ROW), keep=False)
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in both[~is_alone].to_dict("records"):
        name = _row_of(record)  # type: ignore[arg-type]
        merged[name] = joined(merged[name], record) if name in merged else dict(record)  # type: ignore[arg-type]
    rows = [both[is_alone], _typed(list(merged.values()), "facts")] if merged else [both]
    whole = pd.concat([frame for frame in rows if len(frame)] or [_empty("facts")], ignore_index=True)
    return whole.sort_values(list(_ROW), kind="stable", ignore_index=True)[STATE_COLUMNS]


def _typed(records: Iterable[Mapping[str, Any]], table: str) -> pd.DataFrame:
    frame = pd.DataFrame(list(records), columns=schemas.TABLES[table].names)
    types = {"bucket": "int32", "count": "int64", "polarity": "float64", "confidence": "float64", "is_inferred": "bool"}
    types |= dict.fromkeys(("since", "stated_at"), "datetime64[us, UTC]")
    return frame.astype(types)


def _empty(table: str) -> pd.DataFrame:
    return schemas.TABLES[table].arrow.empty_table().to_pandas()


def by_interaction(rows: pd.DataFrame, found: Mapping[str, Sequence[Fact]]) -> dict[str, list[tuple[Fact, str]]]:
    """The facts of the rules by interaction, of rows with interaction_id and text_hash."""
    pairs = zip(rows["interaction_id"], rows["text_hash"], strict=True)
    return {interaction: [(fact, NAME) for fact in found.get(text_hash, ())] for interaction, text_hash in pairs}
