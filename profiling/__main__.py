"""The command line: every stage is one function and one command. It parses, calls, and says in one sentence what went wrong.

Exit codes: 0 done, 1 the data (a gate, a file, something not ready), 2 wrong usage or settings.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from profiling import __version__
from profiling.errors import ProfilingError, SettingsError
from profiling.settings import Settings

if TYPE_CHECKING:
    from profiling.behaviour.evaluation import Estimate
    from profiling.behaviour.protocols.report import Report
    from profiling.lake import Lake
    from profiling.stages import Outcome, Release

app = typer.Typer(
    name="profiling", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)  # a pipe has no width of its own
err = Console(stderr=True, highlight=False, soft_wrap=True)

Day = Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day.")]
Bucket = Annotated[int | None, typer.Option("--bucket", metavar="B", help="Compute one bucket into staging.")]
Close = Annotated[bool, typer.Option("--close", help="Gate the staged day and commit it.")]
AsOf = Annotated[
    str,
    typer.Option(
        "--as-of", metavar="YYYY-MM-DD", help="The day the labels end; the model speaks from the next day on."
    ),
]
OneTarget = Annotated[str | None, typer.Option("--target", metavar="T", help="One target; default: each.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.callback()
def configure(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Warnings only.")] = False,
) -> None:
    """Daily customer profiles from text and behaviour. Settings come from PROFILING_* variables and .env."""
    if version:
        out.print(__version__)
        raise typer.Exit
    level = logging.WARNING if quiet or err.is_terminal else logging.INFO
    handler: logging.Handler = RichHandler(console=err, show_path=False) if err.is_terminal else logging.StreamHandler()
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(message)s")
    logging.getLogger("profiling").setLevel(level)


# --- input ---


@app.command()
def sample(
    out_folder: Annotated[
        str, typer.Option("--out", metavar="DIR", help="The landing area to write, a folder or s3://bucket/prefix.")
    ],
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 120,
    days: Annotated[int, typer.Option(min=1, help="How many days, the last one a Sunday.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another shop.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Write a made-up shop's daily drops, with the truth beside them."""
    from profiling.collect.sample import write_sample

    endpoint = Settings.load().s3_endpoint if out_folder.startswith("s3://") else None
    _print_counts(write_sample(out_folder, customers=customers, days=days, seed=seed, endpoint=endpoint), as_json)


@app.command()
def land(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Source name, or name:collector.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Historical files, plain or gzip.")],
    as_json: AsJson = False,
) -> None:
    """Split historical files into daily drops by event time."""
    from profiling.collect import collector
    from profiling.collect.land import land as land_files

    settings = Settings.load()
    name, _, form = source.partition(":")
    collector(form or name)  # a wrong name is said before anything is written
    per_day = land_files(name, files, settings.landing, settings.zone, form or name, settings.s3_endpoint)
    days = sorted(per_day)
    counts = {"rows": sum(per_day.values()), "days": len(days)}
    _print_counts({**counts, "first": days[0], "last": days[-1]} if days else counts, as_json)


# --- stages ---


@app.command()
def ingest(day: Day, bucket: Bucket = None, close: Close = False, as_json: AsJson = False) -> None:
    """Landing -> interactions, attributes, consents, catalogue, identity_links, quarantine."""
    from profiling import stages

    _print_outcome(stages.ingest(Settings.load(), day, bucket=bucket, close=[] if close else None), as_json)


@app.command()
def features(day: Day, bucket: Bucket = None, close: Close = False, as_json: AsJson = False) -> None:
    """interactions -> text_features, daily_activity, text_activity."""
    from profiling import stages

    _print_outcome(stages.features(Settings.load(), day, bucket=bucket, close=[] if close else None), as_json)


@app.command()
def profile(day: Day, bucket: Bucket = None, close: Close = False, as_json: AsJson = False) -> None:
    """Everything known at the end of the day -> profiles."""
    from profiling import stages

    _print_outcome(stages.profile(Settings.load(), day, bucket=bucket, close=[] if close else None), as_json)


@app.command()
def publish(day: Day, as_json: AsJson = False) -> None:
    """profiles -> the publication target, a folder or S3."""
    from profiling import stages

    _print_outcome(stages.publish(Settings.load(), day), as_json)


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
        _print_outcome(outcome, as_json)
    if not outcomes:
        out.print("every day is redacted by the rules of today")


