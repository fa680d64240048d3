"""Logistic regression on the words of a text: simple, and on short reviews hard to beat."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from profiling.behaviour.models import _files
from profiling.behaviour.models._explanations import LOG_ODDS, explanation, probability_of
from profiling.behaviour.models._inputs import labels_of, one_thread, refuse_unfitted, texts_of
from profiling.behaviour.models.contract import Contribution, Explanation
from profiling.errors import InputError, SettingsError

_VOCABULARY, _WEIGHTS = "vocabulary.json", "weights.safetensors"

# What counts as a term, as scikit-learn's vectoriser takes it. Characters read Chinese as well as jieba's words do, and
# need no dictionary.
_TERMS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2)},
    "characters": {"analyzer": "char", "ngram_range": (1, 3)},
    "jieba": {"ngram_range": (1, 2), "token_pattern": None},
}


class TfidfLogisticRegression:
    """TF-IDF of terms (1 + log count, smoothed idf, rows of length 1) and a logistic regression with L2 penalty 1 / C.

    log odds = intercept + sum over the text's terms of tf-idf * coefficient, so each term's share is exact. Terms not
    seen in at least `min_texts` texts of the training say nothing.
    """

    name: ClassVar[str] = "tfidf_logistic_regression"
    reads: ClassVar[str] = "text"

    def __init__(
        self, *, terms: str = "words", min_texts: int = 2, C: float = 10.0, is_balanced: bool = True, seed: int = 0
    ) -> None:
        if terms not in _TERMS:
            raise SettingsError(f"terms={terms!r} is none of {', '.join(_TERMS)}")
        # Balanced: both classes weigh the same. Of reviews nine in ten are good, and .5 would hardly ever say bad.
        self.params: dict[str, Any] = {
            "terms": terms,
            "min_texts": min_texts,
            "C": C,
            "is_balanced": is_balanced,
            "seed": seed,
        }
        self._vectorizer: Any = None
        self._names = np.zeros(0, dtype=object)
        self._coefficients = np.zeros(0)
        self._intercept = 0.0

    def fit(self, inputs: pd.DataFrame, labels: np.ndarray) -> Self:
        from sklearn.linear_model import LogisticRegression

        texts, targets = texts_of(inputs), labels_of(labels, len(inputs))
        vectorizer = self._new_vectorizer(min_df=self.params["min_texts"])
        try:
            weights = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise InputError(
                f"the {len(texts)} texts hold no term to learn from ({error}); look for empty texts"
            ) from error
        with one_thread():
            found = LogisticRegression(
                C=self.params["C"],
                class_weight="balanced" if self.params["is_balanced"] else None,
                max_iter=1000,
                random_state=self.params["seed"],
            ).fit(weights, targets)
        self._set(vectorizer, found.coef_[0].astype(np.float64), float(found.intercept_[0]))
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        _, scores = self._weights_and_scores(inputs)
        return probability_of(scores)

    def explain(self, inputs: pd.DataFrame) -> list[Explanation]:
        weights, scores = self._weights_and_scores(inputs)
        explained = []
        for row, score in enumerate(scores):
            inside = slice(weights.indptr[row], weights.indptr[row + 1])
            terms = weights.indices[inside]
            contributions = [
                Contribution(str(name), float(weight), float(weight * coefficient))
                for name, weight, coefficient in zip(
                    self._names[terms], weights.data[inside], self._coefficients[terms], strict=True
                )
            ]
            explained.append(explanation(LOG_ODDS, self._intercept, contributions, score))
        return explained

    def vocabulary(self) -> frozenset[str]:
        return frozenset(map(str, self._names))

    def words(self, text: str) -> list[str]:
        analyse: Callable[[str], list[str]] = self._fitted().build_analyzer()
        return analyse(text)

    def save(self, folder: Path) -> None:
        vectorizer = self._fitted()
        files = {
            _VOCABULARY: _files.as_json(self._names.tolist()).encode(),
            _WEIGHTS: _files.arrays_to_bytes({"idf": vectorizer.idf_, "coefficients": self._coefficients}),
        }
        _files.write(folder, self.name, self.params, {"intercept": self._intercept}, files)

    @classmethod
    def load(cls, folder: Path) -> Self:
        saved = _files.read(folder, cls.name)
        model, arrays = cls(**saved["params"]), _files.arrays_from_bytes(saved["files"][_WEIGHTS])
        names = json.loads(saved["files"][_VOCABULARY])
        vectorizer = model._new_vectorizer(vocabulary={name: at for at, name in enumerate(names)})
        vectorizer.idf_ = arrays["idf"]
        model._set(vectorizer, arrays["coefficients"], saved["state"]["intercept"])
        return model

    def _new_vectorizer(self, **more: Any) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        terms = self.params["terms"]
        tokenizer = {"tokenizer": _chinese_words()} if terms == "jieba" else {}
        return TfidfVectorizer(sublinear_tf=True, **_TERMS[terms], **tokenizer, **more)

    def _set(self, vectorizer: Any, coefficients: np.ndarray, intercept: float) -> None:
        self._vectorizer, self._coefficients, self._intercept = vectorizer, coefficients, intercept
        self._names = np.array(sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__), dtype=object)

    def _weights_and_scores(self, inputs: pd.DataFrame) -> tuple[Any, np.ndarray]:
        """The tf-idf of every text (sparse CSR, n x terms) and its log odds (n,)."""
        vectorizer, texts = self._fitted(), texts_of(inputs)
        # scikit-learn refuses to transform nothing
        weights = vectorizer.transform(texts or [""])[: len(texts)].tocsr()
        weights.sort_indices()
        # A sparse row is summed term by term, whatever rows are above and below it.
        return weights, np.asarray(weights @ self._coefficients + self._intercept)

    def _fitted(self) -> Any:
        if self._vectorizer is None:
            refuse_unfitted(self.name)
        return self._vectorizer


def _chinese_words() -> Callable[[str], list[str]]:
    from profiling.text.lexicons import chinese

    tokenizer = chinese()[0]
    # Marks are no words: `!` stands in delight and in anger, and as a reason it says nothing.
    return lambda text: [word for word in tokenizer.lcut(text) if any(letter.isalnum() for letter in word)]
