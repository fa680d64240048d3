"""Answers outlive a kill, and are found by the people they are about."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling import stages
from profiling.lake import Lake
from profiling.llm.answers import NAMESPACE, Answers, answer_key
from profiling.llm.contract import Failure, Reply
from profiling.rights import requests
from profiling.settings import Settings
from profiling.text.cache import TextCache
from tests import leaks
from tests.llm.conftest import GOOD, ask
from tests.llm.server import LanguageServer, never
from tests.rights.erasing import DAYS, NAMES, deliver
from tests.worlds import settings_in

ROOT = Path(__file__).parents[2]
RUN = """
    import sys
    from profiling.llm.contract import Reply
    from profiling.llm.opening import open_model
    from profiling.settings import Settings
    from tests.llm.conftest import ask

    model = open_model(Settings.load())
    found = model.answer([ask(f"{number:02}", about=(f"person {number}",)) for number in range(20)])
    print(sum(isinstance(each, Reply) for each in found), model.usage.calls, model.usage.cache_hits)
"""


@pytest.mark.parametrize("killed", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_kill_in_the_middle_repeats_no_paid_call(
    server: LanguageServer, tmp_path: Path, killed: signal.Signals
) -> None:
    environment = {
        **os.environ, **server.environment(), "PROFILING_CACHE": str(tmp_path / "cache"), "PROFILING_LLM_AT_ONCE": "3",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-c", textwrap.dedent(RUN)]
    server.answers = lambda asked: GOOD if asked.user < "08" else never  # three of the rest hang
    process = subprocess.Popen(command, env=environment)
    until = time.monotonic() + 60
    while server.under_way < 3 or server.completed < 8:
        assert process.poll() is None, "the client ended before"
        assert time.monotonic() < until, "the client never came so far"
        time.sleep(0.01)
    process.send_signal(killed)
    if killed is not signal.SIGKILL:  # those under way are waited for, or end with the process
        server.closing.set()
    process.wait(60)
    assert server.completed == 8
    in_vain = server.calls - 8
    assert in_vain >= 3

    server.answers = lambda asked: GOOD
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["20", "12", "8"]
    answered = [asked.user for asked in server.asked if asked.user < "08"]
    assert sorted(answered) == [f"{number:02}" for number in range(8)]  # each of them once
    assert server.completed == 20


@pytest.fixture
def kept(tmp_path: Path) -> Answers:
    return Answers(TextCache(tmp_path / "cache", NAMESPACE))


def keep(answers: Answers, user: str, *about: tuple[str, ...], value: Any = GOOD) -> str:
    """Store an answer that was asked for about these people, one asking after the other."""
    requests = [ask(user, about=people) for people in about]
    key = answer_key("m", requests[0])
    answers.keep(key, requests, Reply(value, "m", 1, 1))
    return key


def test_a_person_is_erased_with_every_answer_about_them(kept: Answers, tmp_path: Path) -> None:
    keep(kept, "hers", ("ann",), value="ann says")
    keep(kept, "in one question", ("ann", "bob"), value="ann and bob say")
    shared = keep(kept, "the same text", ("ann",), ("bob",))
    his = keep(kept, "his", ("bob",))
    cache = TextCache(tmp_path / "cache", NAMESPACE)
    cache.erase(kept.about({"ann"}))
    left = cache.keys()
    assert {name for name in left if name.startswith("answer|")} == {shared, his}
    assert not any("ann" in name for name in left)
    for file in (tmp_path / "cache").iterdir():
        assert b"ann" not in file.read_bytes()
    cache.erase(kept.about({"bob"}))
    assert cache.keys() == []


def test_who_asks_for_a_kept_answer_is_known_by_it_too(kept: Answers) -> None:
    key = keep(kept, "the same text", ("ann",))
    found = kept.known({key: [ask("the same text", about=("bob",))]})
    assert found == {key: Reply(GOOD, "m", 1, 1, is_cached=True)}
    assert key not in kept.about({"ann"})
    assert key in kept.about({"ann", "bob"})


def test_a_row_stands_for_whom_it_is_about(kept: Answers) -> None:
    request = ask("a text", row="interaction 7")
    key = answer_key("m", request)
    kept.keep(key, [request], Reply(GOOD, "m", 1, 1))
    assert key in kept.about({"interaction 7"})


@pytest.mark.parametrize("reason", ["budget", "unavailable", "rejected"])
def test_what_was_never_answered_leaves_nothing(kept: Answers, tmp_path: Path, reason: Any) -> None:
    kept.keep("answer|m|p|d", [ask("one")], Failure(reason, "why"))
    assert TextCache(tmp_path / "cache", NAMESPACE).keys() == []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """No text is read by an encoder here."""
    return settings_in(tmp_path, tmp_path / "cache")


def test_an_erasure_reaches_the_answers_about_a_person(settings: Settings) -> None:
    deliver(settings)
    stages.ingest(settings, DAYS[0])
    lake = Lake(settings.lake)
    request = requests.ask(settings, [f"email:{NAMES[1]}"])
    stages.erase(settings, request.id, "suppress")
    hers = requests.find(lake, request.id).identities  # type: ignore[union-attr]
    rows = lake.rows_with("interactions", {"identity_id": hers}, ["interaction_id", "text_hash", "text"]).dropna()
    private, shared = (rows[rows["text"].str.contains(word)].iloc[0] for word in ("quetzal", "lovely lamp"))
    kept = Answers(TextCache(settings.cache, NAMESPACE))
    keep(kept, "persona", (hers[0],), value="quetzalcoatlus")
    keep(kept, "by id", (private["interaction_id"],), value="quetzalcoatlus")
    keep(kept, "by hash", (private["text_hash"],), value="quetzalcoatlus")
    left = {keep(kept, "lamp", (shared["text_hash"],)), keep(kept, "ann's", ("ann",))}
    assert stages.erase(settings, request.id, "cache").counts["answers of language models"] == 6
    names = TextCache(settings.cache, NAMESPACE).keys()
    assert {name for name in names if name.startswith("answer|")} == left
    assert leaks.find(settings.cache.glob("answers.sqlite*"), [*hers, "quetzalcoatlus", private["text_hash"]]) == []
    assert "answers of language models" not in stages.erase(settings, request.id, "cache").counts


def test_answers_go_with_the_retention_of_the_text_cache(settings: Settings) -> None:
    deliver(settings)
    stages.ingest(settings, DAYS[0])
    keep(Answers(TextCache(settings.cache, NAMESPACE)), "one", ("ann",))
    today = pd.Timestamp.now("UTC").date().isoformat()

    def removed() -> list[int]:
        return [each.number for each in stages.retain(settings, today).removed if each.what == "text_cache"]

    assert removed() == []
    with sqlite3.connect(settings.cache / f"{NAMESPACE}.sqlite") as database:
        database.execute("UPDATE results SET stored_at = stored_at - 200 * 86400")
    assert removed() == [2]
    assert TextCache(settings.cache, NAMESPACE).keys() == []
