"""Topics over time: do they keep their identity from step to step, and do their terms belong together in texts never seen?

Ours beside two that learn anew at every step and are matched afterwards: NMF of TF-IDF, as a practitioner would, and our own
clustering without its memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from profiling.behaviour.evaluation import DRAWS, SEED
from profiling.behaviour.protocols import raw, reading
from profiling.behaviour.protocols.counting import estimates
from profiling.behaviour.protocols.report import BASELINES, OURS, Line, Report, Table, chosen, one_file
from profiling.errors import InputError, SettingsError
from profiling.schemas import TOPICS
from profiling.text.embedding import load_encoder
from profiling.text.keywords import english_terms, keywords
from profiling.text.topics import LEAST_CUSTOMERS, WEEKS, in_service, weekly_topics

COLUMNS = ("stability", "names", "coherence", "coverage", "topics", "terms")
STEPS, STEP_WEEKS, TOP = 20, 4, 10
ENCODER = "static"
STATEMENT = (
    f"{STEPS} steps of {STEP_WEEKS} weeks to the end of the file, each seeing the texts of the {WEEKS} weeks before it "
    f"({ENCODER} encoder). stability: of the uses of terms that had a topic a step before and may have one still, the share in "
    f"the same topic. names: of the topics of a step before, the share with the same name. coherence: NPMI of the pairs of a "
    f"topic's {TOP} first terms over the file's texts before the first step, -1 to 1; a pair never together counts -1; a term "
    f"that is not there, and a pair with a word in common, are left out. coverage: share of the keywords' uses that have a "
    f"topic. topics, terms: how many topics a step has, and a topic terms. Terms are keywords of {LEAST_CUSTOMERS} customers and "
    f"more, for all alike. Intervals: {DRAWS} bootstrap draws of steps, seed {SEED}, 95 %."
)
LOOKS = (
    "Thresholds were chosen on steps of 2011 and 2012 (26 weeks each, coherence over the texts after them) and none by these "
    "figures, looked at once."
)


class Step(NamedTuple):
    """What one model says at one step: term -> topic, topic -> its first terms and name."""

    topic_of: dict[str, str]
    first: dict[str, list[str]]
    names: dict[str, str]


class World(NamedTuple):
    """`windows`: by step its week and its texts as `weekly_topics` reads them; `uses`: by step how often each term is used that
    may have a topic; `unseen`: the terms of each text that no step sees."""

    windows: list[tuple[str, pd.DataFrame]]
    uses: list[dict[str, int]]
    unseen: list[set[str]]


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure on a file of Amazon reviews in English.

    Raises:
        InputError: the file cannot be read, or spans too short a time.
        SettingsError: several inputs, an unknown model, or folds, of which there are none.
    """
    if folds is not None:
        raise SettingsError("topics learns nothing in folds; leave --folds out")
    path = one_file(inputs)
    asked = chosen(models, ("nmf", "without_memory", "ours"))
    world = read_world(_features(raw.read_reviews(path), cache))
    if not world.unseen or not any(world.uses):
        raise InputError(
            f"{path}: the newest {STEPS * STEP_WEEKS + WEEKS} weeks have no term of {LEAST_CUSTOMERS} customers, or nothing "
            "is older; give reviews of a longer time"
        )
    ours = list(_ours(world))
    known: dict[str, tuple[str, Callable[[], Sequence[Step]]]] = {
        "nmf": (BASELINES, lambda: _matched(list(_nmf(world, [len(step.first) for step in ours])))),
        "without_memory": (BASELINES, lambda: _matched(list(_without_memory(world)))),
        "ours": (OURS, lambda: ours),
    }
    lines = [Line(name, known[name][0], estimates(*_measured(known[name][1](), world))) for name in asked]
    facts = {
        "texts of a step": float(np.mean([len(texts) for _, texts in world.windows])),
        "terms of a step": float(np.mean([len(uses) for uses in world.uses])),
        "texts never seen": float(len(world.unseen)),
    }
    note = "Both baselines are matched to the step before so that the most likeness is kept; `nmf` has as many topics as ours."
    return Report("topics", STATEMENT, LOOKS, facts, (Table("Topics", COLUMNS, tuple(lines), note),))


