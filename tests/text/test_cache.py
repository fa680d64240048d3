"""The cache: several processes, forks, kills and damage. Losing values is fine, wrong values never."""

import contextlib
import logging
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from profiling.errors import SettingsError
from profiling.text.cache import TextCache


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_what_is_put_comes_back(cache: TextCache) -> None:
    assert cache.get_many(["a"]) == {}
    values = {f"key {n}": bytes([n % 256]) * n for n in range(2000)}
    cache.put_many(values)
    assert cache.get_many(reversed(list(values))) == values
    assert list(cache.get_many(["key 9", "no", "key 3", "key 9"])) == ["key 9", "key 3"]
    cache.put_many({"key 3": b"new"})
    assert cache.get_many(["key 3"]) == {"key 3": b"new"}
    cache.put_many({})
    cache.close()
    assert TextCache(cache.folder, cache.namespace).get_many(["key 9"]) == {"key 9": values["key 9"]}
    assert TextCache(cache.folder, "other").get_many(["key 9"]) == {}


def test_making_a_cache_touches_no_disk(tmp_path: Path) -> None:
    TextCache(tmp_path / "later", "text")
    assert not (tmp_path / "later").exists()


def test_it_travels_to_spawned_processes(cache: TextCache) -> None:
    cache.put_many({"a": b"1"})
    assert pickle.loads(pickle.dumps(cache)).get_many(["a"]) == {"a": b"1"}


def test_several_processes_write_at_once(cache: TextCache) -> None:
    code = """
import sys
from pathlib import Path
from profiling.text.cache import TextCache
cache = TextCache(Path(sys.argv[1]), "text")
for n in range(40):
    cache.put_many({f"{sys.argv[2]}-{n}": b"x" * 500, f"common-{n}": b"same"})
"""
    workers = [run(code, cache.folder, worker) for worker in range(4)]
    assert [(worker.communicate()[0], worker.returncode) for worker in workers] == [("", 0)] * 4
    keys = [f"{worker}-{n}" for worker in (*range(4), "common") for n in range(40)]
    assert len(cache.get_many(keys)) == len(keys)


def test_a_forked_child_uses_its_own_connection(cache: TextCache) -> None:
    code = """
import os, sys
from pathlib import Path
from profiling.text.cache import TextCache
cache = TextCache(Path(sys.argv[1]), "text")
cache.put_many({"parent": b"1"})
child = os.fork()
if child == 0:
    cache.put_many({"child": cache.get_many(["parent"])["parent"] + b"2"})
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
cache.put_many({"after": b"3"})
print(sorted(cache.get_many(["parent", "child", "after"]).items()))
"""
    worker = run(code, cache.folder)
    assert worker.communicate()[0].strip() == "[('after', b'3'), ('child', b'12'), ('parent', b'1')]"


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_leaves_whole_batches(cache: TextCache, seed: int) -> None:
    code = """
import sys
from pathlib import Path
from profiling.text.cache import TextCache
cache = TextCache(Path(sys.argv[1]), "text")
for batch in range(100_000):
    cache.put_many({f"{batch}-{n}": b"%d" % batch * 200 for n in range(50)})
    print(batch, flush=True)
"""
    worker = run(code, cache.folder)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "0\n"
    time.sleep(random.Random(seed).random() / 5)
    worker.send_signal(signal.SIGKILL)
    done = 1 + len(worker.communicate()[0].splitlines())
    sizes = [len(cache.get_many(f"{batch}-{n}" for n in range(50))) for batch in range(done + 2)]
    assert set(sizes) <= {0, 50}
    assert sizes[: done - 1] == [50] * (done - 1)


def test_a_file_that_is_no_database_is_moved_aside(cache: TextCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.folder.mkdir(parents=True)
    cache.path.write_bytes(b"no database at all" * 1000)
    with caplog.at_level(logging.WARNING):
        assert cache.get_many(["a"]) == {}
    assert "damaged" in caplog.text
    cache.put_many({"a": b"1"})
    assert TextCache(cache.folder, "text").get_many(["a"]) == {"a": b"1"}
    assert [path.name for path in cache.folder.glob("*corrupt*")] == ["text.corrupt-0"]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE results (name TEXT, score REAL)",
        "CREATE TABLE results (key TEXT, checksum INTEGER, value BLOB, stored_at INTEGER)",
        "CREATE VIEW results AS SELECT 'a' AS key, 0 AS checksum, x'00' AS value",
    ],
    ids=["other-columns", "no-key", "a-view"],
)
def test_a_table_of_another_make_is_moved_aside_as_it_was(
    cache: TextCache, made: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache.folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(cache.path)) as strange:
        strange.execute(made)
        strange.commit()
    with caplog.at_level(logging.WARNING):
        cache.put_many({"a": b"1"})
    assert "text.sqlite is damaged; moved to text.corrupt-0" in caplog.text
    assert TextCache(cache.folder, "text").get_many(["a"]) == {"a": b"1"}
    with contextlib.closing(sqlite3.connect(cache.folder / "text.corrupt-0")) as kept:
        assert [row[0] for row in kept.execute("SELECT sql FROM sqlite_master")] == [made]


@pytest.mark.parametrize("seed", range(8))
def test_damaged_pages_lose_values_but_never_change_them(cache: TextCache, seed: int) -> None:
    values = {f"key {n}": f"value {n} ".encode() * 50 for n in range(400)}
    cache.put_many(values)
    cache.close()
    content = bytearray(cache.path.read_bytes())
    chance = random.Random(seed)
    for _ in range(12):
        at = chance.randrange(100, len(content) - 600)
        content[at : at + 600] = chance.randbytes(600)
    cache.path.write_bytes(content)
    damaged = TextCache(cache.folder, "text")
    found = damaged.get_many(values)
    assert all(values[key] == value for key, value in found.items())
    assert len(found) < len(values)
    damaged.put_many(values)
    assert damaged.get_many(values) == values


def test_a_place_that_cannot_be_opened_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder" / "texts.sqlite").mkdir(parents=True)
    for place in ("file", "folder"):
        with pytest.raises(SettingsError, match=r"PROFILING_CACHE: .*texts.sqlite cannot be opened .*; name a folder"):
            TextCache(tmp_path / place, "texts").get_many(["key"])


def test_what_was_moved_aside_is_forgotten_too(cache: TextCache) -> None:
    """It holds what people wrote, and nothing else would ever delete it."""
    cache.put_many({"key": b"value"})
    aside = cache.folder / f"{cache.namespace}.corrupt-0"
    aside.write_bytes(b"what somebody wrote")
    assert cache.forget(0, dry_run=True) == 1
    assert aside.exists()
    assert cache.forget(0) == 1
    assert not aside.exists()
    assert cache.get_many(["key"]) == {"key": b"value"}
