"""Files below the lake's URI, in a folder or on S3, whole or not at all; what its storage says as our errors."""

import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyarrow import fs

from profiling.errors import InputError, NotReady, SettingsError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Files:
    """Files under `uri`, a folder or `s3://bucket/prefix`."""

    def __init__(self, uri: str, endpoint: str | None = None) -> None:
        self.uri = uri
        self._endpoint = endpoint
        self._storage = _storage_options(uri, endpoint)
        self._files, self._root = _filesystem(uri, endpoint)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Errors of the storage as ours: what waiting may heal is NotReady, what it cannot is SettingsError."""
        from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

        where = f"PROFILING_LAKE={self.uri}" + (f" at {self._endpoint}" if self._endpoint else "")
        try:
            yield
        except (FileNotFoundError, TableNotFoundError, CommitFailedError):
            raise
        except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise SettingsError(f"{where}: {error}; name a folder that can be written") from error
        except (OSError, DeltaError) as error:
            said = " ".join(str(error).split())[:300]
            if not self.uri.startswith("s3://"):
                raise SettingsError(f"{where}: {said}; name a folder that can be written") from error
            if any(sign in said for sign in ("NoSuchBucket", "NO_SUCH_BUCKET", "bucket does not exist")):
                bucket = self.uri.removeprefix("s3://").partition("/")[0]
                raise SettingsError(f"{where}: no such bucket; create it (aws s3 mb s3://{bucket})") from error
            raise NotReady(
                f"{where} does not answer as a lake ({said}); check PROFILING_S3_ENDPOINT, the credentials and the network"
            ) from error

    def _put(self, key: str, content: bytes) -> None:
        with self._writing(key) as stream:
            stream.write(content)

    @contextmanager
    def _writing(self, key: str) -> Iterator[Any]:
        """A stream whose content is a file when it is closed."""
        try:
            with self._reachable(), self._stream(f"{self._root}/{key}") as stream:
                yield stream
        except FileNotFoundError as error:
            raise SettingsError(f"PROFILING_LAKE={self.uri}: {error}; name a folder that can be written") from error

    @contextmanager
    def _stream(self, path: str) -> Iterator[Any]:
        if isinstance(self._files, fs.LocalFileSystem):
            self._files.create_dir(os.path.dirname(path))
            partial = f"{path}.{uuid.uuid4().hex[:8]}.tmp"  # a kill must not leave half a file under the name
            with self._files.open_output_stream(partial) as stream:
                yield stream
            self._files.move(partial, path)
        else:
            with self._files.open_output_stream(path) as stream:
                yield stream

    def _get(self, key: str) -> bytes:
        with self._reachable(), self._files.open_input_stream(f"{self._root}/{key}") as stream:
            return bytes(stream.read())

    def keys(self, prefix: str) -> list[str]:
        """The files under a folder of the lake, those of its folders too, sorted; also what a killed write left behind."""
        with self._reachable():
            found = self._files.get_file_info(
                fs.FileSelector(f"{self._root}/{prefix}", recursive=True, allow_not_found=True)
            )
        return sorted(info.path[len(self._root) + 1 :] for info in found if info.type == fs.FileType.File)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files; those that are not there are no error."""
        for key in keys:
            try:
                self._files.delete_file(f"{self._root}/{key}")
            except FileNotFoundError:
                continue

    def remove_empty(self, prefix: str) -> None:
        """Remove the empty folders directly under a folder of the lake; a bucket has none. Who writes into one makes it again."""
        if not isinstance(self._files, fs.LocalFileSystem):
            return
        for folder in Path(f"{self._root}/{prefix}").glob("*/"):
            with suppress(OSError):  # there is something in it
                folder.rmdir()

    def day_folders(self, prefix: str) -> list[str]:
        """The folders below a prefix that are named by a day, one or two levels deep."""
        found = []
        for info in self._files.get_file_info(
            fs.FileSelector(f"{self._root}/{prefix}", recursive=True, allow_not_found=True)
        ):
            inside = info.path.removeprefix(f"{self._root}/{prefix}/").split("/")
            found += ["/".join([prefix, *inside[: n + 1]]) for n, part in enumerate(inside[:2]) if _DAY.fullmatch(part)]
        return sorted(set(found))

    def put_folder(self, key: str, folder: Path) -> None:
        """Copy the files of a folder under a key."""
        for file in sorted(folder.iterdir()):
            self._put(f"{key}/{file.name}", file.read_bytes())

    def fetch_folder(self, key: str, folder: Path) -> None:
        """Copy the files under a key into an empty folder.

        Raises:
            InputError: there is nothing under the key.
        """
        with self._reachable():
            found = self._files.get_file_info(fs.FileSelector(f"{self._root}/{key}", allow_not_found=True))
        files = [info.base_name for info in found if info.type == fs.FileType.File]
        if not files:
            raise InputError(
                f"{self.uri}/{key} is gone; restore it from a backup, or roll the model back and train again"
            )
        for name in files:
            (folder / name).write_bytes(self._get(f"{key}/{name}"))

    def put_page(self, key: str, html: str) -> str:
        """Write a page for people; its address."""
        self._put(key, html.encode())
        return f"{self.uri}/{key}"

    def get_page(self, key: str) -> str:
        """A page that `put_page` wrote."""
        return self._get(key).decode()

    def put_json(self, key: str, value: Mapping[str, Any]) -> None:
        """Write a JSON document; whole or not at all."""
        self._put(key, (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode())

    def get_json(self, key: str, fix: str = "run what made it again") -> dict[str, Any] | None:
        """A JSON document, or None where there is none.

        Args:
            fix: what to do where it is damaged, as the end of a sentence.

        Raises:
            InputError: it is damaged.
        """
        try:
            found: dict[str, Any] = json.loads(self._get(key))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(f"{self.uri}/{key} is damaged ({error}); {fix}") from error
        if not isinstance(found, dict):
            raise InputError(f"{self.uri}/{key} is damaged (it is no JSON object); {fix}")
        return found


def _storage_options(uri: str, endpoint: str | None) -> dict[str, str] | None:
    if not uri.startswith("s3://"):
        return None
    options = {"AWS_REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint:
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}
    return options


def _filesystem(uri: str, endpoint: str | None) -> tuple[fs.FileSystem, str]:
    if uri.startswith("s3://"):
        scheme, _, host = endpoint.partition("://") if endpoint else ("https", "", None)
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        return fs.S3FileSystem(endpoint_override=host, scheme=scheme, region=region), uri.removeprefix("s3://")
    return fs.LocalFileSystem(), uri
