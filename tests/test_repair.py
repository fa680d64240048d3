"""Quarantine as people see it, and repaired rows that come back once."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from profiling import repair, stages
from profiling.collect.drops import landing_area
from profiling.errors import GateFailed, InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.profiles.report import OUTCOMES
from profiling.settings import Settings
from profiling.status import file_rows
from tests.areas import KINDS, deliver, landing_in
from tests.s3 import ENVIRONMENT, free_port
from tests.stages.test_stages import DAY, NEXT, purchase
from tests.worlds import ledger_closes


def drop(settings: Settings, rows: list[dict | str], day: str = DAY, is_complete: bool = True) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    deliver(settings, "events", day, is_complete=is_complete, rows_jsonl="\n".join(lines) + "\n")


@pytest.fixture(params=KINDS)
def lenient(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """A day with two rows in quarantine, and one stored."""
    lenient = landing_in(request.param, settings, request).model_copy(update={"max_rejects": 1.0})
    rows = [purchase(1), purchase(2, "ann@example.com", rating=9), purchase(3, amount=-1, text="call ann@example.com")]
    drop(lenient, rows)
    stages.ingest(lenient, DAY)
    return lenient


@pytest.fixture
def repaired(tmp_path: Path) -> Path:
    file = tmp_path / "repaired.jsonl"
    file.write_text("".join(json.dumps(purchase(n)) + "\n" for n in (2, 3)))
    return file


def test_reasons_with_counts_and_redacted_examples(lenient: Settings) -> None:
    found = repair.look(lenient, DAY)
    assert (found["rows"], found["note"]) == (2, None)
    assert {(one["source"], one["rows"], one["field"]) for one in found["reasons"]} == {
        ("events", 1, "rating"),
        ("events", 1, "amount"),
    }
    assert all(one["fix"] for one in found["reasons"])
    (example,) = next(one for one in found["reasons"] if one["field"] == "rating")["examples"]
    assert (example["file"], example["line"]) == ("rows.jsonl", 2)
    assert "[identifier]" in example["content"]
    assert "ann@" not in json.dumps(found)
    assert repair.look(lenient, DAY, "web")["reasons"] == []


def test_examples_are_few_and_the_most_frequent_reason_is_first(settings: Settings) -> None:
    many = settings.model_copy(update={"max_rejects": 1.0})
    drop(many, ["{broken", *(purchase(n, rating=9) for n in range(9))])
    stages.ingest(many, DAY)
    first, second = repair.look(many, DAY)["reasons"]
    assert (first["rows"], len(first["examples"]), second["rows"]) == (9, repair.EXAMPLES, 1)
    assert second["field"] is None


def test_a_day_that_failed_says_why(settings: Settings) -> None:
    drop(settings, ["{broken"])
    with pytest.raises(GateFailed):
        stages.ingest(settings, DAY)
    found = repair.look(settings, DAY)
    assert found["rows"] == 0
    assert "1 of 1 rows were rejected" in found["note"]


def test_repaired_rows_come_back_once_as_the_next_free_day(lenient: Settings, repaired: Path) -> None:
    drop(lenient, [purchase(9, day=NEXT)], NEXT)
    sent = repair.requeue(lenient, DAY, "events", repaired)
    assert (sent.day, sent.rows, sent.still_rejected) == ("2026-06-17", 2, 0)
    area, name = landing_area(lenient), sent.file.rpartition("/")[2]
    assert sent.file == area.where("events", sent.day, name)
    assert area.has_file("events", sent.day, "_SUCCESS")
    list(stages.run_days(lenient, DAY, sent.day, ["ingest"]))
    rows = Lake(lenient.lake).read("interactions", [("day", "==", sent.day)])
    assert rows["event_day"].tolist() == [DAY, DAY]  # late rows: they keep their time
    assert ledger_closes(lenient) >= 3
    with pytest.raises(InputError, match="was sent back before, to 2026-06-17"):
        repair.requeue(lenient, DAY, "events", repaired)
    area.remove("events", sent.day, name)  # a landing area that was cleared makes no difference
    area.remove("events", sent.day, "_SUCCESS")
    (sha,) = (area.level("_requeued", "events") or ({}, []))[0].keys() - {".lock"}
    area.remove("_requeued", "events", sha)
    with pytest.raises(InputError, match="was sent back before"):
        repair.requeue(lenient, DAY, "events", repaired, "2026-06-18")


def test_every_file_is_accounted_for(lenient: Settings, repaired: Path) -> None:
    repair.requeue(lenient, DAY, "events", repaired)
    list(stages.run_days(lenient, DAY, NEXT, ["ingest"]))
    rows = file_rows(lenient)
    assert [(row["day"], row["read"], row["stored"], row["quarantined"]) for row in rows] == [
        (DAY, 3, 1, 2),
        (NEXT, 2, 2, 0),
    ]
    assert all(row["read"] == sum(row[name] for name in OUTCOMES) for row in rows)
    assert rows[1]["file"].startswith(f"requeued-{DAY}-")


def test_rows_added_to_a_stated_drop_make_its_day_stale(lenient: Settings, repaired: Path) -> None:
    sent = repair.requeue(lenient, DAY, "events", repaired, DAY)
    assert (DAY, "ingest") in stages.stale_days(lenient)
    outcome = stages.ingest(lenient, DAY)
    assert (outcome.counts["stored"], outcome.counts["quarantined"]) == (3, 2)
    assert Path(sent.file).name.startswith(f"requeued-{DAY}-")


def test_a_killed_call_is_finished_by_the_same_call(lenient: Settings, repaired: Path) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "put_json", killed)
        with pytest.raises(KeyboardInterrupt):
            repair.requeue(lenient, DAY, "events", repaired)
    area = landing_area(lenient)
    assert days_of(lenient) == [DAY, NEXT]
    area.remove("events", NEXT, "_SUCCESS")  # or it was killed a moment earlier
    assert repair.requeue(lenient, DAY, "events", repaired, "2026-06-20").day == NEXT
    assert days_of(lenient) == [DAY, NEXT]
    level = area.level("events", NEXT)
    assert level is not None
    assert [name.partition("-")[0] for name in sorted(level.files)] == ["_SUCCESS", "requeued"]


def days_of(settings: Settings) -> list[str]:
    level = landing_area(settings).level("events")
    return level.folders if level else []


def test_a_call_killed_before_it_wrote_a_row_keeps_to_its_day(
    lenient: Settings, repaired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_new = type(landing_area(lenient)).put_new

    def killed(*arguments: object) -> None:
        assert put_new(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(landing_area(lenient)), "put_new", killed)
        with pytest.raises(KeyboardInterrupt):
            repair.requeue(lenient, DAY, "events", repaired)
    assert days_of(lenient) == [DAY]
    assert repair.requeue(lenient, DAY, "events", repaired, "2026-06-20").day == NEXT


def test_of_two_calls_at_a_time_the_rows_go_to_one_day(
    lenient: Settings, repaired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call runs whole between the first one's look and its note: it takes the day, and the first follows."""
    put_new, others = type(landing_area(lenient)).put_new, []

    def overtaken(*arguments: object) -> bool:
        if not others:
            others.append(None)
            others.append(repair.requeue(lenient, DAY, "events", repaired, "2026-06-20").day)
        return put_new(*arguments)

    monkeypatch.setattr(type(landing_area(lenient)), "put_new", overtaken)
    assert repair.requeue(lenient, DAY, "events", repaired).day == "2026-06-20"
    assert others == [None, "2026-06-20"]
    assert days_of(lenient) == [DAY, "2026-06-20"]


