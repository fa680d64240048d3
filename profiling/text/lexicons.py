"""The word lists of this room, jieba's dictionary, and what NLTK's readers find of theirs."""

import json
import os
import re
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

_DATA = files("profiling.text") / "data"
# Letters that match ASCII ones where case is ignored, and that `lower` does not turn into them.
_ODD = str.maketrans("ſıİ", "sii")


@cache
def words(name: str) -> frozenset[str]:
    """The words of `data/<name>.txt`; lines beginning with `#` are comments."""
    lines = (_DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def lexicon(name: str) -> dict[str, Any]:
    """`data/<name>.json`."""
    return json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))


@cache
def fingerprint() -> str:
    """12 hex digits that change with any of the data files."""
    digest = sha256()
    for file in sorted(_DATA.iterdir(), key=lambda file: file.name):
        if not file.name.endswith((".json", ".txt")):
            continue  # an editor's backup
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def either(terms: Iterable[str]) -> str:
    """A pattern of any of the terms, the longest that stands there.

    Grouped by first letter: `re` tries one branch after the other, at each place of a text.
    """
    ordered = sorted(terms, key=lambda term: (term[0], -len(term), term))
    return "|".join(
        f"{re.escape(first)}(?:{'|'.join(re.escape(term[1:]) for term in group)})"
        for first, group in groupby(ordered, key=lambda term: term[0])
    )


def folded(text: str) -> str:
    """The text in lower case, every letter in its place.

    An expression in small letters of ASCII matches here, three times as fast, what it matches in `text` where case is ignored.
    """
    return text.lower() if text.isascii() else text.translate(_ODD).lower()


@cache
def _traditional() -> dict[int, int]:
    data = lexicon("traditional_zh")
    return str.maketrans(data["from"], data["to"])


def simplified(text: str) -> str:
    """Traditional characters as the simplified ones of the word lists and jieba's dictionary: as many, at the same places."""
    return text if text.isascii() else text.translate(_traditional())


@cache
def chinese() -> tuple[Any, dict[str, str]]:
    """jieba's tokenizer and the part of speech of each word of its dictionary (`n...` noun, `v...` verb, ...).

    Filled here, because jieba on its own reads a cache from the system's temporary folder, which anybody may write.
    """
    import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    with tokenizer.get_dict_file() as file:
        rows = (line.split() for line in file.read().decode("utf-8").splitlines())
        return tokenizer, {row[0]: row[2] for row in rows}


@cache
def nltk_has(name: str) -> bool:
    """Whether a folder of `NLTK_DATA` holds a corpus.

    Only folders named there count: what happens to lie in a home folder must not change what comes out. Imports nothing.
    """
    folders = [Path(each) / "corpora" for each in os.environ.get("NLTK_DATA", "").split(os.pathsep) if each]
    return any((folder / name).is_dir() or (folder / f"{name}.zip").is_file() for folder in folders)


@cache
def opinion_lexicon() -> dict[str, float]:
    """1 for each positive word of Hu and Liu's list (KDD 2004) and -1 for each negative one, by NLTK's reader."""
    from nltk.corpus import opinion_lexicon as reader

    positive, negative = set(reader.positive()), set(reader.negative())
    # A few words stand in both lists; they say nothing.
    return {word: 1.0 for word in positive - negative} | {word: -1.0 for word in negative - positive}


@cache
def sentiwordnet() -> dict[str, float]:
    """Positive minus negative score of each word of SentiWordNet 3.0 (LREC 2010), -1 to 1; words at 0 are left out.

    Mean over the word's senses and parts of speech, a sense of rank r weighing 1 / r: no sense is told apart here. Read by
    NLTK's reader from the file alone, since its look-up by word needs WordNet as well.
    """
    from nltk.corpus import sentiwordnet as reader

    with reader.open(reader.fileids()[0]) as file:
        lines = file.read().splitlines()
    sums: dict[str, tuple[float, float]] = {}
    for line in lines:
        fields = line.split("\t")
        if line.startswith("#") or len(fields) != 6 or not fields[1]:
            continue
        for sense in fields[4].split():
            word, _, rank = sense.rpartition("#")
            total, weight = sums.get(word, (0.0, 0.0))
            sums[word] = total + (float(fields[2]) - float(fields[3])) / int(rank), weight + 1 / int(rank)
    return {word: total / weight for word, (total, weight) in sums.items() if total}
