"""What the statements of facts let a persona say: their own words in a row, and what they assert themselves.

A statement is what a customer said, in our words or a model's. A text may say it again, in part or in other words; it may
not turn it round, so a statement with a negation never stands for a sentence without one, nor the other way about.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from profiling.llm.words import clause_at, is_negated, stem

_WORD = re.compile(r"[^\W\d_]+")
_HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
# So many Chinese characters, or words, in a row are the statement's and no chance.
_RUN_HAN, _RUN_WORDS = 3, 2
# Words that two sentences share by chance; fewer than the stop words, for `buy` is of weight here.
_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "customer",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "in",
        "is",
        "it",
        "its",
        "mean",
        "means",
        "no",
        "nor",
        "not",
        "of",
        "on",
        "or",
        "so",
        "that",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "want",
        "wants",
        "was",
        "were",
        "what",
        "which",
        "who",
        "with",
    ]
)
# What means the same of a customer's doings.
_SAME = {"purchas": "buy", "bought": "buy", "repurchas": "buy", "reorder": "buy", "pricey": "price", "dear": "price"}
_SAME_ZH = re.compile("光顾|回购|复购|下单|再买|再购(?!买)")


@dataclass(frozen=True)
class Statements:
    """Statements that order nothing (`is_statement`), in the language of the text."""

    language: str
    texts: tuple[str, ...] = ()

    def without_runs(self, text: str) -> str:
        """The text with every run of the words of a value (`Is interested in: slow coffee`) blanked; as long as before."""
        if self.language == "zh":
            covered = [False] * len(text)
            for match in _HAN_RUN.finditer(text):
                for at in range(match.start(), match.end() - _RUN_HAN + 1):
                    if text[at : at + _RUN_HAN] in self._runs:
                        covered[at : at + _RUN_HAN] = [True] * _RUN_HAN
            masked = "".join("\0" if is_covered else c for c, is_covered in zip(text, covered, strict=True))
            return re.sub("\0+", lambda run: _blank(len(run.group(0))), masked)
        words = list(_WORD.finditer(text))
        stems = [stem(word.group(0)) for word in words]
        spans = [
            (words[at].start(), words[at + _RUN_WORDS - 1].end())
            for at in range(len(words) - _RUN_WORDS + 1)
            if " ".join(stems[at : at + _RUN_WORDS]) in self._runs
            and not re.search(r"[^\s-]", text[words[at].end() : words[at + 1].start()])
        ]
        for start, end in reversed(_joined(spans)):
            text = text[:start] + _blank(end - start) + text[end:]
        return text

    def hold_up(self, pattern: re.Pattern[str] | None, text: str, span: tuple[int, int]) -> bool:
        """Whether a statement says what a text does at some place: the same pattern is found in it, it is as negative or as
        positive, and it shares a word with the clause; without a pattern a word beyond the place itself."""
        clause = clause_at(text, span)
        own = self._units(clause)
        beside = self._units(text[span[0] : span[1]]) if pattern is None else set()
        return any(
            (pattern is None or pattern.search(statement))
            and is_negated(statement, self.language) == is_negated(clause, self.language)
            and own & self._units(statement) - beside
            for statement in self.texts
        )

    @cached_property
    def words(self) -> frozenset[str]:
        """Stems (Chinese: whatever stands side by side, two to eight characters) that may stand alone."""
        if self.language == "zh":
            runs = [run for text in self.texts for run in _HAN_RUN.findall(text)]
            return frozenset(
                run[i:j] for run in runs for i in range(len(run)) for j in range(i + 2, min(len(run), i + 8) + 1)
            )
        return frozenset(stem(word) for text in self.texts for word in _WORD.findall(text))

    @cached_property
    def _runs(self) -> set[str]:
        found: set[str] = set()
        for text in self.texts:
            _, colon, value = text.replace("：", ":").partition(":")
            if not colon or is_negated(text, self.language):
                continue
            if self.language == "zh":
                for run in _HAN_RUN.findall(value):
                    found |= {run[at : at + _RUN_HAN] for at in range(len(run) - _RUN_HAN + 1)}
            else:
                words = _WORD.findall(value)
                for at in range(len(words) - _RUN_WORDS + 1):
                    run = words[at : at + _RUN_WORDS]
                    if any(word.lower() not in _FUNCTION_WORDS for word in run):
                        found.add(" ".join(map(stem, run)))
        return found

    def _units(self, text: str) -> set[str]:
        if self.language == "zh":
            runs = _HAN_RUN.findall(_SAME_ZH.sub("购买", text))
            return {run[at : at + 2] for run in runs for at in range(len(run) - 1)}
        stems = (stem(word) for word in _WORD.findall(text) if word.lower() not in _FUNCTION_WORDS)
        return {_SAME.get(each, each) for each in stems}


def _blank(length: int) -> str:
    return "¤".center(length)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
