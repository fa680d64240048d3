"""What may be spent and how fast: a budget that cannot be overspent, and limits per minute as providers set them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from profiling.llm.contract import Usage

MINUTE = 60.0
_LONGEST_SLEEP = 1.0  # seconds: an answer that was shorter than feared makes room before the minute is over


@dataclass(frozen=True)
class Need:
    """What one call takes: before it, at most; after it, as counted by the server."""

    tokens_in: int
    tokens_out: int


@dataclass(frozen=True)
class Prices:
    """In any one currency, for a million tokens."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True)
class Allowance:
    """What a run may spend; None: without limit."""

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None

    def divided(self, parts: int) -> "Allowance":
        """An equal share for each of so many runs, so that together they keep to the whole."""
        return Allowance(
            self.calls if self.calls is None else self.calls // parts,
            self.tokens if self.tokens is None else self.tokens // parts,
            self.money if self.money is None else self.money / parts,
        )


class Budget:
    """Counts what is spent and gives leave to spend more.

    A call's most is set aside before it is made. Where it is uncertain whether that fits, because others are under way, one
    waits for them: a question is refused only for what earlier ones have spent, whatever runs at the same time.
    """

    def __init__(self, allowance: Allowance, prices: Prices | None, usage: Usage) -> None:
        self._allowance, self._prices, self._usage = allowance, prices, usage
        self._set_aside: list[Need] = []
        self._changed = threading.Condition()

    def reserve(self, need: Need) -> bool:
        """Set a call's most aside; False where what is left is less."""
        with self._changed:
            while not self._fits(need, self._set_aside):
                if not self._fits(need, []):
                    return False
                self._changed.wait()
            self._set_aside.append(need)
            return True

    def settle(self, need: Need, spent: Need) -> None:
        """A call has been made: what it took is spent, the rest of what was set aside is free again."""
        with self._changed:
            self._set_aside.remove(need)
            self._usage.calls += 1
            self._usage.tokens_in += spent.tokens_in
            self._usage.tokens_out += spent.tokens_out
            if self._prices:
                self._usage.cost = self._prices.of(self._usage.tokens_in, self._usage.tokens_out)
            self._changed.notify_all()

    def give_back(self, need: Need) -> None:
        """No call was made."""
        with self._changed:
            self._set_aside.remove(need)
            self._changed.notify_all()

    def _fits(self, need: Need, others: list[Need]) -> bool:
        tokens_in = self._usage.tokens_in + need.tokens_in + sum(other.tokens_in for other in others)
        tokens_out = self._usage.tokens_out + need.tokens_out + sum(other.tokens_out for other in others)
        calls, tokens, money = self._allowance.calls, self._allowance.tokens, self._allowance.money
        return (
            (calls is None or self._usage.calls + len(others) + 1 <= calls)
            and (tokens is None or tokens_in + tokens_out <= tokens)
            and (money is None or self._prices is None or self._prices.of(tokens_in, tokens_out) <= money)
        )


@dataclass
class _Call:
    at: float
    need: Need


class Pace:
    """Calls and tokens of any sixty seconds stay within limits; None: without limit.

    A call counts with its most until its answer is there. One that is larger than a limit by itself goes when a minute is free.

    Args:
        now, sleep: seconds of a clock that never goes back, and waiting by it; True from `sleep` ends all waiting.
    """

    def __init__(
        self,
        calls: int | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._limits = (calls, tokens_in, tokens_out)
        self._now, self._sleep = now, sleep
        self._recent: deque[_Call] = deque()
        self._held_until = 0.0
        self._lock = threading.Lock()

    def wait(self, need: Need) -> Callable[[Need], None] | None:
        """Wait for a call's turn. What is returned is told what the call took; None where the waiting was ended."""
        while True:
            with self._lock:
                delay = self._delay(need)
                if delay <= 0:
                    call = _Call(self._now(), need)
                    self._recent.append(call)
                    return lambda spent: setattr(call, "need", spent)
            if self._sleep(min(delay, _LONGEST_SLEEP)):
                return None

    def hold(self, seconds: float) -> None:
        """The server asks for a pause: nobody calls for so long."""
        with self._lock:
            self._held_until = max(self._held_until, self._now() + seconds)

    def _delay(self, need: Need) -> float:
        """Seconds until the call may be tried again; 0: now."""
        now = self._now()
        if self._held_until > now:
            return self._held_until - now
        while self._recent and self._recent[0].at <= now - MINUTE:
            self._recent.popleft()
        if not self._recent or self._has_room(need):
            return 0.0
        return self._recent[0].at + MINUTE - now

    def _has_room(self, need: Need) -> bool:
        recent = [call.need for call in self._recent]
        taken = (len(recent), sum(each.tokens_in for each in recent), sum(each.tokens_out for each in recent))
        wanted = (1, need.tokens_in, need.tokens_out)
        return all(
            limit is None or have + more <= limit for limit, have, more in zip(self._limits, taken, wanted, strict=True)
        )