@app.command()
def train(as_of: AsOf, target: OneTarget = None, as_json: AsJson = False) -> None:
    """A candidate model with its evaluation, for one target or each. Labels end on the day, features a horizon earlier."""
    from profiling import stages
    from profiling.behaviour.targets import TARGET_NAMES

    settings = Settings.load()
    candidates = [stages.train(settings, as_of, name) for name in ([target] if target is not None else TARGET_NAMES)]
    result = os.environ.get("XCOM_PATH")  # where whoever runs this as a task reads what came out
    if result and os.environ.get("RANK", "0") == "0":  # under torchrun one process speaks for all
        try:
            Path(result).write_text(json.dumps(candidates[0].asdict()))
        except OSError as error:
            raise SettingsError(f"XCOM_PATH={result}: {error.strerror}; name a file that can be written") from error
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
    with _progress(total) as advance:
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


@app.command()
def release_statistics(
    day: Day,
    epsilon: Annotated[
        float, typer.Option("--epsilon", metavar="E", help="What it costs of the privacy budget; less is noisier.")
    ],
    by: Annotated[
        str, typer.Option("--by", metavar="A,B", help="Partitions: life_cycle, rfm, tier.")
    ] = "life_cycle,rfm,tier",
    statistics: Annotated[
        str, typer.Option("--statistics", metavar="A,B", help="Of count, satisfaction, purchases.")
    ] = "count,satisfaction",
    as_json: AsJson = False,
) -> None:
    """Counts and means by segment that may leave the house: differentially private, within a budget."""
    from profiling import stages

    settings = Settings.load()
    wanted = [[name.strip() for name in names.split(",") if name.strip()] for names in (by, statistics)]
    found = stages.release_statistics(settings, day, epsilon, *wanted)
    if as_json:
        out.print_json(json.dumps(found.document))
        return
    _print_release(found, settings)


