"""Reading texts in pods: the trainer's pod with another command, each bucket's result in the close."""

from typing import Any

import pytest

from tests.dags.test_training_pod import KUBERNETES, QUICK, Run, _event, api  # noqa: F401  # the fixture `api`
from tests.kubernetes_api import KubernetesApi

DAY = "2026-06-15"
IN_PODS = {**KUBERNETES, "PROFILING_FEATURES": "kubernetes", "PROFILING_BUCKETS": "3"}


@pytest.fixture(autouse=True)
def _in_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**IN_PODS, "PROFILING_EMBEDDING": "multilingual", "PROFILING_DEVICE": "cuda"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PROFILING_PSEUDONYM_KEY", "a key that no pod must see")
    monkeypatch.delenv("PROFILING_TRAINING")


def test_the_dag_reads_each_bucket_in_a_pod_and_closes_on_the_worker(bag: Any) -> None:
    assert bag.import_errors == {}
    dag = bag.dags["extract_text_features"]
    assert [task.task_id for task in dag.topological_sort()] == ["plan", "pod.features", "close"]
    assert type(dag.get_task("pod.features")).__name__ == "TrainingPod"
    assert dag.get_task("close").upstream_task_ids == {"pod.features"}
    assert next(dag.get_task("pod.features").iter_mapped_task_groups()).group_id == "pod"


