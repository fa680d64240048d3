"""`make bench`: how fast each stage is on this machine. Prints a table, writes var/bench/bench.json.

Protocol: one made-up day of EVENTS events by CUSTOMERS customers, a tenth of them with a distinct text of 8 to 40 English words;
one bucket, cold caches, wall-clock seconds of each stage function in this process, imports included where a stage pays them
first. The encoders are timed apart on the same texts, after one warm-up call. Beside them the bare pandas reading and writing
of the same rows. Machines are noisy: compare ratios of one run.
"""

import json
import logging
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from profiling import stages
from profiling.settings import Settings
from profiling.text.embedding import load_encoder

EVENTS, CUSTOMERS, ENCODED = 50_000, 5_000, 512
DAY = "2026-06-15"
ROOT = Path("var/bench")
WORDS = (
    *("guitar", "tent", "lens", "coffee", "kettle", "shoes", "soil", "rose", "cable", "speaker", "tea", "pan", "cream"),
    *(
        "good",
        "bad",
        "great",
        "poor",
        "lovely",
        "awful",
        "fast",
        "slow",
        "cheap",
        "sturdy",
        "broken",
        "perfect",
        "loud",
    ),
    *("bought", "returned", "tried", "loved", "delivery", "price", "quality", "service", "packaging", "colour", "week"),
)


def write_day(folder: Path) -> list[str]:
    """The made-up day as one drop of events; its texts."""
    rng = np.random.default_rng(7)
    texts: list[str] = []
    seconds = np.sort(rng.integers(0, 86_400, EVENTS))
    lines = []
    for number in range(EVENTS):
        event = {
            "event_id": f"E{number}",
            "identifiers": {"customer": f"C{rng.integers(CUSTOMERS)}"},
            "occurred_at": (pd.Timestamp(DAY) + pd.Timedelta(seconds=int(seconds[number]))).isoformat(),
            "kind": "view",
            "item_id": f"I{rng.integers(2_000)}",
        }
        if number % 10 == 0:
            text = " ".join(rng.choice(WORDS, rng.integers(8, 40))) + f" {number}"
            texts.append(text)
            event |= {"kind": "review", "rating": int(rng.integers(1, 6)), "text": text}
        elif number % 10 < 3:
            event |= {"kind": "purchase", "amount": float(rng.integers(5, 200)), "currency": "USD", "quantity": 1}
        lines.append(json.dumps(event))
    drop = folder / "events" / DAY
    drop.mkdir(parents=True)
    (drop / "events.jsonl").write_text("\n".join(lines) + "\n")
    (drop / "_SUCCESS").touch()
    return texts


def seconds_of(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def bare_pandas(settings: Settings) -> None:
    rows = pd.read_json(Path(settings.landing) / "events" / DAY / "events.jsonl", lines=True)
    rows.assign(identifiers=rows["identifiers"].map(json.dumps)).to_parquet(ROOT / "bare.parquet")


def main() -> int:
    logging.disable(logging.WARNING)
    shutil.rmtree(ROOT, ignore_errors=True)
    settings = Settings.load(
        landing=str(ROOT / "landing"),
        lake=str(ROOT / "lake"),
        publish=str(ROOT / "published"),
        cache=ROOT / "cache",
        pseudonym_key="nobody real in these rows",
        embedding="static",
    )
    console = Console()
    texts = write_day(ROOT / "landing")
    figures: list[dict[str, object]] = []

    def note(what: str, unit: str, number: int, seconds: float) -> None:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures.append(
            {"what": what, "seconds": seconds, "per_second": number / seconds, "unit": unit, "peak_mb": peak_mb}
        )

    static = load_encoder("static", settings.cache)
    static.encode(texts[:8])  # distils once
    note("pandas alone: read JSON, write Parquet", "rows", EVENTS, seconds_of(lambda: bare_pandas(settings)))
    note("ingest", "rows", EVENTS, seconds_of(lambda: stages.ingest(settings, DAY)))
    note("features, static encoder", "texts", len(texts), seconds_of(lambda: stages.features(settings, DAY)))
    note("features again, cached", "texts", len(texts), seconds_of(lambda: stages.features(settings, DAY)))
    note("profile", "customers", CUSTOMERS, seconds_of(lambda: stages.profile(settings, DAY)))
    note("publish to a folder", "customers", CUSTOMERS, seconds_of(lambda: stages.publish(settings, DAY)))
    note("encode, static", "texts", len(texts), seconds_of(lambda: static.encode(texts)))
    english = load_encoder("english", settings.cache)
    english.encode(texts[:8])
    note("encode, english (MiniLM, bfloat16)", "texts", ENCODED, seconds_of(lambda: english.encode(texts[:ENCODED])))

    table = Table(
        "what", "seconds", "per second", "", "peak MB so far", title=f"{EVENTS} events, {len(texts)} texts, one process"
    )
    for figure in figures:
        table.add_row(
            str(figure["what"]), f"{figure['seconds']:.2f}", f"{figure['per_second']:,.0f}", str(figure["unit"]),
            f"{figure['peak_mb']:,.0f}",
        )  # fmt: skip
    console.print(table)
    (ROOT / "bench.json").write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
