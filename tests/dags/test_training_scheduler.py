"""Training under a real scheduler, triggerer and API server; the cluster is the stand-in of `tests/kubernetes_api.py`.

In pods: one week, started by its seven days' events, with its four targets. One is trained, one is trained more slowly, one fails
a gate and one is killed by hand. What the stand-in does not test stands there; promotion is tested with `stages`.
On the worker: a DAG of its own with the same task, for one target a run.
"""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from profiling.behaviour.targets import TARGET_NAMES
from tests.dags.home import ROOT
from tests.dags.trainer import write_trainer
from tests.kubernetes_api import KubernetesApi

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]
DAG_ID = "train_behaviour_models"
WEEK = [f"2026-06-{day}" for day in range(15, 22)]
GOOD, SLOW, GATED, KILLED = TARGET_NAMES[:4]

# Each DAG file is parsed in a process of its own, so this one may say where its training runs.
ON_THE_WORKER = """
import os
os.environ["PROFILING_TRAINING"] = "local"
from airflow.sdk import DAG
from training_task import train_arguments, training_task
with DAG("train_on_the_worker", schedule=None):
    training_task(train_arguments("2026-06-21", "{{ dag_run.conf['target'] }}"), command=(SCRIPT,))
"""


def trained_locally(world: "World", target: str) -> str:
    """Start a run of the DAG on the worker; the path of its task."""
    dag = "train_on_the_worker"
    world.until("the DAG", lambda: dag in {found["dag_id"] for found in world.airflow.get("/api/v2/dags")["dags"]})
    body = {"logical_date": None, "conf": {"target": target}}
    run = world.airflow.post(f"/api/v2/dags/{dag}/dagRuns", body)
    return f"/api/v2/dags/{dag}/dagRuns/{quote(run['dag_run_id'])}/taskInstances/train"


@dataclass
class World:
    airflow: Any
    api: KubernetesApi

    def until(self, what: str, holds: Any, timeout_s: float = 150) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := holds()):
            self.airflow.check()
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}; {self.api.history}"
            time.sleep(0.5)
        return found

    def trainings(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The training tasks of a run by the target that the UI shows."""
        tasks = [task for task in self.airflow.tasks(run) if task["task_id"] == "model.train"]
        return {task["rendered_map_index"]: task for task in tasks if task["rendered_map_index"]}

    def pod_of(self, target: str) -> str:
        """The name of the pod that trains a target; empty before there is one."""
        return next((p.name for p in self.api.all if p.body["spec"]["containers"][0]["args"][-1] == target), "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from local_airflow import LocalAirflow
    from processes import free_port

    folder = tmp_path_factory.mktemp("training")
    (folder / "landing").mkdir()
    (folder / "lake").mkdir()
    (folder / "lake" / "_lake.json").write_text('{"buckets": 1}')  # a promotion makes no lake
    script = write_trainer(folder / "image", **{GOOD: "good", SLOW: "slow", GATED: "gate", KILLED: "long"})
    with KubernetesApi(image=folder / "image") as api:
        environment = {
            "PROFILING_LANDING": str(folder / "landing"),
            "PROFILING_LAKE": str(folder / "lake"),
            "PROFILING_TRAINING": "kubernetes",
            "PROFILING_TRAINING_VOLUME_CLAIM": "shop-lake",
            "PROFILING_TRAINER_IMAGE": "registry.example.com/trainer:1.4.0",
            "PROFILING_TRAINING_NAMESPACE": "training",
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": api.connection,
        }
        home = folder / "airflow"
        with LocalAirflow(home, environment, port=free_port(), has_triggerer=True) as airflow:
            dags = folder / "dags"
            shutil.copytree(ROOT / "dags", dags)
            (dags / "train_on_the_worker.py").write_text(ON_THE_WORKER.replace("SCRIPT", repr(str(script))))
            airflow.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
            airflow.start()
            airflow.wait_until_ready()
            yield World(airflow, api)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def run(world: World) -> dict[str, Any]:
    """The week's run, with every training ended."""
    world.until("the DAG", lambda: DAG_ID in {dag["dag_id"] for dag in world.airflow.get("/api/v2/dags")["dags"]})
    world.airflow._request("PATCH", "/api/v2/dags/publish_profiles", {"is_paused": True})  # it hears the same events
    [asset] = world.airflow.get("/api/v2/assets?name_pattern=text_features")["assets"]
    for day in WEEK:
        assert world.airflow.runs(DAG_ID) == [], "not before the week is complete"
        world.airflow.post("/api/v2/assets/events", {"asset_id": asset["id"], "partition_key": day})
    [started] = world.until("the week's run", lambda: world.airflow.runs(DAG_ID))
    world.until("the pod to be killed", lambda: "Running" in world.api.said(world.pod_of(KILLED)))
    world.until("its task to be deferred", lambda: world.trainings(started).get(KILLED, {}).get("state") == "deferred")
    # Killed between its deferral and the triggerer's taking it up, a task leaves its pod to `active_deadline_seconds`.
    watched = f"GET /api/v1/namespaces/training/pods/{world.pod_of(KILLED)}"
    world.until("the triggerer to watch it", lambda: watched in world.api.requests)
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(started['dag_run_id'])}/taskInstances/model.train"
    index = world.trainings(started)[KILLED]["map_index"]
    world.airflow._request("PATCH", f"{path}/{index}", {"new_state": "failed"})

    def ended() -> bool:
        states = [task["state"] for task in world.trainings(started).values()]
        return len(states) == 4 and all(state in ("success", "failed") for state in states)

    world.until("every training to end", ended)
    return started


