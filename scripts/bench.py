"""`make bench`: how fast each stage is on this machine. Prints a table, writes var/bench/bench.json.

Protocol: one made-up day of EVENTS events by CUSTOMERS customers, a tenth of them with a distinct text of 8 to 40 English words;
one bucket, cold caches, wall-clock seconds of each stage function in this process, imports included where a stage pays them
first. The encoders are timed apart on the same texts, after one warm-up call. Beside them the bare pandas reading and writing
of the same rows. Machines are noisy: compare ratios of one run.

A large day: the same made-up day of LARGE_DAYS events by a tenth as many customers; the bare pandas and the ingest of each in a
process of its own, so that the peak memory is theirs. What Great Expectations takes is a part of the ingest.

Identity: LINKS made-up links between LINKS / 2 customers and their addresses, numbers and devices, one in fifty of them to
somebody else's, resolved under the package's rules; and as many identifiers of two kinds hashed, each value twice.

Scoring: features and probabilities of PEOPLE made-up customers in one pass. Training: the LSTM on the rated texts of REVIEWS but
those of every fifth customer, EPOCHS epochs of our loop and of the article's as written (every text padded to 100 tokens, rows in
random order), in turn, both reading the state after a text's last token; sequences per second, and the AUC of rating >= 4 on the
rows held out. Without the file there is nothing to learn from and this part is left out.

Texts: `scripts/bench_text.py`, from the same file.
"""

import hashlib
import json
import logging
import multiprocessing
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from profiling import stages
from profiling.behaviour.evaluation import Estimate
from profiling.settings import Settings
from profiling.text.embedding import load_encoder

EVENTS, CUSTOMERS, ENCODED = 50_000, 5_000, 512
PEOPLE, EPOCHS, TOKENS = 1_000_000, 5, 100
LINKS = 1_000_000
REVIEWS = Path(os.environ.get("PROFILING_TEST_DATA", "shared/data")) / "Musical_Instruments_5.json"
LARGE_DAYS = (100_000, 1_000_000)
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


def write_day(folder: Path, events: int = EVENTS, customers: int = CUSTOMERS) -> list[str]:
    """The made-up day as one drop of events; its texts."""
    rng = np.random.default_rng(7)
    texts: list[str] = []
    seconds = np.sort(rng.integers(0, 86_400, events))
    lines = []
    for number in range(events):
        event = {
            "event_id": f"E{number}",
            "identifiers": {"customer": f"C{rng.integers(customers)}"},
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


def settings_of(folder: Path) -> Settings:
    return Settings.load(
        landing=str(folder / "landing"),
        lake=str(folder / "lake"),
        publish=str(folder / "published"),
        cache=folder / "cache",
        pseudonym_key="nobody real in these rows",
        embedding="static",
    )


def bare_pandas(landing: Path) -> None:
    rows = pd.read_json(landing / "events" / DAY / "events.jsonl", lines=True)
    rows.assign(identifiers=rows["identifiers"].map(json.dumps)).to_parquet(landing.parent / "bare.parquet")


def figure(what: str, unit: str, number: int, seconds: float) -> dict[str, object]:
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"what": what, "seconds": seconds, "per_second": number / seconds, "unit": unit, "peak_mb": peak_mb}


def large_pandas(folder: Path, events: int) -> list[dict[str, object]]:
    return [
        figure(f"pandas alone, {events:,} events", "rows", events, seconds_of(lambda: bare_pandas(folder / "landing")))
    ]


def large_ingest(folder: Path, events: int) -> list[dict[str, object]]:
    """The whole stage; and of it what Great Expectations takes."""
    from profiling import quality

    gated: list[float] = []
    gate = quality.gate

    def timed(*args: object, **named: object) -> object:
        start = time.perf_counter()
        try:
            return gate(*args, **named)
        finally:
            gated.append(time.perf_counter() - start)

    quality.gate = timed
    logging.disable(logging.WARNING)
    whole = seconds_of(lambda: stages.ingest(settings_of(folder), DAY))
    what = f"ingest, {events:,} events"
    return [figure(what, "rows", events, whole), figure(f"{what}: Great Expectations", "rows", events, sum(gated))]


