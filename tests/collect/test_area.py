"""The landing area: one suite over a folder and over a bucket (HTTP to a server in another process)."""

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from profiling import stages
from profiling.collect import drops, land
from profiling.collect.area import Area, open_area
from profiling.collect.drops import landing_area
from profiling.collect.sample import write_sample
from profiling.errors import InputError, NotReady, SettingsError
from profiling.s3 import Bucket
from profiling.settings import Settings
from tests.areas import KINDS, deliver, landing_in, tree
from tests.collect.conftest import UTC
from tests.collect.test_land import DAY as SECONDS
from tests.collect.test_land import FIRST, review
from tests.s3 import free_port
from tests.worlds import ledger_closes, settings_in, tables

DAY, NEXT = "2026-06-15", "2026-06-16"


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return landing_in(request.param, settings_in(tmp_path / "shop", tmp_path / "cache"), request)


@pytest.fixture
def area(shop: Settings) -> Area:
    return landing_area(shop)


# ---- the verbs


def test_what_is_put_is_there_and_what_is_removed_is_not(area: Area) -> None:
    assert (area.is_free(), area.level("events"), area.read("events", "x")) == (True, None, None)
    area.put(b"1", "events", DAY, "b.csv")
    area.put(b"2", "events", DAY, "a.csv")
    area.put(b"3", "events", "notes.txt")
    assert not area.is_free()
    level = area.level("events")
    assert level is not None
    assert (list(level.files), level.folders) == (["notes.txt"], [DAY])
    assert list((area.level("events", DAY) or ({}, []))[0]) == ["a.csv", "b.csv"]
    assert area.read("events", DAY, "a.csv") == b"2"
    area.remove("events", DAY, "a.csv")
    area.remove("events", DAY, "never.csv")
    assert tree(area) == {f"events/{DAY}/b.csv": b"1", "events/notes.txt": b"3"}


def test_a_name_that_only_begins_like_another_is_not_it(area: Area) -> None:
    area.put(b"", "events2", DAY, "_SUCCESS.old")
    assert not area.has_file("events2", DAY, "_SUCCESS")
    assert not area.has_folder("events")
    assert not area.has_file("events2", DAY)
    assert area.has_folder("events2", DAY)
    assert area.level("events") is None


def test_of_many_that_put_a_new_file_one_does(area: Area) -> None:
    start = threading.Barrier(8)

    def race(number: int) -> bool:
        start.wait(timeout=30)
        return area.put_new(str(number).encode(), "_requeued", "events", "abc")

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(race, range(8)))
    assert won.count(True) == 1
    assert area.read("_requeued", "events", "abc") == str(won.index(True)).encode()


def test_a_file_is_read_under_its_own_name_and_its_identity_is_its_content_s(area: Area) -> None:
    area.put(b"one", "events", DAY, "rows é.csv.gz")

    def file() -> Any:
        return (area.level("events", DAY) or ({}, []))[0]["rows é.csv.gz"]

    before = file().identity()
    with file().local() as path:
        assert (path.name, path.read_bytes()) == ("rows é.csv.gz", b"one")
    area.put(b"one", "events", DAY, "rows é.csv.gz")
    assert file().identity() == before
    area.put(b"two", "events", DAY, "rows é.csv.gz")
    assert file().identity() != before


# ---- drops


def test_sources_days_and_drops(shop: Settings) -> None:
    deliver(shop, "events", DAY, b_csv="2", a_csv="1", _odd="not a source's")
    deliver(shop, "catalogue", NEXT)
    landing_area(shop).put(b"", "_truth", "sample.json")
    landing_area(shop).put(b"", "catalogue", NEXT, "_EMPTY")
    assert [(source.name, source.form) for source in drops.sources(shop)] == [
        ("catalogue", "catalogue"), ("events", "events")
    ]  # fmt: skip
    assert drops.days_with_drops(shop) == [DAY, NEXT]
    (events,) = drops.drops(shop, DAY)
    assert ([file.name for file in events.files], events.is_emptied) == (["a.csv", "b.csv"], False)
    (catalogue,) = drops.drops(shop, NEXT)
    assert (catalogue.source.name, catalogue.files, catalogue.is_emptied) == ("catalogue", (), True)
    assert drops.drops(shop, "2026-06-17") == []
    assert [drops.is_delivered(shop, day) for day in (DAY, "2026-06-17")] == [True, False]
    assert drops.missing_sources(shop, DAY) == ["catalogue"]


