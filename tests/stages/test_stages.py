"""Stages on hand-made drops: what is refused, what waits, and that the last good state stays readable."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from profiling import stages
from profiling.collect import drops
from profiling.errors import GateFailed, InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.ledger import Ledger
from profiling.profiles.show import evidence_texts
from profiling.publish import open_target, read_manifest, read_published
from profiling.settings import Settings
from profiling.stages import _ingest
from profiling.stages._step import run_step
from tests.worlds import documents, ledger_closes

DAY, NEXT = "2026-06-15", "2026-06-16"


def purchase(number: int, who: str = "ann", day: str = DAY, **changes: object) -> dict:
    event = {
        "event_id": f"E{number}",
        "identifiers": {"customer": who},
        "occurred_at": f"{day}T10:00:00Z",
        "kind": "purchase",
        "item_id": "guitar",
        "amount": 10.0,
        "currency": "USD",
    }
    return event | changes


def review(number: int, text: str, who: str = "ann", day: str = DAY, **changes: object) -> dict:
    return purchase(number, who, day) | {"kind": "review", "text": text, "rating": 5} | changes


def drop(settings: Settings, rows: list[dict | str], day: str = DAY, source: str = "events") -> Path:
    folder = Path(settings.landing) / source / day
    folder.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "_SUCCESS").touch()
    return folder


def run_all(settings: Settings, *days: str) -> None:
    list(stages.run_days(settings, days[0], days[-1]))


def test_an_empty_day_is_recorded_and_later_stages_follow(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    run_all(settings, DAY)
    outcome = stages.ingest(settings, NEXT)
    assert outcome.state == "empty"
    assert outcome.warnings == ["no source delivered a drop: recorded as an empty day"]
    assert stages.features(settings, NEXT).state == "empty"
    assert stages.profile(settings, NEXT).counts == {"customers": 1}  # who they are does not stop on a quiet day
    assert documents(settings, NEXT).popitem()[1]["activity"]["recency_days"] == 1


def test_a_drop_without_its_marker_is_waited_for(settings: Settings) -> None:
    (drop(settings, [purchase(1)]) / "_SUCCESS").unlink()
    with pytest.raises(NotReady, match="has no _SUCCESS"):
        stages.ingest(settings, DAY)


def test_a_stage_waits_for_the_one_before_it(settings: Settings) -> None:
    Lake.open(settings, may_create=True)
    drop(settings, [purchase(1)])
    with pytest.raises(NotReady, match=f"run `profiling ingest --day {DAY}`"):
        stages.features(settings, DAY)
    stages.ingest(settings, DAY)
    with pytest.raises(NotReady, match=f"features of {DAY} is not done"):
        stages.profile(settings, DAY)
    with pytest.raises(NotReady, match=f"run `profiling profile --day {DAY}`"):
        stages.publish(settings, DAY)


def test_a_profile_waits_for_an_earlier_day_and_not_for_a_failed_one(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    drop(settings, ["{broken"], NEXT)
    third = "2026-06-17"
    drop(settings, [purchase(3, day=third)], third)
    stages.ingest(settings, DAY)
    for stage in (stages.ingest, stages.features):
        stage(settings, third)
    with pytest.raises(NotReady, match=f"features of {DAY} is not done"):
        stages.profile(settings, third)
    stages.features(settings, DAY)
    with pytest.raises(GateFailed):
        stages.ingest(settings, NEXT)
    outcome = stages.profile(settings, third)
    assert outcome.state == "released"
    assert f"days that failed their gate are not in these profiles: {NEXT}" in outcome.warnings


def test_a_failed_gate_leaves_the_last_good_state_and_says_why(settings: Settings) -> None:
    drop(settings, [purchase(1), review(2, "A lovely guitar with a warm tone.")])
    run_all(settings, DAY)
    target = open_target(settings.publish)
    before = list(read_published(target, DAY))
    good = Lake(settings.lake).read("interactions")["interaction_id"].tolist()
    drop(settings, [purchase(1), "{broken", purchase(3, rating=9)])
    with pytest.raises(GateFailed) as raised:
        stages.ingest(settings, DAY)
    sentence = str(raised.value)
    assert "2 of 3 rows were rejected (66.7%; PROFILING_MAX_REJECTS allows 5.0%)" in sentence
    assert "1 broken_json, 1 rating_out_of_range" in sentence
    assert "events/rows.jsonl:2 broken_json: the line is not complete JSON" in sentence
    lake = Lake(settings.lake)
    assert lake.read("interactions")["interaction_id"].tolist() == good
    assert Ledger(lake.ledger()).state("ingest", DAY) == "failed"
    assert list(read_published(target, DAY)) == before
    drop(settings, [purchase(1)])  # repaired
    run_all(settings, DAY)
    assert len(lake.read("interactions")) == 1
    assert read_manifest(target, DAY)["rows"] == 1


def test_a_published_aspect_names_the_clause_it_rests_on_and_not_its_text(settings: Settings) -> None:
    text = "The guitar is lovely, but the delivery was slow."
    drop(settings, [purchase(1), review(2, text)])
    run_all(settings, DAY)
    (document,) = read_published(open_target(settings.publish), DAY)
    (delivery,) = [each for each in document["satisfaction"]["aspects"] if each["aspect"] == "delivery"]
    (span,) = delivery["spans"]
    assert delivery["evidence"] == [span["interaction_id"]]
    assert "delivery was slow" in text[span["start"] : span["end"]]
    assert "lovely" not in text[span["start"] : span["end"]]
    assert "was slow" not in json.dumps(document)
    shown = evidence_texts(settings, document)[span["interaction_id"]]
    assert f"delivery {span['polarity']:+.2f} “{text[span['start'] : span['end']]}”" in shown


def test_the_gates_report_is_kept_without_values(settings: Settings) -> None:
    drop(settings, [review(1, "zebra-crossing is a word that no report may hold"), "{broken"])
    with pytest.raises(GateFailed):
        stages.ingest(settings, DAY)
    reports = Lake(settings.lake).ledger(("report", "recorded_at"))["report"].dropna()
    assert len(reports) == 1
    assert json.loads(reports.iloc[0])["suites"][0]["rows"] == 1
    assert "zebra" not in reports.iloc[0]


def test_a_day_whose_drop_is_gone_is_closed(settings: Settings) -> None:
    folder = drop(settings, [purchase(1)])
    stages.ingest(settings, DAY)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(InputError, match="it is closed and is never computed as empty"):
        stages.ingest(settings, DAY)
    assert len(Lake(settings.lake).read("interactions")) == 1


def test_a_row_delivered_again_is_stored_once_by_the_earlier_day(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    drop(settings, [purchase(1), purchase(2, day=NEXT)], NEXT)
    assert stages.ingest(settings, NEXT).counts["stored"] == 2  # nobody knows yet
    outcome = stages.ingest(settings, DAY)
    assert outcome.counts["stored"] == 1
    assert outcome.restated == [NEXT]
    rows = Lake(settings.lake).read("interactions")
    assert sorted(rows["day"]) == [DAY, NEXT]
    assert stages.ingest(settings, NEXT).counts["duplicates_exact"] == 1
    assert ledger_closes(settings) >= 4


@pytest.mark.parametrize("buckets", [1, 4])
def test_one_event_by_two_identities_is_stored_once(settings: Settings, buckets: int) -> None:
    many = settings.model_copy(update={"buckets": buckets})
    by_device = [purchase(n, identifiers={"device": f"d{n}"}) for n in range(6)]
    by_customer = [purchase(n, f"c{n}") for n in range(6)]
    drop(many, by_device + by_customer[:3])
    drop(many, by_customer, NEXT)
    assert stages.ingest(many, NEXT).counts["stored"] == 6
    outcome = stages.ingest(many, DAY)
    assert (outcome.counts["stored"], outcome.counts["duplicates_exact"], outcome.restated) == (6, 3, [NEXT])
    assert Lake(many.lake).read("interactions")["day"].tolist() == [DAY] * 6
    assert stages.ingest(many, DAY).restated == []  # nothing new, nothing to restate
    assert ledger_closes(many) >= 4


def test_late_rows_enter_the_day_they_arrive(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    drop(settings, [purchase(2, amount=5.0)], NEXT)  # happened on DAY, arrived a day later
    run_all(settings, DAY, NEXT)
    assert documents(settings, DAY).popitem()[1]["consumption"]["spend"] == {"USD": 10.0}
    assert documents(settings, NEXT).popitem()[1]["consumption"]["spend"] == {"USD": 15.0}


def test_two_identifiers_become_one_customer_from_the_day_they_are_linked(settings: Settings) -> None:
    drop(settings, [purchase(1, identifiers={"device": "d1"}), purchase(2, identifiers={"customer": "ann"})])
    linked = {"customer": "ann", "device": "d1"}
    drop(settings, [purchase(3, day=NEXT, identifiers=linked)], NEXT)
    run_all(settings, DAY, NEXT)
    assert len(documents(settings, DAY)) == 2
    (document,) = documents(settings, NEXT).values()
    assert document["consumption"]["purchase_count"] == 3
    assert document["customer_id"] in documents(settings, DAY)


@pytest.mark.parametrize("buckets", [1, 4])
def test_consent_withdrawn_by_another_identifier_counts(settings: Settings, buckets: int) -> None:
    many = settings.model_copy(update={"buckets": buckets})
    drop(many, [purchase(1, identifiers={"customer": "ann", "email": "ann@example.com"})])
    by_customer = {"identifiers": {"customer": "ann"}, "purpose": "marketing_email", "status": "granted"}
    by_email = {"identifiers": {"email": "ann@example.com"}, "purpose": "marketing_email", "status": "withdrawn"}
    rows = [by_customer | {"stated_at": f"{DAY}T08:00:00Z"}, by_email | {"stated_at": f"{DAY}T09:00:00Z"}]
    drop(many, rows, source="consents")
    run_all(many, DAY)
    (document,) = documents(many, DAY).values()
    assert document["consent"]["marketing_email"]["value"] == "withdrawn"
    assert document["next_best_action"]["channel"] != "email"


def test_a_close_refuses_missing_buckets_and_computes_those_of_other_inputs_again(settings: Settings) -> None:
    two = settings.model_copy(update={"buckets": 2})
    drop(two, [purchase(n, who) for n, who in enumerate(("ann", "bob", "cid", "dan"))])
    first = stages.ingest(two, DAY, bucket=0)
    with pytest.raises(NotReady, match="bucket 1 is not staged yet"):
        stages.ingest(two, DAY, close=[])
    with pytest.raises(InputError, match=r"staged buckets \[0\], expected 0 to 1"):
        stages.ingest(two, DAY, close=[first.staged])
    drop(two, [purchase(9)])
    second = stages.ingest(two, DAY, bucket=1)
    stages.ingest(two, DAY, close=[first.staged, second.staged])
    held = Lake(two.lake).read("interactions", [("day", "==", DAY)]).sort_values("interaction_id", ignore_index=True)
    one_go = two.model_copy(update={"lake": f"{two.lake}-in-one-go"})
    stages.ingest(one_go, DAY)
    fresh = Lake(one_go.lake).read("interactions", [("day", "==", DAY)])
    assert len(held) == len(fresh) > 0
    assert set(held["source_line"]) == set(fresh["source_line"])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda s: stages.ingest(s, "2026-6-1"), "'2026-6-1' is not a day; write it as YYYY-MM-DD"),
        (lambda s: stages.ingest(s, DAY, bucket=1), "bucket 1 does not exist"),
        (lambda s: stages.ingest(s, DAY, bucket=0, close=[]), "not both in one call"),
        (lambda s: list(stages.run_days(s, NEXT, DAY)), f"--to {DAY} is before --from {NEXT}"),
        (lambda s: list(stages.run_days(s, DAY, DAY, ["weather"])), "unknown stage 'weather'"),
    ],
)
def test_wrong_calls(settings: Settings, call, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        call(settings)
    assert sentence in str(raised.value)


def test_a_stretch_of_history_without_drops_is_one_record(settings: Settings) -> None:
    drop(settings, [purchase(1, day="2026-01-01")], "2026-01-01")
    drop(settings, [purchase(2)])
    list(stages.run_days(settings, "2026-01-01", DAY, ["ingest", "features"]))
    ledger = Lake(settings.lake).ledger()
    assert ledger.groupby("stage")["state"].value_counts()["ingest", "empty"] == 1
    assert Ledger(ledger).state("features", "2026-03-03") == "empty"
    list(stages.run_days(settings, DAY, DAY))
    assert documents(settings, DAY).popitem()[1]["consumption"]["purchase_count"] == 2


def test_what_changed_is_stale_and_is_run_again(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    run_all(settings, DAY)
    assert stages.stale_days(settings) == []
    drop(settings, [purchase(1), purchase(2)])
    assert (DAY, "ingest") in stages.stale_days(settings)
    assert [o.stage for o in stages.run_days(settings, DAY, DAY)] == list(stages.STAGES)
    assert stages.stale_days(settings) == []


def test_a_row_that_is_delivered_no_more_gives_its_copy_back(settings: Settings) -> None:
    drop(settings, [purchase(1), purchase(2)])
    drop(settings, [purchase(1), purchase(3)], NEXT)
    run_all(settings, DAY, NEXT)
    drop(settings, [purchase(2)])
    outcome = stages.ingest(settings, DAY)
    assert outcome.restated == [NEXT]
    stored = Lake(settings.lake).read("interactions", [], ["day"])
    assert stored["day"].value_counts().to_dict() == {DAY: 1, NEXT: 2}


def test_a_slow_attempt_does_not_overwrite_what_was_read_since(settings: Settings) -> None:
    drop(settings, [purchase(1)])
    finish = _ingest.INGEST.finish

    def while_a_new_delivery_is_ingested(run, parts):
        closed = finish(run, parts)
        drop(settings, [purchase(1), purchase(2)])
        assert stages.ingest(settings, DAY).counts["stored"] == 2
        return closed

    slow = replace(_ingest.INGEST, finish=while_a_new_delivery_is_ingested)
    with pytest.raises(NotReady, match="changed while it was computed"):
        run_step(slow, settings, DAY, None, None, Lake.open(settings, may_create=True))
    assert len(Lake(settings.lake).read("interactions")) == 2


def test_a_later_drop_that_is_being_delivered_does_not_fail_the_day(settings: Settings) -> None:
    drop(settings, [purchase(2)])
    drop(settings, [purchase(1)], NEXT)
    run_all(settings, DAY, NEXT)
    drop(settings, [purchase(1), purchase(2)])
    (Path(settings.landing) / "events" / NEXT / "_SUCCESS").unlink()
    outcome = stages.ingest(settings, DAY)
    assert (outcome.state, outcome.restated) == ("released", [])
    with pytest.raises(NotReady, match=NEXT):
        stages.profile(settings, NEXT)
    (Path(settings.landing) / "events" / NEXT / "_SUCCESS").touch()
    run_all(settings, DAY, NEXT)
    assert len(Lake(settings.lake).read("interactions")) == 2


def test_a_day_of_the_future_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="lies in the future"):
        stages.ingest(settings, "2226-06-15")
    assert Ledger(Lake(settings.lake).ledger()).days() == []


def test_an_emptied_drop_is_refused_unless_it_is_meant(settings: Settings) -> None:
    folder = drop(settings, [purchase(1)])
    run_all(settings, DAY)
    (folder / "rows.jsonl").write_text("")
    with pytest.raises(GateFailed, match="delivers no row any more"):
        stages.ingest(settings, DAY)
    assert len(Lake(settings.lake).read("interactions")) == 1
    (folder / "_EMPTY").touch()
    stages.ingest(settings, DAY)
    assert len(Lake(settings.lake).read("interactions")) == 0


def test_what_is_not_read_is_said(settings: Settings) -> None:
    folder = drop(settings, [purchase(1)])
    (folder / "more").mkdir()
    assert "events/2026-06-15/more" in stages.ingest(settings, DAY).warnings[0]
    (folder.parent / "20260616").mkdir()
    (folder.parent.parent / "rows.jsonl").touch()
    assert drops.unread(settings) == ["events/2026-06-15/more", "events/20260616", "rows.jsonl"]
