"""Where a model is trained: as a process on the worker or as a pod in a cluster. The same command line, task id and result.
The buckets of `features` run in such pods too, where `PROFILING_FEATURES=kubernetes`: encoders like a GPU as well.

`PROFILING_TRAINING` decides while the DAG file is parsed, so that a run shows the one task that runs and no skipped twin.
The command writes its small result (metrics and keys, never data) as JSON to the file that `XCOM_PATH` names; both tasks
return it. What the command's end means is said once, here in `failure`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from profiling.errors import SettingsError
from profiling.settings import PREFIX, Settings

COMMAND = ("-m", "profiling")  # what Python is given; tests give their own

TARGET_NAME = "{{ task.arguments[-1] }}"  # what the UI shows instead of a map index; see `train_arguments`

# A pod or a process that is lost takes hours of work with it, but so does a fourth try of what cannot work.
DEFAULTS = {"retries": 2, "retry_delay": timedelta(minutes=5)}

TAIL_LINES = 80  # as much as Kubernetes keeps for a container's last words


class Where(BaseSettings):
    """From the environment and `.env` like `profiling.settings`, whose prefix they share."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    @classmethod
    def load(cls) -> Self:
        """Raises:
        SettingsError: a value that is none of the allowed.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise SettingsError(
                f"{name} is {first['input']!r}, not {first.get('ctx', {}).get('expected', 'that')}; set it to one of these"
            ) from error


class TrainingSettings(Where):
    """Where training runs."""

    training: Literal["local", "kubernetes"] = "local"
    training_profile: Literal["cpu", "gpu", "multi-gpu"] = "cpu"
    trainer_image: str = ""
    training_namespace: str | None = None  # none: the connection's, else the one Airflow itself runs in
    training_service_account: str = "profiling-trainer"
    training_secret: str | None = None  # the Kubernetes Secret with S3 keys; none: credentials by service account
    training_volume_claim: str | None = None
    training_mount: str | None = None  # where the claim is mounted; none: at the lake


class FeaturesSettings(Where):
    """Where texts are read. Apart, so that a mistake in those of training does not stop the days."""

    features: Literal["local", "kubernetes"] = "local"
    features_profile: Literal["cpu", "gpu"] = "gpu"
    features_cache_claim: str | None = None  # a volume that keeps the pods' cache; none: it goes with the pod


@dataclass(frozen=True)
class Resources:
    """A named size of machine. Memory is request and limit at once: a pod that relies on its neighbours' memory dies with them.
    CPU has no limit: idle cores are lent, and a throttled trainer only holds its machine longer.
    """

    cpus: int
    memory: str
    gpus: int = 0

    @property
    def processes(self) -> int:
        """One process for each GPU, as torch's DistributedDataParallel wants it."""
        return max(1, self.gpus)


PROFILES = {
    # Gradient-boosted trees of some million rows; fits beside others on an ordinary node.
    "cpu": Resources(4, "16Gi"),
    # One accelerator, and the cores that keep it fed.
    "gpu": Resources(8, "48Gi", gpus=1),
    # Half of the usual node of eight; larger than one node would need an operator of its own (PyTorchJob).
    "multi-gpu": Resources(32, "192Gi", gpus=4),
}


@dataclass(frozen=True)
class Job:
    """What a command does, as its errors call it, and where its machine is set.

    Attributes:
        name: the noun of a sentence.
        setting: the setting that names its profile.
        profiles: those it may have, the smallest first.
        deadline_in: the file that says how long a pod of it may run.
        image: the setting that names its image.
    """

    name: str
    setting: str
    profiles: tuple[str, ...]
    deadline_in: str
    image: str = f"{PREFIX}TRAINER_IMAGE"

    def bigger(self, resources: Resources) -> str:
        """What to set where memory was too little."""
        larger = [name for name in self.profiles if PROFILES[name].gpus > resources.gpus]
        if not larger:
            return "a profile with more memory in plugins/training_task.py"
        return f"{self.setting}={larger[0]} ({PROFILES[larger[0]].memory})"


JOBS = {
    "training": Job("the trainer", f"{PREFIX}TRAINING_PROFILE", ("cpu", "gpu", "multi-gpu"), "plugins/training_pod.py"),
    "features": Job(
        "the reading of texts", f"{PREFIX}FEATURES_PROFILE", ("cpu", "gpu"), "features_task of plugins/training_task.py"
    ),
}


