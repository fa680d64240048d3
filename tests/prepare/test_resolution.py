"""Customers made of links: scenarios small enough to know the answer by looking, and random histories against a slow reference.

An identity's type is told by its first letter: account (one for each person and source), email (at most three persons), phone,
device (does not identify alone), kiosk (shared).
"""

import random
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.prepare.identity_rules import Rules
from profiling.prepare.resolution import Resolution, changes, resolve

TYPES = {"a": "account", "e": "email", "p": "phone", "d": "device", "k": "kiosk"}
RULES = Rules.model_validate(
    {
        "version": 1,
        "types": {
            "account": {"unique": "source"},
            "email": {"cap": 3},
            "device": {"identifies": False},
            "kiosk": {"shared": True},
            "*": {},
        },
    }
)
Link = tuple[str, str, int, str]  # one, other, day (also the hour), source


def kind_of(identity: str) -> str:
    return TYPES[identity.rpartition(":")[2][0]]


def frame(links: list[Link]) -> pd.DataFrame:
    rows = [
        {
            "identity_id": one, "other_id": other, "identifier_type": kind_of(other), "first_type": kind_of(one),
            "interaction_id": f"event-{one}-{other}-{day}", "day": f"2026-06-{day:02d}", "source": source,
            "occurred_at": pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=day),
        }
        for one, other, day, source in links
    ]  # fmt: skip
    names = [
        "identity_id",
        "other_id",
        "identifier_type",
        "first_type",
        "interaction_id",
        "day",
        "source",
        "occurred_at",
    ]
    made = pd.DataFrame(rows, columns=names)
    return made.astype({**dict.fromkeys(names[:-1], "str"), "occurred_at": "datetime64[us, UTC]"})


def linked(*pairs: str, source: str = "shop") -> list[Link]:
    """`a1 e1` on day 1, the next pair on day 2, and so on."""
    return [(*pair.split(), day, source) for day, pair in enumerate(pairs, 1)]  # type: ignore[misc]


def seen(**days: int) -> pd.Series:
    times = [pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=day) for day in days.values()]
    return pd.Series(times, index=pd.Index(list(days), dtype="str"), dtype="datetime64[us, UTC]")


def customers(links: list[Link], first_seen: pd.Series | None = None, rules: Rules = RULES) -> dict[str, str]:
    """identity -> customer, in whatever order the links come."""
    known = seen() if first_seen is None else first_seen
    found = resolve(frame(links), known, rules).customer_of.to_dict()
    shuffled = random.Random(3).sample(links, len(links)) + links[:1]  # one of them again
    turned = [(other, one, day, source) for one, other, day, source in shuffled]
    assert resolve(frame(shuffled), known[::-1], rules).customer_of.to_dict() == found
    again = resolve(frame(turned).assign(interaction_id=frame(shuffled)["interaction_id"]), known, rules)
    assert again.customer_of.to_dict() == found
    return found


def persons(links: list[Link], rules: Rules = RULES) -> set[str]:
    """The groups of identities, each as its members in order."""
    groups: dict[str, list[str]] = {}
    for identity, customer in customers(links, rules=rules).items():
        groups.setdefault(customer, []).append(identity)
    return {" ".join(sorted(group)) for group in groups.values()}


