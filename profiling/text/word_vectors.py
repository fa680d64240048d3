"""Word vectors: Word2Vec trained on a lake's own texts, GloVe read from a file, and texts as weighted means of their words.

Word2Vec: skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado, Dean, NIPS 2013), by gensim. GloVe: Pennington,
Socher, Manning, EMNLP 2014. Means: smooth inverse frequency, SIF (Arora, Liang, Ma, ICLR 2017). The objectives stand in
docs/text.md.
"""

import json
import logging
import os
import re
import shutil
import tempfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from profiling.errors import InputError, SettingsError
from profiling.text.embedding import Encoder, weights_digest
from profiling.text.tokens import words_of

log = logging.getLogger(__name__)

# A word enters the vocabulary only if so many customers used it: what one person alone writes (a name, a place, an account) is
# in no file of a model.
LEAST_CUSTOMERS = 5
# Fewer words or texts than these give vectors that say nothing.
LEAST_WORDS, LEAST_TEXTS = 50, 100
# gensim's arguments. One worker and a seed: several would race. Ten epochs, for a shop's texts are few.
PARAMETERS = {
    "vector_size": 100, "window": 5, "sg": 1, "hs": 0, "negative": 5, "sample": 1e-3, "alpha": 0.025, "min_count": 1,
    "epochs": 10, "seed": 1, "workers": 1,
}  # fmt: skip
# SIF's `a`: words more frequent than it count for less and less.
SMOOTHING = 1e-3

_AGAIN = "delete the folder, and they are made again"
WEIGHTS, WORDS = "vectors.safetensors", "words.json"
_GLOVE_COMMON_WORDS = 20_000
# Wider vectors, or longer lines, are a file of something else: the common direction takes memory by the square of the width.
_GLOVE_WIDEST, _GLOVE_LONGEST = 4_096, 1 << 18
_NUMBER = re.compile(r"[+-]?\d*\.?\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_TEXTS_AT_A_TIME = 4_096


class Table(NamedTuple):
    """A vocabulary of n words with its vectors.

    `terms`, the most frequent first; `vectors` float32 (n, d); `shares` float64 (n,), of each word in running text;
    `common` float32 (d,), the unit direction that all texts share, taken out of every text's vector.
    """

    terms: list[str]
    vectors: np.ndarray
    shares: np.ndarray
    common: np.ndarray

    def save(self, folder: Path) -> None:
        """Two plain files, the same bytes for the same table."""
        from safetensors.numpy import save_file

        arrays = {"vectors": self.vectors, "shares": self.shares, "common": self.common}
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / WEIGHTS)
        (folder / WORDS).write_text(json.dumps(self.terms, ensure_ascii=False), encoding="utf-8")

    def vocabulary(self) -> frozenset[str]:
        """What erasure asks of any model that keeps words: those in its files."""
        return frozenset(word.lower() for word in self.terms)

    def words(self, text: str) -> list[str]:
        return words_of(text)

    @classmethod
    def load(cls, folder: Path) -> "Table":
        """Raises: InputError: a file is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
            found = load_file(folder / WEIGHTS)
            table = cls(words, found["vectors"], found["shares"], found["common"])
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise InputError(f"the word vectors in {folder} cannot be read ({error}); {_AGAIN}") from error
        if not len(table.terms) == len(table.vectors) == len(table.shares):
            raise InputError(f"the word vectors in {folder} and their words differ in number; {_AGAIN}")
        return table


class WordEncoder:
    """A text's vector: the mean of its words' vectors, each times a / (a + p(word)), less its share of the common direction,
    of unit length; zero where no word is known. Words are looked up in lower case."""

    numerics = f"nltk-{version('nltk')}-jieba-{version('jieba')}"

    def __init__(self, folder: Path, model: str, dimension: int, languages: frozenset[str] | None) -> None:
        self._folder, self.model, self.dimension, self._languages = folder, model, dimension, languages

    def can_read(self, language: str) -> bool:
        return self._languages is None or language == "und" or language in self._languages

    def encode(self, texts: list[str]) -> np.ndarray:
        """Text by text, so that none depends on its neighbours."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        common = self._table.common.astype(np.float64)
        for row, text in enumerate(texts):
            mean = _weighted_mean(self._numbers(words_of(text)), self._table, self._weights)
            rest = mean - common * (common * mean).sum()
            if (norm := np.sqrt((rest * rest).sum())) > 1e-9:
                vectors[row] = rest / norm
        return vectors

    def _numbers(self, words: list[str]) -> np.ndarray:
        return np.array([number for word in words if (number := self._index.get(word)) is not None], dtype=np.int64)

    @cached_property
    def _table(self) -> Table:
        return Table.load(self._folder)

    @cached_property
    def _index(self) -> dict[str, int]:
        """A word's number, also of a word that the file has in capitals only."""
        exact = {word: number for number, word in enumerate(self._table.terms)}
        return {word.lower(): number for word, number in reversed(exact.items())} | exact

    @cached_property
    def _weights(self) -> np.ndarray:
        return _sif(self._table.shares)


