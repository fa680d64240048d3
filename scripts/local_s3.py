"""An S3 server on loopback: moto's, which keeps objects in memory. A folder holds them between two starts."""

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from processes import Problem, answers, free_port, spawn, stop

BUCKET = "profiles"
CONTENT_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".gz": "application/gzip"}


class LocalS3:
    """The server as a child process, with the objects of `folder` in it; `save` writes them back."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log, self.port = folder, log, free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Nobody's own profiles, and no proxy between two processes of one machine.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def __enter__(self) -> "LocalS3":
        command = [sys.executable, str(Path(__file__).with_name("s3_server.py")), str(self.port)]
        self._process = spawn(command, self.environment, self.log, self.log.parent)
        try:
            self._wait()
            self._client().create_bucket(Bucket=BUCKET)
            self._restore()
        except BaseException:
            stop([self._process])
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.save()
        finally:
            stop([self._process])

    def _wait(self) -> None:
        for _ in range(300):
            if self._process.poll() is not None:
                break
            if answers(self.port):
                return
            time.sleep(0.1)
        raise Problem(f"the S3 server did not start; see {self.log}")

    def _client(self) -> Any:
        from boto3.session import Session

        keys = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo", "region_name": "us-east-1"}
        return Session().client("s3", endpoint_url=self.endpoint, **keys)

    def _restore(self) -> None:
        client = self._client()
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            kind = CONTENT_TYPES.get(file.suffix, "application/octet-stream")
            key = file.relative_to(self.folder).as_posix()
            client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes(), ContentType=kind)

    def objects(self) -> dict[str, int]:
        """Bytes by key."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {item["Key"]: int(item["Size"]) for page in pages for item in page.get("Contents", ())}

    def save(self) -> None:
        """Write every object that is new or changed to the folder; what is the same is not touched."""
        client = self._client()
        for key in self.objects():
            body, file = client.get_object(Bucket=BUCKET, Key=key)["Body"].read(), self.folder / key
            if not file.is_file() or file.read_bytes() != body:
                file.parent.mkdir(parents=True, exist_ok=True)
                beside = file.with_name(f"{file.name}.part")
                beside.write_bytes(body)
                beside.replace(file)
