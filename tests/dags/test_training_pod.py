"""Training in pods: the real operator, trigger and Kubernetes clients against the stand-in of `tests/kubernetes_api.py`.

What this does not test stands there: scheduling, images, RBAC, GPUs, volumes. A pod of a real scheduler and triggerer is in
`test_training_scheduler.py`.
"""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from profiling.errors import SettingsError
from tests.dags.home import ROOT
from tests.dags.trainer import write_trainer
from tests.kubernetes_api import Fault, KubernetesApi, selector, what_is_wrong

AS_OF = "2026-06-21"
QUICK = {"poll_interval": 0.1, "startup_check_interval_seconds": 0.1, "startup_timeout_seconds": 20}
KUBERNETES = {
    "PROFILING_TRAINING": "kubernetes",
    "PROFILING_LAKE": "s3://lake/shop",
    "PROFILING_TRAINER_IMAGE": "registry.example.com/trainer:1.4.0",
    "PROFILING_TRAINING_NAMESPACE": "training",
}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    write_trainer(tmp_path / "image")
    for name, value in KUBERNETES.items():
        monkeypatch.setenv(name, value)
    with KubernetesApi(image=tmp_path / "image") as server:
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", server.connection)
        yield server
    assert all(pod.is_ended for pod in server.all), "nothing is left when the server ends"


def operator(target: str = "churn", **overrides: Any) -> Any:
    from training_task import train_arguments, training_task

    return training_task(train_arguments(AS_OF, target), **{**QUICK, **overrides})


