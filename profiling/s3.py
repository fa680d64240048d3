"""A bucket of S3: objects by key, for publication and for the landing area. The only user of boto3."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from profiling.errors import NotReady, ProfilingError, SettingsError

JSON = "application/json"
_PIECE = 2**20  # bytes of an object held at a time while it is fetched


class Level(NamedTuple):
    """What stands directly under a prefix, by name: etags of objects, and what has further names below it (after `//` the name
    is empty)."""

    objects: dict[str, str]
    folders: list[str]


class Bucket:
    """A bucket of S3 or of a server that speaks its protocol, and a prefix in it; keys are relative to that.

    Credentials come from where boto3 looks for them. `setting` is the variable that named the bucket, for the sentences of
    errors. Every method raises SettingsError for what the caller has to mend (no such bucket, no right) and NotReady for what
    waiting may heal.
    """

    def __init__(self, uri: str, endpoint: str | None, setting: str) -> None:
        from boto3.session import Session
        from botocore.config import Config

        self.uri = uri.rstrip("/")
        self._setting = setting
        self._bucket, _, prefix = uri.removeprefix("s3://").strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        if not self._bucket:
            raise SettingsError(f"{setting}={uri} names no bucket; write s3://bucket or s3://bucket/prefix")
        # Other servers: names of buckets are seldom host names there, and not all of them know the newer checksums.
        other = {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        retries = {"mode": "standard", "total_max_attempts": 4}
        config = Config(connect_timeout=5, read_timeout=60, retries=retries, **(other if endpoint else {}))
        try:  # a session of its own: boto3's default session is not safe between threads, a client is
            with self._translated():
                self._client = Session().client("s3", endpoint_url=endpoint, config=config)
        except ValueError as error:
            raise SettingsError(
                f"PROFILING_S3_ENDPOINT={endpoint}: {error}; write it as http://127.0.0.1:9000"
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """boto3's errors as ours: what waiting may heal is NotReady, what it cannot is SettingsError."""
        from botocore import exceptions as aws

        where = f"s3://{self._bucket}" + (f" at {self._endpoint}" if self._endpoint else "")
        try:
            yield
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound) as error:
            raise SettingsError(
                f"{where}: {error}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"
            ) from error
        except (aws.ConnectionError, aws.HTTPClientError, aws.IncompleteReadError) as error:
            raise NotReady(f"{where}: no answer ({error}); check PROFILING_S3_ENDPOINT and the network") from error
        except aws.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            status = _status(error)
            if code == "NoSuchBucket":
                raise SettingsError(
                    f"{where}: no such bucket; create it (aws s3 mb s3://{self._bucket}) or correct {self._setting}"
                ) from error
            if status >= 500 or status == 429 or code in {"SlowDown", "RequestTimeout", "Throttling"}:
                raise NotReady(f"{where}: the server answered {code or status}; try again later") from error
            if status in {401, 403}:
                raise SettingsError(
                    f"{where}: {code or status}; the credentials need s3:ListBucket, GetObject, PutObject, DeleteObject"
                ) from error
            raise ProfilingError(f"{where}: {error}") from error
        except aws.BotoCoreError as error:  # a configuration file, a login that ran out, a name that cannot be
            raise SettingsError(
                f"{where}: {error}; correct {self._setting}, or what AWS_* variables and files say"
            ) from error

    def _pages(self, **query: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **query):
            yield self._listing(page)

    def _listing(self, page: dict[str, Any]) -> dict[str, Any]:
        """The answer to a listing. A gateway's page, sent as a success, must not read as an empty bucket."""
        if "IsTruncated" not in page:
            raise NotReady(
                f"{self.uri}: the server answered with no listing; check PROFILING_S3_ENDPOINT and the network"
            )
        return page

    def get(self, key: str) -> tuple[bytes, str] | None:
        with self._translated():
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
                return found["Body"].read(), found["ETag"].strip('"')
            except self._client.exceptions.NoSuchKey:
                return None

    def put(self, key: str, body: bytes, content_type: str) -> None:
        with self._translated():
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentType=content_type)

    def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        with self._translated():
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentType=JSON, **condition
                )
            except ClientError as error:
                # 412: another content; 409: another write at this moment; NoSuchKey to If-Match: it is gone.
                if _status(error) in {409, 412} or error.response["Error"]["Code"] == "NoSuchKey":
                    return False
                raise
        return True

    def list(self, prefix: str) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._translated():
            for page in self._pages(Prefix=self._prefix + prefix):
                for item in page.get("Contents", ()):
                    found[item["Key"].removeprefix(self._prefix)] = item["ETag"].strip('"')
        return dict(sorted(found.items()))

    def level(self, prefix: str) -> Level | None:
        """What stands directly under a prefix that ends with `/` (or is empty); None where nothing begins with it."""
        whole = self._prefix + prefix
        objects: dict[str, str] = {}
        folders: list[str] = []
        with self._translated():
            for page in self._pages(Prefix=whole, Delimiter="/"):
                for item in page.get("Contents", ()):
                    objects[item["Key"].removeprefix(whole)] = item["ETag"].strip('"')
                folders += [
                    item["Prefix"].removeprefix(whole).removesuffix("/") for item in page.get("CommonPrefixes", ())
                ]
        if not objects and not folders:
            return None
        objects.pop("", None)  # consoles keep an empty object under the name of a folder
        return Level(dict(sorted(objects.items())), sorted(folders))

    def first(self, prefix: str) -> str | None:
        """The first key that begins with `prefix`. A HEAD would not tell a missing key from a missing bucket."""
        with self._translated():
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + prefix, MaxKeys=1)
            self._listing(page)
        found = [str(item["Key"]).removeprefix(self._prefix) for item in page.get("Contents", ())]
        return found[0] if found else None

    def fetch(self, key: str, etag: str, path: Path) -> None:
        """Write an object that still has this etag to a file, a piece at a time.

        Raises:
            NotReady: it has another content by now, or is gone.
        """
        from botocore.exceptions import ClientError

        with self._translated(), path.open("wb") as file:
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, IfMatch=f'"{etag}"')
            except ClientError as error:
                if _status(error) == 412 or error.response["Error"]["Code"] == "NoSuchKey":
                    raise NotReady(f"{self.uri}/{key} changed while it was read; run the day again") from error
                raise
            if (
                found.get("ETag", "").strip('"') != etag
            ):  # not every server heeds the condition; a gateway's page has none
                raise NotReady(f"{self.uri}/{key} is another object than the one listed; run the day again")
            for piece in found["Body"].iter_chunks(_PIECE):
                file.write(piece)

    def upload(self, path: Path, key: str) -> None:
        """Write a file of any size, in parts where it is large; it appears whole or not at all."""
        with self._translated(), path.open("rb") as file:
            self._client.upload_fileobj(file, self._bucket, self._prefix + key)

    def delete(self, keys: Iterable[str]) -> None:
        self._delete([{"Key": self._prefix + key} for key in keys])

    def forget(self, prefix: str) -> int:
        """Remove older versions and delete markers of a bucket with versions, under a prefix; the newest version of a key stays.
        How many there were."""
        pages = self._client.get_paginator("list_object_versions")
        old = []
        with self._translated():
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                found = [each for each in page.get("Versions", ()) if not each["IsLatest"]]
                old += [
                    {"Key": each["Key"], "VersionId": each["VersionId"]}
                    for each in [*found, *page.get("DeleteMarkers", ())]
                ]
        self._delete(old)
        return len(old)

    def _delete(self, names: Sequence[dict[str, str]]) -> None:
        for start in range(0, len(names), 1000):  # the protocol's limit of one call
            with self._translated():
                part = {"Objects": names[start : start + 1000], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self._bucket, Delete=part)
            if answer.get("Errors"):  # the call succeeds even where single keys did not
                first = answer["Errors"][0]
                raise ProfilingError(
                    f"{self.uri}: {first['Key']} was not deleted: {first.get('Code')} {first.get('Message')}"
                )


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
