"""A model of the hub: fetched from a server that speaks its protocol, found in the cache without one, refused with the fix."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .test_embedding import _tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CODE = """
import json, sys
from pathlib import Path
from profiling.errors import SettingsError
from profiling.text.embedding import load_encoder
try:
    encoder = load_encoder(sys.argv[1], Path("."))
    print(json.dumps([encoder.model, encoder.encode(["guitar strings"]).tobytes().hex() if sys.argv[2:] else ""]))
except SettingsError as error:
    sys.exit(str(error))
"""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as its client asks for: what a commit holds, and its files."""

    def __init__(self, folder: Path, asked: list[str], *args: object) -> None:
        self.folder, self.asked = folder, asked
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/org/tiny/revision/"):
            named = [{"rfilename": path.relative_to(self.folder).as_posix()} for path in files]
            self._answer(json.dumps({"id": "org/tiny", "sha": COMMIT, "siblings": named}).encode())
        elif path.startswith("/api/models/org/tiny/tree/"):
            listed = [
                {
                    "type": "file",
                    "path": f.relative_to(self.folder).as_posix(),
                    "size": f.stat().st_size,
                    "oid": "0" * 40,
                }
                for f in files
            ]
            self._answer(json.dumps(listed).encode())
        elif path.startswith(f"/org/tiny/resolve/{COMMIT}/"):
            self._answer((self.folder / path.removeprefix(f"/org/tiny/resolve/{COMMIT}/")).read_bytes())
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{sha256(content).hexdigest()[:40]}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    folder = _tiny_model(tmp_path_factory.mktemp("hub") / "tiny")
    (folder / "pytorch_model.bin").write_bytes(b"never asked for")
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, folder, asked))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def load(name: str, home: Path, endpoint: str, *encode: str, **more: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's client reads its variables when it is imported."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **more}
    return subprocess.run(
        [sys.executable, "-c", CODE, name, *encode],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_is_fetched_once_with_its_commit_in_its_name_and_nothing_pickled(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    endpoint, asked = hub
    first = load(f"org/tiny@{COMMIT}", tmp_path, endpoint, "encode")
    assert first.returncode == 0, first.stderr
    model, vector = json.loads(first.stdout)
    assert model == f"org/tiny@{COMMIT[:12]}"
    assert any(bytes.fromhex(vector))
    assert any("model.safetensors" in path for path in asked)
    assert not any("pytorch_model.bin" in path for path in asked)
    asked.clear()
    again = load(f"org/tiny@{COMMIT}", tmp_path, endpoint)
    assert json.loads(again.stdout)[0] == model
    assert asked == [], "what is in the cache is taken from there"
    next(tmp_path.rglob("model.safetensors")).unlink()  # as a fetch that was killed leaves it
    assert json.loads(load(f"org/tiny@{COMMIT}", tmp_path, endpoint).stdout)[0] == model
    assert asked


def test_without_a_commit_the_first_one_fetched_stays_and_is_named(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    first = load("org/tiny", tmp_path, hub[0])
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)[0] == f"org/tiny@{COMMIT[:12]}"
    assert f"write org/tiny@{COMMIT} so that it stays" in first.stderr
    offline = load("org/tiny", tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert offline.stdout == first.stdout


@pytest.mark.parametrize("more", [{"HF_HUB_OFFLINE": "1"}, {}], ids=["told", "no-line"])
def test_offline_and_nothing_cached_is_one_sentence_with_the_fix(tmp_path: Path, more: dict[str, str]) -> None:
    done = load(f"org/tiny@{COMMIT}", tmp_path, "http://127.0.0.1:9", **more)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"PROFILING_EMBEDDING=org/tiny@{COMMIT} is not in the hub's cache and could not be fetched" in done.stderr
    assert f"run `hf download org/tiny --revision {COMMIT}`" in done.stderr


def test_a_model_that_is_not_there_is_refused(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    done = load("org/other", tmp_path, hub[0])
    assert done.returncode == 1
    assert "PROFILING_EMBEDDING=org/other is not in the hub's cache and could not be fetched" in done.stderr
