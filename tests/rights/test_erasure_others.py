"""Where the person who is erased meets somebody else: one address of two, one device, one profile that was of both; and where
the person is written otherwise than before."""

import json
import zipfile
from pathlib import Path

import pytest

from profiling import stages
from profiling.lake import Lake
from profiling.publish import open_target, read_manifest, read_published
from profiling.rights import requests
from profiling.rights.export import export
from profiling.settings import Settings
from tests import leaks
from tests.rights.erasing import write
from tests.rights.worlds import DAY, NEXT, THIRD, about, consent, drop, event, identity, run_all
from tests.worlds import documents, ledger_closes, tables

pytestmark = [pytest.mark.slow, pytest.mark.long]

ANN, TEAM = "Xanthippe77", "team@example.org"
HERS = {"customer": ANN, "email": TEAM}
HIS = {"customer": "bob", "email": TEAM}


def erase(settings: Settings, *identifiers: str) -> stages.Erased:
    return stages.erase(settings, requests.ask(settings, identifiers or [f"customer:{ANN}"]).id, is_alone=True)


def lines_of(folder: Path) -> list[dict | None]:
    text = (folder / "rows.jsonl").read_text().removesuffix("\n").split("\n")
    return [json.loads(line) if line else None for line in text]


@pytest.fixture
def team(settings: Settings) -> Settings:
    """Ann and Bob are customers of one shop with one address; by the rules it is Ann's, who had it first."""
    settings = settings.model_copy(update={"buckets": 3})
    drop(settings, [event(1, identifiers=HERS), event(2, "cid")])
    stages.ingest(settings, DAY)
    deliver_team(settings)
    stages.ingest(settings, NEXT)
    return settings


def deliver_team(settings: Settings) -> dict[str, list[dict]]:
    at_team = {"identifiers": {"email": TEAM}}
    rows = {
        "events": [
            event(11, day=NEXT, identifiers=HIS), event(12, "bob", day=NEXT), event(13, day=NEXT, **at_team),
            event(14, day=NEXT, identifiers={"session": "s9", "email": TEAM, "customer": ANN}),
        ],
        "customers": [
            about("bob", day=NEXT, city="Oslo") | {"identifiers": HIS}, about("x", day=NEXT, city="Nowheresville") | at_team,
        ],
        "consents": [consent("bob", "withdrawn", "marketing", NEXT, identifiers=HIS)],
    }  # fmt: skip
    for source, found in rows.items():
        drop(settings, found, NEXT, source)
    return rows


def of_bob_alone(settings: Settings) -> None:
    lake, bob, cid = Lake(settings.lake), identity(settings, "bob"), identity(settings, "cid")
    assert sorted(lake.read("interactions")["identity_id"]) == sorted([bob, bob, cid])
    assert list(lake.read("attributes")["value"]) == ["Oslo"]
    assert list(lake.read("consents")["subject_id"]) == [bob]
    assert lake.read("identity_links").empty
    everything = json.dumps(tables(settings))
    for gone in (identity(settings, ANN), identity(settings, TEAM, "email"), identity(settings, "s9", "session")):
        assert gone not in everything


def test_what_somebody_else_did_under_a_shared_address_stays_and_loses_only_the_link(team: Settings) -> None:
    landing = {source: Path(team.landing) / source / NEXT for source in ("events", "customers", "consents")}
    was = {source: lines_of(folder) for source, folder in landing.items()}
    erase(team)
    assert lines_of(landing["events"]) == [*was["events"][:2], None, None]
    assert lines_of(landing["customers"]) == [was["customers"][0], None]
    assert lines_of(landing["consents"]) == was["consents"]
    of_bob_alone(team)
    assert stages.stale_days(team) == []


def test_delivered_again_what_is_theirs_alone_comes_back(team: Settings) -> None:
    erase(team)
    drop(team, [event(1, identifiers=HERS), event(2, "cid")])
    deliver_team(team)
    stages.ingest(team, DAY)
    assert stages.ingest(team, NEXT).counts["suppressed"] == 3
    of_bob_alone(team)
    ledger_closes(team)
    # Her number is nobody else's: whatever comes first beside it, the row is hers.
    drop(team, [event(21, day=THIRD, identifiers={"session": "s1", "customer": ANN})], THIRD)
    assert stages.ingest(team, THIRD).counts["suppressed"] == 1