def train_arguments(as_of: str, target: str) -> list[str]:
    """The command's arguments for one model. The target stands last: `TARGET_NAME` shows it."""
    return ["train", "--as-of", as_of, "--json", "--target", target]


def features_arguments(day: str, bucket: int) -> list[str]:
    """The command's arguments for one bucket of a day."""
    return ["features", "--day", day, "--json", "--bucket", str(bucket)]


def command_line(python: str, resources: Resources, command: Sequence[str] = COMMAND) -> list[str]:
    """The command without its arguments; under torchrun where there is more than one process."""
    if resources.processes == 1:
        return [python, *command]
    # `--standalone`: one machine, a free port, so that two trainings on one node do not meet.
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(resources.processes))
    return [python, *torchrun, *command]


def training_task(
    arguments: Any, *, task_id: str = "train", command: Sequence[str] = COMMAND, **overrides: Any
) -> BaseOperator:
    """The task that runs `profiling train`; its result is the command's JSON.

    Args:
        arguments: the command's arguments, or what a mapped task group stands in for them: one task instance a list.
        task_id: the same wherever it runs.
        command: what Python is given before the arguments.
        overrides: of the operator's defaults.

    Raises:
        SettingsError: training is to run in pods, and something they need is missing; so the DAG file does not import, and
            its error names the fix.
    """
    where = TrainingSettings.load()
    if where.training == "kubernetes":
        return _pod(where, arguments, task_id, command, overrides)
    defaults = {"task_id": task_id, "arguments": arguments, "map_index_template": TARGET_NAME, **DEFAULTS}
    line = command_line(sys.executable, PROFILES[where.training_profile], command)
    return LocalTraining(**{"cmds": line, "resources_name": where.training_profile, **defaults, **overrides})


def features_in_pods() -> bool:
    """Whether the buckets of a day's texts are read in pods and not in the tasks themselves."""
    return FeaturesSettings.load().features == "kubernetes"


def features_task(arguments: Any, *, command: Sequence[str] = COMMAND, **overrides: Any) -> BaseOperator:
    """The task that runs `profiling features` for one bucket in a pod like a trainer's; its result is the command's JSON.

    Raises:
        SettingsError: something that pods need is missing, as in `training_task`; or media are to be read, whose server and key
            no pod is given.
    """
    where = TrainingSettings.load()
    if Settings.load().media_hosts:
        raise SettingsError(
            f"{PREFIX}FEATURES=kubernetes and {PREFIX}MEDIA_HOSTS: pods read texts only; unset one of the two"
        )
    own = FeaturesSettings.load()
    where = where.model_copy(update={"training_profile": own.features_profile})
    named = {
        "name": "features",
        "labels": {"app": "profiling", "component": "features", "profile": where.training_profile},
    }
    # A bucket of a day is minutes of work: a pod that hangs must not hold the day for twelve hours.
    overrides = {**named, "active_deadline_seconds": 2 * 3600, **overrides}
    return _pod(where, arguments, "features", command, overrides, own.features_cache_claim)


def _pod(
    where: TrainingSettings,
    arguments: Any,
    task_id: str,
    command: Sequence[str],
    overrides: Mapping[str, Any],
    cache_claim: str | None = None,
) -> BaseOperator:
    from training_pod import TrainingPod, pod_defaults  # brings the Kubernetes client: only where it is wanted

    defaults = {"task_id": task_id, "arguments": arguments, "map_index_template": TARGET_NAME, **DEFAULTS}
    return TrainingPod(**{**pod_defaults(where, command, cache_claim), **defaults, **overrides})


