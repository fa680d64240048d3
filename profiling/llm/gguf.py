"""A model's GGUF file served in this process by llama.cpp: the OpenAI protocol on loopback, under a key that nobody else knows.

Its grammar holds an answer to the schema's shape, not to its numbers: `maximum` and the like are checked afterwards, as are
patterns without anchors.
"""

import atexit
import hashlib
import logging
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiling.errors import InputError, SettingsError

log = logging.getLogger(__name__)

AT_ONCE = 1  # the threads of one question take all cores; several at once would also change each other's last digits
CONTEXT_TOKENS = 8_192  # question and answer together; less where the model was made for less


@dataclass(frozen=True)
class Served:
    """Where a model answers, and by which name: the file's, and the beginning of its SHA-256."""

    url: str
    key: str
    name: str


_servers: dict[str, tuple[Any, Served]] = {}  # by name
_digests: dict[tuple[Path, int, int], str] = {}  # by path, size and time of change: of a large file it takes seconds


def serve(path: Path) -> Served:
    """The server of a file, started at the first call and kept until the process ends: loading costs seconds.

    Raises:
        SettingsError: the extra `llm` is not installed.
        InputError: there is no such file, or llama.cpp cannot read it.
    """
    name = name_of(path)
    if name not in _servers:
        _servers[name] = _start(path, name)
    return _servers[name][1]


def name_of(path: Path) -> str:
    """The file's name without its ending, and the beginning of its SHA-256: a file that took its place has another.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        found = path.stat()
        key = path, found.st_size, found.st_mtime_ns
        if key not in _digests:
            with path.open("rb") as file:
                _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise InputError(f"PROFILING_LLM_GGUF={path}: there is no such file; name the model's file") from error
    except OSError as error:
        raise InputError(f"PROFILING_LLM_GGUF={path} cannot be read ({error}); name the model's file") from error
    return f"{path.stem}@{_digests[key][:12]}"


def stop() -> None:
    """End all servers of this process."""
    _servers.clear()


atexit.register(stop)  # while Python still stands: their threads must not outlive it


def _start(path: Path, name: str) -> tuple[Any, Served]:
    try:
        import xllamacpp
    except ImportError as error:
        raise SettingsError(
            "PROFILING_LLM_GGUF needs llama.cpp, which is not installed: pip install 'customer-profiling[llm]'"
        ) from error
    began = time.monotonic()
    served_by = Served("", secrets.token_hex(16), name)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.model_alias = [served_by.name]
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.api_keys = [served_by.key]
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_metrics = False
    parameters.n_parallel, parameters.n_ctx = AT_ONCE, CONTEXT_TOKENS
    parameters.cache_ram_mib = 0  # answers of earlier questions are kept by us
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads()
    parameters.warmup = False
    parameters.verbosity = -1
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise InputError(
            f"PROFILING_LLM_GGUF={path} cannot be loaded ({error}): it is damaged, too large for this machine's memory, or "
            "newer than this llama.cpp"
        ) from error
    log.info("%s is served after %.1f s by %d threads", served_by.name, time.monotonic() - began, threads())
    return server, Served(f"{server.listening_address}/v1", served_by.key, served_by.name)


def threads() -> int:
    """As many as this process may use, or OMP_NUM_THREADS where that is set, as it is in pods."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
