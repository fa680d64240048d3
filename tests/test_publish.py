"""Publication: one suite over a folder and over S3 (HTTP to a server in another process)."""

import gzip
import io
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from profiling import publish
from profiling.errors import NotReady, ProfilingError, SettingsError
from profiling.publish import Published, Target, open_target, publish_profiles, read_manifest, read_published
from profiling.schemas import PROFILES

DAY = "2026-06-28"
SCHEMA = b'{"title": "profile"}\n'


def profiles(customers: str = "abcd", day: str = DAY, action: str = "wait") -> pd.DataFrame:
    """One row a letter, in the order given; the bucket is the letter's place in the alphabet modulo 2."""
    rows = [
        {
            "customer_id": letter * 32,
            "bucket": ord(letter) % 2,
            "day": day,
            "language": "en",
            "life_cycle": "active",
            "rfm": "5-5",
            "last_seen_at": pd.Timestamp(f"{day}T10:00:00Z"),
            "interaction_count": 3,
            "purchase_count": 1,
            "spend": 12.5 if letter == "a" else None,
            "currency": "USD" if letter == "a" else None,
            "satisfaction": 0.75,
            "satisfaction_trend": None,
            "top_interest": "吉他",
            "next_best_action": action,
            "completeness": 0.5,
            "document": json.dumps({"customer_id": letter * 32, "as_of": day, "likes": "吉他"}, ensure_ascii=False),
            "merged_from": [letter * 31 + "0"],
        }
        for letter in customers
    ]
    return pd.DataFrame(rows, columns=PROFILES.names)


def send(target: Target, frame: pd.DataFrame | None = None, day: str = DAY, **changes: Any) -> Published:
    arguments: dict[str, Any] = {
        "buckets": 2,
        "report_html": "<p>report</p>",
        "quality_html": "<p>质量</p>",
        "model_versions": {"embedding": "minilm-1"},
        "run": {"run_id": "r1", "started_at": "2026-06-29T01:00:00Z"},
        "schema": SCHEMA,
    }
    return publish_profiles(target, profiles(day=day) if frame is None else frame, day=day, **{**arguments, **changes})


def contents(target: Target) -> dict[str, bytes]:
    return {key: body(target, key) for key in target.list("")}


def body(target: Target, key: str) -> bytes:
    found = target.get(key)
    assert found is not None, f"{key} is not there"
    return found[0]


class Recording:
    """Passes all on to a real target and notes what was written; may refuse keys, as a kill before them would."""

    def __init__(self, target: Target, refuse: Callable[[str], bool] = lambda key: False) -> None:
        self.inner, self.uri, self.written, self._refuse = target, target.uri, [], refuse
        self.get, self.list, self.delete = target.get, target.list, target.delete

    def put(self, key: str, content: bytes, content_type: str) -> None:
        if self._refuse(key):
            raise KeyboardInterrupt(key)
        self.inner.put(key, content, content_type)
        self.written.append(key)

    def put_if(self, key: str, content: bytes, etag: str | None) -> bool:
        done = self.inner.put_if(key, content, etag)
        if done:
            self.written.append(key)
        return done


@pytest.fixture(params=["folder", "s3"])
def target(request: pytest.FixtureRequest, tmp_path: Any) -> Target:
    if request.param == "folder":
        return open_target(str(tmp_path / "out"))
    s3 = request.getfixturevalue("s3")
    return open_target(f"{s3.uri}/shop/a", s3.endpoint)


# ---- the adapters' contract


def test_get_of_nothing_is_none(target: Target) -> None:
    assert target.get("profiles/none.json") is None
    assert target.list("") == {}


def test_what_is_put_can_be_got_and_listed(target: Target) -> None:
    target.put("b/2.json", b"two", "application/json")
    target.put("b/1.json", b"one", "application/json")
    target.put("bc/3.json", b"three", "application/json")
    found = target.get("b/1.json")
    assert found is not None
    assert found[0] == b"one"
    assert list(target.list("b/")) == ["b/1.json", "b/2.json"]
    assert list(target.list("b")) == ["b/1.json", "b/2.json", "bc/3.json"]
    assert target.list("b/")["b/1.json"] == found[1]