def result(world: World, run: dict[str, Any], target: str, key: str = "return_value") -> Any:
    index = world.trainings(run)[target]["map_index"]
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'])}/taskInstances/model.train/xcomEntries/{key}"
    return world.airflow.get(f"{path}?map_index={index}&deserialize=true")["value"]


def test_seven_days_start_the_week_and_its_key_is_the_monday(world: World, run: dict[str, Any]) -> None:
    assert run["partition_key"] == "2026-06-15"
    assert len(world.airflow.runs(DAG_ID)) == 1
    assert all(
        pod["spec"]["containers"][0]["args"][:3] == ["train", "--as-of", "2026-06-21"] for pod in world.api.created
    )


def test_each_target_is_trained_in_a_pod_of_its_own_and_gives_its_result(world: World, run: dict[str, Any]) -> None:
    states = {target: task["state"] for target, task in world.trainings(run).items()}
    assert states == {GOOD: "success", SLOW: "success", GATED: "failed", KILLED: "failed"}
    assert len(world.api.created) == 4
    assert len({pod["metadata"]["labels"]["map_index"] for pod in world.api.created}) == 4
    assert result(world, run, GOOD)["target"] == "good"
    assert result(world, run, SLOW)["target"] == "slow"


def test_what_failed_for_good_is_not_tried_again_and_says_why(world: World, run: dict[str, Any]) -> None:
    task = world.trainings(run)[GATED]
    assert task["try_number"] == 1
    assert "GateFailed: churn has 12 positive customers" in world.airflow.reason(task)


def test_the_trainers_log_is_in_the_tasks(world: World, run: dict[str, Any]) -> None:
    task = world.trainings(run)[GOOD]
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'])}/taskInstances/model.train/logs/1"
    log = world.airflow.get(f"{path}?map_index={task['map_index']}&full_content=true")["content"]
    assert "training good as of 2026-06-21" in str(log)


def test_a_task_failed_by_hand_ends_its_pod(world: World, run: dict[str, Any]) -> None:
    name = world.pod_of(KILLED)
    world.until("the pod to be deleted", lambda: world.api.said(name)[-1] == "deleted", 30)
    assert "base ended 0" not in world.api.said(name)


def test_no_pod_is_left(world: World, run: dict[str, Any]) -> None:
    world.until("the last pod to be deleted", lambda: not world.api.pods, 30)
    assert all(pod.is_ended for pod in world.api.all)


def test_a_target_goes_on_to_its_decision_without_the_others(world: World, run: dict[str, Any]) -> None:
    def promotions() -> dict[int, str]:
        tasks = [task for task in world.airflow.tasks(run) if task["task_id"] == "model.promote"]
        return {task["map_index"]: task["state"] for task in tasks if task["map_index"] >= 0}

    indexes = {target: task["map_index"] for target, task in world.trainings(run).items()}
    states = world.until("the decisions", lambda: (p := promotions()) and len(p) == 4 and all(p.values()) and p, 60)
    assert states[indexes[GATED]] == states[indexes[KILLED]] == "upstream_failed"
    assert "upstream_failed" not in (states[indexes[GOOD]], states[indexes[SLOW]])
    world.until("the decision on what came to nothing", lambda: promotions()[indexes[SLOW]] == "success", 60)
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'])}/taskInstances/model.promote"
    state = world.airflow.get(f"{path}/xcomEntries/return_value?map_index={indexes[SLOW]}&deserialize=true")["value"]
    assert state == "empty"
    names = {task["rendered_map_index"] for task in world.airflow.tasks(run) if task["task_id"] == "model.promote"}
    assert SLOW in names


def test_on_the_worker_the_same_task_gives_the_same_result(world: World) -> None:
    path = trained_locally(world, GOOD)
    world.until("the training", lambda: world.airflow.get(path)["state"] == "success", 60)
    result = world.airflow.get(f"{path}/xcomEntries/return_value?deserialize=true")["value"]
    assert (result["target"], result["as_of"]) == ("good", "2026-06-21")


def test_on_the_worker_too_what_failed_for_good_is_not_tried_again(world: World) -> None:
    path = trained_locally(world, GATED)
    task = world.until(
        "the failure", lambda: (t := world.airflow.get(path))["state"] in ("failed", "up_for_retry") and t
    )
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert "GateFailed: churn has 12 positive customers" in world.airflow.reason(task)


def test_on_the_worker_a_task_failed_by_hand_ends_its_trainer_and_what_that_started(world: World) -> None:
    import psutil

    def child() -> Any:
        if world.airflow.get(path)["state"] != "running":
            return None
        log = str(world.airflow.get(f"{path}/logs/1?full_content=true").get("content"))
        found = re.search(r"child (\d+)", log)
        return found and psutil.Process(int(found[1]))

    path = trained_locally(world, "longer")
    running = world.until("the trainer's child", child, 60)
    trainer = running.parent()
    world.airflow._request("PATCH", path, {"new_state": "failed"})
    _, alive = psutil.wait_procs([running, trainer], timeout=30)
    assert alive == []
