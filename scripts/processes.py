"""Child processes and ports: started apart, stopped to the last one."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]


class Problem(Exception):
    """A sentence for the person at the terminal: what is wrong and what to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_port(port: int, fix: str) -> None:
    """Raises:
    Problem: someone listens there already; a health check would then be answered by the wrong server.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Problem(f"port {port} is taken by another program: stop it, or {fix}") from error


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own: a Ctrl-C at the terminal reaches us alone, and we stop it in order."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            list(command),
            env={**os.environ, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(processes: Iterable[subprocess.Popen[bytes]], patience_s: float = 6.0) -> None:
    """End these processes and all they started. Airflow's tasks leave their process group, so the family tree is followed."""
    roots = [process for process in processes if process.poll() is None]
    family: dict[int, psutil.Process] = {}
    _each(_gather(roots, family), "terminate")
    for wait_s in (patience_s, 2.0, 2.0):
        psutil.wait_procs(list(family.values()), timeout=wait_s)
        _each(_gather(roots, family), "kill")
    for process in roots:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)


def _gather(roots: Iterable[subprocess.Popen[bytes]], family: dict[int, psutil.Process]) -> list[psutil.Process]:
    """Remember every descendant seen so far (a child whose parent has died is found no more), and give the living."""
    for pid in [*(root.pid for root in roots), *family]:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid)
            if pid not in family or family[pid] == parent:
                for member in (parent, *parent.children(recursive=True)):
                    family.setdefault(member.pid, member)
    living = []
    for member in family.values():
        with suppress(psutil.NoSuchProcess):
            if member.is_running() and member.status() != psutil.STATUS_ZOMBIE:
                living.append(member)
    return living


def _each(members: Iterable[psutil.Process], action: str) -> None:
    for member in members:
        with suppress(psutil.NoSuchProcess):
            getattr(member, action)()


def end_through_finally() -> None:
    """Let Ctrl-C, `kill` and a closed terminal end this process through its `finally` blocks, once: those take some seconds,
    and a second Ctrl-C would leave behind what they have not stopped yet."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, frame: Any) -> None:
        for name in signals:
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    for name in signals:
        signal.signal(name, end)
