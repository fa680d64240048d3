"""Every suite on a frame that passes and on frames that do not; reports that hold no values; suites that are wrong."""

import json
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from profiling import quality
from profiling.errors import SettingsError
from profiling.quality import Report, _references, expectations_folder, lengths
from profiling.schemas import TABLES

DAY = "2026-06-15"
AT = pd.Timestamp("2026-06-15T10:00", tz="UTC")
ROWS = 6
SUITES = sorted(path.stem for path in expectations_folder().glob("*.json"))


def ids(letter: str) -> list[str]:
    return [f"{letter}{number}".rjust(32, "0") for number in range(ROWS)]


def interactions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "interaction_id": ids("a"), "identity_id": ids("b"), "bucket": 0, "day": DAY, "occurred_at": AT, "event_day": DAY,
            "kind": "review", "source": "shop", "item_id": "B0006O1Y6S", "text": "Mail [email], warm strings.",
            "text_hash": ids("c"), "rating": [1.0, 5.0, np.nan, 3.0, 4.0, 2.0], "quantity": 1.0, "amount": 9.5, "currency": "USD",
            "channel": None, "attributes": None, "is_text_shared": False, "source_file": "a.jsonl",
            "source_line": range(1, ROWS + 1),
        }
    )  # fmt: skip


def text_features() -> pd.DataFrame:
    vector = np.full(16, 0.25, dtype="float32")
    return pd.DataFrame(
        {
            "interaction_id": ids("a"), "identity_id": ids("b"), "bucket": 0, "day": DAY, "model": "minilm@1", "language": "en",
            "sentiment": [-1.0, 1.0, 0.0, 0.2, 0.3, 0.1], "sentiment_model": "vader",
            "keywords": [[{"term": "strings", "weight": 0.9}]] * ROWS, "aspects": [[]] * ROWS,
            "embedding": [vector] * (ROWS - 1) + [None], "sentiment_probability": [0.1, *[None] * (ROWS - 1)],
            "sentiment_note": None, "aspect_mentions": [[]] * ROWS,
        }
    )  # fmt: skip


def media_features() -> pd.DataFrame:
    vector = np.full(16, 0.25, dtype="float32")
    return pd.DataFrame(
        {
            "interaction_id": ids("a"), "identity_id": ids("b"), "bucket": 0, "day": DAY, "position": 0, "url_hash": "a" * 64,
            "media_hash": ["b" * 64] * (ROWS - 1) + [None], "media_type": ["image/jpeg"] * (ROWS - 1) + [None],
            "reason": [None] * (ROWS - 1) + ["http_error"], "written_by": ["seer"] * (ROWS - 1) + [None],
            "labels": [[{"term": "guitar", "weight": 0.9}]] * (ROWS - 1) + [[]], "text": ["A guitar."] * (ROWS - 1) + [None],
            "model": "minilm@1", "embedding": [vector] * (ROWS - 1) + [None],
        }
    )  # fmt: skip


def profiles() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ids("b"), "bucket": 0, "day": DAY, "language": "zh", "life_cycle": "loyal", "rfm": "55-",
            "last_seen_at": AT, "interaction_count": 3, "purchase_count": 3, "spend": [0.0, 9.5, None, 1.0, 2.0, 3.0],
            "currency": "CNY", "satisfaction": [0.0, 1.0, None, 0.5, 0.5, 0.5], "satisfaction_trend": -1.0, "top_interest": None,
            "next_best_action": "thank", "completeness": 0.5, "merged_from": [[] for _ in range(ROWS)],
            "repeat_purchase_probability": [0.0, 1.0, None, 0.5, 0.5, 0.5], "reviews_again_probability": None,
            "churn_probability": 0.5, "satisfied_probability": [None] * (ROWS - 1) + [0.9],
            "document": '{"as_of": "2026-06-15"}',
        }
    )  # fmt: skip


