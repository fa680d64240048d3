"""The protocol of facts: its labels are sound, the perfect answerer is, and the figures count what they say."""

from pathlib import Path

import numpy as np
import pytest

from profiling.behaviour.protocols import facts as protocol
from profiling.behaviour.protocols.facts import Perfect, Text, hand_made, measured, planted_texts
from profiling.errors import InputError, SettingsError
from profiling.facts.rules import Fact
from profiling.facts.slots import by_name
from tests.llm.server import language_server

NEED = ("needs", "product", "tent", 1)


def fact(value: str = "tent", side: int = 1, start: int = 0, end: int = 4) -> Fact:
    return Fact("needs", "product", value, value, float(side), 0.8, False, start, end)


def text(name: str, *labels: tuple[tuple[str, str, str, int], str]) -> Text:
    return Text(name, "planted", "en", "tent tent", labels, (0, 9))


def test_precision_recall_and_false_alarms_by_hand() -> None:
    texts = [text("a", (NEED, "tent")), text("b", (NEED, "tent")), text("c"), text("d")]
    found = [[fact(), fact("lamp")], [], [fact()], []]
    figures = measured(texts, found, "en")
    assert figures["precision"].value == pytest.approx(1 / 3)
    assert figures["recall"].value == pytest.approx(1 / 2)
    assert figures["false_alarms"].value == pytest.approx(1 / 2)
    assert figures["evidence"].value == 1.0
    misplaced = measured(texts[:1], [[fact(start=6, end=9)]], "en")
    assert misplaced["evidence"].value == 0.0


def test_every_label_names_a_slot_and_stands_in_its_text() -> None:
    texts = [*protocol._texts_of(hand_made()), *planted_texts()]
    assert len({each.name for each in texts}) == len(texts)
    for each in texts:
        for (topic, subtopic, value, side), words in each.facts:
            slot = by_name()[topic, subtopic]
            assert words in each.text[each.inside[0] : each.inside[1]], each
            assert bool(value) == slot.has_value, each
            assert slot.statement(each.language, side, value), each


def test_planted_texts_are_the_same_every_time_and_of_every_slot_kind() -> None:
    first = planted_texts()
    planted_texts.cache_clear()
    assert planted_texts() == first
    topics = {(slot[0], each.language) for each in first for slot, _ in each.facts}
    assert len(topics) == 16, "eight topics in two languages"
    assert {each.language for each in first if not each.facts} == {"en", "zh"}


def test_the_perfect_answerer_gets_the_cases_right() -> None:
    """What the check takes away from right answers is the check's fault."""
    texts = protocol._texts_of(hand_made())
    model = Perfect(texts)
    found = protocol.by_model(model)(texts)
    for language in protocol.LANGUAGES:
        figures = measured(texts, found, language)
        assert [figures[name].value for name in ("precision", "recall", "evidence")] == [1.0, 1.0, 1.0]
    outcomes = protocol.histories_right(hand_made(), found)
    assert {name: each.value for name, each in outcomes.items()} == dict.fromkeys(protocol.HISTORIES, 1.0)
    assert model.usage.calls == len(texts)
    assert model.usage.tokens_in > 0


def test_a_history_that_comes_out_otherwise_is_wrong() -> None:
    case = next(case for case in hand_made() if case["kind"] == "contradiction")
    assert not protocol._holds(case, [[], []])


def test_tokens_are_about_what_models_count() -> None:
    assert protocol.tokens("four" * 10) == 10
    assert protocol.tokens("帐篷") == 2
    assert np.isclose(protocol.tokens("a" * 4000), 1000)


def test_the_model_that_is_set_is_asked_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILING_CACHE", str(tmp_path / "cache"))
    with language_server(lambda asked: {"facts": []}) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        report = protocol.run([], tmp_path)
        texts = {each.text for each in (*protocol._texts_of(hand_made()), *planted_texts())}
        assert server.calls == len(texts), "each once"
    figures = {line.name: line.figures for line in report.tables[0].lines}
    assert set(figures) == {"rules", "perfect", server.model}
    assert figures[server.model]["recall"].value == 0.0, "who finds nothing"


def test_a_model_that_cannot_be_asked_is_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PROFILING_LLM_BUDGET_CALLS", "0")
    with language_server(lambda asked: {"facts": []}) as server:
        monkeypatch.setenv("PROFILING_LLM_URL", server.url)
        with pytest.raises(SettingsError, match="set PROFILING_LLM_MODEL"):
            protocol.run([], tmp_path)
        monkeypatch.setenv("PROFILING_LLM_MODEL", server.model)
        with pytest.raises(InputError, match=r"was not asked everything: \d+ budget, of \d+ texts"):
            protocol.run([], tmp_path)
        assert server.calls == 0


def test_wrong_calls(tmp_path: object) -> None:
    with pytest.raises(SettingsError, match="reads no file"):
        protocol.run([Path("x")], Path("y"))
    with pytest.raises(SettingsError, match="'gpt' is none"):
        protocol.run([], Path("y"), ["gpt"])
