"""Rules of redaction that are newer than what is stored: days are stale, and texts without a drop are redacted in place."""

import json
import shutil
from pathlib import Path

import pytest

from profiling import stages
from profiling.errors import InputError, SettingsError
from profiling.lake import Lake
from profiling.prepare import redaction
from profiling.settings import Settings
from profiling.stages import _redact
from profiling.stages._step import begin
from tests.stages.test_stages import DAY, NEXT, drop, purchase, review
from tests.test_cli import environment_of, profiling
from tests.worlds import ledger_closes, tables

INGESTED = (*_redact._READ, "day_statistics")
OLD = tuple(finder for finder in redaction.FINDERS if finder.kind == "email")
SAID = "My name is Ann Lee, mail ann@example.org, IBAN DE89 3704 0044 0532 0130 00. A lovely guitar."


@pytest.fixture
def old(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A day ingested by rules that knew e-mail addresses alone, with all that hangs on it."""
    lenient = settings.model_copy(update={"max_rejects": 1.0})
    rows = [review(1, SAID), review(2, "Fine.", "bob", attributes={"seen_from": "93.184.216.34"}),
            purchase(3, rating=9, text="SSN 219-09-9999")]  # fmt: skip
    drop(lenient, rows)
    customers = Path(lenient.landing) / "customers" / DAY
    customers.mkdir(parents=True)
    line = {"identifiers": {"customer": "ann"}, "stated_at": f"{DAY}T09:00:00Z", "note": "call 13800138000"}
    (customers / "a.jsonl").write_text(json.dumps(line) + "\n")
    (customers / "_SUCCESS").touch()
    with monkeypatch.context() as before:
        before.setattr(redaction, "REDACTION_VERSION", "1")
        before.setattr(redaction, "FINDERS", OLD)
        before.setattr(redaction.redact_counted, "__defaults__", (OLD,))
        before.setattr(redaction.find, "__defaults__", (OLD,))
        list(stages.run_days(lenient, DAY, DAY))
    return lenient


def stored(settings: Settings) -> str:
    return json.dumps({name: rows for name, rows in tables(settings).items() if name in INGESTED}, ensure_ascii=False)


LEAKS = ("Ann Lee", "DE89", "93.184.216.34", "219-09-9999", "13800138000")


def test_newer_rules_make_a_day_stale_and_a_run_redacts_anew(old: Settings) -> None:
    assert all(leak in stored(old) for leak in LEAKS)
    assert (DAY, "ingest") in stages.stale_days(old)
    list(stages.run_days(old, DAY, DAY))
    assert not any(leak in stored(old) for leak in LEAKS)
    assert stages.stale_days(old) == []
    assert stages.days_to_redact(old) == []


def test_a_day_without_its_drop_is_redacted_in_place_as_if_it_had_been_ingested(old: Settings, tmp_path: Path) -> None:
    away = tmp_path / "away"
    shutil.move(old.landing, away)
    Path(old.landing).mkdir()
    assert (DAY, "ingest") in stages.stale_days(old)
    assert stages.days_to_redact(old) == [DAY]
    outcome = stages.redact(old, DAY)
    assert outcome.state == "released"
    assert outcome.counts["stored"] == 3
    assert {kind: outcome.counts[f"redacted_{kind}"] for kind in ("email", "name", "iban", "ip")} == {
        "email": 1, "name": 1, "iban": 1, "ip": 1,
    }  # fmt: skip
    found = tables(old)
    assert not any(leak in stored(old) for leak in LEAKS)
    assert ledger_closes(old) > 0
    assert _redact.redacted_with(begin(old, DAY)) == {DAY: redaction.REDACTION_VERSION}
    assert {stage for _, stage in stages.stale_days(old)} == {"features", "profile", "publish"}
    list(stages.run_days(old, DAY, DAY, ["features", "profile", "publish"]))
    assert stages.stale_days(old) == []
    # The same as from the drop.
    Path(old.landing).rmdir()
    shutil.move(away, old.landing)
    assert (DAY, "ingest") in stages.stale_days(old)  # it can be ingested anew
    stages.ingest(old, DAY)
    again = tables(old)
    assert {name: again[name] for name in INGESTED} == {name: found[name] for name in INGESTED}


def test_redacting_twice_changes_nothing(old: Settings) -> None:
    stages.redact(old, DAY)
    held = [begin(old, DAY).lake.version(name) for name in ("days", "interactions")]
    again = stages.redact(old, DAY)
    assert (again.state, again.counts) == (stages.CURRENT, {})
    assert [begin(old, DAY).lake.version(name) for name in ("days", "interactions")] == held
    said = profiling("redact", "--day", DAY, **environment_of(old))
    assert said.stdout == f"{DAY} is redacted by the rules of today; nothing was done\n"


def test_a_redaction_that_was_killed_is_repaired_by_the_same_call(
    old: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Lake.replace

    def killed(self: Lake, name: str, *rest: object) -> None:
        if name == "quarantine":
            raise KeyboardInterrupt
        replace(self, name, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as dying:
        dying.setattr(Lake, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            stages.redact(old, DAY)
    assert stages.days_to_redact(old) == [DAY]
    stages.redact(old, DAY)
    assert not any(leak in stored(old) for leak in LEAKS)
    assert stages.days_to_redact(old) == []


def test_what_cannot_be_redacted_is_refused(old: Settings) -> None:
    with pytest.raises(InputError, match="2026-06-16 holds nothing to redact"):
        stages.redact(old, NEXT)
    other = old.model_copy(update={"pseudonym_key": type(old.pseudonym_key)("another key of sixteen and more")})
    with pytest.raises(SettingsError, match="PSEUDONYM_KEY"):
        stages.redact(other, DAY)
