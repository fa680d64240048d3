"""Everything known at the end of a day -> profiles."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from profiling.behaviour.targets import TARGETS
from profiling.errors import NotReady
from profiling.facts.corrections import corrections_known
from profiling.lake import Lake, Staged
from profiling.ledger import DONE, day_before, sunday_before
from profiling.prepare.identity_rules import load_rules
from profiling.rights import consent
from profiling.rights.suppressions import PURPOSES
from profiling.settings import Settings
from profiling.stages._promote import champions
from profiling.stages._publish import details_of_day
from profiling.stages._step import (
    Closed,
    Outcome,
    Run,
    Step,
    and_more,
    concat,
    days_before,
    digest,
    gate,
    run_step,
    what_a_model_did,
)
from profiling.stages._train import load, with_vectors
from profiling.watch import Observation, metrics, observe

if TYPE_CHECKING:
    import pandas as pd

    from profiling.behaviour.prediction import Speaker
    from profiling.llm.contract import LanguageModel
    from profiling.prepare.resolution import Resolution
    from profiling.profiles.snapshot import Snapshot


def profile(
    settings: Settings,
    day: str,
    *,
    bucket: int | None = None,
    close: Sequence[str] | None = None,
    lake: Lake | None = None,
) -> Outcome:
    """Everything known at the end of the day -> profiles.

    Raises:
        NotReady: the day, or an earlier one, is opened and not finished.
        GateFailed: an expectation failed, or a document does not fit its JSON Schema.
    """
    return run_step(PROFILE, settings, day, bucket, close, lake)


def inputs(run: Run) -> str:
    unfinished = run.ledger.unfinished(run.day)
    if unfinished:
        raise NotReady(f"profile {run.day} waits: {unfinished[0]}" + and_more(len(unfinished) - 1))
    if run.ledger.state("features", run.day) not in DONE:
        raise NotReady(f"profile {run.day}: the day has no features; run `profiling features --day {run.day}`")
    speak = {name: (entry.as_of, entry.sha) for name, entry in champions(run).items()}
    parts = [run.ledger.chain(run.day), run.settings.timezone, sorted(speak.items()), load_rules(run.settings).digest()]
    parts += corrections_known(run.lake, run.day)
    unasked = [purpose for purpose in PURPOSES if consent.default(run.settings, purpose) != "granted"]
    return digest(*parts, *unasked, *_authors(run))


def _model(run: Run) -> "LanguageModel | None":
    """The language model, opened anew for each bucket: with its share of the budget, and counts of its own."""
    if not run.settings.has_llm:
        return None
    from profiling.llm import opening

    return opening.open_model(run.settings, parts=run.settings.buckets)


def _authors(run: Run) -> list[str]:
    """Who writes, and by which prompts: another model makes other profiles. A model is not opened for its name."""
    if not run.settings.has_llm:
        return []
    from profiling.llm.opening import model_name
    from profiling.profiles.written import version

    return [model_name(run.settings) or "", version()]


def _profile_bucket(run: Run, bucket: int) -> Staged:
    from profiling.behaviour.prediction import predict
    from profiling.profiles.build import build_profiles
    from profiling.profiles.history import close_week, take_snapshot
    from profiling.profiles.interests import interests
    from profiling.profiles.silence import silence
    from profiling.recommend import recommend

    close_week(run.lake, run.ledger, sunday_before(run.day), run.attempt)
    speakers = _speakers(run)
    reading = [TARGETS[s.entry.target] for s in speakers if TARGETS[s.entry.target].reads == "text"]
    refused: dict[str, set[str]] = {}

    def refusing(purpose: str, customer_of: "pd.Series", consents: "pd.DataFrame") -> set[str]:
        if not refused:
            for each in PURPOSES:
                refused[each] = consent.refusing(customer_of, consents, each, run.settings, run.suppressed)
        return refused[purpose]

    rules, zone, buckets = load_rules(run.settings), run.settings.timezone, run.settings.buckets
    people = _resolved(run).customer_of
    left_out, by_rules = (partial(refusing, purpose) for purpose in ("profiling", "language_model"))
    snapshot = take_snapshot(run.lake, run.day, zone, bucket, buckets, rules, reading, left_out, people, by_rules)
    snapshot = _without_media_of(refused["language_model"], snapshot)
    customers = sorted(set(snapshot.activity["subject_id"]))
    texts = _texts(run, snapshot.texts, speakers)
    said = (
        predict(speakers, snapshot.population, run.day, customers, texts, run.settings.timezone) if speakers else None
    )
    made_by = {"models": {"predictions": {s.entry.target: f"{s.entry.model} {s.entry.sha}" for s in speakers}}}
    liked = interests(snapshot)
    profiles = build_profiles(snapshot, recommend(snapshot, liked), liked, bucket, made_by, said)
    profiles = silence(profiles, refused["marketing"])
    if (model := _model(run)) is not None:
        from profiling.llm.opening import counts
        from profiling.profiles.written import write_with

        profiles = write_with(model, profiles, refused["language_model"], people)
        return Staged({"profiles": profiles}, {"llm": counts(model.usage)})
    return Staged({"profiles": profiles})


def _resolved(run: Run) -> "Resolution":
    """Whose identities are at the end of the day, found out once for all that one call computes: buckets and close.

    The week before must be closed. A link that comes after this changes the inputs, and the commit refuses.
    """
    from profiling.profiles.history import resolution

    if "resolved" not in run.kept:
        run.kept["resolved"] = resolution(run.lake, run.day, load_rules(run.settings))
    return run.kept["resolved"]


def _without_media_of(customers: set[str], snapshot: "Snapshot") -> "Snapshot":
    """Whoever says no to language models has no claim of one in the profile, though it was made before they said so."""
    rows = snapshot.activity
    is_media = (rows["facet"] == "media") & rows["subject_id"].isin(customers)
    return replace(snapshot, activity=rows[~is_media].reset_index(drop=True))


def _texts(run: Run, texts: "pd.DataFrame", speakers: "list[Speaker]") -> "pd.DataFrame":
    """With the texts' vectors where a model looks at them: of the days its target looks back."""
    from profiling.behaviour.models.contract import READS_VECTORS

    looking = [TARGETS[s.entry.target].seen_within_days for s in speakers if s.model.name in READS_VECTORS]
    if not looking or texts.empty:
        return texts
    since = day_before(run.day, max(looking))
    ids = texts["interaction_id"].tolist()
    return with_vectors(run, texts, [("day", ">", since), ("day", "<=", run.day), ("interaction_id", "in", ids)])


