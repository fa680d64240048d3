"""Pseudonyms of rows, links, and customers as connected components."""

from itertools import pairwise

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.prepare.identity import identify, identity_id, interaction_id, links, resolve
from profiling.prepare.privacy import pseudonym
from tests.prepare.worlds import KEY, events


def test_identify_adds_the_three_ids() -> None:
    at = pd.Timestamp("2026-06-15T10:00:00.000250", tz="UTC")
    rows = events({}, {"occurred_at": at, "identifiers": [("email", "ann@example.org"), ("customer", "c1")]})
    found = identify(rows, KEY, "shop", buckets=4)
    assert found["identity_id"].tolist() == [
        identity_id(KEY, "customer", "c1"),
        identity_id(KEY, "email", "ann@example.org"),
    ]
    assert found["interaction_id"].tolist() == [
        pseudonym(KEY, "interaction", "shop", "order-1", "2026-06-15T10:00:00+00:00"),
        pseudonym(KEY, "interaction", "shop", "order-2", "2026-06-15T10:00:00.000250+00:00"),
    ]
    assert found["interaction_id"][1] == interaction_id(KEY, "shop", "order-2", at)
    assert found["bucket"].tolist() == [int(identity[:8], 16) % 4 for identity in found["identity_id"]]
    assert str(found["bucket"].dtype) == "int32"
    assert "identity_id" not in rows


def test_links_are_rows_with_several_identifiers() -> None:
    twice = [("customer", "c1"), ("email", "ann@example.org"), ("phone", "5551234"), ("email", "ann@example.org")]
    rows = identify(
        events({}, {"identifiers": twice}, {"identifiers": [("customer", "c1"), ("customer", "c1")]}), KEY, "shop", 1
    )
    found = links(rows, KEY)
    assert set(found["other_id"]) == {
        identity_id(KEY, "email", "ann@example.org"),
        identity_id(KEY, "phone", "5551234"),
    }
    assert set(found["identity_id"]) == {identity_id(KEY, "customer", "c1")}
    assert sorted(found["identifier_type"]) == ["email", "phone"]
    assert set(found["interaction_id"]) == {rows["interaction_id"][1]}


def test_no_links() -> None:
    found = links(identify(events({}), KEY, "shop", 1), KEY)
    assert found.empty
    assert str(found["occurred_at"].dtype) == "datetime64[us, UTC]"


def seen(**days: int) -> pd.Series:
    times = [pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=day) for day in days.values()]
    return pd.Series(times, index=list(days), dtype="datetime64[us, UTC]")


def pairs(*found: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(found, columns=["identity_id", "other_id"], dtype="str")


def test_the_oldest_member_is_the_customer() -> None:
    # c - a - never, b - d (seen on the same day), e alone
    customers = resolve(pairs(("c", "a"), ("never", "a"), ("d", "b")), seen(a=2, b=1, c=0, d=1, e=5))
    assert customers.to_dict() == {"a": "c", "b": "b", "c": "c", "d": "b", "e": "e", "never": "c"}
    assert customers.index.name == "identity_id"
    assert customers.index.is_monotonic_increasing


def test_members_never_seen_make_a_customer_among_themselves() -> None:
    assert resolve(pairs(("z", "y"), ("z", "x")), seen(a=0)).to_dict() == {"a": "a", "x": "x", "y": "x", "z": "x"}


def test_nobody() -> None:
    assert resolve(pairs(), seen()).empty
    assert resolve(pairs(), seen(a=0)).to_dict() == {"a": "a"}


def test_a_long_chain_is_one_customer() -> None:
    names = [f"{number:06d}" for number in range(5_000)]
    shuffled = [names[number * 7919 % 5_000] for number in range(5_000)]
    chain = pairs(*pairwise(shuffled))
    assert set(resolve(chain, seen(**{"002500": 0}))) == {"002500"}


def by_walking(edges: list[tuple[str, str]], days: dict[str, int]) -> dict[str, str]:
    """The same by brute force: walk from each member to all it reaches."""
    members = sorted({*days, *(name for edge in edges for name in edge)})
    customers = {}
    for member in members:
        reached, front = {member}, [member]
        while front:
            here = front.pop()
            for left, right in edges:
                for there in [right] if left == here else [left] if right == here else []:
                    if there not in reached:
                        reached.add(there)
                        front.append(there)
        customers[member] = min(reached, key=lambda name: (days.get(name, 10**6), name))
    return customers


NAMES = st.sampled_from("abcdefghij")


@given(st.lists(st.tuples(NAMES, NAMES), max_size=12), st.dictionaries(NAMES, st.integers(0, 3)), st.randoms())
@settings(deadline=None)
def test_resolve_does_not_depend_on_order(edges: list[tuple[str, str]], days: dict[str, int], random: object) -> None:
    expected = by_walking(edges, days)
    turned = [edge[::-1] if random.random() < 0.5 else edge for edge in edges]  # type: ignore[attr-defined]
    random.shuffle(turned)  # type: ignore[attr-defined]
    backwards = dict(reversed(days.items()))
    assert resolve(pairs(*edges), seen(**days)).to_dict() == expected
    assert resolve(pairs(*turned), seen(**backwards)).to_dict() == expected
