"""Keywords against words that the writer chose: the title of a review, held out, names what its body is about.

Of a review's body the keywords are found without its title; right are those that stand in the title. Only terms of the title
that stand in the body too can be found there, and only they count as missed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np

from profiling.behaviour.evaluation import DRAWS, SEED, Estimate
from profiling.behaviour.protocols import raw
from profiling.behaviour.protocols.counting import estimates
from profiling.behaviour.protocols.report import BASELINES, OURS, Line, Report, Table, chosen, one_file
from profiling.errors import InputError, SettingsError
from profiling.text.embedding import Encoder, load_encoder
from profiling.text.keywords import (
    NEARNESS,
    RELEVANCE,
    choose,
    english_nouns,
    english_terms,
    keywords,
    prominent,
)

COLUMNS = ("precision@5", "recall@5", "f1@5", "likeness")
TOP = 5
MOST = 2000  # reviews; what is cheap to encode
ENCODER = "static"
STATEMENT = (
    f"Reviews whose title names a term (noun, or two words) that stands in the body: the first {MOST} by the hash of their text, "
    f"copies once. {TOP} keywords of the body alone; right: a term of the title, or a word of one. likeness: mean cosine of the "
    f"pairs of a review's keywords ({ENCODER} encoder): the less, the more they say. Intervals: {DRAWS} bootstrap draws of "
    f"reviews, seed {SEED}, 95 %. `collocations` are learned from the reviews that are not measured. "
    "`noun_phrases`: NLTK's chunks of adjectives and nouns, by tags of TextBlob's lexicon, and their last nouns, ranked as ours."
)
LOOKS = (
    "Nearness, relevance and how many candidates are encoded were chosen on reviews that are not measured here, after looks at "
    "these had shown that frequency beats nearness alone, and then also the weights that were chosen next."
)


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure on a file of Amazon reviews in English.

    Raises:
        InputError: the file cannot be read, or has no such review.
        SettingsError: several inputs, an unknown model, or folds, of which there are none.
    """
    if folds is not None:
        raise SettingsError("keywords learns nothing in folds; leave --folds out")
    reviews = raw.read_reviews(one_file(inputs))
    bodies, gold, others = _measured(reviews["text"].tolist(), reviews["summary"].tolist())
    if not bodies:
        raise InputError(f"{inputs[0]} has no review whose title names a term of its body")
    encoder = load_encoder(ENCODER, cache)
    vectors = list(encoder.encode(bodies))
    known: dict[str, tuple[str, Callable[[], list[list[str]]]]] = {
        "first_nouns": (BASELINES, lambda: [_first_nouns(body) for body in bodies]),
        "mentions": (BASELINES, lambda: [_most_mentioned(body) for body in bodies]),
        "prominence": (BASELINES, lambda: _ours(bodies, encoder, [None] * len(bodies), 0.0, 1.0)),
        "collocations": (BASELINES, lambda: _collocations(bodies, others, encoder, vectors)),
        "noun_phrases": (BASELINES, lambda: _noun_phrases(bodies, encoder, vectors)),
        "nearness": (BASELINES, lambda: _ours(bodies, encoder, vectors, 1.0, 1.0)),
        "without_diversity": (OURS, lambda: _ours(bodies, encoder, vectors, NEARNESS, 1.0)),
        "ours": (OURS, lambda: _ours(bodies, encoder, vectors, NEARNESS, RELEVANCE)),
    }
    lines = []
    for name in chosen(models, known):
        source, find = known[name]
        lines.append(Line(name, source, measured(find(), gold, encoder)))
    facts: dict[str, float] = {"reviews": len(bodies), "terms of titles": sum(len(terms) for terms in gold)}
    note = "`nearness` is the cosine of term and text alone, which was in service before `ours`."
    return Report("keywords", STATEMENT, LOOKS, facts, (Table("Keywords", COLUMNS, tuple(lines), note),))


def _measured(bodies: Sequence[str], titles: Sequence[str]) -> tuple[list[str], list[set[str]], list[str]]:
    """(bodies, the terms of their titles that stand in them, all other bodies)."""
    distinct = dict(zip(bodies, titles, strict=True))
    order = sorted(distinct, key=lambda body: sha256(body.encode("utf-8", "replace")).hexdigest())
    found: list[tuple[str, set[str]]] = []
    others: list[str] = []
    for body in order:
        terms = set(english_terms(distinct[body])) & set(english_terms(body))
        if terms and len(found) < MOST:
            found.append((body, terms))
        else:
            others.append(body)
    return [body for body, _ in found], [terms for _, terms in found], others


