"""Whatever a server answers: a reply that fits the schema, or a failure of this row alone; nothing asked or paid twice."""

import contextlib
import json
import logging
import socket
import sqlite3
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from profiling.llm import client
from profiling.llm.client import ServerModel
from profiling.llm.contract import Failure, Reply
from profiling.llm.limits import Allowance, Prices
from profiling.llm.opening import counts, warnings
from profiling.llm.protocol import most
from profiling.text import cache
from tests.llm.conftest import GOOD, SCHEMA, Clock, ask
from tests.llm.server import (
    Asked,
    Handler,
    LanguageServer,
    closes,
    cuts,
    drips,
    drips_an_error,
    drips_headers,
    fails,
    language_server,
    late,
    never,
    refuses,
    says,
    sends,
    writes,
)  # fmt: skip

Open = Callable[..., ServerModel]


def test_an_answer_is_a_document_that_fits(server: LanguageServer, open_model: Open) -> None:
    model = open_model()
    (found,) = model.answer([ask("I like it")])
    assert found == Reply(GOOD, "scripted-1", tokens_in=6, tokens_out=4)
    (asked,) = server.asked
    assert asked.body == {
        "model": "scripted-1", "temperature": 0, "seed": 0, "max_tokens": 50,
        "messages": [{"role": "system", "content": "Tell the mood."}, {"role": "user", "content": "I like it"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "mood_1", "strict": True, "schema": SCHEMA}},
    }  # fmt: skip
    assert (model.usage.calls, model.usage.tokens_in, model.usage.tokens_out, model.usage.cost) == (1, 6, 4, None)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (refuses(), "refused"),
        (writes(None, finish="content_filter"), "refused"),
        (fails(400, "The response was filtered", "content_filter"), "refused"),
        (writes('{"mood": "go', finish="length"), "length"),
        (writes(json.dumps(GOOD), finish="length"), "length"),
        (says({"mood": "good", "certainty": 11}), "schema"),  # no grammar enforces a number
        (says({"mood": "good", "certainty": 7, "sex": "female"}), "schema"),
        (says([]), "schema"),
        (writes("{"), "schema"),
        (writes(""), "schema"),
        (writes(None), "schema"),
        (writes('{"mood": "good", "certainty": 1e999}'), "schema"),
        (writes('{"mood": "bad", "mood": "good", "certainty": 7}'), "schema"),  # nobody knows which is meant
        (writes('{"mood": "\\ud83d", "certainty": 7}'), "schema"),
        (writes("[" * 100_000), "schema"),
        (fails(400, "This model's maximum context length is 4096 tokens", "context_length_exceeded"), "rejected"),
        (fails(413), "rejected"),
        (fails(403), "rejected"),
        (fails(307, Location="http://127.0.0.1:9/v1"), "rejected"),
        (fails(500), "unavailable"),
        (sends(b"<html>Log in</html>", content_type="text/html"), "unavailable"),
        (sends(b'{"choices": []}'), "unavailable"),
        (sends(b'{"choices": [7]}'), "unavailable"),
        (sends(b"zz", 400, "text/plain; charset=hex"), "rejected"),  # a codec of Python that is none of text
        (drips_an_error(413), "rejected"),
        (closes, "unavailable"),
        (cuts, "unavailable"),
    ],
)
def test_a_failure_is_of_its_row_alone(server: LanguageServer, open_model: Open, script: Any, reason: str) -> None:
    model = open_model(at_once=1, timeout=2.0)
    model.answer([ask("the first, so that the server is known to heed the schema")])

    def answers(asked: Asked) -> Any:
        return script if asked.user == "bad 私の秘密" else GOOD

    server.answers = answers
    before, bad, after = model.answer([ask("one"), ask("bad 私の秘密"), ask("two")])
    assert isinstance(bad, Failure)
    assert (bad.reason, model.usage.failures) == (reason, {reason: 1})
    assert "秘密" not in bad.detail
    assert before == after == Reply(GOOD, "scripted-1", 4, 4)


def test_of_an_error_no_more_is_read_than_says_what_it_is(server: LanguageServer, open_model: Open) -> None:
    """The official client reads all of it, however much it is: a page of gigabytes would fill the memory."""
    page = b" " * 30_000_000
    server.answers = lambda asked: sends(page, 413)
    tracemalloc.start()
    (found,) = open_model().answer([ask("one")])
    _, most_held = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, Failure)
    assert (found.reason, most_held < len(page)) == ("rejected", True)


