"""Words, characters, meaning and mood of a text, each learned apart and weighed by what each tells of texts it has not seen."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd

from profiling.behaviour.models import _files
from profiling.behaviour.models._explanations import LOG_ODDS, explanation, probability_of
from profiling.behaviour.models._inputs import labels_of, one_thread, refuse_unfitted, texts_of
from profiling.behaviour.models.contract import EMBEDDING, ENCODER, Contribution, Explanation
from profiling.errors import InputError

_WEIGHTS = "weights.safetensors"
_WORD_OR_MARK = re.compile(r"\w+|[!?]")
_SENTENCE = re.compile(r"[^.!?。！？\n]*[!?！？]*")
OPENING = 12  # words of the first sentence; a title has no more
_FOREIGN = re.compile(r"[^\W\d_]", re.UNICODE)
MARKS = "!?！？…~"
# What the columns beside the embedding are called as reasons.
MEANING, MOOD, SHAPE = "(meaning)", "(mood by lexicons)", "(length and marks)"


class _Terms(NamedTuple):
    """A part that counts terms: their weights in the whole, and how a text becomes terms."""

    names: np.ndarray  # (terms,) str
    columns: dict[str, int]  # where each stands
    idf: np.ndarray  # (terms,)
    coefficients: np.ndarray  # (terms,) log odds of the whole per unit of tf-idf, of all regressions that read it

    @classmethod
    def of(cls, names: Sequence[str], idf: np.ndarray, coefficients: np.ndarray) -> "_Terms":
        return cls(np.array(names, dtype=object), {name: at for at, name in enumerate(names)}, idf, coefficients)


class TextStack:
    """Four regressions and one that weighs them.

    `plain`: TF-IDF of one and two words (jieba's where the text is not plain ASCII), `!` and `?` among them, beside that of runs
    of one to four letters that are not ASCII, such as Chinese. `ratios`: the same with NB-SVM's weights (Wang and Manning, ACL
    2012). `opening`: words of the first sentence, up to three in a run: of a review its title. `meaning`: the embedding where
    the inputs have one (EMBEDDING, ENCODER), the lexicons' sentiment, length and marks. The weights come from scores of inner
    folds, so none was learned from scores of texts that a regression had seen; they make the probabilities calibrated.

    All of it is linear: log odds = base + what each term, the embedding, the lexicons and the shape add, exactly.
    """

    name: ClassVar[str] = "text_stack"
    reads: ClassVar[str] = "text"

    def __init__(self, *, min_texts: int = 2, inner_folds: int = 3, seed: int = 0) -> None:
        self.params: dict[str, Any] = {"min_texts": min_texts, "inner_folds": inner_folds, "seed": seed}
        self._parts: dict[str, _Terms] = {}
        self._dense: dict[str, np.ndarray] = {}  # mean, scale, coefficients of the dense columns; knots of the length
        self._encoder = ""
        self._base: float | None = None

    def fit(self, inputs: pd.DataFrame, labels: np.ndarray) -> Self:
        texts, targets = texts_of(inputs), labels_of(labels, len(inputs)).astype(np.int64)
        folds = min(self.params["inner_folds"], int(np.bincount(targets).min()))
        if folds < 2:
            raise InputError("a stack needs two texts of each class; take a longer period")
        self._encoder = _main_encoder(inputs)
        knots = _knots(texts)
        dense = _dense(inputs, texts, self._encoder, knots)
        counts = {name: _counted(texts, analyse, self.params["min_texts"]) for name, analyse in _ANALYSERS.items()}
        if all(not names for names, _ in counts.values()):
            raise InputError(f"the {len(texts)} texts hold no term to learn from; look for empty texts")
        with one_thread():
            self._learn(counts, dense, targets, folds)
        self._dense["knots"] = knots
        return self

    def _learn(
        self, counts: dict[str, tuple[list[str], Any]], dense: np.ndarray, targets: np.ndarray, folds: int
    ) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold

        matrices = {name: matrix for name, (_, matrix) in counts.items()}
        every = np.arange(len(targets))
        within = np.zeros((len(targets), len(_REGRESSIONS) + 1))
        for known, new in StratifiedKFold(folds, shuffle=True, random_state=self.params["seed"]).split(every, targets):
            for column, regression in enumerate(_REGRESSIONS):
                within[new, column] = _fitted_terms(regression, matrices, targets, known)[0](new)
            within[new, -1] = _fitted_meaning(dense, targets, known)[0](new)
        mean, spread = within.mean(axis=0), within.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        weigh = LogisticRegression(C=1.0, max_iter=1000).fit((within - mean) / spread, targets)
        weights = weigh.coef_[0] / spread
        base = float(weigh.intercept_[0] - (mean * weights).sum())
        # Regressions that read the same terms differ in coefficients alone: weighed, they are one.
        added = {name: np.zeros(matrix.shape[1]) for name, matrix in matrices.items()}
        for regression, weight in zip(_REGRESSIONS, weights[:-1], strict=True):
            _, learned, intercept = _fitted_terms(regression, matrices, targets, every)
            base += float(weight * intercept)
            for name, coefficients in learned.items():
                added[name] += weight * coefficients
        for name, matrix in matrices.items():
            self._parts[name] = _Terms.of(counts[name][0], _idf(matrix), added[name])
        _, self._dense = _fitted_meaning(dense, targets, every)
        base += float(weights[-1] * self._dense.pop("intercept"))
        self._dense["coefficients"] = self._dense["coefficients"] * weights[-1]
        self._base = base

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        return probability_of(self._scored(inputs)[0])

    def explain(self, inputs: pd.DataFrame) -> list[Explanation]:
        scores, terms, dense = self._scored(inputs)
        mood, _ = _mood_and_shape(texts_of(inputs))
        size = _size(len(self._dense["mean"]), self._dense["knots"])
        explained = []
        for row, score in enumerate(scores):
            amounts: dict[str, tuple[float, float]] = {}
            for part, weights in terms.items():
                inside = slice(weights.indptr[row], weights.indptr[row + 1])
                known, at = self._parts[part], weights.indices[inside]
                for name, value, coefficient in zip(
                    known.names[at], weights.data[inside], known.coefficients[at], strict=True
                ):
                    before = amounts.get(name, (0.0, 0.0))
                    amounts[str(name)] = max(before[0], float(value)), before[1] + float(value * coefficient)
            amounts[MEANING] = float(size > 0), float(dense[row, :size].sum())
            amounts[MOOD] = float(mood[row]), float(dense[row, size])
            amounts[SHAPE] = 1.0, float(dense[row, size + 1 :].sum())
            contributions = [Contribution(name, value, amount) for name, (value, amount) in amounts.items()]
            explained.append(explanation(LOG_ODDS, self._fitted(), contributions, score))
        return explained

    def vocabulary(self) -> frozenset[str]:
        return frozenset(name for part in self._parts.values() for name in part.columns)

    def words(self, text: str) -> list[str]:
        return [term for analyse in _ANALYSERS.values() for term in analyse(text)]

    def save(self, folder: Path) -> None:
        state = {"base": self._fitted(), "encoder": self._encoder}
        files, arrays = {}, {f"meaning_{name}": array for name, array in self._dense.items()}
        for part, learned in self._parts.items():
            files[f"{part}.json"] = _files.as_json(learned.names.tolist()).encode()
            arrays |= {f"{part}_idf": learned.idf, f"{part}_coefficients": learned.coefficients}
        files[_WEIGHTS] = _files.arrays_to_bytes(arrays)
        _files.write(folder, self.name, self.params, state, files)

    @classmethod
    def load(cls, folder: Path) -> Self:
        saved = _files.read(folder, cls.name)
        model, arrays = cls(**saved["params"]), _files.arrays_from_bytes(saved["files"][_WEIGHTS])
        for part in _ANALYSERS:
            names = json.loads(saved["files"][f"{part}.json"])
            model._parts[part] = _Terms.of(names, arrays[f"{part}_idf"], arrays[f"{part}_coefficients"])
        model._dense = {name: arrays[f"meaning_{name}"] for name in ("mean", "scale", "coefficients")}
        model._dense["knots"] = arrays.get("meaning_knots", np.zeros(0))  # models of before have none
        model._base, model._encoder = saved["state"]["base"], saved["state"]["encoder"]
        return model

    def _scored(self, inputs: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any], np.ndarray]:
        """Log odds (n,), tf-idf by part (sparse, n x terms), and what each dense column adds (n, d)."""
        base, texts = self._fitted(), texts_of(inputs)
        scores = np.full(len(texts), base)
        terms = {}
        for part, learned in self._parts.items():
            terms[part] = _tfidf(_count(texts, _ANALYSERS[part], learned.columns), learned.idf)
            # A sparse row is summed term by term, whatever rows are above and below it.
            scores = scores + np.asarray(terms[part] @ learned.coefficients)
        knots = self._dense["knots"]
        size = _size(len(self._dense["mean"]), knots)
        dense = _scaled(_dense(inputs, texts, self._encoder, knots, size), self._dense)
        dense = np.ascontiguousarray(dense * self._dense["coefficients"])
        # Summed by numpy, not BLAS: the order of a row's sum must not depend on how many rows there are.
        return scores + dense.sum(axis=1), terms, dense

    def _fitted(self) -> float:
        if self._base is None:
            refuse_unfitted(self.name)
        return self._base


# --- terms -------------------------------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    single = _single(text)
    return single + [f"{one} {two}" for one, two in pairwise(single)]


def _opening(text: str) -> list[str]:
    """Runs of one to three words of the first sentence: of a review its title, which says in short what it thinks."""
    single = _single(_SENTENCE.match(text.lstrip())[0])[:OPENING]  # type: ignore[index]  # it matches the empty text too
    return [" ".join(single[at : at + size]) for size in range(1, 4) for at in range(len(single) - size + 1)]


def _single(text: str) -> list[str]:
    low = text.lower()
    if low.isascii():
        return _WORD_OR_MARK.findall(low)
    from profiling.text.lexicons import chinese

    return [word for word in chinese()[0].lcut(low) if word in MARKS or any(map(str.isalnum, word))]


def _characters(text: str) -> list[str]:
    """Runs of one to four letters that are not ASCII, within one stretch of such letters."""
    found: list[str] = []
    if text.isascii():
        return found
    stretch = ""
    for sign in [*text.lower(), " "]:
        if not sign.isascii() and _FOREIGN.match(sign):
            stretch += sign
            continue
        found += [stretch[at : at + size] for size in range(1, 5) for at in range(len(stretch) - size + 1)]
        stretch = ""
    return found


_ANALYSERS: dict[str, Callable[[str], list[str]]] = {"words": _words, "opening": _opening, "characters": _characters}
# By name: the terms it reads side by side, and whether they have NB-SVM's weights.
_REGRESSIONS: dict[str, tuple[tuple[str, ...], bool]] = {
    "plain": (("words", "characters"), False),
    "ratios": (("words", "characters"), True),
    "opening": (("opening",), False),
}


def _counted(texts: Sequence[str], analyse: Callable[[str], list[str]], fewest: int) -> tuple[list[str], Any]:
    """(terms in `fewest` texts or more, ascending; their counts, sparse (n, terms)). Every text is cut into terms once."""
    from scipy.sparse import csr_matrix

    columns: dict[str, int] = {}
    rows = [np.array([columns.setdefault(term, len(columns)) for term in analyse(text)], np.int32) for text in texts]
    starts = np.cumsum([0, *map(len, rows)])
    indices = np.concatenate([np.zeros(0, np.int32), *rows])
    counts = csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(texts), len(columns)))
    counts.sum_duplicates()
    frequency = np.bincount(counts.indices, minlength=len(columns))
    names = sorted(term for term, column in columns.items() if frequency[column] >= fewest)
    kept = counts[:, [columns[name] for name in names]]
    kept.sort_indices()
    return names, kept


def _count(texts: Sequence[str], analyse: Callable[[str], list[str]], columns: dict[str, int]) -> Any:
    from scipy.sparse import csr_matrix

    starts, indices, counts = [0], [], []
    for text in texts:
        row: dict[int, int] = {}
        for term in analyse(text):
            if (column := columns.get(term)) is not None:
                row[column] = row.get(column, 0) + 1
        inside = sorted(row)
        indices += inside
        counts += [row[column] for column in inside]
        starts.append(len(indices))
    shape = (len(texts), len(columns))
    return csr_matrix((np.array(counts, dtype=np.float64), np.array(indices, dtype=np.int64), starts), shape=shape)


def _tfidf(counts: Any, idf: np.ndarray) -> Any:
    """1 + log count, times idf, rows of length 1; in place of counts."""
    from scipy.sparse import csr_matrix

    data = (1 + np.log(counts.data)) * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    squares = np.bincount(rows, weights=data * data, minlength=counts.shape[0])
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    return csr_matrix((data / lengths[rows], counts.indices, counts.indptr), shape=counts.shape)


def _idf(counts: Any) -> np.ndarray:
    """scikit-learn's smoothed idf, ln((1 + n) / (1 + df)) + 1, (terms,)."""
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.log((1 + counts.shape[0]) / (1 + frequency)) + 1