def measured(found: Sequence[Sequence[str]], gold: Sequence[set[str]], encoder: Encoder) -> dict[str, Estimate]:
    """The figures of COLUMNS of the keywords found in each text."""
    terms = sorted({term for each in found for term in each})
    vector = dict(zip(terms, encoder.encode(terms), strict=True))
    counts = np.zeros((len(found), 6))
    for row, (each, right) in zip(counts, zip(found, gold, strict=True), strict=True):
        parts = right | {word for term in right for word in term.split()}
        row[:4] = len(each), sum(term in parts for term in each), len(right), sum(term in each for term in right)
        pairs = [float(vector[one] @ vector[other]) for at, one in enumerate(each) for other in each[:at]]
        row[4:] = sum(pairs), len(pairs)

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        said, right, there, hit, likeness, pairs = (sums[..., column] for column in range(6))
        precision, recall = right / said, hit / there
        f1 = 2 * precision * recall / (precision + recall)
        return dict(zip(COLUMNS, (precision, recall, f1, likeness / pairs), strict=True))

    return estimates(counts, figures)


def _terms(found: list[list[tuple[str, float]]]) -> list[list[str]]:
    return [[term for term, _ in each] for each in found]


def _ours(
    bodies: list[str], encoder: Encoder, vectors: Sequence[np.ndarray | None], nearness: float, relevance: float
) -> list[list[str]]:
    found = keywords(
        bodies, ["en"] * len(bodies), encoder, list(vectors), top=TOP, nearness=nearness, relevance=relevance
    )
    return _terms(found)


def _most_mentioned(body: str) -> list[str]:
    """Plain frequency; of those that are mentioned as often the earlier."""
    return [term for term, _ in Counter(english_terms(body)).most_common(TOP)]


def _first_nouns(body: str) -> list[str]:
    return list(dict.fromkeys(body[start:end].lower() for start, end in english_nouns(body)))[:TOP]


def _collocations(
    bodies: list[str], others: Sequence[str], encoder: Encoder, vectors: Sequence[np.ndarray]
) -> list[list[str]]:
    """Nearest to the text among its terms and the pairs of words that NLTK's likelihood ratio finds in other reviews."""
    from nltk.collocations import BigramCollocationFinder
    from nltk.metrics import BigramAssocMeasures

    finder = BigramCollocationFinder.from_documents([_words(body) for body in others])
    finder.apply_freq_filter(5)
    known = {" ".join(pair) for pair in finder.nbest(BigramAssocMeasures.likelihood_ratio, 2000)}
    own = _ours(bodies, encoder, vectors, 1.0, 1.0)
    found = []
    for body, terms, vector in zip(bodies, own, vectors, strict=True):
        words = _words(body)
        pairs = {f"{one} {other}" for one, other in pairwise(words)} & known
        both = sorted({*terms, *pairs})
        nearness = dict(zip(both, (encoder.encode(both) @ vector).tolist(), strict=True))
        found.append(sorted(both, key=lambda term: (-nearness[term], term))[:TOP])
    return found


def _noun_phrases(bodies: list[str], encoder: Encoder, vectors: Sequence[np.ndarray | None]) -> list[list[str]]:
    found = choose([prominent(_phrases(body)) for body in bodies], encoder, list(vectors), top=TOP)
    return _terms(found)


def _phrases(text: str) -> Iterator[tuple[str, int, float]]:
    """(phrase or its last noun in the singular, position in words, worth): a phrase is worth as much as a compound of ours."""
    from nltk.chunk import RegexpParser
    from nltk.tree import Tree
    from textblob.en import tag

    position = 0
    for part in RegexpParser("NP: {<JJ.*>*<NN.*>+}").parse(tag(text, tokenize=True)):
        if not isinstance(part, Tree):
            position += 1
            continue
        words = [word.casefold() for word, _ in part.leaves()]
        position += len(words)
        last = next(iter(english_terms(f"the {words[-1]}")), None)  # an article: the tagger says that it is a noun
        if last is None:
            continue
        yield last, position, 1.0
        if len(words) > 1:
            yield " ".join([*words[:-1], last]), position, 1.0


def _words(text: str) -> list[str]:
    from profiling.text.lexicons import words

    stop = words("stopwords_en")
    return [word for word in _letters(text) if word not in stop]


def _letters(text: str) -> Iterator[str]:
    word = ""
    for sign in [*text.casefold(), " "]:
        if sign.isalpha():
            word += sign
        elif word:
            yield word
            word = ""
