"""Every stage leaves out who must not appear: at once, on days run again, and when the list changes meanwhile."""

import gzip
import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from profiling import stages
from profiling.behaviour.targets import TARGETS
from profiling.errors import NotReady, SettingsError
from profiling.lake import Lake
from profiling.publish import CHANGES, open_target, read_manifest, read_published
from profiling.rights import suppressions
from profiling.settings import Settings
from profiling.stages import _features, _ingest, _profile, _publish, _train
from profiling.stages._step import begin, run_step
from tests.rights.worlds import DAY, NEXT, THIRD, about, consent, customer, drop, erase, event, identity, run_all
from tests.worlds import documents, ledger_closes, tables

pytestmark = [pytest.mark.slow, pytest.mark.long]


def counts(settings: Settings, day: str) -> dict[str, int]:
    rows = Lake(settings.lake).ledger(("stage", "day", "counts", "recorded_at"))
    found = rows[(rows["stage"] == "ingest") & (rows["day"] == day) & rows["counts"].notna()]
    return json.loads(found["counts"].iloc[-1])


def published(settings: Settings, day: str) -> dict[str, dict]:
    return {document["customer_id"]: document for document in read_published(open_target(settings.publish), day)}


def test_a_drop_delivered_again_does_not_bring_an_erased_person_back(settings: Settings) -> None:
    ann, bob = identity(settings, "ann"), identity(settings, "bob")
    mail = identity(settings, "ann@example.org", "email")
    erase(settings, ann, mail)
    drop(
        settings,
        [
            event(1),
            event(2, "bob"),
            event(3, identifiers={"session": "s9", "email": "ann@example.org"}),
            event(4, "bob", identifiers={"customer": "bob", "device": "d1"}),
        ],
    )
    drop(settings, [about("ann", city="Rome", sex="female"), about("bob", city="Oslo")], source="customers")
    drop(settings, [consent("ann", "granted")], source="consents")
    run_all(settings, DAY)
    assert counts(settings, DAY) | {"read": 7, "stored": 3, "suppressed": 4} == counts(settings, DAY)
    assert ledger_closes(settings) == 3
    lake = Lake(settings.lake)
    assert set(lake.read("interactions")["identity_id"]) == {bob}
    assert set(lake.read("identity_links")["identity_id"]) == {bob}
    assert set(lake.read("attributes")["subject_id"]) == {bob}
    assert lake.read("consents").empty
    assert set(documents(settings, DAY)) == {bob}
    everything = json.dumps(tables(settings))
    for gone in (ann, mail, identity(settings, "s9", "session")):
        assert gone not in everything


def test_every_later_stage_leaves_out_who_is_on_the_list_though_the_tables_still_hold_rows(settings: Settings) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    ann, bob = identity(settings, "ann"), identity(settings, "bob")
    assert set(published(settings, DAY)) == {ann, bob}
    erase(settings, ann)
    stages.publish(settings, DAY)  # of profiles that were made before
    assert set(published(settings, DAY)) == {bob}
    stages.features(settings, DAY)
    lake = Lake(settings.lake)
    assert set(lake.read("text_features")["identity_id"]) == {bob}
    activity = lake.read("daily_activity")
    assert ann not in set(activity["subject_id"])
    assert activity.loc[activity["subject_id"] == "guitar", "count"].max() == 1  # nor in the sums of an item
    run_all(settings, DAY)
    assert set(documents(settings, DAY)) == {bob}


@pytest.mark.parametrize("step", [_ingest.INGEST, _features.FEATURES, _profile.PROFILE], ids=lambda step: step.name)
def test_a_list_that_changes_while_a_day_is_computed_stops_its_commit(settings: Settings, step) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    before = tables(settings)

    def finish(run, parts):
        closed = step.finish(run, parts)
        erase(settings, identity(settings, "ann"))
        return closed

    with pytest.raises(NotReady, match="the list of suppressed people changed while it was computed"):
        run_step(replace(step, finish=finish), settings, DAY, None, None)
    after = tables(settings)
    assert after.pop("suppressions")
    assert not before.pop("suppressions")
    assert after == before
    run_step(step, settings, DAY, None, None)
    assert tables(settings) != before


def test_buckets_staged_before_the_list_changed_are_computed_again_at_the_close(settings: Settings) -> None:
    settings = settings.model_copy(update={"buckets": 2})
    drop(settings, [event(1), event(2, "bob"), event(3, "cid")])
    run_all(settings, DAY)
    keys = [stages.profile(settings, DAY, bucket=bucket).staged for bucket in range(2)]
    erase(settings, identity(settings, "ann"))
    assert stages.profile(settings, DAY, close=keys).counts == {"customers": 2}
    assert identity(settings, "ann") not in documents(settings, DAY)


