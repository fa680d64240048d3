"""One small Airflow on this machine, in a folder of its own: started, asked over its REST API, and stopped to the last process.

Used by `make demo`, `make ui` and the tests alike. SQLite and LocalExecutor
(`plugins/preloading.py`): right for one machine, not for a shop's production.
"""

import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from processes import Problem, spawn, stop

ROOT = Path(__file__).resolve().parent.parent
DAGS = ("ingest_interactions", "extract_text_features", "publish_profiles")  # daily, in their order
TRAINING = "train_behaviour_models"
FINAL = {"success", "failed"}

# Airflow imports this module in each component. Task processes are forked from the scheduler's: what it has imported, they
# need not import again (measured on 6 days of the demo: 61 s of CPU instead of 138).
LOCAL_SETTINGS = """import sys

if "scheduler" in sys.argv:
    import great_expectations
    import pandas
    import pyarrow.parquet
"""


class LocalAirflow:
    """Airflow's components as child processes, with `home` as AIRFLOW_HOME.

    Args:
        home: kept between runs; the database is made once.
        environment: the variables the tasks see, on top of this process's own.
        folder: where the components run, and so whose `.env` the tasks read; default `home`.
        port: of the web UI and the REST API.
        is_scheduled: False: only days that are asked for, no run of yesterday.
        has_triggerer: needed only where a scheduled day waits for its drop.
        parallelism: task processes at one time.
    """

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        *,
        port: int,
        folder: Path | None = None,
        is_scheduled: bool = False,
        has_triggerer: bool = False,
        parallelism: int = 2,
    ) -> None:
        self.home, self.port, self.has_triggerer = home.resolve(), port, has_triggerer
        self.folder = folder or self.home
        self.url = f"http://127.0.0.1:{port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.home.mkdir(parents=True, exist_ok=True)
        self.password = self._secret("password", lambda: secrets.token_urlsafe(9))
        self._token = ""
        self.lineage = self.home / "lineage.jsonl"
        (self.home / "config").mkdir(exist_ok=True)
        (self.home / "config" / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)
        passwords = self.home / "passwords.json"
        passwords.write_text(json.dumps({"admin": self.password}))
        passwords.chmod(0o600)
        self.environment = {
            **environment,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "preloading.PreloadingExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(parallelism),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            # Several processes write to one SQLite file: wait for the lock, do not die of it.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": self._secret("session_key", lambda: secrets.token_hex(32)),
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret("jwt_key", lambda: secrets.token_hex(32)),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # A task's supervisor now and then misses its end and sleeps until the next heartbeat: measured 5 s of 6.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # The DAG files do not change under a demo; parsing them again and again takes the tasks' time.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__PROFILING__SCHEDULED": str(is_scheduled),
            # Lineage into a file, one event a line: to look at, and nothing leaves the machine.
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(self.lineage), "append": True}
            ),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "profiling",
            # Tasks run side by side; two of them with a thread per core wait for each other's threads. The results are the same.
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _secret(self, name: str, make: Callable[[], str]) -> str:
        """A secret of this installation: made once, kept readable by its owner only."""
        path = self.home / f".{name}"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(make())
        return path.read_text()

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "airflow", *arguments]
        self.processes[name] = spawn(command, self.environment, self._log(name), self.folder)
        return self.processes[name]

    def __enter__(self) -> "LocalAirflow":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make or reuse the database and start the components, without waiting for them."""
        made = self.home / ".database"
        if not made.exists():
            process = self._spawn("migrate", "db", "migrate")
            if process.wait() != 0:
                raise Problem(f"Airflow could not make its database; the reason is in {self._log('migrate')}")
            made.touch()
        self._spawn("api-server", "api-server")
        self._spawn("scheduler", "scheduler", "--skip-serve-logs")
        self._spawn("dag-processor", "dag-processor")
        if self.has_triggerer:
            self._spawn("triggerer", "triggerer", "--skip-serve-logs")

    def wait_until_ready(self, timeout_s: float = 240.0) -> None:
        """Wait for a healthy scheduler and the three DAGs.

        Raises:
            Problem: a component ended, or it took too long; the message names its log.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.check()
            with suppress(OSError):
                health = self.get("/api/v2/monitor/health", authorised=False)
                if health["scheduler"]["status"] == "healthy":
                    errors = self.get("/api/v2/importErrors")["import_errors"]
                    if errors:
                        raise Problem(f"{errors[0]['filename']}: {errors[0]['stack_trace'].strip().splitlines()[-1]}")
                    if {dag["dag_id"] for dag in self.get("/api/v2/dags")["dags"]} >= {*DAGS, TRAINING}:
                        return
            time.sleep(0.5)
        raise Problem(f"Airflow was not ready after {timeout_s:.0f} s; see {self.home / 'logs'}")

    def check(self) -> None:
        """Raises:
        Problem: a component is no longer running.
        """
        for name, process in self.processes.items():
            if name != "migrate" and process.poll() is not None:
                raise Problem(f"Airflow's {name} ended with code {process.returncode}; see {self._log(name)}")

    def stop(self) -> None:
        stop(self.processes.values())
        self.processes.clear()

    # ---- the REST API

    def _answer(self, request: urllib.request.Request) -> bytes:
        """The body of an answer. Looking again does no harm, so a question that a busy server left open is asked again."""
        tries = 3 if request.get_method() == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return bytes(answer.read())
            except TimeoutError as error:
                if attempt == tries:
                    raise Problem(
                        f"Airflow at {self.url} did not answer in {tries} minutes; see {self.home / 'logs'}"
                    ) from error
        raise AssertionError("unreachable")

    def _request(self, method: str, path: str, body: Any = None, *, authorised: bool = True) -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Accept", "application/json")
        if authorised:
            if not self._token:
                login = {"username": "admin", "password": self.password}
                self._token = self._request("POST", "/auth/token", login, authorised=False)["access_token"]
            request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            text = self._answer(request)
        except urllib.error.HTTPError as error:
            raise Problem(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        return json.loads(text) if text else None

    def get(self, path: str, *, authorised: bool = True) -> Any:
        return self._request("GET", path, authorised=authorised)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, body)

    def settle(self) -> None:
        """Leave no work of an earlier, interrupted start: it would go on beside what is asked for now."""
        for backfill in self.get(f"/api/v2/backfills?dag_id={DAGS[0]}")["backfills"]:
            if not backfill["completed_at"]:
                self._request("PUT", f"/api/v2/backfills/{backfill['id']}/cancel")
        for run in self.runs():
            if run["state"] not in FINAL:
                self._request("PATCH", f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}", {"state": "failed"})

    def backfill(self, first: str, last: str, reprocess: str = "none") -> int:
        """Ask for these days, both included, one after another; downstream DAGs follow. The backfill's id."""
        body = {
            "dag_id": DAGS[0],
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "max_active_runs": 1,
            "reprocess_behavior": reprocess,
        }
        return int(self.post("/api/v2/backfills", body)["id"])

    def trigger(self, dag: str, *, key: str | None = None, day: str | None = None) -> str:
        """Start one run by hand, by partition key or by the form's field; its run id."""
        body: dict[str, Any] = {"logical_date": None}
        body |= {"partition_key": key} if key else {}
        body |= {"conf": {"day": day}} if day else {}
        return str(self.post(f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"])

    def runs(self, dag: str = "~") -> list[dict[str, Any]]:
        """All runs, oldest first."""
        runs: list[dict[str, Any]] = []
        while True:
            page = self.get(f"/api/v2/dags/{dag}/dagRuns?order_by=id&limit=100&offset={len(runs)}")["dag_runs"]
            runs += page
            if len(page) < 100:
                return runs

    def tasks(self, run: Mapping[str, Any]) -> list[dict[str, Any]]:
        path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        return list(self.get(path)["task_instances"])

    def retries(self) -> list[dict[str, Any]]:
        """The tasks of all runs that failed once and wait to be tried again."""
        return list(self.get("/api/v2/dags/~/dagRuns/~/taskInstances?state=up_for_retry")["task_instances"])

    def reason(self, task: Mapping[str, Any]) -> str:
        """Why a task failed, in its own words: the last error of its newest log."""
        path = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        log = self.get(f"{path}/logs/{max(task['try_number'], 1)}?map_index={task['map_index']}")
        return f"{task['dag_id']}.{task['task_id']}: {last_error(log.get('content') or [])}"

    def failure(self, run: Mapping[str, Any]) -> str:
        """Why a run failed: the reason of its first failed task."""
        for task in self.tasks(run):
            if task["state"] == "failed":
                return f"{run['partition_key'] or run['dag_run_id']} {self.reason(task)}"
        return f"{run['dag_id']} {run['dag_run_id']}: no task failed; see {self._log('scheduler')}"


def last_error(lines: Iterable[Mapping[str, Any]]) -> str:
    """The exception's own sentence out of a task's log; of a chain the one that was raised, not its cause."""
    raised = [line["error_detail"][0] for line in lines if line.get("error_detail")]
    return f"{raised[-1]['exc_type']}: {raised[-1]['exc_value']}" if raised else "the log names no error"
