"""One chat completion of the OpenAI protocol: how it is asked for, what came back, and what an error means.

A server is asked in the newest manner first: an answer held to the schema by `response_format`. One that refuses that is asked
for any JSON, then for text alone, with the schema in the instruction; one that does not know a parameter is asked without it.
"""

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from profiling.exchange import client, within
from profiling.llm.contract import FailureReason, Request
from profiling.llm.limits import Need

if TYPE_CHECKING:
    import httpx
    from openai import APIStatusError, OpenAI

FORMS = ("json_schema", "json_object", "text")
MAX_BYTES = 10_000_000  # of an answer; a server that sends more is no server of this protocol
MAX_COUNT = 10**9  # tokens of one call; more is no count
SEED = 0
_OVERHEAD = 200  # tokens that templates and instructions of the server add to a question
_IN_WORDS = "\n\nAnswer with one JSON document that fits this JSON Schema, and with nothing else:\n"

# As much of the protocol as is relied on; servers leave out more than they should.
_MESSAGE = {"type": "object", "properties": {"content": {"type": ["string", "null"]}}}
_CHOICE = {"type": "object", "properties": {"message": _MESSAGE}, "required": ["message"]}
_COMPLETION: dict[str, Any] = {
    "type": "object",
    "properties": {"choices": {"type": "array", "minItems": 1, "items": _CHOICE}},
    "required": ["choices"],
}
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A\s*```\w*\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)
_NAME = re.compile(r"[\w.-]{1,60}")


@dataclass(frozen=True)
class Manner:
    """How a server wants to be asked: the form of its answer, and what it must not be asked."""

    form: str = FORMS[0]
    without: frozenset[str] = frozenset()

    def body(self, model: str, request: Request) -> dict[str, Any]:
        system = request.system
        if self.form != FORMS[0]:
            system += _IN_WORDS + _compact(request.schema)
        asked: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": request.user}],
            "temperature": 0,
            "seed": SEED,
            "max_tokens": request.max_tokens,
        }
        if self.form == "json_schema":
            name = re.sub(r"[^\w-]", "_", request.prompt, flags=re.ASCII)[:64]
            schema = {"name": name, "strict": True, "schema": dict(request.schema)}
            asked["response_format"] = {"type": self.form, "json_schema": schema}
        elif self.form == "json_object":
            asked["response_format"] = {"type": self.form}
        for parameter in self.without:
            asked.pop(parameter, None)
        if "max_tokens" in self.without:  # the newer name of the same: an answer without an end is never asked for
            asked["max_completion_tokens"] = request.max_tokens
        return asked

    def after(self, refusal: str) -> "Manner | None":
        """How to ask a server that said this to a question; None where it means the question itself."""
        said = refusal.lower()
        for parameter in ("temperature", "seed"):
            if parameter in said and parameter not in self.without:
                return replace(self, without=self.without | {parameter})
        if "max_completion_tokens" in said and "max_tokens" not in self.without:
            return replace(self, without=self.without | {"max_tokens"})
        if any(word in said for word in ("response_format", "json", "schema", "grammar", "structured")):
            return self.simpler()
        return None

    def simpler(self) -> "Manner | None":
        """With a form of answer that more servers know."""
        rest = FORMS[FORMS.index(self.form) + 1 :]
        return replace(self, form=rest[0]) if rest else None


@dataclass(frozen=True)
class Completion:
    """What a server answered. `used` is None where it does not say."""

    text: str
    finish: str
    refusal: str
    tokens_in: int | None
    tokens_out: int | None


class Trouble(Exception):
    """A call that brought no completion.

    Attributes:
        reason, detail: as of a `Failure`.
        is_passing: whether the same call may succeed later; after `wait` seconds where the server says so.
        is_for_all: every other call would meet it too.
        is_spent: the question may have been answered and be billed, though nobody has the answer.
        is_of_question: the question itself is at fault, and others may fare better.
        refusal: what the server said of it, for `Manner.after`; never shown, it may quote the question.
    """

    def __init__(
        self,
        reason: FailureReason,
        detail: str,
        *,
        is_passing: bool = False,
        wait: float | None = None,
        is_for_all: bool = False,
        is_spent: bool = False,
        is_of_question: bool = False,
        refusal: str = "",
    ) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.is_passing, self.wait = reason, detail, is_passing, wait
        self.is_for_all, self.is_spent = is_for_all, is_spent
        self.is_of_question, self.refusal = is_of_question, refusal


def most(request: Request) -> Need:
    """The most tokens that one call can take: none is shorter than a byte."""
    parts = (request.system, request.user, _IN_WORDS, _compact(request.schema))
    return Need(sum(len(part.encode("utf-8", "replace")) for part in parts) + _OVERHEAD, request.max_tokens)


class Endpoint:
    """A server, through the official client, without its retries: those are counted and paid, so they are made by the caller.

    Args:
        url: up to and with `/v1`. key: may be empty. timeout: seconds for one answer, from the connection to the last byte.
        is_own: the server is in this very process, and no proxy leads to it.
    """

    def __init__(self, url: str, key: str, timeout: float, *, is_own: bool = False) -> None:
        self.url = url
        self._key, self._timeout, self._is_own = key, timeout, is_own

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a connection belongs to its process")

    def complete(self, body: Mapping[str, Any]) -> Completion:
        """Raises:
        Trouble: there is no answer, or none of this protocol.
        """
        import httpx
        import openai

        asking = self._client.chat.completions.with_streaming_response  # the first time costs, and is not the server's
        try:
            with within(self._timeout), asking.create(**body) as response:
                content = self._read(response.iter_bytes())
        except openai.APIStatusError as error:
            raise self._status(error) from None
        except (openai.APITimeoutError, httpx.TimeoutException) as error:
            raise self._no_answer(error, "no answer in time") from None
        except (openai.APIConnectionError, httpx.HTTPError) as error:
            raise self._no_answer(error, "the connection failed") from None
        except openai.OpenAIError as error:
            raise Trouble("unavailable", f"{self.url}: {type(error).__name__}", is_passing=True) from None
        return self._completion(content)

    @cached_property
    def _client(self) -> "OpenAI":
        import openai

        for noisy in ("openai", "httpx", "httpcore"):  # at DEBUG they log whole questions
            logging.getLogger(noisy).setLevel(logging.WARNING)
        return openai.OpenAI(
            base_url=self.url,
            api_key=self._key or "none",  # the client sends no request without one; servers of one's own want none
            timeout=self._timeout,
            max_retries=0,
            http_client=client(self._timeout, trust_env=not self._is_own),
        )

    def _read(self, chunks: Any) -> bytes:
        content = b""
        for chunk in chunks:
            content += chunk
            if len(content) > MAX_BYTES:
                raise Trouble("unavailable", f"{self.url}: an answer of more than {MAX_BYTES:,} bytes", is_spent=True)
        return content

    def _completion(self, content: bytes) -> Completion:
        from jsonschema import Draft202012Validator

        try:
            found = json.loads(content)
            fits = Draft202012Validator(_COMPLETION).is_valid(found)
        except (ValueError, RecursionError):
            fits = False
        if not fits:  # such as a proxy's page with status 200
            said = f"{self.url} does not answer as a server of the OpenAI protocol"
            raise Trouble("unavailable", said, is_passing=True, is_spent=True)
        choice, usage = found["choices"][0], found.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return Completion(
            choice["message"].get("content") or "",
            str(choice.get("finish_reason") or ""),
            str(choice["message"].get("refusal") or ""),
            _count(usage.get("prompt_tokens")),
            _count(usage.get("completion_tokens")),
        )

    def _no_answer(self, error: Exception, what: str) -> Trouble:
        import httpx

        cause = error if isinstance(error, httpx.HTTPError) else error.__cause__
        never_sent = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        said = f"{self.url}: {what} ({type(cause or error).__name__})"
        return Trouble("unavailable", said, is_passing=True, is_spent=not never_sent)

    def _status(self, error: "APIStatusError") -> Trouble:
        status, code = error.status_code, _code(error)
        said = f"{self.url}: status {status}{f', {code}' if code else ''}"
        if code == "content_filter":
            return Trouble("refused", said, is_of_question=True)
        if code == "insufficient_quota" or status in (401, 402):
            return Trouble("rejected", said, is_for_all=True)
        if status in (408, 409, 425, 429) or (status >= 500 and status not in (501, 505)):
            wait = retry_after(error.response.headers, time.time())
            return Trouble("unavailable", said, is_passing=True, wait=wait)
        is_of_question = status in (400, 413, 415, 422, 501)
        refusal = f"{error.param or ''} {error.message}"[:2_000] if is_of_question else ""
        return Trouble("rejected", said, is_of_question=is_of_question, refusal=refusal)


def retry_after(headers: "httpx.Headers | Mapping[str, str]", now: float) -> float | None:
    """Seconds that a server asks to wait: of `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(said)) if said else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(str(said)).timestamp() - now)
    except (TypeError, ValueError):
        return None


def document(text: str) -> Any:
    """The JSON document that a model wrote: bare, in a fenced block, or after its thoughts.

    Raises:
        ValueError: there is none, one that could not be stored, such as a half character or an endless number, or one that
            names something twice, so that nobody knows which is meant.
    """
    text = _THOUGHT.sub("", text)
    fenced = _FENCE.match(text)
    try:
        found = json.loads(fenced[1] if fenced else text, object_pairs_hook=named_once)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return found


def named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `object_pairs_hook`.

    Raises:
        ValueError: it names something twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names something twice")
    return found


def misfit(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Where a document does not fit a schema, without a word of it; None where it does."""
    from jsonschema import Draft202012Validator

    for fault in Draft202012Validator(schema).iter_errors(value):
        place = "/".join(str(part) for part in fault.absolute_schema_path)
        return f"does not fit the schema at {place}"
    return None


def _compact(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else None


def _code(error: "APIStatusError") -> str:
    """The error's code or type, where it is a plain name: a sentence may quote the question."""
    for value in (error.code, error.type):
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
    return ""
