"""Lines in Chinese, whose label is the file they stand in: by the words jieba finds, by characters, and by both."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from profiling.behaviour.protocols import raw, reading
from profiling.behaviour.protocols.nested import Recipe, World, logistic, side_by_side
from profiling.behaviour.protocols.terms import character_counts, class_ratios, jieba_counts, tfidf
from profiling.errors import SettingsError

MARKS = "，。！？!?,.~…"

RECIPES = {
    "jieba": Recipe(("jieba",)),
    "characters": Recipe(("characters",), base="jieba"),
    "both": Recipe(("both",), base="characters"),
    "ratios": Recipe(("ratios",), base="characters"),
    "shape": Recipe(("shape",)),
    "stack": Recipe(("both", "ratios", "shape"), is_stack=True, base="characters"),
}


def chinese_world(paths: Sequence[Path], cache: Path, most: int | None = None) -> World:
    """The distinct lines of two files; who wrote them is not known, so every line is its own group.

    Args:
        paths: the two files.
        cache: folder of sentiments already computed.
        most: only so many of the lines, as `labelled_lines` takes them.

    Raises:
        InputError: a file cannot be read.
        SettingsError: not one file named `...pos.txt` and one named `...neg.txt`.
    """
    texts, labels, facts = labelled_lines(paths, most)
    made = ChineseTexts(texts, labels, cache)
    parts = {name: getattr(made, name) for recipe in RECIPES.values() for name in recipe.parts}
    return World(labels, np.arange(len(labels)), parts, RECIPES, facts)


def labelled_lines(paths: Sequence[Path], most: int | None = None) -> tuple[list[str], np.ndarray, dict[str, float]]:
    """(distinct texts, labels, counts): the positive file's lines in order, then the negative's; those of both are dropped.

    With `most` only so many lines, the first by the hash of their text.

    Raises:
        InputError: a file cannot be read.
        SettingsError: not one file named `...pos.txt` and one named `...neg.txt`.
    """
    files = {
        label: [path for path in paths if path.stem.endswith(ending)] for label, ending in ((1, "pos"), (0, "neg"))
    }
    if len(paths) != 2 or any(len(found) != 1 for found in files.values()):
        raise SettingsError(
            f"{', '.join(path.name for path in paths)}: lines of text take their label from the file; give two --input, one "
            "whose name ends in pos.txt and one in neg.txt"
        )
    lines = {label: raw.read_lines(found[0]) for label, found in files.items()}
    distinct = {label: dict.fromkeys(each) for label, each in lines.items()}
    both = distinct[1].keys() & distinct[0].keys()
    kept = [(text, label) for label in (1, 0) for text in distinct[label] if text not in both]
    number = len(kept)
    kept = (
        kept
        if most is None
        else sorted(kept, key=lambda line: sha256(line[0].encode("utf-8", "replace")).hexdigest())[:most]
    )
    labels = np.array([label for _, label in kept])
    facts = {
        "lines": sum(map(len, lines.values())),
        "distinct": number + len(both),
        "of both labels, dropped": len(both),
        "rows": len(kept),
        "share satisfied": float(labels.mean()),
    }
    return [text for text, _ in kept], labels, facts


class ChineseTexts:
    """The parts of the models: each method scores the rows `test` after learning from the rows `train`."""

    def __init__(self, texts: list[str], labels: np.ndarray, cache: Path) -> None:
        self.texts, self.labels, self._cache = texts, labels, cache

    def jieba(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, new = tfidf(self._words, train, test)
        return logistic(known, self.labels[train], new, C=10.0)

    def characters(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, new = tfidf(self._characters, train, test)
        return logistic(known, self.labels[train], new, C=10.0)

    def both(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        views = self._words, self._characters
        known, new = side_by_side([tfidf(each, train, test, is_sublinear=True) for each in views], (1.0, 1.0))
        return logistic(known, self.labels[train], new, C=3.0)

    def ratios(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """NB-SVM's weights on TF-IDF of words and runs of up to four characters, with logistic regression for the SVM."""
        from scipy.sparse import diags

        blocks = []
        for counts in (self._words, self._long_characters):
            known, new = tfidf(counts, train, test, fewest=2, is_sublinear=True)
            weights = diags(class_ratios(known, self.labels[train]))
            blocks.append((known @ weights, new @ weights))
        known, new = side_by_side(blocks, (1.0, 1.0))
        return logistic(known, self.labels[train], new, C=5.0)

    def shape(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Sentiment by the lexicon, length and punctuation: what TF-IDF's rows of length 1 forget."""
        from lightgbm import LGBMClassifier

        fit = LGBMClassifier(
            n_estimators=150,
            learning_rate=0.05,
            num_leaves=15,
            n_jobs=1,
            verbose=-1,
            deterministic=True,
            random_state=0,
        ).fit(self._shapes[train], self.labels[train])
        return np.asarray(fit.predict(self._shapes[test], raw_score=True))

    @cached_property
    def _shapes(self) -> np.ndarray:  # (n, 4 + marks)
        counts = [
            [len(text) for text in self.texts],
            [sum(sign.isdigit() for sign in text) for text in self.texts],
            [sum(sign.isascii() and sign.isalpha() for sign in text) for text in self.texts],
            *([text.count(mark) for text in self.texts] for mark in MARKS),
        ]
        return np.column_stack([reading.sentiments(self.texts, "zh", self._cache), *map(np.log1p, counts)])

    @cached_property
    def _words(self) -> Any:
        return jieba_counts(self.texts, 2)

    @cached_property
    def _characters(self) -> Any:
        return character_counts(self.texts, 3)

    @cached_property
    def _long_characters(self) -> Any:
        return character_counts(self.texts, 4)
