"""An S3 server for tests: moto as a process of its own, so boto3 and delta-rs talk HTTP to it as they would to S3."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,  # nobody's own profiles
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
SERVER = Path(__file__).resolve().parent.parent / "scripts" / "s3_server.py"
_numbers = count(1)


@dataclass(frozen=True)
class S3:
    """A running server and a fresh, empty bucket of it. `environment`: what a child process needs to reach it."""

    endpoint: str
    bucket: str
    environment: dict[str, str]

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}"

    def client(self) -> Any:
        from boto3.session import Session

        return Session().client("s3", endpoint_url=self.endpoint)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of a moto server that lives as long as the test session."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, str(SERVER), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **ENVIRONMENT},
    )
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            assert server.poll() is None, f"moto server ended with {server.returncode} before it listened on {port}"
            assert time.monotonic() < deadline, f"moto server does not listen on {port} after 60 s"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3:
    """A fresh bucket, with the credentials in the environment for the length of the test."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    server = S3(s3_endpoint, f"test-{next(_numbers):04d}", dict(ENVIRONMENT))
    server.client().create_bucket(Bucket=server.bucket)
    return server