def test_a_device_alone_makes_no_row_the_erased_ones(settings: Settings) -> None:
    drop(settings, [event(1, identifiers={"customer": ANN, "device": "d-5309"}), event(2, "bob")])
    stages.ingest(settings, DAY)
    erase(settings)
    rows = [{"customer": "bob", "device": "d-5309"}, {"device": "d-5309"}, {"device": "d-5309", "advertising": "x1"}]
    drop(settings, [event(10 + n, day=NEXT, identifiers=who) for n, who in enumerate(rows)], NEXT)
    assert stages.ingest(settings, NEXT).counts["suppressed"] == 1
    lake = Lake(settings.lake)
    assert lake.read("identity_links").empty
    assert identity(settings, "d-5309", "device") not in set(lake.read("interactions")["identity_id"])


def test_a_profile_from_before_a_split_is_exported_in_part_and_erased(settings: Settings) -> None:
    info = {"email": "info@example.org"}
    text = {"item_id": "zither", "text": "A zither of quetzalcoatlus wood, lovely."}
    bob = {"identifiers": {"token": "bob"} | info, "occurred_at": f"{DAY}T08:00:00Z"}
    drop(settings, [event(1, identifiers={"token": ANN} | info, **text), event(2, **bob), event(3, "cid")])
    drop(settings, [about("x", city="Oslo", identifiers={"token": "bob"})], source="customers")
    run_all(settings, DAY)
    # Seven at one address are over its cap: they were never one person.
    drop(settings, [event(10 + n, day=NEXT, identifiers={"token": f"t{n}"} | info) for n in range(5)], NEXT)
    run_all(settings, NEXT)
    she, he, lake = identity(settings, ANN, "token"), identity(settings, "bob", "token"), Lake(settings.lake)
    assert she in documents(settings, DAY)[he]["identity"]["members"]
    (event_id,) = lake.rows_with("interactions", {"identity_id": [she]}, ["interaction_id"])["interaction_id"]

    found = json.loads("".join(export(settings, she)))
    first, last = found["tables"]["profiles"]["rows"][-1], found["tables"]["profiles"]["rows"][0]
    assert (first["day"], first["customer_id"], first["is_part"]) == (DAY, he, True)
    assert first["document"]["identity"]["members"] == [she]
    assert "zither" in json.dumps(first["document"]["consumption"])
    assert "guitar" not in json.dumps(first)
    assert "Oslo" not in json.dumps(first)
    assert last["day"] == NEXT
    assert {each["day"] for each in found["published"]} == {DAY, NEXT}

    others = documents(settings, NEXT)
    done = erase(settings, f"token:{ANN}")
    assert done.receipt
    assert done.receipt["counts"]["profiles of others"] == 1
    assert f"`profiling profile --day {DAY}` makes them again" in done.receipt["said"][0]
    assert leaks.find([Path(settings.lake), Path(settings.publish)], [she, event_id, "quetzalcoatlus"]) == []
    assert {d["customer_id"] for d in read_published(open_target(settings.publish), DAY)} == {identity(settings, "cid")}
    others.pop(she)
    assert documents(settings, NEXT) == others
    stages.profile(settings, DAY)
    again = documents(settings, DAY)[he]  # the address, on that day of two, is now of the other alone
    assert again["identity"]["members"] == sorted([he, identity(settings, "info@example.org", "email")])
    assert "zither" not in json.dumps(again)


