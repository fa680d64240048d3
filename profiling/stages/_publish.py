"""profiles -> the publication target."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from profiling import __version__, schemas
from profiling.errors import NotReady
from profiling.lake import Lake
from profiling.ledger import OPEN, RELEASED, Details, Record, details, sunday_before
from profiling.rights import suppressions
from profiling.settings import Settings
from profiling.stages._step import (
    DATA_DOCS,
    STAGES,
    Outcome,
    Run,
    begin,
    digest,
    refuse_closed,
    refuse_if_suppressed_since,
)
from profiling.watch import metrics

if TYPE_CHECKING:
    from profiling.publish import Published


def publish(settings: Settings, day: str, *, lake: Lake | None = None) -> Outcome:
    """profiles -> the publication target: parts, pages, manifest, latest.json.

    Raises:
        NotReady: the day has no released profiles, or the target does not answer.
    """
    run = begin(settings, day, lake)
    refuse_closed("publish", run)
    fingerprint = inputs(run)
    run.lake.record("publish", run.day, OPEN, run.attempt, inputs=fingerprint)
    published = _published(run)
    # Who came on the list meanwhile has just been published: the day stays open, and the next call leaves them out.
    refuse_if_suppressed_since("publish", run, suppressions.load(run.lake, settings))
    counts = {"customers": published.customers, "objects": published.objects, "bytes": published.bytes}
    run.lake.record(
        "publish", run.day, RELEASED, run.attempt, inputs=fingerprint, outputs=published.revision, counts=counts,
        note=published.manifest_key,
    )  # fmt: skip
    profiled = details_of_day(run).get("profile")
    watched = (profiled.report or {}).get("watch", []) if profiled else []
    page = f"{run.settings.publish}/profiles/day={run.day}/{published.revision}/quality.html"
    return Outcome(
        "publish", run.day, RELEASED, counts=counts, report=published.manifest_key, metrics=metrics(watched), link=page,
        written={"profiles": published.customers},
    )  # fmt: skip


def publish_again(settings: Settings, day: str, who: Collection[str]) -> None:
    """Take people out of a published day, for an erasure, which waits for no gate.

    Where the day's profiles are released this is its publication. Where they are past their retention, or an attempt at them is
    under way or has failed, what is published is published without these people, and the ledger says what it said.
    """
    from profiling.publish import open_target, publish_without

    run = begin(settings, day)
    profiled = run.ledger.get("profile", run.day)
    if profiled is not None and profiled.state == RELEASED and not run.ledger.is_closed("publish", run.day):
        publish(settings, day)
        return
    target = open_target(settings.publish, settings.s3_endpoint)
    publish_without(target, run.day, who, lambda profiles: _pages(run, profiles)["report"], _run_facts(run))


def _published(run: Run) -> "Published":
    from profiling.publish import open_target, publish_profiles

    profiles, told = _permitted(
        run, *(run.lake.read(name, [("day", "==", run.day)]) for name in ("profiles", "identity_changes"))
    )
    pages = _pages(run, profiles)
    refuse_if_suppressed_since("publish", run, suppressions.load(run.lake, run.settings))
    return publish_profiles(
        open_target(run.settings.publish, run.settings.s3_endpoint),
        profiles,
        day=run.day,
        buckets=run.settings.buckets,
        report_html=pages["report"],
        quality_html=pages["quality"],
        data_docs=_data_docs(run),
        model_versions=_model_versions(run) | _predicting(profiles),
        run=_run_facts(run),
        identity_changes=told,
        identity_rules=_made_by(profiles).get("identity_rules"),
    )


def _permitted(run: Run, profiles: pd.DataFrame, changes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Without those who have been erased or have withdrawn their consent: profiles, and what is told of merges and splits."""
    from profiling.prepare.identity_rules import load_rules
    from profiling.profiles.history import customer_ids
    from profiling.profiles.silence import silence

    if not run.suppressed or (profiles.empty and changes.empty):
        return profiles, changes
    customer_of = customer_ids(run.lake, run.day, load_rules(run.settings))
    identities = customer_of.index.to_series()
    of = {p: set(customer_of[run.suppressed.mask(identities, p).to_numpy()]) for p in ("profiling", "marketing")}
    kept = profiles[~profiles["customer_id"].isin(of["profiling"])].reset_index(drop=True)
    # A customer id that was merged away is an identity of the one it went to.
    silent = of["profiling"] | set(identities[run.suppressed.mask(identities, "profiling").to_numpy()])
    told = changes[~changes["from_id"].isin(silent) & ~changes["to_id"].isin(silent)].reset_index(drop=True)
    return silence(kept, of["marketing"]), told


