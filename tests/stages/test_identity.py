"""Merging through the whole day: one profile, nothing counted twice, a feed of changes, and nothing rewritten."""

import gzip
import json
import random
from pathlib import Path

import pandas as pd
import pytest

from profiling import identity, stages
from profiling.errors import InputError
from profiling.lake import Lake
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import default_rules
from profiling.publish import CHANGES, open_target, read_manifest, read_published
from profiling.settings import Settings
from tests.stages.test_stages import DAY, NEXT, drop, purchase, run_all
from tests.worlds import KEY, documents, published, tables

pytestmark = [pytest.mark.slow, pytest.mark.long]

THIRD = "2026-06-17"
MAIL = "Ann@Example.org"


def one_of(kind: str, value: str) -> str:
    return identity_id(KEY.encode(), kind, value)


def by(number: int, day: str, **identifiers: str) -> dict:
    return purchase(number, day=day, identifiers=identifiers)


def feed(settings: Settings, day: str) -> list[dict]:
    target = open_target(settings.publish)
    (entry,) = [o for o in read_manifest(target, day)["objects"] if o["key"].endswith(CHANGES)]
    found = target.get(entry["key"])
    assert found is not None
    return [json.loads(line) for line in gzip.decompress(found[0]).splitlines()]


@pytest.fixture
def merged(settings: Settings) -> Settings:
    """On the first day a customer and an address, each by itself; on the second an event with both; on the third the address."""
    drop(settings, [by(1, DAY, customer="ann"), by(2, DAY, email="ann@example.org"), by(3, DAY, customer="bob")])
    drop(settings, [by(4, NEXT, customer="ann", email=MAIL)], NEXT)
    drop(settings, [by(5, THIRD, email=f" {MAIL} ")], THIRD)
    run_all(settings, DAY, THIRD)
    return settings


def test_a_merge_counts_everything_once_and_leaves_no_old_id(merged: Settings) -> None:
    ann, mail, bob = one_of("customer", "ann"), one_of("email", MAIL), one_of("customer", "bob")
    name, other = sorted([ann, mail])  # seen at the same moment
    assert set(documents(merged, DAY)) == {ann, mail, bob}
    for day, count in ((NEXT, 3), (THIRD, 4)):
        people = documents(merged, day)
        assert set(people) == {name, bob}
        assert people[name]["activity"]["interaction_count"] == count
        assert people[name]["consumption"]["spend"] == {"USD": 10.0 * count}
        assert people[name]["identity"] == {"members": sorted([ann, mail]), "merged_from": [other]}
        rows = Lake(merged.lake).read("profiles", [("day", "==", day)]).set_index("customer_id")
        assert rows["merged_from"].map(list).to_dict() == {name: [other], bob: []}
    event = Lake(merged.lake).read("interactions", [("day", "==", NEXT)])["interaction_id"].item()
    assert feed(merged, DAY) == feed(merged, THIRD) == []
    assert feed(merged, NEXT) == [{"from": other, "to": name, "kind": "merge", "evidence": event}]
    assert len(list(read_published(open_target(merged.publish), NEXT))) == 2, "the feed is no part of the profiles"
    manifest = read_manifest(open_target(merged.publish), NEXT)
    assert manifest["identity_rules"] == default_rules().digest()


def test_a_withdrawn_event_takes_its_merge_back(merged: Settings) -> None:
    before = Lake(merged.lake).version("daily_activity")
    drop(merged, [by(6, NEXT, customer="ann")], NEXT)
    run_all(merged, DAY, THIRD)
    people = documents(merged, THIRD)
    counts = {who: people[who]["activity"]["interaction_count"] for who in people}
    assert counts == {one_of("customer", "ann"): 2, one_of("email", MAIL): 2, one_of("customer", "bob"): 1}
    assert feed(merged, NEXT) == []
    assert Lake(merged.lake).version("daily_activity") == before + 1, (
        "one day was written again, and it is the withdrawn one"
    )


def test_lines_about_customers_link_too(settings: Settings) -> None:
    drop(settings, [by(1, DAY, customer="ann"), by(2, DAY, email="ann@example.org")])
    line = {"identifiers": {"customer": "ann", "email": MAIL}, "stated_at": f"{DAY}T08:00:00Z", "city": "Leeds"}
    drop(settings, [line], source="customers")
    run_all(settings, DAY)
    (person,) = documents(settings, DAY).values()
    assert person["activity"]["interaction_count"] == 2
    assert person["attributes"]["city"]["value"] == "Leeds"
    counts = json.loads(Lake(settings.lake).ledger(("counts", "recorded_at"))["counts"].dropna().iloc[0])
    assert "as_written_email" not in counts