def large_day(events: int) -> Iterator[dict[str, object]]:
    """Bare pandas and ingest of one large day, each in a fresh process."""
    folder = ROOT / f"large-{events}"
    write_day(folder / "landing", events, events // 10)
    for part in (large_pandas, large_ingest):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield from pool.submit(part, folder, events).result()


def people() -> pd.DataFrame:
    """A population of PEOPLE customers with purchases and views, as a snapshot holds it."""
    rng = np.random.default_rng(7)
    rows = []
    for kind in ("purchase", "view"):
        count = rng.integers(1, 20, PEOPLE)
        last = pd.Timestamp(DAY, tz="UTC") - pd.to_timedelta(rng.integers(0, 300, PEOPLE), "D")
        rows.append(
            pd.DataFrame(
                {
                    "subject_id": [f"{number:032x}" for number in range(PEOPLE)],
                    "kind": kind,
                    "facet": "all",
                    "currency": "USD" if kind == "purchase" else "",
                    "count": count,
                    "active_days": count,
                    "recent_count": count * 0.3,
                    "amount": count * 25.0,
                    "first_at": last - pd.to_timedelta(count * 9, "D"),
                    "last_at": last,
                    **dict.fromkeys(("rating_count", "rating_sum", "sentiment_count", "sentiment_sum"), 0.0),
                    **dict.fromkeys(("recent_sentiment_count", "recent_sentiment_sum"), 0.0),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def score_people(note: Callable[[str, str, int, float], None]) -> None:
    from profiling.behaviour.features import customer_features
    from profiling.behaviour.models import make

    population = people()
    found: list[pd.DataFrame] = []
    note(
        "features of customers",
        "customers",
        PEOPLE,
        seconds_of(lambda: found.append(customer_features(population, DAY))),
    )
    features = found[0]
    labels = (features["recency_days"] < 100).to_numpy().astype("int64")
    for name in ("logistic_regression", "decision_tree", "lightgbm"):
        model = make(name).fit(features.iloc[:20_000], labels[:20_000])
        note(f"score customers, {name}", "customers", PEOPLE, seconds_of(lambda m=model: m.predict_proba(features)))


def join_people(note: Callable[[str, str, int, float], None]) -> None:
    from profiling.prepare.identity import first_identities
    from profiling.prepare.identity_rules import default_rules
    from profiling.prepare.resolution import resolve

    rng = np.random.default_rng(7)
    who, kind = rng.integers(0, LINKS // 2, LINKS), rng.integers(1, 4, LINKS)
    whose = np.where(rng.random(LINKS) < 0.02, rng.integers(0, LINKS // 2, LINKS), who)
    at = pd.Timestamp(DAY, tz="UTC") + pd.to_timedelta(rng.integers(0, 86_400, LINKS), "s")
    links = pd.DataFrame(
        {
            "identity_id": [f"0{number:031x}" for number in who],
            "other_id": [f"{of}{number:031x}" for of, number in zip(kind, whose, strict=True)],
            "identifier_type": np.array(["customer", "email", "phone", "device"])[kind],
            "interaction_id": [f"{number:032x}" for number in range(LINKS)],
            "occurred_at": at, "day": DAY, "first_type": "customer", "source": "shop",
        }
    )  # fmt: skip
    links = links.astype({name: "str" for name in links.columns if name != "occurred_at"})
    first_seen = links.groupby("identity_id")["occurred_at"].min()
    rules = default_rules()
    note("resolve identities", "links", LINKS, seconds_of(lambda: resolve(links, first_seen, rules)))
    values = [[("email", f"User{n}@Example.org"), ("phone", f"+1415{n:07d}")] for n in range(LINKS // 4)] * 2
    rows = pd.Series(values, dtype="object")
    seconds = seconds_of(lambda: first_identities(rows, b"nobody real in these rows", rules))
    note("normalise and hash identifiers", "identifiers", LINKS, seconds)


def article_loop(
    sequences: list[np.ndarray], labels: np.ndarray, words: int
) -> "Callable[[list[np.ndarray]], np.ndarray]":
    """The article's training as written; how the network it leaves scores."""
    import torch
    from torch import nn

    from profiling.behaviour.models.customer_profiler import CustomerProfiler

    torch.manual_seed(0)
    network = CustomerProfiler(words)
    optimizer, loss_of = torch.optim.Adam(network.parameters(), lr=0.001), nn.BCEWithLogitsLoss()

    def padded(texts: list[np.ndarray]) -> "torch.Tensor":
        return torch.tensor(np.stack([np.pad(text, (0, TOKENS - len(text))) for text in texts]))

    def sizes(texts: list[np.ndarray]) -> "torch.Tensor":
        return torch.tensor([len(text) for text in texts])

    ids, lengths = padded(sequences), sizes(sequences)
    targets = torch.tensor(labels, dtype=torch.float32)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(ids)).split(64):
            optimizer.zero_grad()
            loss_of(network(ids[rows], lengths[rows]), targets[rows]).backward()
            optimizer.step()

    def score(texts: list[np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            parts = zip(padded(texts).split(256), sizes(texts).split(256), strict=True)
            return torch.cat([network(*part) for part in parts]).numpy()

    return score


def train_networks(note: Callable[..., None]) -> None:
    import torch

    from profiling.behaviour.evaluation import estimate
    from profiling.behaviour.models._tokens import numbered, size_of, tokens_of, vocabulary_of
    from profiling.behaviour.models.customer_profiler import CustomerProfiler
    from profiling.behaviour.models.training_loop import Schedule, scores_of, train

    reviews = [json.loads(line) for line in REVIEWS.read_text().splitlines()]
    reviews = [review for review in reviews if review["reviewText"].strip()]
    split = [tokens_of(review["reviewText"], "english", TOKENS) for review in reviews]
    labels = np.array([review["overall"] >= 4 for review in reviews], dtype="int64")
    is_held = np.array(
        [int(hashlib.sha1(review["reviewerID"].encode()).hexdigest(), 16) % 5 == 0 for review in reviews]
    )
    vocabulary = vocabulary_of([tokens for tokens, held in zip(split, is_held, strict=True) if not held], 2)
    sequences = [numbered(tokens, vocabulary) for tokens in split]
    learned = [sequence for sequence, held in zip(sequences, is_held, strict=True) if not held]
    held = [sequence for sequence, is_one in zip(sequences, is_held, strict=True) if is_one]
    words = size_of(vocabulary)

    def ours() -> CustomerProfiler:
        torch.manual_seed(0)
        network = CustomerProfiler(words)
        train(network, learned, labels[~is_held], Schedule(epochs=EPOCHS, patience=EPOCHS))
        return network

    made: list[CustomerProfiler] = []
    seconds = seconds_of(lambda: made.append(ours()))
    auc = estimate("roc_auc", labels[is_held], scores_of(made[0], held))
    note("train the LSTM, our loop", "sequences", EPOCHS * len(learned), seconds, auc)
    scorers: list[Callable[[list[np.ndarray]], np.ndarray]] = []
    seconds = seconds_of(lambda: scorers.append(article_loop(learned, labels[~is_held], words)))
    auc = estimate("roc_auc", labels[is_held], scorers[0](held))
    note("train the LSTM, the article's loop", "sequences", EPOCHS * len(learned), seconds, auc)


def main() -> int:
    logging.disable(logging.WARNING)
    shutil.rmtree(ROOT, ignore_errors=True)
    settings = settings_of(ROOT)
    console = Console()
    texts = write_day(ROOT / "landing")
    figures: list[dict[str, object]] = []

    def note(what: str, unit: str, number: int, seconds: float, auc: Estimate | None = None) -> None:
        said = f"{what}: AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})" if auc else what
        figures.append(figure(said, unit, number, seconds))

    static = load_encoder("static", settings.cache)
    static.encode(texts[:8])  # distils once
    note("pandas alone: read JSON, write Parquet", "rows", EVENTS, seconds_of(lambda: bare_pandas(ROOT / "landing")))
    note("ingest", "rows", EVENTS, seconds_of(lambda: stages.ingest(settings, DAY)))
    note("features, static encoder", "texts", len(texts), seconds_of(lambda: stages.features(settings, DAY)))
    note("features again, cached", "texts", len(texts), seconds_of(lambda: stages.features(settings, DAY)))
    note("profile", "customers", CUSTOMERS, seconds_of(lambda: stages.profile(settings, DAY)))
    note("publish to a folder", "customers", CUSTOMERS, seconds_of(lambda: stages.publish(settings, DAY)))
    note("encode, static", "texts", len(texts), seconds_of(lambda: static.encode(texts)))
    english = load_encoder("english", settings.cache)
    english.encode(texts[:8])
    note("encode, english (MiniLM, bfloat16)", "texts", ENCODED, seconds_of(lambda: english.encode(texts[:ENCODED])))

    for events in LARGE_DAYS:
        figures.extend(large_day(events))
    join_people(note)
    score_people(note)
    if REVIEWS.exists():
        train_networks(note)

    table = Table(
        "what", "seconds", "per second", "", "peak MB so far", title=f"{EVENTS} events, {len(texts)} texts, one process"
    )
    for one in figures:
        table.add_row(
            str(one["what"]), f"{one['seconds']:.2f}", f"{one['per_second']:,.0f}", str(one["unit"]), f"{one['peak_mb']:,.0f}",
        )  # fmt: skip
    console.print(table)
    (ROOT / "bench.json").write_text(json.dumps(figures, indent=2))
    import bench_text

    return bench_text.main([])


if __name__ == "__main__":
    sys.exit(main())
