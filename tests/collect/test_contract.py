"""What every collector keeps: columns, line numbers, rejects that say the fix, file forms, and a bounded memory."""

import gzip
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from profiling.collect import (
    COLLECTORS,
    EVENT_COLUMNS,
    REJECT_COLUMNS,
    STATEMENT_COLUMNS,
    STATEMENT_FORMS,
    _lines,
    collector,
)
from tests.collect.conftest import UTC, Read, Reading, together, zipped
from tests.collect.forms import FORMS, Form

every_form = pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])


def test_every_collector_is_in_this_suite() -> None:
    assert sorted(form.name for form in FORMS) == sorted(COLLECTORS)
    assert {form.name for form in FORMS if form.table != "interactions"} == set(STATEMENT_FORMS)


@every_form
def test_rows_have_the_columns_types_and_lines_of_their_table(form: Form, reading: Reading) -> None:
    read = reading(form.name, form.content(1, 2, 3), form.file)
    (batch,) = read.batches
    is_event = form.table == "interactions"
    assert (batch.table, batch.lines_read) == (form.table, 3)
    assert list(batch.rows.columns) == list(EVENT_COLUMNS if is_event else STATEMENT_COLUMNS)
    assert list(batch.rejects.columns) == list(REJECT_COLUMNS)
    assert batch.rows["source_line"].drop_duplicates().tolist() == form.lines(3)
    assert len(batch.rows) == 3 * form.statements
    assert str(batch.rows["occurred_at" if is_event else "stated_at"].dtype) == "datetime64[us, UTC]"
    assert batch.rows["identifiers"].map(lambda pairs: all(len(pair) == 2 for pair in pairs)).all()
    if is_event:
        assert batch.rows["natural_key"].is_unique
        assert batch.rows["occurred_at"].notna().all()


@every_form
def test_a_bad_row_is_refused_with_reason_field_and_fix_and_its_neighbours_stay(form: Form, reading: Reading) -> None:
    read = reading(form.name, form.content(1) + form.bad + form.row(2), form.file)
    (reject,) = read.rejects.to_dict("records")
    assert (reject["source_line"], reject["reason"], reject["field"]) == (form.lines(2)[1], form.reason, form.field)
    assert f"`{form.field}`" in reject["detail"] or "`From`" in reject["detail"]
    assert any(word in reject["detail"] for word in ("write", "needs", "known ones", "says something"))
    assert reject["content"]
    assert read.rows["source_line"].nunique() == 2


@every_form
@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress,
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.rstrip(b"\n"),
        lambda raw: raw.decode().encode("utf-16"),
        lambda raw: b"\xfe\xff" + raw.decode().encode("utf-16-be"),
        lambda raw: gzip.compress(raw.decode().encode("utf-16")),
    ],
    ids=["gzip", "BOM", "CRLF", "no line end", "UTF-16", "UTF-16 BE", "UTF-16 in gzip"],
)
def test_a_file_says_the_same_in_every_form(form: Form, packed: Callable[[bytes], bytes], reading: Reading) -> None:
    plain = reading(form.name, form.content(1, 2, 3), form.file)
    other = reading(form.name, packed(form.content(1, 2, 3).encode()), form.file)
    pd.testing.assert_frame_equal(plain.rows, other.rows)
    assert other.lines_read == 3
    assert other.rejects.empty


@every_form
def test_members_of_a_zip_are_one_file_with_numbers_that_go_on(form: Form, reading: Reading) -> None:
    alone = reading(form.name, form.content(1, 2), form.file)
    both = [form.content(1, 2).encode(), form.content(3).encode()]
    read = reading(form.name, zipped(*both, name=form.file), Path(form.file).stem + ".zip")
    assert read.lines_read == 3
    assert read.rows["source_line"].drop_duplicates().tolist() == [
        *form.lines(2),
        both[0].count(b"\n") + form.lines(1)[0],
    ]
    pd.testing.assert_frame_equal(alone.rows, read.rows.head(len(alone.rows)))


@every_form
def test_a_last_line_written_in_half_is_refused_or_taken_but_never_lost(form: Form, reading: Reading) -> None:
    whole, last = form.content(1, 2), form.row(3)
    read = reading(form.name, whole + last[: len(last) // 2], form.file)
    assert read.lines_read == 3
    assert read.rows["source_line"].drop_duplicates().tolist()[:2] == form.lines(2)
    if form.name != "mail":  # half a message is a message
        assert read.rejects["source_line"].tolist() == [form.lines(3)[2]]


@every_form
def test_an_empty_file_holds_nothing(form: Form, reading: Reading) -> None:
    for content in ("", form.header, form.header + "\n \n"):
        read = reading(form.name, content, form.file)
        assert (read.lines_read, len(read.rows)) == (0, 0), content


@every_form
def test_the_same_file_read_twice_gives_the_same(form: Form, reading: Reading) -> None:
    content = form.content(1, 1, 2) + form.bad
    first, second = (reading(form.name, content, form.file) for _ in range(2))
    pd.testing.assert_frame_equal(first.rows, second.rows)
    pd.testing.assert_frame_equal(first.rejects, second.rejects)


@every_form
@pytest.mark.slow
@pytest.mark.long
def test_a_large_file_is_read_in_pieces(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is a pipe: when the first batch is out, most of it has not even been written; old batches are let go."""
    monkeypatch.setattr(_lines, "CHUNK_LINES", 500)
    total, block = 30_000, 500
    pipe = tmp_path / form.file
    os.mkfifo(pipe)
    written = []

    def write() -> None:
        with pipe.open("wb") as file:
            file.write(form.header.encode())
            for start in range(0, total, block):
                file.write("".join(form.row(number) for number in range(start, start + block)).encode())
                written.append(block)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    lines, earlier = 0, None
    for number, batch in enumerate(collector(form.name)(pipe, UTC)):
        if number == 0:
            assert sum(written) < total / 2
        assert earlier is None or earlier() is None, "a batch already given is still held"
        assert batch.lines_read <= 500
        assert batch.rejects.empty
        lines += batch.lines_read
        earlier = weakref.ref(batch.rows)
        del batch
    writer.join(timeout=10)
    assert (lines, sum(written)) == (total, total)


@every_form
def test_a_batch_ends_by_bytes_too(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "CHUNK_BYTES", 1)
    (tmp_path / form.file).write_text(form.content(1, 2, 3))
    read: Read = together(list(collector(form.name)(tmp_path / form.file, UTC)))
    assert [batch.lines_read for batch in read.batches] == [1, 1, 1]
