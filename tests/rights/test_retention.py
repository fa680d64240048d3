"""Retention: what is deleted as of which day, that its days are closed, and that what remains goes on as before."""

import json
from datetime import date
from pathlib import Path

import pytest

from profiling import stages
from profiling.collect.drops import landing_area
from profiling.errors import InputError, SettingsError
from profiling.lake import Lake
from profiling.ledger import Ledger, day_before
from profiling.publish import open_target, read_published, showing
from profiling.rights import requests
from profiling.settings import Settings
from profiling.status import day_rows
from profiling.text.cache import TextCache
from tests.rights.worlds import about, drop, event, identity, run_all
from tests.worlds import documents, tables

pytestmark = [pytest.mark.slow, pytest.mark.long]

FIRST, SECOND, LAST = "2026-01-04", "2026-02-05", "2026-03-15"  # a Sunday, a Thursday, a Sunday
SHORT = {"interactions": 28, "profiles": 10, "published": 10, "checkpoints": 14, "quarantine": 20}


@pytest.fixture
def short(settings: Settings, tmp_path: Path) -> Settings:
    """A shop in which ann was last seen on the first day, and bob on every one; limits short enough for its history."""
    mine = {"retention_days": settings.retention_days | SHORT, "cache": tmp_path / "cache", "max_rejects": 0.9}
    (tmp_path / "cache").mkdir()
    for model in settings.cache.glob("static-*"):
        (tmp_path / "cache" / model.name).symlink_to(model.resolve())
    settings = settings.model_copy(update=mine)
    both = {"customer": "bob", "email": "bob@example.org"}
    drop(settings, [event(1, day=FIRST), event(2, day=FIRST, identifiers=both), event(3, rating=9, day=FIRST)], FIRST)
    drop(settings, [about("ann", FIRST, city="Rome"), about("bob", FIRST, city="Oslo")], FIRST, "customers")
    drop(settings, [event(4, "bob", SECOND)], SECOND)
    drop(settings, [event(5, "bob", LAST), event(6, "cid", LAST)], LAST)
    for day in (FIRST, SECOND, LAST):
        run_all(settings, day)
    return settings


def removed(outcome: stages.Retained) -> dict[str, int]:
    return {each.what: each.number for each in outcome.removed}


def everything(settings: Settings) -> dict[str, object]:
    files = {path for root in (settings.landing, settings.publish) for path in Path(root).rglob("*") if path.is_file()}
    return tables(settings) | {"files": {str(file) for file in files}}


def test_with_the_limits_that_are_on_by_default_nothing_young_is_lost(settings: Settings) -> None:
    drop(settings, [event(1, day=FIRST)], FIRST)
    run_all(settings, FIRST)
    before = everything(settings)
    assert stages.retain(settings, FIRST).removed == []
    assert everything(settings) == before
    later = stages.retain(settings, "2026-02-03")  # thirty days after
    assert removed(later) == {}
    assert removed(stages.retain(settings, "2026-02-04")) == {"landing": 1}
    assert not list(Path(settings.landing).rglob("*.jsonl"))
    assert set(documents(settings, FIRST)) == {identity(settings, "ann")}


def test_drops_in_a_bucket_go_too(settings: Settings, s3) -> None:
    bucketed = settings.model_copy(update={"landing": f"s3://{s3.bucket}/landing", "s3_endpoint": s3.endpoint})
    area = landing_area(bucketed)
    for day in (FIRST, LAST):
        area.put(json.dumps(event(1, day=day)).encode(), "events", day, "rows.jsonl")
        area.put(b"", "events", day, "_SUCCESS")
        stages.ingest(bucketed, day)
    assert removed(stages.retain(bucketed, LAST)) == {"landing": 1}
    assert area.level("events").folders == [LAST]


def test_a_dry_run_counts_and_touches_nothing(short: Settings) -> None:
    before = everything(short)
    found = stages.retain(short, LAST, dry_run=True)
    assert removed(found) | {"landing": 3, "interactions": 3, "profiles": 4, "quarantine": 1} == removed(found)
    assert everything(short) == before
    assert Ledger(Lake(short.lake).ledger()).closed("ingest") is None


