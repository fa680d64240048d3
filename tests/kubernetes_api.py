"""The Kubernetes API as far as KubernetesPodOperator uses it: a pod is a local process that runs the pod's real command.

The operator, its trigger, both Kubernetes clients, HTTP, the watch, the log that is followed and the websocket of `exec` are the
real ones. What a pod really is, is not here, and a test against this server says nothing about it:

* scheduling (nodes, resources, taints, selectors, quotas): a pod is placed at once, unless a fault is asked for;
* images: any image "is" this checkout's interpreter with `image` in front of its PYTHONPATH;
* RBAC and service accounts: nobody is asked who he is;
* GPUs, memory limits, security contexts, volumes: posted, checked for their form, and not applied. Of the volumes only the one
  at /airflow/xcom is played, by a folder of the pod's own; the text `/airflow/xcom` is rewritten in its variables and arguments.

Safety: `exec` is answered from a list of the provider's known commands and never reaches a shell. The provider stops its
side-car with `kill -2 $(pgrep -u $(id -u) -f 'sh')`: on this machine that would interrupt every process with "sh" in its name.
A pod's processes are in a group of their own, and only that group is ever signalled.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import WSMsgType, web

SIDECAR = "airflow-xcom-sidecar"
XCOM = "/airflow/xcom"
READ_RESULT = f"if [ -s {XCOM}/return.json ]; then cat {XCOM}/return.json; else echo __airflow_xcom_result_empty__; fi"
STOP_SIDECAR = "kill -2 $(pgrep -u $(id -u) -f 'sh')"
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?")
MESSAGE_BYTES, MESSAGE_LINES = 2048, 80  # what FallbackToLogsOnError keeps
Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next pod.

    Args:
        kind: `waiting` (the container does not start, for `reason`), `unschedulable`; and, `after_s` from its process's start,
            `oom`, `evicted`, `disrupted` (its node is drained, or a pod of more weight takes its place) or `lost` (it vanishes).
    """

    kind: str
    reason: str = ""
    message: str = ""
    after_s: float = 0.3