def test_who_comes_on_the_list_while_a_day_is_published_is_not_in_what_stays(settings: Settings, monkeypatch) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    pages = _publish._pages

    def slow(run, profiles):
        erase(settings, identity(settings, "ann"))
        return pages(run, profiles)

    monkeypatch.setattr(_publish, "_pages", slow)
    with pytest.raises(NotReady, match=f"publish {DAY}: the list of suppressed people changed"):
        stages.publish(settings, DAY)
    monkeypatch.undo()
    run_all(settings, DAY)
    assert set(published(settings, DAY)) == {identity(settings, "bob")}


def test_without_a_key_a_list_with_somebody_on_it_cannot_be_kept(settings: Settings) -> None:
    drop(settings, [event(1)])
    run_all(settings, DAY)
    keyless = settings.model_copy(update={"pseudonym_key": None})
    assert stages.profile(keyless, DAY).counts == {"customers": 1}  # nobody is on it: no key is needed
    erase(settings, identity(settings, "bob"))
    with pytest.raises(SettingsError, match="PROFILING_PSEUDONYM_KEY is not set"):
        stages.profile(keyless, DAY)


def test_consent_to_profiling_holds_as_of_the_day_and_its_withdrawal_at_once(settings: Settings) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    ann, bob = identity(settings, "ann"), identity(settings, "bob")
    assert set(documents(settings, DAY)) == {ann, bob}  # by default who said nothing is profiled
    drop(settings, [consent("ann", "withdrawn", day=NEXT)], NEXT, "consents")
    run_all(settings, NEXT)
    assert set(published(settings, NEXT)) == set(documents(settings, NEXT)) == {bob}
    assert set(Lake(settings.lake).read("suppressions")["purpose"]) == {"profiling"}
    stages.profile(settings, DAY)  # an earlier day run again: the list is read as it is now
    assert set(documents(settings, DAY)) == {bob}
    assert ann in set(Lake(settings.lake).read("interactions")["identity_id"])  # it is no erasure
    drop(settings, [consent("ann", "granted", day=THIRD)], THIRD, "consents")
    run_all(settings, THIRD)
    assert set(documents(settings, THIRD)) == {ann, bob}
    stages.profile(settings, NEXT)  # on that day it did not hold
    assert set(documents(settings, NEXT)) == {bob}
    stages.profile(settings, DAY)
    assert set(documents(settings, DAY)) == {ann, bob}


@pytest.mark.parametrize("purpose", ["profiling", "marketing", "language_model"])
def test_published_days_that_serve_who_withdraws_are_stale_until_they_are_published_again(
    settings: Settings, purpose: str
) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    drop(settings, [event(3, "bob", NEXT)], NEXT)
    run_all(settings, NEXT)
    drop(settings, [event(4, "cid", THIRD)], THIRD)
    drop(
        settings,
        [consent("ann", "withdrawn", purpose, THIRD), consent("eve", "withdrawn", day=THIRD)],
        THIRD,
        "consents",
    )
    run_all(settings, THIRD)
    serving = [] if purpose == "language_model" else [(DAY, "publish"), (NEXT, "publish")]
    assert stages.stale_days(settings) == serving
    # A second drop says it again, of somebody who is on the list by now.
    last = "2026-06-18"
    drop(settings, [consent("ann", "withdrawn", purpose, last)], last, "consents")
    stages.ingest(settings, last)
    assert stages.stale_days(settings) == serving
    ran = [(outcome.day, outcome.stage) for outcome in stages.run_days(settings, DAY, NEXT)]
    assert ran == serving
    assert stages.stale_days(settings) == []
    ann = identity(settings, "ann")
    for day in (DAY, NEXT):
        shown = published(settings, day)
        assert (ann in shown) == (purpose != "profiling")
        assert (purpose == "marketing") == (shown.get(ann, {}).get("recommendations", 0) is None)


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_day_published_just_before_a_withdrawal_is_on_the_list_is_stale_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    drop(settings, [consent("ann", "withdrawn", day=NEXT)], NEXT, "consents")
    add, between = suppressions.add, []

    def late(*arguments: Any, **more: Any) -> int:
        if not between:
            between.append(stages.publish(settings, DAY))
            if is_killed:
                raise KeyboardInterrupt
        return add(*arguments, **more)

    monkeypatch.setattr(suppressions, "add", late)
    with pytest.raises(KeyboardInterrupt) if is_killed else nullcontext():
        stages.ingest(settings, NEXT)
    if is_killed:
        stages.ingest(settings, NEXT)
    assert between
    assert identity(settings, "ann") in published(settings, DAY)
    assert (DAY, "publish") in stages.stale_days(settings)


