"""interactions -> text_features, daily_activity, text_activity."""

from collections.abc import Sequence

from profiling.behaviour.activity import daily_activity, text_activity
from profiling.errors import NotReady
from profiling.lake import Lake, Staged
from profiling.ledger import DONE, EMPTY, features_inputs
from profiling.settings import Settings
from profiling.stages._step import Closed, Outcome, Run, Step, concat, days_before, digest, gate, run_step
from profiling.watch import observe, text_statistics


def features(
    settings: Settings,
    day: str,
    *,
    bucket: int | None = None,
    close: Sequence[str] | None = None,
    lake: Lake | None = None,
) -> Outcome:
    """interactions -> text_features, daily_activity, text_activity of the same day.

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
    return features_inputs(ingested.outputs, digest(run.settings.embedding))


def _features_bucket(run: Run, bucket: int) -> Staged:
    from profiling.prepare.redaction import REDACTION_VERSION
    from profiling.text.cache import TextCache
    from profiling.text.embedding import load_encoder
    from profiling.text.features import text_features

    rows = run.lake.read(
        "interactions",
        [("day", "==", run.day), ("bucket", "==", bucket)],
        ["interaction_id", "identity_id", "bucket", "day", "text", "text_hash"],
    )
    rows = rows[rows["text"].notna() & ~run.suppressed.mask(rows["identity_id"])].reset_index(drop=True)
    if rows.empty:
        return Staged({"text_features": concat([], "text_features")})
    encoder = load_encoder(run.settings.embedding, run.settings.cache)
    cache = TextCache(run.settings.cache, "texts")
    return Staged({"text_features": text_features(rows, encoder, cache, REDACTION_VERSION)})


def _features_day(run: Run, parts: list[Staged]) -> Closed:
    interactions = run.lake.read("interactions", [("day", "==", run.day)])
    interactions = interactions[~run.suppressed.mask(interactions["identity_id"])].reset_index(drop=True)
    found = concat((part.frames["text_features"] for part in parts), "text_features")
    frames = {
        "text_features": found,
        "daily_activity": daily_activity(interactions, found, run.day),
        "text_activity": text_activity(interactions, found, run.day),
        "text_statistics": text_statistics(found, run.day),
    }
    unread = int(found["embedding"].isna().sum())
    counts = {"texts": len(found), "without_embedding": unread, "activity_rows": len(frames["daily_activity"])}
    if run.ledger.state("ingest", run.day) == EMPTY:
        return Closed(frames, counts, is_empty=True)
    ids = frozenset(interactions["interaction_id"])
    gated = gate(
        {name: frames[name] for name in ("text_features", "daily_activity") if len(frames[name])},
        known={"text_features": {"interaction_id": ids}, "daily_activity": {"evidence": ids}},
        observations=observe(frames["text_statistics"], days_before(run, "text_statistics")),
    )
    report = {
        **gated.report,
        "watch": [],
    }  # what is usual stands in the report of `profile`, when all earlier days are known
    return Closed(
        frames, counts, report=report, failures=gated.failures, warnings=gated.warnings, metrics=gated.metrics
    )


FEATURES = Step("features", inputs, _features_bucket, _features_day)
