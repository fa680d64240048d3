"""Statistics that leave the house: what one customer can change, what OpenDP says it costs, and the budget.

There is no seed, so what looks at noise allows for it: each such assertion fails by chance less than once in 10^9 runs.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from profiling import stages
from profiling.cli.printing import print_release
from profiling.errors import InputError, NotReady, ProfilingError, SettingsError
from profiling.lake import Lake
from profiling.profiles.parts import document_schema
from profiling.rights import budget, statistics
from profiling.rights.statistics import MEANS, SEGMENTS, STATISTICS, STEPS, Noisy, Steps
from profiling.settings import Settings
from profiling.stages._release import Release
from tests import command
from tests.stages.test_stages import DAY, drop, purchase, review
from tests.worlds import KEY, documents, settings_in

ALL = tuple(SEGMENTS)
ALMOST_NEVER = 1e-10  # probability that noise goes further than `Noisy.reach` of it


def crowd(size: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({name: random.choice(SEGMENTS[name], size) for name in ALL})
    return frame.assign(
        customer_id=[f"c{number}" for number in range(size)],
        satisfaction=np.where(random.random(size) < 0.7, random.random(size), np.nan),
        purchases=random.poisson(3, size).astype("float64"),
    )


def ask(epsilon: float = 0.5, by: tuple[str, ...] = ALL, names: tuple[str, ...] = STATISTICS) -> statistics.Request:
    return statistics.request(DAY, epsilon, by, names)


FIRST_ROWS = [
    purchase(1, "ann"), purchase(2, "ann"), review(3, "A lovely guitar with a warm tone.", "bob", rating=4), purchase(4, "cyd"),
]  # fmt: skip

# --- what is known of one customer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Path:
    """A world of three customers: a buyer of two, a reviewer, one who bought once."""
    root = tmp_path_factory.mktemp("statistics")
    world = settings_in(root, static_cache)
    drop(world, FIRST_ROWS)
    list(stages.run_days(world, DAY, DAY))
    return root


@pytest.fixture
def shop(settings: Settings, made: Path) -> Settings:
    """A copy of it for each test."""
    for name in ("landing", "lake", "published"):
        shutil.copytree(made / name, Path(settings.landing).parent / name, dirs_exist_ok=True)
    return settings


def profiles(settings: Settings) -> pd.DataFrame:
    return Lake(settings.lake).read("profiles", [("day", "==", DAY)])


def test_segments_and_values_are_those_of_the_customers_own_document(shop: Settings) -> None:
    told = statistics.people(profiles(shop)).sort_values(["purchases", "customer_id"])
    assert told["purchases"].tolist() == [0, 1, 2]
    assert told["life_cycle"].tolist() == ["new", "new", "new"]
    assert told["rfm"].tolist() == ["recent", "recent", "potential_loyalists"]
    assert told["tier"].tolist() == ["low", "low", "low"]
    satisfaction = told["satisfaction"].tolist()
    assert 0.75 < satisfaction[0] + 0.25 <= 1.25  # four stars and a kind text, nobody else's opinion
    assert np.isnan(satisfaction[1:]).all()


def test_nobody_elses_coming_changes_what_is_told_of_a_customer(shop: Settings) -> None:
    before = statistics.people(profiles(shop)).set_index("customer_id")
    changed = documents(shop, DAY)
    crowd_of_others = [purchase(10 + number, "dan") for number in range(12)]
    furious = [review(50 + n, f"Broken again, awful and useless number {n}.", "eve", rating=1) for n in range(9)]
    drop(shop, [*FIRST_ROWS, *crowd_of_others, *furious])
    list(stages.run_days(shop, DAY, DAY))
    after = statistics.people(profiles(shop)).set_index("customer_id")
    assert len(after) == len(before) + 2
    pd.testing.assert_frame_equal(after.loc[before.index], before)
    now = documents(shop, DAY)  # and the profiles themselves would not have done: ranks and the population's mean moved
    assert any(now[who]["activity"]["rfm"] != changed[who]["activity"]["rfm"] for who in changed)
    assert any(now[who]["satisfaction"]["score"] != changed[who]["satisfaction"]["score"] for who in changed)


def told(**changes: Any) -> pd.DataFrame:
    facts = {
        "days_known": 400,
        "recency": 0,
        "quiet": 0,
        "active": 3,
        "gap": 20.0,
        "basis": "own",
        "bought": 0,
        "reviews": 0,
    }
    facts |= changes
    document = {
        "activity": {"days_known": facts["days_known"], "recency_days": facts["recency"], "counts": {"review": facts["reviews"]}},
        "segment": {"life_cycle_rule": {
            "quiet_days": facts["quiet"], "active_days": facts["active"],
            "usual_gap_days": facts["gap"], "gap_basis": facts["basis"],
        }},
        "consumption": {"purchase_count": facts["bought"]},
        "satisfaction": {"own_score": None},
    }  # fmt: skip
    return statistics.people(pd.DataFrame([{"customer_id": "c1", "document": json.dumps(document)}]))


@pytest.mark.parametrize(
    ("facts", "segments"),
    [
        ({"recency": 7, "bought": 10}, ("active", "champions", "high")),
        ({"recency": 8, "bought": 9}, ("active", "loyal", "medium")),
        ({"recency": 30, "bought": 2}, ("active", "potential_loyalists", "low")),
        ({"recency": 31, "bought": 3}, ("active", "need_attention", "medium")),
        ({"recency": 181, "bought": 1, "quiet": 181}, ("lapsed", "hibernating", "low")),
        ({"recency": 91, "reviews": 12}, ("active", "cannot_lose", "high")),
        ({"recency": 0}, ("active", "visitors", "unknown")),
        ({"quiet": 81}, ("lapsed", "visitors", "unknown")),
        ({"quiet": 51}, ("at_risk", "visitors", "unknown")),
        ({"quiet": 81, "basis": "population"}, ("at_risk", "visitors", "unknown")),  # by 30 days, whatever theirs is
    ],
)
def test_the_scales_are_fixed(facts: dict[str, Any], segments: tuple[str, ...]) -> None:
    assert tuple(told(**facts).loc[0, ["life_cycle", "rfm", "tier"]]) == segments


def test_the_names_are_those_that_a_profile_can_have() -> None:
    segment = json.loads(document_schema())["properties"]["segment"]["properties"]
    assert sorted(SEGMENTS["life_cycle"]) == sorted(segment["life_cycle"]["enum"])
    assert sorted(SEGMENTS["rfm"]) == sorted(segment["rfm"]["enum"])


def test_a_customer_with_two_rows_is_refused() -> None:
    people = crowd(3)
    with pytest.raises(InputError, match="1 rows repeat a customer_id, the first is c1"):
        statistics.answer(pd.concat([people, people.iloc[[1]]], ignore_index=True), ask())
    rows = pd.DataFrame({"customer_id": ["c1", "c1"], "document": ["{}", "{}"]})
    with pytest.raises(InputError, match="one row a customer, or no privacy is promised"):
        statistics.people(rows)


def test_a_profile_of_an_older_form_is_refused() -> None:
    with pytest.raises(InputError, match="was made before profiles had 'activity'; run `profiling profile`"):
        statistics.people(pd.DataFrame({"customer_id": ["c1"], "document": ["{}"]}))


def test_a_segment_without_a_name_is_refused_and_not_left_out() -> None:
    with pytest.raises(ProfilingError, match="tier: a segment that is none of high, medium, low, unknown"):
        statistics.answer(crowd(3).assign(tier="gold"), ask())


# --- what one customer changes, and what it costs


def exact(codes: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(codes, minlength=size)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(allow_infinity=False) | st.none()), max_size=8),
    st.tuples(st.integers(0, 3), st.floats(allow_infinity=False) | st.none()),
)
def test_one_customer_more_moves_the_exact_numbers_no_further_than_the_map_is_asked_for(
    others: list[tuple[int, float | None]], one: tuple[int, float | None]
) -> None:
    """What goes into the noise, for neighbours with any values: at most 1 in all counts together, STEPS in all sums together."""
    moved = []
    for rows in (others, [*others, one]):
        codes = np.array([code for code, _ in rows], dtype="int64")
        values = pd.Series([value for _, value in rows], dtype="float64")
        parts = statistics.whole_steps(values, codes, MEANS["purchases"])
        sums = np.bincount(parts.codes, weights=parts.steps, minlength=4)
        moved.append((exact(codes, 4), exact(parts.codes, 4), sums))
    for before, after, most in zip(*moved, (1, 1, STEPS), strict=True):
        assert np.abs(after - before).sum() <= most


@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1 / 3, 1.0, 7.0])
def test_opendp_says_that_it_costs_what_was_asked_and_no_noise_is_wasted(epsilon: float) -> None:
    counts = statistics.noisy_counts(np.array([0, 0, 2]), 3, epsilon)
    sums = statistics.noisy_sums(Steps(np.array([STEPS, -STEPS, 3]), np.array([0, 0, 2])), 3, epsilon)
    for noisy, sensitivity in ((counts, 1), (sums, STEPS)):
        assert noisy.epsilon <= epsilon
        assert noisy.epsilon == pytest.approx(epsilon, rel=1e-6)
        assert noisy.scale == pytest.approx(sensitivity / epsilon, rel=1e-6)


@pytest.mark.parametrize("by", [ALL, ("rfm",)])
@pytest.mark.parametrize("names", [STATISTICS, ("count",), ("purchases",)])
def test_a_release_costs_what_its_partitions_cost_and_no_more_than_asked(by: tuple, names: tuple) -> None:
    rows = statistics.answer(crowd(50), ask(0.7, by, names))
    assert [(row["by"], row["segment"]) for row in rows] == [(one, name) for one in by for name in SEGMENTS[one]]
    cost = {row["by"]: row["epsilon"] for row in rows}
    assert sum(cost.values()) == pytest.approx(0.7, rel=1e-6)
    assert sum(cost.values()) <= 0.7 * (1 + 1e-12)


def test_sums_are_clipped_before_anything_is_added() -> None:
    wild = statistics.noisy_sums(Steps(np.array([10**9, 10**9]), np.array([0, 1])), 2, 5.0)
    assert all(abs(value - STEPS) <= wild.reach(ALMOST_NEVER) for value in wild.values)


# --- the answer


def test_on_many_customers_the_noisy_numbers_are_near_the_true_ones() -> None:
    people = crowd(40_000)
    rows = statistics.answer(people, ask(1.0))
    for row in rows:
        mine = people[people[row["by"]] == row["segment"]]
        count = row["count"]
        assert abs(count["value"] - len(mine)) <= Noisy([], count["scale"], 0).reach(ALMOST_NEVER)
        for name, mean in MEANS.items():
            figure, values = row[name], mine[name].clip(mean.low, mean.high)
            # The sum may be off by `up`, the number by `across`; rounding to steps by half a step.
            up = Noisy([], figure["scale"] * 2 * STEPS / (mean.high - mean.low), 0).reach(ALMOST_NEVER) / STEPS
            across = Noisy([], figure["scale_of_number"], 0).reach(ALMOST_NEVER)
            half, number = (mean.high - mean.low) / 2, values.notna().sum()
            assert abs(figure["value"] - values.mean()) <= half * ((up + across) / (number - across) + 1 / STEPS)
            assert figure["low"] <= figure["value"] <= figure["high"]


def test_the_intervals_hold_the_truth_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 counts and means at 95 %: fewer than 1,830 hits have a probability below 10^-9 (Chernoff's bound, for both)."""
    names = tuple(f"s{number}" for number in range(2_000))
    monkeypatch.setitem(SEGMENTS, "life_cycle", names)
    people = crowd(200_000).assign(life_cycle=np.resize(names, 200_000))
    rows = statistics.answer(people, ask(4.0, ("life_cycle",), ("count", "satisfaction")))
    means = people.groupby("life_cycle")["satisfaction"].mean()
    assert all(row["satisfaction"]["value"] is not None for row in rows)
    for name, truth in (("count", dict.fromkeys(names, 100)), ("satisfaction", means)):
        hits = sum(row[name]["low"] <= truth[row["segment"]] <= row[name]["high"] for row in rows)
        assert hits >= 1_830
        widths = [row[name]["high"] - row[name]["low"] for row in rows]
        assert max(widths) < (10 if name == "count" else 0.3)  # and not because they hold everything