def _class_ratios(weights: Any, targets: np.ndarray) -> np.ndarray:
    """log of how much oftener a term stands in texts of label 1 than of label 0, (terms,), one added to each."""
    ones, zeros = (np.bincount(weights[targets == k].indices, minlength=weights.shape[1]) + 1.0 for k in (1, 0))
    return np.log(ones / ones.sum()) - np.log(zeros / zeros.sum())


# --- regressions -------------------------------------------------------------------------------------------------------------


def _fitted_terms(
    regression: str, matrices: Mapping[str, Any], targets: np.ndarray, known: np.ndarray
) -> tuple[Callable[[np.ndarray], np.ndarray], dict[str, np.ndarray], float]:
    """One of _REGRESSIONS that learned from the rows `known`: (scores of other rows, coefficients by analyser, intercept)."""
    from scipy.sparse import hstack

    analysers, has_ratios = _REGRESSIONS[regression]
    names = [name for name in analysers if matrices[name].shape[1]]
    if not names:
        return lambda new: np.zeros(len(new)), {}, 0.0
    idf = {name: _idf(matrices[name][known]) for name in names}
    blocks = [_tfidf(matrices[name][known], idf[name]) for name in names]
    ratios = [_class_ratios(block, targets[known]) if has_ratios else np.ones(block.shape[1]) for block in blocks]
    rows = hstack([block.multiply(ratio) for block, ratio in zip(blocks, ratios, strict=True)]).tocsr()
    found, intercept = _logistic(rows, targets[known], C=5.0)
    ends = np.cumsum([block.shape[1] for block in blocks])[:-1]
    learned = dict(zip(names, np.split(found * np.concatenate(ratios), ends), strict=True))

    def score(new: np.ndarray) -> np.ndarray:
        parts = [_tfidf(matrices[name][new], idf[name]) @ learned[name] for name in names]
        return np.asarray(np.sum(parts, axis=0) + intercept)

    return score, learned, intercept