@pytest.mark.parametrize("said", [10**400, 10**30, -1, "7", 1.5, None])
def test_a_count_that_can_be_none_is_taken_as_the_most(server: LanguageServer, open_model: Open, said: object) -> None:
    body = {"choices": [{"message": {"content": json.dumps(GOOD)}}], "usage": {"prompt_tokens": said}}
    server.answers = lambda asked: sends(json.dumps(body).encode())
    model = open_model(prices=Prices(1.0, 2.0))
    need = most(ask("one"))
    assert model.answer([ask("one")]) == [Reply(GOOD, "scripted-1", need.tokens_in, need.tokens_out)]
    assert model.usage.tokens_in == need.tokens_in


def test_a_failure_quotes_neither_the_question_nor_the_answer(server: LanguageServer, open_model: Open) -> None:
    server.script += [
        fails(400, "I will not read: my secret", "my secret code"),
        says({"mood": "my secret", "certainty": 1}),
    ]
    for found in open_model(at_once=1).answer([ask("my secret"), ask("my secret too")]):
        assert isinstance(found, Failure)
        assert "secret" not in found.detail


@pytest.mark.parametrize("written", ["你好，“世界” 😀", 'a "b" \\ \n\t'])
def test_text_comes_back_as_it_was_written(server: LanguageServer, open_model: Open, written: str) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    server.answers = lambda asked: {"text": written}
    for server.is_escaped in (True, False):
        (found,) = open_model().answer([ask(f"{written} {server.is_escaped}", schema=schema)])
        assert isinstance(found, Reply)
        assert found.value == {"text": written}


# --- how a server wants to be asked


@pytest.mark.parametrize(
    ("forms", "form"),
    [({"json_schema"}, "json_schema"), ({"json_object"}, "json_object"), (set(), "text")],
)
def test_a_server_that_refuses_a_form_is_asked_in_a_simpler_one(
    server: LanguageServer, open_model: Open, forms: set[str], form: str
) -> None:
    server.forms = frozenset(forms)
    model = open_model(at_once=1)
    assert model.answer([ask("one"), ask("two")]) == [
        Reply(GOOD, "scripted-1", *_used(server, -2)),
        Reply(GOOD, "scripted-1", *_used(server, -1)),
    ]
    assert [asked.form for asked in server.asked[-2:]] == [form] * 2  # found out once
    assert model.usage.calls == server.calls == {"json_schema": 2, "json_object": 3, "text": 4}[form]
    assert (json.dumps(SCHEMA, separators=(",", ":")) in server.asked[-1].system) == (form != "json_schema")


def _used(server: LanguageServer, which: int) -> tuple[int, int]:
    asked = server.asked[which]
    return len(asked.system.split()) + len(asked.user.split()), 4


def test_a_server_that_heeds_no_form_is_told_the_schema(server: LanguageServer, open_model: Open) -> None:
    server.answers = lambda asked: GOOD if "JSON Schema" in asked.system else "The mood is good!"
    model = open_model(at_once=1)
    assert [type(found) for found in model.answer([ask("one"), ask("two")])] == [Reply, Reply]
    assert [asked.form for asked in server.asked] == ["json_schema", "json_object", "json_object"]


def test_a_model_of_one_lapse_is_asked_as_before(server: LanguageServer, open_model: Open) -> None:
    model = open_model(at_once=1)
    model.answer([ask("one")])
    server.script.append(writes("The mood is good!"))
    model.answer([ask("two"), ask("three")])
    assert [asked.form for asked in server.asked] == ["json_schema"] * 3


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "<think>Is it {{bad}}?</think>\n{}", "\n {} \n"])
def test_a_document_is_found_where_models_put_it(server: LanguageServer, open_model: Open, fence: str) -> None:
    server.answers = lambda asked: fence.replace("{}", json.dumps(GOOD))
    (found,) = open_model().answer([ask("one")])
    assert isinstance(found, Reply)


