"""Protocol 7: is personal data in texts found, and is what only looks like it left alone?

Templates with values planted by seed, in English and Chinese. Those of the test were written before the finders; the finders were
built on others (`data/redaction_build_*.txt`), whose values are written out.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from profiling.behaviour.evaluation import Estimate
from profiling.behaviour.protocols import raw
from profiling.behaviour.protocols.report import OURS, Line, Report, Table, published
from profiling.errors import SettingsError
from profiling.prepare.clean import normalise_text
from profiling.prepare.redaction import PERSONAL, find, redact_series

LANGUAGES = ("en", "zh")
FORMS = ("review", "mail", "chat", "search")
# Kinds with a form of their own; a name and an address have none.
STRUCTURED = tuple(kind for kind in PERSONAL if kind not in ("name", "address"))
IOU = 0.75
DRAWS, SEED = 20, 42
COLUMNS = ("precision", "recall", "hidden", "planted")

STATEMENT = (
    f"Every template filled {DRAWS} times, seed {SEED}. A find counts when its kind is that of a planted span and "
    f"the two share at "
    f"least {IOU} of the characters either covers (presidio-research, SpanEvaluator: IoU of characters, same "
    f"type); every other find "
    "is wrong, every other planted span missed. Spans of one kind with only a blank between are one. Hidden: the "
    "share of planted "
    "characters, without blanks, that no reader of the redacted text sees, whatever they were taken for."
)
LOOKS = (
    "The test templates and values were written, and committed, before the finders, by the same hand, which knew them: read the "
    "figures as an upper bound. They were looked at three times; nothing was changed for them. The finders were built on other "
    "templates, and mended where real reviews showed words taken for names."
)
# Microsoft Presidio as its own evaluation publishes it, on other data: made-up English texts, other kinds.
_PUBLISHED = (
    ("Presidio as shipped, on other data", (0.685, 0.603, None, None)),
    ("Presidio configured, on other data", (0.870, 0.839, None, None)),
)


class Planted(NamedTuple):
    """A text and what stands in it: (kind, start, end)."""

    form: str
    language: str
    text: str
    spans: tuple[tuple[str, int, int], ...]


def templates(use: str, language: str) -> list[tuple[str, str]]:
    """(form, template) of a file; use: test or build. A slot is {name}, in those to build on {kind|value}.

    Raises:
        ValueError: a line is no form, tab and text: a defect of the file.
    """
    content = (files("profiling.behaviour.protocols") / "data" / f"redaction_{use}_{language}.txt").read_text("utf-8")
    found = []
    for line in content.splitlines():
        if line and not line.startswith("#"):
            form, _, text = line.partition("\t")
            if form not in FORMS or not text:
                raise ValueError(
                    f"redaction_{use}_{language}.txt: {line!r} is not one of {', '.join(FORMS)}, a tab and a text"
                )
            found.append((form, text))
    return found


def filled(form: str, template: str, language: str, rng: random.Random) -> Planted:
    """A template with values in its slots; harmless ones plant nothing."""
    from profiling.behaviour.protocols import planted_values

    text, at, spans = "", 0, []
    for slot in re.finditer(r"\{(\w+)(?:\|([^}]*))?\}", template):
        text += template[at : slot.start()]
        at = slot.end()
        kind: str | None
        if slot[2] is not None:
            kind, value = slot[1], slot[2]
        elif slot[1] in planted_values.PERSONAL:
            kind, draw = planted_values.PERSONAL[slot[1]]
            value = draw(rng, language)
        else:
            kind, value = None, planted_values.HARMLESS[slot[1]](rng, language)
        if kind:
            spans.append((kind, len(text), len(text) + len(value)))
        text += value
    return Planted(form, language, text + template[at:], tuple(_joined(text + template[at:], spans)))


def _joined(text: str, spans: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    joined: list[tuple[str, int, int]] = []
    for kind, start, end in spans:
        if joined and joined[-1][0] == kind and not text[joined[-1][2] : start].strip():
            start = joined.pop()[1]
        joined.append((kind, start, end))
    return joined


def planted(use: str, draws: int = DRAWS) -> Iterator[Planted]:
    """Every template of a use, filled `draws` times; the same at every call."""
    for language in LANGUAGES:
        rng = random.Random(f"{SEED} {language}")
        for form, template in templates(use, language):
            for _ in range(draws):
                yield filled(form, template, language, rng)


class Judged(NamedTuple):
    """What became of one text: kinds found rightly, finds that were wrong, spans that were missed, characters hidden."""

    right: list[str]
    wrong: list[tuple[str, str]]
    missed: list[tuple[str, str]]
    hidden: Counter[str]
    characters: Counter[str]


def judge(case: Planted) -> Judged:
    """Compare what is found in a text with what was planted."""
    finds = _joined(case.text, [(each.kind, each.start, each.end) for each in find(case.text)])
    open_finds, right, missed = list(finds), [], []
    for span in case.spans:
        match = next((each for each in open_finds if each[0] == span[0] and _iou(each, span) >= IOU), None)
        if match is None:
            missed.append((span[0], case.text[span[1] : span[2]]))
        else:
            open_finds.remove(match)
            right.append(span[0])
    covered = {at for _, start, end in finds for at in range(start, end)}
    hidden: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for kind, start, end in case.spans:
        places = [at for at in range(start, end) if not case.text[at].isspace()]
        characters[kind] += len(places)
        hidden[kind] += sum(at in covered for at in places)
    return Judged(right, [(kind, case.text[a:b]) for kind, a, b in open_finds], missed, hidden, characters)


def _iou(a: tuple[str, int, int], b: tuple[str, int, int]) -> float:
    shared = min(a[2], b[2]) - max(a[1], b[1])
    return max(0, shared) / (max(a[2], b[2]) - min(a[1], b[1]))


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure on the planted texts; of files of reviews, Amazon's or lines, count what is redacted and show it.

    Args:
        inputs: files of real texts; none is needed.
        cache: not used.
        models, folds: the protocol has neither.

    Raises:
        InputError: a file cannot be read.
        SettingsError: models or folds were asked for.
    """
    if models is not None or folds is not None:
        raise SettingsError("redaction has neither models nor folds; leave --models and --folds out")
    cases = list(planted("test"))
    judged = [judge(case) for case in cases]
    errors = _errors(cases, judged)
    real = {path.name: _real(path) for path in inputs}
    return Report(
        protocol="redaction",
        statement=STATEMENT,
        looks=LOOKS,
        facts={
            **{f"templates {language}": len(templates("test", language)) for language in LANGUAGES},
            "texts": len(cases),
            "planted spans": sum(len(case.spans) for case in cases),
        },
        tables=(_table(cases, judged), _error_table(errors), *((_real_table(real),) if real else ())),
        evaluations={"errors": errors, "real texts": real},
    )