class NoVectors:
    """Stands in for `word2vec` on days before any was trained: it reads nothing, and so no text gets a vector."""

    model, numerics, dimension = "word2vec@none", "none", PARAMETERS["vector_size"]

    def can_read(self, language: str) -> bool:
        return False

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.zeros((len(texts), int(self.dimension)), dtype=np.float32)


def trained_encoder(folder: Path | None) -> Encoder:
    """The encoder of a table that `train` made; its name is that of the folder, which is the digest of what is in it."""
    if folder is None:
        return NoVectors()  # type: ignore[return-value]  # the dimension is an int
    # Which languages it reads is decided by its words: a text of which it knows none gets no vector.
    return WordEncoder(folder, f"word2vec@{folder.name[:12]}", int(PARAMETERS["vector_size"]), None)


# --- Word2Vec


def train(texts: Iterable[tuple[str, str]]) -> Table | None:
    """Skip-gram vectors of (customer, text) pairs; None where there is too little to learn from.

    The same texts in any order, in any process, give the same bytes.

    Raises:
        SettingsError: gensim is not installed.
    """
    if find_spec("gensim") is None:
        raise SettingsError("training word vectors needs gensim: pip install 'customer-profiling[vectors]'")
    said = sorted({(customer, text) for customer, text in texts})
    split = {text: words_of(text) for _, text in said}
    kept = _words_of_several((customer, split[text]) for customer, text in said)
    sentences = [words for text in sorted(split) if (words := [word for word in split[text] if word in kept])]
    if len(kept) < LEAST_WORDS or len(sentences) < LEAST_TEXTS:
        log.warning(
            "word vectors: %d words of %d customers each in %d texts", len(kept), LEAST_CUSTOMERS, len(sentences)
        )
        return None
    from gensim.models import Word2Vec

    # Of everything before the training only the vocabulary's order depends on the texts' order, and that is sorted.
    model = Word2Vec(sentences, hashfxn=_stable_hash, **PARAMETERS)
    words = list(model.wv.index_to_key)
    counts = np.array([model.wv.get_vecattr(word, "count") for word in words], dtype=np.float64)
    vectors = model.wv.vectors.astype(np.float32)
    table = Table(words, vectors, counts / counts.sum(), np.zeros(vectors.shape[1], dtype=np.float32))
    index = {word: number for number, word in enumerate(words)}
    return table._replace(common=_common(table, [np.array([index[word] for word in words]) for words in sentences]))


def _words_of_several(said: Iterable[tuple[str, list[str]]]) -> frozenset[str]:
    """The words that LEAST_CUSTOMERS or more used."""
    used = {(customer, word) for customer, words in said for word in words}
    counts = Counter(word for _, word in used)
    return frozenset(word for word, number in counts.items() if number >= LEAST_CUSTOMERS)


def _stable_hash(text: str) -> int:
    """In place of Python's `hash`, which differs from process to process."""
    return zlib.crc32(text.encode())


# --- SIF


def _sif(shares: np.ndarray) -> np.ndarray:
    weights: np.ndarray = SMOOTHING / (SMOOTHING + shares)
    return weights


def _weighted_mean(numbers: np.ndarray, table: Table, weights: np.ndarray) -> np.ndarray:
    """float64 (d,), summed in the words' order; zeros where there are none."""
    if not len(numbers):
        return np.zeros(table.vectors.shape[1])
    total: np.ndarray = (table.vectors[numbers].astype(np.float64) * weights[numbers, None]).sum(axis=0) / len(numbers)
    return total


def _common(table: Table, texts: Sequence[np.ndarray]) -> np.ndarray:
    """The first right singular vector of the texts' means, as the first eigenvector of their (d, d) product: float32 (d,)."""
    weights, size = _sif(table.shares), table.vectors.shape[1]
    product = np.zeros((size, size))
    for start in range(0, len(texts), _TEXTS_AT_A_TIME):
        means = np.stack([_weighted_mean(text, table, weights) for text in texts[start : start + _TEXTS_AT_A_TIME]])
        product += means.T @ means
    common: np.ndarray = np.linalg.eigh(product)[1][:, -1].astype(np.float32)
    return common


# --- GloVe


def glove_encoder(path: str, cache: Path) -> WordEncoder:
    """The encoder of a file in GloVe's text format, plain, `.gz` or `.zip`; read once, into `cache`.

    Raises:
        SettingsError: there is no such file, or a line of it is none of the format's.
        InputError: what was made of it is damaged.
    """
    file = Path(path).expanduser()
    if not path or not file.is_file():
        raise SettingsError(f"PROFILING_EMBEDDING=glove:{path} names no file; write glove: and the path of the vectors")
    revision = weights_digest(file)
    folder = cache / f"glove-{revision}"
    if not folder.exists():
        _convert(file, folder)
    return WordEncoder(folder, f"glove@{revision}", _dimension(folder), frozenset({"en"}))


