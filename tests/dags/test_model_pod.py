"""A language model's pod: the real Kubernetes client against the stand-in of `tests/kubernetes_api.py`, in which `vllm` is the
scripted server of `tests/llm/server.py`. That vLLM itself takes these arguments is not tested: no GPU and no image is here."""

import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dags.home import ROOT
from tests.kubernetes_api import Fault, KubernetesApi

MODEL = "Qwen/Qwen2.5-7B-Instruct@0123456789abcdef0123456789abcdef01234567"
RUN = "manual__2026-06-22T00:00:00+00:00"
VLLM = """#!{python}
import sys
sys.path[:0] = ["{root}"]
from tests.dags.test_model_scheduler import answers
from tests.llm.server import LanguageServer
said = dict(zip(sys.argv[3::2], sys.argv[4::2]))
LanguageServer(answers, model=said["--served-model-name"], port=int(said["--port"])).serve_forever()
"""


def cluster(folder: Path) -> KubernetesApi:
    """The stand-in, whose pods have a `vllm`."""
    folder.mkdir()
    (folder / "vllm").write_text(VLLM.format(python=sys.executable, root=ROOT))
    (folder / "vllm").chmod(0o755)
    return KubernetesApi(environment={"PATH": f"{folder}:/usr/bin:/bin"})


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    from processes import free_port

    monkeypatch.setenv("PROFILING_LLM_POD_MODEL", MODEL)
    monkeypatch.setenv("PROFILING_LLM_POD_PORT", str(free_port()))
    monkeypatch.setenv("PROFILING_TRAINING_NAMESPACE", "training")
    with cluster(tmp_path / "bin") as server:
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", server.connection)
        yield server
    assert all(pod.is_ended for pod in server.all), "nothing is left when the server ends"


def test_the_dag_starts_asks_and_stops_whatever_happens(bag: Any) -> None:
    assert bag.import_errors == {}
    dag = bag.dags["ask_language_model"]
    order = [task.task_id for task in dag.topological_sort()]
    assert order == ["start", "features", "close_features", "profile", "close_profiles", "publish", "stop"]
    start, stop = dag.get_task("start"), dag.get_task("stop")
    assert (start.is_setup, stop.is_teardown) == (True, True)
    assert stop.on_failure_fail_dagrun is False, "or a failed day would end as a success"
    assert "start" in stop.upstream_task_ids
    assert stop.trigger_rule == "all_done_setup_success"
    assert dag.timetable.can_be_scheduled is False
    assert [task.task_id for task in dag.tasks if task.outlets] == ["publish"]


def test_a_pod_is_started_waited_for_and_deleted(api: KubernetesApi) -> None:
    from model_pod import asking, start_model, stop_model

    url = start_model(RUN, poll_seconds=0.1)
    with urllib.request.urlopen(url.replace("/v1", "/health")) as answer:
        assert answer.status == 200
    assert start_model(RUN, poll_seconds=0.1) == url, "a second try finds the first one's"
    asked = asking(url)
    assert (asked.llm_url, asked.llm_model) == (url, MODEL)
    [pod] = api.created
    spec, base = pod["spec"], pod["spec"]["containers"][0]
    assert base["command"] == ["vllm", "serve"]
    assert base["args"][:5] == [
        "Qwen/Qwen2.5-7B-Instruct", "--revision", MODEL.partition("@")[2], "--served-model-name", MODEL,
    ]  # fmt: skip
    assert base["resources"]["limits"] == {"memory": "48Gi", "nvidia.com/gpu": "1"}
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 12 * 3600)
    assert base["readinessProbe"]["httpGet"]["path"] == "/health"
    assert base["securityContext"]["readOnlyRootFilesystem"] is True
    assert {mount["mountPath"] for mount in base["volumeMounts"]} == {"/tmp", "/cache", "/dev/shm"}
    assert not [each for each in base["env"] if "KEY" in each["name"]]
    stop_model(RUN)
    assert api.pods == {}
    stop_model(RUN)  # again: there is nothing to do