# --- the world ---


def _features(reviews: pd.DataFrame, cache: Path) -> pd.DataFrame:
    """The reviews as `weekly_topics` reads them, title and body joined, and `terms`: all terms of each."""
    texts = [f"{title}\n{body}".strip() for title, body in zip(reviews["summary"], reviews["text"], strict=True)]
    encoder = load_encoder(ENCODER, cache)
    vectors = list(reading.embeddings(texts, encoder, cache))
    found = keywords(texts, ["en"] * len(texts), encoder, list(vectors))
    return pd.DataFrame(
        {
            "interaction_id": [f"{row:08d}" for row in range(len(texts))],
            "identity_id": reviews["customer"],
            "day": pd.to_datetime(reviews["day"], unit="D").dt.strftime("%Y-%m-%d"),
            "model": encoder.model,
            "sentiment": 0.0,
            "keywords": [[{"term": term, "weight": weight} for term, weight in each] for each in found],
            "embedding": vectors,
            "terms": [set(english_terms(text)) for text in texts],
        }
    )


def read_world(rows: pd.DataFrame) -> World:
    """The steps up to the newest day of the rows."""
    last = pd.Timestamp(rows["day"].max())
    ends = [last - pd.Timedelta(weeks=STEP_WEEKS * back) for back in range(STEPS - 1, -1, -1)]
    windows = []
    for end in ends:
        since, until = ((end - pd.Timedelta(weeks=back)).date().isoformat() for back in (WEEKS, 0))
        windows.append((until, rows[(rows["day"] > since) & (rows["day"] <= until)].reset_index(drop=True)))
    first = (ends[0] - pd.Timedelta(weeks=WEEKS)).date().isoformat()
    return World(windows, [_uses(texts) for _, texts in windows], rows.loc[rows["day"] <= first, "terms"].tolist())


def _uses(texts: pd.DataFrame) -> dict[str, int]:
    said = texts[["identity_id", "keywords"]].explode("keywords").dropna()
    said = said.assign(term=[entry["term"] for entry in said["keywords"]])
    grouped = said.groupby("term", sort=True)
    counts = grouped.size()[grouped["identity_id"].nunique() >= LEAST_CUSTOMERS]
    return {str(term): int(number) for term, number in counts.items()}


# --- the models ---


def _ours(world: World) -> Iterator[Step]:
    before = TOPICS.arrow.empty_table().to_pandas()
    for week, texts in world.windows:
        before = weekly_topics(texts, before, week)
        yield _step(before)


def _without_memory(world: World) -> Iterator[Step]:
    nothing = TOPICS.arrow.empty_table().to_pandas()
    for week, texts in world.windows:
        yield _step(weekly_topics(texts, nothing, week))


def _step(topics: pd.DataFrame) -> Step:
    rows = in_service(topics)
    terms = {topic: [e["term"] for e in each] for topic, each in zip(rows["topic_id"], rows["terms"], strict=True)}
    topic_of = {term: topic for topic, each in terms.items() for term in each}
    return Step(topic_of, terms, dict(zip(rows["topic_id"], rows["name"], strict=True)))


def _nmf(world: World, sizes: Sequence[int]) -> Iterator[Step]:
    """Of TF-IDF over all terms of the texts; a term's topic is the one that has most of it."""
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    for number, ((_, texts), uses, size) in enumerate(zip(world.windows, world.uses, sizes, strict=True)):
        names = sorted(uses)
        if size < 1 or len(names) <= size:
            yield Step({}, {}, {})
            continue
        weights = TfidfVectorizer(analyzer=list, vocabulary=names).fit_transform([sorted(t) for t in texts["terms"]])
        parts = NMF(size, init="nndsvd", max_iter=500, random_state=SEED).fit(weights).components_
        of = {at: int(parts[:, at].argmax()) for at in range(len(names)) if parts[:, at].max() > 0}
        first = {
            f"{number}/{topic}": [names[at] for at in np.argsort(-part, kind="stable") if of.get(at) == topic]
            for topic, part in enumerate(parts)
        }
        topic_of = {names[at]: f"{number}/{topic}" for at, topic in of.items()}
        yield Step(topic_of, first, {topic: terms[0] for topic, terms in first.items() if terms})


