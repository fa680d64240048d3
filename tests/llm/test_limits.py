"""A budget is never overspent, and no sixty seconds hold more than their limit."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from profiling.llm.contract import Usage
from profiling.llm.limits import MINUTE, Allowance, Budget, Need, Pace, Prices
from tests.llm.conftest import Clock


def test_no_minute_holds_more_calls_than_the_limit(clock: Clock) -> None:
    pace = Pace(3, now=clock.now, sleep=clock.sleep)
    times = []
    for _ in range(10):
        pace.wait(Need(1, 1))
        times.append(clock.time)
    assert all(later - earlier >= MINUTE for earlier, later in zip(times, times[3:], strict=False))
    assert times[2] == times[0]  # and none waits that need not


def test_tokens_in_and_tokens_out_are_limited_each(clock: Clock) -> None:
    pace = Pace(None, 100, 10, now=clock.now, sleep=clock.sleep)
    began = clock.time
    pace.wait(Need(60, 1))
    pace.wait(Need(40, 1))
    assert clock.time == began
    pace.wait(Need(1, 1))
    assert clock.time >= began + MINUTE
    pace.wait(Need(1, 10))
    assert clock.time >= began + 2 * MINUTE


def test_an_answer_shorter_than_feared_makes_room_at_once(clock: Clock) -> None:
    pace = Pace(None, None, 100, now=clock.now, sleep=clock.sleep)
    told = pace.wait(Need(1, 100))
    assert told is not None
    told(Need(1, 20))
    began = clock.time
    pace.wait(Need(1, 80))
    assert clock.time == began


def test_a_call_larger_than_a_limit_goes_alone(clock: Clock) -> None:
    pace = Pace(None, 100, None, now=clock.now, sleep=clock.sleep)
    began = clock.time
    pace.wait(Need(5_000, 1))
    pace.wait(Need(1, 1))
    assert clock.time >= began + MINUTE


def test_a_pause_that_the_server_asks_for_holds_for_everybody(clock: Clock) -> None:
    pace = Pace(now=clock.now, sleep=clock.sleep)
    pace.hold(30)
    pace.hold(10)
    began = clock.time
    pace.wait(Need(1, 1))
    assert clock.time == began + 30


def test_a_budget_is_not_overspent_by_many_at_once() -> None:
    usage = Usage()
    budget = Budget(Allowance(calls=70, tokens=5_000, money=3.0), Prices(100, 2_000), usage)
    spent_more = []

    def work(seed: int) -> int:
        rng, done = random.Random(seed), 0
        for _ in range(40):
            need = Need(rng.randint(1, 60), rng.randint(1, 60))
            if budget.reserve(need):
                budget.settle(need, Need(rng.randint(0, need.tokens_in), rng.randint(0, need.tokens_out)))
                spent_more.append(
                    usage.calls > 70 or usage.tokens_in + usage.tokens_out > 5_000 or (usage.cost or 0) > 3
                )
                done += 1
        return done

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(work, range(16))) == usage.calls
    assert usage.calls > 20
    assert not any(spent_more)


def test_who_might_still_fit_waits_for_those_under_way() -> None:
    usage = Usage()
    budget = Budget(Allowance(tokens=100), None, usage)
    large = Need(50, 40)
    assert budget.reserve(large)
    fits: list[bool] = []
    second = threading.Thread(target=lambda: fits.append(budget.reserve(Need(40, 40))))
    second.start()
    assert fits == []  # neither yes nor no before the first has its answer
    budget.settle(large, Need(10, 10))
    second.join()
    assert fits == [True]
    assert not budget.reserve(Need(81, 0))


def test_shares_of_a_budget_are_no_more_than_the_whole() -> None:
    assert Allowance(10, 1_001, 3.0).divided(4) == Allowance(2, 250, 0.75)
    assert Allowance().divided(4) == Allowance()