def statements(name: str, value: str, subjects: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject_id": subjects, "name": name, "value": value, "stated_at": AT, "source": "shop", "source_file": "a.jsonl",
            "source_line": range(1, ROWS + 1), "day": DAY,
        }
    )  # fmt: skip


def daily_activity() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject_type": ["identity"] * (ROWS - 1) + ["item"], "subject_id": [*ids("b")[1:], "B0006O1Y6S"], "bucket": 0,
            "kind": "review", "facet": "all", "value": "", "currency": "", "event_day": DAY, "count": 2, "active_days": 1,
            "quantity": 0.0, "amount": 0.0, "rating_count": 2, "rating_sum": 10.0, "sentiment_count": 1, "sentiment_sum": 0.5,
            "weight": 1.6, "first_at": AT, "last_at": AT,
            "evidence": [[{"interaction_id": one, "strength": 1.0}] for one in ids("a")[1:]] + [[]], "spans": None, "day": DAY,
        }
    )  # fmt: skip


def facts() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "fact_id": ids("d"), "identity_id": ids("b"), "bucket": 0, "day": DAY, "topic": "complaints", "subtopic": "delivery",
            "value": "", "statement": "The parcel came late.", "polarity": [-1.0, 1.0, 0.0, -0.5, -0.5, -0.5], "confidence": 0.8,
            "is_inferred": False, "since": AT, "stated_at": AT, "written_by": "rules", "count": 1,
            "evidence": [[{"interaction_id": one, "strength": 1.0, "start": 0, "end": 9}] for one in ids("a")],
        }
    )  # fmt: skip


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "attributes": lambda: statements("city", "Chicago", ids("b")),
    "catalogue": lambda: statements("price_usd", "9.99", ["B0006O1Y6S"] * ROWS),
    "consents": lambda: statements("marketing_email", "granted", ids("b")),
    "daily_activity": daily_activity,
    "facts": facts,
    "interactions": interactions,
    "media_features": media_features,
    "profiles": profiles,
    "text_features": text_features,
}
# What the day's interactions hold, for the suites that refer to them.
KNOWN = {
    "daily_activity": {"evidence": ids("a")},
    "facts": {"evidence": ids("a")},
    "media_features": {"interaction_id": [*ids("a"), None, "planted-value-777"]},
    "text_features": {"interaction_id": [*ids("a"), None, "planted-value-777"]},
}


def gate(suite: str, frame: pd.DataFrame, folder: Path | None = None) -> Report:
    return quality.gate(suite, frame, folder, known=KNOWN.get(suite, {}))


def test_every_suite_has_a_frame() -> None:
    assert sorted(FRAMES) == SUITES


@pytest.mark.parametrize("suite", SUITES)
def test_a_good_frame_passes_without_a_warning(suite: str) -> None:
    frame = FRAMES[suite]()
    before = frame.copy(deep=True)
    report = gate(suite, frame)
    assert (report.is_passed, report.failures, report.warnings) == (True, [], [])
    assert report.rows == ROWS
    assert len(report.results) == len(json.loads((expectations_folder() / f"{suite}.json").read_text())["expectations"])
    pd.testing.assert_frame_equal(frame, before)


