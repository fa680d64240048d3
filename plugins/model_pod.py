"""A language model for a run's questions: vLLM in a pod that is started, waited for and deleted by three functions.

No operator: KubernetesPodOperator waits for a pod's end, and a server has none. The Kubernetes client is imported inside, since
Airflow loads this file in each of its processes.
"""

import hashlib
import logging
import time
import urllib.error
import urllib.request
from typing import Any, Literal

from airflow.sdk.exceptions import AirflowException
from pydantic import SecretStr
from training_task import PROFILES, Job, TrainingSettings, Where

from profiling.errors import SettingsError
from profiling.settings import PREFIX, Settings

log = logging.getLogger(__name__)

JOB = Job(
    "the language model", f"{PREFIX}LLM_POD_PROFILE", ("gpu", "multi-gpu"), "plugins/model_pod.py",
    image=f"{PREFIX}LLM_POD_IMAGE",
)  # fmt: skip
# By Kubernetes, whatever becomes of Airflow: a server never ends by itself, and holds a GPU.
DEADLINE_SECONDS = 12 * 3600
# A node that has to be started, an image of some 10 GB, weights of some 15 GB, and the graphs that are captured.
READY_WITHIN_SECONDS = 45 * 60
POLL_SECONDS = 5.0


class ModelSettings(Where):
    """Which model a pod serves. The pod runs where trainers do: namespace, connection."""

    llm_pod_model: str = ""
    llm_pod_image: str = "vllm/vllm-openai:v0.12.0"  # as in docker-compose.yaml
    llm_pod_profile: Literal["gpu", "multi-gpu"] = "gpu"
    llm_pod_cache_claim: str | None = None  # a volume that keeps the weights; none: they are downloaded for each run
    llm_pod_port: int = 8000


def asking(url: str) -> Settings:
    """The settings of a task of the run: those of the worker, with the pod as the server to ask. Media are read as they were."""
    known = Settings.load()
    changes: dict[str, Any] = {"llm_url": url, "llm_model": ModelSettings.load().llm_pod_model}
    changes |= {"llm_api_key": None}  # a key goes to no other server than its own
    if known.media_server is None:
        changes |= {"media_image_model": None, "media_audio_model": None}  # the pod serves none of them
    else:
        address, key = known.media_server
        changes |= {"media_url": address, "media_api_key": SecretStr(key) if key else None}
    return known.model_copy(update=changes)


def start_model(run_id: str, poll_seconds: float = POLL_SECONDS) -> str:
    """Start the run's pod, or find it from an earlier try, and wait until it answers; its address, up to and with /v1.

    Raises:
        SettingsError: no model is named, it or the image is not pinned, or a GGUF file is set too.
        AirflowException: it did not start, did not become healthy in time or ended; the pod is deleted.
    """
    from kubernetes.client import ApiException

    where, namespace, client = _cluster()
    pod = model_pod(where, run_id)
    try:
        client.create_namespaced_pod(namespace, pod)
    except ApiException as error:
        if error.status != 409:  # a try before this one was killed
            raise
    try:
        return _until_healthy(client, namespace, pod.metadata.name, where, poll_seconds)
    except BaseException:
        stop_model(run_id)  # Airflow runs no teardown of a setup that failed
        raise


def stop_model(run_id: str) -> None:
    """Delete the run's pod; nothing where it is gone."""
    from kubernetes.client import ApiException

    _, namespace, client = _cluster()
    try:
        client.delete_namespaced_pod(pod_name(run_id), namespace)
    except ApiException as error:
        if error.status != 404:
            raise


def pod_name(run_id: str) -> str:
    """By the run alone, so that whoever has to delete it needs no word from whoever made it."""
    return f"llm-{hashlib.sha256(run_id.encode()).hexdigest()[:16]}"