def test_what_is_too_old_is_deleted_with_the_people_of_whom_nothing_newer_is_known(short: Settings) -> None:
    found = stages.retain(short, LAST)
    assert removed(found) | {"interactions": 3, "attributes": 1, "text_features": 3} == removed(found)
    lake = Lake(short.lake)
    ann, bob, cid = (identity(short, who) for who in ("ann", "bob", "cid"))
    assert set(lake.read("interactions")["day"]) == {LAST}
    assert set(lake.read("text_features")["day"]) == set(lake.read("daily_activity")["day"]) == {LAST}
    assert set(lake.read("attributes")["subject_id"]) == {bob}  # said long ago of somebody who still comes
    assert set(lake.read("identity_links")["identity_id"]) == {bob}
    assert lake.read("quarantine").empty
    assert ann in set(documents(short, LAST))  # a profile has a limit of its own
    stages.profile(short, LAST)
    stages.publish(short, LAST)
    assert ann not in str(tables(short))
    assert set(documents(short, LAST)) == {bob, cid}
    assert documents(short, LAST)[bob]["activity"]["interaction_count"] == 3  # sums of who still comes go on
    assert lake.partitions("profiles") == [LAST]
    assert {document["customer_id"] for document in read_published(open_target(short.publish), LAST)} == {bob, cid}
    assert not Path(short.publish, "profiles", f"day={FIRST}").exists()
    assert stages.retain(short, LAST).removed == []  # a second time there is nothing left


def test_links_stay_as_long_as_anything_shows_their_customer(settings: Settings) -> None:
    limits = settings.retention_days | {"interactions": 28, "profiles": 10, "published": 100}
    long, brief = (settings.model_copy(update={"retention_days": limits | {"published": days}}) for days in (100, 20))
    drop(settings, [event(1, day=FIRST, identifiers={"customer": "ann", "email": "ann@example.org"})], FIRST)
    drop(settings, [event(2, "bob", LAST)], LAST)
    for day in (FIRST, LAST):
        run_all(settings, day)
    lake, target, both = Lake(settings.lake), open_target(settings.publish), {
        identity(settings, "ann"), identity(settings, "ann@example.org", "email")
    }  # fmt: skip

    stages.retain(long, LAST)
    assert set(lake.read("interactions")["day"]) == {LAST}
    assert lake.partitions("profiles") == [LAST]  # made when her sums were still held, and it shows her
    assert "identity_links" not in removed(stages.retain(brief, LAST, dry_run=True))
    stages.profile(long, LAST)
    assert lake.read("profiles", [("customer_id", "in", sorted(both))]).empty
    assert "identity_links" not in removed(stages.retain(brief, LAST, dry_run=True))  # published is what was before
    stages.publish(long, LAST)
    assert "identity_links" not in removed(stages.retain(long, LAST))  # there is the first day, published
    request = requests.ask(long, ["email:ann@example.org"])
    assert set(request.identities) == both
    assert sum(each.own for each in showing(target, both).values()) == 1

    assert removed(stages.retain(brief, LAST, dry_run=True))["identity_links"] == 1
    assert len(lake.read("identity_links")) == 1
    assert removed(stages.retain(brief, LAST))["identity_links"] == 1
    assert lake.read("identity_links").empty
    assert stages.retain(brief, LAST).removed == []


def test_a_closed_day_is_refused_and_never_computed_as_empty(short: Settings) -> None:
    stages.retain(short, LAST)
    before = tables(short)
    for stage in (stages.ingest, stages.features, stages.profile, stages.publish):
        with pytest.raises(InputError, match=rf"{stage.__name__} {FIRST}: days up to 2026-\d\d-\d\d are closed"):
            stage(short, FIRST)
    with pytest.raises(InputError, match="are closed"):
        stages.ingest(short, FIRST, close=[])
    assert list(stages.run_days(short, FIRST, SECOND)) == []  # all of it is done, and stays so
    assert stages.stale_days(short) == []
    assert [row["ingest"] for row in day_rows(short) if row["day"] == FIRST] == ["closed"]
    drop(short, [event(9, day=FIRST)], FIRST)
    with pytest.raises(InputError, match=f"ingest {FIRST}: days up to"):
        run_all(short, FIRST)
    assert tables(short) == before