def inputs(run: Run) -> str:
    profiled = run.ledger.get("profile", run.day)
    if profiled is None or profiled.state != RELEASED:
        raise NotReady(
            f"publish {run.day}: profile is {profiled.state if profiled else 'not done'}; run `profiling profile --day {run.day}`"
        )
    return digest(profiled.outputs, run.settings.publish, details_of_day(run), _reasons(run).sort_values().tolist())


def _pages(run: Run, profiles: pd.DataFrame) -> dict[str, str]:
    from profiling.profiles.history import topics_on
    from profiling.profiles.report import render_quality, render_report

    found = details_of_day(run)
    counts = {stage: said.counts for stage, said in found.items()}
    reasons = _reasons(run).value_counts()
    counts["quarantine"] = {str(reason): int(number) for reason, number in sorted(reasons.items())}
    reports = {stage: said.report for stage, said in found.items() if said.report}
    files = found["ingest"].files if "ingest" in found else []
    return {
        "report": render_report(profiles, counts, run.day, None, topics_on(run.lake, run.day)),
        "quality": render_quality(reports, {"counts": counts, "files": files}, run.day, _data_docs(run)),
    }


def _data_docs(run: Run) -> dict[str, str]:
    """By suite, the pages that were made with the day's profiles, where Great Expectations is at hand; read once."""
    if "data_docs" not in run.kept:
        keys = [key for key in run.lake.keys(f"_reports/{run.day}/{DATA_DOCS}") if key.endswith(".html")]
        run.kept["data_docs"] = {Path(key).stem: run.lake.get_page(key) for key in keys}
    return run.kept["data_docs"]


def _reasons(run: Run) -> pd.Series:
    """The reasons of the day's rejects, one each; read once, so that the page says what the fingerprint was taken of."""
    if "reasons" not in run.kept:
        run.kept["reasons"] = run.lake.read("quarantine", [("day", "==", run.day)], ["reason"])["reason"]
    return run.kept["reasons"]


def _standing(run: Run, stage: str) -> Record | None:
    """The record of what the tables hold; the newest one where nothing was ever released, such as an empty day."""
    return run.ledger.released(stage, run.day) or run.ledger.get(stage, run.day)


def details_of_day(run: Run) -> dict[str, Details]:
    """What the ledger says of the day's stages; read once, for a record never changes."""
    if "details" in run.kept:
        return run.kept["details"]
    records = [record for stage in STAGES[:-1] if (record := _standing(run, stage))]
    rows = run.lake.ledger(schemas.LEDGER.names, [record.attempt for record in records])
    by_record = {(row["stage"], row["attempt"], row["state"]): row for row in rows.to_dict("records")}
    run.kept["details"] = {r.stage: details(by_record[(r.stage, r.attempt, r.state)]) for r in records}
    return run.kept["details"]


def _model_versions(run: Run) -> dict[str, str]:
    """The models whose work is in the day's profiles: those of the last closed week and of the days since."""
    sunday = sunday_before(run.day)
    models = set(run.lake.read("text_state", [("week", "==", sunday)], ["model"])["model"])
    models |= set(run.lake.read("text_activity", [("day", ">", sunday), ("day", "<=", run.day)], ["model"])["model"])
    return {"embedding": ", ".join(sorted(models))} if models else {}


def _predicting(profiles: pd.DataFrame) -> dict[str, str]:
    """The models that predict, as the profiles themselves name them: a promotion since then is none of theirs."""
    named: dict[str, str] = _made_by(profiles).get("models", {}).get("predictions", {})
    return {f"prediction of {target}": model for target, model in named.items()}


def _made_by(profiles: pd.DataFrame) -> dict[str, Any]:
    """The provenance that all profiles of a day share, as the first of them says it."""
    found: dict[str, Any] = {} if profiles.empty else json.loads(profiles["document"].iloc[0])["provenance"]
    return found


def _run_facts(run: Run) -> dict[str, Any]:
    """What `run.json` holds: true of this run, outside the promise of the same bytes."""
    return {
        "attempt": run.attempt,
        "at": pd.Timestamp.now(tz="UTC").isoformat(timespec="seconds"),
        "version": __version__,
        "table_versions": {name: version for name in schemas.TABLES if (version := run.lake.version(name)) is not None},
    }