def _matched(steps: Sequence[Step]) -> list[Step]:
    """With the ids of the step before where the assignment that keeps most terms says so (Hungarian)."""
    from scipy.optimize import linear_sum_assignment

    found: list[Step] = []
    for step in steps:
        if found and step.first and found[-1].first:
            old, new = list(found[-1].first), list(step.first)
            shared = np.zeros((len(new), len(old)))
            for term, topic in step.topic_of.items():
                if term in found[-1].topic_of:
                    shared[new.index(topic), old.index(found[-1].topic_of[term])] += 1
            rows, columns = linear_sum_assignment(-shared)
            step = _renamed(step, {new[row]: old[column] for row, column in zip(rows, columns, strict=True)})
        found.append(step)
    return found


def _renamed(step: Step, ids: Mapping[str, str]) -> Step:
    return Step(
        {term: ids.get(topic, topic) for term, topic in step.topic_of.items()},
        {ids.get(topic, topic): terms for topic, terms in step.first.items()},
        {ids.get(topic, topic): name for topic, name in step.names.items()},
    )


# --- the figures ---


def _measured(steps: Sequence[Step], world: World) -> tuple[np.ndarray, Callable[[np.ndarray], dict[str, np.ndarray]]]:
    """The counts of each step, and the figures of COLUMNS of their sums."""
    texts_with: dict[str, set[int]] = {}
    for number, terms in enumerate(world.unseen):
        for term in terms:
            texts_with.setdefault(term, set()).add(number)
    counts = np.zeros((len(steps), 10))
    for at, (step, uses) in enumerate(zip(steps, world.uses, strict=True)):
        if at:
            before = steps[at - 1]
            going_on = [term for term in before.topic_of if term in uses]
            counts[at, 0] = sum(uses[t] for t in going_on if step.topic_of.get(t) == before.topic_of[t])
            counts[at, 1] = sum(uses[term] for term in going_on)
            counts[at, 2] = sum(step.names.get(topic) == name for topic, name in before.names.items())
            counts[at, 3] = len(before.names)
        likeness = [_npmi(terms[:TOP], texts_with, len(world.unseen)) for terms in step.first.values()]
        known = [each for each in likeness if each is not None]
        counts[at, 4:6] = sum(known), len(known)
        counts[at, 6] = sum(number for term, number in uses.items() if term in step.topic_of)
        counts[at, 7:] = sum(uses.values()), len(step.first), len(step.topic_of)

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        same, going_on, named, before, alike, measured, covered, uses, topics, terms = (sums[..., i] for i in range(10))
        parts = (same / going_on, named / before, alike / measured, covered / uses, topics / len(steps), terms / topics)
        return dict(zip(COLUMNS, parts, strict=True))

    return counts, figures


def _npmi(terms: Sequence[str], texts_with: Mapping[str, set[int]], texts: int) -> float | None:
    """The mean over the pairs of terms; None where there is no pair of terms that stand in the texts."""
    found = []
    for one, other in combinations([term for term in terms if term in texts_with], 2):
        if set(one.split()) & set(other.split()):  # "guitar" is in every text that "acoustic guitar" is in
            continue
        both = len(texts_with[one] & texts_with[other]) / texts
        apart = len(texts_with[one]) / texts * len(texts_with[other]) / texts
        found.append(-1.0 if both == 0 else 1.0 if both == 1 else log(both / apart) / -log(both))
    return float(np.mean(found)) if found else None
