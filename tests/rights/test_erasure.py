"""What is erased is gone from every byte, and nobody else's bytes have changed."""

import gzip
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from profiling import schemas, stages
from profiling.errors import InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.publish import open_target, read_manifest, read_published
from profiling.rights import requests
from profiling.settings import Settings
from tests import leaks
from tests.rights.erasing import (
    DAYS,
    NAMES,
    Person,
    copied,
    deliver,
    documents,
    event,
    lines,
    others,
    person,
    roots,
    run,
    write,
)
from tests.worlds import settings_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> tuple[Settings, Person]:
    root = tmp_path_factory.mktemp("before")
    cache = root / "cache"
    cache.mkdir()
    for model in static_cache.glob("static-*"):
        (cache / model.name).symlink_to(model.resolve())
    settings = settings_in(root, cache).model_copy(update={"publish": str(root / "publish"), "max_rejects": 0.1})
    deliver(settings)
    run(settings)
    (cache / "bucket-0").mkdir()  # what a pod has read, on a volume
    for file in cache.glob("texts.sqlite*"):
        shutil.copy(file, cache / "bucket-0")
    return settings, person(settings)


@pytest.fixture
def world(before: tuple[Settings, Person], tmp_path: Path) -> tuple[Settings, Person]:
    settings, she = before
    return copied(settings, tmp_path / "world"), she


def erase(settings: Settings, *identifiers: str) -> stages.Erased:
    return stages.erase(settings, requests.ask(settings, identifiers or [f"email:{NAMES[1]}"]).id)


def test_a_person_is_gone_from_every_byte_and_nobody_else_has_changed(world: tuple[Settings, Person]) -> None:
    settings, she = world
    assert {word for word in she.traces if leaks.find(roots(settings), [word])} == set(she.traces), (
        "the search is blind"
    )
    rows, published = others(settings, she), documents(settings, she)
    pointer = open_target(settings.publish).get("latest.json")
    done = erase(settings)
    assert leaks.find(roots(settings), she.traces) == []
    assert others(settings, she) == rows
    assert documents(settings, she) == published
    assert open_target(settings.publish).get("latest.json") == pointer
    assert done.receipt
    assert done.receipt["counts"] | {"interactions": 13, "profiles": 3, "quarantine": 1} == done.receipt["counts"]
    assert len(done.receipt["who"]) == 3


def test_no_day_is_stale_by_it_and_every_part_is_whole(world: tuple[Settings, Person]) -> None:
    settings, _ = world
    run(settings)  # the copy is published elsewhere
    assert stages.stale_days(settings) == []
    erase(settings)
    assert stages.stale_days(settings) == []
    for day in DAYS:
        assert (
            len(list(read_published(open_target(settings.publish), day)))
            == read_manifest(open_target(settings.publish), day)["rows"]
        )
    assert list(stages.run_days(settings, DAYS[0], DAYS[-1])) == []


def test_a_second_run_finds_nothing(world: tuple[Settings, Person]) -> None:
    settings, _ = world
    first = erase(settings)
    assert stages.erase(settings, first.request).counts == {}
    second = erase(settings, f"customer:{NAMES[0]}")
    assert second.receipt
    gone = {
        name: number
        for name, number in second.receipt["counts"].items()
        if name not in ("identifiers", "files of older versions", "old revisions")
    }
    assert not any(gone.values()), gone


def test_a_dry_run_counts_and_takes_nothing(world: tuple[Settings, Person]) -> None:
    settings, _ = world
    request = requests.ask(settings, [f"email:{NAMES[1]}"]).id
    held = {file: file.read_bytes() for root in roots(settings) for file in root.rglob("*") if file.is_file()}
    counts = stages.erase(settings, request, dry_run=True).counts
    assert counts["interactions"] == 13
    assert {file: file.read_bytes() for root in roots(settings) for file in root.rglob("*") if file.is_file()} == held
    assert stages.erase(settings, request).counts["interactions"] == 13