# suite, column, the value planted in the first row, the expectation that must break, fail or warn
PLANTED: list[tuple[str, str, Any, str, str]] = [
    ("interactions", "identity_id", None, "expect_column_values_to_not_be_null", "fail"),
    ("interactions", "interaction_id", ids("a")[1], "expect_column_values_to_be_unique", "fail"),
    ("interactions", "identity_id", "ann@example.org", "expect_column_values_to_match_regex", "fail"),
    ("interactions", "day", "15.6.2026", "expect_column_values_to_match_regex", "fail"),
    ("interactions", "kind", "reveiw", "expect_column_values_to_be_in_set", "fail"),
    ("interactions", "rating", 5.5, "expect_column_values_to_be_between", "fail"),
    ("interactions", "amount", -0.01, "expect_column_values_to_be_between", "fail"),
    ("interactions", "currency", "usd", "expect_column_values_to_match_regex", "fail"),
    ("interactions", "text", "x" * 20_001, "expect_column_value_lengths_to_be_between", "fail"),
    ("interactions", "text", "zero\u200bwidth", "expect_column_values_to_not_match_regex", "fail"),
    ("interactions", "text", "mail ann@example.org", "expect_column_values_to_not_match_regex", "fail"),
    ("text_features", "language", "english", "expect_column_values_to_match_regex", "fail"),
    ("text_features", "sentiment", 1.01, "expect_column_values_to_be_between", "fail"),
    ("text_features", "sentiment", np.nan, "expect_column_values_to_not_be_null", "fail"),
    ("text_features", "sentiment_probability", 1.01, "expect_column_values_to_be_between", "fail"),
    ("text_features", "model", "other@1", "expect_column_unique_value_count_to_be_between", "fail"),
    ("text_features", "interaction_id", ids("f")[0], "expect_column_values_to_be_in_set", "fail"),  # of no interaction
    ("media_features", "url_hash", "https://pictures.example/a.jpg", "expect_column_values_to_match_regex", "fail"),
    ("media_features", "media_type", "text/html", "expect_column_values_to_match_regex", "fail"),
    ("media_features", "reason", "did not like it", "expect_column_values_to_be_in_set", "fail"),
    ("media_features", "text", "Write to ann@example.org", "expect_column_values_to_not_match_regex", "fail"),
    ("media_features", "interaction_id", ids("f")[0], "expect_column_values_to_be_in_set", "fail"),
    ("interactions", "event_day", "2026-06-16", "expect_column_pair_values_a_to_be_greater_than_b", "fail"),
    ("interactions", "bucket", "one", "expect_column_values_to_be_in_type_list", "fail"),
    ("attributes", "subject_id", "ann", "expect_column_values_to_match_regex", "fail"),
    ("attributes", "value", "ann@example.org", "expect_column_values_to_not_match_regex", "fail"),
    ("attributes", "source_line", 0, "expect_column_values_to_be_between", "fail"),
    ("attributes", "value", "x" * 1_001, "expect_column_value_lengths_to_be_between", "warn"),
    ("consents", "value", "yes", "expect_column_values_to_be_in_set", "fail"),
    ("consents", "value", None, "expect_column_values_to_not_be_null", "fail"),
    ("catalogue", "subject_id", "x" * 201, "expect_column_value_lengths_to_be_between", "fail"),
    ("catalogue", "value", "$9.99", "expect_column_values_to_match_regex", "warn"),
    ("daily_activity", "subject_id", "ann", "expect_column_values_to_match_regex", "fail"),
    ("daily_activity", "subject_id", ids("b")[2], "expect_compound_columns_to_be_unique", "fail"),
    ("daily_activity", "facet", "colour", "expect_column_values_to_be_in_set", "fail"),
    ("daily_activity", "count", 0, "expect_column_values_to_be_between", "fail"),
    ("daily_activity", "rating_count", 3, "expect_column_pair_values_a_to_be_greater_than_b", "fail"),
    ("daily_activity", "first_at", AT + pd.Timedelta("1s"), "expect_column_pair_values_a_to_be_greater_than_b", "fail"),
    (
        "daily_activity",
        "evidence",
        [{"interaction_id": "gone", "strength": 1.0}],
        "expect_column_values_to_be_in_set",
        "fail",
    ),
    ("facts", "topic", "gossip", "expect_column_values_to_be_in_set", "fail"),
    ("facts", "confidence", 1.5, "expect_column_values_to_be_between", "fail"),
    ("facts", "evidence", [], "expect_column_values_to_be_between", "fail"),
    (
        "facts",
        "evidence",
        [{"interaction_id": "gone", "strength": 1.0, "start": 0, "end": 9}],
        "expect_column_values_to_be_in_set",
        "fail",
    ),
    ("facts", "statement", "Write to ann@example.org", "expect_column_values_to_not_match_regex", "fail"),
    ("profiles", "customer_id", ids("b")[1], "expect_column_values_to_be_unique", "fail"),
    ("profiles", "life_cycle", "gone", "expect_column_values_to_be_in_set", "fail"),
    ("profiles", "rfm", "556", "expect_column_values_to_match_regex", "fail"),
    ("profiles", "document", "{", "expect_column_values_to_be_json_parseable", "fail"),
    ("profiles", "satisfaction", -0.1, "expect_column_values_to_be_between", "fail"),
]


