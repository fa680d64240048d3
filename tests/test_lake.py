"""The lake: atomic partitions, checked rows, staging, the ledger; in a folder and on the S3 protocol alike."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from profiling import schemas
from profiling.errors import InputError, NotReady, ProfilingError, SettingsError
from profiling.lake import Lake, Rows, Staged, _rows, fingerprint, to_arrow
from profiling.ledger import Ledger, details
from profiling.settings import Settings


def statements(day: str, *values: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject_id": "c1",
            "name": "city",
            "value": list(values),
            "stated_at": pd.Timestamp(day, tz="UTC").as_unit("us"),
            "source": "customers",
            "source_file": "a.jsonl",
            "source_line": range(1, len(values) + 1),
            "day": day,
        }
    )


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"))
    server = request.getfixturevalue("s3")
    return Lake(f"s3://{server.bucket}/lake", server.endpoint)


def test_a_partition_is_replaced_and_the_others_stay(lake: Lake) -> None:
    lake.replace("attributes", "2026-01-01", statements("2026-01-01", "Rome", "Paris"))
    lake.replace("attributes", "2026-01-02", statements("2026-01-02", "Oslo"))
    lake.replace("attributes", "2026-01-01", statements("2026-01-01", "Bern"))
    rows = lake.read("attributes")
    assert sorted(rows["value"]) == ["Bern", "Oslo"]
    assert lake.partitions("attributes") == ["2026-01-01", "2026-01-02"]
    assert lake.rows("attributes") == 2


def test_a_table_from_before_a_column_came_gets_it_with_any_write(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = schemas.TABLES["attributes"]
    noted = replace(table, columns=(*table.columns, schemas.Column("note", pa.string(), "new", is_nullable=True)))
    for day in ("2026-01-01", "2026-01-02"):
        lake.replace("attributes", day, statements(day, "Rome", "Paris"))
    monkeypatch.setitem(schemas.TABLES, "attributes", noted)
    assert lake.read("attributes")["note"].isna().all()
    assert lake.delete("attributes", [("value", "in", ["Paris"]), ("day", "==", "2026-01-01")]) == 1
    lake.update("attributes", "2026-01-02", lambda held: held.assign(note="seen"))
    rows = lake.read("attributes").sort_values(["day", "value"])
    assert rows[["value", "note"]].fillna("").to_numpy().tolist() == [["Rome", ""], ["Paris", "seen"], ["Rome", "seen"]]


def test_an_empty_partition_removes_and_an_absent_table_reads_empty(lake: Lake) -> None:
    assert lake.read("attributes").empty
    assert list(lake.read("attributes", columns=["value", "day"]).columns) == ["value", "day"]
    lake.replace("attributes", "2026-01-01", statements("2026-01-01", "Rome"))
    lake.replace("attributes", "2026-01-01", statements("2026-01-01"))
    assert lake.rows("attributes") == 0


def test_columns_are_read_without_the_partitions_own(lake: Lake) -> None:
    lake.replace("attributes", "2026-01-01", statements("2026-01-01", "Rome", "Paris"))
    assert lake.read("attributes", [], ["value"]).columns.tolist() == ["value"]
    assert lake.read("attributes", [("value", "==", "Rome")], ["subject_id"])["subject_id"].tolist() == ["c1"]


def test_an_empty_day_over_nothing_makes_no_commit(lake: Lake) -> None:
    lake.replace("attributes", "2026-01-01", statements("2026-01-01", "Rome"))
    version = lake.version("attributes")
    lake.replace("attributes", "2026-01-02", statements("2026-01-02"))
    assert lake.version("attributes") == version


def test_filters(lake: Lake) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        lake.replace("attributes", day, statements(day, f"v{day[-1]}"))
    assert lake.read("attributes", [("day", ">", "2026-01-01"), ("value", "!=", "v3")])["value"].tolist() == ["v2"]
    assert sorted(lake.read("attributes", [("day", "in", ["2026-01-01", "2026-01-03"])])["value"]) == ["v1", "v3"]
    assert lake.read("attributes", [("day", "in", [])]).empty


def test_what_is_deleted_satisfies_all_filters_of_one_list(lake: Lake) -> None:
    for day, values in (("2026-01-01", "ab"), ("2026-01-02", "abc"), ("2026-01-03", "a")):
        lake.replace("attributes", day, statements(day, *values))
    first, a, c = [("day", "==", "2026-01-01")], ("value", "==", "a"), [("value", "in", ["c", "z"])]
    assert lake.delete("attributes", [*first, a], c, [("value", "in", [])]) == 2
    assert lake.delete("attributes", [*first, a], c) == 0
    rows = lake.read("attributes")
    assert sorted(zip(rows["day"].str[-1], rows["value"], strict=True)) == [
        ("1", "b"),
        ("2", "a"),
        ("2", "b"),
        ("3", "a"),
    ]
    assert lake.delete("attributes", [("day", ">", "2026-01-01")]) == 3
    assert lake.partitions("attributes") == ["2026-01-01"]
    assert lake.delete("attributes", [("value", "==", "b")]) == 1
    assert lake.partitions("attributes") == []


def test_rows_that_come_while_others_are_deleted_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows of the day were to go when they were counted; by the time they go, another writer has added one."""
    lake, other, day = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "lake")), "2026-01-01"
    lake.replace("attributes", day, statements(day, "a"))
    update = Lake.update

    def late(self: Lake, name: str, partition: str, change) -> None:
        other.replace("attributes", day, statements(day, "a", "b"))
        update(self, name, partition, change)

    monkeypatch.setattr(Lake, "update", late)
    assert lake.delete("attributes", [("value", "==", "a")]) == 1
    assert lake.read("attributes")["value"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.drop(columns="value"), r"missing columns \['value'\]"),
        (lambda f: f.assign(extra=1), r"unknown columns \['extra'\]"),
        (lambda f: f.assign(subject_id=None), "attributes.subject_id: 1 nulls, none allowed"),
        (lambda f: f.assign(source_line="first"), "a value does not fit its column"),
        (lambda f: pd.concat([f, f]), "rows repeat the key"),
        (lambda f: f.assign(day="2026-01-02"), "rows of other partitions"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, change, sentence: str) -> None:
    lake = Lake(str(tmp_path))
    with pytest.raises(ProfilingError, match=sentence):
        lake.replace("attributes", "2026-01-01", change(statements("2026-01-01", "Rome")))
    assert lake.rows("attributes") == 0


