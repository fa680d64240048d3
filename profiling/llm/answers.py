"""What models have answered, kept in the cache from the moment it arrived, and whom it is about.

Two kinds of entries: `answer|<model>|<prompt>|<digest>`, and for each asking `about|<digest>|<ids>` with nothing in it but its
key. An answer may be asked for several times with other ids, as the same text may be written by several people: it is kept as
long as one asking is about nobody who was erased.
"""

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from profiling.llm.contract import Failure, Reply, Request
from profiling.text.cache import TextCache

log = logging.getLogger(__name__)

NAMESPACE = "answers"
# Raise with every change of how a question is put or an answer is read: it is part of the keys.
ASKING_VERSION = 1
# What a server answered is kept, also where it is of no use: asking again would be paid again and bring the same. The other
# reasons say that there was no answer.
KEPT_FAILURES = frozenset({"refused", "length", "schema"})


def answer_key(model: str, request: Request) -> str:
    """The cache's name of an answer: of everything that is sent. `row` and `about` are not, and not part of it."""
    schema = json.dumps(request.schema, sort_keys=True, ensure_ascii=False)
    parts = (ASKING_VERSION, model, request.prompt, schema, request.max_tokens, request.system, request.user)
    digest = hashlib.sha256("\0".join(f"{len(str(part))}:{part}" for part in parts).encode("utf-8", "surrogatepass"))
    return f"answer|{model}|{request.prompt}|{digest.hexdigest()}"


class Answers:
    """The kept answers of all models in one cache."""

    def __init__(self, cache: TextCache) -> None:
        self._cache = cache
        self._unstored: dict[str, bytes] = {}  # what was paid for and found the cache's file held by somebody else
        self._lock = threading.Lock()

    def known(self, askings: Mapping[str, Sequence[Request]]) -> dict[str, Reply | Failure]:
        """The kept answers among `askings` (requests by the key of their answer), which are about these requests' people too
        from now on."""
        stored = {
            **self._cache.get_many(askings),
            **{key: self._unstored[key] for key in askings if key in self._unstored},
        }
        self._store({name: b"" for key in stored for name in _links(key, askings[key])})
        return {key: _unpacked(value) for key, value in stored.items()}

    def keep(self, key: str, requests: Sequence[Request], outcome: Reply | Failure) -> None:
        """Store what a server answered, unless it did not; of a thread that may end after it. See `store_rest`."""
        if isinstance(outcome, Reply) or outcome.reason in KEPT_FAILURES:
            self._store({key: _packed(outcome), **{name: b"" for name in _links(key, requests)}})
            self._cache.close()

    def store_rest(self) -> int:
        """Try once more to store what could not be; how many answers are left, which this object alone knows."""
        with self._lock:
            if self._unstored and self._is_stored(self._unstored):
                self._unstored.clear()
            return sum(name.startswith("answer|") for name in self._unstored)

    def _store(self, values: dict[str, bytes]) -> None:
        """Or hold them for `store_rest`: whoever has waited for the file once does not wait for it with every answer."""
        if self._unstored or not self._is_stored(values):
            with self._lock:
                self._unstored |= values

    def _is_stored(self, values: dict[str, bytes]) -> bool:
        try:
            self._cache.put_many(values)
        except sqlite3.OperationalError as error:  # locked for longer than one waits, or the disk is full
            log.warning("%s takes no answers now (%s); they are kept in memory", self._cache.path, error)
            return False
        return True

    def about(self, ids: Collection[str]) -> list[str]:
        """The entries to erase with these ids: every asking about one of them, and each answer that no other asking holds."""
        mine, theirs, answers = [], set(), []
        for name in self._cache.keys():  # noqa: SIM118 (no mapping)
            kind, _, rest = name.partition("|")
            if kind == "answer":
                answers.append(name)
                continue
            digest, _, people = rest.partition("|")
            if _is_about(people, ids):
                mine.append((digest, name))
            else:
                theirs.add(digest)
        only_mine = {digest for digest, _ in mine} - theirs
        return [name for _, name in mine] + [name for name in answers if name.rpartition("|")[2] in only_mine]


def _links(key: str, requests: Iterable[Request]) -> list[str]:
    digest = key.rpartition("|")[2]
    return [f"about|{digest}|{','.join(request.about or (request.row,))}" for request in requests]


def _is_about(people: str, ids: Collection[str]) -> bool:
    return any(name in ids for name in people.split(","))


def _packed(outcome: Reply | Failure) -> bytes:
    if isinstance(outcome, Failure):
        kept: dict[str, object] = {"reason": outcome.reason, "detail": outcome.detail}
    else:
        kept = {
            "value": outcome.value,
            "model": outcome.model,
            "tokens": [outcome.tokens_in, outcome.tokens_out],
        }
    return json.dumps(kept, ensure_ascii=False).encode()


def _unpacked(value: bytes) -> Reply | Failure:
    kept = json.loads(value)
    if "reason" in kept:
        return Failure(kept["reason"], kept["detail"])
    tokens_in, tokens_out = kept["tokens"]
    return Reply(kept["value"], kept["model"], tokens_in, tokens_out, is_cached=True)
