"""Training in a pod: KubernetesPodOperator with the defaults of this house, each with its reason, and errors that name the fix.

Not a plugin that Airflow loads by itself (`.airflowignore`): `training_task` imports it where training runs in pods.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodNotFoundException
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import models as k8s
from training_task import COMMAND, JOBS, PROFILES, Job, Resources, TrainingSettings, command_line, failure

from profiling.errors import SettingsError
from profiling.settings import PREFIX, Settings

BASE = "base"  # the container that trains; the other one holds the result
RESULT = "/airflow/xcom/return.json"  # where the provider's side-car looks
CACHE = "/cache"
# Where the cache is kept, each bucket has its own: SQLite's log must not be shared by machines. Filled in for each task.
KEPT_CACHE = f"{CACHE}/bucket-{{{{ task.arguments[-1] }}}}"
MESSAGE_BYTES = 2048  # as much of its log as Kubernetes takes for a container's message
USER = 10001  # nobody's on the node; the image needs no such user

# Settings a trainer needs. Named one by one, so that a new secret is not shipped by being added to Settings: the pseudonym key
# must never reach a pod, and nor do keys of language models.
SHIPPED = (
    "s3_endpoint", "timezone", "buckets", "embedding", "device", "scenario", "identity_rules", "phone_region",
    "consent_profiling",
)  # fmt: skip
# Where S3 is, as the worker knows it; not a secret.
REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
# The keys that are read from the Secret, if it has them.
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

NEVER_STARTS = {"InvalidImageName", "ErrImageNeverPull"}  # the same words would be refused again
NOT_PULLED = {"ErrImagePull", "ImagePullBackOff"}


def pod_defaults(
    where: TrainingSettings, command: Sequence[str] = COMMAND, cache_claim: str | None = None
) -> dict[str, Any]:
    """The operator's arguments, but for its task id and the command's own arguments.

    Args:
        where: the settings of training; those of another job have its profile in the place of training's.
        command: what Python is given before the arguments.
        cache_claim: a volume claim that keeps the cache; None: it goes with the pod.

    Raises:
        SettingsError: the image is not pinned, or a pod could not reach the lake.
    """
    resources, settings = PROFILES[where.training_profile], Settings.load()
    volume = lake_volume(where, settings.lake)
    scratch = scratch_volumes(resources, cache_claim)
    return {
        # --- what runs
        "image": pinned_image(where.trainer_image),
        # A pinned image does not change, so a node that has it need not ask the registry, which may be down.
        "image_pull_policy": "IfNotPresent",
        "cmds": command_line("python", resources, command),
        "env_vars": environment(where, settings, resources, KEPT_CACHE if cache_claim else CACHE),
        # --- where and as what
        "namespace": where.training_namespace,
        "name": "train",
        # A retry must not wait for the name of a pod that is still being deleted (409). The pod is found again by the identity
        # kept in Airflow's task state, and by its labels, not by its name.
        "random_name_suffix": True,
        # On top of the operator's own (dag_id, task_id, run_id, map_index, try_number): `kubectl get pods -l app=profiling`.
        "labels": {"app": "profiling", "component": "training", "profile": where.training_profile},
        "container_resources": requirements(resources),
        # GPU nodes are tainted so that nothing else fills them, and labelled by NVIDIA's feature discovery.
        "tolerations": [k8s.V1Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")]
        * bool(resources.gpus),
        "node_selector": {"nvidia.com/gpu.present": "true"} if resources.gpus else {},
        # --- what it may do
        # Credentials for S3 come with this account (IRSA, workload identity), so no key is stored anywhere.
        "service_account_name": where.training_service_account,
        # A trainer never calls Kubernetes. The cloud's own token is mounted by its webhook all the same.
        "automount_service_account_token": False,
        "security_context": k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,  # so that it may write to the emptyDirs and the claim
            # A claim with a million files would otherwise be walked through at every start.
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        "container_security_context": locked(),
        # The side-car too, or a namespace with the restricted pod standard refuses the whole pod. Its image and its small
        # requests are pinned by the provider (10.25: alpine:3.24.2); another registry: field "XCom sidecar image" of the
        # connection.
        "xcom_sidecar_container_security_context": locked(),
        "volumes": [mount[0] for mount in (*scratch, *volume)],
        "volume_mounts": [mount[1] for mount in (*scratch, *volume)],
        # --- waiting for it
        # Hours of waiting hold no worker, and a restart of the triggerer loses nothing.
        "deferrable": True,
        # Trainings last minutes to hours: ten seconds are lost at most, and the API server is asked little.
        "poll_interval": 10,
        # The triggerer writes the trainer's log into the task's every half minute. Without it nothing is seen until the end, and
        # the resumed task would follow the log of a pod that hangs. The price in 10.25: it returns "now" where it means the start
        # of this second, so that lines of up to a second may be missing (or twice) at each seam. Errors do not come from here.
        "logging_interval": 30,
        # An image with CUDA is some 8 GB: three minutes over a good line, more on a new node with others pulling too.
        "startup_timeout_seconds": 15 * 60,
        # The cluster may have to start a node first, and one with a GPU may have to be waited for.
        "schedule_timeout_seconds": 30 * 60,
        "startup_check_interval_seconds": 10,
        # By Kubernetes, not by `execution_timeout`: it ends the pod even when nobody in Airflow is left to do so.
        "active_deadline_seconds": 12 * 3600,
        # --- its end
        "do_xcom_push": True,
        # The last log lines become the container's message, and that becomes the task's error.
        "termination_message_policy": "FallbackToLogsOnError",
        # Failed pods too: one that waits for its image holds a GPU for nobody. Log and events are in the task's log by then.
        "on_finish_action": "delete_pod",
        # By the worker or, while the task is deferred, by the triggerer. A task killed in the second or two between its deferral
        # and the triggerer's taking it up is killed by neither (seen with Airflow 3.3.2): `active_deadline_seconds` ends its pod.
        "on_kill_action": "delete_pod",
        # A worker that dies leaves a pod that works on; the next try goes on with it instead of training twice.
        "durable": True,
        "log_events_on_failure": True,
        # The error is a sentence; the whole pod as Python would bury it.
        "log_pod_spec_on_failure": False,
    }


def pinned_image(image: str, setting: str = f"{PREFIX}TRAINER_IMAGE") -> str:
    """Raises:
    SettingsError: no image, or one whose content may change from one try to the next.
    """
    name, _, tag = image.rpartition("/")[2].partition(":")
    if "@sha256:" in image or (name and tag and tag != "latest"):
        return image
    found = f"is {image!r}, which is not pinned" if image else "is not set"
    raise SettingsError(
        f"{setting} {found}: pods need an image with a tag that never moves or a digest, "
        "such as registry.example.com/profiling-trainer:0.2.0"
    )


def lake_volume(where: TrainingSettings, lake: str) -> list[tuple[k8s.V1Volume, k8s.V1VolumeMount]]:
    """The claim that holds a lake in a folder, mounted so that the lake has the same path as on the worker; none for s3://.

    Raises:
        SettingsError: a pod could not see the lake.
    """
    if lake.startswith("s3://"):
        return []
    if not where.training_volume_claim:
        raise SettingsError(
            f"{PREFIX}LAKE is the folder {lake}, which a pod does not see: set it to s3://bucket/prefix, or mount it from "
            f"a volume on the workers and name its claim in {PREFIX}TRAINING_VOLUME_CLAIM"
        )
    mount = where.training_mount or lake
    if not Path(lake).is_relative_to(mount):
        raise SettingsError(
            f"{PREFIX}TRAINING_MOUNT {mount} does not hold {PREFIX}LAKE {lake}: set it to the folder in which the workers have "
            "the volume mounted"
        )
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=where.training_volume_claim)
    return [
        (k8s.V1Volume(name="lake", persistent_volume_claim=claim), k8s.V1VolumeMount(name="lake", mount_path=mount)),
    ]


def scratch_volumes(
    resources: Resources, cache_claim: str | None = None, *, has_shm: bool = False
) -> list[tuple[k8s.V1Volume, k8s.V1VolumeMount]]:
    """What may be written though the root is read-only. Sizes, so that a runaway is evicted before it fills the node."""
    wanted = {"tmp": ("/tmp", "20Gi", None), "cache": (CACHE, "20Gi", None)}
    kept = []
    if cache_claim:
        del wanted["cache"]
        claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=cache_claim)
        volume = k8s.V1Volume(name="cache", persistent_volume_claim=claim)
        kept = [(volume, k8s.V1VolumeMount(name="cache", mount_path=CACHE))]
    if has_shm or resources.processes > 1:
        # Containers get 64 MB of shared memory; NCCL and data loaders of several processes pass tensors through it.
        wanted["shm"] = ("/dev/shm", "16Gi", "Memory")
    return [
        (
            k8s.V1Volume(name=name, empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=size, medium=medium)),
            k8s.V1VolumeMount(name=name, mount_path=path),
        )
        for name, (path, size, medium) in wanted.items()
    ] + kept


def requirements(resources: Resources) -> k8s.V1ResourceRequirements:
    fixed = {"memory": resources.memory, **({"nvidia.com/gpu": str(resources.gpus)} if resources.gpus else {})}
    return k8s.V1ResourceRequirements(requests={"cpu": str(resources.cpus), **fixed}, limits=fixed)


def locked() -> k8s.V1SecurityContext:
    return k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    )


def environment(
    where: TrainingSettings, settings: Settings, resources: Resources, cache: str = CACHE
) -> list[k8s.V1EnvVar]:
    """The command's variables: settings by value, credentials by reference to the Secret."""
    plain = {
        "XCOM_PATH": RESULT,
        f"{PREFIX}LAKE": settings.lake,
        f"{PREFIX}CACHE": cache,
        # Libraries write to the home folder, and the root is read-only.
        "HOME": "/tmp",
        "XDG_CACHE_HOME": CACHE,
        "PYTHONUNBUFFERED": "1",
        # Without it each process starts a thread for every core of the node, not of the pod.
        "OMP_NUM_THREADS": str(resources.cpus // resources.processes),
        **{PREFIX + name.upper(): str(value) for name, value in _chosen(settings).items()},
        **{name: os.environ[name] for name in REGION if name in os.environ},
    }
    references = {
        name: k8s.V1EnvVarSource(
            secret_key_ref=k8s.V1SecretKeySelector(
                name=where.training_secret, key=name, optional=name.endswith("TOKEN")
            )
        )
        for name in CREDENTIALS
        if where.training_secret
    }
    return [
        *(k8s.V1EnvVar(name=name, value=value) for name, value in plain.items()),
        *(k8s.V1EnvVar(name=name, value_from=source) for name, source in references.items()),
    ]


def _chosen(settings: Settings) -> dict[str, Any]:
    """The shipped settings that differ from their defaults."""
    return settings.model_dump(include=set(SHIPPED), exclude_defaults=True, exclude_none=True)


class TrainingPod(KubernetesPodOperator):
    """KubernetesPodOperator whose error is why the pod ended, and whose success always has a result.

    Of provider 10.25.0, each worth a look when the pin moves:

    * Its error is "Pod x returned a failure" and the container's message; that an image cannot be pulled, that no node had room,
      that memory was too small or the pod evicted is in the log at best. `cleanup` says it.
    * A pod that is gone between the trigger's event and the resumed task is a success without a result
      (apache/airflow#73117). `trigger_reentry` makes it an error that is tried again.
    * A pod found again that has ended meanwhile loses its result (apache/airflow#72821). `execute` returns it.
    """

    _result: Any = None

    def execute(self, context: Any) -> Any:
        super().execute(context)  # ends by deferring, unless the pod it found again has ended
        return self._result

    def trigger_reentry(self, context: Any, event: dict[str, Any]) -> Any:
        try:
            self._result = super().trigger_reentry(context, event)
        except PodNotFoundException:
            raise AirflowException(
                f"pod {event['name']} is gone: its node was lost, or someone deleted it; it is tried again with a new one"
            ) from None
        if self._result is None:
            raise self._without_result(event)
        return self._result

    def _without_result(self, event: dict[str, Any]) -> AirflowException:
        if self.pod is None:
            return AirflowException(f"pod {event['name']} was gone before its result was read; it is tried again")
        return AirflowFailException(f"the command ended with code 0 but wrote no JSON to {RESULT}; repair the command")

    def cleanup(
        self, pod: Any, remote_pod: Any, xcom_result: dict[Any, Any] | None = None, context: Any | None = None
    ) -> None:
        """As the operator's, but its failure becomes the pod's own reason."""
        try:
            super().cleanup(pod, remote_pod, xcom_result, context)
        except AirflowException as error:
            profile, job = self.labels.get("profile", "cpu"), self.labels.get("component", "training")
            raise reason(remote_pod, PROFILES[profile], JOBS[job]) or error from None


def reason(pod: k8s.V1Pod, resources: Resources, job: Job = JOBS["training"]) -> AirflowException | None:
    """Why a pod failed, in one sentence with the fix; None when it does not say.

    The pod's own fate comes before the container's exit code: a command whose node is drained also ends with a code.
    """
    status = pod.status
    if status.reason == "DeadlineExceeded":
        return AirflowFailException(
            f"{job.name} ran longer than active_deadline_seconds allows: find out why, or raise it in {job.deadline_in}"
        )
    disrupted = next((c for c in status.conditions or () if c.type == "DisruptionTarget" and c.status == "True"), None)
    if disrupted or status.reason in ("Evicted", "NodeLost", "NodeShutdown", "Terminated", "Preempting"):
        why = disrupted or status
        return AirflowException(f"the pod was taken away ({why.reason}: {why.message}); it is tried again")
    base = next((c.state for c in status.container_statuses or () if c.name == BASE), None)
    if base and base.terminated:
        if base.terminated.reason == "OOMKilled":
            return AirflowException(
                f"{job.name} needed more than its {resources.memory} of memory (OOMKilled); "
                f"if it happens again, set {job.bigger(resources)}"
            )
        message = base.terminated.message or ""
        if len(message.encode()) >= MESSAGE_BYTES:
            message = message.partition("\n")[2]  # half a first line would pass for a sentence
        return failure(base.terminated.exit_code, message, resources, job)
    waiting = [c.state.waiting for c in status.container_statuses or () if c.state.waiting]
    for wait in waiting:
        if wait.reason in NEVER_STARTS:
            return AirflowFailException(f"{wait.reason}: {wait.message}; correct {job.image}")
        if wait.reason in NOT_PULLED:
            return AirflowException(
                f"{wait.reason}: {wait.message}; if it happens again, check {job.image} and that the service account "
                "may pull it"
            )
        if wait.reason != "ContainerCreating":
            return AirflowException(f"{job.name} did not start, {wait.reason}: {wait.message}")
    unplaced = next((c for c in status.conditions or () if c.type == "PodScheduled" and c.status == "False"), None)
    if unplaced:
        said = (unplaced.message or "no reason given").rstrip(". ")
        return AirflowException(f"no node took the pod ({said}); add nodes, or set another {job.setting}")
    return AirflowException(f"{job.name} did not start in time; the pod's events are above") if waiting else None
