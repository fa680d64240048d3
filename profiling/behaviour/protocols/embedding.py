"""What vectors of an encoder are worth: do they find a text by its other half, and tell whether its writer is satisfied?

English: a review is found among all by its title. Chinese: a line is found by its first half among the second halves of all.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from profiling.behaviour.evaluation import DRAWS, SEED, Estimate, estimate
from profiling.behaviour.protocols import raw, reading, satisfied
from profiling.behaviour.protocols.chinese_texts import labelled_lines
from profiling.behaviour.protocols.counting import estimates
from profiling.behaviour.protocols.english_texts import SATISFIED_FROM
from profiling.behaviour.protocols.nested import logistic
from profiling.behaviour.protocols.report import BASELINES, OURS, Line, Report, Table, one_file
from profiling.behaviour.splits import Split, grouped_folds
from profiling.errors import InputError
from profiling.text.embedding import load_encoder

COLUMNS = ("mrr", "hit@1", "hit@10", "roc_auc")
ENCODERS = ("static", "english")  # of the package; --models may name any value of PROFILING_EMBEDDING
LATENT = "lsa"
MOST, LEAST_CHARACTERS = 2000, 12
STATEMENT = (
    f"Retrieval: the first {MOST} texts by the hash of their text, copies once, with a title of {LEAST_CHARACTERS} characters "
    f"(Chinese: lines of {2 * LEAST_CHARACTERS}, cut in the middle); cosine; ties take the mean rank. roc_auc: logistic "
    f"regression (C=10) on the same texts' vectors, rating >= 4 (Chinese: the file), {satisfied.FOLDS} folds of customers "
    f"(lines), seed {SEED}, mean over folds. {LATENT}: TF-IDF of words (Chinese: jieba's) and 256 singular vectors, of all texts "
    f"measured. Intervals: {DRAWS} bootstrap draws, 95 %."
)
LOOKS = "No encoder was chosen or changed by these figures; looked at once."


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure encoders on a file of Amazon reviews, or on two files of lines.

    Args:
        inputs, cache: as `satisfied.run`.
        models: encoders, each a value of `PROFILING_EMBEDDING`, or `lsa`; default all of the package.
        folds: only the first so many of the probe's folds.

    Raises:
        InputError: a file cannot be read, or has too few texts.
        SettingsError: no such encoder, or files of another number or name.
    """
    language = satisfied.language_of(inputs)
    asked, texts, labels, groups = _english(one_file(inputs)) if language == "english" else _chinese(inputs)
    if len(texts) < 2 * satisfied.FOLDS:
        raise InputError(f"{len(texts)} texts of enough characters; give a larger file")
    splits = grouped_folds(labels, groups, satisfied.FOLDS, SEED)[:folds]
    lines = []
    for name in models if models is not None else (LATENT, *ENCODERS):
        queries, documents = _vectors(name, asked, texts, language, cache)
        figures = _retrieval(queries, documents) | {"roc_auc": _probe(documents, labels, groups, splits)}
        lines.append(Line(name, BASELINES if name == LATENT else OURS, figures))
    facts = {"texts": len(texts), "share satisfied": float(labels.mean())}
    note = "An encoder that cannot read the language is measured all the same: in service its texts have no vector."
    return Report("embedding", STATEMENT, LOOKS, facts, (Table(f"Encoders, {language}", COLUMNS, tuple(lines), note),))


def _english(path: Path) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """(titles, bodies, labels, customers)."""
    reviews = raw.read_reviews(path)
    rows = reviews[(reviews["summary"].str.len() >= LEAST_CHARACTERS) & reviews["text"].str.strip().ne("")]
    rows = rows.drop_duplicates("text").assign(order=[_order(text) for text in rows.drop_duplicates("text")["text"]])
    rows = rows.sort_values("order").head(MOST)
    labels = (rows["rating"] >= SATISFIED_FROM).to_numpy(dtype=int)
    return rows["summary"].tolist(), rows["text"].tolist(), labels, rows["customer"].to_numpy()


def _chinese(paths: Sequence[Path]) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """(first halves, second halves, labels, a group for every line)."""
    texts, labels, _ = labelled_lines(paths)
    kept = [row for row, text in enumerate(texts) if len(text) >= 2 * LEAST_CHARACTERS]
    kept = sorted(kept, key=lambda row: _order(texts[row]))[:MOST]
    halves = [(texts[row][: len(texts[row]) // 2], texts[row][len(texts[row]) // 2 :]) for row in kept]
    return [first for first, _ in halves], [second for _, second in halves], labels[kept], np.arange(len(kept))


def _order(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _vectors(
    name: str, asked: list[str], texts: list[str], language: str, cache: Path
) -> tuple[np.ndarray, np.ndarray]:
    if name != LATENT:
        encoder = load_encoder(name, cache)
        return reading.embeddings(asked, encoder, cache), reading.embeddings(texts, encoder, cache)
    from sklearn.decomposition import TruncatedSVD

    from profiling.behaviour.protocols.terms import jieba_counts, tfidf, word_counts

    every = [*texts, *asked]
    counts = jieba_counts(every, 1) if language == "chinese" else word_counts(every, 1)
    rows = np.arange(len(every))
    weights, _ = tfidf(counts, rows, rows, fewest=2, is_sublinear=True)
    size = min(256, min(weights.shape) - 1)
    found = TruncatedSVD(size, random_state=SEED).fit_transform(weights)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return found[len(texts) :], found[: len(texts)]


def _retrieval(queries: np.ndarray, documents: np.ndarray) -> dict[str, Estimate]:
    likeness = queries.astype(np.float64) @ documents.astype(np.float64).T
    own = np.diag(likeness)[:, None]
    ranks = 1 + (likeness > own).sum(axis=1) + ((likeness == own).sum(axis=1) - 1) / 2
    counts = np.column_stack([np.ones(len(ranks)), 1 / ranks, ranks < 1.5, ranks <= 10])

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        return {name: sums[..., at] / sums[..., 0] for at, name in enumerate(COLUMNS[:3], 1)}

    return estimates(counts, figures)


def _probe(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray, splits: Sequence[Split]) -> Estimate:
    scores, fold = np.zeros(len(labels)), np.full(len(labels), -1)
    for number, split in enumerate(splits):
        scores[split.test] = logistic(vectors[split.train], labels[split.train], vectors[split.test], C=10.0)
        fold[split.test] = number
    tested = fold >= 0
    return estimate("roc_auc", labels[tested], scores[tested], groups=groups[tested], folds=fold[tested])