class Store(dict):
    """Airflow's state of one task, which outlives its tries."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


class Run:
    """One mapped task of one run, as far as the operator looks at it; `again` is its next try."""

    def __init__(self, map_index: int = 2) -> None:
        self.xcoms: dict[str, Any] = {}
        self.store: Store | None = Store()
        self.ti = SimpleNamespace(
            dag_id="train_behaviour_models", task_id="model.train", run_id="manual__2026-06-22T00:00:00+00:00",
            map_index=map_index, try_number=1, start_date=None, xcom_push=self._push,
        )  # fmt: skip

    def _push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    @property
    def context(self) -> Any:
        return {"ti": self.ti, "run_id": self.ti.run_id, "dag": SimpleNamespace(), "task_state_store": self.store}

    def again(self) -> "Run":
        self.ti.try_number += 1
        return self


async def _event(trigger: Any) -> Any:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("the trigger ended without an event")


def deferred(run: Run, target: str = "churn", **overrides: Any) -> Any:
    """Start the task; what it defers with."""
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as stop:
        operator(target, **overrides).execute(run.context)
    return stop.value


def resumed(run: Run, stop: Any, target: str = "churn", **overrides: Any) -> Any:
    """Wait with the trigger, made anew from its serialised form as the triggerer does, and resume in a new operator."""
    from airflow.sdk.module_loading import import_string

    path, arguments = stop.trigger.serialize()
    event = asyncio.run(_event(import_string(path)(**arguments)))
    return getattr(operator(target, **overrides), stop.method_name)(run.context, event)


def trained(run: Run, target: str = "churn", **overrides: Any) -> Any:
    return resumed(run, deferred(run, target, **overrides), target, **overrides)


# ---- the pod


def test_the_pod_that_is_posted_has_every_default(api: KubernetesApi) -> None:
    trained(Run())
    [pod] = api.created
    meta, spec = pod["metadata"], pod["spec"]
    assert meta["namespace"] == "training"
    assert meta["name"].startswith("train-")
    wanted = {
        "app": "profiling", "component": "training", "profile": "cpu", "dag_id": "train_behaviour_models",
        "task_id": "model.train", "map_index": "2", "try_number": "1", "kubernetes_pod_operator": "True",
    }  # fmt: skip
    assert {name: meta["labels"][name] for name in wanted} == wanted
    assert meta["labels"]["run_id"].startswith("manual__2026-06-22")

    base, sidecar = spec["containers"]
    assert base["name"] == "base"
    assert base["image"] == "registry.example.com/trainer:1.4.0"
    assert base["imagePullPolicy"] == "IfNotPresent"
    assert base["command"] == ["python", "-m", "profiling"]
    assert base["args"] == ["train", "--as-of", AS_OF, "--json", "--target", "churn"]
    assert base["resources"] == {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"memory": "16Gi"}}
    assert base["terminationMessagePolicy"] == "FallbackToLogsOnError"
    locked = {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert base["securityContext"] == sidecar["securityContext"] == locked
    assert {m["name"]: m["mountPath"] for m in base["volumeMounts"]} == {
        "tmp": "/tmp", "cache": "/cache", "xcom": "/airflow/xcom",
    }  # fmt: skip
    assert all("emptyDir" in volume for volume in spec["volumes"])
    assert sidecar["image"] == "alpine:3.24.2", "pinned by the provider; look again when this moves"

    assert spec["restartPolicy"] == "Never"
    assert spec["serviceAccountName"] == "profiling-trainer"
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] == 12 * 3600
    assert spec["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert not spec.get("tolerations")
    assert not spec.get("nodeSelector")


def test_the_operator_waits_and_ends_as_the_defaults_say(api: KubernetesApi) -> None:
    from training_task import train_arguments, training_task

    task = training_task(train_arguments(AS_OF, "churn"))
    wanted = {
        "task_id": "train", "deferrable": True, "poll_interval": 10, "logging_interval": 30, "startup_timeout_seconds": 900,
        "schedule_timeout_seconds": 1800, "startup_check_interval_seconds": 10, "do_xcom_push": True, "durable": True,
        "log_events_on_failure": True, "log_pod_spec_on_failure": False, "random_name_suffix": True, "retries": 2,
        "map_index_template": "{{ task.arguments[-1] }}", "execution_timeout": None,
    }  # fmt: skip
    assert {name: getattr(task, name) for name in wanted} == wanted
    assert task.on_finish_action.value == "delete_pod"
    assert task.on_kill_action.value == "delete_pod"


@pytest.mark.parametrize(
    ("profile", "cpu", "memory", "gpus"), [("gpu", "8", "48Gi", "1"), ("multi-gpu", "32", "192Gi", "4")]
)
def test_a_profile_with_gpus_asks_for_them_and_goes_where_they_are(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch, profile: str, cpu: str, memory: str, gpus: str
) -> None:
    monkeypatch.setenv("PROFILING_TRAINING_PROFILE", profile)
    pod = operator().build_pod_request_obj(None, dry_run=True).to_dict()
    base, spec = pod["spec"]["containers"][0], pod["spec"]
    limits = {"memory": memory, "nvidia.com/gpu": gpus}
    assert base["resources"]["requests"] == {"cpu": cpu, **limits}
    assert base["resources"]["limits"] == limits
    assert [(t["key"], t["operator"], t["effect"]) for t in spec["tolerations"]] == [
        ("nvidia.com/gpu", "Exists", "NoSchedule")
    ]
    assert spec["node_selector"] == {"nvidia.com/gpu.present": "true"}
    shared = [v for v in spec["volumes"] if v["name"] == "shm"]
    if profile == "gpu":
        assert base["command"] == ["python", "-m", "profiling"]
        assert shared == []
    else:
        assert base["command"] == [
            "python", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4", "-m", "profiling",
        ]  # fmt: skip
        assert shared[0]["empty_dir"]["medium"] == "Memory"


def test_secrets_go_by_reference_and_the_pseudonym_key_not_at_all(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PROFILING_TRAINING_SECRET": "lake-keys",
        "PROFILING_PSEUDONYM_KEY": "never-in-a-pod-0123456789",
        "PROFILING_S3_ENDPOINT": "http://127.0.0.1:9",
        "PROFILING_BUCKETS": "4",
        "AWS_SECRET_ACCESS_KEY": "the-workers-own",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    api.secrets["lake-keys"] = {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "PROFILING_PSEUDONYM_KEY": "put-there-by-mistake",
    }  # fmt: skip
    seen = trained(Run())["environment"]
    assert seen == {
        "PROFILING_LAKE": "s3://lake/shop", "PROFILING_CACHE": "/cache", "PROFILING_S3_ENDPOINT": "http://127.0.0.1:9",
        "PROFILING_BUCKETS": "4", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key",
        "HOME": "/tmp", "OMP_NUM_THREADS": "4",
    }  # fmt: skip
    posted = str(api.created)
    assert "the-workers-own" not in posted
    assert "never-in-a-pod" not in posted
    assert "put-there-by-mistake" not in posted


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"PROFILING_TRAINING": "docker"}, "PROFILING_TRAINING is 'docker', not 'local' or 'kubernetes'"),
        ({"PROFILING_TRAINING_PROFILE": "tpu"}, "PROFILING_TRAINING_PROFILE is 'tpu', not 'cpu', 'gpu' or 'multi-gpu'"),
        ({"PROFILING_TRAINER_IMAGE": ""}, "PROFILING_TRAINER_IMAGE is not set: .* a tag that never moves"),
        ({"PROFILING_TRAINER_IMAGE": "r.io:5000/trainer"}, "'r.io:5000/trainer', which is not pinned"),
        ({"PROFILING_TRAINER_IMAGE": "r.io/trainer:latest"}, "'r.io/trainer:latest', which is not pinned"),
        ({"PROFILING_LAKE": "/data/lake"}, "PROFILING_LAKE is the folder /data/lake, which a pod does not see: set it to s3"),
        (
            {
                "PROFILING_LAKE": "/data/lake", "PROFILING_TRAINING_VOLUME_CLAIM": "lake", "PROFILING_TRAINING_MOUNT": "/mnt",
            },
            "PROFILING_TRAINING_MOUNT /mnt does not hold PROFILING_LAKE /data/lake",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_while_the_file_is_parsed(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], sentence: str
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=sentence):
        operator()


@pytest.mark.parametrize("image", ["r.io/t:1", "t:1", "r.io:5000/t:1", "r.io/t@sha256:" + "0" * 64])
def test_a_pinned_image_is_taken(image: str) -> None:
    from training_pod import pinned_image

    assert pinned_image(image) == image


def test_a_lake_in_a_folder_is_mounted_where_the_worker_has_it(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILING_LAKE", "/data/shop/lake")
    monkeypatch.setenv("PROFILING_TRAINING_VOLUME_CLAIM", "shop-data")
    monkeypatch.setenv("PROFILING_TRAINING_MOUNT", "/data")
    pod = operator().build_pod_request_obj(None, dry_run=True).to_dict()
    claims = {v["name"]: v["persistent_volume_claim"] for v in pod["spec"]["volumes"] if v["persistent_volume_claim"]}
    assert claims["lake"]["claim_name"] == "shop-data"
    mounts = {m["name"]: m["mount_path"] for m in pod["spec"]["containers"][0]["volume_mounts"]}
    assert mounts["lake"] == "/data"


# ---- its end


def test_a_result_comes_back_and_the_pod_is_deleted(api: KubernetesApi, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run()
    result = trained(run)
    assert (result["target"], result["as_of"], result["sha"]) == ("churn", AS_OF, "ab" * 8)
    name = run.xcoms["pod_name"]
    assert run.xcoms["pod_namespace"] == "training"
    assert api.said(name)[:4] == ["Pending", "Running", "base ended 0", "side-car stopped"]
    assert api.said(name)[-1] == "deleted"
    assert f"INFO: training churn as of {AS_OF}" in capsys.readouterr().out, "the trainer's log is in the task's"


@pytest.mark.parametrize(
    ("target", "is_permanent", "sentence"),
    [
        ("gate", True, r"^GateFailed: churn has 12 positive customers, at least 50 are needed; train a later week$"),
        ("usage", True, r"^SettingsError: PROFILING_LAKE is empty; set it$"),
        ("not_ready", False, r"^NotReady: 2026-06-21 has no features yet; run features first \(code 1\)$"),
        ("crash", False, r"^ConnectionError: the bucket did not answer \(code 1\)$"),
        ("stopped", False, r"^the trainer was stopped by SIGTERM; it is tried again$"),
        ("killed", False, r"^the trainer was killed \(SIGKILL\), most often because 16Gi of memory were too little"),
        ("silent", True, r"^the command ended with code 0 but wrote no JSON to /airflow/xcom/return.json"),
    ],
)
def test_the_commands_own_sentence_is_the_tasks_error(
    api: KubernetesApi, target: str, is_permanent: bool, sentence: str
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException, match=sentence) as error:
        trained(Run(), target)
    assert isinstance(error.value, AirflowFailException) == is_permanent
    assert api.pods == {}, "a failed pod is deleted too"


@pytest.mark.parametrize(
    ("fault", "is_permanent", "sentence"),
    [
        pytest.param(
            Fault("waiting", "ImagePullBackOff", 'Back-off pulling image "registry.example.com/trainer:1.4.0"'),
            False,
            r"^ImagePullBackOff: Back-off pulling image .*; if it happens again, check PROFILING_TRAINER_IMAGE",
            id="image",
        ),
        pytest.param(
            Fault("waiting", "InvalidImageName", "Failed to apply default image tag"), True,
            r"^InvalidImageName: Failed to apply .*; correct PROFILING_TRAINER_IMAGE$", id="image-name",
        ),
        pytest.param(
            Fault("waiting", "ImagePullBackOff", "Back-off: toomanyrequests: rate limit"), False,
            r"^ImagePullBackOff: .*rate limit; if it happens again", id="image-until-the-timeout",
        ),
        pytest.param(
            Fault("unschedulable", message="0/3 nodes are available: 3 Insufficient nvidia.com/gpu."), False,
            r"^no node took the pod \(0/3 nodes are available: 3 Insufficient nvidia.com/gpu\); add nodes, or set another",
            id="no-node",
        ),
        pytest.param(
            Fault("oom"), False,
            r"^the trainer needed more than its 16Gi of memory \(OOMKilled\); .* set PROFILING_TRAINING_PROFILE=gpu", id="oom",
        ),
        pytest.param(
            Fault("evicted", message="The node was low on resource: ephemeral-storage."), False,
            r"^the pod was taken away \(Evicted: The node was low on resource: ephemeral-storage.\); it is tried again$",
            id="evicted",
        ),
        pytest.param(
            Fault("disrupted", "PreemptionByScheduler", "preempted by a higher priority pod"), False,
            r"^the pod was taken away \(PreemptionByScheduler: preempted", id="preempted",
        ),
        pytest.param(
            Fault("evicted", "DeadlineExceeded"), True, r"^the trainer ran longer than active_deadline_seconds", id="deadline",
        ),
        pytest.param(
            Fault("lost"), False, r"^pod train-\w+ is gone: its node was lost, or someone deleted it; it is tried", id="lost",
        ),
    ],
)  # fmt: skip
def test_what_the_cluster_did_to_a_pod_is_said_with_the_fix(
    api: KubernetesApi, fault: Fault, is_permanent: bool, sentence: str
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    api.faults.append(fault)
    limits = {"startup_timeout_seconds": 1, "schedule_timeout_seconds": 1}
    with pytest.raises(AirflowException, match=sentence) as error:
        trained(Run(), "long", **limits)
    assert isinstance(error.value, AirflowFailException) == is_permanent
    assert api.pods == {}
    assert [what for _, what in api.history].count("deleted") == 1


def test_a_pod_that_vanishes_with_its_result_is_no_success(api: KubernetesApi) -> None:
    from airflow.sdk.exceptions import AirflowException

    run = Run()
    stop = deferred(run)
    name = run.xcoms["pod_name"]
    api.wait(lambda: "base ended 0" in api.said(name), "the trainer to end")
    api.lose(name)
    event = {"status": "success", "name": name, "namespace": "training"}
    with pytest.raises(AirflowException, match=r"was gone before its result was read; it is tried again"):
        getattr(operator(), stop.method_name)(run.context, event)


def test_the_trigger_fails_a_pod_at_its_own_deadline(api: KubernetesApi) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="ran longer than active_deadline_seconds"):
        trained(Run(), "long", active_deadline_seconds=1)


def test_the_log_is_written_while_the_pod_runs(api: KubernetesApi, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run()
    stop = deferred(run, "talks", logging_interval=1)
    assert resumed(run, stop, "talks", logging_interval=1)["target"] == "talks"
    seen = capsys.readouterr().out
    lines = re.findall(r"(\[base\] logs: |\[base\] )step (\d+) of 30", seen)
    early = [int(step) for prefix, step in lines if prefix == "[base] "]  # by the triggerer, before the task resumed
    late = [int(step) for prefix, step in lines if prefix != "[base] "]
    assert early[0] == 0
    assert len(early) >= 10
    assert late[-1] == 29
    assert late[0] > 10, "the resumed task goes on from there"


# ---- orphans


def test_a_worker_that_died_leaves_a_pod_that_the_next_try_goes_on_with(api: KubernetesApi) -> None:
    run = Run()
    deferred(run, "slow")  # the worker dies here: what it deferred with is lost
    first = run.xcoms["pod_name"]
    api.wait(lambda: "Running" in api.said(first), "the pod to run")
    assert trained(run.again(), "slow")["target"] == "slow"
    assert run.xcoms["pod_name"] == first
    assert len(api.created) == 1, "trained once"
    assert api.pods == {}


def test_without_the_kept_identity_the_pod_is_found_by_its_labels_and_not_that_of_another_target(
    api: KubernetesApi,
) -> None:
    other, run = Run(map_index=1), Run(map_index=2)
    deferred(other, "long")
    deferred(run, "slow")
    run.store = None
    assert trained(run.again(), "slow")["target"] == "slow"
    assert len(api.created) == 2
    assert list(api.pods) == [other.xcoms["pod_name"]]


def test_a_pod_found_again_that_has_ended_gives_its_result(api: KubernetesApi) -> None:
    run = Run()
    deferred(run)
    api.wait(lambda: "base ended 0" in api.said(run.xcoms["pod_name"]), "the trainer to end")
    assert operator().execute(run.again().context)["target"] == "churn", "without deferring once more"
    assert len(api.created) == 1
    assert api.pods == {}


def test_after_a_failure_the_next_try_is_a_new_pod(api: KubernetesApi) -> None:
    from airflow.sdk.exceptions import AirflowException

    run = Run()
    api.faults.append(Fault("oom"))
    with pytest.raises(AirflowException, match="OOMKilled"):
        trained(run, "slow")
    assert trained(run.again(), "slow")["target"] == "slow"
    assert [pod["metadata"]["labels"]["try_number"] for pod in api.created] == ["1", "2"]


def test_a_task_killed_by_hand_takes_its_pod_with_it(api: KubernetesApi) -> None:
    run = Run()
    stop = deferred(run, "long")
    name = run.xcoms["pod_name"]
    api.wait(lambda: "Running" in api.said(name), "the pod to run")
    pid = api.pods[name].process.pid  # type: ignore[union-attr]
    asyncio.run(stop.trigger.on_kill())
    assert api.pods == {}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# ---- several processes


def test_torchrun_starts_a_process_for_each_gpu_and_its_end_is_understood(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training_pod
    from airflow.sdk.exceptions import AirflowFailException

    monkeypatch.setitem(training_pod.PROFILES, "multi-gpu", training_pod.Resources(2, "1Gi", gpus=2))
    monkeypatch.setenv("PROFILING_TRAINING_PROFILE", "multi-gpu")
    assert trained(Run())["processes"] == 2
    # torchrun always ends with 1 and has the last word; that a worker ended with 2 is in it.
    with pytest.raises(AirflowFailException, match=r"^the trainer ended with code 2; its own words are in the log"):
        trained(Run(), "usage")


# ---- the stand-in itself


def test_the_stand_in_refuses_a_nonsense_pod() -> None:
    good = {
        "metadata": {"name": "train-1", "namespace": "training", "labels": {"a": "b"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "base", "image": "t:1"}]},
    }
    assert what_is_wrong(good, "training") == []
    for change, sentence in [
        ({"metadata": {"name": "Train_1"}}, "metadata.name"),
        ({"metadata": {"name": "train-1", "labels": {"run": "2026-06-22T00:00:00+00:00"}}}, "is no label value"),
        ({"metadata": {"name": "train-1", "namespace": "other"}}, "is not the one of the request"),
        ({"spec": {"restartPolicy": "Never", "containers": []}}, "spec.containers: required"),
        ({"spec": {**good["spec"], "containers": [{"name": "base"}]}}, "image: required"),
        ({"spec": {**good["spec"], "containers": [{"name": "b", "image": "t:1", "args": [1]}]}}, "must be strings"),
        (
            {"spec": {**good["spec"], "containers": [{"name": "b", "image": "t", "resources": {"limits": {"memory": "much"}}}]}},
            "is no quantity",
        ),
        (
            {"spec": {**good["spec"], "containers": [
                {"name": "b", "image": "t", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}]}},
            "no volume 'x'",
        ),
    ]:  # fmt: skip
        assert sentence in " ".join(what_is_wrong({**good, **change}, "training"))


def test_the_stand_in_selects_by_labels_as_the_operator_asks() -> None:
    chosen = selector("dag_id=d,map_index=1,already_checked!=True,!airflow-worker")
    assert chosen({"dag_id": "d", "map_index": "1"})
    assert not chosen({"dag_id": "d", "map_index": "1", "already_checked": "True"})
    assert not chosen({"dag_id": "d", "map_index": "1", "airflow-worker": "7"})
    assert not chosen({"dag_id": "d", "map_index": "2"})


def test_exec_is_played_and_never_run(api: KubernetesApi, tmp_path: Path) -> None:
    from kubernetes.client import ApiClient, Configuration, CoreV1Api
    from kubernetes.stream import stream

    run = Run()
    deferred(run, "long")
    name = run.xcoms["pod_name"]
    api.wait(lambda: "Running" in api.said(name), "the pod to run")
    client = CoreV1Api(ApiClient(Configuration(host=api.url)))
    said = stream(
        client.connect_get_namespaced_pod_exec,
        name,
        "training",
        container="airflow-xcom-sidecar",
        command=["/bin/sh", "-c", f"touch {tmp_path}/ran"],
        stdin=False,
        stdout=True,
        stderr=True,
        tty=False,
    )
    assert "not played" in said
    assert not (tmp_path / "ran").exists()
    source = (ROOT / "tests" / "kubernetes_api.py").read_text()
    assert "create_subprocess_shell" not in source
    assert "shell=True" not in source
    assert "os.system" not in source
