"""Commands for customers' rights and for what may leave the house."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiling.cli.app import AsJson, Day, app, err, out
from profiling.cli.printing import print_release, secret_line
from profiling.errors import SettingsError
from profiling.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from profiling.lake import Lake


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
        customer = customer_of_identifier(settings, secret_line("Identifier (type:value)"))
    for piece in write(settings, customer):
        sys.stdout.write(piece)


@app.command()
def erase(
    person: Annotated[str | None, typer.Argument(hidden=True)] = None,
    identifiers: Annotated[
        list[str] | None, typer.Option("--identifier", metavar="TYPE:VALUE", help="Who asks; may be given again.")
    ] = None,
    customers: Annotated[
        list[str] | None, typer.Option("--customer", metavar="ID", help="A customer_id; may be given again.")
    ] = None,
    asked_by: Annotated[
        str | None, typer.Option("--asked-by", metavar="NAME", help="Whom to answer; gone with the request.")
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Carry this request out; its first 8 characters do.")
    ] = None,
    step: Annotated[str | None, typer.Option("--step", metavar="NAME", help="Only one step of it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what there is to erase.")] = False,
    is_alone: Annotated[bool, typer.Option("--alone", help="Nobody else writes to the lake: do not look.")] = False,
    taken_back: Annotated[
        str | None, typer.Option("--withdraw", metavar="ID", help="Take back a request that was not begun.")
    ] = None,
    list_open: Annotated[bool, typer.Option("--list", help="The ids of the open requests.")] = False,
    receipt: Annotated[
        str | None, typer.Option("--verify", metavar="RECEIPT", help="Check a receipt: a file or an id.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask that a person be erased (identifiers also come a line each on standard input), or carry a request out."""
    from profiling.lake import Lake
    from profiling.rights import requests

    if person is not None:
        raise SettingsError(
            "an identifier in the clear would stay in the shell's history and stand in the list of processes; `profiling erase` "
            "asks for it, or reads one a line from a pipe (a customer_id is given as --customer)"
        )
    settings = Settings.load()
    modes = [
        bool(identifiers or customers),
        request is not None,
        list_open,
        receipt is not None,
        taken_back is not None,
    ]
    if sum(modes) > 1:
        raise SettingsError("name a person, or give one of --request, --withdraw, --list and --verify")
    if receipt is not None:
        _verify(Lake.open(settings), settings, receipt)
    elif taken_back is not None:
        requests.withdraw(Lake.open(settings), taken_back)
        out.print("taken back")
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
        out.print(f"done; the receipt is _erasure/receipts/{erased.request}.json of the lake", soft_wrap=True)
        for said in erased.receipt["said"]:
            err.print(f"warning: {said}", markup=False)


def _verify(lake: "Lake", settings: Settings, receipt: str) -> None:
    from profiling.rights import requests

    if Path(receipt).is_file():
        try:
            done = json.loads(Path(receipt).read_text())
        except ValueError as error:
            raise SettingsError(f"{receipt} is no receipt ({error})") from error
    elif Path(receipt).suffix:
        raise SettingsError(f"there is no file {receipt}")
    elif (found := requests.receipt(lake, receipt)) is not None:
        done = found
    else:
        raise SettingsError(f"there is no receipt {receipt}; give a file, or the id of a request that was carried out")
    requests.verify(lake, settings, done)
    out.print(f"the receipt of {done['request']} is as it was signed; erased at {done['erased_at']}")


@app.command()
def correct(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer_id, or type:identifier.")],
    fact: Annotated[str, typer.Option("--fact", metavar="ID", help="As `profiling show` prints it.")],
    wrong: Annotated[bool, typer.Option("--wrong", help="It does not hold.")] = False,
    statement: Annotated[
        str | None, typer.Option("--statement", metavar="TEXT", help="What it should say instead.")
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who says so: a role or a staff number, no address.")
    ] = "customer",
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="First day whose profile obeys. Default: the newest day."),
    ] = None,
    stated_at: Annotated[
        str | None,
        typer.Option(
            "--stated-at",
            metavar="MOMENT",
            help="When it was said, as 2026-06-28T14:30; without an offset in PROFILING_TIMEZONE. Default: now.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say that a fact of a profile is wrong, or what it should say; it overrules from then on."""
    from dataclasses import asdict

    import pandas as pd

    from profiling.facts import corrections
    from profiling.lake import Lake
    from profiling.profiles.show import find_profile
    from profiling.stages import parse_day

    if wrong == (statement is not None):
        raise SettingsError("give --wrong or --statement TEXT, one of the two")
    settings = Settings.load()
    document = find_profile(settings, customer, parse_day(day) if day else None)
    now = pd.Timestamp.now(tz="UTC")
    moment = now if stated_at is None else _moment(stated_at, settings)
    done = corrections.correct(Lake.open(settings), document, fact, statement, by, document["as_of"], moment, now)
    if as_json:
        out.print_json(json.dumps(asdict(done), ensure_ascii=False))
        return
    out.print(
        f"{done.statement!r}: {done.kind if done.instead is None else done.instead}, said by {done.said_by}",
        markup=False,
    )
    if not done.holds:
        out.print("kept, but another correction of this fact was stated later, and that one holds")
        return
    out.print(
        f"holds for profiles from {done.day} on; make those days again, which profiling days --stale lists: "
        f"profiling run --from {done.day} --to DAY --stages profile,publish",
        soft_wrap=True,
    )


def _moment(text: str, settings: Settings) -> "pd.Timestamp":
    """A moment as somebody types it, in UTC."""
    from datetime import UTC, datetime

    import pandas as pd

    try:
        said = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise SettingsError(f"--stated-at is a moment such as 2026-06-28T14:30 or 2026-06-28, not {text!r}") from error
    return pd.Timestamp(said if said.tzinfo else said.replace(tzinfo=settings.zone)).tz_convert(UTC)


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

    name = rotate(Settings.load(), lambda: secret_line("New key"))
    out.print(
        f"the lake's key {name[:8]} is encrypted under the new key. Set PROFILING_PSEUDONYM_KEY to it everywhere, now: "
        "the old one opens nothing any more. Every id is what it was",
        soft_wrap=True,
    )


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
    print_release(found, settings)
