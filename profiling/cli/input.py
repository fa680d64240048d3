"""Commands that fill the landing area."""

from pathlib import Path
from typing import Annotated

import typer

from profiling.cli.app import AsJson, app
from profiling.cli.printing import print_counts
from profiling.settings import Settings


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
    print_counts(write_sample(out_folder, customers=customers, days=days, seed=seed, endpoint=endpoint), as_json)


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
    print_counts({**counts, "first": days[0], "last": days[-1]} if days else counts, as_json)