def test_an_empty_segment_is_released_too_and_its_mean_is_lost_in_the_noise() -> None:
    rows = statistics.answer(crowd(0), ask(1.0))
    assert len(rows) == sum(len(names) for names in SEGMENTS.values())
    means = [row["satisfaction"] for row in rows]
    # Each mean is null with 97.5 %; that all 20 have a value by chance is below 10^-30.
    lost = next(figure for figure in means if figure["value"] is None)
    assert (lost["low"], lost["high"]) == (0.0, 1.0)
    assert all(row["count"]["low"] >= 0 for row in rows)


def test_two_answers_differ_for_there_is_no_seed() -> None:
    people, asked = crowd(500), ask(0.5)  # 20 rows of noise with scales of 18 and more: equal with less than 36^-20
    assert statistics.answer(people, asked) != statistics.answer(people, asked)


@pytest.mark.parametrize(
    ("epsilon", "by", "names", "said"),
    [
        (0.0, ALL, STATISTICS, "epsilon 0.0 is not a number from 0.001 on"),
        (-1.0, ALL, STATISTICS, "epsilon -1.0"),
        (float("nan"), ALL, STATISTICS, "epsilon nan"),
        (float("inf"), ALL, STATISTICS, "epsilon inf"),
        (0.5, ("city",), STATISTICS, "--by city: choose of life_cycle, rfm, tier"),
        (0.5, (), STATISTICS, "--by is empty"),
        (0.5, ALL, ("spend",), "--statistics spend: choose of count, satisfaction, purchases"),
    ],
)
def test_what_makes_no_sense_is_refused(epsilon: float, by: tuple, names: tuple, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ask(epsilon, by, names)


def test_a_count_below_nought_is_printed_as_nought_and_kept_as_it_came(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*values: int) -> str:
        rows = [
            {
                "by": "tier",
                "segment": f"s{n}",
                "count": {"value": value, "low": max(0, value - 7), "high": max(0, value + 7)},
            }
            for n, value in enumerate(values)
        ]
        found = Release(
            {"rows": rows, "statistics": ["count"], "epsilon": 0.5}, False, Decimal("0.5"), ("a.csv", "a.json")
        )
        print_release(found, settings)
        assert [row["count"]["value"] for row in rows] == list(values)
        return capsys.readouterr().out

    shown = told(-3, 40)
    assert "0 [0, 4]" in shown
    assert "-3" not in shown
    assert "40 [33, 47]" in shown
    assert "1 counts came out below 0" in shown
    assert "below 0" not in told(0, 40)


def test_the_order_of_asking_makes_no_other_release() -> None:
    assert (
        ask(0.5, ("tier", "rfm"), ("satisfaction", "count")).id
        == ask(0.5, ("rfm", "tier"), ("count", "satisfaction")).id
    )
    assert len({ask(0.5).id, ask(0.51).id, ask(0.5, ("rfm",)).id, ask(0.5, ALL, ("count",)).id}) == 4


# --- the budget

NOW = pd.Timestamp("2026-07-01T12:00:00Z")


def spending(*releases: tuple[float, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"epsilon": [e for e, _ in releases], "released_at": pd.to_datetime([at for _, at in releases], utc=True)}
    )


def test_ten_times_a_tenth_is_the_whole_budget() -> None:
    held = spending(*[(0.1, "2026-06-30T00:00:00Z")] * 10)
    assert budget.spent(held, Settings(), NOW) == 1
    budget.refuse_beyond(held.iloc[1:], 0.1, Settings(), NOW)
    with pytest.raises(InputError, match=r"has 0\.0 of 1\.0 epsilon left for any 30 days, and 0\.001 was asked for"):
        budget.refuse_beyond(held, 0.001, Settings(), NOW)


def test_what_was_spent_comes_back_after_its_days_and_never_where_the_budget_is_for_all_time() -> None:
    held = spending((0.4, "2026-06-01T12:00:00Z"), (0.3, "2026-06-01T12:00:01Z"), (0.2, "2027-01-01T00:00:00Z"))
    assert budget.spent(held, Settings(), NOW) == Decimal("0.5")
    for_ever = Settings(privacy_budget_days=0)
    assert budget.spent(held, for_ever, NOW) == Decimal("0.9")
    with pytest.raises(
        InputError, match=r"0\.5 of 1\.0 .* and 0\.6 was asked for \(0\.3 comes back on 2026-07-01 12:00 UTC"
    ):
        budget.refuse_beyond(held, 0.6, Settings(), NOW)
    with pytest.raises(
        InputError, match=r"0\.1 of 1\.0 epsilon left for all time, and 0\.2 was asked for; ask for less"
    ):
        budget.refuse_beyond(held, 0.2, for_ever, NOW)


# --- the stage


def released(settings: Settings) -> dict[str, bytes]:
    root = Path(settings.lake) / "_released"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_repeat_gives_the_same_bytes_and_costs_nothing_even_on_other_profiles(shop: Settings) -> None:
    first = stages.release_statistics(shop, DAY, 0.6)
    files = released(shop)
    assert (first.is_repeated, first.left) == (False, Decimal("0.4"))
    assert sorted(files) == [f"{DAY}/{first.document['release_id']}.{form}" for form in ("csv", "json")]
    assert json.loads(files[f"{DAY}/{first.document['release_id']}.json"]) == first.document
    for file in first.files:
        Path(file).unlink()
    drop(shop, [purchase(1, "ann"), purchase(9, "dan")])
    list(stages.run_days(shop, DAY, DAY))
    again = stages.release_statistics(shop, DAY, 0.6)
    assert (again.is_repeated, again.left, again.document) == (True, Decimal("0.4"), first.document)
    assert released(shop) == files
    assert Lake(shop.lake).rows("released_statistics") == 1


def test_beyond_the_budget_nothing_is_released(shop: Settings) -> None:
    stages.release_statistics(shop, DAY, 0.6)
    before = released(shop)
    with pytest.raises(InputError, match=r"has 0\.4 of 1\.0 epsilon left for any 30 days, and 0\.5 was asked for"):
        stages.release_statistics(shop, DAY, 0.5)
    assert released(shop) == before
    assert Lake(shop.lake).rows("released_statistics") == 1
    assert stages.release_statistics(shop, DAY, 0.4).left == 0


def test_other_days_draw_on_the_same_budget(shop: Settings) -> None:
    following = "2026-06-16"
    drop(shop, [purchase(20, "ann")], day=following)
    list(stages.run_days(shop, following, following))
    stages.release_statistics(shop, DAY, 0.6)
    with pytest.raises(InputError, match=r"0\.4 of 1\.0 epsilon left"):
        stages.release_statistics(shop, following, 0.6)


def at_the_same_time(calls: list[Any]) -> list[Any]:
    """What each call returns or raises; all begin together."""
    found: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def one(number: int) -> None:
        start.wait()
        try:
            found[number] = calls[number]()
        except ProfilingError as error:
            found[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_at_a_time_that_do_not_fit_together_one_is_refused(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have found the budget whole and computed their noise before either may store it: the compare-and-set decides."""
    both_computed = threading.Barrier(2)
    first_of_its_call = threading.local()
    real = statistics.answer

    def answer(*arguments: Any) -> Any:
        rows = real(*arguments)
        if not getattr(first_of_its_call, "is_over", False):
            first_of_its_call.is_over = True
            both_computed.wait()
        return rows

    monkeypatch.setattr(statistics, "answer", answer)
    asked = (0.6, 0.7)
    found = at_the_same_time([lambda e=e: stages.release_statistics(shop, DAY, e) for e in asked])
    refused = [one for one in found if isinstance(one, InputError)]
    assert len(refused) == 1
    assert "epsilon left" in str(refused[0])
    held = Lake(shop.lake).read("released_statistics")
    assert held["epsilon"].tolist() == [one.document["epsilon"] for one in found if one not in refused]
    assert len(released(shop)) == 2


def test_the_same_asked_twice_at_a_time_is_one_release(shop: Settings) -> None:
    found = at_the_same_time([lambda: stages.release_statistics(shop, DAY, 0.6)] * 2)
    assert found[0].document == found[1].document
    assert Lake(shop.lake).rows("released_statistics") == 1


def test_a_day_without_profiles_is_refused(settings: Settings) -> None:
    Lake.open(settings, may_create=True)
    with pytest.raises(NotReady, match="run `profiling profile --day 2026-06-15` first"):
        stages.release_statistics(settings, DAY, 0.5)


def test_the_command_says_what_it_cost_and_what_is_left(shop: Settings) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PROFILING_LAKE": shop.lake}
    call = ["release-statistics", "--day", DAY, "--epsilon", "0.75"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return command.run(*call, *more, environment=environment)

    first = subprocess.run(
        [sys.executable, "-m", "profiling", *call], capture_output=True, text=True, env=environment, check=False
    )
    assert first.returncode == 0, first.stderr
    assert "epsilon 0.75 spent; 0.25 of 1.0 left for any 30 days" in first.stdout
    assert "potential_loyalists" in first.stdout
    assert "released before for epsilon 0.75, costs nothing now; 0.25 of 1.0 left" in run().stdout
    document = json.loads(run("--json").stdout)
    assert document == json.loads((Path(shop.lake) / "_released" / DAY / f"{document['release_id']}.json").read_text())
    beyond = run("--by", "tier")
    assert beyond.returncode == 1
    assert "0.25 of 1.0 epsilon left" in beyond.stderr
    wrong = run("--by", "city")
    assert wrong.returncode == 2
    assert KEY not in first.stdout + first.stderr
