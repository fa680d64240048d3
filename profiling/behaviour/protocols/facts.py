"""Facts: what is read out of texts, and what holds of a customer over time; by rules, a model, or one that knows the answers.

Cases by hand in both languages (`data/facts_cases.txt`), on which the rules were built, and planted sentences in texts of the
sample shop (`data/facts_test_*.txt`), on which they were not.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from profiling import schemas
from profiling.behaviour.evaluation import DRAWS, SEED, Estimate
from profiling.behaviour.protocols.counting import estimates
from profiling.behaviour.protocols.report import OURS, Line, Report, Table, chosen
from profiling.errors import InputError, SettingsError
from profiling.facts.days import facts_of_day, fold
from profiling.facts.model import is_said, read
from profiling.facts.profile import facts_of_customers
from profiling.facts.rules import Fact, clean_value, extract
from profiling.facts.slots import by_name
from profiling.llm.contract import Failure, LanguageModel, Reply, Request, Usage
from profiling.text.aspects import mentions
from profiling.text.language import detect

log = logging.getLogger(__name__)

LANGUAGES = ("en", "zh")
HISTORIES = ("updating", "contradiction", "temporal", "duplicate")
COLUMNS = ("precision", "recall", "f1", "evidence", "false_alarms")
FILLS = 3  # fillings of every template
STATEMENT = (
    "A fact is right when topic, subtopic, side and what fills the slot are (regular form of both); evidence: of the right ones, "
    "those whose words overlap the labelled ones; false_alarms: share of texts that say nothing of their writer in which "
    f"something is found. Planted: every template filled {FILLS} times (seed {SEED}), each behind a review of the sample shop; "
    "only facts whose words lie in the planted sentence count, for the review's own are not labelled. Histories: the texts of "
    "one customer, folded as a profile folds them; right when exactly the labelled facts hold, with their counts and how many "
    f"each goes before. Intervals: {DRAWS} draws of texts, seed {SEED}, 95 %. `perfect` is a scripted model that answers with "
    "the labels: what the check lets through of it is the most a model can reach."
)
LOOKS = (
    "The cases were written with the rules, by one hand, and the rules mended until they held: a test that they still do. The "
    "planted templates were written after the rules, by the same hand, and looked at once; no rule was changed for them (the "
    "label of one template was wrong, and was)."
)
Slot = tuple[str, str, str, int]  # topic, subtopic, value, side


@dataclass(frozen=True)
class Text:
    """A labelled text; `inside` the part that is labelled, all of it but for planted sentences."""

    name: str
    group: str
    language: str
    text: str
    facts: tuple[tuple[Slot, str], ...]  # and the words that say it
    inside: tuple[int, int]
    at: str = ""


Extractor = Callable[[Sequence[Text]], list[list[Fact]]]


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure; needs no data. The model that the settings name is asked where it is named in `models` or there is one.

    Raises:
        SettingsError: inputs or folds, of which there are none, an unknown model, or a server without a model's name.
        InputError: the model that is set was asked and gave no answer at all: its figures would be those of the rules.
    """
    from profiling.llm.opening import open_model
    from profiling.settings import Settings

    if inputs or folds is not None:
        raise SettingsError("facts reads no file and has no folds; leave --input and --folds out")
    cases, planted = hand_made(), planted_texts()
    opened = open_model(Settings.load())
    perfect = Perfect([*_texts_of(cases), *planted])
    known: dict[str, tuple[Extractor, LanguageModel | None]] = {"rules": (by_rules, None)}
    known["perfect"] = (by_model(perfect), perfect)
    if opened is not None:
        known[opened.name] = (by_model(opened), opened)
    tables: list[Table] = []
    wanted = chosen(models, known)
    of_cases = {name: known[name][0](_texts_of(cases)) for name in wanted}
    of_planted = {name: known[name][0](planted) for name in wanted}
    if opened is not None and opened.name in wanted:
        _require_answers(opened, len(_texts_of(cases)) + len(planted))
    for title, texts, found in (("By hand", _texts_of(cases), of_cases), ("Planted, held out", planted, of_planted)):
        for language in LANGUAGES:
            lines = tuple(Line(name, OURS, measured(texts, found[name], language)) for name in wanted)
            tables.append(Table(f"{title}: {language}", COLUMNS, lines))
    histories = tuple(Line(name, OURS, histories_right(cases, of_cases[name])) for name in wanted)
    tables.append(Table("Histories", HISTORIES, histories, "Share of the cases that come out exactly."))
    number = len(_texts_of(cases)) + len(planted)
    costs = tuple(Line(name, OURS, _cost(known[name][1], number)) for name in wanted if known[name][1] is not None)
    if costs:
        tables.append(Table("Cost of 1,000 texts", ("tokens_in", "tokens_out", "calls"), costs, _TOKENS))
    facts: dict[str, float] = {
        "cases": len(cases),
        "texts by hand": len(_texts_of(cases)),
        "planted texts": len(planted),
        "planted facts": sum(len(text.facts) for text in planted),
    }
    wrong = {name: _wrong(planted, of_planted[name]) for name in wanted}
    return Report("facts", STATEMENT, LOOKS, facts, tuple(tables), {"planted, by slot": wrong})


