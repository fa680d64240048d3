"""The pseudonym key: where it comes from, that nothing shows it, and that a rotation changes no id and ends the old key."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiling import stages
from profiling.errors import InputError, SettingsError
from profiling.lake import Lake
from profiling.profiles.show import find_profile
from profiling.rights import requests
from profiling.rights.export import customer_of_identifier
from profiling.rights.keys import ENVELOPE, pseudonym_key, rekey
from profiling.settings import Settings, set_key_backend
from profiling.status import status
from tests import command
from tests.rights.worlds import DAY, NEXT, drop, erase, event, identity, run_all
from tests.worlds import KEY, documents, tables

ROOT = Path(__file__).parents[2]
NEW, NEWER = "another key of more than sixteen", "a third key of more than sixteen"


def under(settings: Settings, key: str) -> Settings:
    return Settings(**settings.model_dump() | {"pseudonym_key": key})


def test_a_rotation_changes_no_id_and_ends_the_old_key(settings: Settings) -> None:
    drop(settings, [event(1), event(2, "bob")])
    run_all(settings, DAY)
    before = tables(settings)
    name = rekey(settings, lambda: NEW)
    rotated = under(settings, NEW)
    assert pseudonym_key(Lake(settings.lake), rotated) == KEY.encode()
    assert rekey(rotated, lambda: NEWER + "\n") == name
    newest = under(settings, NEWER)
    drop(newest, [event(3, day=NEXT)], NEXT)
    run_all(newest, DAY, NEXT)
    assert set(before["interactions"]) < set(tables(settings)["interactions"])
    assert set(documents(settings, NEXT)) == {identity(settings, "ann"), identity(settings, "bob")}
    assert find_profile(newest, "customer:ann", None)["customer_id"] == identity(settings, "ann")
    for old in (settings, rotated):
        with pytest.raises(
            SettingsError, match=r"is not the key this lake was made with.*rotated by `profiling rekey`"
        ):
            stages.ingest(old, DAY)
        with pytest.raises(SettingsError, match="is not the key"):
            find_profile(old, "customer:ann", None)
    assert list(stages.run_days(newest, DAY, NEXT)) == []  # the rotation made nothing stale


def test_the_list_of_suppressed_people_survives_a_rotation(settings: Settings) -> None:
    erase(settings, identity(settings, "ann"))
    drop(settings, [event(1), event(2, "bob")])
    stages.ingest(settings, DAY)
    rekey(settings, lambda: NEW)
    drop(settings, [event(1, day=NEXT), event(2, "bob", NEXT)], NEXT)
    assert stages.ingest(under(settings, NEW), NEXT).counts["suppressed"] == 1


def test_a_rotation_with_the_wrong_key_or_to_a_bad_one_changes_nothing(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    with pytest.raises(SettingsError, match="is not the key this lake was made with"):
        rekey(under(settings, NEW), lambda: pytest.fail("the new key must not be asked for"))
    for wrong, said in (
        ("short", "the new key is shorter than 16"),
        ("", "the new key is shorter than 16"),
        (KEY, "the new key is the old one"),
    ):
        with pytest.raises(SettingsError, match=said):
            rekey(settings, lambda wrong=wrong: wrong)
    assert Lake(settings.lake).get_json(ENVELOPE) is None
    stages.ingest(settings, DAY)


def test_another_key_finds_nobody_missing_and_erases_nobody(settings: Settings) -> None:
    folder = drop(settings, [event(1), event(2, "bob")])
    stages.ingest(settings, DAY)
    request = requests.ask(settings, ["customer:ann"])
    held, other = (folder / "rows.jsonl").read_bytes(), under(settings, NEW)
    for ask in (
        lambda: customer_of_identifier(other, "customer:ann"),
        lambda: requests.ask(other, ["customer:ann"]),
        lambda: stages.erase(other, request.id, dry_run=True),
        lambda: stages.erase(other, request.id, is_alone=True),
    ):
        with pytest.raises(SettingsError, match="is not the key this lake was made with"):
            ask()
    assert requests.open_requests(Lake(settings.lake)) == [request.id]
    assert (folder / "rows.jsonl").read_bytes() == held
    assert Lake(settings.lake).read("suppressions").empty


def test_the_envelope_holds_neither_key_and_a_damaged_one_is_said(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    rekey(settings, lambda: NEW)
    file = Path(settings.lake, ENVELOPE)
    held = file.read_text()
    assert KEY not in held
    assert NEW not in held
    envelope = json.loads(held)
    for damaged in (json.dumps(envelope | {"sealed": "?"}), held[:-9]):
        file.write_text(damaged)
        with pytest.raises(InputError, match=r"is damaged .*; restore it from a backup"):
            stages.ingest(under(settings, NEW), DAY)
    file.write_text(json.dumps(envelope | {"key": "0" * 32}))  # its name is sealed with it
    with pytest.raises(SettingsError, match="is not the key"):
        stages.ingest(under(settings, NEW), DAY)


def test_the_key_comes_from_the_environment_a_file_or_a_backend(monkeypatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(NEW + "\n")
    monkeypatch.setenv("PROFILING_PSEUDONYM_KEY_FILE", str(file))
    assert Settings.load().key() == NEW.encode()
    monkeypatch.setenv("PROFILING_PSEUDONYM_KEY", KEY)
    assert Settings.load().key() == KEY.encode()
    monkeypatch.delenv("PROFILING_PSEUDONYM_KEY")
    file.unlink()
    with pytest.raises(SettingsError, match=r"PSEUDONYM_KEY_FILE=.*cannot be read: FileNotFoundError"):
        Settings.load().key()
    monkeypatch.delenv("PROFILING_PSEUDONYM_KEY_FILE")
    try:
        set_key_backend(lambda: NEWER)
        assert Settings.load().key() == NEWER.encode()
    finally:
        set_key_backend(None)
    with pytest.raises(SettingsError, match="PROFILING_PSEUDONYM_KEY is not set"):
        Settings.load().key()


def test_no_repr_status_log_ledger_or_file_shows_the_key(settings: Settings, caplog, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    drop(settings, [event(1), "{broken"])  # type: ignore[list-item]
    with pytest.raises(Exception):  # noqa: B017, PT011  # the message is looked at below, whichever gate it is
        stages.ingest(settings, DAY)
    drop(settings, [event(1)])
    run_all(settings, DAY)
    outcome = stages.ingest(settings, DAY)
    rekey(settings, lambda: NEW)
    shown = [repr(settings), str(settings), settings.model_dump_json(), json.dumps(status(settings)), caplog.text]
    shown += [json.dumps(outcome.asdict()), Lake(settings.lake).read("days").to_string()]
    assert not [each for each in shown if KEY in each or NEW in each]
    secrets = (KEY.encode(), NEW.encode())
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 20
    assert not [path for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_the_command_reads_the_new_key_from_a_pipe_and_prints_none(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PROFILING_LAKE": settings.lake,
        "PROFILING_PSEUDONYM_KEY": KEY,
    }
    call = [sys.executable, "-m", "profiling", "rekey"]
    done = subprocess.run(call, input=NEW + "\n", capture_output=True, text=True, env=environment, check=True)
    assert "Every id is what it was" in done.stdout
    assert NEW not in done.stdout + done.stderr
    assert pseudonym_key(Lake(settings.lake), under(settings, NEW)) == KEY.encode()
    again = command.run("rekey", environment=environment, typed=NEWER)
    assert again.returncode == 2
    assert "is not the key this lake was made with" in again.stderr


def test_airflow_gives_the_key_from_its_backends_and_only_when_asked(tmp_path: Path) -> None:
    """A real Airflow variable from the environment backend, in a process of its own: the DAG file, then the key."""
    code = (
        "import apply_retention; from profiling.settings import Settings\n"
        "settings = Settings.load(); print('key' if settings.key() == b'" + NEW + "' else 'none')"
    )
    environment = {
        **os.environ, "PYTHONPATH": f"{ROOT}/dags:{ROOT}/plugins:{ROOT}", "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_VAR_PROFILING_PSEUDONYM_KEY": NEW, "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "key"
    assert NEW not in done.stdout + done.stderr
