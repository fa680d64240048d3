"""A historical file becomes daily drops: nothing lost, nothing changed, each drop whole."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiling.collect import events, land
from profiling.errors import InputError, SettingsError
from tests.collect.conftest import SHANGHAI, UTC, together

DAY = 86_400
FIRST = 1_393_545_600  # 2014-02-28T00:00:00Z


def review(second: int, text: str = "Good") -> bytes:
    row = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "reviewText": text, "unixReviewTime": second}
    return json.dumps(row).encode() + b"\n"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_lines_go_to_their_day_with_their_bytes(tmp_path: Path) -> None:
    content = [
        review(FIRST + DAY),
        review(FIRST, "早").replace(b"\n", b"\r\n"),
        b'{"odd" :1,  "cut',
        review(FIRST + DAY + 5),
    ]
    content[2] += b"\n"
    (tmp_path / "old.json").write_bytes(b"\xef\xbb\xbf" + b"".join(content) + b"\n\n" + review(FIRST).rstrip(b"\n"))
    counts = land.land("reviews", [tmp_path / "old.json"], tmp_path / "landing", UTC, "amazon_reviews")
    assert counts == {"2014-02-28": 3, "2014-03-01": 2}
    assert tree(tmp_path / "landing") == {
        "reviews/2014-02-28/_SUCCESS": b"",
        "reviews/2014-02-28/old.jsonl": content[1]
        + content[2]
        + review(FIRST),  # the cut line follows the one before it
        "reviews/2014-03-01/_SUCCESS": b"",
        "reviews/2014-03-01/old.jsonl": content[0] + content[3],
    }


def test_the_day_is_that_of_the_zone(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_bytes(review(FIRST - 1) + review(FIRST + 16 * 3600))
    assert list(land.land("reviews", [tmp_path / "old.json"], tmp_path, SHANGHAI, "amazon_reviews")) == [
        "2014-02-28", "2014-03-01"
    ]  # fmt: skip


def test_lines_before_the_first_time_go_to_the_first_day(tmp_path: Path) -> None:
    head = [b"# a comment\n", b"[]\n"]
    (tmp_path / "old.json").write_bytes(b"".join(head) + review(FIRST) + review(FIRST + DAY))
    counts = land.land("reviews", [tmp_path / "old.json"], tmp_path, UTC, "amazon_reviews")
    assert counts == {"2014-02-28": 3, "2014-03-01": 1}
    assert (tmp_path / "reviews/2014-02-28/old.jsonl").read_bytes() == b"".join(head) + review(FIRST)


def test_landing_again_changes_nothing_and_leaves_other_files_alone(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    (tmp_path / "old.json.gz").write_bytes(gzip.compress(review(FIRST) + review(FIRST + DAY)))
    (tmp_path / "more.json").write_bytes(review(FIRST, "More"))
    land.land("reviews", [tmp_path / "old.json.gz"], landing, UTC, "amazon_reviews")
    alone = tree(landing)
    land.land("reviews", [tmp_path / "more.json"], landing, UTC, "amazon_reviews")
    both = tree(landing)
    assert both == {**alone, "reviews/2014-02-28/more.jsonl": review(FIRST, "More")}
    land.land("reviews", [tmp_path / "old.json.gz", tmp_path / "more.json"], landing, UTC, "amazon_reviews")
    assert tree(landing) == both


def test_more_days_than_files_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(land, "_OPEN_FILES", 3)
    content = [review(FIRST + DAY * (n * 7 % 20), str(n)) for n in range(200)]
    (tmp_path / "old.json").write_bytes(b"".join(content))
    counts = land.land("reviews", [tmp_path / "old.json"], tmp_path, UTC, "amazon_reviews")
    assert (len(counts), set(counts.values())) == (20, {10})
    landed = b"".join(path.read_bytes() for path in tmp_path.glob("reviews/*/old.jsonl"))
    assert sorted(landed.splitlines(keepends=True)) == sorted(content)


def test_a_drop_is_complete_only_when_all_its_files_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while the second file moves: the day has no `_SUCCESS`, earlier days are whole, the next call mends all."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_bytes(review(FIRST) + review(FIRST + DAY))
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    landing = tmp_path / "landing"
    land.land("reviews", files, landing, UTC, "amazon_reviews")
    whole = tree(landing)
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self.parts[-2:] == ("b", "2014-03-01"):
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            land.land("reviews", files, landing, UTC, "amazon_reviews")
    assert (landing / "reviews/2014-02-28/_SUCCESS").exists()
    assert not (landing / "reviews/2014-03-01/_SUCCESS").exists()
    assert [path.name for path in landing.iterdir()] == ["reviews"]  # no working folder stays behind
    land.land("reviews", files, landing, UTC, "amazon_reviews")
    assert tree(landing) == whole


ROWS = [
    {"identifiers": {"email": "a@example.org", "customer": "C1"}, "occurred_at": "2026-03-01T09:00:00", "kind": "view"},
    {"identifiers": {"customer": "C2"}, "occurred_at": "2026-03-02T09:00:00", "kind": "post", "text": 'two\n"lines"'},
]


@pytest.mark.parametrize("name", ["old.csv", "old.csv.gz", "old.parquet"])
def test_csv_and_parquet_become_json_lines_that_say_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if "csv" in name:
        pd.DataFrame([{**row, "identifiers": json.dumps(row["identifiers"])} for row in ROWS]).to_csv(path, index=False)
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    counts = land.land("events", [path], tmp_path, SHANGHAI, "events")
    assert counts == {"2026-03-01": 1, "2026-03-02": 1}
    before = together(list(events.read(path, SHANGHAI))).rows
    after = [together(list(events.read(tmp_path / f"events/{day}/old.jsonl", SHANGHAI))).rows for day in counts]
    same = ["natural_key", "identifiers", "occurred_at", "kind", "text", "attributes"]
    pd.testing.assert_frame_equal(before[same], pd.concat(after, ignore_index=True)[same])
    assert before["identifiers"][0][0] == ("email", "a@example.org")


def test_each_line_of_a_broken_csv_row_is_landed_and_ingest_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(
        'identifier_customer,occurred_at,kind\nC1,2026-03-01,view\nC2,"2026\n-03-02"x,view\n'
    )
    assert land.land("events", [tmp_path / "old.csv"], tmp_path, UTC, "events") == {"2026-03-01": 3}
    read = together(list(events.read(tmp_path / "events/2026-03-01/old.jsonl", UTC)))
    assert (len(read.rows), read.rejects["reason"].tolist()) == (1, ["not_an_object"] * 2)


@pytest.mark.parametrize(
    ("source", "form", "content", "error", "sentence"),
    [
        ("reviews", "amazon_reviews", None, InputError, "is not a file"),
        ("reviews", "amazon_reviews", b'{"a": 1}\n', InputError, "no line has a readable time"),
        ("items", "catalogue", b"{}\n", SettingsError, "cannot be split by time"),
        ("_truth", "events", b"{}\n", SettingsError, "cannot name a source"),
        ("a/b", "events", b"{}\n", SettingsError, "cannot name a source"),
    ],
)
def test_what_cannot_be_landed_is_said_and_leaves_nothing(
    tmp_path: Path, source: str, form: str, content: bytes | None, error: type[Exception], sentence: str
) -> None:
    if content is not None:
        (tmp_path / "old.json").write_bytes(content)
    with pytest.raises(error, match=sentence):
        land.land(source, [tmp_path / "old.json"], tmp_path / "landing", UTC, form)
    assert tree(tmp_path / "landing") == {}


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "a.json.gz"]
    for file in files:
        file.write_bytes(review(FIRST))
    with pytest.raises(InputError, match="would both land as"):
        land.land("reviews", files, tmp_path, UTC, "amazon_reviews")


def test_a_real_file_loses_nothing(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "Musical_Instruments_5.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    counts = land.land("amazon_reviews", [path], tmp_path, UTC, "amazon_reviews")
    assert (sum(counts.values()), min(counts), max(counts)) == (10_261, "2004-09-18", "2014-07-22")
    landed = b"".join(file.read_bytes() for file in tmp_path.glob("amazon_reviews/*/*.jsonl"))
    assert sorted(landed.splitlines()) == sorted(path.read_bytes().splitlines())
