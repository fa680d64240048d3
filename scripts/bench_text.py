"""Understanding text, beside what people use for it: the end of `make bench`; alone: `python scripts/bench_text.py [PART...]`.

The first TEXTS reviews of REVIEWS that have a text, all in one run, so that ratios mean something on a noisy machine.

* Encoders: each encodes the same texts after a warm-up; `english` and `SentenceTransformer.encode` as shipped (float32, batches
  of 32, the same weights) in turn, PARTS parts of the texts each, and the ratio of each part. Cosines between their vectors.
* The whole stage `features` on nine tenths of those texts as one day, cold cache, gates and commit included, against
  `english.encode` alone of the same texts, before and after, and against `SentenceTransformer.encode` as shipped. Imports and
  models (the encoders' weights, lingua's for a text in no plain English) are loaded before.
* Keywords: KEYWORDS of those texts whose summary has a word of the text; held out are the words of the summary (which neither
  sees) that stand in the text, without stop words, stemmed. KeyBERT as shipped with the same weights; ours with the texts'
  own vectors computed too. Agreement: the mean share of held-out words that a text's five terms name (recall), the share of terms
  that name one (precision), and the harmonic mean of both. The same again of the held-out words that may be a topic: no word of
  our lists of stop words, opinions and names of aspects (half of the held-out words are *great*, *good*, *price*; ours leave
  them out on purpose, so the first is the comparison, and this says where it is lost).
* A second day: nine tenths of its texts known.
* Memory: one bucket of the stage `features` with `static`, and its close, of MANY made-up texts and of ten times as many, each
  in a process of its own.
"""

import json
import logging
import multiprocessing
import os
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from profiling import stages
from profiling.settings import Settings
from profiling.text.embedding import _packaged, load_encoder
from profiling.text.keywords import keywords

REVIEWS = Path(os.environ.get("PROFILING_TEST_DATA", "shared/data")) / "Musical_Instruments_5.json"
TEXTS, PARTS, KEYWORDS, SLOW, MANY = 2_000, 8, 300, 300, 2_000
DAY, NEXT = "2026-06-15", "2026-06-16"
ROOT = Path("var/bench/text")


