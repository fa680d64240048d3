"""Answers to our own question about the planted texts, by authors who saw it and the texts and nothing else: docs/results.md."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from profiling.behaviour.protocols.facts import LANGUAGES, by_model, measured, planted_texts
from profiling.llm.contract import Reply, Request, Usage


class Answered:
    """A model that answers as the authors did, by the name of a text."""

    name = "answered"

    def __init__(self) -> None:
        self.usage = Usage()
        lines = (Path(__file__).parent / "answered.jsonl").read_text("utf-8").splitlines()
        self._answers = {each["name"]: each["answer"] for each in map(json.loads, lines)}

    def answer(self, requests: Sequence[Request]) -> list[Reply]:
        return [Reply(self._answers[request.row], self.name, 1, 1) for request in requests]


@cache
def _found() -> list:
    return by_model(Answered())(planted_texts())


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_able_model_s_answers_are_read_for_what_they_say(language: str) -> None:
    figures = measured(planted_texts(), _found(), language)
    assert figures["f1"].value >= 0.9
    assert figures["evidence"].value == 1
    assert figures["false_alarms"].value == 0
