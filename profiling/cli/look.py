"""Commands that show what is there; they write nothing but a requeued drop."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from profiling.cli.app import AsJson, Day, app, err, out
from profiling.cli.printing import print_rows
from profiling.errors import SettingsError
from profiling.settings import Settings


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
    standing = f"{found['percentile']:.0%}".replace("%", " %")
    out.print(
        f"model {found['model']} {found['sha']} as of {found['as_of']}; higher than for {standing} of the texts it was tested on"
    )
    out.print(f"  {found['base']:+z.3f}  before any word is read", markup=False)
    for reason in found["reasons"]:  # type: ignore[attr-defined]
        out.print(f"  {reason['amount']:+z.3f}  {reason['name']}", markup=False)
    out.print(f"  {found['rest']:+z.3f}  all other words\n  {found['score']:+z.3f}  log odds in all", markup=False)


@app.command()
def show(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer_id, or type:identifier.")],
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Default: the newest day.")] = None,
    as_json: AsJson = False,
) -> None:
    """One profile, readable, with its evidence."""
    from profiling.profiles.show import evidence_texts, fact_sentences, find_profile, render_profile
    from profiling.stages import parse_day

    settings = Settings.load()
    document = find_profile(settings, customer, parse_day(day) if day else None)
    if as_json:
        out.print_json(json.dumps(document, ensure_ascii=False))
    else:
        out.print(render_profile(document, evidence_texts(settings, document), fact_sentences(settings, document)))


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
            print_rows(name, value)


@app.command()
def topics(day: Day, as_json: AsJson = False) -> None:
    """What the customer base writes about on a day: topics with their terms, and the change since the week before."""
    from profiling.profiles.topics import overview
    from profiling.stages import parse_day

    found = overview(Settings.load(), parse_day(day))
    if as_json:
        out.print_json(json.dumps(found, ensure_ascii=False))
        return
    out.print(f"{len(found['topics'])} topics of the weeks to {found['week']}, by {found['model']}", markup=False)
    table = Table(box=None)
    for name in ("topic", "state", "since", "customers", "share", "", "sentiment", "", "terms"):
        table.add_column(name, no_wrap=name != "terms")
    for row in found["topics"]:
        of_share, of_sentiment = ("" if row[name] is None else f"{row[name]:{form}}" for name, form in _CHANGES)
        cells = [row["name"], row["state"], row["since"], str(row["customers"]), f"{row['share']:.1%}", of_share]
        cells += [f"{row['sentiment']:+z.2f}", of_sentiment, ", ".join(row["terms"][:_TERMS_SHOWN])]
        table.add_row(*map(Text, cells))
    out.print(table)
    for row in found["gone"]:
        out.print(f"{row['state']}: {row['name']}" + (f" into {row['into']}" if row["into"] else ""), markup=False)


_CHANGES = (("share_change", "+z.1%"), ("sentiment_change", "+z.2f"))
_TERMS_SHOWN = 6


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
