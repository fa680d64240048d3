"""The command that measures."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from profiling.cli.app import AsJson, app, out
from profiling.cli.printing import print_report
from profiling.settings import Settings


@app.command()
def evaluate(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="aspects, embedding, facts, keywords, redaction, returns, satisfied, sentiment or topics.",
        ),
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="The data, as docs/results.md names it; may be given again. Facts and redaction need none.",
        ),
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

    # It takes minutes, so its log lines are told on a terminal too, where all else gives warnings alone.
    if context.parent is None or not context.parent.params["quiet"]:
        for named in ("profiling.behaviour.protocols", "profiling.text"):
            logging.getLogger(named).setLevel(logging.INFO)
    wanted = [each.strip() for each in models.split(",") if each.strip()] if models is not None else None
    report = protocol(name)(inputs or [], Settings.load().cache, wanted, folds)
    document = json.dumps(report.asdict(), ensure_ascii=False, indent=2)
    if out_file is not None:
        out_file.parent.mkdir(parents=True, exist_ok=True)
        out_file.write_text(document + "\n", encoding="utf-8")
    if as_json:
        out.print_json(document)
    else:
        print_report(report)
