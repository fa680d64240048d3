"""A model behind a server of the OpenAI protocol: asked several at a time, within limits, each question paid once.

What is promised of the same questions twice: temperature 0 and a fixed seed are asked for, which few servers turn into the same
answer every time; but an answer that has arrived is kept, so a day that is computed again has the same answers and pays nothing.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from profiling.llm.answers import Answers, answer_key
from profiling.llm.contract import Failure, Reply, Request, Usage
from profiling.llm.limits import Allowance, Budget, Need, Pace, Prices
from profiling.llm.protocol import Completion, Endpoint, Manner, Trouble, document, misfit, most

log = logging.getLogger(__name__)

RETRIES = 5  # of one question, when the server is busy or out of reach
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before a retry, doubled with each
LONGEST_ASKED_WAIT = 300.0  # a server that asks for a longer pause is out of reach
GIVE_UP_AFTER = 3  # questions in a row without an answer, all retries counted: the rest need not wait for it

_NOTHING = Need(0, 0)
_OVER = Failure(
    "budget", "the budget of the run does not reach for this question; the same call goes on with a new one"
)
_INTERRUPTED = Failure("unavailable", "interrupted before the question was tried again")


@dataclass(frozen=True)
class Limits:
    """How a server is asked: so many at once, each for so many seconds, no more than so much in a minute and in a run."""

    at_once: int = 4
    calls_per_minute: int | None = None
    tokens_in_per_minute: int | None = None
    tokens_out_per_minute: int | None = None
    allowance: Allowance = field(default_factory=Allowance)
    prices: Prices | None = None


class ServerModel:
    """A `LanguageModel` by the official client.

    Args:
        name: as the server knows it, and where `written_as` is not given, as everybody does.
        pause: waits some seconds, or less where its event is set.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        name: str,
        answers: Answers,
        limits: Limits | None = None,
        *,
        written_as: str | None = None,
        pause: Callable[[threading.Event, float], object] = threading.Event.wait,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = limits or Limits()
        self.name = written_as or name
        self.usage = Usage(cost=0.0 if limits.prices else None, failures={})
        self._asked_for, self._endpoint, self._answers, self._limits = name, endpoint, answers, limits
        self._budget = Budget(limits.allowance, limits.prices, self.usage)
        self._stopping = threading.Event()
        self._pause = pause
        self._pace = Pace(
            limits.calls_per_minute,
            limits.tokens_in_per_minute,
            limits.tokens_out_per_minute,
            now=now,
            sleep=lambda seconds: pause(self._stopping, seconds),
        )
        # By prompt: that a server does not take the schema of one is no reason for the others.
        self._manners: dict[str, Manner] = {}
        self._given_up: Failure | None = None
        self._in_vain = 0
        self._lock = threading.Lock()

    def answer(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """See `LanguageModel`. The same question twice is asked once.

        Interrupted, it asks nothing more, and keeps the answers that are still on their way before it ends.
        """
        keys = [answer_key(self.name, request) for request in requests]
        askings: dict[str, list[Request]] = {}
        for key, request in zip(keys, requests, strict=True):
            askings.setdefault(key, []).append(request)
        found = self._answers.known(askings)
        fresh = {key: several for key, several in askings.items() if key not in found}
        log.info("%s: %d questions, %d kept, %d to ask", self.name, len(requests), len(found), len(fresh))
        try:
            found |= self._ask_all(fresh)
        finally:
            self.usage.unstored = self._answers.store_rest()
        outcomes = []
        for key in keys:
            outcomes.append(self._delivered(found[key], is_asked=key in fresh))
            fresh.pop(key, None)  # the same question further down was not asked again
        log.info("%s: %s", self.name, self.usage)
        return outcomes

    def _delivered(self, outcome: Reply | Failure, *, is_asked: bool) -> Reply | Failure:
        """One row's outcome, counted."""
        if isinstance(outcome, Failure):
            counted = self.usage.failures = self.usage.failures or {}
            counted[outcome.reason] = counted.get(outcome.reason, 0) + 1
            return outcome
        if is_asked:
            return outcome
        self.usage.cache_hits += 1
        return replace(outcome, is_cached=True)

    def _ask_all(self, askings: Mapping[str, list[Request]]) -> dict[str, Reply | Failure]:
        """Ask in order. What may be spent is decided in order too, so it does not depend on who answers first."""
        found: dict[str, Reply | Failure] = {}
        under_way: dict[str, Future[Reply | Failure]] = {}
        slots = threading.BoundedSemaphore(self._limits.at_once)
        self._stopping.clear()
        with ThreadPoolExecutor(self._limits.at_once, thread_name_prefix="llm") as pool:
            try:
                for key, requests in askings.items():
                    slots.acquire()
                    need = most(requests[0])
                    if self._given_up or not self._budget.reserve(need):
                        slots.release()
                        found[key] = self._given_up or _OVER
                        continue
                    under_way[key] = self._begin(pool, key, requests, need)
                    under_way[key].add_done_callback(lambda _: slots.release())
                return found | {key: each.result() for key, each in under_way.items()}
            except BaseException:
                self._stopping.set()  # what is under way is paid for: it is waited for and kept, and not tried again
                raise

    def _begin(
        self, pool: ThreadPoolExecutor, key: str, requests: list[Request], need: Need
    ) -> Future[Reply | Failure]:
        try:
            told = self._pace.wait(need)
            return pool.submit(self._ask, key, requests, need, told or _nobody)
        except BaseException:
            self._budget.give_back(need)  # or a retry would wait for it for ever
            raise

    def _ask(self, key: str, requests: list[Request], need: Need, told: Callable[[Need], None]) -> Reply | Failure:
        """One question to its end, in a thread of its own. `need` is set aside for the first call."""
        request, tries = requests[0], 0
        manner = self._manners.get(request.prompt, Manner())
        while True:
            outcome = self._call(manner, request, need, told)
            if isinstance(outcome, Trouble):
                other = manner.after(outcome.refusal) if outcome.refusal else None
                if other is None and not (outcome.is_passing and tries < RETRIES and self._waits(outcome, tries)):
                    return self._failed(key, requests, outcome)
                manner, tries = other or manner, tries + (other is None)
            elif outcome is None and request.prompt not in self._manners and (other := manner.simpler()):
                manner = other
            else:
                self._in_vain = 0
                if not isinstance(outcome, Failure):  # it answers in JSON, or not in any manner
                    self._manners[request.prompt] = manner
                answered = outcome or Failure("schema", "the answer is no JSON document")
                self._answers.keep(key, requests, answered)
                return answered
            if not self._budget.reserve(need):
                return _OVER
            turn = None if self._stopping.is_set() else self._pace.wait(need)
            if turn is None:
                self._budget.give_back(need)
                return _INTERRUPTED
            told = turn

    def _call(
        self, manner: Manner, request: Request, need: Need, told: Callable[[Need], None]
    ) -> Reply | Failure | Trouble | None:
        """One call, counted and paid whatever comes of it; None where the answer is no JSON at all."""
        spent = need  # unless it is known better
        try:
            completion = self._endpoint.complete(manner.body(self._asked_for, request))
            spent = _spent(completion, need)
            return self._read(completion, request, spent)
        except Trouble as trouble:
            spent = need if trouble.is_spent else _NOTHING
            return trouble
        finally:
            self._budget.settle(need, spent)
            told(spent)

    def _waits(self, trouble: Trouble, tries: int) -> bool:
        """Wait before the next try; False where nobody should."""
        if self._given_up or self._stopping.is_set():
            return False
        wait = trouble.wait
        if not wait:  # "at once", or a moment that has passed by our clock, is no word on how long
            # Not all at the same moment again: half of the time is chance, which decides nothing but when.
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**tries) * (0.5 + random.random() / 2)
        elif wait > LONGEST_ASKED_WAIT:
            return False
        else:
            self._pace.hold(wait)
        log.info("%s; next try in %.1f s", trouble.detail, wait)
        self._pause(self._stopping, wait)
        return not self._stopping.is_set()

    def _failed(self, key: str, requests: list[Request], trouble: Trouble) -> Failure:
        failure = Failure(trouble.reason, trouble.detail)
        self._answers.keep(key, requests, failure)
        if trouble.is_of_question:
            return failure
        with self._lock:
            self._in_vain += 1
            if self._given_up is None and (trouble.is_for_all or self._in_vain >= GIVE_UP_AFTER):
                self._given_up = failure
                log.warning("%s is given up, the rest of the questions are not asked: %s", self.name, failure.detail)
        return failure

    def _read(self, completion: Completion, request: Request, spent: Need) -> Reply | Failure | None:
        """What a completion comes to; None where it is no JSON at all, as of a server that heeds no `response_format`."""
        if completion.refusal or completion.finish == "content_filter":
            return Failure("refused", "the model refused" if completion.refusal else "refused by a content filter")
        if completion.finish == "length":
            return Failure("length", f"cut off after {request.max_tokens} tokens")
        try:
            value = document(completion.text)
        except ValueError:
            return None
        if fault := misfit(value, request.schema):
            return Failure("schema", f"the answer {fault}")
        return Reply(value, self.name, spent.tokens_in, spent.tokens_out)


def _spent(completion: Completion, need: Need) -> Need:
    """What a call took; of a server that does not say, the most that it can have been."""
    tokens_in, tokens_out = completion.tokens_in, completion.tokens_out
    return Need(
        need.tokens_in if tokens_in is None else tokens_in,
        need.tokens_out if tokens_out is None else tokens_out,
    )


def _nobody(spent: Need) -> None:
    """Told what a call took that waited for no turn."""
