"""The command line: exit codes, one sentence for an error, data for programs; a day also in a process of its own."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from profiling.settings import Settings
from tests import command
from tests.behaviour.protocols.worlds import write_reviews
from tests.stages.test_stages import DAY, drop, purchase, review
from tests.worlds import KEY

COMMANDS = (
    "sample", "land", "ingest", "features", "train", "promote", "profile", "publish", "run", "show", "predict", "status", "days",
    "erase", "evaluate", "export", "identity", "quarantine", "redact", "rekey", "requeue", "retain", "correct",
    "topics",
)  # fmt: skip


@pytest.fixture
def shop(settings, tmp_path: Path) -> dict[str, str]:
    """The environment of a small shop with one day run."""
    drop(settings, [purchase(1), review(2, "A lovely guitar with a warm tone, and quick delivery.")])
    return environment_of(settings)


def environment_of(settings: Settings) -> dict[str, str]:
    return {
        "PROFILING_LANDING": settings.landing,
        "PROFILING_LAKE": settings.lake,
        "PROFILING_PUBLISH": settings.publish,
        "PROFILING_CACHE": str(settings.cache),
        "PROFILING_PSEUDONYM_KEY": KEY,
        "PROFILING_EMBEDDING": "static",
    }


def profiling(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PROFILING_")}
    return command.run(*arguments, environment={**clean, **environment})


def a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PROFILING_")}
    source = str(Path(__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "profiling", *arguments],
        env={**clean, "PYTHONPATH": source, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_help_lists_what_works_and_nothing_else() -> None:
    shown = a_process("--help").stdout
    listed = [
        line.split()[0] for line in shown.split("Commands", 1)[1].splitlines() if line.startswith("  ") and line.split()
    ]
    assert sorted(name for name in listed if name.isalpha() and name.islower()) == sorted(COMMANDS)


def test_a_day_from_drop_to_profile(shop: dict[str, str]) -> None:
    done = a_process("run", "--from", DAY, "--to", DAY, "--json", **shop)
    assert done.returncode == 0, done.stderr
    assert [outcome["stage"] for outcome in json.loads(done.stdout)] == ["ingest", "features", "profile", "publish"]
    shown = profiling("show", "customer:ann", "--json", **shop)
    document = json.loads(shown.stdout)
    assert document["consumption"]["spend"] == {"USD": 10.0}
    readable = profiling("show", document["customer_id"], **shop)
    assert document["persona"]["text"].split(".")[0] in " ".join(readable.stdout.split())
    assert "A lovely guitar" in readable.stdout
    looked = profiling("identity", "--day", DAY, "--customer", "customer:ann", **shop)
    assert f"customer_id: {document['customer_id']}" in looked.stdout
    assert (
        "one of them at a time"
        in profiling("identity", "--day", DAY, "--customer", "x", "--preview", "y", **shop).stderr
    )
    assert json.loads(profiling("status", "--json", **shop).stdout)["newest released day"]["publish"] == DAY
    (row,) = json.loads(profiling("days", "--json", **shop).stdout)
    assert (row["read"], row["stored"], row["publish"]) == (2, 2, "released")


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "sentence"),
    [
        (("ingest", "--day", "yesterday"), {}, 2, "'yesterday' is not a day; write it as YYYY-MM-DD"),
        (("ingest", "--day", DAY), {"PROFILING_PSEUDONYM_KEY": ""}, 2, "PROFILING_PSEUDONYM_KEY is not set"),
        (("ingest", "--day", DAY), {"PROFILING_BUKETS": "2"}, 2, "did you mean PROFILING_BUCKETS?"),
        (("ingest",), {}, 2, "Missing option '--day'"),
        (("fly",), {}, 2, "No such command 'fly'"),
        (("features", "--day", DAY), {}, 2, "there is no lake at PROFILING_LAKE="),
        (("status",), {}, 2, "make a lake there by taking in a first day: `profiling run --from D --to D`"),
        (("land", "shop", "x.json"), {}, 2, "no collector 'shop'"),
        (("land", "events", "missing.json"), {}, 1, "missing.json"),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(
    shop: dict[str, str], arguments: tuple[str, ...], environment: dict[str, str], code: int, sentence: str
) -> None:
    failed = profiling(*arguments, **{**shop, **environment})
    assert failed.returncode == code, failed.stderr
    assert sentence in " ".join(failed.stderr.split())
    assert "Traceback" not in failed.stderr


def test_a_failed_gate_is_exit_code_1(settings, shop: dict[str, str]) -> None:
    drop(settings, ["{broken"])
    failed = a_process("ingest", "--day", DAY, **shop)
    assert failed.returncode == 1
    assert "GateFailed" in failed.stderr
    assert "1 of 1 rows were rejected" in failed.stderr


def test_the_package_needs_no_airflow() -> None:
    code = (
        "import sys, profiling.__main__, profiling.stages, profiling.status, profiling.publish;"
        "sys.exit(any(name == 'airflow' or name.startswith('airflow.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent).returncode == 0


def test_a_protocol_measures_and_writes_json(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "reviews.json", customers=30)
    places = {"PROFILING_CACHE": str(tmp_path / "cache")}
    call = ("evaluate", "satisfied", "--input", str(path), "--models", "lexicons,words", "--folds", "1")
    shown = profiling(*call, "--out", str(tmp_path / "new" / "report.json"), **places)
    assert shown.returncode == 0, shown.stderr
    assert "logit-mean(TF-IDF, MiniLM) (baseline)" in shown.stdout
    assert "Goal: AUC of .930" in shown.stdout
    printed = json.loads(profiling(*call, "--json", **places).stdout)
    assert printed == json.loads((tmp_path / "new" / "report.json").read_text())
    assert list(printed["evaluations"]) == ["lexicons", "words"]


@pytest.mark.parametrize("options", [(), ("--quiet",)])
def test_a_protocol_says_on_a_terminal_how_far_it_is(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = write_reviews(tmp_path / "reviews.json", customers=10)
    call = [*options, "evaluate", "satisfied", "--input", str(path), "--models", "lexicons", "--folds", "1"]
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "profiling", *call],
        env=os.environ | {"PROFILING_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=follower,
        cwd=Path(__file__).parent.parent,
    )
    os.write(follower, b"end")
    told = os.read(leader, 65536).decode()
    os.close(leader)
    os.close(follower)
    assert done.returncode == 0, told
    assert ("models, by draws" in told) == (not options)


@pytest.mark.slow
def test_a_terminal_is_told_before_the_static_encoder_is_made(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "reviews.json", customers=10)
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "profiling", "evaluate", "keywords", "--input", str(path), "--models", "first_nouns"],
        env=os.environ | {"PROFILING_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=follower,
        cwd=Path(__file__).parent.parent,
    )
    os.write(follower, b"end")
    told = " ".join(os.read(leader, 65536).decode().split())
    os.close(leader)
    os.close(follower)
    assert done.returncode == 0, told
    assert "distilling static@" in told


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ("evaluate", "fly", "--input", "x"),
            2,
            "no protocol 'fly'; there are aspects, embedding, facts, keywords, redaction, returns, satisfied",
        ),
        (("evaluate", "returns"), 2, "0 files given; this protocol reads one --input"),
        (("evaluate", "returns", "--input", "missing.json"), 1, "missing.json cannot be read"),
        (("evaluate", "aspects", "--input", "missing.zip"), 1, "there is no missing.zip; --input is NLTK's corpus"),
        (
            ("evaluate", "aspects", "--input", __file__),
            1,
            "test_cli.py is neither a folder nor a zip; --input is NLTK's",
        ),
        (("evaluate", "returns", "--input", "x", "--models", "lstm"), 2, "there are recency, logistic_regression"),
        (("evaluate", "satisfied", "--input", "x.txt"), 2, "one whose name ends in pos.txt"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    failed = profiling(*arguments)
    assert failed.returncode == code
    assert sentence in " ".join(failed.stderr.split())
    assert "Traceback" not in failed.stderr


def test_what_was_rejected_comes_back_repaired(settings, tmp_path: Path) -> None:
    drop(settings, [purchase(1), purchase(2, rating=9)])
    shop = environment_of(settings) | {"PROFILING_MAX_REJECTS": "1"}
    assert profiling("ingest", "--day", DAY, **shop).returncode == 0
    shown = profiling("quarantine", "--day", DAY, **shop)
    assert "1 rows in quarantine" in shown.stdout
    assert "rating_out_of_range (rating)" in shown.stdout
    assert "rows.jsonl:2" in shown.stdout
    file = tmp_path / "repaired.jsonl"
    file.write_text(json.dumps(purchase(2)) + "\n")
    call = ("requeue", "--day", DAY, "--file", str(file), "--source", "events")
    sent = profiling(*call, "--json", **shop)
    assert json.loads(sent.stdout)["rows"] == 1, sent.stderr
    again = profiling(*call, **shop)
    assert again.returncode == 1
    assert "was sent back before" in again.stderr
    files = json.loads(profiling("days", "--files", "--json", **shop).stdout)
    assert [(row["file"], row["read"]) for row in files] == [("rows.jsonl", 2)]


def test_redact_says_when_there_is_nothing_to_do(shop: dict[str, str]) -> None:
    assert profiling("ingest", "--day", DAY, **shop).returncode == 0
    every = profiling("redact", "--all", **shop)
    assert (every.returncode, every.stdout.strip()) == (0, "every day is redacted by the rules of today")
    one = profiling("redact", "--day", DAY, "--json", **shop)
    assert [outcome["state"] for outcome in json.loads(one.stdout)] == ["current"]
    neither = profiling("redact", **shop)
    assert neither.returncode == 2
    assert "name one day with --day, or all of them with --all" in " ".join(neither.stderr.split())