def test_later_days_come_out_as_they_would_have_for_those_who_still_come(short: Settings) -> None:
    bob = identity(short, "bob")
    next_day = day_before(LAST, -1)
    drop(short, [event(7, "bob", next_day)], next_day)
    run_all(short, next_day)
    without = documents(short, next_day)[bob]
    stages.retain(short, LAST)
    stages.profile(short, next_day)
    found = documents(short, next_day)[bob]
    for part in ("activity", "consumption", "interests", "satisfaction", "attributes"):
        same = dict(without[part], rfm=0) if part == "activity" else without[part]  # quantiles are over fewer people
        assert (dict(found[part], rfm=0) if part == "activity" else found[part]) == same


def test_killed_after_closing_the_next_call_deletes_the_rest(short: Settings, monkeypatch) -> None:
    delete = Lake.delete

    def killed(self, name, filters):
        if name == "text_features":
            raise KeyboardInterrupt
        return delete(self, name, filters)

    monkeypatch.setattr(Lake, "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        stages.retain(short, LAST)
    monkeypatch.setattr(Lake, "delete", delete)
    with pytest.raises(InputError, match="are closed"):
        stages.features(short, FIRST)
    assert "text_features" in removed(stages.retain(short, LAST))
    assert set(Lake(short.lake).read("text_features")["day"]) == {LAST}


def test_a_drop_that_was_never_taken_in_is_kept_and_named(short: Settings) -> None:
    failed = day_before(FIRST, 3)
    folder = drop(short, [event(8, day=failed)], failed)
    outcome = stages.retain(short, LAST)
    assert "landing" not in removed(outcome)
    assert f"the drop of {failed} is past its retention and was never taken in" in outcome.warnings[0]
    assert (folder / "rows.jsonl").exists()


def test_replaced_publications_go_after_their_days_of_grace(settings: Settings) -> None:
    drop(settings, [event(1, day=LAST)], LAST)
    run_all(settings, LAST)
    drop(settings, [event(1, day=LAST), event(2, "bob", LAST)], LAST)
    run_all(settings, LAST)
    folders = Path(settings.publish, "profiles", f"day={LAST}")
    assert len([each for each in folders.iterdir() if each.is_dir()]) == 2
    assert removed(stages.retain(settings, day_before(LAST, -7))) == {}
    assert "revisions" in removed(stages.retain(settings, day_before(LAST, -8)))
    assert len(list(read_published(open_target(settings.publish), LAST))) == 2
    assert len([each for each in folders.iterdir() if each.is_dir()]) == 1


def test_cached_results_go_by_when_they_were_stored(short: Settings) -> None:
    cache = TextCache(short.cache, "texts")
    stages.retain(short, LAST)  # stored in a run of today: younger than any day of the shop
    held = cache.forget(2**40, dry_run=True)
    assert held > 0
    assert cache.forget(0) == 0
    assert cache.forget(2**40) == held
    assert cache.forget(2**40, dry_run=True) == 0


def test_the_caches_of_pods_on_a_volume_go_too(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"cache": tmp_path / "cache"})
    for folder in (settings.cache, settings.cache / "bucket-0", settings.cache / "bucket-1"):
        TextCache(folder, "texts").put_many({"key": b"said"})
    Lake.open(settings, may_create=True)
    assert removed(stages.retain(settings, LAST)) == {}, "stored today"
    assert removed(stages.retain(settings, day_before(date.today().isoformat()))) == {}
    settings = settings.model_copy(update={"retention_days": settings.retention_days | {"text_cache": -2}})
    assert removed(stages.retain(settings, day_before(date.today().isoformat()))) == {"text_cache": 3}


def test_the_limits_are_settings_and_a_mistyped_one_is_refused(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROFILING_RETENTION_DAYS", "landing=off, interactions=365")
    found = Settings.load().retention_days
    assert (found["landing"], found["interactions"], found["quarantine"]) == (None, 365, 90)
    for wrong, said in (("landings=3", "'landings' is nothing that is kept"), ("landing=soon", "write name=days")):
        monkeypatch.setenv("PROFILING_RETENTION_DAYS", wrong)
        with pytest.raises(SettingsError, match=said):
            Settings.load()


def test_a_day_in_the_future_would_make_everything_old(settings: Settings) -> None:
    Lake.open(settings, may_create=True)
    with pytest.raises(SettingsError, match="lies in the future"):
        stages.retain(settings, "2999-01-01")