def _require_answers(model: LanguageModel, texts: int) -> None:
    """A model that could not be asked is not measured: where it is silent, the rules read."""
    failures = model.usage.failures or {}
    lost = {reason: failures[reason] for reason in ("unavailable", "rejected", "budget") if failures.get(reason)}
    if not lost:
        return
    said = f"{model.name} was not asked everything: " + ", ".join(
        f"{number} {reason}" for reason, number in lost.items()
    )
    if sum(lost.values()) >= texts:
        raise InputError(f"{said}, of {texts} texts; see that its server answers, knows it, and takes the key")
    log.warning("%s, of %d texts; there the rules read", said, texts)


_TOKENS = "As the model counts them; `perfect` counts four characters of Latin script or one of Chinese as a token."


def _cost(model: LanguageModel | None, texts: int) -> dict[str, Estimate]:
    usage = model.usage if model is not None else Usage()
    per = 1000 / texts
    return {name: Estimate(round(getattr(usage, name) * per)) for name in ("tokens_in", "tokens_out", "calls")}


# --- who reads ---


def by_rules(texts: Sequence[Text]) -> list[list[Fact]]:
    """The pipeline's rules."""
    contents = [text.text for text in texts]
    languages = detect(contents)
    spoken = mentions(contents, languages)
    return [
        extract(text, language, [each._asdict() for each in said])
        for text, language, said in zip(contents, languages, spoken, strict=True)
    ]


def by_model(model: LanguageModel) -> Extractor:
    """A model, and the rules where its answer does not stand, as the stage has it."""

    def extracted(texts: Sequence[Text]) -> list[list[Fact]]:
        done = read({text.name: text.text for text in texts}, model, {})
        fallen = [text for text in texts if text.name not in done.facts]
        ruled = dict(zip((text.name for text in fallen), by_rules(fallen), strict=True))
        return [done.facts.get(text.name, ruled.get(text.name, [])) for text in texts]

    return extracted