def test_a_dry_run_counts_the_days_that_only_a_rejected_line_names_her_on(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_rejects": 1.0})
    write(
        settings, "events", DAYS[0], "rows.jsonl", lines([event(1, "ann", DAYS[0]), f'{{"who": "{NAMES[0]}", "broken'])
    )
    write(settings, "events", DAYS[1], "rows.jsonl", lines([event(2, NAMES[0], DAYS[1])]))
    list(stages.run_days(settings, DAYS[0], DAYS[1]))
    request = requests.ask(settings, [f"customer:{NAMES[0]}"]).id
    dry = stages.erase(settings, request, dry_run=True).counts
    done = stages.erase(settings, request).counts
    assert (dry["published days"], done["published days"]) == (2, 2)
    assert dry == done


def test_the_sums_of_items_are_those_of_the_others(
    world: tuple[Settings, Person], static_cache: Path, tmp_path: Path
) -> None:
    """As if the person had never been there: a lake made of the drops that are left holds the same rows."""
    settings, _ = world
    erase(settings)
    fresh = settings.model_copy(update={"lake": str(tmp_path / "fresh")})
    list(stages.run_days(fresh, DAYS[0], DAYS[-1], ["ingest", "features", "profile"]))
    for name in (
        "interactions",
        "text_features",
        "daily_activity",
        "text_activity",
        "activity_state",
        "text_state",
        "identity_links",
    ):
        expected, found = (
            Lake(each.lake).read(name).drop(columns="is_text_shared", errors="ignore") for each in (fresh, settings)
        )
        assert sorted(map(repr, found.to_dict("records"))) == sorted(map(repr, expected.to_dict("records"))), name


def test_other_lines_of_a_drop_keep_their_place(world: tuple[Settings, Person]) -> None:
    settings, _ = world
    folder = Path(settings.landing)
    files = [
        folder / "events" / DAYS[0] / "rows.jsonl",
        folder / "customers" / DAYS[0] / "them.csv",
        folder / "mail" / DAYS[0] / "in.mbox",
    ]
    was = [file.read_text().split("\n") for file in files]
    erase(settings)
    for file, old in zip(files, was, strict=True):
        new = file.read_text().split("\n")
        assert len(new) == len(old)
        assert [(a, b) for a, b in zip(old, new, strict=True) if a != b and b != ""] == []
    assert files[0].read_text().split("\n")[0] == was[0][0]
    packed = gzip.decompress((folder / "events" / DAYS[2] / "rows.jsonl.gz").read_bytes())
    assert packed.count(b"\n") == 47


def test_a_parquet_drop_loses_the_row_and_keeps_the_numbers(settings: Settings) -> None:
    rows = [event(n, who, DAYS[0], "view") for n, who in enumerate(("ann", NAMES[0], "bob"))]
    frame = pd.DataFrame([{**row, "identifiers": json.dumps(row["identifiers"])} for row in rows])
    file = write(settings, "events", DAYS[0], "rows.parquet", b"")
    frame.to_parquet(file)
    stages.ingest(settings, DAYS[0])
    erase(settings, f"customer:{NAMES[0]}")
    assert leaks.find([Path(settings.landing), Path(settings.lake)], [NAMES[0]]) == []
    assert stages.stale_days(settings) == []
    file.with_name("more.jsonl").write_bytes(lines([event(9, "cid", DAYS[0])]))
    assert stages.ingest(settings, DAYS[0]).counts["quarantined"] == 0
    kept = Lake(settings.lake).read("interactions", [("source_file", "==", "rows.parquet")])
    assert sorted(kept["source_line"]) == [1, 3]


def test_an_earlier_attempt_and_its_revision_are_gone_too(world: tuple[Settings, Person]) -> None:
    settings, she = world
    (Path(settings.landing) / "events" / DAYS[0] / "more.jsonl").write_bytes(lines([event(90, "dan", DAYS[0])]))
    run(settings)
    stages.ingest(settings, DAYS[2], bucket=0)
    (Path(settings.lake) / "_staging" / "ingest" / DAYS[2] / "00000" / "killed").mkdir()
    (Path(settings.lake) / "_staging" / "ingest" / DAYS[2] / "00000" / "killed" / "x.parquet.1.tmp").write_text(
        she.identities[0]
    )
    with pytest.raises(NotReady, match=f"ingest of {DAYS[2]} is begun and not finished"):
        erase(settings)
    (request,) = requests.open_requests(Lake(settings.lake))
    stages.ingest(settings, DAYS[2])
    stages.erase(settings, request)
    assert leaks.find(roots(settings), she.traces) == []


def test_a_day_staged_before_and_closed_after_stores_nothing_of_her(settings: Settings) -> None:
    write(
        settings,
        "events",
        DAYS[0],
        "rows.jsonl",
        lines([event(n, who, DAYS[0]) for n, who in enumerate(("ann", NAMES[0]))]),
    )
    stages.ingest(settings, DAYS[0])
    write(settings, "events", DAYS[1], "rows.jsonl", lines([event(9, NAMES[0], DAYS[1]), event(8, "ann", DAYS[1])]))
    staged = stages.ingest(settings, DAYS[1], bucket=0).staged
    assert staged
    request = requests.ask(settings, [f"customer:{NAMES[0]}"])
    stages.erase(settings, request.id, is_alone=True)
    assert stages.ingest(settings, DAYS[1], close=[staged]).counts["stored"] == 1
    assert leaks.find([Path(settings.lake), Path(settings.landing)], [NAMES[0], *request.identities]) == []


def test_a_bucket_staged_while_she_is_being_erased_is_computed_again_by_its_close(settings: Settings) -> None:
    write(settings, "events", DAYS[0], "rows.jsonl", lines([event(1, NAMES[0], DAYS[0]), event(2, "ann", DAYS[0])]))
    Lake.open(settings, may_create=True)
    request = requests.ask(settings, [f"customer:{NAMES[0]}"])
    for step in ("suppress", "staging"):
        stages.erase(settings, request.id, step)
    staged = stages.ingest(settings, DAYS[0], bucket=0).staged
    assert staged
    stages.erase(settings, request.id, is_alone=True)
    done = stages.ingest(settings, DAYS[0], close=[staged])
    assert (done.counts["read"], done.counts["stored"]) == (1, 1)
    assert leaks.find([Path(settings.lake), Path(settings.landing)], [NAMES[0], *request.identities]) == []


@pytest.mark.long
def test_the_same_drops_delivered_again_bring_nothing_back(world: tuple[Settings, Person]) -> None:
    settings, she = world
    erase(settings)
    deliver(settings)
    run(settings)
    lake = Lake(settings.lake)
    suppressed = sum(
        json.loads(counts)["suppressed"]
        for counts in lake.ledger(("counts", "stage", "recorded_at")).query("stage == 'ingest'")["counts"].dropna()
    )
    assert suppressed > 0
    for word in she.traces:
        places = [Path(settings.lake), Path(settings.publish), *Path(settings.cache).glob("*.sqlite*")]
        assert leaks.find(places, [word], [Path(settings.lake) / "quarantine"]) == []


def test_a_receipt_that_was_changed_is_refused(world: tuple[Settings, Person]) -> None:
    settings, _ = world
    done = erase(settings).receipt
    assert done
    lake = Lake(settings.lake)
    requests.verify(lake, settings, done)
    with pytest.raises(InputError, match="was changed after it was signed"):
        requests.verify(lake, settings, done | {"counts": {}})


@pytest.mark.parametrize(
    ("identifiers", "customers", "sentence"),
    [
        (["ann@example.org"], [], "written type:value"),
        ([], ["xanthippe"], "32 hexadecimal digits"),
        ([], [], "nobody is named"),
    ],
)
def test_wrong_requests(settings: Settings, identifiers: list[str], customers: list[str], sentence: str) -> None:
    Lake.open(settings, may_create=True)
    with pytest.raises(SettingsError, match=sentence):
        requests.ask(settings, identifiers, customers)
    assert requests.open_requests(Lake(settings.lake)) == []


def test_wrong_calls(settings: Settings) -> None:
    Lake.open(settings, may_create=True)
    with pytest.raises(SettingsError, match="is no request id"):
        stages.erase(settings, "../../etc/passwd")
    with pytest.raises(SettingsError, match="there is no step 'x'; the steps are suppress, staging"):
        stages.erase(settings, "a7a57621-d7dd-4fe0-8cd3-a3689f1db602", "x")
    with pytest.raises(SettingsError, match="there is no request"):
        stages.erase(settings, "a7a57621-d7dd-4fe0-8cd3-a3689f1db602")


def test_every_table_that_holds_people_is_reached() -> None:
    """A new table with personal values needs a column that names whom they are of, or a step of its own."""
    known = {
        "suppressions",
        "quarantine",
        "catalogue",
        "daily_activity",
        "activity_state",
        "text_activity",
        "text_state",
    }
    for name, table in schemas.TABLES.items():
        if any(column.is_personal for column in table.columns) and name not in known:
            assert stages._erase._who_columns(name), name
            assert table.partition, name