def test_parameters_that_a_server_does_not_know_are_left_out(server: LanguageServer, open_model: Open) -> None:
    server.unknown = frozenset({"temperature", "seed"})
    assert isinstance(open_model().answer([ask("one")])[0], Reply)
    assert server.asked[-1].body.keys() == {"model", "messages", "max_tokens", "response_format"}
    server.script.append(fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."))
    server.unknown = frozenset({"max_tokens"})
    assert isinstance(open_model().answer([ask("two")])[0], Reply)
    assert server.asked[-1].body["max_completion_tokens"] == 50


def test_a_server_that_redirects_is_not_followed(server: LanguageServer, open_model: Open) -> None:
    with language_server(lambda asked: GOOD) as elsewhere:
        server.answers = lambda asked: fails(307, Location=f"{elsewhere.url}/chat/completions")
        (found,) = open_model().answer([ask("one")])
        assert (found.reason, elsewhere.calls) == ("rejected", 0)  # type: ignore[union-attr]


# --- again


def test_a_busy_server_is_asked_again_when_it_says(server: LanguageServer, open_model: Open, clock: Clock) -> None:
    server.script += [fails(429, Retry_After="7"), fails(503, Retry_After="11"), fails(500)]
    model = open_model(prices=Prices(1.0, 2.0))
    assert isinstance(model.answer([ask("one")])[0], Reply)
    assert sorted(clock.waits)[-2:] == [7, 11]
    assert model.usage.calls == server.calls == 4
    assert model.usage.cost == (4 * 1.0 + 4 * 2.0) / 1e6  # a refusal is not billed


@pytest.mark.parametrize("said", ["0", "-5", "nan", "Mon, 02 Jan 2006 15:04:05 GMT"])
def test_a_pause_of_nothing_is_no_reason_to_hurry(
    server: LanguageServer, open_model: Open, clock: Clock, said: str
) -> None:
    """All tries at the same moment would give up a server that is busy for a second."""
    server.answers = lambda asked: fails(429, Retry_After=said)
    open_model().answer([ask("one")])
    assert len(clock.waits) == client.RETRIES
    assert all(wait >= client.FIRST_WAIT / 2 for wait in clock.waits)


def test_waits_grow_and_end(server: LanguageServer, open_model: Open, clock: Clock) -> None:
    server.answers = lambda asked: fails(503)
    model = open_model()
    (found,) = model.answer([ask("one")])
    assert (found.reason, server.calls) == ("unavailable", 1 + client.RETRIES)  # type: ignore[union-attr]
    for tries, wait in enumerate(clock.waits):
        assert client.FIRST_WAIT * 2**tries / 2 <= wait <= client.FIRST_WAIT * 2**tries


def test_a_pause_of_hours_is_not_waited_for(server: LanguageServer, open_model: Open, clock: Clock) -> None:
    server.answers = lambda asked: fails(429, Retry_After="7200")
    assert open_model().answer([ask("one")])[0].reason == "unavailable"  # type: ignore[union-attr]
    assert (server.calls, clock.waits) == (1, [])


@pytest.mark.parametrize("script", [never, drips, drips_headers])
def test_an_answer_that_does_not_come_may_be_billed(
    server: LanguageServer, open_model: Open, monkeypatch: pytest.MonkeyPatch, script: Any
) -> None:
    monkeypatch.setattr(client, "RETRIES", 1)
    server.answers = lambda asked: script
    model = open_model(timeout=0.2)
    (found,) = model.answer([ask("one")])
    need = most(ask("one"))
    assert found.reason == "unavailable"  # type: ignore[union-attr]
    assert (model.usage.calls, model.usage.tokens_in, model.usage.tokens_out) == (
        2,
        2 * need.tokens_in,
        2 * need.tokens_out,
    )


@pytest.mark.timeout(30)
def test_a_proxy_that_drips_headers_is_not_waited_for_either(
    server: LanguageServer, open_model: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections of the environment's proxies are others than those of the client; so are kept ones than new ones."""
    monkeypatch.setattr(client, "RETRIES", 0)
    model = open_model(url="http://models.example/v1", at_once=1, timeout=0.3)
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    monkeypatch.setattr(Handler, "do_POST", lambda handler: handler.server.script[0](handler, None))
    server.script = [lambda handler, asked: handler.reply(503, b"")]
    assert model.answer([ask("one")])[0].detail.endswith("status 503")  # type: ignore[union-attr]
    server.script = [drips_headers]
    began = time.monotonic()
    assert "ReadTimeout" in model.answer([ask("two")])[0].detail  # type: ignore[union-attr]
    assert 0.3 <= time.monotonic() - began < 10


def test_a_connection_that_was_kept_has_the_whole_time_again(server: LanguageServer, open_model: Open) -> None:
    model = open_model(at_once=1, timeout=2.0)
    server.script = [late(1.2), late(1.2)]
    assert [type(each) for each in model.answer([ask("one"), ask("two")])] == [Reply] * 2
    assert server.calls == 2


def test_an_answer_that_is_none_of_the_protocol_may_be_billed_too(server: LanguageServer, open_model: Open) -> None:
    server.answers = lambda asked: sends(b'{"choices": []}')
    model = open_model()
    model.answer([ask("one")])
    assert model.usage.tokens_in == (1 + client.RETRIES) * most(ask("one")).tokens_in


def test_a_server_that_is_down_is_not_waited_for_by_everyone(open_model: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    model = open_model(url=url, at_once=1)
    found = model.answer([ask(str(number)) for number in range(50)])
    assert {each.reason for each in found} == {"unavailable"}  # type: ignore[union-attr]
    assert model.usage.calls == client.GIVE_UP_AFTER * (1 + client.RETRIES)
    assert (model.usage.tokens_in, model.usage.failures) == (0, {"unavailable": 50})


def test_a_wrong_key_is_tried_once(open_model: Open) -> None:
    with language_server(lambda asked: GOOD, key="sk-right") as locked:
        model = open_model(url=locked.url, key="sk-wrong", at_once=1)
        found = model.answer([ask(str(number)) for number in range(9)])
    assert {each.reason for each in found} == {"rejected"}  # type: ignore[union-attr]
    assert model.usage.calls == 1
    assert not any("sk-" in each.detail for each in found)  # type: ignore[union-attr]


def test_questions_that_are_too_long_are_no_reason_to_give_the_server_up(
    server: LanguageServer, open_model: Open
) -> None:
    server.answers = lambda asked: fails(413) if "long" in asked.user else GOOD
    found = open_model(at_once=1).answer([ask(f"long {number}") for number in range(9)] + [ask("short")])
    assert isinstance(found[-1], Reply)


# --- many at once, and a budget


def test_so_many_at_once_and_no_more(server: LanguageServer, open_model: Open) -> None:
    together = threading.Barrier(3)

    def answers(asked: Asked) -> Any:
        together.wait(20)  # breaks where fewer come
        return GOOD

    server.answers = answers
    found = open_model(at_once=3).answer([ask(str(number)) for number in range(9)])
    assert [type(each) for each in found] == [Reply] * 9
    assert server.busiest == 3


def test_answers_come_in_the_order_of_the_questions(server: LanguageServer, open_model: Open) -> None:
    server.answers = lambda asked: {"mood": "good", "certainty": int(asked.user)}
    server.script.append(late(0.2))
    found = open_model(at_once=4).answer([ask(str(number)) for number in range(10)])
    assert [each.value["certainty"] for each in found] == list(range(10))  # type: ignore[union-attr]


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize(
    "allowance", [Allowance(calls=7), Allowance(tokens=1_000), Allowance(money=0.002)], ids=["calls", "tokens", "money"]
)
def test_a_budget_stops_at_the_same_question_however_many_run(
    server: LanguageServer, open_model: Open, at_once: int, allowance: Allowance
) -> None:
    model = open_model(at_once=at_once, allowance=allowance, prices=Prices(1.0, 10.0))
    server.answers = lambda asked: late(0.01) if server.script else GOOD
    found = model.answer([ask(f"{number:03}") for number in range(100)])
    answered = [isinstance(each, Reply) for each in found]
    assert answered == sorted(answered, reverse=True)  # whoever comes first is served first
    assert 0 < sum(answered) < 100
    assert {each.reason for each in found if isinstance(each, Failure)} == {"budget"}
    used = model.usage
    need, one = most(ask("000")), 8  # tokens that each answer takes
    by_hand = {
        "calls": lambda n: n + 1 <= 7,
        "tokens": lambda n: n * one + need.tokens_in + need.tokens_out <= 1_000,
        "money": lambda n: Prices(1.0, 10.0).of(n * 4 + need.tokens_in, n * 4 + need.tokens_out) <= 0.002,
    }["calls" if allowance.calls else "tokens" if allowance.tokens else "money"]
    assert sum(answered) == next(n for n in range(200) if not by_hand(n)) == used.calls == server.calls


def test_retries_are_paid_from_the_budget(server: LanguageServer, open_model: Open) -> None:
    server.answers = lambda asked: fails(503)
    model = open_model(at_once=1, allowance=Allowance(calls=3))
    assert model.answer([ask("one"), ask("two")])[0].reason == "budget"  # type: ignore[union-attr]
    assert server.calls == model.usage.calls == 3


def test_a_run_goes_on_with_a_new_budget(server: LanguageServer, open_model: Open) -> None:
    questions = [ask(str(number)) for number in range(5)]
    open_model(allowance=Allowance(calls=3)).answer(questions)
    model = open_model(allowance=Allowance(calls=3))
    assert [type(found) for found in model.answer(questions)] == [Reply] * 5
    assert (server.calls, model.usage.cache_hits) == (5, 3)


def test_a_minute_holds_no_more_calls_than_allowed(server: LanguageServer, open_model: Open, clock: Clock) -> None:
    began = clock.time
    open_model(at_once=4, calls_per_minute=5).answer([ask(str(number)) for number in range(12)])
    assert 120 <= clock.time - began < 180


# --- the cache


def test_answers_that_cannot_be_stored_are_used_counted_and_stored_when_that_is_possible(
    server: LanguageServer, open_model: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the cache's file longer than anybody waits."""
    monkeypatch.setattr(cache, "_BUSY_SECONDS", 0.2)
    model = open_model()
    model.answer([ask("before")])
    with contextlib.closing(sqlite3.connect(tmp_path / "cache" / "answers.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        questions = [ask(str(number)) for number in range(9)]
        assert [type(each) for each in model.answer(questions)] == [Reply] * 9
        assert (model.usage.unstored, server.calls) == (9, 10)
        assert [each.is_cached for each in model.answer([*questions, ask("before")])] == [True] * 10  # type: ignore[union-attr]
        assert (model.usage.unstored, server.calls) == (9, 10), "of a run nothing is paid twice"
        assert "9 answers" in warnings(counts(model.usage), "profile", "2026-06-28")[0]
        other.execute("ROLLBACK")
    model.answer([ask("after")])
    assert model.usage.unstored == 0
    assert all(each.is_cached for each in open_model().answer([*questions, ask("after")]))  # type: ignore[union-attr]
    assert server.calls == 11


def test_what_was_answered_is_not_asked_again(server: LanguageServer, open_model: Open) -> None:
    questions = [ask("one"), ask("two"), ask("one", row="another row")]
    first, again = open_model(), open_model()
    assert [found.is_cached for found in first.answer(questions)] == [False, False, True]  # type: ignore[union-attr]
    assert [found.is_cached for found in again.answer(questions)] == [True] * 3  # type: ignore[union-attr]
    assert server.calls == 2
    assert (again.usage.calls, again.usage.cache_hits, again.usage.tokens_in, again.usage.tokens_out) == (0, 3, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "mood@2"}, {"system": "Tell the mood!"}, {"user": "One"}, {"schema": {"type": "object"}}, {"max_tokens": 51},
        {"system": "Tell the mood.o", "user": "ne"},
    ],
)  # fmt: skip
def test_another_question_has_another_answer(server: LanguageServer, open_model: Open, change: dict[str, Any]) -> None:
    open_model().answer([ask("one"), ask(**{"user": "one", **change})])
    assert server.calls == 2


def test_another_model_has_another_answer(server: LanguageServer, open_model: Open) -> None:
    open_model().answer([ask("one")])
    server.model = "scripted-2"
    assert open_model(name="scripted-2").answer([ask("one")]) == [Reply(GOOD, "scripted-2", 4, 4)]


@pytest.mark.parametrize(
    ("script", "is_kept"),
    [
        (refuses(), True), (writes("{", finish="length"), True), (says({}), True),
        (fails(413), False), (fails(429, Retry_After="7200"), False),
    ],
)  # fmt: skip
def test_a_useless_answer_is_kept_and_no_answer_is_not(
    server: LanguageServer, open_model: Open, script: Any, is_kept: bool
) -> None:
    server.script.append(script)
    first = open_model().answer([ask("one")])
    (again,) = open_model().answer([ask("one")])
    assert isinstance(first[0], Failure)
    assert ([again] == first) == is_kept
    assert server.calls == (1 if is_kept else 2)


def test_questions_are_never_logged(server: LanguageServer, open_model: Open, caplog: pytest.LogCaptureFixture) -> None:
    server.script += [fails(500), says({"mood": "my secret"})]
    with caplog.at_level(logging.DEBUG):
        open_model().answer([ask("my secret")])
    assert "asked" in caplog.text or "questions" in caplog.text
    assert "secret" not in caplog.text