def test_a_published_profile_from_before_a_split_that_no_table_holds_is_found(settings: Settings) -> None:
    settings = settings.model_copy(update={"retention_days": settings.retention_days | {"profiles": 0}})
    info = {"email": "info@example.org"}
    bob = {"identifiers": {"token": "bob"} | info, "occurred_at": f"{DAY}T08:00:00Z"}
    drop(settings, [event(1, identifiers={"token": ANN} | info), event(2, **bob), event(3, "cid")])
    run_all(settings, DAY)
    drop(settings, [event(10 + n, day=NEXT, identifiers={"token": f"t{n}"} | info) for n in range(5)], NEXT)
    run_all(settings, NEXT)
    stages.retain(settings, NEXT)
    assert Lake(settings.lake).partitions("profiles") == [NEXT]
    she, target = identity(settings, ANN, "token"), open_target(settings.publish)
    cid = identity(settings, "cid")
    (kept,) = [each for each in read_published(target, DAY) if each["customer_id"] == cid]
    request = requests.ask(settings, [f"token:{ANN}"]).id
    dry = stages.erase(settings, request, dry_run=True).counts
    done = stages.erase(settings, request)
    assert (dry["published profiles of others"], done.counts["published profiles of others"]) == (1, 1)
    assert done.receipt
    assert done.receipt["said"] == [
        f"{DAY}: 1 published profiles of others from before a split held the person and were removed"
    ]
    assert leaks.find([Path(settings.lake), Path(settings.publish)], [she]) == []
    assert list(read_published(target, DAY)) == [kept]
    assert read_manifest(target, DAY)["rows"] == 1


NUMBER, GROUPED = "+12025550143", "(202) 555-0143"


@pytest.mark.parametrize(("then", "now"), [(None, "US"), ("US", None), ("US", "CN")])
def test_another_region_of_phone_numbers_brings_nobody_back(settings: Settings, then, now) -> None:
    rows = [
        event(1, identifiers={"phone": GROUPED}), event(2, "bob"),
        event(3, identifiers={"session": "s9", "phone": GROUPED}), event(4, "bob", text="I am bob."),
    ]  # fmt: skip
    said = [about("x", city="Nowheresville", identifiers={"customer": ANN, "phone": GROUPED})]
    for region in (then, now):
        drop(settings, rows)
        drop(settings, said, source="customers")
        settings = settings.model_copy(update={"phone_region": region})
        counts = stages.ingest(settings, DAY).counts
        if region == then:
            erase(settings, f"phone:{GROUPED}")
    assert (counts["stored"], counts["suppressed"]) == (2, 3)
    lake = Lake(settings.lake)
    assert set(lake.read("interactions")["identity_id"]) == {identity(settings, "bob")}
    assert lake.read("attributes").empty
    assert lake.read("identity_links").empty


def test_another_normalisation_brings_nobody_back_and_an_erasure_finds_both_spellings(
    settings: Settings, tmp_path: Path
) -> None:
    plain = {"version": 1, "types": {"email": {"normalise": "text"}, "*": {}}}
    (tmp_path / "rules.json").write_text(json.dumps(plain))
    before = settings.model_copy(update={"identity_rules": tmp_path / "rules.json"})
    drop(settings, [event(1, identifiers={"email": "Xan@Example.ORG"}), event(2, "bob")])
    stages.ingest(before, DAY)
    drop(settings, [event(3, day=NEXT, identifiers={"email": "Xan@Example.ORG"}), event(4, "bob", NEXT)], NEXT)
    stages.ingest(settings, NEXT)  # the first day was never ingested anew
    erase(settings, "email:Xan@Example.ORG")
    assert set(Lake(settings.lake).read("interactions")["identity_id"]) == {identity(settings, "bob")}
    drop(settings, [event(1, identifiers={"email": "Xan@Example.ORG"}), event(2, "bob")])
    assert stages.ingest(settings, DAY).counts["suppressed"] == 1