def seconds_of(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def encoders(texts: list[str]) -> dict[str, float]:
    """Texts per second of each encoder, and how `english` compares with the reference."""
    from sentence_transformers import SentenceTransformer

    reference, english = SentenceTransformer(str(_packaged()), device="cpu"), load_encoder("english", ROOT / "cache")
    theirs: list[np.ndarray] = []
    ours: list[np.ndarray] = []
    calls: list[tuple[str, Callable[[list[str]], np.ndarray], list[np.ndarray]]] = [
        ("SentenceTransformer", lambda some: reference.encode(some, normalize_embeddings=True), theirs),
        ("english", english.encode, ours),
    ]
    taken: dict[str, list[float]] = {name: [] for name, _, _ in calls}
    for _, encode, _ in calls:
        encode(texts[:8])
    size = len(texts) // PARTS
    for start in range(0, size * PARTS, size):
        for name, encode, kept in calls:
            part = texts[start : start + size]
            taken[name].append(seconds_of(lambda encode=encode, kept=kept, part=part: kept.append(encode(part))))  # type: ignore[misc]
    cosines = (np.concatenate(theirs) * np.concatenate(ours)).sum(axis=1)
    found = {f"texts/s, {name}": size * PARTS / sum(times) for name, times in taken.items()}
    ratios = np.array(taken["SentenceTransformer"]) / np.array(taken["english"])
    found |= {f"english against SentenceTransformer: ratio, {name}": float(value) for name, value in
              (("median", np.median(ratios)), ("least", ratios.min()), ("most", ratios.max()))}  # fmt: skip
    found |= {"cosine, least": float(cosines.min()), "cosine, mean": float(cosines.mean())}
    static = load_encoder("static", ROOT / "cache")
    static.encode(texts[:8])
    found["texts/s, static"] = len(texts) / seconds_of(lambda: static.encode(texts))
    multilingual = load_encoder("multilingual", ROOT / "cache")
    multilingual.encode(texts[:8])
    found["texts/s, multilingual"] = SLOW / seconds_of(lambda: multilingual.encode(texts[:SLOW]))
    return found


def word2vec(reviews: list[dict]) -> dict[str, float]:
    from profiling.text.word_vectors import train, trained_encoder

    made = []
    said = [(review["reviewerID"], review["reviewText"]) for review in reviews]
    found = {"word2vec, seconds to train": seconds_of(lambda: made.append(train(said)))}
    folder = ROOT / "word2vec"
    folder.mkdir(parents=True, exist_ok=True)
    made[0].save(folder)
    encoder = trained_encoder(folder)
    texts = [text for _, text in said]
    encoder.encode(texts[:8])
    found["word2vec, words"] = len(made[0].terms)
    found["texts/s, word2vec"] = len(texts) / seconds_of(lambda: encoder.encode(texts))
    return found


def drop_of(settings: Settings, day: str, texts: list[str]) -> None:
    """The texts as a day's drop, each of a customer of its own."""
    drop = Path(settings.landing) / "events" / day
    drop.mkdir(parents=True)
    rows = [
        {"event_id": f"{day}-{n}", "identifiers": {"customer": f"C{n}"}, "occurred_at": f"{day}T10:00:00Z", "kind": "review",
         "item_id": f"I{n % 50}", "rating": 4, "text": text}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    (drop / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (drop / "_SUCCESS").touch()


def whole_stage(texts: list[str]) -> dict[str, float]:
    """The stage as a day calls it, and a second day of which a tenth is new."""
    settings = Settings.load(
        landing=str(ROOT / "landing"),
        lake=str(ROOT / "lake"),
        cache=ROOT / "cache",
        pseudonym_key="nobody real in these rows",
    )
    known, new = texts[: len(texts) // 10 * 9], texts[len(texts) // 10 * 9 :]
    first = [*texts[:3], "Dieses Klavier klingt wunderschön"]
    for day, of_day in (("2026-06-14", first), (DAY, known), (NEXT, [*known[: 9 * len(new)], *new])):
        drop_of(settings, day, of_day)
        stages.ingest(settings, day)
    stages.features(settings, "2026-06-14")  # pays the imports and the models
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(_packaged()), device="cpu")
    reference.encode(texts[:8])
    encoder = load_encoder("english", settings.cache)
    contents = pd.unique(pd.Series(known)).tolist()
    alone = seconds_of(lambda: encoder.encode(contents))
    stage = seconds_of(lambda: stages.features(settings, DAY))
    again = seconds_of(lambda: encoder.encode(contents))
    second = seconds_of(lambda: stages.features(settings, NEXT))
    shipped = seconds_of(lambda: reference.encode(contents, normalize_embeddings=True))
    embedded = min(alone, again)
    return {
        "features stage, seconds": stage,
        "embedding alone, seconds": embedded,
        "features stage against embedding alone: ratio": stage / embedded,
        "features stage against SentenceTransformer alone: ratio": stage / shipped,
        "second day, a tenth new, seconds": second,
        "second day against the first: ratio": second / stage,
    }


def held_out(review: dict) -> set[str]:
    """Stems of the summary's words that stand in the text."""
    return stems(review["summary"]) & stems(review["reviewText"])


def stems(text: str) -> set[str]:
    from nltk.stem.snowball import SnowballStemmer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    from profiling.text.tokens import words_of

    stem = SnowballStemmer("english").stem
    return {stem(word) for word in words_of(text) if len(word) > 2 and word not in ENGLISH_STOP_WORDS}


def keyword_agreement(found: list[list[str]], wanted: list[set[str]]) -> tuple[float, float, float]:
    """(share of held-out words that are named, share of terms that name one), means over texts; and their harmonic mean."""
    recall, precision = [], []
    for terms, words in zip(found, wanted, strict=True):
        named = [stems(term) for term in terms]
        recall.append(len(words & set().union(*named)) / len(words))
        precision.append(sum(bool(words & of_term) for of_term in named) / max(1, len(named)))
    one, other = float(np.mean(recall)), float(np.mean(precision))
    return one, other, 2 * one * other / max(one + other, 1e-12)


def topical(review: dict) -> set[str]:
    """The held-out stems whose first word in the text is no stop word, opinion or name of an aspect."""
    from textblob.en import sentiment

    from profiling.text.keywords import _SUBJECTIVE, _never_english
    from profiling.text.tokens import words_of

    first: dict[str, str] = {}
    for word in words_of(review["reviewText"].casefold()):
        for stem in stems(word):
            first.setdefault(stem, word)
    held = ((stem, first[stem]) for stem in held_out(review) if stem in first)
    return {stem for stem, word in held if word not in _never_english() and sentiment(word)[1] < _SUBJECTIVE}


def keyword_figures(reviews: list[dict]) -> dict[str, float]:
    from keybert import KeyBERT
    from sentence_transformers import SentenceTransformer

    chosen = [review for review in reviews if held_out(review)][:KEYWORDS]
    texts, wanted = [review["reviewText"] for review in chosen], [held_out(review) for review in chosen]
    english = load_encoder("english", ROOT / "cache")
    model = KeyBERT(SentenceTransformer(str(_packaged()), device="cpu"))

    def ours(some: list[str]) -> list[list[str]]:
        found = keywords(some, ["en"] * len(some), english, list(english.encode(some)))
        return [[term for term, _ in terms] for terms in found]

    def theirs(some: list[str]) -> list[list[str]]:
        return [[term for term, _ in model.extract_keywords(text)] for text in some]

    said: dict[str, float] = {}
    taken: dict[str, float] = {}
    for name, call in (("KeyBERT", theirs), ("ours", ours)):
        call(texts[:4])
        made: list[list[list[str]]] = []
        taken[name] = seconds_of(lambda call=call, made=made: made.append(call(texts)))  # type: ignore[misc]
        said[f"keywords, {name}: texts/s"] = len(texts) / taken[name]
        recall, precision, f1 = keyword_agreement(made[0], wanted)
        said |= {f"keywords, {name}: held-out words named": recall, f"keywords, {name}: terms that name one": precision}
        said[f"keywords, {name}: F1 of both"] = f1
        of_topics = [(terms, topical(review)) for terms, review in zip(made[0], chosen, strict=True)]
        with_topics = [pair for pair in of_topics if pair[1]]
        figures = keyword_agreement([terms for terms, _ in with_topics], [words for _, words in with_topics])
        said |= {f"keywords, {name}, of topics: {what}": figure for what, figure in
                 zip(("recall", "precision", "F1"), figures, strict=True)}  # fmt: skip
    # As `features` calls it: the texts' vectors are there already.
    vectors = list(english.encode(texts))
    added = seconds_of(lambda: keywords(texts, ["en"] * len(texts), english, vectors))
    return said | {
        "keywords against KeyBERT: ratio": taken["KeyBERT"] / taken["ours"],
        "keywords against KeyBERT, the texts' vectors at hand: ratio": taken["KeyBERT"] / added,
    }


def of_texts(number: int) -> Settings:
    return Settings.load(
        landing=str(ROOT / f"landing-{number}"), lake=str(ROOT / f"lake-{number}"), cache=ROOT / "cache",
        pseudonym_key="nobody real in these rows", embedding="static",
    )  # fmt: skip


def made_up(number: int) -> None:
    """A day of so many made-up texts, ingested."""
    draw = random.Random(7)
    words = [
        f"{a}{b}" for a in ("gui", "dru", "pia", "str", "mic", "amp") for b in ("tar", "mer", "no", "ing", "pho", "let")
    ]
    settings = of_texts(number)
    drop_of(
        settings,
        DAY,
        [" ".join(draw.choices([*words, "the", "a", "good", "bad", "is", "and"], k=40)) for _ in range(number)],
    )
    stages.ingest(settings, DAY)


def peak(number: int) -> float:
    """Peak memory, MB, of the stage's bucket; in a process of its own."""
    stages.features(of_texts(number), DAY, bucket=0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def closing(number: int) -> float:
    """Peak memory, MB, of the stage's close; in a process of its own."""
    stages.features(of_texts(number), DAY, close=[])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory() -> dict[str, float]:
    load_encoder("static", ROOT / "cache").encode(["distil"])
    found = {}
    for number in (MANY, 10 * MANY):
        for what, call in (("ingest", made_up), ("features", peak), ("features' close", closing)):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                if (megabytes := pool.submit(call, number).result()) is not None:
                    found[f"peak MB, {what} of {number:,} texts"] = megabytes
    return found


def measure(only: list[str]) -> dict[str, float]:
    """All parts, or some of them by name."""
    reviews = [json.loads(line) for line in REVIEWS.read_text(encoding="utf-8").splitlines()]
    reviews = [review for review in reviews if review["reviewText"].strip()][:TEXTS]
    texts = [review["reviewText"] for review in reviews]
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "encoders": lambda: encoders(texts),
        "word2vec": lambda: word2vec(reviews),
        "stage": lambda: whole_stage(texts),
        "keywords": lambda: keyword_figures(reviews),
        "memory": memory,
    }
    return {name: value for part, call in parts.items() if part in (only or parts) for name, value in call().items()}


def main(arguments: list[str]) -> int:
    logging.disable(logging.WARNING)
    if not REVIEWS.exists():
        print(f"no {REVIEWS}: nothing to measure texts with; set PROFILING_TEST_DATA to its folder")
        return 0
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    found = measure(arguments)
    table = Table("texts", "", title=f"{TEXTS} reviews, one process")
    for name, value in found.items():
        table.add_row(name, f"{value:,.4f}" if value < 10 else f"{value:,.0f}")
    Console().print(table)
    (ROOT / "text.json").write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