def test_what_cannot_be_normalised_is_counted(settings: Settings) -> None:
    drop(
        settings, [by(1, DAY, email="no address"), by(2, DAY, phone="020 7946 0958"), by(3, DAY, phone="+442079460958")]
    )
    outcome = stages.ingest(settings, DAY)
    assert (outcome.counts["as_written_email"], outcome.counts["as_written_phone"]) == (1, 1)
    british = settings.model_copy(update={"phone_region": "GB"})
    assert (DAY, "ingest") in stages.stale_days(british), "another region makes other ids"
    assert "as_written_phone" not in stages.ingest(british, DAY).counts
    assert Lake(settings.lake).read("interactions")["identity_id"].nunique() == 2


@pytest.fixture
def torn(settings: Settings) -> Settings:
    """A family: two customers, one address, one device."""
    drop(
        settings,
        [by(1, DAY, customer="ann", email=MAIL), by(2, DAY, device="d1"), by(3, DAY, customer="ann", device="d1")],
    )
    drop(settings, [by(4, NEXT, customer="bob", email=MAIL), by(5, NEXT, device="d1", customer="bob")], NEXT)
    run_all(settings, DAY, NEXT)
    return settings


def test_a_conflict_and_a_shared_device_are_explained(torn: Settings) -> None:
    ann, bob, device = one_of("customer", "ann"), one_of("customer", "bob"), one_of("device", "d1")
    assert set(documents(torn, DAY)) == {ann}
    assert set(documents(torn, NEXT)) == {ann, bob, device}, "what only the device did is neither's"
    (split,) = feed(torn, NEXT)
    assert (split["from"], split["to"], split["kind"]) == (ann, device, "split")
    found = identity.overview(torn, NEXT)
    assert (found["customers"], found["identities"], found["links"]) == (3, 4, 4)
    several, unique = found["refused"]
    assert (several["kind"], several["identity_id"], several["persons"]) == ("several", device, 2)
    assert (unique["kind"], unique["identifier_type"], unique["day"]) == ("unique", "customer", NEXT)
    assert {unique["customer_id"], unique["other_customer_id"]} == {ann, bob}
    note = Lake(torn.lake).ledger(("stage", "day", "note", "recorded_at")).query("stage == 'profile' and day == @NEXT")
    assert "1 links of the day would make one customer of two" in note["note"].dropna().iloc[-1]


def test_one_customer_is_explained_without_a_raw_identifier(torn: Settings) -> None:
    found = identity.explain(torn, NEXT, "customer:ann")
    assert found["customer_id"] == one_of("customer", "ann")
    assert sorted(member["type"] for member in found["members"]) == ["customer", "email"]
    inside = [link for link in found["links"] if link["is_inside"]]
    assert [(link["source"], link["day"]) for link in inside] == [("events", DAY)]
    assert {one["kind"] for one in found["refused"]} == {"unique", "several"}
    assert identity.explain(torn, NEXT, found["customer_id"][:12])["customer_id"] == found["customer_id"]
    assert MAIL.lower() not in json.dumps(found).lower()
    assert '"ann' not in json.dumps(found)
    with pytest.raises(InputError, match="is nobody known by"):
        identity.explain(torn, NEXT, "customer:zoe")
    with pytest.raises(InputError, match=f"the newest day that has is {NEXT}"):
        identity.overview(torn, THIRD)


