import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from profiling.llm.answers import NAMESPACE, Answers
from profiling.llm.client import Limits, ServerModel
from profiling.llm.contract import Request
from profiling.llm.protocol import Endpoint
from profiling.text.cache import TextCache
from tests.llm.server import LanguageServer, language_server

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"mood": {"enum": ["good", "bad"]}, "certainty": {"type": "integer", "minimum": 0, "maximum": 10}},
    "required": ["mood", "certainty"],
    "additionalProperties": False,
}
GOOD = {"mood": "good", "certainty": 7}


def ask(user: str, **changes: Any) -> Request:
    said = {
        "row": user, "prompt": "mood@1", "system": "Tell the mood.", "user": user, "schema": SCHEMA, "max_tokens": 50,
    } | changes  # fmt: skip
    return Request(**said)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.time, self.waits = 1_000.0, list[float]()
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.time += seconds
            self.waits.append(seconds)

    def pause(self, stopping: threading.Event, seconds: float) -> bool:
        self.sleep(seconds)
        return stopping.is_set()


@pytest.fixture
def server() -> Iterator[LanguageServer]:
    with language_server(lambda asked: GOOD) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_model(server: LanguageServer, clock: Clock, tmp_path: Path) -> Callable[..., ServerModel]:
    """A model of the scripted server, whose waiting takes no time; called again, another one with the same cache."""

    def opened(
        *, url: str = "", key: str = "", name: str = server.model, timeout: float = 30.0, **limits: Any
    ) -> ServerModel:
        answers = Answers(TextCache(tmp_path / "cache", NAMESPACE))
        endpoint = Endpoint(url or server.url, key, timeout)
        return ServerModel(endpoint, name, answers, Limits(**limits), pause=clock.pause, now=clock.now)

    return opened