SCENARIOS = {
    "simple": (linked("a1 e1"), {"a1 e1"}),
    "chain": (linked("a1 e1", "e1 p1", "p1 e2"), {"a1 e1 e2 p1"}),
    "reverse chain": (linked("p1 e2", "e1 p1", "a1 e1"), {"a1 e1 e2 p1"}),
    "fan-in": (linked("a1 e1", "a1 e2", "a1 p1", "a1 d1"), {"a1 d1 e1 e2 p1"}),
    "diamond": (linked("a1 e1", "a1 p1", "e1 e2", "p1 e2"), {"a1 e1 e2 p1"}),
    "late edge": (linked("a1 e1", "p1 e2", "e1 p1"), {"a1 e1 e2 p1"}),
    "observed again": (linked("a1 e1", "a1 e1", "a1 e1"), {"a1 e1"}),
    "rapid re-merge": (linked("a1 e1", "e1 e2", "e2 p1", "p1 a1", "e1 a1"), {"a1 e1 e2 p1"}),
    "unique conflict": (linked("a1 e1", "a2 e1"), {"a1 e1", "a2"}),
    "unique conflict, later in a chain": (linked("a1 e1", "a2 p1", "e1 p1", "e1 p2"), {"a1 e1 p2", "a2 p1"}),
    "unique conflict does not undo": (linked("a1 e1", "e1 a2", "a2 p1", "p1 e1"), {"a1 e1", "a2 p1"}),
    "two accounts of two sources": ([("a1", "e1", 1, "shop"), ("a2", "e1", 2, "crm")], {"a1 a2 e1"}),
    "device of one": (linked("a1 d1", "a1 e1"), {"a1 d1 e1"}),
    "shared device": (linked("a1 d1", "a2 d1"), {"a1", "a2", "d1"}),
    "devices join nothing": (linked("a1 d1", "d1 d2"), {"a1 d1", "d2"}),
    "kiosk": (linked("a1 k1", "k1 e1"), {"a1", "e1", "k1"}),
    "three by one address": (linked("p1 e1", "p2 e1", "p3 e1"), {"e1 p1 p2 p3"}),
    "four by one address": (linked("p1 e1", "p2 e1", "p3 e1", "p4 e1"), {"e1", "p1", "p2", "p3", "p4"}),
    "one person, many numbers": (
        linked("p1 e1", "p2 e1", "p3 e1", "p4 e1", "p1 p2", "p2 p3", "p3 p4"), {"e1 p1 p2 p3 p4"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str) -> None:
    links, expected = SCENARIOS[name]
    assert persons(links) == expected


def test_the_oldest_member_is_the_customer() -> None:
    # p9 - p1 - p0 (never seen), p2 - p3 (seen on the same day), p4 alone
    found = resolve(frame(linked("p9 p1", "p0 p1", "p3 p2")), seen(p1=2, p2=1, p9=0, p3=1, p4=5), RULES).customer_of
    assert found.to_dict() == {"p0": "p9", "p1": "p9", "p2": "p2", "p3": "p2", "p4": "p4", "p9": "p9"}
    assert found.index.name == "identity_id"
    assert found.index.is_monotonic_increasing


def test_a_device_gives_no_name_where_someone_is_known() -> None:
    assert customers(linked("a1 d1"), seen(d1=0, a1=1)) == {"a1": "a1", "d1": "a1"}
    assert customers(linked("e1 d1"), seen(d1=0)) == {"e1": "d1", "d1": "d1"}, "e1 has no interactions of its own"


def test_nobody() -> None:
    assert resolve(frame([]), seen(), RULES).customer_of.empty
    assert customers([], seen(a1=0)) == {"a1": "a1"}


def test_a_long_chain_is_one_customer() -> None:
    names = [f"p{number:06d}" for number in range(5_000)]
    shuffled = [names[number * 7919 % 5_000] for number in range(5_000)]
    chain = frame([(one, other, 1, "shop") for one, other in pairwise(shuffled)])
    assert set(resolve(chain, seen(p002500=0), RULES).customer_of) == {"p002500"}


def test_what_is_refused_is_listed_with_both_sides_and_the_event() -> None:
    links = linked("a1 e1", "a2 e1", "a1 d1", "a2 d1", "p1 e2", "p2 e2", "p3 e2", "p4 e2")
    found = resolve(frame(links), seen(a1=0, a2=0), RULES).conflicts
    assert found["kind"].tolist() == ["capped", "several", "unique"]
    capped, several, unique = found.to_dict("records")
    assert (capped["identity_id"], capped["identifier_type"], capped["persons"]) == ("e2", "email", 4)
    assert (several["identity_id"], several["persons"]) == ("d1", 2)
    assert {unique["customer_id"], unique["other_customer_id"]} == {"a1", "a2"}
    assert (unique["identifier_type"], unique["interaction_id"], unique["day"]) == (
        "account",
        "event-a2-e1-2",
        "2026-06-02",
    )


def test_within_one_event_its_own_account_comes_first() -> None:
    # An event of a2 with the address of a1 and a new number: the number is a2's, in whatever order the three pairs stand.
    at_once = frame([("e1", "p1", 2, "shop"), ("a2", "e1", 2, "shop"), ("a2", "p1", 2, "shop")])
    links = pd.concat([frame(linked("a1 e1")), at_once.assign(interaction_id="event")])
    found = resolve(links, seen(a1=0, a2=0), RULES).customer_of
    assert found.to_dict() == {"a1": "a1", "a2": "a2", "e1": "a1", "p1": "a2"}


def test_links_of_older_lakes_have_no_types() -> None:
    links = frame(linked("a1 e1", "a2 e1")).assign(first_type=None, source=None)
    assert resolve(links, seen(), RULES).customer_of.nunique() == 1


def change(links: list[Link], first_seen: pd.Series, rules: Rules = RULES) -> list[tuple[str, ...]]:
    """What the last day's links change."""
    day = max(link[2] for link in links)
    old = [link for link in links if link[2] < day]
    known = first_seen[first_seen < pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=day)]
    before, after = resolve(frame(old), known, rules), resolve(frame(links), first_seen, rules)
    new = frame([link for link in links if link[2] == day])
    return list(
        changes(before, after, known.index, new)[["from_id", "to_id", "kind", "interaction_id"]].itertuples(
            index=False, name=None
        )
    )


def test_changes_name_merges_splits_and_the_event() -> None:
    merge = change(linked("a1 e1", "p1 e2", "p1 e1"), seen(a1=0, p1=1, e2=2))
    assert merge == [("p1", "a1", "merge", "event-p1-e1-3")], "e2 was p1's and goes along"
    assert change(linked("a1 e1", "e1 p1"), seen(a1=0, p1=7)) == [], "who was no customer before is not merged"
    split = change(linked("a1 d1", "a2 d1"), seen(a1=0, a2=0, d1=1))
    assert split == [("a1", "d1", "split", "event-a2-d1-2")]


def test_an_older_event_that_arrives_late_renames() -> None:
    before = resolve(frame(linked("p1 p2")), seen(p1=1, p2=2), RULES)
    after = resolve(frame(linked("p1 p2")), seen(p1=1, p2=0), RULES)
    found = changes(before, after, pd.Index(["p1", "p2"]), frame([]))
    assert found[["from_id", "to_id", "kind"]].to_numpy().tolist() == [["p1", "p2", "merge"]]
    assert found["interaction_id"].isna().all()


def test_a_withdrawn_link_and_other_rules_un_merge() -> None:
    links = linked("a1 e1", "e1 p1", "p1 e2")
    assert persons([link for link in links if link[2] != 2]) == {"a1 e1", "e2 p1"}
    shared = RULES.model_copy(update={"types": {**RULES.types, "phone": RULES.types["kiosk"]}})
    assert persons(links, shared) == {"a1 e1", "p1", "e2"}


# --- against a reference that goes day by day ---


class DayByDay:
    """The rules of `resolution.py` once more, for one history: links applied as they come, nothing ever looked at again, except
    that a cap, or an account that turns up in another source, makes it begin anew."""

    def __init__(self, links: list[Link], first_seen: dict[str, int]) -> None:
        self.links, self.first_seen = links, first_seen
        self.capped: set[str] = set()
        self.sources: dict[str, set[str]] = {}
        self.group: dict[str, set[str]] = {}

    def at(self, day: int) -> dict[str, str]:
        known = [link for link in self.links if link[2] <= day]
        capped, sources = self._over_their_caps(known), self._of_accounts(known)
        if (capped, sources) != (self.capped, self.sources):
            self.capped, self.sources, self.group = capped, sources, {}
            for earlier in range(day):
                self._apply(earlier, known)
        self._apply(day, known)
        return self._named(known, day)

    def _joins(self, link: Link) -> bool:
        return all(kind_of(end) in ("account", "email", "phone") and end not in self.capped for end in link[:2])

    def _apply(self, day: int, known: list[Link]) -> None:
        today = [link for link in known if link[2] == day and self._joins(link)]
        for one, other, *_ in sorted(today, key=lambda link: self._place(link)):
            left, right = self.group.setdefault(one, {one}), self.group.setdefault(other, {other})
            if left is right or self._clash(left, right, known):
                continue
            left |= right
            for member in right:
                self.group[member] = left

    def _place(self, link: Link) -> tuple:
        low, high = sorted(link[:2])
        return f"event-{link[0]}-{link[1]}-{link[2]}", "account" not in map(kind_of, link[:2]), low, high

    def _clash(self, left: set[str], right: set[str], known: list[Link]) -> bool:
        return bool(self._sources(left, known) & self._sources(right, known))

    def _of_accounts(self, known: list[Link]) -> dict[str, set[str]]:
        accounts = {end for link in known for end in link[:2] if kind_of(end) == "account"}
        return {account: self._sources({account}, known) for account in accounts}

    def _sources(self, group: set[str], known: list[Link]) -> set[str]:
        return {link[3] for link in known for end in link[:2] if end in group and kind_of(end) == "account"}

    def _over_their_caps(self, known: list[Link]) -> set[str]:
        joining = [
            link
            for link in known
            if all(kind_of(e) in ("account", "email", "phone") for e in link[:2]) and link[0] != link[1]
        ]
        around: dict[str, set[str]] = {}
        for one, other, *_ in joining:
            around.setdefault(one, set()).add(other)
            around.setdefault(other, set()).add(one)
        suspects = {e for e, near in around.items() if kind_of(e) == "email" and len(near) > 3}
        rest = [link for link in joining if not suspects & set(link[:2])]
        return {e for e in suspects if len({min(walk(near, rest)) for near in around[e]}) > 3}

    def _named(self, known: list[Link], day: int) -> dict[str, str]:
        seen_now = {i: at for i, at in self.first_seen.items() if at <= day}
        everyone = sorted({*seen_now, *(end for link in known for end in link[:2])})
        groups = {i: frozenset(self.group.get(i, {i})) for i in everyone}
        for device in (i for i in everyone if kind_of(i) == "device"):
            near = {
                groups[end]
                for link in known if device in link[:2]
                for end in link[:2] if kind_of(end) in ("account", "email", "phone") and end not in self.capped
            }  # fmt: skip
            if len(near) == 1:
                groups[device] = near.pop()
        whole = {group: [i for i in everyone if groups[i] == group] for group in set(groups.values())}

        def age(i: str) -> tuple:
            return i not in seen_now, kind_of(i) == "device", seen_now.get(i, 0), i

        return {i: min(whole[groups[i]], key=age) for i in everyone}


def walk(start: str, links: list[Link]) -> set[str]:
    reached, front = {start}, [start]
    while front:
        here = front.pop()
        for one, other, *_ in links:
            for there in [other] if one == here else [one] if other == here else []:
                if there not in reached:
                    reached.add(there)
                    front.append(there)
    return reached


NAMES = st.sampled_from(["a1", "a2", "a3", "e1", "e2", "p1", "p2", "p3", "p4", "d1", "d2", "k1"])
LINK = st.tuples(NAMES, NAMES, st.integers(1, 3), st.sampled_from(["shop", "crm"]))
HISTORY = st.tuples(
    st.lists(LINK, max_size=14, unique_by=lambda link: link[:3]), st.dictionaries(NAMES, st.integers(1, 3), max_size=8)
)


@given(st.lists(HISTORY, min_size=10, max_size=10), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
@pytest.mark.slow
def test_all_at_once_is_day_by_day(histories: list[tuple[list[Link], dict[str, int]]], rng: random.Random) -> None:
    """A thousand histories, ten at a time: the whole lake in any order gives what each day gave on top of the day before."""
    links, days, expected = [], {}, []
    for number, (own, seen_on) in enumerate(histories):
        own = [(f"{number}:{one}", f"{number}:{other}", day, source) for one, other, day, source in own]
        seen_on = {f"{number}:{identity}": day for identity, day in seen_on.items()}
        links, days = links + own, days | seen_on
        expected.append(DayByDay(own, seen_on))
    for day in (1, 2, 3):
        rng.shuffle(links)
        known = {identity: at for identity, at in days.items() if at <= day}
        found = resolve(frame([link for link in links if link[2] <= day]), seen(**known), RULES)
        together: dict[str, str] = {}
        for reference in expected:
            together |= reference.at(day)
        assert found.customer_of.to_dict() == together
        _has_no_conflict_left(found)


def _has_no_conflict_left(found: Resolution) -> None:
    refused = found.conflicts[found.conflicts["kind"] == "unique"]
    assert (refused["customer_id"] != refused["other_customer_id"]).all()
    assert (found.customer_of.loc[refused["identity_id"]].to_numpy() == refused["customer_id"].to_numpy()).all()
