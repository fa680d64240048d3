"""`make evaluate`: how much of the sample's hidden truth the profiles recover. Prints a table, writes var/evaluate/sample.json.

Protocol: the sample of `profiling sample` with its defaults (120 customers, 120 days, seed 7), all drops ingested, features
with the encoder of PROFILING_EMBEDDING, profiles as of the last day. Interests: a customer's first categories against the
hidden tastes. Churn: life cycle at_risk or lapsed against the hidden date; who fell silent less than 30 days ago counts
neither way.
"""

import json
import logging
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from profiling import stages
from profiling.collect.sample import write_sample
from profiling.collect.truth import read_truth, score
from profiling.lake import Lake
from profiling.ledger import days_between
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import load_rules
from profiling.profiles.history import customer_ids
from profiling.settings import Settings

SILENT_DAYS = 30
FIRST, LAST = "2026-03-01", "2026-06-28"


def sample_scores(settings: Settings, day: str) -> dict[str, float]:
    """Scores of the profiles as of `day` against the truth beside the drops of a sample."""
    lake = Lake(settings.lake)
    truth = Path(settings.landing) / "_truth"
    rules = load_rules(settings)
    customer_of = customer_ids(lake, day, rules)
    names = [person["identifier"] for person in read_truth(truth)["customers"]]
    identities = {identity_id(settings.key(), "customer", name, rules): name for name in names}
    identifiers = {str(customer_of[i]): name for i, name in identities.items() if i in customer_of.index}
    profiles = lake.read("profiles", [("day", "==", day)], ["document"])["document"].map(json.loads)
    row = ["day", "source", "source_file", "source_line"]
    return score(
        truth,
        day,
        profiles,
        identifiers,
        lake.read("interactions", [("day", "<=", day)], [*row, "text"]),
        lake.read("quarantine", [("day", "<=", day)], [*row, "reason"]),
        silent_days=SILENT_DAYS,
    )


def main() -> int:
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("profiling").setLevel(logging.ERROR)
    root = Path("var/evaluate")
    settings = Settings.load(
        landing=str(root / "landing"),
        lake=str(root / "lake"),
        publish=str(root / "published"),
        pseudonym_key="the sample's people are made up",
    )
    shutil.rmtree(root / "lake", ignore_errors=True)
    write_sample(Path(settings.landing))
    console = Console()
    with console.status("reading the sample's days") as status:
        for outcome in stages.run_days(settings, FIRST, LAST, ["ingest", "features"]):
            done = days_between(FIRST, outcome.day)
            status.update(f"{outcome.day}: {len(done)} of {len(days_between(FIRST, LAST))} days")
        list(stages.run_days(settings, LAST, LAST, ["profile"]))
    scores = sample_scores(settings, LAST)
    table = Table("what was planted", "recovered", title=f"Sample as of {LAST}, encoder {settings.embedding}")
    for name, value in scores.items():
        table.add_row(name, f"{value:.3f}")
    console.print(table)
    (root / "sample.json").write_text(json.dumps({"day": LAST, "embedding": settings.embedding, **scores}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
