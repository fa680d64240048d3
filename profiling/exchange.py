"""HTTP that ends in time: a bound of a whole exchange, where clients know one of each read alone.

A server that sends a byte now and then keeps every single read within its timeout, and its caller for ever.
"""

import contextlib
import math
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import httpx

MAX_ERROR_BYTES = 64_000  # of an error, which says what it is at its beginning
_OF_ERRORS = ("retry-after", "retry-after-ms")  # headers that are looked at

# Of a thread and not of a connection: those are kept, and serve others later.
_ends: ContextVar[float] = ContextVar("ends", default=math.inf)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever this thread reads and writes inside, over connections of `InTime`, ends so many seconds from now."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def _left(timeout: float | None, too_late: type[httpcore.TimeoutException]) -> float | None:
    """The seconds that one step may take.

    Raises:
        too_late: there are none left.
    """
    left = _ends.get() - time.monotonic()
    if left <= 0:
        raise too_late("the time for all of it is over")
    return timeout if left == math.inf else min(left, math.inf if timeout is None else timeout)


class InTime(httpcore.NetworkBackend):
    """The connections of another backend, whose every step ends with the `within` around it."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *rest: Any, **more: Any
    ) -> httpcore.NetworkStream:
        timeout = _left(timeout, httpcore.ConnectTimeout)
        return _InTime(self._backend.connect_tcp(host, port, timeout, *rest, **more))


class _InTime(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = _left(timeout, httpcore.ConnectTimeout)
        return _InTime(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def client(timeout: float, *, trust_env: bool = True) -> "httpx.Client":
    """A client for the official one of the OpenAI protocol. Each request ends after `timeout` seconds, a streamed answer's body
    with the `within` around it; redirects are not followed, because customers' words would go there."""
    return _client_class()(timeout=timeout, follow_redirects=False, trust_env=trust_env)


@cache
def _client_class() -> "type[httpx.Client]":
    import httpx
    import openai

    class Client(openai.DefaultHttpxClient):
        def __init__(self, **how: Any) -> None:
            super().__init__(**how)
            # httpx has no argument for the backend of its pools, those of the environment's proxies among them.
            for transport in (self._transport, *self._mounts.values()):
                if transport is not None:
                    pool = transport._pool  # type: ignore[attr-defined]
                    pool._network_backend = InTime(pool._network_backend)

        def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
            """With the beginning of an error and without its rest: the official client reads all of it, however long it is or
            takes, and in whatever encoding it claims to be."""
            with within(self.timeout.read or math.inf):
                response = super().send(request, **{**how, "stream": True})
                if response.is_success:
                    if not how.get("stream"):
                        with contextlib.closing(response):
                            response.read()
                    return response
                content = b""
                # What has come until the connection fails will do: the status is known.
                with contextlib.suppress(httpx.HTTPError), contextlib.closing(response):
                    for chunk in response.iter_bytes():
                        content += chunk
                        if len(content) > MAX_ERROR_BYTES:
                            break
            told = {name: response.headers[name] for name in _OF_ERRORS if name in response.headers}
            return httpx.Response(
                response.status_code, headers=told, content=content[:MAX_ERROR_BYTES], request=request
            )

    return Client