@dataclass
class Pod:
    body: Json
    folder: Path
    fault: Fault | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)  # (when, what)
    process: asyncio.subprocess.Process | None = None
    is_ended: bool = False
    is_deleted: bool = False
    sidecar_stopped: asyncio.Event = field(default_factory=asyncio.Event)
    strikes: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def status(self) -> Json:
        return self.body["status"]

    def path(self, text: str) -> str:
        return text.replace(XCOM, str(self.folder))

    def container(self, name: str) -> Json | None:
        return next((c for c in self.body["spec"]["containers"] if c["name"] == name), None)

    def kill(self, number: signal.Signals) -> None:
        """Signal the pod's own process group, and nothing else."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class KubernetesApi:
    """The server, in a thread with a loop of its own.

    Args:
        image: a folder in front of the containers' PYTHONPATH: the content of every image.
        secrets: the Secrets of the cluster, values by key by name.
        environment: variables that every container has, as a node would inject them.
    """

    def __init__(
        self,
        image: Path | None = None,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.image, self.secrets, self.environment = image, dict(secrets or {}), dict(environment or {})
        self.pods: dict[str, Pod] = {}
        self.all: list[Pod] = []  # the deleted ones too
        self.created: list[Json] = []  # every pod ever posted, as posted
        self.history: list[tuple[str, str]] = []  # (pod, what happened)
        self.events: list[Json] = []
        self.execs: list[list[str]] = []
        self.faults: list[Fault] = []  # the next pod takes the first
        self.requests: list[str] = []
        self.url = ""
        self._version = 0
        self._lives: list[asyncio.Task[None]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="pods-"))
        self._loop = asyncio.new_event_loop()
        self._changed: asyncio.Condition
        self._thread = threading.Thread(target=self._serve, name="kubernetes-api", daemon=True)
        self._ready = threading.Event()
        self._stop: asyncio.Event

    # ---- life

    def __enter__(self) -> "KubernetesApi":
        self._thread.start()
        assert self._ready.wait(20), "the stand-in did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        self._changed, self._stop = asyncio.Condition(), asyncio.Event()
        app = web.Application(middlewares=[self._log_request])
        pods = "/api/v1/namespaces/{namespace}/pods"
        app.add_routes(
            [
                web.post(pods, self._create),
                web.get(pods, self._list),
                web.get(pods + "/{name}", self._read),
                web.patch(pods + "/{name}", self._patch),
                web.delete(pods + "/{name}", self._delete),
                web.get(pods + "/{name}/log", self._log),
                web.get(pods + "/{name}/exec", self._exec),
                web.get("/api/v1/namespaces/{namespace}/events", self._list_events),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
        self._ready.set()
        await self._stop.wait()
        for pod in list(self.pods.values()):
            await self._remove(pod, signal.SIGKILL)
        # To their end, so that no process and no pipe outlives the loop.
        await asyncio.gather(*self._lives, return_exceptions=True)
        await runner.cleanup()

    @property
    def connection(self) -> str:
        """The connection `kubernetes_default` as Airflow reads it from the environment."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": "none"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "training"}}],
            "current-context": "here",
        }
        extra = {"kube_config": json.dumps(config), "namespace": "training", "in_cluster": False}
        return json.dumps({"conn_type": "kubernetes", "extra": extra})

    # ---- what tests ask

    def wait(self, holds: Callable[[], Any], what: str, timeout_s: float = 20) -> Any:
        """From the test's thread: wait until something holds."""
        deadline = datetime.now(UTC).timestamp() + timeout_s
        while not (found := holds()):
            assert datetime.now(UTC).timestamp() < deadline, f"waited {timeout_s} s for {what}; {self.history}"
            threading.Event().wait(0.02)
        return found

    def said(self, name: str) -> list[str]:
        """What happened to a pod, in order."""
        return [what for pod, what in self.history if pod == name]

    def lose(self, name: str) -> None:
        """From the test's thread: the pod vanishes, as when its node is lost or the collector takes it."""
        asyncio.run_coroutine_threadsafe(self._remove(self.pods[name], signal.SIGKILL), self._loop).result(10)

    # ---- a pod's life

    async def _note(self, pod: Pod, what: str) -> None:
        self._version += 1
        pod.body["metadata"]["resourceVersion"] = str(self._version)
        if not pod.is_deleted:  # its process may end a moment later
            self.history.append((pod.name, what))
        async with self._changed:
            self._changed.notify_all()

    async def _event(self, pod: Pod, kind: str, why: str, message: str) -> None:
        self._version += 1
        meta = pod.body["metadata"]
        self.events.append(
            {
                "metadata": {
                    "name": f"{pod.name}.{self._version}",
                    "namespace": meta["namespace"],
                    "uid": str(uuid.uuid4()),
                    "resourceVersion": str(self._version),
                },
                "involvedObject": {"kind": "Pod", "name": pod.name, "namespace": meta["namespace"], "uid": meta["uid"]},
                "type": kind,
                "reason": why,
                "message": message,
                "lastTimestamp": _now(),
            }
        )
        async with self._changed:
            self._changed.notify_all()

    def _statuses(self, pod: Pod, base: Json, sidecar: Json | None = None) -> None:
        states = {SIDECAR: sidecar or base}
        pod.status["containerStatuses"] = [
            {
                "name": c["name"],
                "image": c["image"],
                "imageID": "",
                "restartCount": 0,
                "ready": "running" in (state := states.get(c["name"], base)),
                "started": "running" in state,
                "state": state,
                "lastState": {},
            }
            for c in pod.body["spec"]["containers"]
        ]

    async def _live(self, pod: Pod) -> None:
        fault = pod.fault or Fault("none")
        placed = {"type": "PodScheduled", "status": "True"}
        if fault.kind == "unschedulable":
            refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": fault.message}
            pod.status["conditions"] = [refused]
            await self._event(pod, "Warning", "FailedScheduling", fault.message)
            return await self._note(pod, "unschedulable")
        pod.status["conditions"] = [placed]
        await self._event(pod, "Normal", "Scheduled", f"assigned {pod.name} to here")
        variables, missing = self._variables(pod)
        if missing:
            fault = Fault("waiting", "CreateContainerConfigError", missing)
        if fault.kind == "waiting":
            self._statuses(pod, {"waiting": {"reason": fault.reason, "message": fault.message}})
            await self._event(pod, "Warning", "Failed", fault.message)
            return await self._note(pod, f"waiting {fault.reason}")
        await self._run(pod, variables, fault)

    def _variables(self, pod: Pod) -> tuple[dict[str, str], str]:
        """A container's variables: those of the node, not of this process; and what is missing for them."""
        base = pod.body["spec"]["containers"][0]
        # `python` is this interpreter; a container knows nothing of the worker's own variables.
        found = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **self.environment}
        if self.image:
            found["PYTHONPATH"] = str(self.image)
        for variable in base.get("env") or ():
            name, reference = variable["name"], (variable.get("valueFrom") or {}).get("secretKeyRef")
            if reference is None:
                found[name] = pod.path(variable.get("value") or "")
                continue
            secret = self.secrets.get(reference["name"], {})
            if reference["key"] in secret:
                found[name] = secret[reference["key"]]
            elif not reference.get("optional"):
                return {}, f"couldn't find key {reference['key']} in Secret {reference['name']}"
        return found, ""

    async def _run(self, pod: Pod, variables: dict[str, str], fault: Fault) -> None:
        base = pod.body["spec"]["containers"][0]
        argv = [pod.path(word) for word in (*(base.get("command") or ()), *(base.get("args") or ()))]
        began = _now()
        try:
            pod.process = await asyncio.create_subprocess_exec(
                *argv,
                env=variables,
                cwd=pod.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._statuses(pod, {"waiting": {"reason": "RunContainerError", "message": str(error)}})
            return await self._note(pod, "waiting RunContainerError")
        running = {"running": {"startedAt": began}}
        self._statuses(pod, running)
        pod.status.update(phase="Running", startTime=began, podIP="127.0.0.1")
        await self._note(pod, "Running")
        if fault.kind in ("oom", "evicted", "disrupted", "lost"):
            pod.strikes.append(asyncio.create_task(self._strike(pod, fault)))
        if limit := pod.body["spec"].get("activeDeadlineSeconds"):
            deadline = Fault("evicted", "DeadlineExceeded", "Pod was active on the node longer than allowed", limit)
            pod.strikes.append(asyncio.create_task(self._strike(pod, deadline)))
        assert pod.process.stdout is not None
        async for line in pod.process.stdout:
            pod.lines.append((_now(), line.decode(errors="replace").rstrip("\n")))
            async with self._changed:
                self._changed.notify_all()
        code = await pod.process.wait()
        pod.is_ended = True
        if pod.status["phase"] == "Failed":  # evicted: its end is already written
            return await self._note(pod, "process ended")
        has_sidecar = pod.container(SIDECAR) is not None
        self._statuses(pod, self._terminated(pod, code, began), running if has_sidecar else None)
        await self._note(pod, f"base ended {code}")
        if has_sidecar:
            await pod.sidecar_stopped.wait()
            done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": _now()}}
            self._statuses(pod, self._terminated(pod, code, began), done)
        pod.status["phase"] = "Failed" if code else "Succeeded"
        await self._note(pod, pod.status["phase"])

    def _terminated(self, pod: Pod, code: int, began: str) -> Json:
        state: Json = {"exitCode": code if code >= 0 else 128 - code, "startedAt": began, "finishedAt": _now()}
        state["reason"] = "Completed" if code == 0 else "Error"
        if code == -signal.SIGKILL and pod.fault and pod.fault.kind == "oom":
            state["reason"] = "OOMKilled"
        base = pod.body["spec"]["containers"][0]
        if code and base.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            text = "\n".join(line for _, line in pod.lines[-MESSAGE_LINES:])
            state["message"] = text.encode()[-MESSAGE_BYTES:].decode(errors="ignore")
        return {"terminated": state}

    async def _strike(self, pod: Pod, fault: Fault) -> None:
        await asyncio.sleep(fault.after_s)
        if pod.is_ended:
            return
        if fault.kind == "oom":
            pod.kill(signal.SIGKILL)
            return
        if fault.kind == "lost":
            await self._remove(pod, signal.SIGKILL)
            return
        pod.status.update(phase="Failed", reason=fault.reason or "Evicted", message=fault.message)
        if fault.kind == "disrupted":
            pod.status.pop("reason")
            why = {"type": "DisruptionTarget", "status": "True", "reason": fault.reason, "message": fault.message}
            pod.status["conditions"].append(why)
        ended = {"terminated": {"exitCode": 143, "reason": "Error", "startedAt": _now(), "finishedAt": _now()}}
        self._statuses(pod, ended)
        pod.kill(signal.SIGTERM)
        await self._event(pod, "Warning", fault.reason or "Evicted", fault.message)
        await self._note(pod, fault.kind)

    async def _remove(self, pod: Pod, number: signal.Signals) -> None:
        self.pods.pop(pod.name, None)
        for strike in pod.strikes:
            if strike is not asyncio.current_task():
                strike.cancel()
        pod.kill(number)
        if pod.process and number != signal.SIGKILL:
            with suppress(TimeoutError):
                await asyncio.wait_for(pod.process.wait(), 2)
            pod.kill(signal.SIGKILL)
        pod.is_ended = True
        pod.sidecar_stopped.set()
        await self._note(pod, "deleted")
        pod.is_deleted = True

    # ---- the API

    @web.middleware
    async def _log_request(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        return await handler(request)

    def _found(self, request: web.Request) -> Pod:
        pod = self.pods.get(request.match_info["name"])
        if not pod or pod.body["metadata"]["namespace"] != request.match_info["namespace"]:
            raise _refusal(404, "NotFound", f'pods "{request.match_info["name"]}" not found')
        return pod

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if faults := what_is_wrong(body, request.match_info["namespace"]):
            raise _refusal(422, "Invalid", "; ".join(faults))
        meta = body["metadata"]
        if meta["name"] in self.pods:
            raise _refusal(409, "AlreadyExists", f'pods "{meta["name"]}" already exists')
        self.created.append(json.loads(json.dumps(body)))
        meta.update(namespace=request.match_info["namespace"], uid=str(uuid.uuid4()), creationTimestamp=_now())
        body.update(kind="Pod", apiVersion="v1", status={"phase": "Pending", "conditions": []})
        folder = self._folder / meta["uid"]
        folder.mkdir()
        pod = self.pods[meta["name"]] = Pod(body, folder, self.faults.pop(0) if self.faults else None)
        self.all.append(pod)
        await self._note(pod, "Pending")
        answer = web.json_response(body, status=201)
        self._lives.append(asyncio.create_task(self._live(pod)))
        return answer

    async def _list(self, request: web.Request) -> web.Response:
        here, chosen = request.match_info["namespace"], selector(request.query.get("labelSelector", ""))
        items = [
            pod.body
            for pod in self.pods.values()
            if pod.body["metadata"]["namespace"] == here and chosen(pod.body["metadata"].get("labels") or {})
        ]
        meta = {"resourceVersion": str(self._version)}
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": items})

    async def _read(self, request: web.Request) -> web.Response:
        return web.json_response(self._found(request).body)

    async def _patch(self, request: web.Request) -> web.Response:
        pod, patch = self._found(request), await request.json()
        if set(patch) != {"metadata"} or set(patch["metadata"]) - {"labels", "annotations"}:
            raise _refusal(422, "Invalid", "only labels and annotations of a pod may be changed here")
        for kind, values in patch["metadata"].items():
            pod.body["metadata"].setdefault(kind, {}).update(values)
        await self._note(pod, f"patched {sorted(patch['metadata'].get('labels', {}))}")
        return web.json_response(pod.body)

    async def _delete(self, request: web.Request) -> web.Response:
        pod = self._found(request)
        await self._remove(pod, signal.SIGTERM)
        return web.json_response(pod.body)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        pod, query = self._found(request), request.query
        if query.get("container") == SIDECAR:
            return web.Response(text="")
        if pod.status["phase"] == "Pending":
            raise _refusal(400, "BadRequest", f'container "base" in pod "{pod.name}" is waiting to start')
        since = datetime.now(UTC).timestamp() - float(query.get("sinceSeconds", 1e9))
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        at = 0
        while True:
            while at < len(pod.lines):
                when, line = pod.lines[at]
                at += 1
                if datetime.fromisoformat(when).timestamp() >= since:
                    await answer.write(f"{when + ' ' if _is_set(query, 'timestamps') else ''}{line}\n".encode())
            if pod.is_ended or not _is_set(query, "follow"):
                break
            async with self._changed:
                if at == len(pod.lines) and not pod.is_ended:
                    await self._changed.wait()
        await answer.write_eof()
        return answer

    async def _list_events(self, request: web.Request) -> web.StreamResponse:
        query, meta = request.query, {"resourceVersion": str(self._version)}
        name = re.search(r"involvedObject\.name=([^,]+)", query.get("fieldSelector", ""))

        def wanted(after: int) -> list[Json]:
            return [
                event
                for event in self.events
                if int(event["metadata"]["resourceVersion"]) > after
                and (not name or event["involvedObject"]["name"] == name[1])
            ]

        if not _is_set(query, "watch"):
            items = wanted(int(query.get("resourceVersion") or 0))
            return web.json_response({"kind": "EventList", "apiVersion": "v1", "metadata": meta, "items": items})
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        after, ends = (
            int(query.get("resourceVersion") or 0),
            self._loop.time() + float(query.get("timeoutSeconds") or 30),
        )
        while (left := ends - self._loop.time()) > 0:
            for event in wanted(after):
                after = int(event["metadata"]["resourceVersion"])
                line = json.dumps({"type": "ADDED", "object": {"kind": "Event", "apiVersion": "v1", **event}})
                await answer.write(line.encode() + b"\n")
            with suppress(TimeoutError):
                async with self._changed:
                    if not wanted(after):
                        await asyncio.wait_for(self._changed.wait(), left)
        await answer.write_eof()
        return answer

    async def _exec(self, request: web.Request) -> web.WebSocketResponse:
        """The side-car's shell, played: `v4.channel.k8s.io`, a byte for the channel before the data of each frame.

        It knows the two things the provider asks, by their very words, and answers them itself.
        """
        pod, words = self._found(request), request.query.getall("command")
        self.execs.append(words)
        if request.query.get("container") != SIDECAR:
            raise _refusal(400, "BadRequest", "exec is played for the side-car only")
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        if words == ["/bin/sh", "-c", READ_RESULT]:
            result = pod.folder / "return.json"
            text = result.read_bytes() if result.exists() else b""
            await socket.send_bytes(b"\x01" + (text or b"__airflow_xcom_result_empty__\n"))
        elif words == ["/bin/sh"]:
            async for message in socket:
                data = message.data.encode() if message.type == WSMsgType.TEXT else message.data
                typed = data[1:].decode().strip()
                if data[:1] == b"\x00" and typed == STOP_SIDECAR:
                    pod.sidecar_stopped.set()
                    await self._note(pod, "side-car stopped")
                    break
                if typed:
                    await socket.send_bytes(b"\x02not played: " + typed.encode())
        else:
            await socket.send_bytes(b"\x02not played: " + " ".join(words).encode())
        await socket.send_bytes(b'\x03{"metadata":{},"status":"Success"}')
        await socket.close()
        return socket


def what_is_wrong(body: Json, namespace: str) -> list[str]:
    """What the real server would refuse in a posted pod, of what a pod of ours may get wrong."""
    meta, spec = body.get("metadata") or {}, body.get("spec") or {}
    wrong = []
    if not NAME.fullmatch(str(meta.get("name"))):
        wrong.append(f"metadata.name {meta.get('name')!r}: a DNS label of at most 63 characters is required")
    if meta.get("namespace", namespace) != namespace:
        wrong.append(f"metadata.namespace {meta.get('namespace')!r} is not the one of the request, {namespace!r}")
    for key, value in (meta.get("labels") or {}).items():
        if not isinstance(value, str) or not LABEL.fullmatch(value):
            wrong.append(f"metadata.labels.{key}: {value!r} is no label value")
    containers = spec.get("containers") or []
    if not containers:
        wrong.append("spec.containers: required")
    if len({c.get("name") for c in containers}) < len(containers):
        wrong.append("spec.containers: names must differ")
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        wrong.append(f"spec.restartPolicy: {spec.get('restartPolicy')!r}")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for container in containers:
        at = f"spec.containers[{container.get('name')}]"
        wrong += [f"{at}.{key}: required" for key in ("name", "image") if not container.get(key)]
        if not all(isinstance(word, str) for key in ("command", "args") for word in container.get(key) or ()):
            wrong.append(f"{at}: command and args must be strings")
        for variable in container.get("env") or ():
            if not variable.get("name") or (variable.get("value") and variable.get("valueFrom")):
                wrong.append(f"{at}.env: {variable}")
        mounts = container.get("volumeMounts") or ()
        wrong += [f"{at}.volumeMounts: no volume {mount['name']!r}" for mount in mounts if mount["name"] not in volumes]
        paths = [mount["mountPath"] for mount in mounts]
        wrong += [f"{at}.volumeMounts: {path} twice" for path in sorted({p for p in paths if paths.count(p) > 1})]
        resources = container.get("resources") or {}
        for kind, values in resources.items():
            for name, amount in values.items():
                if not QUANTITY.fullmatch(str(amount)):
                    wrong.append(f"{at}.resources.{kind}.{name}: {amount!r} is no quantity")
        for name, amount in (resources.get("requests") or {}).items():
            if "/" in name and (resources.get("limits") or {}).get(name) != amount:
                wrong.append(f"{at}.resources: {name} must be the same in requests and limits")
    return wrong


def selector(text: str) -> Callable[[Mapping[str, str]], bool]:
    """A label selector of the forms `a=b`, `a==b`, `a!=b`, `a` and `!a`, joined by commas."""

    def holds(term: str, labels: Mapping[str, str]) -> bool:
        if "!=" in term:
            key, value = term.split("!=")
            return labels.get(key) != value
        if "=" in term:
            key, value = re.split("==?", term)
            return labels.get(key) == value
        return term[1:] not in labels if term.startswith("!") else term in labels

    terms = [term for term in text.split(",") if term]
    return lambda labels: all(holds(term, labels) for term in terms)


def _is_set(query: Mapping[str, str], name: str) -> bool:
    """A flag as the server's Go reads it: the Python clients write `True`."""
    return query.get(name, "").lower() in ("1", "t", "true")


def _refusal(code: int, why: str, message: str) -> web.HTTPException:
    kinds = {400: web.HTTPBadRequest, 404: web.HTTPNotFound, 409: web.HTTPConflict, 422: web.HTTPUnprocessableEntity}
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": why, "message": message, "code": code}
    return kinds[code](text=json.dumps(body), content_type="application/json")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
