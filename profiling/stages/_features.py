"""interactions -> text_features, media_features, facts, daily_activity, text_activity."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd

from profiling import schemas
from profiling.behaviour.activity import daily_activity_in_pieces, text_activity
from profiling.errors import NotReady
from profiling.lake import Lake, Spill, SpilledRows, Staged
from profiling.ledger import DONE, EMPTY, features_inputs
from profiling.settings import Settings
from profiling.stages import _vectors as vectors
from profiling.stages._facts import Said, fact_inputs
from profiling.stages._promote import champions
from profiling.stages._step import (
    Closed,
    Outcome,
    Run,
    Step,
    concat,
    days_before,
    digest,
    gate,
    run_step,
    what_a_model_did,
)
from profiling.stages._train import load_with_learned
from profiling.watch import observe, text_statistics

if TYPE_CHECKING:
    import numpy as np

    from profiling.behaviour.opinion import ChampionReader
    from profiling.behaviour.registry import Entry
    from profiling.text.embedding import Encoder

READING = "satisfied"
SAID = ["interaction_id", "language", "sentiment", "keywords", "aspects", "aspect_mentions"]
TEXTS_AT_ONCE = 1024  # what a kill can cost, and what is in memory


# What the operator can mend, or time: said in a warning. A picture that is gone from its server is only counted.
_OF_THE_SERVER = (
    "over_limit",
    "rejected",
    "rate_limited",
    "server_error",
    "server_slow",
    "server_unreachable",
    "unauthorised",
)


def features(
    settings: Settings,
    day: str,
    *,
    bucket: int | None = None,
    close: Sequence[str] | None = None,
    lake: Lake | None = None,
) -> Outcome:
    """interactions -> text_features, media_features, facts, daily_activity, text_activity of the same day.

    Raises:
        NotReady: the day is not ingested.
        GateFailed: an expectation failed.
    """
    return run_step(FEATURES, settings, day, bucket, close, lake)


def inputs(run: Run) -> str:
    ingested = run.ledger.get("ingest", run.day)
    if ingested is None or ingested.state not in DONE:
        raise NotReady(
            f"features {run.day}: ingest is {ingested.state if ingested else 'not done'}; run `profiling ingest --day {run.day}`"
        )
    from profiling.text.sentiment import ALWAYS, lexicons

    # Only what differs from a lake without models and word lists of its own: those days stay as they are.
    speaks = champions(run, READING).get(READING)
    more = [*([speaks.as_of, speaks.sha] if speaks else []), *lexicons()[len(ALWAYS) :]]
    trained = [_trained(run) or "none"] if run.settings.embedding == vectors.NAME else []
    return features_inputs(
        ingested.outputs,
        digest(run.settings.embedding, *fact_inputs(run.settings), *trained, *_media_inputs(run.settings), *more),
    )


def _trained(run: Run) -> str | None:
    """The word vectors that the day is read with: those of a later day have seen its texts."""
    return vectors.vectors_for(run.lake, run.day) if run.settings.embedding == vectors.NAME else None


@contextmanager
def _encoder(run: Run) -> "Iterator[Encoder]":
    from profiling.text.embedding import load_encoder

    with vectors.fetched(run.lake, _trained(run)) as folder:
        yield load_encoder(run.settings.embedding, run.settings.cache, run.settings.device, folder)


def _media_inputs(settings: Settings) -> list[str]:
    """What media are read with; nothing where none are, so that a day without them stays what it was."""
    from profiling.media.reader import READING_VERSION

    if not _reads_media(settings):
        return []
    models = (settings.media_image_model, settings.media_audio_model)
    return [
        "media",
        str(READING_VERSION),
        *map(str, models),
        str(settings.media_max_bytes),
        str(settings.media_max_per_day),
    ]


def _reads_media(settings: Settings) -> bool:
    models = settings.media_image_model or settings.media_audio_model
    return bool(settings.media_hosts and settings.media_server and models)


def _reader(run: Run) -> "tuple[ChampionReader | None, str]":
    """The champion of `satisfied` for the day, which was trained as of an earlier one; or why it does not score the texts."""
    from profiling.text.sentiment import NOT_IN_SERVICE

    entry = champions(run, READING).get(READING)
    if entry is None:
        return None, NOT_IN_SERVICE
    key = run.lake.uri, entry  # the sha is of its files: what has been read once is the same in every bucket
    if key not in _READERS:
        _READERS.clear()
        _READERS[key] = _loaded(run, entry)
    return _READERS[key]


_READERS: "dict[tuple[str, Entry], tuple[ChampionReader | None, str]]" = {}


def _loaded(run: Run, entry: "Entry") -> "tuple[ChampionReader | None, str]":
    from profiling.behaviour.opinion import ChampionReader, why_not

    model, measured, learned = load_with_learned(run, entry.target, entry.as_of, entry.sha)
    if reason := why_not(measured, learned is not None):
        return None, reason
    share = measured["learned"]["positives"] / measured["learned"]["rows"]
    return ChampionReader(entry, model, share, learned or frozenset()), ""


def _features_bucket(run: Run, bucket: int) -> Staged:
    media, skipped = _media(run, bucket)
    texts, said = _texts(run, bucket)
    frames = {"text_features": texts, "media_features": media, "facts": said.facts()}
    return Staged(frames, {"media_skipped": skipped, "read": said.counts()})


def _texts(run: Run, bucket: int) -> tuple[Spill, Said]:
    """The features of the bucket's texts, computed and set aside batch by batch, and the facts that they state."""
    from profiling.prepare.redaction import REDACTION_VERSION
    from profiling.text.cache import TextCache
    from profiling.text.features import text_features

    found = Spill(schemas.TEXT_FEATURES.arrow)
    said = Said(run.lake, run.settings, run.day)
    cache = TextCache(run.settings.cache, "texts")
    columns = ["interaction_id", "identity_id", "bucket", "day", "occurred_at", "kind", "text", "text_hash"]
    wanted = [("day", "==", run.day), ("bucket", "==", bucket)]
    with ExitStack() as held:
        reading: tuple[Any, ...] = ()  # loaded when there is a text
        for rows in run.lake.batches("interactions", wanted, columns, TEXTS_AT_ONCE):
            texts = rows[rows["text"].notna()]
            if run.settings.has_key:  # a pod has none: there the close, which has it, leaves people out
                texts = texts[~run.suppressed.mask(texts["identity_id"])]
            if len(texts):
                reading = reading or (held.enter_context(_encoder(run)), cache, REDACTION_VERSION, *_reader(run))
                texts = texts.reset_index(drop=True)
                made = text_features(texts, *reading)
                said.add(texts, made, cache, REDACTION_VERSION)
                found.add(made)
    return found, said


