"""Training as a process on the worker, and what the end of a trainer means wherever it ran."""

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tests.dags.home  # noqa: F401 - sets Airflow's home
from profiling.errors import SettingsError
from tests.dags.trainer import write_trainer

AS_OF = "2026-06-21"


@pytest.fixture
def task(tmp_path: Path) -> Any:
    """The task as the DAG makes it, with the trainer in miniature as its command."""
    from training_task import train_arguments, training_task

    script = str(write_trainer(tmp_path / "trainer"))

    def make(target: str, **overrides: Any) -> Any:
        return training_task(train_arguments(AS_OF, target), command=(script,), **overrides)

    return make


def test_the_default_is_a_process_that_runs_the_real_command() -> None:
    from training_task import LocalTraining, train_arguments, training_task

    made = training_task(train_arguments(AS_OF, "churn"))
    assert type(made) is LocalTraining
    assert made.task_id == "train"
    assert made.retries == 2
    assert [*made.cmds, *made.arguments] == [
        sys.executable, "-m", "profiling", "train", "--as-of", AS_OF, "--json", "--target", "churn",
    ]  # fmt: skip
    assert made.map_index_template == "{{ task.arguments[-1] }}"


def test_a_result_comes_back_and_the_log_is_the_tasks(
    task: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILING_PSEUDONYM_KEY", "never-for-a-trainer-0123456789")
    monkeypatch.setenv("PROFILING_BUCKETS", "4")
    result = task("churn").execute({})
    assert result["environment"]["PROFILING_BUCKETS"] == "4"
    assert "never-for-a-trainer" not in str(result)
    assert (result["target"], result["as_of"], result["sha"]) == ("churn", AS_OF, "ab" * 8)
    assert f"INFO: training churn as of {AS_OF}" in capsys.readouterr().out


def started(made: Any) -> tuple[threading.Thread, list[BaseException]]:
    """Run the task in a thread, as Airflow would in its main one; what it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            made.execute({})
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_lines_are_seen_while_it_runs(task: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = task("long")
    thread, errors = started(made)
    deadline, seen = time.monotonic() + 20, ""
    while "training long" not in seen and time.monotonic() < deadline:
        seen += capsys.readouterr().out
        time.sleep(0.05)
    assert thread.is_alive()
    made.on_kill()
    thread.join(10)
    assert "training long" in seen
    assert "stopped by SIGTERM" in str(errors[0])


@pytest.mark.parametrize(
    ("target", "is_permanent", "sentence"),
    [
        ("gate", True, r"^GateFailed: churn has 12 positive customers, at least 50 are needed; train a later week$"),
        ("usage", True, r"^SettingsError: PROFILING_LAKE is empty; set it$"),
        ("not_ready", False, r"^NotReady: 2026-06-21 has no features yet; run features first \(code 1\)$"),
        ("crash", False, r"^ConnectionError: the bucket did not answer \(code 1\)$"),
        ("stopped", False, r"^the trainer was stopped by SIGTERM; it is tried again$"),
        ("killed", False, r"^the trainer was killed \(SIGKILL\), .* set PROFILING_TRAINING_PROFILE=gpu \(48Gi\)$"),
        ("silent", True, r"^the command ended with code 0 but wrote no JSON to the file of XCOM_PATH"),
    ],
)
def test_the_commands_own_sentence_is_the_tasks_error(
    task: Any, target: str, is_permanent: bool, sentence: str
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException, match=sentence) as error:
        task(target).execute({})
    assert isinstance(error.value, AirflowFailException) == is_permanent


def test_a_kill_reaches_the_trainer_and_what_it_started(task: Any) -> None:
    import psutil

    made = task("longer", grace_seconds=1.0)
    thread, errors = started(made)
    deadline = time.monotonic() + 20
    children: list[Any] = []
    while not children and time.monotonic() < deadline:
        if made._process:
            children = psutil.Process(made._process.pid).children()
        time.sleep(0.05)
    time.sleep(0.5)  # the child has learned to ignore SIGTERM
    began = time.monotonic()
    made.on_kill()
    thread.join(10)
    assert time.monotonic() - began < 4.5, "Airflow kills the task after 5 s"
    assert "stopped by SIGTERM" in str(errors[0])
    _, alive = psutil.wait_procs(children, timeout=3)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_several_processes_are_started_by_torchrun(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import training_task
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    monkeypatch.setitem(training_task.PROFILES, "multi-gpu", training_task.Resources(2, "1Gi", gpus=2))
    monkeypatch.setenv("PROFILING_TRAINING_PROFILE", "multi-gpu")
    assert task("churn").execute({})["processes"] == 2
    with pytest.raises(AirflowException, match=r"^(SettingsError: PROFILING_LAKE is empty; set it|.*code 2)") as error:
        task("usage").execute({})
    assert isinstance(error.value, AirflowFailException)
    assert "torch" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "tail", "kind", "sentence"),
    [
        (1, "starting\nGateFailed: too few\n", "fail", "GateFailed: too few"),
        (1, "InputError: no table 'x';\nmake it with `profiling ingest`", "fail",
            "InputError: no table 'x';\nmake it with `profiling ingest`"),
        (1, '  File "/app/x.py", line 3, in f\nOSError: reset', "retry", "OSError: reset (code 1)"),  # the head was cut off
        (2, "Usage: profiling train\nNo such option: --asof", "fail", "No such option: --asof"),
        (2, "", "fail", "the trainer ended with code 2; its own words are in the log, if it had any"),
        (137, "", "retry", "the trainer was killed (SIGKILL), most often because 16Gi of memory were too little; "
            "if it happens again, set PROFILING_TRAINING_PROFILE=gpu (48Gi)"),
        (-signal.SIGSEGV, "", "retry", "the trainer was stopped by SIGSEGV; it is tried again"),
        (143, "", "retry", "the trainer was stopped by SIGTERM; it is tried again"),
        (99, "odd", "retry", "odd (code 99)"),
    ],
)  # fmt: skip
def test_what_an_end_means(code: int, tail: str, kind: str, sentence: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException
    from training_task import PROFILES, failure

    error = failure(code, tail, PROFILES["cpu"])
    assert str(error) == sentence
    assert isinstance(error, AirflowFailException) == (kind == "fail")


def test_a_setting_of_training_is_known_to_the_domain_and_a_typo_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_task import TrainingSettings

    from profiling.settings import FOREIGN, Settings

    assert {name.upper() for name in TrainingSettings.model_fields} <= FOREIGN
    monkeypatch.setenv("PROFILING_TRAINING", "local")
    Settings.load()
    monkeypatch.setenv("PROFILING_TRAINER_IMAG", "r.io/t:1")
    with pytest.raises(SettingsError, match=r"did you mean PROFILING_TRAINER_IMAGE\?"):
        Settings.load()


def test_where_training_runs_may_stand_in_the_env_file(tmp_path: Path) -> None:
    from training_task import TrainingSettings

    assert Path.cwd() == tmp_path
    Path(".env").write_text("PROFILING_TRAINING=kubernetes\nPROFILING_TRAINING_PROFILE=gpu\n")
    found = TrainingSettings.load()
    assert (found.training, found.training_profile) == ("kubernetes", "gpu")