def test_staged_work_comes_back_and_half_written_work_does_not(lake: Lake) -> None:
    key = lake.stage("ingest", "2026-01-01", 1, Staged({"attributes": statements("2026-01-01", "Rome")}, {"n": 1}))
    back = lake.staged(key)
    assert back.frames["attributes"]["value"].tolist() == ["Rome"]
    assert back.facts["n"] == 1
    assert back.facts["bucket"] == 1
    with pytest.raises(NotReady, match="bucket 0 is not staged yet"):
        lake.newest_staged("ingest", "2026-01-01", buckets=2)
    killed = "_staging/ingest/2026-01-01/00000/killed"
    lake._put(f"{killed}/attributes.parquet", b"half")
    with pytest.raises(NotReady, match="bucket 0"):
        lake.newest_staged("ingest", "2026-01-01", buckets=2)
    with pytest.raises(InputError, match="nothing complete is staged"):
        lake.staged(killed)
    first = lake.stage("ingest", "2026-01-01", 0, Staged({}))
    assert lake.newest_staged("ingest", "2026-01-01", buckets=2) == [first, key]
    lake.clear_staged([first, key])
    with pytest.raises(NotReady):
        lake.newest_staged("ingest", "2026-01-01", buckets=1)


def test_the_ledger_keeps_every_record_through_compaction(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for number in range(70):
        lake.record("ingest", f"2026-01-{number % 28 + 1:02d}", "open", str(number), counts={"read": number})
    assert len(list((tmp_path / "days").glob("*.parquet"))) > 0
    assert lake.ledger()["attempt"].tolist() == [str(number) for number in range(70)]
    newest = Ledger(lake.ledger()).get("ingest", "2026-01-14")
    assert newest.attempt == "69"
    (row,) = lake.ledger(schemas.LEDGER.names, [newest.attempt]).to_dict("records")
    assert details(row).counts == {"read": 69}


def test_writers_of_different_days_at_once_lose_nothing(lake: Lake) -> None:
    days = [f"2026-01-{number:02d}" for number in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda day: lake.replace("attributes", day, statements(day, "x")), days))
        list(pool.map(lambda day: lake.record("ingest", day, "released", "a"), days))
    assert lake.partitions("attributes") == days
    assert sorted(lake.ledger()["day"]) == days


def _write_same_day(folder: str, value: str) -> None:
    Lake(folder).replace("attributes", "2026-01-01", statements("2026-01-01", value, value + "!"))