def _media(run: Run, bucket: int) -> tuple[pd.DataFrame, int]:
    """The bucket's media features, and how many media were skipped because no model is set to read any."""
    settings, server = run.settings, run.settings.media_server
    if not settings.media_hosts:  # ingest kept no address
        return concat([], "media_features"), 0
    from profiling.media.references import references

    columns = ["interaction_id", "identity_id", "bucket", "day", "attributes"]
    rows = run.lake.read("interactions", [("day", "==", run.day), ("bucket", "==", bucket)], columns)
    found = references(rows[~run.suppressed.mask(rows["identity_id"])])
    if found.empty or server is None or not _reads_media(settings):
        return concat([], "media_features"), len(found)
    from profiling.media.features import NAMESPACE, media_features
    from profiling.media.fetch import Fetcher
    from profiling.media.reader import ServerReader
    from profiling.rights.consent import may_be_read_by_language_model
    from profiling.text.cache import TextCache

    timeout = settings.media_timeout_seconds
    fetcher = Fetcher(
        settings.media_hosts, settings.media_networks, max_bytes=settings.media_max_bytes, timeout=timeout
    )
    reader = ServerReader(*server, settings.media_image_model, settings.media_audio_model, timeout)
    allowed = may_be_read_by_language_model(run.lake, settings, run.day, found["identity_id"])
    with _encoder(run) as encoder:
        made = media_features(
            found,
            allowed,
            fetcher.get,
            reader,
            encoder,
            TextCache(settings.cache, NAMESPACE),
            limit=settings.media_max_per_day,
            at_once=settings.media_at_once,
        )
    return made, 0