def test_put_if_writes_only_over_what_was_read(target: Target) -> None:
    assert not target.put_if("x.json", b"1", "0" * 32)  # there is none to match
    assert target.put_if("x.json", b"1", None)
    assert not target.put_if("x.json", b"2", None)  # there is one by now
    found = target.get("x.json")
    assert found is not None
    assert target.put_if("x.json", b"2", found[1])
    assert not target.put_if("x.json", b"3", found[1])  # another content by now
    assert body(target, "x.json") == b"2"


def test_put_if_of_many_threads_has_one_winner(target: Target) -> None:
    start = threading.Barrier(8)
    won: list[int] = []

    def race(number: int) -> None:
        start.wait()
        if target.put_if("x.json", str(number).encode(), None):
            won.append(number)

    run_together([lambda n=n: race(n) for n in range(8)])
    assert len(won) == 1
    assert body(target, "x.json") == str(won[0]).encode()


def run_together(jobs: list[Callable[[], None]]) -> None:
    """Run at once; an exception in one fails the test."""
    errors: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_delete_forgets_and_does_not_mind_what_is_gone(target: Target) -> None:
    target.put("a.json", b"1", "application/json")
    target.put("b.json", b"1", "application/json")
    target.delete(["a.json", "never.json"])
    target.delete([])
    assert list(target.list("")) == ["b.json"]


# ---- publication


def test_the_layout(target: Target) -> None:
    done = send(target)
    folder = f"profiles/day={DAY}/{done.revision}/"
    parts = [f"part-0000{bucket}.{kind}" for bucket in (0, 1) for kind in ("jsonl.gz", "parquet")]
    assert list(target.list("")) == sorted(
        [folder + name for name in [*parts, "quality.html", "report.html"]]
        + [f"profiles/day={DAY}/manifest.json", f"profiles/day={DAY}/run.json", "latest.json", "schema/profile-v1.json"]
    )
    assert (done.objects, done.customers, done.written) == (6, 4, 10)
    assert done.manifest_key == f"profiles/day={DAY}/manifest.json"
    assert done.bytes == sum(len(body(target, key)) for key in target.list(folder))
    assert json.loads(body(target, "latest.json")) == {"day": DAY, "manifest": done.manifest_key}
    assert json.loads(body(target, f"profiles/day={DAY}/run.json"))["run_id"] == "r1"


def test_documents_come_back_sorted_in_each_bucket(target: Target) -> None:
    send(target, profiles("dbca"))
    assert [document["customer_id"][0] for document in read_published(target, DAY)] == ["b", "d", "a", "c"]
    assert [document["customer_id"][0] for document in read_published(target, bucket=1)] == ["a", "c"]
    assert next(read_published(target, DAY))["likes"] == "吉他"


def test_the_parquet_part_has_the_schema_s_columns_without_the_document(target: Target) -> None:
    send(target, profiles("dbca"))
    manifest = read_manifest(target)
    parts = [entry for entry in manifest["objects"] if entry["key"].endswith(".parquet")]
    file = pq.ParquetFile(io.BytesIO(body(target, parts[1]["key"])))
    table = file.read()
    assert table.schema.names == [name for name in PROFILES.names if name != "document"]
    assert table["customer_id"].to_pylist() == ["a" * 32, "c" * 32]
    assert table["spend"].to_pylist() == [12.5, None]
    assert table["satisfaction_trend"].null_count == 2
    assert str(table.schema.field("last_seen_at").type) == "timestamp[us, tz=UTC]"
    assert file.metadata.metadata is None, "pandas or arrow left its notes in the file"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert [(part["bucket"], part["rows"]) for part in parts] == [(0, 2), (1, 2)]


def test_a_bucket_without_customers_has_no_part(target: Target) -> None:
    send(target, profiles("ac"))
    names = [entry["key"].rpartition("/")[2] for entry in read_manifest(target)["objects"]]
    assert names == ["part-00001.jsonl.gz", "part-00001.parquet", "quality.html", "report.html"]