def test_without_the_setting_no_pod_and_nothing_it_needs(bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    from tests.dags.home import ROOT

    monkeypatch.delenv("PROFILING_FEATURES")
    monkeypatch.delenv("PROFILING_TRAINER_IMAGE")
    dag = DagBag(str(ROOT / "dags")).dags["extract_text_features"]
    assert sorted(dag.task_ids) == ["close", "features"]


def test_a_pod_without_its_image_is_an_import_error_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    from tests.dags.home import ROOT

    monkeypatch.delenv("PROFILING_TRAINER_IMAGE")
    [error] = DagBag(str(ROOT / "dags" / "extract_text_features.py")).import_errors.values()
    assert "PROFILING_TRAINER_IMAGE is not set" in error


def test_the_pod_is_the_trainers_with_a_gpu_and_its_result_is_the_commands(api: KubernetesApi) -> None:  # noqa: F811
    import asyncio

    from airflow.sdk.exceptions import TaskDeferred
    from airflow.sdk.module_loading import import_string
    from training_task import features_arguments, features_task

    arguments = features_arguments(DAY, 2)
    run = Run()
    with pytest.raises(TaskDeferred) as stop:
        features_task(arguments, **QUICK).execute(run.context)
    path, said = stop.value.trigger.serialize()
    event = asyncio.run(_event(import_string(path)(**said)))
    result = getattr(features_task(arguments, **QUICK), stop.value.method_name)(run.context, event)

    [pod] = api.created
    base = pod["spec"]["containers"][0]
    assert base["command"] == ["python", "-m", "profiling"]
    assert base["args"] == ["features", "--day", DAY, "--json", "--bucket", "2"]
    assert base["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["spec"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["spec"]["activeDeadlineSeconds"] == 2 * 3600
    assert {name: pod["metadata"]["labels"][name] for name in ("component", "profile")} == {
        "component": "features", "profile": "gpu",
    }  # fmt: skip
    assert pod["metadata"]["name"].startswith("features-")
    seen = result["environment"]
    assert (seen["PROFILING_EMBEDDING"], seen["PROFILING_DEVICE"]) == ("multilingual", "cuda")
    assert not [name for name in seen if "KEY" in name]
    assert result["target"] == "2", "what the command wrote to XCOM_PATH comes back"


def test_pods_read_texts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_task import features_arguments, features_task

    from profiling.errors import SettingsError

    monkeypatch.setenv("PROFILING_MEDIA_HOSTS", "pictures.example.com")
    with pytest.raises(SettingsError, match="PROFILING_MEDIA_HOSTS: pods read texts only; unset one of the two"):
        features_task(features_arguments(DAY, 0))


def test_the_cache_goes_with_the_pod_or_stays_on_a_volume_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_task import features_arguments, features_task

    def cache_of(bucket: int) -> tuple[Any, str]:
        task = features_task(features_arguments(DAY, bucket), **QUICK)
        task.render_template_fields({"task": task, "ti": None})
        spec = task.build_pod_request_obj(None, dry_run=True).to_dict()["spec"]
        [volume] = [each for each in spec["volumes"] if each["name"] == "cache"]
        base = spec["containers"][0]
        assert {m["name"]: m["mount_path"] for m in base["volume_mounts"]}["cache"] == "/cache"
        return volume, next(each["value"] for each in base["env"] if each["name"] == "PROFILING_CACHE")

    volume, path = cache_of(2)
    assert (volume["empty_dir"]["size_limit"], volume["persistent_volume_claim"], path) == ("20Gi", None, "/cache")
    monkeypatch.setenv("PROFILING_FEATURES_CACHE_CLAIM", "shop-cache")
    for bucket in (0, 2):
        volume, path = cache_of(bucket)
        assert (volume["empty_dir"], volume["persistent_volume_claim"]["claim_name"]) == (None, "shop-cache")
        assert path == f"/cache/bucket-{bucket}", "each bucket its own file: two pods must not share SQLite's log"


def test_errors_speak_of_texts_and_of_the_settings_of_features() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
    from kubernetes.client import models as k8s
    from training_pod import reason
    from training_task import JOBS, PROFILES, failure

    job = JOBS["features"]
    killed = failure(137, "", PROFILES["cpu"], job)
    assert str(killed) == (
        "the reading of texts was killed (SIGKILL), most often because 16Gi of memory were too little; "
        "if it happens again, set PROFILING_FEATURES_PROFILE=gpu (48Gi)"
    )
    assert str(failure(137, "", PROFILES["gpu"], job)).endswith(
        "set a profile with more memory in plugins/training_task.py"
    )
    late = reason(k8s.V1Pod(status=k8s.V1PodStatus(reason="DeadlineExceeded")), PROFILES["gpu"], job)
    assert isinstance(late, AirflowFailException)
    assert str(late).startswith("the reading of texts ran longer than active_deadline_seconds allows")
    full = k8s.V1PodCondition(type="PodScheduled", status="False", message="0/3 nodes have a GPU.")
    unplaced = reason(k8s.V1Pod(status=k8s.V1PodStatus(conditions=[full])), PROFILES["gpu"], job)
    assert isinstance(unplaced, AirflowException)
    assert "add nodes, or set another PROFILING_FEATURES_PROFILE" in str(unplaced)


def test_a_failed_pod_is_named_by_its_job(api: KubernetesApi) -> None:  # noqa: F811
    import asyncio

    from airflow.sdk.exceptions import AirflowException, TaskDeferred
    from airflow.sdk.module_loading import import_string
    from training_task import features_arguments, features_task

    from tests.kubernetes_api import Fault

    api.faults.append(Fault("oom"))
    run, arguments = (
        Run(),
        [*features_arguments(DAY, 2)[:-1], "long"],
    )  # the stand-in's command that does not end by itself
    with pytest.raises(TaskDeferred) as stop:
        features_task(arguments, **QUICK).execute(run.context)
    path, said = stop.value.trigger.serialize()
    event = asyncio.run(_event(import_string(path)(**said)))
    with pytest.raises(
        AirflowException, match=r"^the reading of texts needed more than its 48Gi of memory \(OOMKilled\)"
    ):
        getattr(features_task(arguments, **QUICK), stop.value.method_name)(run.context, event)


def test_the_cpu_profile_asks_for_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_task import features_arguments, features_task

    monkeypatch.setenv("PROFILING_FEATURES_PROFILE", "cpu")
    monkeypatch.setenv("PROFILING_TRAINING_PROFILE", "gpu")
    assert "nvidia.com/gpu" not in features_task(features_arguments(DAY, 0)).container_resources.limits