@pytest.mark.parametrize(("suite", "column", "value", "expectation", "severity"), PLANTED)
def test_one_bad_cell_is_found(suite: str, column: str, value: Any, expectation: str, severity: str) -> None:
    report = gate(suite, planted(column, value, FRAMES[suite]()))
    assert report.is_passed == (severity == "warn")
    broken = [(r["expectation"], r["column"], r["severity"]) for r in report.results if not r["success"]]
    assert any(e == expectation and s == severity and column in str(c) for e, c, s in broken)
    assert all(result["fix"] for result in report.results)


@pytest.mark.parametrize("suite", SUITES)
def test_the_kept_plan_says_what_great_expectations_says(suite: str) -> None:
    """The gate plans a suite once per process; `Batch.validate` plans it for every frame and is the reference."""
    changed = FRAMES[suite]()
    for of, column, value, *_ in PLANTED:
        if of == suite and value != "one":  # what cannot be computed at all is another test's
            changed = planted(column, value, changed)
    for frame in (FRAMES[suite](), changed, changed):  # the third by the plan of the second
        ours = [(r["success"], r["unexpected_count"]) for r in gate(suite, frame).results]
        assert ours == validated_by_great_expectations(suite, frame)


def planted(column: str, value: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a value in its first row."""
    frame = frame.copy()
    if isinstance(value, int | pd.Timestamp):  # of the column's own type: only the value is wrong
        frame.loc[0, column] = value
        return frame
    cells = frame[column].astype(object)
    cells.iat[0] = value
    return frame.assign(**{column: cells})


def validated_by_great_expectations(suite: str, frame: pd.DataFrame) -> list[tuple[bool, int]]:
    import great_expectations as gx

    entries = json.loads((expectations_folder() / f"{suite}.json").read_text())["expectations"]
    configured = [{**entry, "meta": {"number": number}} for number, entry in enumerate(entries)]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("test").add_dataframe_asset("frame")
    judged = lengths(_references(frame, KNOWN.get(suite, {})), TABLES[suite].columns)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": judged})
    found = batch.validate(gx.ExpectationSuite(name=suite, expectations=configured), result_format="BASIC")
    by_number = {one.expectation_config.meta["number"]: one for one in found.results}
    assert len(by_number) == len(entries)
    return [
        (bool(by_number[n].success), int(by_number[n].result.get("unexpected_count") or 0)) for n in range(len(entries))
    ]


def test_pieces_are_judged_as_the_whole() -> None:
    def judged(frame: pd.DataFrame) -> tuple[Report, int]:
        calls: list[int] = []

        def pieces() -> list[pd.DataFrame]:
            calls.append(1)
            return [frame.iloc[:2], frame.iloc[2:]]

        return quality.gate_in_pieces("daily_activity", pieces, known=KNOWN["daily_activity"]), len(calls)

    good = FRAMES["daily_activity"]()
    assert judged(good) == (gate("daily_activity", good), 1)
    for column, value in (("weight", -1.0), ("kind", "gossip"), ("day", "today")):
        bad = good.copy()
        bad.loc[4, column] = value
        assert not gate("daily_activity", bad).is_passed
        assert judged(bad) == (gate("daily_activity", bad), 2)
    with pytest.raises(ValueError, match="no piece"):
        quality.gate_in_pieces("daily_activity", list)


def test_an_edited_suite_is_read_anew(tmp_path: Path) -> None:
    entry = {"type": NULLS, "kwargs": {"column": "channel"}, "meta": META}
    write(tmp_path, "interactions", [entry])
    assert not gate("interactions", interactions(), tmp_path).is_passed
    write(tmp_path, "interactions", [{**entry, "kwargs": {"column": "text"}}])
    assert gate("interactions", interactions(), tmp_path).is_passed


def test_the_planted_cells_cover_every_suite() -> None:
    assert sorted({suite for suite, *_ in PLANTED}) == SUITES


@pytest.mark.parametrize(
    ("column", "value", "broken"),
    [
        ("embedding", np.full(16, 0.5), "embedding_norm"),
        ("embedding", np.full(16, np.nan), "embedding_norm"),
        ("embedding", np.array([1.0]), "embedding_dimension"),
        ("keywords", None, "keywords_count"),
        ("aspects", [{"aspect": "sound", "polarity": 1.0}] * 51, "aspects_count"),
    ],
)
def test_lists_are_judged_by_their_lengths(column: str, value: Any, broken: str) -> None:
    frame = text_features()
    frame[column] = pd.Series([value, *frame[column][1:]], dtype=object)
    assert {result["column"] for result in gate("text_features", frame).failures} == {broken}


def test_warnings_do_not_fail_the_day() -> None:
    report = gate("interactions", interactions().assign(text=None, text_hash=None).iloc[:2])
    assert report.is_passed
    assert [(r["expectation"], r["column"]) for r in report.warnings] == [
        ("expect_column_values_to_not_be_null", "text")
    ]
    empty = gate("interactions", interactions().iloc[:0])  # two rows may be a quiet day, none is worth a warning
    assert [(r["column"], r["observed"]) for r in empty.warnings] == [(None, 0)]


@pytest.mark.parametrize("suite", SUITES)
def test_a_frame_without_rows_warns_only(suite: str) -> None:
    report = gate(suite, TABLES[suite].arrow.empty_table().to_pandas())
    assert (report.is_passed, report.rows) == (True, 0)
    warned = suite in ("interactions", "profiles", "text_features")  # a day without statements is an ordinary day
    assert [r["expectation"] for r in report.warnings] == ["expect_table_row_count_to_be_between"] * warned


@pytest.mark.parametrize("suite", SUITES)
def test_missing_and_surplus_columns_fail(suite: str) -> None:
    frame = FRAMES[suite]()
    for changed in (frame.drop(columns="day"), frame.assign(surplus=1), frame.drop(columns="day").iloc[:0]):
        failures = gate(suite, changed).failures
        assert "expect_table_columns_to_match_set" in {result["expectation"] for result in failures}
    assert "day" in {result["column"] for result in gate(suite, frame.drop(columns="day")).failures}


@pytest.mark.parametrize("suite", SUITES)
def test_a_report_holds_no_values(suite: str) -> None:
    frame = FRAMES[suite]()
    secret = "planted-value-777"
    texts = [column for column in frame if isinstance(frame[column][1], str)]
    assert texts
    report = gate(suite, frame.assign(**dict.fromkeys(texts, secret)))
    text = json.dumps(report.to_dict())
    assert not report.is_passed
    assert secret not in text
    assert "777" not in text
    assert json.loads(text)["is_passed"] is False


def test_aggregates_are_observed_unless_they_may_be_someones_cell(tmp_path: Path) -> None:
    entry = {"kwargs": {"column": "rating", "min_value": 0, "max_value": 1}, "meta": {"fix": "f", "why": "w"}}
    for kind in ("min", "max", "mean"):
        write(tmp_path, "interactions", [{**entry, "type": f"expect_column_{kind}_to_be_between"}])
        assert (
            gate("interactions", interactions(), tmp_path).results[0]["observed"]
            == {"min": 1, "max": 5, "mean": 3}[kind]
        )
    # whether a column that no table declares is personal, nobody knows
    write(tmp_path, "anything", [{**entry, "type": "expect_column_max_to_be_between"}])
    assert gate("anything", interactions(), tmp_path).results[0]["observed"] is None


def test_nothing_is_sent_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: Any) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a gate opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert isinstance(gate("profiles", profiles()), Report)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""  # no progress bar


# --- suites are data ---


def write(folder: Path, suite: str, expectations: list[Any]) -> Path:
    path = folder / f"{suite}.json"
    path.write_text(json.dumps({"name": suite, "expectations": expectations}))
    return path


def test_an_added_expectation_is_honoured(tmp_path: Path) -> None:
    suite = json.loads((expectations_folder() / "interactions.json").read_text())
    added = {
        "type": "expect_column_values_to_be_in_set", "kwargs": {"column": "source", "value_set": ["bank"]},
        "severity": "critical", "meta": {"why": "only the bank delivers", "fix": "send the shop's drop elsewhere"},
    }  # fmt: skip
    write(tmp_path, "interactions", [*suite["expectations"], added])
    (failure,) = gate("interactions", interactions(), tmp_path).failures
    assert failure["fix"] == "send the shop's drop elsewhere"
    assert (failure["unexpected_count"], failure["unexpected_percent"]) == (ROWS, 100.0)
    write(tmp_path, "interactions", [*suite["expectations"], {**added, "severity": "warning"}])
    report = gate("interactions", interactions(), tmp_path)
    assert (report.is_passed, len(report.warnings)) == (True, 1)


def test_a_frame_that_is_no_table_of_ours(tmp_path: Path) -> None:
    entry = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}, "meta": {"fix": "f", "why": "w"}}
    write(tmp_path, "anything", [entry])
    assert gate("anything", pd.DataFrame({"x": [1]}), tmp_path).is_passed


META = {"fix": "f", "why": "w"}
NULLS = "expect_column_values_to_not_be_null"
WRONG: dict[str, tuple[Any, str]] = {
    "unknown expectation": ({"type": "expect_bananas", "kwargs": {"column": "text"}, "meta": META}, "expect_bananas"),
    "unknown argument": ({"type": NULLS, "kwargs": {"column": "text", "mosty": 1}, "meta": META}, "mosty"),
    "argument missing": ({"type": NULLS, "kwargs": {}, "meta": META}, "column"),
    "unknown column": ({"type": NULLS, "kwargs": {"column": "txet"}, "meta": META}, "no column 'txet'"),
    "unknown columns": (
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["text", "txet"]}, "meta": META},
        "no column 'txet'",
    ),
    "unknown severity": ({"type": NULLS, "kwargs": {"column": "text"}, "severity": "bad", "meta": META}, "severity 'bad'"),
    "no fix": ({"type": NULLS, "kwargs": {"column": "text"}, "meta": {"why": "w"}}, "`fix`"),
    "no type": ({"kwargs": {"column": "text"}, "meta": META}, "`type`"),
    "no object": ("text", "`type`"),
    "cannot be computed": (
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "rating", "regex": "("}, "meta": META},
        "cannot be computed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_suite_is_refused_by_file_and_expectation(tmp_path: Path, entry: Any, said: str) -> None:
    good = {"type": NULLS, "kwargs": {"column": "interaction_id"}, "meta": META}
    path = write(tmp_path, "interactions", [good, entry])
    with pytest.raises(SettingsError) as error:
        gate("interactions", interactions(), tmp_path)
    assert f"{path}, expectation 2" in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no expectations"),
        ('{"name": "interactions", "expectations": []}', "at least one"),
        ('{"name": "other", "expectations": [1]}', "'interactions'"),
        (None, "no suite 'interactions'"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "interactions.json").write_text(content)
    with pytest.raises(SettingsError, match="interactions") as error:
        gate("interactions", interactions(), tmp_path)
    assert said in str(error.value)