def test_a_day_without_customers_is_published(target: Target) -> None:
    done = send(target, profiles(""))
    assert done.customers == 0
    assert list(read_published(target, DAY)) == []
    assert read_manifest(target)["rows"] == 0


def test_the_same_again_writes_only_run_json(target: Target) -> None:
    first = send(target)
    before = contents(target)
    recording = Recording(target)
    second = send(recording, profiles("dcba"), run={"run_id": "r2"})
    assert recording.written == [f"profiles/day={DAY}/run.json"]
    assert (second.revision, second.written) == (first.revision, 1)
    after = contents(target)
    assert {key for key in after if after[key] != before[key]} == {f"profiles/day={DAY}/run.json"}


def test_new_content_is_a_new_revision_and_the_old_one_stays(target: Target) -> None:
    old = send(target)
    new = send(target, profiles(action="call"))
    assert new.revision != old.revision
    assert read_manifest(target)["revision"] == new.revision
    assert len(target.list(f"profiles/day={DAY}/{old.revision}/")) == 6


def test_pages_are_part_of_the_revision(target: Target) -> None:
    assert send(target).revision != send(target, report_html="<p>other</p>").revision


def test_a_folder_and_s3_hold_the_same_bytes(tmp_path: Any, s3: Any) -> None:
    folder, bucket = open_target(str(tmp_path / "out")), open_target(s3.uri, s3.endpoint)
    send(folder, profiles("abcd"))
    send(bucket, profiles("cbda"))
    assert contents(folder) == contents(bucket)
    assert len(contents(folder)) == 10


def test_the_schema_is_the_package_s_own_where_none_is_given(tmp_path: Any) -> None:
    target = open_target(str(tmp_path))
    send(target, schema=None)
    assert "customer_id" in json.loads(body(target, read_manifest(target)["schema"]))["properties"]


def test_gzip_has_no_time_in_it(target: Target) -> None:
    done = send(target)
    packed = body(target, f"profiles/day={DAY}/{done.revision}/part-00000.jsonl.gz")
    assert packed[4:8] == b"\0\0\0\0"
    assert gzip.decompress(packed).count(b"\n") == 2


# ---- what can go wrong


@pytest.mark.parametrize("stop", ["part-00001.parquet", "report.html", "manifest.json"])
def test_a_kill_before_the_manifest_leaves_the_old_day_readable(target: Target, stop: str) -> None:
    old = send(target)
    killed = Recording(target, refuse=lambda key: key.endswith(stop))
    with pytest.raises(KeyboardInterrupt):
        send(killed, profiles("abcdef", action="call"), report_html="<p>new</p>")
    assert read_manifest(target)["revision"] == old.revision
    assert len(list(read_published(target, DAY))) == 4
    again = send(target, profiles("abcdef", action="call"), report_html="<p>new</p>")
    assert read_manifest(target)["revision"] == again.revision
    assert len(list(read_published(target))) == 6


def test_whatever_the_manifest_names_was_there_before_it(target: Target) -> None:
    recording = Recording(target)
    send(recording)
    order = recording.written
    manifest = read_manifest(target)
    at = order.index(f"profiles/day={DAY}/manifest.json")
    assert {*order[:at]} == {entry["key"] for entry in manifest["objects"]} | {manifest["schema"]}
    assert order[-1] == "latest.json"


def test_latest_never_goes_back(target: Target) -> None:
    send(target, day="2026-06-28")
    send(target, day="2026-06-27")
    assert read_manifest(target)["day"] == "2026-06-28"
    assert read_manifest(target, "2026-06-27")["rows"] == 4
    send(target, day="2026-06-29")
    assert read_manifest(target)["day"] == "2026-06-29"