def test_a_drop_without_its_marker_is_waited_for(shop: Settings) -> None:
    deliver(shop, "events", DAY, is_complete=False, rows_jsonl="{}")
    assert drops.is_delivered(shop, DAY)
    assert drops.missing_sources(shop, DAY) == ["events"]
    with pytest.raises(NotReady, match=rf"landing/events/{DAY} is not complete: it has no _SUCCESS"):
        drops.drops(shop, DAY)


def test_what_is_not_read_is_said(shop: Settings) -> None:
    deliver(shop, "events", DAY, rows_jsonl="{}")
    area = landing_area(shop)
    for names in (
        ("events", DAY, "more", "x"),
        ("events", "20260616", "x"),
        ("rows.jsonl",),
        ("events", "list.txt"),
        ("events", "2026-02-30", "x"),
        ("events", "٢٠٢٦-٠٦-١٥", "x"),
        (".hidden",),
    ):
        area.put(b"", *names)
    found = ["events/2026-02-30", f"events/{DAY}/more", "events/20260616", "events/list.txt", "events/٢٠٢٦-٠٦-١٥"]
    assert drops.unread(shop) == [*found, "rows.jsonl"]
    assert drops.unread(shop, DAY) == [f"events/{DAY}/more"]
    assert drops.days_with_drops(shop) == [DAY]


def test_a_folder_that_is_no_named_source_is_said(shop: Settings) -> None:
    deliver(shop, "events", DAY, rows_jsonl="{}")
    deliver(shop, "Events", DAY, rows_jsonl="{}")
    assert drops.unread(shop.model_copy(update={"sources": ("events",)})) == ["Events"]


@pytest.mark.parametrize("name", ["../events", ":events", "..:events", "_old:events"])
def test_a_source_is_a_folder_of_the_area(name: str, shop: Settings) -> None:
    deliver(shop, "events", DAY, rows_jsonl="{}")
    form = name if ":" in name else f"{name}:events"
    with pytest.raises(SettingsError, match="cannot name a source"):
        drops.sources(shop.model_copy(update={"sources": (form,)}))


def test_keys_with_two_slashes_are_said(tmp_path: Path, s3: Any) -> None:
    shop = settings_in(tmp_path / "shop", tmp_path / "cache")
    shop = shop.model_copy(update={"landing": f"{s3.uri}/landing", "s3_endpoint": s3.endpoint})
    deliver(shop, "events", DAY, rows_jsonl="{}")
    for key in (f"/events/{DAY}/a", f"events//{DAY}/a", f"events/{DAY}//a"):
        s3.client().put_object(Bucket=s3.bucket, Key=f"landing/{key}")
    assert drops.unread(shop) == ["/", "events//", f"events/{DAY}//"]
    assert drops.unread(shop, DAY) == [f"events/{DAY}//"]
    assert [source.name for source in drops.sources(shop)] == ["events"]
    assert drops.days_with_drops(shop) == [DAY]


def test_a_fingerprint_changes_with_content_and_with_names_only(shop: Settings) -> None:
    deliver(shop, "events", DAY, a_csv="1", b_csv="2")
    first = drops.fingerprint(drops.drops(shop, DAY))
    deliver(shop, "events", DAY, a_csv="1")
    assert drops.fingerprint(drops.drops(shop, DAY)) == first
    deliver(shop, "events", DAY, a_csv="3")
    second = drops.fingerprint(drops.drops(shop, DAY))
    landing_area(shop).remove("events", DAY, "b.csv")
    deliver(shop, "events", DAY, c_csv="2")
    assert len({first, second, drops.fingerprint(drops.drops(shop, DAY))}) == 3