def _dimension(folder: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as found:
            return int(found.get_slice("vectors").get_shape()[1])
    except (OSError, SafetensorError) as error:
        raise InputError(f"the word vectors in {folder} cannot be read ({error}); {_AGAIN}") from error


def _convert(file: Path, folder: Path) -> None:
    """Write the folder in one step; of two processes at once the second throws its own away."""
    log.info("reading the vectors of %s into %s, once", file, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".glove-", dir=folder.parent) as scratch:
        made = Path(scratch) / "vectors"
        made.mkdir()
        read_glove(file).save(made)
        try:
            os.replace(made, folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(made)


def read_glove(file: Path) -> Table:
    """The vectors of a file. It counts no words: a word's share is taken from its place, by Zipf's law, for these files list
    the most frequent words first; and the common direction from its first 20,000 words, for there are no texts.

    Raises:
        SettingsError: a line is none of the format's, or there are none.
    """
    words: dict[str, int] = {}
    numbers = array("f")
    size = place = 0
    promised: int | None = None
    for place, line in enumerate(_lines(file), start=1):
        fields = line.rstrip("\r\n ").split(" ")
        if place == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
            # The header of word2vec's text format, with which some tools write GloVe's vectors: words and size.
            promised, size = int(fields[0][:18]), int(fields[1][:18])
            continue
        size = size or len(fields) - 1
        word, vector = _parsed(fields, size, f"line {place} of {file}")
        if word not in words:  # the first one is the more frequent
            words[word] = len(words)
            numbers.extend(vector)
    if not words:
        raise SettingsError(f"{file} has no vectors in it; fetch it again")
    if promised is not None and promised != place - 1:
        raise SettingsError(f"{file} says in line 1 that it has {promised} words, and has {place - 1}; fetch it again")
    vectors = np.frombuffer(numbers, dtype=np.float32).reshape(len(words), size)
    shares = 1 / np.arange(1, len(words) + 1)
    table = Table(list(words), vectors, shares / shares.sum(), np.zeros(size, dtype=np.float32))
    return table._replace(common=_common(table, list(np.arange(min(len(words), _GLOVE_COMMON_WORDS))[:, None])))


def _parsed(fields: list[str], size: int, place: str) -> tuple[str, list[float]]:
    """A word, which may hold spaces in the larger files, and its numbers."""
    fix = "fetch the file again, or take the line out"
    if size < 2 or len(fields) < size + 1:
        raise SettingsError(f"{place} has {len(fields)} fields where a word and {max(size, 2)} numbers belong; {fix}")
    if size > _GLOVE_WIDEST:
        raise SettingsError(f"{place} has {size} numbers where {_GLOVE_WIDEST} are the most; {fix}")
    # Words with spaces end in no number; a line before this one was cut short, and set the size.
    if len(fields) > size + 1 and _NUMBER.fullmatch(fields[-size - 1]):
        raise SettingsError(
            f"{place} has more than the {size} numbers of the first line; one of the two is damaged; {fix}"
        )
    word = " ".join(fields[: len(fields) - size])
    try:
        with np.errstate(over="ignore"):  # what is no float32 is not finite, and said below
            vector = np.array([float(field) for field in fields[len(fields) - size :]]).astype(np.float32).tolist()
    except ValueError as error:
        raise SettingsError(f"{place}: {error}, where a word and {size} numbers belong; {fix}") from error
    if not word or not np.isfinite(vector).all():
        raise SettingsError(f"{place} has {'a number that is not finite' if word else 'no word'}; {fix}")
    return word, vector


def _lines(file: Path) -> Iterable[str]:
    """The lines of a plain, gzip or zip file in UTF-8."""
    import gzip
    import zipfile

    place = 0
    try:
        with file.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start.startswith(b"\x1f\x8b"):
                stream: Any = gzip.GzipFile(fileobj=raw)
            elif start == b"PK\x03\x04":
                stream = _member(zipfile.ZipFile(raw), file)
            else:
                stream = raw
            while line := stream.readline(_GLOVE_LONGEST):
                place += 1
                if len(line) == _GLOVE_LONGEST:
                    raise SettingsError(
                        f"line {place} of {file} is longer than any of GloVe's; name a file of vectors, a line a word"
                    )
                yield line.decode("utf-8-sig" if place == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"line {place} of {file} is not UTF-8; fetch the file again, or take the line out"
        ) from error
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise SettingsError(f"{file} is damaged after line {place} ({error}); fetch it again") from error
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a way that Python does not know
        raise SettingsError(f"{file} cannot be unpacked here ({error}); unpack it and name what was in it") from error


def _member(archive: Any, file: Path) -> Any:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if len(names) != 1:
        raise SettingsError(
            f"{file} holds {len(names)} files ({', '.join(names[:4])}); unpack it and name the one that is meant"
        )
    return archive.open(names[0])