class LocalTraining(BaseOperator):
    """Runs the command line as a child process of the task, so that a crash of the trainer is not one of the worker.

    Args:
        cmds: the command line up to its arguments.
        arguments: the rest of it.
        resources_name: the name in `PROFILES` to speak of when memory was too small.
        grace_seconds: between SIGTERM and SIGKILL. Airflow kills the task itself after 5 s, and then nobody stops the child.
    """

    template_fields = ("arguments",)

    def __init__(
        self,
        *,
        cmds: Sequence[str],
        arguments: Sequence[str],
        resources_name: str = "cpu",
        grace_seconds: float = 3.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cmds, self.arguments, self.resources_name = cmds, arguments, resources_name
        self.grace_seconds = grace_seconds
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> Any:
        with tempfile.TemporaryDirectory(prefix="training-") as folder:
            result = Path(folder) / "return.json"
            tail: deque[str] = deque(maxlen=TAIL_LINES)
            self._process = subprocess.Popen(
                [*self.cmds, *self.arguments],
                env={**without_key(os.environ), "XCOM_PATH": str(result), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="backslashreplace",
                # A group of its own: torchrun's workers and data loaders are stopped with it.
                start_new_session=True,
            )
            assert self._process.stdout is not None
            try:
                for line in self._process.stdout:
                    tail.append(line.rstrip("\n"))
                    self.log.info("%s", tail[-1])
                code = self._process.wait()
            finally:
                self._signal(signal.SIGKILL)  # what it left behind, or all of it when this task was interrupted
            if code:
                raise failure(code, "\n".join(tail), PROFILES[self.resources_name])
            return read_result(result.read_text() if result.exists() else "")

    def on_kill(self) -> None:
        """Passes a kill of the task on to the trainer: first as a request, then for good."""
        if self._process:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=self.grace_seconds)
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def without_key(variables: Mapping[str, str]) -> dict[str, str]:
    """A trainer never sees the pseudonym key: not in a pod, and so not here either, where a slip would go unnoticed."""
    hidden = {f"{PREFIX}PSEUDONYM_KEY", f"{PREFIX}PSEUDONYM_KEY_FILE"}
    return {name: value for name, value in variables.items() if name not in hidden}


def read_result(text: str) -> Any:
    """The command's result.

    Raises:
        AirflowFailException: it ended well and wrote none; it would do so again.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise AirflowFailException(
            f"the command ended with code 0 but wrote no JSON to the file of XCOM_PATH: {text[:200]!r}; repair the command"
        ) from error


def failure(code: int, tail: str, resources: Resources, job: Job = JOBS["training"]) -> AirflowException:
    """What the end of a command means: an error that is tried again, or one that is not.

    1 and 2 are the command's own words for data that failed and for wrong usage: the same call would fail again. A crash also
    ends with 1, with a traceback instead of a sentence, and so does something that is only not there yet: both are tried again.

    Args:
        code: the exit code; negative, or above 128, for a signal.
        tail: the last lines it wrote.
        resources: what it ran on.
        job: what it did.
    """
    if root := re.search(r"Root Cause.*?exitcode\s*:\s*(-?\d+)", tail, re.DOTALL):
        # torchrun itself always ends with 1; its last words name the worker's code, and may have pushed out the worker's own.
        code, tail = int(root[1]), before_torchrun(tail)
    number = -code if code < 0 else code - 128
    if number == signal.SIGKILL:
        return AirflowException(
            f"{job.name} was killed (SIGKILL), most often because {resources.memory} of memory were too little; "
            f"if it happens again, set {job.bigger(resources)}"
        )
    if number > 0:
        with suppress(ValueError):
            return AirflowException(f"{job.name} was stopped by {signal.Signals(number).name}; it is tried again")
    sentence = last_sentence(tail) or f"{job.name} ended with code {code}; its own words are in the log, if it had any"
    has_crashed = "Traceback (most recent call last)" in tail or re.search(
        r'^  File ".*", line \d+', tail, re.MULTILINE
    )
    is_permanent = code == 2 or (code == 1 and not has_crashed and not sentence.startswith("NotReady"))
    return AirflowFailException(sentence) if is_permanent else AirflowException(f"{sentence} (code {code})")


def before_torchrun(tail: str) -> str:
    """The workers' own lines, of an end that torchrun reports; nothing, where only the report is left."""
    own, report, _ = tail.partition("torch/distributed/elastic/multiprocessing/api.py")
    lines = own.splitlines()[:-1] if report else []  # the report's first line began before the name of the file
    return "\n".join(line for line in lines if not re.match(r"[WE]\d{4} .*torch/distributed", line))


def last_sentence(tail: str) -> str:
    """The error's own sentence: the last line that starts with an error's name, with what follows; else the last line."""
    lines = [line for line in tail.splitlines() if line.strip()]
    named = [
        at for at, line in enumerate(lines) if re.match(r"[A-Za-z_.]*(Error|Failed|NotReady|Exception)\b.*: ", line)
    ]
    return "\n".join(lines[named[-1] :] if named else lines[-1:]).strip()