def test_processes_that_write_the_same_day_leave_one_of_them_whole(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(_write_same_day, [(str(tmp_path), value) for value in ("a", "b", "c")])
    assert sorted(Lake(str(tmp_path)).read("attributes")["value"]) in (["a", "a!"], ["b", "b!"], ["c", "c!"])


def test_the_number_of_buckets_is_remembered(settings: Settings) -> None:
    Lake.open(settings, may_create=True)
    with pytest.raises(
        SettingsError, match=r"PROFILING_BUCKETS is 4, and this lake was made with another number \(1\)"
    ):
        Lake.open(settings.model_copy(update={"buckets": 4}))


def test_folders_of_days_that_are_forgotten_go_too(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for day in ("2026-01-01", "2026-01-02"):
        lake.replace("attributes", day, statements(day, "Rome"))
    lake.delete("attributes", [("day", "==", "2026-01-01")])
    lake.forget("attributes")
    assert sorted(folder.name for folder in Path(lake.uri, "attributes").iterdir()) == ["_delta_log", "day=2026-01-02"]


def test_fingerprints_know_content_and_not_order() -> None:
    frame = statements("2026-01-01", "Rome", "Paris")
    assert fingerprint({"attributes": frame}) == fingerprint({"attributes": frame[::-1]})
    assert fingerprint({"attributes": frame}) != fingerprint({"attributes": frame.assign(value="Bern")})
    assert fingerprint({"attributes": frame}) != fingerprint({"consents": frame})


def decision(number: int) -> pd.DataFrame:
    row = dict.fromkeys(schemas.MODELS.names, "x") | {"target": "churn", "value": float(number)}
    return pd.DataFrame([row | {"decided_at": pd.Timestamp(number, unit="s", tz="UTC").as_unit("us")}])


def test_of_two_updates_at_once_one_sees_the_others_rows(lake: Lake) -> None:
    def add(number: int) -> None:
        lake.update("models", "churn", lambda held: pd.concat([held, decision(number)], ignore_index=True))

    add(0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(1, 9)))
    assert sorted(lake.read("models")["value"]) == list(range(9))


def test_an_open_lake_sees_what_others_commit_and_forget(lake: Lake) -> None:
    other = Lake(lake.uri, lake._endpoint)
    assert lake.read("attributes").empty
    other.replace("attributes", "2026-01-01", statements("2026-01-01", "Rome"))
    assert lake.read("attributes")["value"].tolist() == ["Rome"]
    other.replace("attributes", "2026-01-01", statements("2026-01-01", "Oslo"))
    other.replace("attributes", "2026-01-02", statements("2026-01-02", "Bern"))
    other.forget("attributes")  # neither the files nor the log of what this one has seen are there any more
    assert sorted(lake.read("attributes")["value"]) == ["Bern", "Oslo"]
    lake.replace("attributes", "2026-01-02", statements("2026-01-02", "Paris"))
    assert sorted(other.read("attributes")["value"]) == ["Oslo", "Paris"]
    assert lake.version("attributes") == other.version("attributes")


def test_an_open_ledger_holds_every_record_of_others(lake: Lake) -> None:
    other = Lake(lake.uri, lake._endpoint)
    for number in range(30):  # past a compaction
        (lake, other)[number % 2].record("ingest", "2026-01-01", "open", str(number))
        for each in (lake, other):
            assert each.ledger()["attempt"].tolist() == [str(n) for n in range(number + 1)]


def test_a_table_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import deltalake

    opened = []

    class Counted(deltalake.DeltaTable):
        def __init__(self, *args, **named) -> None:
            super().__init__(*args, **named)
            opened.append(args[0])

    Lake(str(tmp_path)).replace("attributes", "2026-01-01", statements("2026-01-01", "Rome"))
    monkeypatch.setattr(deltalake, "DeltaTable", Counted)
    lake = Lake(str(tmp_path))
    for value in ("Oslo", "Bern"):
        lake.replace("attributes", "2026-01-01", statements("2026-01-01", value))
        assert lake.read("attributes")["value"].tolist() == [value]
        assert lake.partitions("attributes") == ["2026-01-01"]
    assert opened == [f"{tmp_path}/attributes"]


def test_rows_of_a_large_day_come_in_sorted_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = statements("2026-01-01", *(f"v{number:03d}" for number in range(100)))
    shuffled = whole.sample(frac=1, random_state=3)
    expected = fingerprint({"attributes": whole})
    monkeypatch.setattr(_rows, "PIECE_ROWS", 7)
    rows = Rows(shuffled, schemas.ATTRIBUTES)
    assert [len(piece) for piece in rows.pieces()] == [7] * 14 + [2]
    lake = Lake(str(tmp_path))
    lake.replace("attributes", "2026-01-01", shuffled)
    assert to_arrow(lake.read("attributes"), schemas.ATTRIBUTES).equals(to_arrow(whole, schemas.ATTRIBUTES))
    assert fingerprint({"attributes": shuffled}) == fingerprint({"attributes": whole}) != expected