def test_the_newest_statement_over_all_identities_of_a_person_holds(settings: Settings) -> None:
    online = {"identifiers": {"email": "ann@example.org"}}
    drop(settings, [event(1), event(2, **online)])
    drop(
        settings,
        [
            consent("ann", "granted", stated_at=f"{DAY}T12:00:00Z"),
            consent("ann", "withdrawn", stated_at=f"{DAY}T08:00:00Z", **online),
        ],
        source="consents",
    )
    run_all(settings, DAY)
    assert set(documents(settings, DAY)) == {identity(settings, "ann")}
    drop(settings, [event(3, day=NEXT, identifiers={"customer": "ann", "email": "ann@example.org"})], NEXT)
    run_all(settings, NEXT)  # they are one, and what was said last is yes
    assert set(documents(settings, NEXT)) == {customer(settings, "ann", NEXT)}
    drop(settings, [consent("ann", "withdrawn", day=THIRD, **online)], THIRD, "consents")
    run_all(settings, THIRD)
    assert documents(settings, THIRD) == {}


def test_without_consent_to_marketing_nothing_is_offered_and_the_profile_says_why(settings: Settings) -> None:
    drop(settings, [event(1), event(2, "bob"), event(3, "bob", item_id="drum"), event(4, "cid", item_id="drum")])
    drop(settings, [consent("ann", "withdrawn", "marketing")], source="consents")
    run_all(settings, DAY)
    found = published(settings, DAY)
    silent, other = found[identity(settings, "ann")], found[identity(settings, "cid")]
    assert silent["recommendations"] is silent["next_best_action"] is None
    reason = "the customer has not consented to marketing"
    assert silent["nulls"]["/recommendations"] == silent["nulls"]["/next_best_action"] == reason
    assert not [pointer for pointer in silent["nulls"] if pointer.startswith("/next_best_action/")]
    assert other["next_best_action"]["action"]
    assert silent["interests"]  # it is profiled all the same
    assert silent["persona"]["checked"]
    rows = Lake(settings.lake).read("profiles").set_index("customer_id")
    assert rows.loc[silent["customer_id"], "next_best_action"] == "none"
    drop(settings, [consent("bob", "withdrawn", "marketing", NEXT)], NEXT, "consents")
    stages.ingest(settings, NEXT)
    stages.publish(settings, DAY)  # published again from profiles made before: as the list is now
    assert published(settings, DAY)[identity(settings, "bob")]["recommendations"] is None


def test_the_default_without_a_statement_is_a_setting(settings: Settings) -> None:
    drop(settings, [event(1), event(2, "bob"), event(3, "cid")])
    drop(settings, [consent("ann", "granted"), consent("bob", "granted", "marketing")], source="consents")
    opt_in = settings.model_copy(update={"consent_profiling": "withdrawn", "consent_marketing": "withdrawn"})
    run_all(opt_in, DAY)
    assert set(documents(settings, DAY)) == {identity(settings, "ann")}
    assert documents(settings, DAY)[identity(settings, "ann")]["recommendations"] is None
    run_all(settings, DAY)  # another default makes the day's profiles stale
    assert len(documents(settings, DAY)) == 3


def test_texts_of_who_refuses_are_kept_from_language_models(settings: Settings) -> None:
    from profiling.rights.consent import may_be_read_by_language_model

    drop(settings, [event(1), event(2, "bob")])
    drop(settings, [consent("ann", "withdrawn", "language_model")], source="consents")
    run_all(settings, DAY)
    lake = Lake(settings.lake)
    rows = lake.read("interactions")
    may = may_be_read_by_language_model(lake, settings, DAY, rows["identity_id"])
    assert set(rows.loc[may, "identity_id"]) == {identity(settings, "bob")}
    opt_in = settings.model_copy(update={"consent_language_model": "withdrawn"})
    assert not may_be_read_by_language_model(lake, opt_in, DAY, rows["identity_id"]).any()