class Perfect:
    """A scripted model that answers every text with its labels."""

    name = "perfect"

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = {text.name: text for text in texts}
        self.usage = Usage(failures={})

    def answer(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """The labels of each text as an answer."""
        replies: list[Reply | Failure] = []
        for request in requests:
            value = {"facts": [_entry(slot, words) for slot, words in self._texts[request.row].facts]}
            spent = tokens(request.system + request.user), tokens(json.dumps(value, ensure_ascii=False))
            self.usage.calls += 1
            self.usage.tokens_in += spent[0]
            self.usage.tokens_out += spent[1]
            replies.append(Reply(value, self.name, *spent))
        return replies


def _entry(slot: Slot, words: str) -> dict[str, Any]:
    topic, subtopic, value, side = slot
    # In the words of the text, where they differ from the regular form.
    said = value if is_said(value, words) else _spelt(value, words, by_name()[topic, subtopic].same)
    sides = {"topic": topic, "subtopic": subtopic, "value": said, "side": "for" if side > 0 else "against"}
    return {**sides, "quote": words, "is_inferred": False}


def _spelt(value: str, words: str, same: Mapping[str, str]) -> str:
    for spelling, regular in same.items():
        if regular == value and spelling in words.casefold():
            return spelling
    return value + "s"


def tokens(text: str) -> int:
    """About how many tokens a text is: one for four characters of Latin script, or for one of Chinese."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    return chinese + (len(text) - chinese + 3) // 4


# --- what was labelled ---


@cache
def hand_made() -> tuple[dict[str, Any], ...]:
    """The cases of `data/facts_cases.txt`."""
    lines = _file("facts_cases.txt").splitlines()
    return tuple(json.loads(line) for line in lines if line.startswith("{"))


def _texts_of(cases: Sequence[Mapping[str, Any]]) -> list[Text]:
    found = []
    for case in cases:
        for number, entry in enumerate(case["texts"]):
            facts = tuple((_slot(fact["slot"], fact["value"], fact["side"]), fact["words"]) for fact in entry["facts"])
            name = f"{case['id']}/{number}"
            text = entry["text"]
            found.append(Text(name, case["kind"], case["language"], text, facts, (0, len(text)), entry["at"]))
    return found


def _slot(name: str, value: str, side: str) -> Slot:
    topic, subtopic = name.split("/")
    return topic, subtopic, value, 1 if side == "for" else -1


@cache
def planted_texts() -> tuple[Text, ...]:
    """The templates filled, each behind a review of the sample shop."""
    found: list[Text] = []
    for language in LANGUAGES:
        generator = np.random.default_rng([SEED, LANGUAGES.index(language)])
        reviews = _reviews(language, generator)
        values, templates = _templates(language)
        for number, (slot, side, sentence) in enumerate(templates):
            for turn in range(FILLS if "{" in sentence else 1):
                found.append(
                    _planted(
                        f"{language}-{number}-{turn}", language, slot, side, sentence, values, generator, next(reviews)
                    )
                )
    return tuple(found)


def _planted(
    name: str,
    language: str,
    slot: str,
    side: str,
    sentence: str,
    values: Mapping[str, list[str]],
    generator: Any,
    around: str,
) -> Text:
    def pick(each: str) -> str:
        return values[each][int(generator.integers(len(values[each])))]

    value = pick(slot) if "{value}" in sentence else ""
    said = re.sub(r"\{(\w+/\w+)\}", lambda match: pick(match.group(1)), sentence.replace("{value}", value))
    said = said[0].upper() + said[1:]
    gap = "" if language == "zh" else " "
    start = len(around) + len(gap)
    text = f"{around}{gap}{said}"
    facts: tuple[tuple[Slot, str], ...] = ()
    if slot != "-":
        topic, subtopic = slot.split("/")
        regular = clean_value(value, language, by_name()[topic, subtopic]) if value else ""
        facts = (((topic, subtopic, regular or "", 1 if side == "for" else -1), said),)
    return Text(name, "planted" if facts else "nothing", language, text, facts, (start, len(text)))


def _reviews(language: str, generator: np.random.Generator) -> Iterator[str]:
    """The sample shop's own reviews, of customers who write the language."""
    from datetime import date, timedelta

    from profiling.collect.sample_shop import items, population
    from profiling.collect.sample_texts import review

    shop = items()
    people = population(60, [date(2026, 3, 1) + timedelta(days=n) for n in range(90)], SEED)
    own = [person for person in people if person.language == language]
    while True:
        person = own[int(generator.integers(len(own)))]
        yield review(person, shop[int(generator.integers(len(shop)))], int(generator.integers(1, 6)), generator)


def _templates(language: str) -> tuple[dict[str, list[str]], list[tuple[str, str, str]]]:
    values: dict[str, list[str]] = {}
    templates = []
    for line in _file(f"facts_test_{language}.txt").splitlines():
        if line.startswith("= "):
            name, _, listed = line[2:].partition(": ")
            values[name] = [each.strip() for each in listed.split(";")]
        elif line and not line.startswith("#"):
            slot, side, sentence = (part.strip() for part in line.split("|", 2))
            templates.append((slot, side, sentence))
    return values, templates


def _file(name: str) -> str:
    return (files("profiling.behaviour.protocols") / "data" / name).read_text("utf-8")


# --- figures ---


def measured(texts: Sequence[Text], found: Sequence[Sequence[Fact]], language: str) -> dict[str, Estimate]:
    """The figures of COLUMNS over the texts of a language."""
    rows = []
    for text, facts in zip(texts, found, strict=True):
        if text.language != language:
            continue
        inside = _inside(text, facts)
        gold = dict(text.facts)
        right = [fact for fact in inside if _key(fact) in gold]
        placed = [fact for fact in right if _overlaps(fact, text, gold[_key(fact)])]
        rows.append(
            (
                len(inside),
                len(right),
                len(gold),
                len({_key(fact) for fact in right}),
                len(placed),
                not gold,
                not gold and bool(inside),
            )
        )

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        said, right, labelled, hit, placed, silent, alarmed = (sums[..., column] for column in range(7))
        precision, recall = right / said, hit / labelled
        f1 = 2 * precision * recall / (precision + recall)
        return dict(zip(COLUMNS, (precision, recall, f1, placed / right, alarmed / silent), strict=True))

    return estimates(np.array(rows, dtype=float), figures)


def _inside(text: Text, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that rest on the labelled part."""
    return [fact for fact in facts if text.inside[0] <= fact.start < text.inside[1]]


def _key(fact: Fact) -> Slot:
    return fact.topic, fact.subtopic, fact.value, -1 if fact.polarity < 0 else 1


def _overlaps(fact: Fact, text: Text, words: str) -> bool:
    start = text.text.find(words, text.inside[0])
    return start >= 0 and fact.start < start + len(words) and start < fact.end


def _wrong(texts: Sequence[Text], found: Sequence[Sequence[Fact]]) -> dict[str, dict[str, int]]:
    """By slot: planted, found, and found where another or nothing was planted."""
    counts: dict[str, dict[str, int]] = {}

    def of(slot: Slot) -> dict[str, int]:
        return counts.setdefault(f"{slot[0]}/{slot[1]}", {"planted": 0, "found": 0, "wrong": 0})

    for text, facts in zip(texts, found, strict=True):
        keys = {_key(fact) for fact in _inside(text, facts)}
        for slot, _ in text.facts:
            of(slot)["planted"] += 1
            of(slot)["found"] += slot in keys
        for slot in keys - {slot for slot, _ in text.facts}:
            of(slot)["wrong"] += 1
    return dict(sorted(counts.items()))


def histories_right(cases: Sequence[Mapping[str, Any]], found: Sequence[Sequence[Fact]]) -> dict[str, Estimate]:
    """By kind of history the share of customers whose facts come out exactly."""
    figures: dict[str, Estimate] = {}
    at = 0
    outcomes: dict[str, list[bool]] = {kind: [] for kind in HISTORIES}
    for case in cases:
        facts = found[at : at + len(case["texts"])]
        at += len(case["texts"])
        if case["kind"] in HISTORIES:
            outcomes[case["kind"]].append(_holds(case, facts))
    for kind, right in outcomes.items():
        counts = np.array([[1.0, float(each)] for each in right])
        figures |= estimates(counts, lambda sums, kind=kind: {kind: sums[..., 1] / sums[..., 0]})  # type: ignore[misc]
    return figures


def _holds(case: Mapping[str, Any], found: Sequence[Sequence[Fact]]) -> bool:
    """Whether a customer's texts, arrived a day apart in the order given, come out as labelled."""
    person = "0" * 32
    days = pd.date_range("2026-06-01", periods=len(found)).strftime("%Y-%m-%d")
    state = fold(facts_of_day(_rows([]), {}), facts_of_day(_rows([]), {}))
    for number, (entry, facts, day) in enumerate(zip(case["texts"], found, days, strict=True)):
        row = {"interaction_id": f"{number:032d}", "identity_id": person, "bucket": 0, "day": day}
        rows = _rows([row | {"occurred_at": pd.Timestamp(entry["at"], tz="UTC")}])
        state = fold(state, facts_of_day(rows, {row["interaction_id"]: [(fact, "rules") for fact in facts]}))
    mine = pd.Series({person: person}, name="customer_id").rename_axis("identity_id")
    none = pd.DataFrame(columns=schemas.FACT_CORRECTIONS.names)
    held = facts_of_customers(state, none, mine, mine, days[-1])
    shown = {
        (r["topic"], r["subtopic"], r["value"], -1 if r["polarity"] < 0 else 1, int(r["count"]), int(r["superseded"]))
        for r in held.to_dict("records")
    }
    wanted = {(*_slot(h["slot"], h["value"], h["side"]), h["count"], h["superseded"]) for h in case["holds"]}
    return shown == wanted


def _rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["interaction_id", "identity_id", "bucket", "day", "occurred_at"])