def _fitted_meaning(
    dense: np.ndarray, targets: np.ndarray, known: np.ndarray
) -> tuple[Callable[[np.ndarray], np.ndarray], dict[str, Any]]:
    seen = dense[known]
    is_there = ~np.isnan(seen)
    held = np.maximum(is_there.sum(axis=0), 1)
    mean = np.where(is_there, seen, 0.0).sum(axis=0) / held
    spread = np.sqrt((np.where(is_there, seen - mean, 0.0) ** 2).sum(axis=0) / held)
    learned: dict[str, Any] = {"mean": mean, "scale": np.where(spread > 1e-9, spread, 1.0)}
    coefficients, intercept = _logistic(_scaled(seen, learned), targets[known], C=0.003 if seen.shape[1] > 64 else 0.1)
    learned |= {"coefficients": coefficients, "intercept": intercept}
    return lambda new: (_scaled(dense[new], learned) * coefficients).sum(axis=1) + intercept, learned


def _scaled(dense: np.ndarray, learned: dict[str, Any]) -> np.ndarray:
    """Standardised; what is not known counts as the mean."""
    return np.nan_to_num((dense - learned["mean"]) / learned["scale"], nan=0.0)


def _logistic(rows: Any, targets: np.ndarray, *, C: float) -> tuple[np.ndarray, float]:
    """(coefficients, intercept); both classes weigh the same."""
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression

    solver = "liblinear" if issparse(rows) else "lbfgs"
    found = LogisticRegression(C=C, class_weight="balanced", solver=solver, max_iter=1000, random_state=0)
    found.fit(rows, targets)
    return found.coef_[0].astype(np.float64), float(found.intercept_[0])


