"""What the demo and the scheduler tests stand on: processes that end, ports that are free, objects that outlive the server."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.dags.home import ROOT

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deep = int(sys.argv[1])
if deep:
    subprocess.Popen([sys.executable, __file__, str(deep - 1)], process_group=0)  # leaves the group, as Airflow's tasks do
open(f"{os.path.dirname(os.path.abspath(__file__))}/{deep}.pid", "w").write(str(os.getpid()))
time.sleep(600)
"""


def test_stop_ends_the_whole_family_even_if_it_ignores_the_signal(tmp_path: Path) -> None:
    import psutil
    from processes import spawn, stop

    (tmp_path / "stubborn.py").write_text(STUBBORN)
    root = spawn([sys.executable, str(tmp_path / "stubborn.py"), "2"], {}, tmp_path / "log", tmp_path)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len([f for f in tmp_path.glob("*.pid") if f.read_text()]) < 3:
        time.sleep(0.05)
    pids = [int(file.read_text()) for file in tmp_path.glob("*.pid")]
    assert len(pids) == 3
    assert all(psutil.pid_exists(pid) for pid in pids)
    stop([root], patience_s=0.5)
    alive = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert alive == []


def test_a_taken_port_is_one_sentence_with_the_fix() -> None:
    from processes import Problem, free_port, require_port

    require_port(free_port(), "never read")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            Problem, match=rf"^port {port} is taken by another program: stop it, or run `make demo PORT=1`$"
        ):
            require_port(port, "run `make demo PORT=1`")


def test_objects_outlive_the_server(tmp_path: Path) -> None:
    from local_s3 import BUCKET, LocalS3

    with LocalS3(tmp_path / "s3", tmp_path / "s3.log") as first:
        first._client().put_object(Bucket=BUCKET, Key="profiles/day=2026-06-15/manifest.json", Body=b"{}")
    file = tmp_path / "s3" / "profiles" / "day=2026-06-15" / "manifest.json"
    assert file.read_bytes() == b"{}"
    written = file.stat().st_mtime_ns
    with LocalS3(tmp_path / "s3", tmp_path / "s3.log") as second:
        assert second.objects() == {"profiles/day=2026-06-15/manifest.json": 2}
        port = second.port
    assert file.stat().st_mtime_ns == written, "what is the same is not touched"
    from processes import answers

    assert not answers(port), "the server has ended"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--source", "amazon_reviews"],
            "a real file needs all four: SOURCE=amazon_reviews INPUT=path FROM=YYYY-MM-DD",
        ),
        (["--source", "x", "--input", "no", "--from", "2014-02-30", "--to", "2014-03-30"], "FROM and TO are days"),
        (["--source", "x", "--input", "no", "--from", "2014-03-31", "--to", "2014-03-30"], "TO=2014-03-30 is before"),
        (["--source", "x", "--input", "no", "--from", "2014-02-03", "--to", "2014-03-30"], "INPUT=no: no such file"),
    ],
)
def test_the_demo_says_what_a_wrong_call_lacks(arguments: list[str], sentence: str) -> None:
    done = subprocess.run([sys.executable, "scripts/demo.py", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("stopped: ")
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_demo_that_has_ended_is_read_by_its_folders_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import demo

    from profiling.settings import Settings

    home = tmp_path / "it's a #1" / "demo"
    home.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith("PROFILING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PROFILING_EMBEDDING", "static")
    settings = {
        "PROFILING_LANDING": str(home / "landing"),
        "PROFILING_LAKE": str(home / "lake"),
        "PROFILING_CACHE": str(tmp_path / "it's a #1" / "cache"),
        "PROFILING_PUBLISH": "s3://profiles",
    }
    (home / ".env").write_text(
        "PROFILING_PSEUDONYM_KEY=0123456789abcdef0123456789abcdef\nPROFILING_TIMEZONE=Asia/Tokyo\n"
    )
    demo.write_env(home, settings)
    monkeypatch.delenv("PROFILING_EMBEDDING")
    monkeypatch.chdir(home)
    found = Settings.load()
    assert (found.lake, found.landing, found.publish) == (str(home / "lake"), str(home / "landing"), str(home / "s3"))
    assert (str(found.cache), found.embedding) == (settings["PROFILING_CACHE"], "static")
    assert (found.s3_endpoint, found.timezone) == (None, "Asia/Tokyo")
    assert found.key() == b"0123456789abcdef0123456789abcdef", "an older demo's key stays"
    assert (home / ".env").stat().st_mode & 0o777 == 0o600
    demo.write_env(home, settings)
    assert Settings.load().embedding == "english", "each start says its own"
    again = home.with_name("moved")
    home.rename(again)
    monkeypatch.chdir(again)
    assert Settings.load().lake == str(again / "lake")


def test_the_demo_names_the_command_of_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    import demo

    monkeypatch.setattr(demo.sys, "executable", str(ROOT / ".venv" / "bin" / "python"))
    said = demo.command_for(demo.parse([])[0], demo.SAMPLE_CUSTOMER)
    assert f"`{said}`" in (ROOT / "README.md").read_text("utf-8")


def test_the_demo_says_who_is_no_customer_of_the_shop() -> None:
    import demo

    known, looked = {"view": 3, "purchase": 1}, {"view": 3}
    said = {"city": {"value": "Boston"}}
    profiles = [(said, known), (said, looked), ({}, looked), ({}, known)]
    shop = [{"attributes": stated, "activity": {"counts": counts}} for stated, counts in profiles]
    assert demo.visitors(shop) == "; 1 are visitors known by their device alone"
    assert demo.visitors(shop[:2]) == ""


def test_a_task_log_gives_the_raised_error_and_not_its_cause() -> None:
    from local_airflow import last_error

    lines = [
        {"event": "start"},
        {
            "error_detail": [
                {"exc_type": "SettingsError", "exc_value": "no day"},
                {"exc_type": "ValueError", "exc_value": "x"},
            ]
        },
    ]
    assert last_error(lines) == "SettingsError: no day"
    assert last_error([{"event": "start"}]) == "the log names no error"


PROGRAM = """
import time
from processes import end_through_finally
end_through_finally()
try:
    print("up", flush=True)
    time.sleep(60)
finally:
    time.sleep(0.5)
    print("tidy", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_program_through_its_finally_blocks_even_when_sent_twice(number: signal.Signals) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT / "scripts",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    program.send_signal(number)
    time.sleep(0.2)
    program.send_signal(number)
    assert program.communicate(timeout=10)[0] == "tidy\n"
