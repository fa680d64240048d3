"""A host of pictures, and a server that speaks the OpenAI protocol's two endpoints over real HTTP, by script."""

import base64
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SEES, HEARS, KEY = "seer-1", "hearer-1", "sk-test"


def png(colour: int) -> bytes:
    """A real picture of one pixel; another colour, other bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    pixel = zlib.compress(b"\0" + bytes([colour, colour, colour]))
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def wav(samples: int) -> bytes:
    """A real recording of silence."""
    body = b"\0\0" * samples
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVE" + head + struct.pack("<4sI", b"data", len(body)) + body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def _running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Pictures(_Handler):
    server: "Pictures"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.hosts.append(self.headers["Host"])
        made = self.server.paths.get(self.path)
        if callable(made):
            made(self)
        elif made is None:
            self.reply(404, b"gone")
        else:
            self.reply(200, made, Content_Type="text/plain")  # nobody believes it


class Pictures(_Server):
    """`paths`: bytes, or what to do with the handler; `asked`: the paths that were asked for."""

    def __init__(self) -> None:
        super().__init__(_Pictures)
        self.paths: dict[str, bytes | Callable[[_Handler], None]] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Models(_Handler):
    server: "Models"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {KEY}":
            return self._error(401, "Incorrect API key provided", "invalid_api_key")
        with self.server.lock:
            scripted = self.server.script.pop(0) if self.server.script else None
            self.server.asked.append(self.path)
        if scripted is not None:
            return scripted(self)
        if self.path == "/v1/chat/completions":
            return self._complete(json.loads(body))
        if self.path == "/v1/audio/transcriptions":
            return self._transcribe(body)
        return self._error(404, f"Unknown request URL: POST {self.path}", "unknown_url")

    def _error(self, status: int, message: str, code: str, **headers: str) -> None:
        said = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
        self.reply(status, json.dumps(said).encode(), Content_Type="application/json", **headers)

    def _complete(self, asked: dict[str, Any]) -> None:
        self.server.bodies.append(asked)
        if asked["model"] != SEES:
            return self._error(404, f"The model `{asked['model']}` does not exist", "model_not_found")
        form = asked["response_format"]
        schema = form["json_schema"]["schema"]
        if form["type"] != "json_schema" or set(schema["required"]) != set(schema["properties"]):
            return self._error(400, "Invalid schema for response_format", "invalid_json_schema")
        parts = next(message["content"] for message in asked["messages"] if message["role"] == "user")
        address = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        kind, _, encoded = address.partition(";base64,")
        content = base64.b64decode(encoded, validate=True)
        with self.server.lock:
            self.server.seen.append((kind, content))
        return self.complete(json.dumps(self.server.shows.get(content, {"labels": [], "description": "Nothing."})))

    def complete(self, content: str | None, finish: str = "stop", refusal: str | None = None) -> None:
        message = {"role": "assistant", "content": content, "refusal": refusal}
        said = {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": SEES,
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }  # fmt: skip
        self.reply(200, json.dumps(said).encode(), Content_Type="application/json")

    def _transcribe(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        }
        if parts["model"].get_content().strip() != HEARS:
            return self._error(404, "The model does not exist", "model_not_found")
        content = parts["file"].get_payload(decode=True)
        with self.server.lock:
            self.server.seen.append((str(parts["file"].get_filename()), content))
        said = {"text": self.server.says.get(content, ""), "usage": {"type": "duration", "seconds": 1}}
        return self.reply(200, json.dumps(said).encode(), Content_Type="application/json")


class Models(_Server):
    """`shows` and `says`: answers by content; `script`: what to do with the next requests instead; `seen`: what was read."""

    def __init__(self) -> None:
        super().__init__(_Models)
        self.shows: dict[bytes, Any] = {}
        self.says: dict[bytes, str] = {}
        self.script: list[Callable[[Any], None]] = []
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.seen: list[tuple[str, bytes]] = []
        self.lock, self.closing = threading.Lock(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def fails(status: int, message: str = "no", **headers: str) -> Callable[[Any], None]:
    return lambda handler: handler._error(status, message, "scripted", **headers)


def completes(content: str | None, finish: str = "stop", refusal: str | None = None) -> Callable[[Any], None]:
    return lambda handler: handler.complete(content, finish, refusal)


def never(handler: Any) -> None:
    """An answer that does not come before the server is closed."""
    handler.server.closing.wait(30)


def seen(*names: str, certainty: int = 9, description: str = "A thing on a table.") -> dict[str, Any]:
    return {"labels": [{"name": name, "certainty": certainty} for name in names], "description": description}