def _figures(judged: Sequence[Judged], kinds: Sequence[str]) -> dict[str, Estimate]:
    right = sum(each.right.count(kind) for each in judged for kind in kinds)
    wrong = sum(kind in kinds for each in judged for kind, _ in each.wrong)
    missed = sum(kind in kinds for each in judged for kind, _ in each.missed)
    characters = sum(each.characters[kind] for each in judged for kind in kinds)
    hidden = sum(each.hidden[kind] for each in judged for kind in kinds)

    def share(part: int, whole: int) -> Estimate:
        return Estimate(part / whole) if whole else Estimate(None, reason="none")

    return {
        "precision": share(right, right + wrong),
        "recall": share(right, right + missed),
        "hidden": share(hidden, characters),
        "planted": Estimate(float(right + missed)),
    }


def _table(cases: Sequence[Planted], judged: Sequence[Judged]) -> Table:
    lines = []
    for name, kinds in (("all", PERSONAL), ("structured kinds", STRUCTURED), *((kind, (kind,)) for kind in PERSONAL)):
        for language in (None, *LANGUAGES):
            part = [each for each, case in zip(judged, cases, strict=True) if language in (None, case.language)]
            figures = _figures(part, kinds)
            if figures["planted"].value or figures["precision"].value is not None:
                lines.append(Line(f"{name}, {language}" if language else name, OURS, figures))
    return Table(
        "Personal data found in planted texts",
        COLUMNS,
        published(COLUMNS, *_PUBLISHED) + tuple(lines),
        "Goals: recall of .95 for structured kinds and .85 over all, precision of .90.",
    )


class Errors(NamedTuple):
    """Spans of one kind and language that were missed or wrongly found: how many, and the first of each template's."""

    number: int
    examples: list[str]


def _errors(cases: Sequence[Planted], judged: Sequence[Judged], most: int = 5) -> dict[str, dict[str, Errors]]:
    """By `missed` and `wrong`, then by kind and language."""
    found: dict[str, dict[str, Errors]] = {"missed": {}, "wrong": {}}
    for case, each in zip(cases, judged, strict=True):
        for name, spans in (("missed", each.missed), ("wrong", each.wrong)):
            for kind, value in spans:
                before = found[name].get(f"{kind}, {case.language}", Errors(0, []))
                at = case.text.index(value)
                shown = f"{case.text[max(0, at - 24) : at]}<{value}>{case.text[at + len(value) :][:16]}"
                is_new = all(shown[:8] != other[:8] for other in before.examples) and len(before.examples) < most
                examples = [*before.examples, shown] if is_new else before.examples
                found[name][f"{kind}, {case.language}"] = Errors(before.number + 1, examples)
    return found


def _error_table(errors: dict[str, dict[str, Errors]]) -> Table:
    lines = tuple(
        Line(f"{name} {kind}: {' … '.join(each.examples)}", OURS, {"spans": Estimate(float(each.number))})
        for name, kinds in errors.items()
        for kind, each in sorted(kinds.items(), key=lambda item: -item[1].number)
    )
    return Table("What is missed, and what is wrongly found", ("spans",), lines)


def _real(path: Path) -> dict[str, int]:
    """How many spans of each kind are redacted in a file's texts, and in how many of them."""
    if path.suffix == ".txt":
        texts = pd.Series(raw.read_lines(path), dtype="str")
    else:
        reviews = raw.read_reviews(path)
        texts = reviews["summary"] + ". " + reviews["text"]
    texts = normalise_text(texts)
    redacted, counts = redact_series(texts)
    changed = int((redacted.fillna("") != texts.fillna("")).sum())
    return {
        "texts": len(texts),
        "texts changed": changed,
        **{kind: number for kind, number in counts.items() if number},
    }


def _real_table(real: dict[str, dict[str, int]]) -> Table:
    columns = tuple(dict.fromkeys(name for counts in real.values() for name in counts))
    lines = tuple(
        Line(name, OURS, {column: Estimate(float(number)) for column, number in counts.items()})
        for name, counts in real.items()
    )
    return Table(
        "Spans redacted in real texts",
        columns,
        lines,
        "Nobody marked these texts: right and wrong finds are counted alike.",
    )