# --- meaning, mood and shape -------------------------------------------------------------------------------------------

_SHAPE_COLUMNS = 1 + len(MARKS)


def _main_encoder(inputs: pd.DataFrame) -> str:
    """The encoder that made most of the vectors; ties by name; "" where there is none."""
    if EMBEDDING not in inputs.columns or ENCODER not in inputs.columns:
        return ""
    made_by = inputs.loc[[vector is not None for vector in inputs[EMBEDDING]], ENCODER]
    counts = made_by.value_counts()
    return "" if counts.empty else str(min(counts.index, key=lambda name: (-counts[name], name)))


def _knots(texts: Sequence[str]) -> np.ndarray:
    """Where the line of the length bends: lengths are not good or bad in proportion (ascending, log of 1 + characters)."""
    return np.unique(np.quantile([np.log1p(len(text)) for text in texts], (0.1, 0.25, 0.5, 0.75, 0.9)))


def _size(width: int, knots: np.ndarray) -> int:
    """Of `width` dense columns, those of the embedding."""
    return width - 1 - _SHAPE_COLUMNS - len(knots)


def _dense(
    inputs: pd.DataFrame, texts: list[str], encoder: str, knots: np.ndarray, size: int | None = None
) -> np.ndarray:
    """(n, d + 1 + shape + knots): the encoder's vectors (NaN where a row has none), the lexicons' sentiment, length and marks,
    and how far the length is beyond each knot. d is `size`, or where that is None the length of the vectors there are."""
    mood, shape = _mood_and_shape(texts)
    vectors: list[np.ndarray | None] = [None] * len(texts)
    if encoder and EMBEDDING in inputs.columns and ENCODER in inputs.columns:
        pairs = zip(inputs[EMBEDDING], inputs[ENCODER], strict=True)
        vectors = [
            np.asarray(vector) if made_by == encoder and vector is not None else None for vector, made_by in pairs
        ]
    found = [vector for vector in vectors if vector is not None]
    if size is None:
        size = len(found[0]) if found else 0
    block = np.full((len(texts), size), np.nan)
    for row, vector in enumerate(vectors):
        if vector is not None:
            block[row] = vector
    beyond = np.maximum(shape[:, :1] - knots, 0.0)
    return np.column_stack([block, mood, shape, beyond])


def _mood_and_shape(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    mood = np.array([_mood(text) for text in texts], dtype=np.float64)
    shape = [[float(np.log1p(len(text))), *(float(np.log1p(text.count(mark))) for mark in MARKS)] for text in texts]
    return mood, np.array(shape, dtype=np.float64).reshape(len(texts), _SHAPE_COLUMNS)


@lru_cache(maxsize=1 << 18)  # one training reads every text several times
def _mood(text: str) -> float:
    """By the lexicons that are always there, so that a model means the same on every machine."""
    from profiling.text.language import detect
    from profiling.text.sentiment import ALWAYS, score

    return float(score([text], detect([text]), ALWAYS)[0][0])
