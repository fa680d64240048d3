"""Aspects with their spans and their sentiment, against five products' reviews annotated by hand (Hu and Liu, KDD 2004).

The annotation names features of each sentence (`battery life[+2]`) with a polarity. A feature whose words stand in the sentence
has a place there, and is found when a span overlaps it; features that are only meant (marked [u] or [p]) are left out.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np

from profiling.behaviour.evaluation import DRAWS, SEED, Estimate
from profiling.behaviour.protocols.counting import estimates
from profiling.behaviour.protocols.report import BASELINES, OURS, Line, Report, Table, chosen, one_file
from profiling.errors import InputError, SettingsError
from profiling.text.aspects import mentions
from profiling.text.keywords import english_nouns
from profiling.text.lexicons import nltk_has, opinion_lexicon
from profiling.text.sentiment import score, score_by

COLUMNS = ("precision", "recall", "f1", "polarity", "share_of_sentence")
STATEMENT = (
    "Features whose words stand in their sentence, with the place of the first; a span is right when it overlaps one, a feature "
    "is found when a span overlaps it. polarity: of the features found, those whose spans' mean polarity has the annotated sign "
    "(0 is wrong). share_of_sentence: mean length of a span over its sentence's: one as long as the sentence overlaps all. "
    f"Intervals: {DRAWS} bootstrap draws of reviews, seed {SEED}, 95 %. Nothing is learned but which nouns are frequent in a "
    "product's reviews (hu_liu)."
)
LOOKS = (
    "The word lists of `ours` were written for shops in general and not changed for these reviews; looked at once. "
    "The others were measured twice: at first no name of an aspect of ours (price, size) counted as a noun for them."
)
_FEATURE = re.compile(r"([^,\[\]]+)((?:\[[^\]]*\])+)")
_POLARITY = re.compile(r"\[([+-])\d*\]")
FREQUENT = 0.01  # of a product's sentences, as in the paper
_REACH = 5  # words before an opinion word in which a negation turns it, as in the paper
_NEGATIONS = frozenset(["not", "no", "never", "n't", "hardly"])


class Span(NamedTuple):
    """A stretch of a sentence, text[start:end], and a polarity."""

    start: int
    end: int
    polarity: float


class Sentence(NamedTuple):
    """One line of a review and the annotated features that have a place in it."""

    review: str
    product: str
    text: str
    gold: tuple[Span, ...]


_WANTED = "--input is NLTK's corpus product_reviews_1, its folder or its zip"


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure on `product_reviews_1` as NLTK has it: its folder, or the zip.

    `hu_liu` needs the opinion lexicon, from a folder that `NLTK_DATA` names; without it this one is left out, and it is said.

    Raises:
        InputError: there are no annotated reviews.
        SettingsError: not one input, an unknown model, or folds, of which there are none.
    """
    if folds is not None:
        raise SettingsError("aspects learns nothing and has no folds; leave --folds out")
    sentences, facts = read_annotated(one_file(inputs))
    known: dict[str, tuple[str, Callable[[Sequence[Sentence]], list[list[Span]]]]] = {
        "noun_phrases": (BASELINES, noun_phrases),
        **({"hu_liu": (BASELINES, hu_liu)} if nltk_has("opinion_lexicon") else {}),
        "ours": (OURS, ours),
        "nouns_of_clauses": (OURS, nouns_of_clauses),
    }
    lines = tuple(
        Line(name, known[name][0], measured(sentences, known[name][1](sentences))) for name in chosen(models, known)
    )
    left_out = (
        "" if nltk_has("opinion_lexicon") else " hu_liu is left out: NLTK_DATA names no folder with opinion_lexicon."
    )
    note = (
        "`ours` is what the pipeline has: nine aspects of a shop, not the parts of a product, and whole clauses as spans. "
        "`nouns_of_clauses` is not in service: any noun of a clause that is not neutral, judged by the clause."
        + left_out
    )
    return Report("aspects", STATEMENT, LOOKS, facts, (Table("Aspects of products", COLUMNS, lines, note),))


def read_annotated(path: Path) -> tuple[list[Sentence], dict[str, float]]:
    """The sentences of all products, and counts.

    Raises:
        InputError: the path is neither a folder nor a zip with annotated reviews.
    """
    found: list[Sentence] = []
    nowhere = implied = 0
    for product, content in _files(path):
        review = 0
        for line in content.splitlines():
            review += line.startswith("[t]")
            features, mark, text = line.partition("##")
            if not mark or not text.strip():
                continue
            gold = []
            for name, marks in _FEATURE.findall(features):
                sign = _POLARITY.search(marks)
                if sign is None:
                    continue
                if "[u]" in marks or "[p]" in marks:
                    implied += 1
                    continue
                place = re.search(rf"\b{re.escape(name.strip())}(?:s|es)?\b", text, re.IGNORECASE)
                if place is None:
                    nowhere += 1
                else:
                    gold.append(Span(place.start(), place.end(), 1.0 if sign[1] == "+" else -1.0))
            found.append(Sentence(f"{product} {review}", product, text, tuple(gold)))
    if not any(sentence.gold for sentence in found):
        raise InputError(f"{path} has no annotated reviews; {_WANTED}")
    facts: dict[str, float] = {
        "reviews": len({sentence.review for sentence in found}),
        "sentences": len(found),
        "features with a place": sum(len(sentence.gold) for sentence in found),
        "only meant, left out": implied,
        "in other words, left out": nowhere,
    }
    return found, facts


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """(product, content), by name."""
    if not path.exists():
        raise InputError(f"there is no {path}; {_WANTED}")
    try:
        if path.is_dir():
            for file in sorted(each for each in path.iterdir() if each.is_file() and "readme" not in each.name.lower()):
                yield file.stem, file.read_text(encoding="utf-8", errors="replace")
            return
        with ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/") and "readme" not in name.lower():
                    yield Path(name).stem, archive.read(name).decode("utf-8", "replace")
    except BadZipFile as error:
        raise InputError(f"{path} is neither a folder nor a zip; {_WANTED}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); {_WANTED}") from error


