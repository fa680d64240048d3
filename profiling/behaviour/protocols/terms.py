"""TF-IDF of texts for many splits of the same rows: terms are counted once, everything learned is learned anew per split.

Counting learns nothing. What a vectoriser learns from training rows is which terms exist and their document frequencies;
a term that is in no training row gets no column here either, so the result equals fitting a TfidfVectorizer on the training
rows (tested), at a tenth of the time.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

WORDS, WORDS_AND_MARKS = r"(?u)\b\w\w+\b", r"(?u)\b\w+\b|[!?]"


def word_counts(texts: Sequence[str], longest: int, pattern: str = WORDS) -> Any:
    """Sparse counts (n, terms) of runs of 1 to `longest` words."""
    return _counts(texts, ngram_range=(1, longest), token_pattern=pattern)


def character_counts(texts: Sequence[str], longest: int) -> Any:
    """Sparse counts (n, terms) of runs of 1 to `longest` characters."""
    return _counts(texts, ngram_range=(1, longest), analyzer="char")


def jieba_counts(texts: Sequence[str], longest: int) -> Any:
    """Sparse counts (n, terms) of runs of 1 to `longest` words as jieba cuts them."""
    return _counts(
        texts, ngram_range=(1, longest), tokenizer=_jieba(), preprocessor=_as_it_is, token_pattern=None, lowercase=False
    )


def tfidf(
    counts: Any, train: np.ndarray, test: np.ndarray, *, fewest: int = 1, is_sublinear: bool = False
) -> tuple[Any, Any]:
    """Rows of length 1 with smoothed idf, for training and for test rows; terms in `fewest` training rows or more.

    Formula: scikit-learn's, idf = ln((1 + n) / (1 + df)) + 1; sublinear takes 1 + ln(count) for the count.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    frequency = np.asarray((counts[train] > 0).sum(axis=0)).ravel()
    kept = counts[:, np.flatnonzero(frequency >= fewest)].tocsr()
    weigh = TfidfTransformer(sublinear_tf=is_sublinear).fit(kept[train])
    return weigh.transform(kept[train]).tocsr(), weigh.transform(kept[test]).tocsr()


def class_ratios(counts: Any, labels: np.ndarray) -> np.ndarray:
    """log of how much oftener a term stands in rows of label 1 than of label 0, (terms,): the weights of NB-SVM.

    Wang and Manning, "Baselines and Bigrams", ACL 2012, with presence instead of counts and one added to each.
    """
    present = (counts > 0).astype(np.float64)
    ones, zeros = (np.asarray(present[labels == k].sum(axis=0)).ravel() + 1 for k in (1, 0))
    return np.log(ones / ones.sum()) - np.log(zeros / zeros.sum())


def _counts(texts: Sequence[str], **options: Any) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(dtype=np.float64, **options).fit_transform(texts).tocsr()


def _as_it_is(text: str) -> str:
    return text


@cache
def _jieba() -> Callable[[str], list[str]]:
    from profiling.text.lexicons import chinese

    cut: Callable[[str], list[str]] = chinese()[0].lcut
    return cut