def _speakers(run: Run) -> "list[Speaker]":
    """The champions for the day, loaded, by target."""
    found = champions(run)
    if not found:
        return []
    from profiling.behaviour.prediction import Speaker

    loaded = {entry: load(run, entry.target, entry.as_of, entry.sha) for _, entry in sorted(found.items())}
    return [Speaker(entry, model, np.array(measured["percentiles"])) for entry, (model, measured) in loaded.items()]


def _profile_day(run: Run, parts: list[Staged]) -> Closed:
    from profiling.profiles.history import identity_changes
    from profiling.profiles.schema import document_faults

    profiles = concat((part.frames["profiles"] for part in parts), "profiles").sort_values(
        "customer_id", ignore_index=True
    )
    observations = _observations(run)
    gated = gate({"profiles": profiles})
    failures, warnings = list(gated.failures), list(gated.warnings)
    failures += document_faults(profiles["document"].iloc[:: max(1, len(profiles) // 20)])
    if failed := run.ledger.failed(run.day):
        warnings.append(
            f"days that failed their gate are not in these profiles: {', '.join(failed[-3:])}{and_more(len(failed) - 3)}"
        )
    resolved = _resolved(run)
    changed, refused = identity_changes(run.lake, run.day, load_rules(run.settings), resolved), resolved.conflicts
    if torn := int((refused["day"] == run.day).sum()):
        warnings.append(
            f"{torn} links of the day would make one customer of two with ids of their own, and were not followed; "
            f"`profiling identity --day {run.day}` lists them"
        )
    of_model = {**_written(run, profiles), **_asked(parts)}
    warnings += what_a_model_did(run, "profile", of_model)
    return Closed(
        {"profiles": profiles, "identity_changes": changed},
        {"customers": len(profiles), **of_model},
        report={**gated.report, "watch": observations},
        failures=failures,
        warnings=warnings,
        metrics=metrics(observations) | _identity_metrics(changed, refused),
        data_docs=_data_docs(run, gated.report),
    )


def _written(run: Run, profiles: "pd.DataFrame") -> dict[str, int]:
    """Texts by the model and texts that fell back, by kind and reason; empty without a model."""
    if not run.settings.has_llm:
        return {}
    from profiling.profiles.written import written_counts

    return written_counts(map(json.loads, profiles["document"]))


def _asked(parts: list[Staged]) -> dict[str, int]:
    """Calls, tokens, cost and failures of the model, over the buckets."""
    asked = [part.facts["llm"] for part in parts if "llm" in part.facts]
    if not asked:
        return {}
    from profiling.llm.opening import added_up

    return added_up(asked)


def _data_docs(run: Run, report: dict[str, Any]) -> dict[str, str]:
    """The day's Data Docs are made here, where Great Expectations is at hand: importing it costs more than a publication."""
    from profiling.data_docs import data_docs

    earlier = {stage: said.report for stage, said in details_of_day(run).items() if said.report}
    return data_docs(earlier | {"profile": report}, run.day)


def _identity_metrics(changed: "pd.DataFrame", refused: "pd.DataFrame") -> dict[str, float]:
    """How many customers were merged and split on the day, and how much the rules refuse by its end."""
    by_kind = {f"identity_{kind}": float((changed["kind"] == kind).sum()) for kind in ("merge", "split")}
    return by_kind | {
        f"identity_{kind}": float((refused["kind"] == kind).sum()) for kind in ("unique", "capped", "several")
    }


def _observations(run: Run) -> list[Observation]:
    """How the day compares with those before it, now that all of them are known: `ingest` and `features` have warned of it,
    and the page that is published must be the same in whatever order the days were run."""
    names = ("day_statistics", "text_statistics")
    return [one for n in names for one in observe(run.lake.read(n, [("day", "==", run.day)]), days_before(run, n))]


PROFILE = Step("profile", inputs, _profile_bucket, _profile_day)