def _features_day(run: Run, parts: list[Staged]) -> Closed:
    columns = [name for name in schemas.INTERACTIONS.names if name not in ("text", "attributes")]
    interactions = run.lake.read("interactions", [("day", "==", run.day)], columns)
    interactions = interactions[~run.suppressed.mask(interactions["identity_id"])].reset_index(drop=True)
    texts = SpilledRows([part.frames["text_features"] for part in parts], schemas.TEXT_FEATURES)
    texts = texts.where(~run.suppressed.mask(texts.columns(["identity_id"])["identity_id"]).to_numpy())
    found = _without_vectors(texts)
    media = concat((part.frames["media_features"] for part in parts), "media_features")
    facts = concat((part.frames["facts"] for part in parts if "facts" in part.frames), "facts")
    facts = facts[~run.suppressed.mask(facts["identity_id"])].reset_index(drop=True)
    frames: dict[str, Any] = {
        "text_features": texts,
        "media_features": media,
        "facts": facts,
        "daily_activity": _daily_activity(run, interactions, texts, media),
        "text_activity": _text_activity(run, interactions, texts),
        "text_statistics": text_statistics(found, run.day),
    }
    unread = int(found["embedding_dimension"].isna().sum())
    counts = {
        "texts": len(found),
        "without_embedding": unread,
        "read_by_model": int(found["sentiment_probability"].notna().sum()),
        "facts": len(facts),
        "activity_rows": len(frames["daily_activity"]),
    }
    from profiling.llm import opening

    asked = opening.added_up(part.facts.get("read", {}) for part in parts)
    counts |= asked
    counts |= _media_counts(media, sum(int(part.facts.get("media_skipped", 0)) for part in parts))
    if run.ledger.state("ingest", run.day) == EMPTY:
        return Closed(frames, counts, is_empty=True)
    ids = frozenset(interactions["interaction_id"])
    judged = {name: frames[name] for name in ("media_features", "facts", "daily_activity")}
    gated = gate(
        {name: rows for name, rows in ({"text_features": found} | judged).items() if len(rows)},
        known={
            "text_features": {"interaction_id": ids},
            "media_features": {"interaction_id": ids},
            "facts": {"evidence": ids},
            "daily_activity": {"evidence": ids},
        },
        observations=observe(frames["text_statistics"], days_before(run, "text_statistics")),
    )
    report = {
        **gated.report,
        "watch": [],
    }  # what is usual stands in the report of `profile`, when all earlier days are known
    warnings = gated.warnings + _media_warnings(counts, run.day) + what_a_model_did(run, "features", asked)
    return Closed(frames, counts, report=report, failures=gated.failures, warnings=warnings, metrics=gated.metrics)


def _without_vectors(texts: SpilledRows) -> pd.DataFrame:
    """The texts' features as the gate judges them: numbers in the place of lists."""
    from profiling.quality import lengths

    empty = schemas.TEXT_FEATURES.arrow.empty_table().to_pandas()
    parts = [lengths(part, schemas.TEXT_FEATURES.columns) for part in texts.frames()]
    return pd.concat(parts, ignore_index=True) if parts else lengths(empty, schemas.TEXT_FEATURES.columns)


def _daily_activity(run: Run, interactions: pd.DataFrame, texts: SpilledRows, media: pd.DataFrame) -> SpilledRows:
    """The day's sums, computed and set aside some customers at a time: with what they said they are six rows a text."""
    speakers = texts.columns(["identity_id"])["identity_id"]

    def said(identities: pd.Series) -> pd.DataFrame:
        parts = list(texts.where(speakers.isin(identities).to_numpy()).frames(SAID))
        return (
            pd.concat(parts, ignore_index=True)
            if parts
            else schemas.TEXT_FEATURES.arrow.empty_table().select(SAID).to_pandas()
        )

    found = Spill(schemas.DAILY_ACTIVITY.arrow)
    sentiments = texts.columns(["interaction_id", "sentiment"])
    for rows in daily_activity_in_pieces(interactions, said, sentiments, run.day, media):
        found.add(rows)
    return SpilledRows([found], schemas.DAILY_ACTIVITY)


def _text_activity(run: Run, interactions: pd.DataFrame, texts: SpilledRows) -> SpilledRows:
    def vectors() -> "Iterator[list[np.ndarray | None]]":
        return (part["embedding"].tolist() for part in texts.frames(["embedding"]))

    found = Spill(schemas.TEXT_ACTIVITY.arrow)
    said = texts.columns(["interaction_id", "identity_id", "bucket", "model"])
    for rows in text_activity(interactions, said, vectors, run.day):
        found.add(rows)
    return SpilledRows([found], schemas.TEXT_ACTIVITY)


def _media_counts(media: pd.DataFrame, skipped: int) -> dict[str, int]:
    """`media_skipped`, `media_read`, and `media_<reason>` of what was tried; nothing where there are no media."""
    counts = {"media_skipped": skipped, "media_read": int(media["reason"].isna().sum())}
    counts |= {f"media_{reason}": int(number) for reason, number in sorted(media["reason"].value_counts().items())}
    return {name: number for name, number in counts.items() if number}


def _media_warnings(counts: dict[str, int], day: str) -> list[str]:
    failed = {reason: counts[f"media_{reason}"] for reason in _OF_THE_SERVER if f"media_{reason}" in counts}
    if not failed:
        return []
    said = ", ".join(f"{number} {reason}" for reason, number in failed.items())
    return [
        f"pictures or recordings were not read: {said}; `profiling features --day {day}` tries them again (docs/media.md)"
    ]


FEATURES = Step("features", inputs, _features_bucket, _features_day)
