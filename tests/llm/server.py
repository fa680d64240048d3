"""A server of the OpenAI protocol's chat completions over real HTTP on loopback, whose model is a function of the test.

    with language_server(lambda asked: {"facts": []}) as server:
        settings = settings.model_copy(update=server.settings())
        ...
        assert server.calls == 3

What a request gets instead of the model's answer stands in `script`, first come, first served: `fails(429, Retry_After="1")`,
`writes("{", finish="length")`, `refuses()`, `closes`, `cuts`, `never`, `late(0.2)`.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr

MODEL, KEY = "scripted-1", "sk-test"
FORMS = frozenset({"json_schema", "json_object"})


@dataclass(frozen=True)
class Asked:
    """One chat completion that was asked for: the whole body, and what most tests look at."""

    body: dict[str, Any] = field(repr=False)

    def _said(self, role: str) -> str:
        return "\n".join(message["content"] for message in self.body["messages"] if message["role"] == role)

    @property
    def system(self) -> str:
        return self._said("system")

    @property
    def user(self) -> str:
        return self._said("user")

    @property
    def form(self) -> str:
        return self.body.get("response_format", {}).get("type", "text")

    @property
    def schema(self) -> dict[str, Any] | None:
        return self.body["response_format"]["json_schema"]["schema"] if self.form == "json_schema" else None


Script = Callable[["Handler", Asked], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "LanguageServer"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        """What those who wait for a server ask: its health, and its models."""
        if self.path == "/health":
            return self.reply(200, b"{}")
        return self.json(200, {"object": "list", "data": [{"id": self.server.model, "object": "model"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/chat/completions":
            return self.error(404, f"Unknown request URL: POST {self.path}", "unknown_url")
        if self.server.key and self.headers["Authorization"] != f"Bearer {self.server.key}":
            return self.error(401, "Incorrect API key provided", "invalid_api_key")
        asked = Asked(json.loads(body))
        with self.server.lock:
            self.server.asked.append(asked)
            scripted = self.server.script.pop(0) if self.server.script else None
            self.server.under_way += 1
            self.server.busiest = max(self.server.busiest, self.server.under_way)
        try:
            return (scripted or Handler.behave)(self, asked)
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def behave(self, asked: Asked) -> None:
        """As a well-behaved server with one model does."""
        if asked.body["model"] != self.server.model:
            return self.error(404, f"The model `{asked.body['model']}` does not exist", "model_not_found")
        for name in sorted(self.server.unknown & asked.body.keys()):
            return self.error(400, f"Unsupported parameter: '{name}'", "unsupported_parameter", name)
        if asked.form != "text" and asked.form not in self.server.forms:
            return self.error(400, f"response_format {asked.form} is not supported", "invalid_value", "response_format")
        found = self.server.answers(asked)
        if callable(found):
            return found(self, asked)
        if not isinstance(found, str):
            found = json.dumps(found, ensure_ascii=self.server.is_escaped)
        return self.complete(found, asked=asked)

    def complete(self, content: str | None, finish: str = "stop", refusal: str | None = None, *, asked: Asked) -> None:
        message = {"role": "assistant", "content": content, "refusal": refusal}
        tokens_in = len(asked.system.split()) + len(asked.user.split())
        tokens_out = len((content or "").split())
        said = {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.server.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out},
        }  # fmt: skip
        with self.server.lock:
            self.server.completed += 1
        self.json(200, said)

    def error(self, status: int, message: str, code: str, param: str | None = None, **headers: str) -> None:
        said = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
        self.json(status, said, **headers)

    def json(self, status: int, said: object, **headers: str) -> None:
        self.reply(status, json.dumps(said).encode(), Content_Type="application/json", **headers)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class LanguageServer(ThreadingHTTPServer):
    """`answers`: the model; gives a JSON value, the text itself, or a script such as `refuses()`.

    Attributes:
        script: what the next requests get instead.
        forms: the response formats that are understood; others are an error 400, as with older servers.
        unknown: parameters that are an error 400.
        is_escaped: whether the model writes every character beyond ASCII as \\uXXXX.
        asked: every request for a completion, in order, also those that failed; completed: how many were answered.
        busiest: the most requests at one time.
    """

    daemon_threads = True

    def __init__(self, answers: Callable[[Asked], Any], *, model: str = MODEL, key: str = "", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers, self.model, self.key = answers, model, key
        self.script: list[Script] = []
        self.forms, self.unknown, self.is_escaped = FORMS, frozenset[str](), False
        self.asked: list[Asked] = []
        self.completed = self.under_way = self.busiest = 0
        self.lock, self.closing = threading.Lock(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def calls(self) -> int:
        return len(self.asked)

    def settings(self) -> dict[str, Any]:
        """The fields of `Settings` that name this server; `environment` has the same as variables."""
        key = {"llm_api_key": SecretStr(self.key)} if self.key else {}
        return {"llm_url": self.url, "llm_model": self.model, **key}

    def environment(self) -> dict[str, str]:
        key = {"PROFILING_LLM_API_KEY": self.key} if self.key else {}
        return {"PROFILING_LLM_URL": self.url, "PROFILING_LLM_MODEL": self.model, **key}

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def language_server(answers: Callable[[Asked], Any], *, model: str = MODEL, key: str = "") -> Iterator[LanguageServer]:
    server = LanguageServer(answers, model=model, key=key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


# --- what else a server may do


def fails(status: int, message: str = "no", code: str = "scripted", **headers: str) -> Script:
    return lambda handler, asked: handler.error(status, message, code, **headers)


def says(value: object) -> Script:
    return writes(json.dumps(value, ensure_ascii=False))


def writes(content: str | None, finish: str = "stop") -> Script:
    """Whatever the model wrote, JSON or not."""
    return lambda handler, asked: handler.complete(content, finish, asked=asked)


def refuses(why: str = "I cannot help with that.") -> Script:
    return lambda handler, asked: handler.complete(None, refusal=why, asked=asked)


def sends(body: bytes, status: int = 200, content_type: str = "application/json") -> Script:
    """Any bytes in place of a completion, such as a proxy's page."""
    return lambda handler, asked: handler.reply(status, body, Content_Type=content_type)


def closes(handler: Handler, asked: Asked) -> None:
    """The connection is reset without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def cuts(handler: Handler, asked: Asked) -> None:
    """An answer that ends in the middle."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def never(handler: Handler, asked: Asked) -> None:
    """An answer that does not come before the server is closed."""
    handler.server.closing.wait(60)
    handler.close_connection = True


def late(seconds: float) -> Script:
    """The model's answer, after a while."""

    def script(handler: Handler, asked: Asked) -> None:
        handler.server.closing.wait(seconds)
        handler.behave(asked)

    return script


def drips(handler: Handler, asked: Asked) -> None:
    """An answer without an end, one byte at a time."""
    drips_an_error(200)(handler, asked)


def drips_headers(handler: Handler, asked: Asked) -> None:
    """Headers without an end, a byte at a time."""
    with contextlib.suppress(OSError):  # the client hangs up
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not handler.server.closing.wait(0.02):
            handler.wfile.write(b"y")
    handler.close_connection = True


def drips_an_error(status: int) -> Script:
    """The page of an error without an end, one byte at a time."""

    def script(handler: Handler, asked: Asked) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        with contextlib.suppress(OSError):  # the client hangs up
            while not handler.server.closing.wait(0.02):
                handler.wfile.write(b" ")

    return script