def test_a_fingerprint_of_a_folder_is_that_of_its_contents(tmp_path: Path) -> None:
    """Pinned: another one would make every released day of every lake stale."""
    shop = settings_in(tmp_path / "shop", tmp_path / "cache")
    deliver(shop, "events", DAY, a_csv="1", b_csv="2")
    assert drops.fingerprint(drops.drops(shop, DAY)) == (
        "17026283baadef4666843fe64b315d9e8f1d2c20ed6e425d2dfb0dbb438f3f74"
    )


# ---- delivering


def test_land_gives_a_bucket_what_it_gives_a_folder(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "old.json").write_bytes(b"[]\n" + b"".join(review(FIRST + n * SECONDS) for n in range(12)))
    (tmp_path / "more.json").write_bytes(review(FIRST, "早"))
    files = [tmp_path / "old.json", tmp_path / "more.json"]
    counts = land.land("reviews", files, tmp_path / "landing", UTC, "amazon_reviews")
    bucket = f"{s3.uri}/a/b"
    for _ in range(2):  # landing again changes nothing
        assert land.land("reviews", files, bucket, UTC, "amazon_reviews", s3.endpoint) == counts
        assert tree(open_area(bucket, s3.endpoint)) == tree(open_area(tmp_path / "landing"))
    assert len(counts) == 12


def test_a_drop_in_a_bucket_is_complete_only_when_all_its_files_are_there(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_bytes(review(FIRST) + review(FIRST + SECONDS))
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    area = open_area(s3.uri, s3.endpoint)
    land.land("reviews", files, s3.uri, UTC, "amazon_reviews", s3.endpoint)
    whole = tree(area)
    upload = Bucket.upload

    def killed(self: Bucket, path: Path, key: str) -> None:
        if key == "reviews/2014-03-01/b.jsonl":
            raise KeyboardInterrupt
        upload(self, path, key)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "upload", killed)
        with pytest.raises(KeyboardInterrupt):
            land.land("reviews", files, s3.uri, UTC, "amazon_reviews", s3.endpoint)
    assert not area.has_file("reviews", "2014-03-01", "_SUCCESS")
    assert list((tmp_path / "temporary").iterdir()) == []  # no working folder stays behind
    land.land("reviews", files, s3.uri, UTC, "amazon_reviews", s3.endpoint)
    assert tree(area) == whole


def test_a_large_file_goes_up_in_parts_and_comes_down_whole(tmp_path: Path, s3: Any) -> None:
    area, content = open_area(s3.uri, s3.endpoint), bytes(range(256)) * 2**16  # 16 MB: above boto3's threshold of 8
    identities = []
    for _ in range(2):
        (tmp_path / "large").write_bytes(content)
        area.move_in(tmp_path / "large", "events", DAY, "large.jsonl")
        file = (area.level("events", DAY) or ({}, []))[0]["large.jsonl"]
        identities.append(file.identity())
    assert identities[0] == identities[1]
    assert identities[0].endswith("-2"), "it went up in one piece"
    with file.local() as path:
        assert path.read_bytes() == content


def test_the_sample_is_the_same_in_a_bucket_and_is_not_written_over_something_else(tmp_path: Path, s3: Any) -> None:
    small = {"customers": 5, "days": 4}
    counts = write_sample(tmp_path / "landing", **small)
    assert write_sample(s3.uri, **small, endpoint=s3.endpoint) == counts
    area = open_area(s3.uri, s3.endpoint)
    assert tree(area) == tree(open_area(tmp_path / "landing"))
    area.remove("events", "2026-06-28", "events.jsonl")
    write_sample(s3.uri, **small, endpoint=s3.endpoint)
    assert tree(area) == tree(open_area(tmp_path / "landing"))
    with pytest.raises(InputError, match="holds another sample"):
        write_sample(s3.uri, **small, seed=8, endpoint=s3.endpoint)
    area.put(b"precious", "theses", "thesis.txt")
    with pytest.raises(InputError, match=r"s3://.*/theses exists and is not a sample of ours"):
        write_sample(f"{s3.uri}/theses", **small, endpoint=s3.endpoint)


