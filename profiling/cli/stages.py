"""Commands of the daily stages and of the weekly training."""

import json
from typing import Annotated

import typer

from profiling.cli.app import AsJson, AsOf, Bucket, Close, Day, OneTarget, app, err, out
from profiling.cli.printing import print_outcome, progress, tell_caller
from profiling.errors import SettingsError
from profiling.settings import Settings


@app.command()
def ingest(day: Day, bucket: Bucket = None, close: Close = False, as_json: AsJson = False) -> None:
    """Landing -> interactions, attributes, consents, catalogue, identity_links, quarantine."""
    from profiling import stages

    print_outcome(stages.ingest(Settings.load(), day, bucket=bucket, close=[] if close else None), as_json)


@app.command()
def features(day: Day, bucket: Bucket = None, close: Close = False, as_json: AsJson = False) -> None:
    """interactions -> text_features, daily_activity, text_activity."""
    from profiling import stages

    outcome = stages.features(Settings.load(), day, bucket=bucket, close=[] if close else None)
    tell_caller(outcome.asdict())
    print_outcome(outcome, as_json)


@app.command()
def profile(day: Day, bucket: Bucket = None, close: Close = False, as_json: AsJson = False) -> None:
    """Everything known at the end of the day -> profiles."""
    from profiling import stages

    print_outcome(stages.profile(Settings.load(), day, bucket=bucket, close=[] if close else None), as_json)


@app.command()
def publish(day: Day, as_json: AsJson = False) -> None:
    """profiles -> the publication target, a folder or S3."""
    from profiling import stages

    print_outcome(stages.publish(Settings.load(), day), as_json)


@app.command()
def redact(
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="One day.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every day redacted by older rules.")] = False,
    as_json: AsJson = False,
) -> None:
    """Redact stored texts anew in place: for days whose drop is gone. Features and profiles of them are stale after it."""
    from profiling import stages

    if (day is not None) == every:
        raise SettingsError("name one day with --day, or all of them with --all")
    settings = Settings.load()
    outcomes = [
        stages.redact(settings, each) for each in ([day] if day is not None else stages.days_to_redact(settings))
    ]
    if as_json:
        out.print_json(json.dumps([outcome.asdict() for outcome in outcomes]))
        return
    for outcome in outcomes:
        if outcome.state == stages.CURRENT:
            out.print(f"{outcome.day} is redacted by the rules of today; nothing was done")
        else:
            print_outcome(outcome, as_json)
    if not outcomes:
        out.print("every day is redacted by the rules of today")


@app.command()
def train(as_of: AsOf, target: OneTarget = None, as_json: AsJson = False) -> None:
    """A candidate model with its evaluation, for one target or each. Labels end on the day, features a horizon earlier."""
    from profiling import stages
    from profiling.behaviour.targets import TARGET_NAMES

    settings = Settings.load()
    candidates = [stages.train(settings, as_of, name) for name in ([target] if target is not None else TARGET_NAMES)]
    tell_caller(candidates[0].asdict())
    if as_json:
        out.print_json(json.dumps([candidate.asdict() for candidate in candidates]))
        return
    for found in candidates:
        theirs = "" if found.champion_value is None else f"; the champion {found.champion_value:.4f}"
        if found.sha:
            out.print(
                f"{found.target} {found.day}: {found.model} {found.sha}, {found.metric} {found.value:.4f}{theirs}"
            )
        for warning in found.warnings:
            err.print(f"warning: {warning}", markup=False)


@app.command()
def train_vectors(as_of: AsOf, as_json: AsJson = False) -> None:
    """Word vectors of all texts up to the end of the day, for PROFILING_EMBEDDING=word2vec on the days after it."""
    from profiling import stages

    found = stages.train_vectors(Settings.load(), as_of)
    if as_json:
        out.print_json(json.dumps(found.asdict()))
        return
    if found.sha:
        out.print(
            f"word2vec {found.day}: {found.sha}, {found.words} words of {found.texts} texts by {found.customers} customers"
        )
    for warning in found.warnings:
        err.print(f"warning: {warning}", markup=False)


@app.command()
def promote(
    as_of: AsOf,
    target: OneTarget = None,
    back: Annotated[
        bool, typer.Option("--roll-back", help="Take the champion trained as of the day out of service.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why it is rolled back; kept.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Candidate -> champion from the next day on, or the reason why not; for one target or each."""
    from profiling import stages
    from profiling.behaviour.targets import TARGET_NAMES

    settings = Settings.load()
    if back and not target:
        raise SettingsError("--roll-back needs --target: one model at a time")
    names = [target] if target is not None else TARGET_NAMES
    outcomes = [
        stages.roll_back(settings, name, as_of, reason) if back else stages.promote(settings, as_of, name)
        for name in names
    ]
    if as_json:
        out.print_json(json.dumps([outcome.asdict() for outcome in outcomes]))
        return
    for name, outcome in zip(names, outcomes, strict=True):
        out.print(
            f"{name} {outcome.day}: {outcome.state} {outcome.staged or ''} ({outcome.report or 'nothing to promote'})"
        )
        for warning in outcome.warnings:
            err.print(f"warning: {warning}", markup=False)


@app.command()
def run(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, included.")],
    stages_wanted: Annotated[
        str,
        typer.Option(
            "--stages", metavar="A,B", help="Some of the stages; train and promote too, which run on Sundays."
        ),
    ] = ("ingest,features,profile,publish"),
    as_json: AsJson = False,
) -> None:
    """The stages in order for every day, without Airflow. Days that are up to date are left alone."""
    from profiling import stages
    from profiling.ledger import days_between

    settings = Settings.load()
    names = [name.strip() for name in stages_wanted.split(",") if name.strip()]
    total = len(days_between(stages.parse_day(first), stages.parse_day(last)))
    outcomes = []
    with progress(total) as advance:
        for outcome in stages.run_days(settings, first, last, names, progress=advance):
            outcomes.append(outcome)
    if as_json:
        out.print_json(json.dumps([outcome.asdict() for outcome in outcomes]))
    else:
        for outcome in outcomes:
            if outcome.stage in stages.WEEKLY:
                out.print(f"{outcome.stage} {outcome.day}: {outcome.state} ({outcome.report or 'nothing to decide'})")
        done = {name: sum(o.stage == name for o in outcomes) for name in names}
        days = f"{total} days from {first} to {last}"
        out.print(f"{days}: " + ", ".join(f"{name} ran {number} times" for name, number in done.items()))
        if warned := sum(bool(outcome.warnings) for outcome in outcomes):
            out.print(f"{warned} of them gave warnings; they stand in the ledger (table `days`) and in quality.html")