def measured(sentences: Sequence[Sentence], found: Sequence[Sequence[Span]]) -> dict[str, Estimate]:
    """The figures of COLUMNS of the spans found in each sentence."""
    reviews = {review: number for number, review in enumerate(dict.fromkeys(s.review for s in sentences))}
    counts = np.zeros((len(reviews), 6))
    for sentence, spans in zip(sentences, found, strict=True):
        row = counts[reviews[sentence.review]]
        row[0] += len(spans)
        row[1] += sum(any(_overlap(span, gold) for gold in sentence.gold) for span in spans)
        row[2] += len(sentence.gold)
        row[5] += sum(span.end - span.start for span in spans) / len(sentence.text)
        for gold in sentence.gold:
            said = [span.polarity for span in spans if _overlap(span, gold)]
            row[3] += bool(said)
            row[4] += bool(said) and float(np.mean(said)) * gold.polarity > 0

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        spans, right, golds, hit, signs, length = (sums[..., column] for column in range(6))
        precision, recall = right / spans, hit / golds
        f1 = 2 * precision * recall / (precision + recall)
        return dict(zip(COLUMNS, (precision, recall, f1, signs / hit, length / spans), strict=True))

    return estimates(counts, figures)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def ours(sentences: Sequence[Sentence]) -> list[list[Span]]:
    """The pipeline's mentions."""
    found = mentions([sentence.text for sentence in sentences], ["en"] * len(sentences))
    return [[Span(each.start, each.end, each.polarity) for each in spoken] for spoken in found]


def noun_phrases(sentences: Sequence[Sentence]) -> list[list[Span]]:
    """Every run of nouns of a sentence in which VADER finds a mood, which is taken for the mood of all of them."""
    moods = score_by("vader", [sentence.text for sentence in sentences])
    return [
        [Span(start, end, mood) for start, end in english_nouns(sentence.text)] if mood else []
        for sentence, mood in zip(sentences, moods.tolist(), strict=True)
    ]


def nouns_of_clauses(sentences: Sequence[Sentence]) -> list[list[Span]]:
    """Every run of nouns of a clause that is not neutral."""
    from profiling.text.aspects import clauses_of

    found = []
    for sentence in sentences:
        parts = list(clauses_of(sentence.text))
        moods, _ = score([clause for _, clause in parts], ["en"] * len(parts))
        found.append(
            [
                Span(offset + start, offset + end, mood)
                for (offset, clause), mood in zip(parts, moods.tolist(), strict=True)
                if mood
                for start, end in english_nouns(clause)
            ]
        )
    return found


def hu_liu(sentences: Sequence[Sentence]) -> list[list[Span]]:
    """Frequent features by their nouns, infrequent ones as the noun nearest to an opinion word, polarity by the opinion words.

    After the paper, with word lists in place of WordNet and runs of nouns in place of association mining and its pruning: a
    feature is a run of nouns in at least FREQUENT of its product's sentences.
    """
    strengths = opinion_lexicon()
    runs = [english_nouns(sentence.text) for sentence in sentences]
    counts: Counter[tuple[str, str]] = Counter()
    sizes = Counter(sentence.product for sentence in sentences)
    for sentence, nouns in zip(sentences, runs, strict=True):
        counts.update({(sentence.product, sentence.text[start:end].lower()) for start, end in nouns})
    found: list[list[Span]] = []
    for sentence, nouns in zip(sentences, runs, strict=True):
        opinions = list(_opinions(sentence.text, strengths))
        total = float(np.sign(sum(strength for _, strength in opinions)))
        frequent = [
            (start, end)
            for start, end in nouns
            if counts[sentence.product, sentence.text[start:end].lower()] >= FREQUENT * sizes[sentence.product]
        ]
        if not opinions or not nouns:
            found.append([])
        elif frequent:
            found.append([Span(start, end, total) for start, end in frequent])
        else:
            near = {min(nouns, key=lambda noun: (abs(noun[0] - at), noun)) for at, _ in opinions}
            found.append([Span(start, end, total) for start, end in sorted(near)])
    return found


def _opinions(text: str, strengths: dict[str, float]) -> Iterator[tuple[int, float]]:
    words = list(re.finditer(r"n't|[a-z]+(?:-[a-z]+)*", text.lower()))
    for at, word in enumerate(words):
        if strength := strengths.get(word.group()):
            before = {each.group() for each in words[max(0, at - _REACH) : at]}
            yield word.start(), -strength if before & _NEGATIONS else strength