# ---- a day, end to end


def test_a_day_from_a_bucket_gives_the_same_rows_as_from_a_folder(
    tmp_path: Path, static_cache: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table, by content; two customer buckets, so files are fetched twice; never two of them at a time."""
    first = "2026-06-26"  # the day on which all four sources say something
    update = {"buckets": 2, "max_rejects": 1.0}
    folder = settings_in(tmp_path / "one", static_cache).model_copy(update=update)
    update |= {"landing": s3.uri, "s3_endpoint": s3.endpoint}
    bucket = settings_in(tmp_path / "two", static_cache).model_copy(update=update)
    for settings in (folder, bucket):
        write_sample(settings.landing, customers=40, days=3, endpoint=settings.s3_endpoint)
        landing_area(settings).put(b"{broken\n", "events", first, "more.jsonl")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    fetch, held = Bucket.fetch, []

    def watched(self: Bucket, key: str, etag: str, path: Path) -> None:
        fetch(self, key, etag, path)
        held.append(len(list(temporary.rglob("*.jsonl"))))

    monkeypatch.setattr(Bucket, "fetch", watched)
    for settings in (folder, bucket):
        (outcome,) = stages.run_days(settings, first, first, ["ingest"])
        assert (outcome.state, outcome.counts["quarantined"] >= 1) == ("released", True)
        assert list(stages.run_days(settings, first, first, ["ingest"])) == []  # up to date
        assert ledger_closes(settings) == 5
    assert tables(folder) == tables(bucket)
    assert len(tables(bucket)["interactions"]) > 3
    assert (set(held), list(temporary.iterdir())) == ({1}, [])
    landing_area(bucket).put(b"", "events", first, "late.jsonl")
    assert stages.stale_days(bucket) == [(first, "ingest")]


# ---- what can go wrong


def test_a_file_that_changes_after_it_was_listed_is_not_read(s3: Any) -> None:
    area = open_area(s3.uri, s3.endpoint)
    area.put(b"one", "events", DAY, "rows.csv")
    file = (area.level("events", DAY) or ({}, []))[0]["rows.csv"]
    area.put(b"two", "events", DAY, "rows.csv")
    with pytest.raises(NotReady, match=rf"events/{DAY}/rows.csv changed while it was read"), file.local():
        pass
    area.remove("events", DAY, "rows.csv")
    with pytest.raises(NotReady, match="changed while it was read"), file.local():
        pass


class _Gateway(BaseHTTPRequestHandler):
    """A page of its own as the answer to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>log in first</html>")

    def log_message(self, *_: object) -> None:
        """It says nothing."""


@pytest.fixture
def gateway() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_page_of_a_gateway_is_neither_a_listing_nor_a_file(gateway: str, tmp_path: Path, s3: Any) -> None:
    bucket = Bucket(s3.uri, gateway, "PROFILING_LANDING")
    for look in (bucket.list, bucket.level, bucket.first):
        with pytest.raises(NotReady, match="answered with no listing"):
            look("events/")
    with pytest.raises(NotReady, match=r"rows\.csv is another object than the one listed"):
        bucket.fetch("rows.csv", "1b2c", tmp_path / "rows.csv")


def test_a_profile_or_a_file_of_aws_that_is_wrong_is_a_sentence(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SettingsError, match="profile"):
        Bucket(s3.uri, s3.endpoint, "PROFILING_LANDING")
    monkeypatch.delenv("AWS_PROFILE")
    (tmp_path / "config").write_text("[default\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(SettingsError, match="Unable to parse config file"):
        Bucket(s3.uri, s3.endpoint, "PROFILING_LANDING")
    monkeypatch.setenv("AWS_CONFIG_FILE", s3.environment["AWS_CONFIG_FILE"])
    with pytest.raises(SettingsError, match="Invalid bucket name"):
        Bucket("s3://a bucket", s3.endpoint, "PROFILING_LANDING").first("")


def test_a_key_that_is_too_long_for_a_file_is_said(s3: Any) -> None:
    area = open_area(s3.uri, s3.endpoint)
    area.put(b"one", "events", DAY, "x" * 300)
    file = (area.level("events", DAY) or ({}, []))[0]["x" * 300]
    with pytest.raises(InputError, match="at most 255 bytes; rename it"), file.local():
        pass


def test_a_disk_that_is_full_is_said(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    area = open_area(s3.uri, s3.endpoint)
    area.put(b"one", "events", DAY, "rows.csv")
    file = (area.level("events", DAY) or ({}, []))[0]["rows.csv"]
    monkeypatch.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(SettingsError, match=r"No space left.*name a folder with more room: TMPDIR"), file.local():
        pass


@pytest.mark.slow
def test_more_objects_than_one_answer_holds(tmp_path: Path, s3: Any) -> None:
    shop = settings_in(tmp_path / "shop", tmp_path / "cache")
    shop = shop.model_copy(update={"landing": f"{s3.uri}/landing", "s3_endpoint": s3.endpoint})
    area = landing_area(shop)
    area.each(lambda n: area.put(b"", "events", DAY, f"part-{n:04d}.jsonl"), range(1001))
    area.put(b"", "events", DAY, "_SUCCESS")
    (events,) = drops.drops(shop, DAY)
    assert (len(events.files), events.files[-1].name) == (1001, "part-1000.jsonl")


def test_the_empty_objects_that_consoles_make_for_folders_are_no_files(tmp_path: Path, s3: Any) -> None:
    shop = settings_in(tmp_path / "shop", tmp_path / "cache")
    shop = shop.model_copy(update={"landing": f"{s3.uri}/landing", "s3_endpoint": s3.endpoint})
    for key in ("landing/", "landing/events/", f"landing/events/{DAY}/"):
        s3.client().put_object(Bucket=s3.bucket, Key=key)
    assert (drops.days_with_drops(shop), drops.unread(shop)) == ([DAY], [])
    deliver(shop, "events", DAY)
    assert [drop.files for drop in drops.drops(shop, DAY)] == [()]


LOOKS = {
    "sources": drops.sources,
    "drops": lambda settings: drops.drops(settings, DAY),
    "days": drops.days_with_drops,
    "unread": drops.unread,
    "missing": lambda settings: drops.missing_sources(settings, DAY),
    "run": lambda settings: list(stages.run_days(settings, DAY, DAY, ["ingest"])),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("sources", [(), ("events",)])
def test_a_bucket_that_does_not_exist_is_a_sentence(look: str, sources: tuple, tmp_path: Path, s3: Any) -> None:
    update = {"landing": "s3://nobody-s/x", "s3_endpoint": s3.endpoint, "sources": sources}
    settings = settings_in(tmp_path / "shop", tmp_path / "cache").model_copy(update=update)
    with pytest.raises(SettingsError, match=r"s3://nobody-s at http.*: no such bucket; .* correct PROFILING_LANDING"):
        LOOKS[look](settings)


def test_delivering_to_a_bucket_that_does_not_exist_is_a_sentence(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "old.json").write_bytes(review(FIRST))
    for call in (
        lambda: land.land("r", [tmp_path / "old.json"], "s3://nobody-s", UTC, "amazon_reviews", s3.endpoint),
        lambda: write_sample("s3://nobody-s", customers=1, days=1, endpoint=s3.endpoint),
    ):
        with pytest.raises(SettingsError, match="no such bucket"):
            call()


def test_a_server_that_does_not_answer_is_not_ready(tmp_path: Path, s3: Any) -> None:
    update = {"landing": "s3://shop", "s3_endpoint": f"http://127.0.0.1:{free_port()}"}
    settings = settings_in(tmp_path / "shop", tmp_path / "cache").model_copy(update=update)
    with pytest.raises(NotReady, match=r"s3://shop at http.*no answer.*check PROFILING_S3_ENDPOINT"):
        drops.drops(settings, DAY)


def test_an_address_without_a_bucket_is_said(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "shop", tmp_path / "cache").model_copy(update={"landing": "s3://"})
    with pytest.raises(SettingsError, match="PROFILING_LANDING=s3:// names no bucket"):
        drops.sources(settings)