@app.command()
def retain(
    day: Day,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is older than its limit as of the day, and close its days. See PROFILING_RETENTION_DAYS."""
    from profiling import stages

    found = stages.retain(Settings.load(), day, dry_run=dry_run)
    if as_json:
        out.print_json(json.dumps(found.asdict()))
        return
    verb = "would be deleted" if dry_run else "deleted"
    for each in found.removed:
        out.print(f"{each.what}: {each.number} {each.unit} up to {each.until} {verb}")
    if not found.removed:
        out.print(f"nothing is older than its limit as of {found.day}")
    for warning in found.warnings:
        err.print(f"warning: {warning}", markup=False)


@app.command()
def rekey() -> None:
    """Rotate the pseudonym key: ids stay, the old key stops working. Reads the new key from a prompt, or from standard input."""
    from profiling.rights.keys import rekey as rotate

    name = rotate(Settings.load(), lambda: _secret_line("New key"))
    out.print(
        f"the lake's key {name[:8]} is encrypted under the new key. Set PROFILING_PSEUDONYM_KEY to it everywhere, now: "
        "the old one opens nothing any more. Every id is what it was",
        soft_wrap=True,
    )


# --- looking ---


@app.command()
def predict(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What a customer wrote.")], as_json: AsJson = False
) -> None:
    """What the model in service reads in a text: the probability, of what, and why."""
    from profiling import stages

    found = stages.predict_text(Settings.load(), text)
    if as_json:
        out.print_json(json.dumps(found))
        return
    out.print(f"{found['target']}: {found['label']}, probability {found['probability']:.3f}")
    out.print(
        f"model {found['model']} {found['sha']} as of {found['as_of']}; more than {found['percentile']:.0%} of its test texts"
    )
    out.print(f"  {found['base']:+.3f}  before any word is read", markup=False)
    for reason in found["reasons"]:  # type: ignore[attr-defined]
        out.print(f"  {reason['amount']:+.3f}  {reason['name']}", markup=False)
    out.print(f"  {found['rest']:+.3f}  all other words\n  {found['score']:+.3f}  log odds in all", markup=False)


@app.command()
def show(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer_id, or type:identifier.")],
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Default: the newest day.")] = None,
    as_json: AsJson = False,
) -> None:
    """One profile, readable, with its evidence."""
    from profiling.profiles.show import evidence_texts, find_profile, render_profile
    from profiling.stages import parse_day

    settings = Settings.load()
    document = find_profile(settings, customer, parse_day(day) if day else None)
    if as_json:
        out.print_json(json.dumps(document, ensure_ascii=False))
    else:
        out.print(render_profile(document, evidence_texts(settings, document)))


@app.command()
def identity(
    day: Day,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="CUSTOMER", help="A customer_id, or type:identifier.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--preview", metavar="RULES.json", help="What other rules would merge and split.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whose identifiers are by the end of a day, by which events, and what the rules refused. Writes nothing."""
    from profiling.identity import explain, overview, preview
    from profiling.stages import parse_day

    if customer and rules:
        raise SettingsError("--customer explains one customer, --preview compares all: one of them at a time")
    settings, day = Settings.load(), parse_day(day)
    found = (
        explain(settings, day, customer)
        if customer
        else preview(settings, day, rules)
        if rules
        else overview(settings, day)
    )
    if as_json:
        out.print_json(json.dumps(found))
        return
    for name, value in found.items():
        if not isinstance(value, list):
            out.print(f"{name}: {value}", markup=False)
    for name, value in found.items():
        if isinstance(value, list) and value:
            _print_rows(name, value)


@app.command()
def export(
    customer: Annotated[str | None, typer.Argument(metavar="CUSTOMER", help="A customer_id.")] = None,
    identifier: Annotated[
        bool,
        typer.Option("--identifier", help="Ask for type:value instead, at a prompt or from standard input."),
    ] = False,
) -> None:
    """Everything held about a person, as JSON on standard output."""
    from profiling.rights.export import customer_of_identifier
    from profiling.rights.export import export as write

    if (customer is None) != identifier:
        raise SettingsError(
            "give a CUSTOMER (a customer_id) or --identifier, which asks for type:value; one of the two"
        )
    settings = Settings.load()
    if customer is None:
        customer = customer_of_identifier(settings, _secret_line("Identifier (type:value)"))
    for piece in write(settings, customer):
        sys.stdout.write(piece)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Settings, tables, the newest day of every stage, and what is published."""
    from profiling.status import status as look

    found = look(Settings.load())
    if as_json:
        out.print_json(json.dumps(found))
        return
    for title, facts in found.items():
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        for name, value in facts.items():
            table.add_row(name, Text(str(value)))
        out.print(table)


@app.command()
def days(
    missing: Annotated[bool, typer.Option("--missing", help="Days without a drop, or without a record.")] = False,
    stale: Annotated[bool, typer.Option("--stale", help="Days whose inputs changed since their run.")] = False,
    unfinished: Annotated[
        bool, typer.Option("--open", help="Days that were begun and not finished, or failed.")
    ] = False,
    files: Annotated[bool, typer.Option("--files", help="The rows of every file instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """The ledger: what became of every day, and of every row that was read."""
    from profiling.status import day_rows, file_rows

    if files and (missing or stale or unfinished):
        raise SettingsError(
            "--files lists what the tables hold; --missing, --stale and --open list days: one of them at a time"
        )
    settings = Settings.load()
    rows = file_rows(settings) if files else day_rows(settings, missing=missing, stale=stale, unfinished=unfinished)
    if as_json:
        out.print_json(json.dumps(rows))
        return
    if not rows:
        out.print("none")
        return
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name.replace("duplicates_", ""), no_wrap=True)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)


@app.command()
def quarantine(
    day: Day,
    source: Annotated[str | None, typer.Option("--source", metavar="S", help="One source.")] = None,
    as_json: AsJson = False,
) -> None:
    """What was rejected on a day: reasons with counts and redacted examples."""
    from profiling.repair import look
    from profiling.stages import parse_day

    found = look(Settings.load(), parse_day(day), source)
    if as_json:
        out.print_json(json.dumps(found, ensure_ascii=False))
        return
    out.print(f"{found['day']}: {found['rows']} rows in quarantine", markup=False)
    if found["note"]:
        err.print(f"the last attempt failed and is not in the table: {found['note']}", markup=False)
    for one in found["reasons"]:
        named = f" ({one['field']})" if one["field"] else ""
        out.print(f"{one['rows']} x {one['source']}: {one['reason']}{named}. {one['fix']}", markup=False)
        for example in one["examples"]:
            out.print(
                f"  {example['file']}:{example['line']}  {example['content'] or ''}", markup=False, soft_wrap=True
            )


@app.command()
def requeue(
    day: Day,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="The repaired rows, as their source delivers.")],
    source: Annotated[str, typer.Option("--source", metavar="S", help="Whose rows they are.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="YYYY-MM-DD", help="The day of their drop. Default: the next free one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send repaired rows of a day's quarantine back as a new drop, once."""
    from dataclasses import asdict

    from profiling.repair import requeue as send_back
    from profiling.stages import parse_day
    from profiling.stages._step import refuse_future

    if to:
        refuse_future(parse_day(to))
    found = send_back(Settings.load(), parse_day(day), source, file, to)
    if as_json:
        out.print_json(json.dumps(asdict(found)))
        return
    out.print(
        f"{found.rows} rows are in {found.file}; run `profiling run --from {found.day} --to {found.day}`",
        soft_wrap=True,
    )
    if found.still_rejected:
        err.print(f"warning: {found.still_rejected} of them will be rejected again", markup=False)


# --- rights ---


@app.command()
def erase(
    identifiers: Annotated[
        list[str] | None, typer.Option("--identifier", metavar="TYPE:VALUE", help="Who asks; may be given again.")
    ] = None,
    customers: Annotated[
        list[str] | None, typer.Option("--customer", metavar="ID", help="A customer_id; may be given again.")
    ] = None,
    asked_by: Annotated[
        str | None, typer.Option("--asked-by", metavar="NAME", help="Whom to answer; gone with the request.")
    ] = None,
    request: Annotated[str | None, typer.Option("--request", metavar="ID", help="Carry this request out.")] = None,
    step: Annotated[str | None, typer.Option("--step", metavar="NAME", help="Only one step of it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what there is to erase.")] = False,
    is_alone: Annotated[bool, typer.Option("--alone", help="Nobody else writes to the lake: do not look.")] = False,
    list_open: Annotated[bool, typer.Option("--list", help="The ids of the open requests.")] = False,
    receipt: Annotated[
        str | None, typer.Option("--verify", metavar="RECEIPT", help="Check a receipt: a file or an id.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask that a person be erased (identifiers also come a line each on standard input), or carry a request out."""
    from profiling.lake import Lake
    from profiling.rights import requests

    settings = Settings.load()
    modes = [bool(identifiers or customers), request is not None, list_open, receipt is not None]
    if sum(modes) > 1:
        raise SettingsError("name a person, or give one of --request, --list and --verify")
    if receipt is not None:
        _verify(Lake.open(settings), settings, receipt)
    elif list_open:
        for each in requests.open_requests(Lake.open(settings)):
            out.print(each)
    elif request is not None:
        _carry_out(settings, request, step, dry_run, is_alone, as_json)
    else:
        asked = requests.ask(settings, identifiers or ([] if customers else _identifiers()), customers or [], asked_by)
        if requests.unknown(Lake.open(settings), asked):
            err.print(
                "warning: nothing is held under what was named; check its type and spelling. The request stands all the same",
                markup=False,
            )
        if as_json:
            out.print_json(json.dumps({"request": asked.id, "identities": len(asked.identities)}))
        else:
            out.print(asked.id)


def _identifiers() -> list[str]:
    """From standard input, so that they stand in no history of a shell; a person at a terminal is asked."""
    if sys.stdin.isatty():
        return [typer.prompt("Identifier (type:value)", hide_input=True, err=True)]
    return [line.strip() for line in sys.stdin if line.strip()]


def _carry_out(
    settings: Settings, request: str, step: str | None, dry_run: bool, is_alone: bool, as_json: bool
) -> None:
    from dataclasses import asdict

    from profiling import stages

    erased = stages.erase(settings, request, step, dry_run=dry_run, is_alone=is_alone)
    if as_json:
        out.print_json(json.dumps(asdict(erased)))
        return
    for place, number in erased.counts.items():
        out.print(f"{number:>8} {place}", markup=False)
    if erased.receipt:
        out.print(f"done; the receipt is _erasure/receipts/{request}.json of the lake", soft_wrap=True)
        for said in erased.receipt["said"]:
            err.print(f"warning: {said}", markup=False)


def _verify(lake: "Lake", settings: Settings, receipt: str) -> None:
    from profiling.rights import requests

    if Path(receipt).is_file():
        try:
            done = json.loads(Path(receipt).read_text())
        except ValueError as error:
            raise SettingsError(f"{receipt} is no receipt ({error})") from error
    elif (found := requests.receipt(lake, receipt)) is not None:
        done = found
    else:
        raise SettingsError(f"there is no receipt {receipt}; give a file, or the id of a request that was carried out")
    requests.verify(lake, settings, done)
    out.print(f"the receipt of {done['request']} is as it was signed; erased at {done['erased_at']}")


# --- measuring ---


@app.command()
def evaluate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="redaction, returns or satisfied.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="FILE", help="The data; may be given again. Redaction needs none."),
    ] = None,
    models: Annotated[
        str | None, typer.Option("--models", metavar="A,B", help="Some of the protocol's models.")
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", metavar="N", min=1, help="Only the first N folds.")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write JSON here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure our models by a protocol on public data, beside the baselines; the figures come with 95 % intervals."""
    from profiling.behaviour.protocols import protocol

    wanted = [each.strip() for each in models.split(",") if each.strip()] if models is not None else None
    report = protocol(name)(inputs or [], Settings.load().cache, wanted, folds)
    document = json.dumps(report.asdict(), ensure_ascii=False, indent=2)
    if out_file is not None:
        out_file.parent.mkdir(parents=True, exist_ok=True)
        out_file.write_text(document + "\n", encoding="utf-8")
    if as_json:
        out.print_json(document)
    else:
        _print_report(report)


# --- printing ---


def _print_report(report: "Report") -> None:
    facts = (
        f"{key} {value:,.3f}" if isinstance(value, float) else f"{key} {value:,}" for key, value in report.facts.items()
    )
    out.print(f"{report.protocol}: {', '.join(facts)}", markup=False)
    out.print(report.statement, markup=False)
    for found in report.tables:
        table = Table(title=found.title, title_justify="left", box=None)
        table.add_column("")
        for column in found.columns:
            table.add_column(column, no_wrap=True)
        for line in found.lines:
            cells = (_figure(line.figures[column]) if column in line.figures else "" for column in found.columns)
            table.add_row(
                Text(f"{line.name} (baseline)" if line.source == "baseline" else line.name), *map(Text, cells)
            )
        out.print(table)
        if found.note:
            out.print(found.note, markup=False)
    out.print(report.looks, markup=False)


def _figure(figure: "Estimate") -> str:
    """.917 [.909, .925]; what is not defined is its reason."""
    if figure.value is None:
        return f"- ({figure.reason})"
    value, *bounds = (
        "" if each is None else re.sub(r"^(-?)0\.", r"\1.", f"{each:.3f}")
        for each in (figure.value, figure.low, figure.high)
    )
    return f"{value} [{', '.join(bounds)}]" if all(bounds) else value


def _secret_line(what: str) -> str:
    """A line that must not stand in a shell's history or a list of processes: prompted for without echo, or read from a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def _print_release(found: "Release", settings: Settings) -> None:
    from profiling.rights.budget import period

    released = found.document
    table = Table(box=None)
    for title in ("by", "segment", *released["statistics"]):
        table.add_column(title, no_wrap=True)
    for row in released["rows"]:
        figures = (row[name] for name in released["statistics"])
        table.add_row(row["by"], row["segment"], *(Text(_interval(figure)) for figure in figures))
    out.print(table)
    cost = f"epsilon {released['epsilon']}"
    cost = f"released before for {cost}, costs nothing now" if found.is_repeated else f"{cost} spent"
    out.print(f"{cost}; {found.left} of {settings.privacy_budget_epsilon} left {period(settings)}")
    out.print("\n".join(found.files), soft_wrap=True)


def _interval(figure: dict[str, Any]) -> str:
    """413 [390, 436]; a mean that is lost in the noise is a dash."""
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if isinstance(value, int):
        return f"{value} [{low}, {high}]"
    return f"{'-' if value is None else f'{value:.3f}'} [{low:.3f}, {high:.3f}]"


def _print_outcome(outcome: "Outcome", as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(outcome.asdict()))
        return
    counts = ", ".join(f"{name} {number}" for name, number in outcome.counts.items())
    out.print(f"{outcome.stage} {outcome.day}: {outcome.state}" + (f" ({counts})" if counts else ""))
    for warning in outcome.warnings:
        err.print(f"warning: {warning}", markup=False)
    if outcome.restated:
        out.print(f"computed again, because they hold the same rows: {', '.join(outcome.restated)}")
    if outcome.staged:
        out.print(outcome.staged, soft_wrap=True)


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    """Records as a table; ids by their first characters, which every command takes."""
    table = Table(title=title, title_justify="left", box=None)
    for name in rows[0]:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_short(value)) for value in row.values()))
    out.print(table)


def _short(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_short, value))
    text = "" if value is None else str(value)
    return text[:12] if re.fullmatch("[0-9a-f]{32}", text) else text


def _print_counts(counts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(counts))
    else:
        out.print(", ".join(f"{name} {number}" for name, number in counts.items()))


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere: there the log lines tell."""
    if not err.is_terminal:
        yield lambda day, outcome: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("days", total=total)
        seen: set[str] = set()

        def advance(day: str, outcome: "Outcome | None") -> None:
            seen.add(day)
            stage = f" {outcome.stage}" if outcome else ""
            bar.update(task, description=f"{day}{stage}", completed=len(seen))

        yield advance


def main() -> None:
    """Run the command line; an error made on purpose is one sentence and its exit code."""
    try:
        app(standalone_mode=False)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except ProfilingError as error:
        err.print(f"[red]{type(error).__name__}[/red]: ", end="")
        err.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        error.show()  # type: ignore[attr-defined]  # a usage error of the command line library
        sys.exit(2)


if __name__ == "__main__":
    main()