def test_publishers_at_once_end_at_the_newest_day_and_readers_never_see_it_go_back(target: Target) -> None:
    days = [f"2026-06-{day}" for day in (25, 26, 27, 28)]
    start = threading.Barrier(len(days) + 1)
    finished = threading.Event()
    seen: list[str] = []

    def publisher(day: str) -> None:
        start.wait()
        send(target, day=day)

    def reader() -> None:
        start.wait()
        while not finished.is_set():
            found = target.get("latest.json")
            if found:
                seen.append(json.loads(found[0])["day"])
                assert len(list(read_published(target, seen[-1]))) == 4

    watching = threading.Thread(target=lambda: run_together([reader]))
    watching.start()
    try:
        run_together([lambda day=day: publisher(day) for day in days])
    finally:
        finished.set()
        watching.join(timeout=60)
    assert read_manifest(target)["day"] == "2026-06-28"
    assert seen, "the reader never read"
    assert seen == sorted(seen)


def test_a_lost_race_is_tried_again(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another publisher writes an older day between our read and our write: we must still win."""
    send(target, day="2026-06-25")
    recording = Recording(target)
    original, raced = recording.put_if, []

    def put_if(key: str, content: bytes, etag: str | None) -> bool:
        if not raced:
            raced.append(True)
            send(target, day="2026-06-26")
        return original(key, content, etag)

    monkeypatch.setattr(recording, "put_if", put_if)
    send(recording, day="2026-06-27")
    assert raced
    assert read_manifest(target)["day"] == "2026-06-27"


def test_a_lost_race_to_a_later_day_is_left_alone(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(target)
    original = recording.put_if

    def put_if(key: str, content: bytes, etag: str | None) -> bool:
        send(target, day="2026-06-30")
        return original(key, content, etag)

    monkeypatch.setattr(recording, "put_if", put_if)
    send(recording, day="2026-06-27")
    assert read_manifest(target)["day"] == "2026-06-30"


def test_a_race_that_is_never_won_says_so(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(target)
    monkeypatch.setattr(recording, "put_if", lambda *arguments: False)
    monkeypatch.setattr(publish, "ATTEMPTS", 3)
    with pytest.raises(NotReady, match="3 other publishers were quicker"):
        send(recording)


def test_a_changed_part_is_found_and_repaired(target: Target) -> None:
    send(target)
    key = next(key for key in target.list("profiles/") if key.endswith("part-00001.jsonl.gz"))
    packed = bytearray(body(target, key))
    packed[-1] ^= 1
    target.put(key, bytes(packed), "application/gzip")
    documents = read_published(target, DAY)
    assert [next(documents)["customer_id"][0], next(documents)["customer_id"][0]] == ["b", "d"]  # the whole part
    with pytest.raises(ProfilingError, match=f"part-00001.*run `profiling publish --day {DAY}`"):
        next(documents)
    assert send(target).written == 2  # the part and run.json
    assert len(list(read_published(target, DAY))) == 4


def test_a_missing_part_is_found(target: Target) -> None:
    send(target)
    target.delete([key for key in target.list("profiles/") if key.endswith("part-00000.jsonl.gz")])
    with pytest.raises(ProfilingError, match="SHA-256 is gone"):
        list(read_published(target, DAY))


def test_what_is_not_published_is_not_ready(target: Target) -> None:
    with pytest.raises(NotReady, match="nothing is published yet"):
        read_manifest(target)
    send(target)
    with pytest.raises(NotReady, match="publish --day 2026-01-01"):
        list(read_published(target, "2026-01-01"))


def test_a_broken_pointer_names_the_fix(target: Target) -> None:
    target.put("latest.json", b"{]", "application/json")
    with pytest.raises(ProfilingError, match="delete it and publish"):
        send(target)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"day": "2026-06-01"}, "row 1 .*day is another day than 2026-06-28"),
        ({"bucket": 2}, r"row 1 .*bucket is outside 0\.\.1; is PROFILING_BUCKETS right"),
        ({"customer_id": "a" * 32}, "row 1 .*customer_id is there twice"),
        ({"document": '{\n"a": 1}'}, "row 1 .*document has a line break"),
        ({"document": None}, "row 1 .*document is null"),
        ({"completeness": None}, "row 1 .*completeness is null"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_frame_is_refused_before_anything_is_written(tmp_path: Any, change: dict, sentence: str) -> None:
    target = open_target(str(tmp_path / "out"))
    frame = profiles("abc")
    frame.loc[1, next(iter(change))] = next(iter(change.values()))
    with pytest.raises(ProfilingError, match=sentence):
        send(target, frame)
    assert target.list("") == {}


def test_a_missing_column_is_named(tmp_path: Any) -> None:
    with pytest.raises(ProfilingError, match="lack rfm"):
        send(open_target(str(tmp_path)), profiles().drop(columns="rfm"))


def test_the_argument_is_left_as_it_was(tmp_path: Any) -> None:
    frame = profiles("dbca")
    before = frame.copy(deep=True)
    send(open_target(str(tmp_path)), frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_bucket_that_is_not_there_is_a_matter_of_settings(s3: Any) -> None:
    target = open_target("s3://nowhere-at-all/x", s3.endpoint)
    for call in (lambda: target.get("a"), lambda: target.list(""), lambda: target.put_if("a", b"", None)):
        with pytest.raises(SettingsError, match="no such bucket; create it"):
            call()


def test_a_server_that_is_not_there_may_come_back(s3: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # ours, and nobody listens
        with pytest.raises(NotReady, match="no answer"):
            open_target(s3.uri, f"http://127.0.0.1:{closed.getsockname()[1]}").get("a")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "SlowDown", NotReady),
        (403, "AccessDenied", SettingsError),
        (403, "SignatureDoesNotMatch", SettingsError),
        (400, "InvalidRequest", ProfilingError),
    ],
)
def test_a_refusal_is_told_apart_by_what_helps(s3: Any, status: int, code: str, error: type[ProfilingError]) -> None:
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(ProfilingError, match=code) as caught:
            open_target(s3.uri, f"http://127.0.0.1:{server.server_port}").get("a")
        server.shutdown()
    assert caught.type is error


def test_no_credentials_are_a_matter_of_settings(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match="set AWS_ACCESS_KEY_ID"):
        open_target(s3.uri, s3.endpoint).get("a")


@pytest.mark.parametrize(
    ("uri", "endpoint", "sentence"),
    [
        ("s3://", None, "names no bucket"),
        ("gs://bucket", None, "neither a folder nor s3://"),
        ("s3://bucket", "127.0.0.1 9000", "write it as http://"),
    ],
)
def test_wrong_settings_name_the_fix(s3: Any, uri: str, endpoint: str | None, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        open_target(uri, endpoint)


def test_a_folder_that_is_a_file_is_a_matter_of_settings(tmp_path: Any) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SettingsError, match="name a folder that can be written"):
        send(open_target(str(tmp_path / "out")))


def test_keys_stay_inside_the_folder(tmp_path: Any) -> None:
    for key in ("../x", "/etc/x", "a/../../x", ""):
        with pytest.raises(ProfilingError, match="no key of a publication"):
            open_target(str(tmp_path)).get(key)


# ---- taking people out


def people(customers: str = "abcd", day: str = DAY) -> pd.DataFrame:
    """`profiles` in the buckets that a lake puts them in."""
    frame = profiles(customers, day)
    return frame.assign(bucket=[int(customer[:8], 16) % 2 for customer in frame["customer_id"]])


def changes(*pairs: str, day: str = DAY) -> pd.DataFrame:
    rows = [(day, before * 32, after * 32, "merge", "e1") for before, after in pairs]
    return pd.DataFrame(rows, columns=["day", "from_id", "to_id", "kind", "interaction_id"])


def report(frame: pd.DataFrame) -> str:
    return f"<p>{len(frame)} profiles, {frame['spend'].sum()} spent, {frame['document'].str.len().sum()} characters</p>"


def take_out(target: Target, who: str, day: str = DAY) -> bool:
    return publish.publish_without(target, day, {letter * 32 for letter in who}, report, {"run_id": "r2"})


@pytest.mark.parametrize(("who", "left"), [("b", "acd"), ("bd", "ac"), ("abcd", "")])
def test_a_day_without_some_people_is_what_it_would_be_had_they_not_been(
    target: Target, tmp_path: Any, who: str, left: str
) -> None:
    send(target, people(), identity_changes=changes("ab", "cd", "ef"), identity_rules="r")
    pointer = body(target, "latest.json")
    told = [pair for pair in ("ab", "cd", "ef") if not set(pair) & set(who)]
    never = open_target(str(tmp_path / "never"))
    kept = people(left) if left else people().iloc[:0]
    send(never, kept, identity_changes=changes(*told), identity_rules="r", report_html=report(kept))
    assert publish.showing(target, [letter * 32 for letter in who]) == {DAY: publish.Shown(len(who))}
    assert take_out(target, who)
    assert read_manifest(target) == read_manifest(never)
    publish.withdraw_old(target)
    expected = contents(never) | {f"profiles/day={DAY}/run.json": body(target, f"profiles/day={DAY}/run.json")}
    assert contents(target) == expected
    assert body(target, "latest.json") == pointer
    assert publish.showing(target, [letter * 32 for letter in who]) == {}
    assert not take_out(target, who)


def test_who_stands_in_the_feed_only_is_shown_by_a_day_of_no_profile(target: Target) -> None:
    send(target, people(), identity_changes=changes("ea"))
    send(target, people(day="2026-06-29"), "2026-06-29", identity_changes=changes(day="2026-06-29"))
    page = body(target, f"{read_manifest(target, DAY)['folder']}report.html")
    assert publish.showing(target, ["e" * 32]) == {DAY: publish.Shown()}
    assert take_out(target, "e")
    manifest = read_manifest(target, DAY)
    assert gzip.decompress(body(target, f"{manifest['folder']}{publish.CHANGES}")) == b""
    assert body(target, f"{manifest['folder']}report.html") == page  # no profile is gone
    assert publish.showing(target, ["e" * 32]) == {}
    assert read_manifest(target)["day"] == "2026-06-29"


def test_a_kill_while_people_are_taken_out_leaves_the_day_whole(target: Target) -> None:
    send(target, people())
    killed = Recording(target, lambda key: key.endswith("run.json"))
    with pytest.raises(KeyboardInterrupt):
        take_out(killed, "b")
    assert len(list(read_published(target, DAY))) == 4
    assert take_out(target, "b")
    assert len(list(read_published(target, DAY))) == 3


def test_who_is_taken_out_while_the_day_is_published_again_is_not_in_the_newer_one(target: Target) -> None:
    send(target, people())
    slow = Recording(target)
    lost: list[bool] = []

    def put_if(key: str, content: bytes, etag: str | None) -> bool:
        if not lost:
            send(target, people("abc"))
        lost.append(not target.put_if(key, content, etag))
        return not lost[-1]

    slow.put_if = put_if
    assert take_out(slow, "b")
    assert lost == [True, False]
    assert {document["customer_id"][0] for document in read_published(target, DAY)} == {"a", "c"}


def test_a_day_of_which_a_file_is_damaged_may_show_anybody(target: Target) -> None:
    send(target, people())
    (part,) = [key for key in target.list("profiles/") if key.endswith("part-00001.parquet")]
    target.put(part, b"PAR1", "application/vnd.apache.parquet")
    assert publish.showing(target, ["b" * 32]) == {DAY: publish.Shown()}
    with pytest.raises(ProfilingError, match=rf"{part} is damaged.*or remove profiles/day={DAY}/"):
        take_out(target, "b")


def test_no_version_of_a_published_object_keeps_them(s3: Any) -> None:
    client = s3.client()
    client.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Enabled"})
    target = open_target(f"{s3.uri}/shop", s3.endpoint)
    send(target, people("ab"))
    send(target, people(), identity_changes=changes("be"))
    assert take_out(target, "b")
    assert publish.withdraw_old(target) > 0
    versions = client.list_object_versions(Bucket=s3.bucket)
    assert "DeleteMarkers" not in versions
    assert len(versions["Versions"]) == len(target.list(""))
    raw = [body(target, key) for key in target.list("")]
    unpacked = [gzip.decompress(each) for each in raw if each[:2] == b"\x1f\x8b"]
    assert not [each for each in raw + unpacked if b"b" * 32 in each]