def model_pod(where: ModelSettings, run_id: str) -> Any:
    """The pod as it is posted, a V1Pod.

    Raises:
        SettingsError: as `start_model`.
    """
    from kubernetes.client import models as k8s
    from training_pod import CACHE, USER, locked, pinned_image, requirements, scratch_volumes

    model, revision = _pinned_model(where)
    resources = PROFILES[where.llm_pod_profile]
    volumes = scratch_volumes(resources, where.llm_pod_cache_claim, has_shm=True)
    arguments = [
        model, "--revision", revision, "--served-model-name", where.llm_pod_model, "--port", str(where.llm_pod_port),
        "--max-model-len", "8192", "--tensor-parallel-size", str(resources.gpus),
    ]  # fmt: skip
    variables = {
        "HF_HOME": CACHE,
        "HOME": "/tmp",  # compiled kernels are kept there, and the root is read-only
        "USER": "profiling",  # PyTorch asks who it is, and the image knows no user of this number
        "VLLM_NO_USAGE_STATS": "1",
    }
    health = k8s.V1HTTPGetAction(path="/health", port=where.llm_pod_port)
    container = k8s.V1Container(
        name="base",
        image=pinned_image(where.llm_pod_image, JOB.image),
        image_pull_policy="IfNotPresent",
        command=["vllm", "serve"],
        args=arguments,
        env=[k8s.V1EnvVar(name=name, value=value) for name, value in variables.items()],
        ports=[k8s.V1ContainerPort(container_port=where.llm_pod_port)],
        readiness_probe=k8s.V1Probe(http_get=health, period_seconds=10, timeout_seconds=5),
        resources=requirements(resources),
        security_context=locked(),
        termination_message_policy="FallbackToLogsOnError",
        volume_mounts=[mount for _, mount in volumes],
    )
    spec = k8s.V1PodSpec(
        containers=[container],
        restart_policy="Never",
        active_deadline_seconds=DEADLINE_SECONDS,
        automount_service_account_token=False,
        node_selector={"nvidia.com/gpu.present": "true"},
        tolerations=[k8s.V1Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")],
        security_context=k8s.V1PodSecurityContext(
            run_as_non_root=True, run_as_user=USER, run_as_group=USER, fs_group=USER,
            fs_group_change_policy="OnRootMismatch", seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        volumes=[volume for volume, _ in volumes],
    )  # fmt: skip
    labels = {"app": "profiling", "component": "language-model", "profile": where.llm_pod_profile}
    return k8s.V1Pod(metadata=k8s.V1ObjectMeta(name=pod_name(run_id), labels=labels), spec=spec)


def _pinned_model(where: ModelSettings) -> tuple[str, str]:
    """Repository and commit: answers are kept under the model's name, so a name must mean the same weights for ever."""
    model, _, revision = where.llm_pod_model.partition("@")
    if not model or not revision:
        raise SettingsError(
            f"{PREFIX}LLM_POD_MODEL is {where.llm_pod_model!r}; set it to a model of the hub and its commit, "
            "such as Qwen/Qwen2.5-7B-Instruct@ and the 40 hex digits of a commit you have seen"
        )
    if Settings.load().llm_gguf is not None:
        raise SettingsError(f"{PREFIX}LLM_GGUF and {PREFIX}LLM_POD_MODEL name two models; unset one of the two")
    return model, revision


def _cluster() -> tuple[ModelSettings, str, Any]:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

    hook = KubernetesHook(conn_id="kubernetes_default")
    namespace = TrainingSettings.load().training_namespace or hook.get_namespace() or "default"
    return ModelSettings.load(), namespace, hook.core_v1_client


def _until_healthy(client: Any, namespace: str, name: str, where: ModelSettings, poll_seconds: float) -> str:
    from training_pod import NEVER_STARTS, reason

    ends = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        pod = client.read_namespaced_pod(name, namespace)
        if pod.metadata.deletion_timestamp:  # of this run before it was cleared: it may still answer
            raise AirflowException(f"pod {name} is still being deleted; it is tried again with a new one")
        states = [each.state for each in pod.status.container_statuses or ()]
        refused = any(state.waiting and state.waiting.reason in NEVER_STARTS for state in states)
        if pod.status.phase in ("Failed", "Succeeded") or refused:
            raise reason(pod, PROFILES[where.llm_pod_profile], JOB) or AirflowException(f"pod {name} ended by itself")
        if pod.status.pod_ip and _is_healthy(address := f"http://{pod.status.pod_ip}:{where.llm_pod_port}"):
            log.info("%s answers at %s", where.llm_pod_model, address)
            return f"{address}/v1"
        if time.monotonic() > ends:
            late = f"pod {name} did not become healthy within {READY_WITHIN_SECONDS // 60} minutes; see its log"
            raise reason(pod, PROFILES[where.llm_pod_profile], JOB) or AirflowException(late)
        time.sleep(poll_seconds)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