def test_other_rules_are_previewed_and_then_followed(torn: Settings, tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    lenient = json.loads(default_rules().model_dump_json(exclude={"phone_region"}))
    lenient["types"]["customer"]["unique"] = None
    path.write_text(json.dumps(lenient))
    before = tables(torn)
    found = identity.preview(torn, NEXT, path)
    assert (found["customers"], found["customers_then"], found["merged"], found["split"]) == (3, 1, 1, 0)
    assert (found["needs_ingest"], found["refused"]) == (False, {"now": {"several": 1, "unique": 1}, "then": {}})
    assert len(found["merges"][0]["customers"]) == 3
    assert tables(torn) == before
    other = torn.model_copy(update={"identity_rules": path})
    assert [stage for day, stage in stages.stale_days(other) if day == NEXT] == ["profile"], "nothing is ingested again"
    run_all(other, DAY, NEXT)
    assert len(documents(other, NEXT)) == 1
    assert identity.preview(torn, NEXT, path)["merged"] == 1, "the rules of the settings are what it compares with"


def test_attributes_survive_by_the_rules(settings: Settings, tmp_path: Path) -> None:
    drop(settings, [by(1, DAY, customer="ann", email=MAIL)])
    of_crm = {
        "identifiers": {"customer": "ann"},
        "stated_at": f"{DAY}T08:00:00Z",
        "city": "Leeds",
        "street": "Long Street 12",
    }
    of_form = {"identifiers": {"email": MAIL}, "stated_at": f"{DAY}T09:00:00Z", "city": "York", "street": "Long St"}
    drop(settings, [of_crm], source="crm")
    drop(settings, [of_form], source="form")
    path = tmp_path / "rules.json"
    rules = json.loads(default_rules().model_dump_json(exclude={"phone_region"}))
    path.write_text(json.dumps(rules | {"trust": ["crm"], "survivorship": {"*": "newest", "city": "most_trusted"}}))
    named = settings.model_copy(update={"sources": ("events", "crm:customers", "form:customers")})
    run_all(named, DAY)
    run_all(ruled := named.model_copy(update={"identity_rules": path}), DAY)
    (person,) = documents(ruled, DAY).values()
    said = {name: one["value"] for name, one in person["attributes"].items()}
    assert said == {"city": "Leeds", "street": "Long St"}


DAYS = [f"2026-06-{number}" for number in range(19, 24)]  # Friday to Tuesday: over a closed week


def history(rng: random.Random) -> dict[str, list[dict]]:
    """Events by few identifiers in all combinations: merges, conflicts, shared devices and late rows among them."""
    values = {"customer": ["c1", "c2", "c3"], "email": ["a@example.org", "b@example.org"], "device": ["d1"]}
    found: dict[str, list[dict]] = {}
    for place, day in enumerate(DAYS):
        rows = []
        for number in range(4):
            kinds = rng.sample(sorted(values), rng.choice([1, 1, 2]))
            at = DAYS[max(0, place - rng.choice([0, 0, 0, 1]))]
            identifiers = {kind: rng.choice(values[kind]) for kind in kinds}
            rows.append(by(100 * place + number, at, **identifiers))
        found[day] = rows
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_counters_are_never_doubled_and_no_merged_id_has_a_profile(settings: Settings, seed: int) -> None:
    rng = random.Random(seed)
    for day, rows in history(rng).items():
        drop(settings, rows, day)
    run_all(settings, *DAYS)
    lake = Lake(settings.lake)
    changed = 0
    for day in DAYS:
        people = documents(settings, day)
        counted = sum(person["activity"]["interaction_count"] for person in people.values())
        assert counted == len(lake.read("interactions", [("day", "<=", day)]))
        members = [member for person in people.values() for member in person["identity"]["members"]]
        assert len(members) == len(set(members))
        gone = {old for person in people.values() for old in person["identity"]["merged_from"]}
        assert not gone & set(people)
        changed += len(moved := feed(settings, day))
        assert not {one["from"] for one in moved if one["kind"] == "merge"} & set(people)
        assert {one["to"] for one in moved} <= set(people)
    assert changed > 0
    other = settings.model_copy(update={"lake": settings.lake + "2", "publish": settings.publish + "2"})
    for stage in (stages.ingest, stages.features, stages.profile, stages.publish):
        for day in rng.sample(DAYS, len(DAYS)):
            stage(other, day)
    assert published(other) == published(settings)
    assert tables(other) == tables(settings)


def test_a_lake_from_before_the_new_columns_goes_on(settings: Settings) -> None:
    from deltalake import write_deltalake

    drop(settings, [by(1, DAY, customer="ann", email=MAIL)])
    drop(settings, [by(2, NEXT, customer="bob", email="bob@example.org")], NEXT)
    stages.ingest(settings, DAY)
    lake = Lake(settings.lake)
    old = lake.read("identity_links").drop(columns=["first_type", "source"])
    write_deltalake(
        f"{settings.lake}/identity_links", old, mode="overwrite", schema_mode="overwrite", partition_by=["day"]
    )
    assert lake.read("identity_links")["first_type"].isna().all()
    stages.ingest(settings, NEXT)
    held = lake.read("identity_links").sort_values("day")
    assert held["source"].astype("object").where(held["source"].notna(), None).tolist() == [None, "events"]
    assert pd.notna(held["occurred_at"]).all()