def test_the_weights_stay_on_a_volume_and_a_model_is_spread_over_gpus(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_pod import ModelSettings, model_pod

    monkeypatch.setenv("PROFILING_LLM_POD_CACHE_CLAIM", "weights")
    monkeypatch.setenv("PROFILING_LLM_POD_PROFILE", "multi-gpu")
    spec = model_pod(ModelSettings.load(), RUN).to_dict()["spec"]
    [cache] = [volume for volume in spec["volumes"] if volume["name"] == "cache"]
    assert cache["persistent_volume_claim"]["claim_name"] == "weights"
    assert spec["containers"][0]["args"][-2:] == ["--tensor-parallel-size", "4"]


def test_no_key_goes_to_the_pod_and_media_are_read_by_whom_they_were(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_pod import asking

    monkeypatch.setenv("PROFILING_MEDIA_IMAGE_MODEL", "eyes-1")
    found = asking("http://10.0.0.7:8000/v1")
    assert (found.media_image_model, found.llm_api_key) == (None, None), "there was no server that reads them"
    monkeypatch.setenv("PROFILING_LLM_URL", "https://models.example.com/v1")
    monkeypatch.setenv("PROFILING_LLM_API_KEY", "sk-hosted")
    found = asking("http://10.0.0.7:8000/v1")
    assert (found.llm_url, found.llm_api_key) == ("http://10.0.0.7:8000/v1", None)
    assert found.media_image_model == "eyes-1"
    assert found.media_server == ("https://models.example.com/v1", "sk-hosted")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("oom"), "the language model needed more than its 48Gi of memory .*set PROFILING_LLM_POD_PROFILE=multi-gpu"),
        (Fault("waiting", "InvalidImageName", "no such name"), "InvalidImageName: no such name; correct PROFILING_LLM_POD_IMAGE"),
        (Fault("evicted", "Evicted", "the disk is full"), "the pod was taken away"),
    ],
)  # fmt: skip
def test_a_pod_that_does_not_become_healthy_is_deleted_and_says_why(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch, fault: Fault, sentence: str
) -> None:
    import model_pod
    from airflow.sdk.exceptions import AirflowException

    monkeypatch.setattr(model_pod, "_is_healthy", lambda address: False)
    api.faults.append(fault)
    with pytest.raises(AirflowException, match=sentence):
        model_pod.start_model(RUN, poll_seconds=0.1)
    assert api.pods == {}


def test_a_pod_that_is_being_deleted_is_not_waited_for(api: KubernetesApi) -> None:
    import model_pod
    from airflow.sdk.exceptions import AirflowException

    model_pod.start_model(RUN, poll_seconds=0.1)
    [pod] = api.all
    pod.body["metadata"]["deletionTimestamp"] = (
        "2026-06-22T00:00:00Z"  # its process answers until the grace period ends
    )
    with pytest.raises(AirflowException, match="is still being deleted; it is tried again"):
        model_pod.start_model(RUN, poll_seconds=0.1)


def test_a_pod_that_is_late_is_deleted(api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    import model_pod
    from airflow.sdk.exceptions import AirflowException

    monkeypatch.setattr(model_pod, "_is_healthy", lambda address: False)
    monkeypatch.setattr(model_pod, "READY_WITHIN_SECONDS", 0)
    with pytest.raises(AirflowException, match="did not become healthy within 0 minutes"):
        model_pod.start_model(RUN, poll_seconds=0.1)
    assert api.pods == {}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LLM_POD_MODEL", "", "PROFILING_LLM_POD_MODEL is ''; set it to a model of the hub and its commit"),
        ("LLM_POD_MODEL", "Qwen/Qwen2.5-7B-Instruct", "and its commit"),
        ("LLM_POD_IMAGE", "vllm/vllm-openai:latest", "PROFILING_LLM_POD_IMAGE is 'vllm/vllm-openai:latest', which is not pinned"),
        ("LLM_GGUF", "/models/small.gguf", "name two models; unset one of the two"),
        ("LLM_POD_PROFILE", "cpu", "PROFILING_LLM_POD_PROFILE is 'cpu'"),
    ],
)  # fmt: skip
def test_what_is_not_pinned_is_refused_before_a_gpu_is_held(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    from model_pod import start_model

    from profiling.errors import SettingsError

    monkeypatch.setenv(f"PROFILING_{name}", value)
    with pytest.raises(SettingsError, match=sentence):
        start_model(RUN)
    assert api.created == []


def test_the_image_is_the_one_of_the_compose_file() -> None:
    from model_pod import ModelSettings

    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    assert ModelSettings.model_fields["llm_pod_image"].default == services["vllm"]["image"]
