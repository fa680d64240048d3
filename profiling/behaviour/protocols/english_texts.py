"""Reviews in English: the label is the rating, and what can be learned from summary and text."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from profiling.behaviour.evaluation import SEED
from profiling.behaviour.protocols import raw, reading
from profiling.behaviour.protocols.nested import Recipe, World, logistic, side_by_side
from profiling.behaviour.protocols.terms import WORDS_AND_MARKS, tfidf, word_counts

SATISFIED_FROM = 4  # stars

RECIPES = {
    "lexicons": Recipe(("lexicons",)),
    "tfidf_c1_text": Recipe(("tfidf_c1_text",)),
    "tfidf_text": Recipe(("tfidf_text",)),
    "tfidf": Recipe(("tfidf",)),
    "minilm": Recipe(("minilm",)),
    "logit_mean": Recipe(("tfidf", "minilm"), base="tfidf"),
    "words": Recipe(("words",), base="tfidf"),
    "meaning": Recipe(("meaning",), base="minilm"),
    "stack": Recipe(("words", "stars", "meaning"), is_stack=True, base="logit_mean"),
    "customer_profiler": Recipe(("customer_profiler",), has_threshold=False, base="tfidf_text"),
}


def english_world(path: Path, cache: Path) -> World:
    """The reviews of an Amazon file with label rating >= 4, grouped by customer.

    Raises:
        InputError: the file cannot be read.
    """
    texts = EnglishTexts(raw.read_reviews(path), cache)
    facts = {
        "reviews": len(texts.labels),
        "customers": texts.reviews["customer"].nunique(),
        "distinct texts": len(set(texts.sentences)),
        "share satisfied": float(texts.labels.mean()),
    }
    parts = {name: getattr(texts, name) for recipe in RECIPES.values() for name in recipe.parts}
    return World(texts.labels, texts.reviews["customer"].to_numpy(), parts, RECIPES, facts)


class EnglishTexts:
    """The parts of the models: each method scores the rows `test` after learning from the rows `train`.

    Args:
        reviews: rating, summary, text (`raw.read_reviews`).
        cache: folder of embeddings and sentiments already computed.
    """

    def __init__(self, reviews: pd.DataFrame, cache: Path) -> None:
        self.reviews, self._cache = reviews, cache
        self.labels = (reviews["rating"] >= SATISFIED_FROM).to_numpy(dtype=int)
        self.summaries, self.bodies = reviews["summary"].tolist(), reviews["text"].tolist()
        both = list(zip(self.summaries, self.bodies, strict=True))
        self.joined = [f"{summary} {body}" for summary, body in both]
        self.sentences = [f"{summary}. {body}" for summary, body in both]

    # --- the baselines' ---

    def lexicons(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """VADER and TextBlob by sentences; learns nothing. A sentiment s counts as the probability (1 + s) / 2."""
        sentiment = np.clip(self._sentiments[test], -0.999, 0.999)
        return np.log1p(sentiment) - np.log1p(-sentiment)

    def tfidf_c1_text(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, new = _terms_of(self._body_counts, train, test)
        return logistic(known, self.labels[train], new, C=1.0)

    def tfidf_text(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, new = _terms_of(self._body_counts, train, test)
        return logistic(known, self.labels[train], new, C=10.0, is_balanced=True)

    def tfidf(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, new = _terms_of(self._joined_counts, train, test)
        return logistic(known, self.labels[train], new, C=10.0, is_balanced=True)

    def minilm(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        return logistic(self.vectors[train], self.labels[train], self.vectors[test], C=10.0)

    def customer_profiler(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """The article's network on the first 100 tokens of the text."""
        from profiling.behaviour.models import make
        from profiling.behaviour.models.contract import TEXT

        texts = pd.DataFrame({TEXT: self.bodies})
        fit = make("customer_profiler", max_tokens=100, seed=SEED).fit(texts.iloc[train], self.labels[train])
        chances = np.clip(fit.predict_proba(texts.iloc[test]), 1e-9, 1 - 1e-9)
        return np.log(chances) - np.log1p(-chances)

    # --- ours ---

    def words(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, new = self._terms(train, test)
        return logistic(known, self.labels[train], new, C=5.0, is_balanced=True)

    def stars(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """The rating foretold, as stars above the limit: three stars are nearer to four than one is, and no label says so."""
        from sklearn.linear_model import Ridge

        known, new = self._terms(train, test)
        fit = Ridge(alpha=2.0, solver="sparse_cg").fit(known, self.reviews["rating"].to_numpy()[train])
        return np.asarray(fit.predict(new)) - (SATISFIED_FROM - 0.5)

    def meaning(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Embeddings of the whole and of the summary alone, with sentiments and lengths, scaled."""
        mean, spread = self._meanings[train].mean(axis=0), self._meanings[train].std(axis=0)
        known, new = ((self._meanings[rows] - mean) / np.where(spread > 0, spread, 1) for rows in (train, test))
        return logistic(known, self.labels[train], new, C=0.003, is_balanced=True)

    def _terms(self, train: np.ndarray, test: np.ndarray) -> tuple[Any, Any]:
        """Words and marks of the whole, and once more those of the summary alone: short, it says most; half as heavy."""
        counts = self._whole_counts, self._summary_counts
        return side_by_side([_terms_of(each, train, test) for each in counts], (1.0, 0.5))

    # --- what texts are turned into, once, without any label ---

    @cached_property
    def _body_counts(self) -> Any:
        return word_counts(self.bodies, 2)

    @cached_property
    def _joined_counts(self) -> Any:
        return word_counts(self.joined, 2)

    @cached_property
    def _whole_counts(self) -> Any:
        return word_counts(self.joined, 2, WORDS_AND_MARKS)

    @cached_property
    def _summary_counts(self) -> Any:
        return word_counts(self.summaries, 3, WORDS_AND_MARKS)

    @cached_property
    def _sentiments(self) -> np.ndarray:
        return reading.sentiments(self.sentences, "en", self._cache)

    @cached_property
    def vectors(self) -> np.ndarray:
        return self._embedded(self.sentences)

    @cached_property
    def _meanings(self) -> np.ndarray:  # (n, 2 x dimension + 7)
        others = [reading.sentiments(texts, "en", self._cache) for texts in (self.summaries, self.bodies)]
        lengths = [np.log1p([len(text) for text in texts]) for texts in (self.bodies, self.summaries)]
        marks = [[text.count(mark) for text in self.sentences] for mark in "!?"]
        return np.column_stack(
            [self.vectors, self._embedded(self.summaries), self._sentiments, *others, *lengths, *marks]
        )

    def _embedded(self, texts: list[str]) -> np.ndarray:
        from profiling.text.embedding import load_encoder

        return reading.embeddings(texts, load_encoder("english", self._cache), self._cache)


def _terms_of(counts: Any, train: np.ndarray, test: np.ndarray) -> tuple[Any, Any]:
    """TF-IDF as the baselines took it (found by matching their figures): two texts or more, 1 + ln of the counts."""
    return tfidf(counts, train, test, fewest=2, is_sublinear=True)
