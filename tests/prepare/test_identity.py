"""Identifiers normalised and hashed, pseudonyms of rows, and the links between them."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.errors import SettingsError
from profiling.prepare.identifiers import _PLAIN_EMAIL, _email, _email_by_library, as_written, normalised
from profiling.prepare.identity import identify, identity_id, interaction_id, links
from profiling.prepare.identity_rules import default_rules, load_rules, read_rules
from profiling.prepare.privacy import pseudonym
from profiling.settings import Settings
from tests.prepare.worlds import KEY, events

RULES = default_rules()
BRITISH = RULES.model_copy(update={"phone_region": "GB"})


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


def test_links_are_all_pairs_of_a_row() -> None:
    twice = [("customer", "c1"), ("email", "Ann@example.org"), ("phone", "5551234"), ("email", "ann@EXAMPLE.org")]
    rows = identify(
        events({}, {"identifiers": twice}, {"identifiers": [("customer", "c1"), ("customer", " c1 ")]}), KEY, "shop", 1
    )
    found = links(rows, "shop")
    ids = {name: identity_id(KEY, *pair) for name, pair in zip("cep", twice, strict=False)}
    assert set(map(frozenset, zip(found["identity_id"], found["other_id"], strict=True))) == {
        frozenset({ids["c"], ids["e"]}), frozenset({ids["c"], ids["p"]}), frozenset({ids["e"], ids["p"]}),
    }  # fmt: skip
    types = dict(zip(zip(found["identity_id"], found["other_id"], strict=True), found["first_type"], strict=True))
    assert types[ids["e"], ids["p"]] == "email"
    assert sorted(found["identifier_type"]) == ["email", "phone", "phone"]
    assert set(found["interaction_id"]) == {rows["interaction_id"][1]}
    assert set(found["source"]) == {"shop"}


def test_no_links() -> None:
    found = links(identify(events({}), KEY, "shop", 1), "shop")
    assert found.empty
    assert str(found["occurred_at"].dtype) == "datetime64[us, UTC]"


def test_what_someone_does_on_a_device_is_theirs() -> None:
    rows = identify(
        events({"identifiers": [("device", "d1"), ("customer", "c1")]}, {"identifiers": [("device", "d1")]}),
        KEY,
        "s",
        1,
    )
    assert rows["identity_id"].tolist() == [identity_id(KEY, "customer", "c1"), identity_id(KEY, "device", "d1")]


SPELLINGS = {
    "email": [
        ("Ann.Lee+news@Example.ORG", "ann.lee+news@example.org", True),
        ("ＡＮＮ＠example.org", "ann@example.org", True),
        ("ann@xn--mnchen-3ya.de", "ann@münchen.de", True),
        ("ann@MÜNCHEN.de", "ann@münchen.de", True),
        ("李@例子.中国", "李@例子.中国", True),
        (" not an address ", "not an address", False),
        ("Ann <ann@example.org>", "Ann <ann@example.org>", False),
    ],
    "phone": [
        ("+44 20 7946 0958", "+442079460958", True),
        ("0044 (20) 7946-0958", "+442079460958", True),
        ("020 7946 0958", "+442079460958", True),
        ("＋４４２０７９４６０９５８", "+442079460958", True),
        ("020 7946 0958 ext. 12", "+442079460958;ext=12", True),
        ("+86 138-0013-8000", "+8613800138000", True),
        (" 12 ", "12", False),
        ("unknown", "unknown", False),
    ],
    "customer": [(" C1 ", "C1", True), ("c1", "c1", True), ("Cafe\u0301", "Café", True)],
    "device": [
        ("6D92078A-8246-4BA4-AE5B-76104861E7DC", "6d92078a-8246-4ba4-ae5b-76104861e7dc", True),
        ("Kiosk-1", "Kiosk-1", True),
    ],
    "handle": [("@Ann", "@Ann", True)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "written", "expected", "is_normal"), [(k, *c) for k, cs in SPELLINGS.items() for c in cs]
)
def test_spellings(kind: str, written: str, expected: str, is_normal: bool) -> None:
    assert normalised(BRITISH, kind, written) == expected
    assert normalised(BRITISH, kind, expected) == expected
    assert as_written(BRITISH, [[(kind, written)]]) == ({} if is_normal else {kind: 1})
    assert identity_id(KEY, kind, written, BRITISH) == pseudonym(KEY, "identity", kind, expected)


@given(st.from_regex(_PLAIN_EMAIL, fullmatch=True) | st.emails())
@settings(deadline=None)
def test_plain_addresses_are_what_the_library_makes_of_them(address: str) -> None:
    assert _email(address) == _email_by_library(address)


def test_a_number_without_a_country_needs_a_region() -> None:
    assert normalised(RULES, "phone", "020 7946 0958") == "020 7946 0958"
    assert as_written(RULES, [[("phone", "020 7946 0958")], [("phone", "+44 20 7946 0958")]]) == {"phone": 1}


def test_rules_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    own = json.loads(RULES.model_dump_json(exclude={"phone_region"}))
    own["types"]["email"]["cap"] = 2
    path.write_text(json.dumps(own))
    rules = load_rules(Settings(identity_rules=path, phone_region="GB"))
    assert (rules.of("email").cap, rules.phone_region) == (2, "GB")
    assert load_rules(Settings()) == RULES
    # A cap is looked at when reading; a region, or a type that leads no row any more, changes what is stored.
    assert load_rules(Settings(identity_rules=path)).of_ingest() == RULES.of_ingest()
    assert rules.of_ingest() != RULES.of_ingest()
    assert load_rules(Settings(identity_rules=path)).digest() != RULES.digest()
    own["types"]["email"]["shared"] = True
    path.write_text(json.dumps(own))
    assert read_rules(path).of_ingest() != RULES.of_ingest()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "version: Input should be 1"),
        ({"types": {"email": {}}}, '`types` needs an entry "*"'),
        ({"types": {"*": {"cap": 0}}}, "types.*.cap: Input should be greater than or equal to 1"),
        ({"types": {"*": {"uniqe": "source"}}}, "types.*.uniqe: Extra inputs are not permitted"),
        ({"survivorship": {"*": "loudest"}}, "survivorship.*: Input should be 'newest', 'most_trusted' or 'most_complete'"),
    ],
)  # fmt: skip
def test_wrong_rules(tmp_path: Path, change: dict, sentence: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"version": 1, "types": {"*": {}}} | change))
    with pytest.raises(SettingsError) as raised:
        read_rules(path)
    assert sentence in str(raised.value)
    assert "docs/identity.md" in str(raised.value)


def test_wrong_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_rules(Settings(identity_rules=tmp_path / "none.json"))
    with pytest.raises(SettingsError, match="PROFILING_PHONE_REGION=UK is no region"):
        load_rules(Settings(phone_region="UK"))