def test_a_day_that_is_not_over_is_not_taken(
    lenient: Settings, repaired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import date

    monkeypatch.setattr(repair, "_today", lambda _: date.fromisoformat(NEXT))
    with pytest.raises(InputError, match=f"{NEXT} is not over"):
        repair.requeue(lenient, DAY, "events", repaired)


def test_a_drop_that_is_being_written_is_left_alone(lenient: Settings, repaired: Path) -> None:
    drop(lenient, [purchase(9, day=NEXT)], NEXT, is_complete=False)
    with pytest.raises(NotReady, match="has no _SUCCESS"):
        repair.requeue(lenient, DAY, "events", repaired, NEXT)


def test_what_still_cannot_be_read_is_said(lenient: Settings, repaired: Path) -> None:
    with repaired.open("a") as stream:
        stream.write("{broken\n")
    sent = repair.requeue(lenient, DAY, "events", repaired)
    assert (sent.rows, sent.still_rejected) == (3, 1)
    repaired.write_text("{broken\n")
    with pytest.raises(InputError, match="none of the 1 lines"):
        repair.requeue(lenient, DAY, "events", repaired)


def test_wrong_calls(lenient: Settings, repaired: Path) -> None:
    with pytest.raises(SettingsError, match="unknown source 'shop'; the sources are events"):
        repair.requeue(lenient, DAY, "shop", repaired)
    with pytest.raises(SettingsError, match="no file"):
        repair.requeue(lenient, DAY, "events", repaired / "x")
    with pytest.raises(InputError, match=f"the quarantine of {NEXT} holds nothing of events"):
        repair.requeue(lenient, NEXT, "events", repaired)


def test_rows_do_not_become_the_drop_of_a_day_that_is_not_over(lenient: Settings, repaired: Path) -> None:
    today = datetime.now(lenient.zone).date().isoformat()
    with pytest.raises(NotReady, match=f"events has no drop of {today} yet, and the day is not over"):
        repair.requeue(lenient, DAY, "events", repaired, today)
    drop(lenient, [purchase(9)], today)
    assert repair.requeue(lenient, DAY, "events", repaired, today).day == today


def test_a_sent_file_keeps_no_more_of_its_name_than_the_form(lenient: Settings, repaired: Path) -> None:
    named = repaired.rename(repaired.with_name("of v1.0 ann@example.com.jsonl"))
    found = repair.requeue(lenient, DAY, "events", named)
    assert found.file.endswith(".jsonl")
    assert "example" not in found.file


def test_a_limit_raised_for_one_run_leaves_the_day_current(lenient: Settings) -> None:
    strict = lenient.model_copy(update={"max_rejects": 0.05})
    assert stages.stale_days(strict) == []
    list(stages.run_days(strict, DAY, DAY, ["ingest"]))
    assert repair.look(strict, DAY)["rows"] == 2


def test_a_landing_area_that_does_not_answer_makes_no_day_stale(
    lenient: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    away = {"landing": "s3://shop", "s3_endpoint": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(NotReady, match="no answer"):
        stages.stale_days(lenient.model_copy(update=away))