@pytest.mark.parametrize("has_key", [True, False])
def test_nothing_is_learned_from_who_withdrew(
    settings: Settings, has_key: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiling.settings._key_backend", None)  # other tests of this process load the plugins
    rows = [event(number, who, rating=5 - number % 2 * 4) for number, who in enumerate(("ann", "bob", "cid") * 4)]
    drop(settings, rows)
    run_all(settings, DAY)
    drop(settings, [event(number + 100, row["identifiers"]["customer"], NEXT) for number, row in enumerate(rows)], NEXT)
    drop(settings, [consent("ann", "withdrawn", day=NEXT)], NEXT, "consents")
    run_all(settings, NEXT)
    trainer = settings if has_key else settings.model_copy(update={"pseudonym_key": None})
    for day in (DAY, NEXT):  # as of the first day nothing was withdrawn yet, and now it is
        run = begin(trainer, day)
        learned, held = _train.examples(run, TARGETS["satisfied"])
        assert {*learned.groups, *held.groups} == {identity(settings, "bob"), identity(settings, "cid")}
        before = _train.training_inputs(replace(run, suppressed=replace(run.suppressed, held={})), TARGETS["satisfied"])
        assert _train.training_inputs(run, TARGETS["satisfied"]) != before


def test_a_statement_under_a_new_identifier_is_still_that_of_the_erased(settings: Settings) -> None:
    erase(settings, identity(settings, "ann@example.org", "email"))
    both = {"identifiers": {"customer": "C9", "email": "ann@example.org"}}
    drop(settings, [event(1, "bob")])
    drop(settings, [about("C9", city="Rome") | both, about("bob", city="Oslo")], source="customers")
    drop(settings, [consent("C9", "granted", **both), consent("bob", "granted")], source="consents")
    stages.ingest(settings, DAY)
    lake = Lake(settings.lake)
    assert set(lake.read("attributes")["subject_id"]) == {identity(settings, "bob")}
    assert set(lake.read("consents")["subject_id"]) == {identity(settings, "bob")}
    assert counts(settings, DAY) | {"read": 5, "stored": 3, "suppressed": 2} == counts(settings, DAY)
    assert ledger_closes(settings) == 3


def test_only_a_yes_lifts_a_withdrawal_and_not_the_loss_of_its_link(settings: Settings) -> None:
    mail = {"identifiers": {"email": "info@example.org"}}
    token = lambda number: {"identifiers": {"token": f"a{number}", "email": "info@example.org"}}  # noqa: E731
    drop(settings, [event(1, **token(1)), event(9, "bob")])
    drop(settings, [consent("x", "withdrawn", **mail)], source="consents")
    run_all(settings, DAY)
    # Seven people at one address are over its cap: the address, and what was said by it, is nobody's any more.
    drop(settings, [event(10 + n, day=NEXT, **token(n)) for n in range(2, 8)], NEXT)
    run_all(settings, NEXT)
    assert identity(settings, "a1", "token") not in documents(settings, NEXT)
    drop(settings, [consent("x", "granted", day=THIRD, identifiers={"token": "a1"})], THIRD, "consents")
    run_all(settings, THIRD)
    assert identity(settings, "a1", "token") in documents(settings, THIRD)


def test_an_older_yes_does_not_lift_a_later_no_whose_link_is_lost(settings: Settings) -> None:
    mail = {"identifiers": {"email": "info@example.org"}}
    token = lambda number: {"identifiers": {"token": f"a{number}", "email": "info@example.org"}}  # noqa: E731
    drop(settings, [event(1, **token(1)), event(9, "bob")])
    yes = consent("x", "granted", identifiers={"token": "a1"}, stated_at=f"{DAY}T08:00:00Z")
    drop(settings, [yes, consent("x", "withdrawn", **mail)], source="consents")
    stages.ingest(settings, DAY)
    drop(settings, [consent("x", "withdrawn", day=NEXT, **mail)], NEXT, "consents")  # once more, and later
    drop(settings, [event(20, "bob", NEXT)], NEXT)
    stages.ingest(settings, NEXT)
    drop(settings, [event(10 + n, day=THIRD, **token(n)) for n in range(2, 8)], THIRD)
    between = consent("x", "granted", identifiers={"token": "a1"}, stated_at=f"{NEXT}T10:00:00Z")
    drop(settings, [between], THIRD, "consents")
    stages.ingest(settings, THIRD)

    def is_out() -> bool:
        held = suppressions.load(Lake(settings.lake), settings)
        return bool(held.mask(pd.Series([identity(settings, "a1", "token")]), "profiling").all())

    assert is_out()
    later = "2026-06-18"
    drop(settings, [consent("x", "granted", day=later, identifiers={"token": "a1"})], later, "consents")
    stages.ingest(settings, later)
    assert not is_out()


def test_the_feed_of_merges_does_not_tell_of_those_who_withdrew(settings: Settings) -> None:
    mail, account = {"email": "ann@example.org"}, {"customer": "C1"}
    drop(settings, [event(1, identifiers=mail), event(2, identifiers=account), event(3, "bob")])
    said = [consent("x", "withdrawn", identifiers=who) for who in (mail, account)]
    drop(settings, said, source="consents")
    run_all(settings, DAY)
    drop(settings, [event(4, day=NEXT, identifiers=mail | account), event(5, "bob", NEXT)], NEXT)
    run_all(settings, NEXT)
    assert len(Lake(settings.lake).read("identity_changes")) == 1
    target = open_target(settings.publish)
    feeds = [part["key"] for part in read_manifest(target, NEXT)["objects"] if part["key"].endswith(CHANGES)]
    assert [gzip.decompress(target.get(key)[0]) for key in feeds] in ([], [b""])