def test_rejected_lines_are_found_in_other_spellings(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_rejects": 1.0, "phone_region": "US"})
    hers = {"customer": ANN, "email": "xanthippe@example.org", "phone": NUMBER}
    lost = {"event_id": "R1", "identifiers": {"customer": "bob"}, "kind": "view"}
    rows = [
        json.dumps(event(1, identifiers=hers)),
        json.dumps(event(2, "bob")),
        json.dumps(lost | {"identifiers": {"customer": ANN}}).replace("Xan", "\\u0058\\u0061n"),
        '{"who": "xanthippe\\u0040example.org", "text": ',
        '{"who": "XANTHIPPE@Example.org", "text": ',
        f'{{"tel": "{GROUPED}", "text": ',
        json.dumps(lost | {"note": f"call {GROUPED} please"}),
        json.dumps(lost),
        '{"who": "bob", "text": "a broken line of somebody else',
    ]
    folder = write(settings, "events", DAY, "rows.jsonl", ("\n".join(rows) + "\n").encode()).parent
    stages.ingest(settings, DAY)
    erase(settings)
    left = (folder / "rows.jsonl").read_text().split("\n")
    assert [number for number, line in enumerate(left) if line] == [1, 7, 8]
    assert len(Lake(settings.lake).read("quarantine")) == 2


def test_a_rejected_line_that_says_it_is_somebody_elses_stays_though_it_has_the_shared_address(team: Settings) -> None:
    lost = {"event_id": "R1", "kind": "view"}
    rows = [lost | {"identifiers": HIS}, lost | {"identifiers": HERS}, lost | {"who": TEAM}]
    folder = drop(team, rows, THIRD)
    team = team.model_copy(update={"max_rejects": 1.0})
    stages.ingest(team, THIRD)
    erase(team)
    assert lines_of(folder) == [rows[0], None, None]  # of the last one nobody can say whose it is


def test_an_archive_keeps_its_folders_and_numbers_and_loses_the_person(settings: Settings) -> None:
    file = write(settings, "events", DAY, "rows.zip", b"")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b/rows.jsonl", "\n".join(json.dumps(event(n, w)) for n, w in ((5, ANN), (6, "bob"))))
        archive.writestr("a/z.jsonl", "".join(json.dumps(event(n, w)) + "\n" for n, w in ((1, "ann"), (2, ANN))))
        archive.writestr(
            "a/rows.csv", f"event_id,identifier_customer,occurred_at,kind\n9,{ANN},{DAY},view\n8,cid,{DAY},view\n"
        )
    assert stages.ingest(settings, DAY).counts["stored"] == 6
    before = Lake(settings.lake).read("interactions").set_index("interaction_id")["source_line"]
    erase(settings)
    assert leaks.find([Path(settings.landing), Path(settings.lake)], [ANN]) == []
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == ["a/rows.csv", "a/z.jsonl", "b/rows.jsonl"]
    assert stages.stale_days(settings) == []
    assert stages.ingest(settings, DAY).counts["stored"] == 3
    after = Lake(settings.lake).read("interactions").set_index("interaction_id")["source_line"]
    assert after.to_dict() == before[after.index].to_dict()


def test_customers_in_other_buckets_than_their_rows_are_erased_whole(settings: Settings) -> None:
    settings = settings.model_copy(update={"buckets": 5})
    hers = {"customer": ANN, "email": "xanthippe@example.org", "phone": NUMBER}
    one_by_one = [
        event(10 + n, identifiers={kind: value}, item_id=f"I{n}") for n, (kind, value) in enumerate(hers.items())
    ]
    drop(settings, [event(1, identifiers=hers), *one_by_one, *(event(20 + n, f"c{n}") for n in range(8))])
    run_all(settings, DAY)
    ids = [identity(settings, value, kind) for kind, value in hers.items()]
    assert len({int(each[:8], 16) % 5 for each in ids}) > 1
    others = {name: document for name, document in documents(settings, DAY).items() if name not in ids}
    erase(settings)
    places = [Path(settings.lake), Path(settings.publish), Path(settings.landing)]
    assert leaks.find(places, [*ids, *hers.values()]) == []
    assert documents(settings, DAY) == others
    assert {d["customer_id"] for d in read_published(open_target(settings.publish), DAY)} == set(others)
    drop(settings, [event(1, identifiers=hers), *one_by_one, event(20, "c0")])
    assert stages.ingest(settings, DAY).counts["suppressed"] == 4
    assert leaks.find(places[:2], [*ids, *hers.values()]) == []
