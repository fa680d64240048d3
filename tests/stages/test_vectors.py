"""Word vectors of a lake: of texts up to a day only, used by the days after it, flagged and removed by erasure."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiling import stages
from profiling.__main__ import app
from profiling.behaviour import registry
from profiling.errors import InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.ledger import Ledger
from profiling.rights import requests
from profiling.settings import Settings
from profiling.stages._vectors import NAME, load_table, vectors_for
from profiling.status import status
from tests import leaks
from tests.rights.erasing import DAYS, event, lines, write
from tests.test_cli import environment_of
from tests.text.test_word_vectors import shop

pytestmark = [pytest.mark.slow, pytest.mark.long]

LATER = "2026-06-17"
TEXTS = list(dict.fromkeys(shop(customers=7, texts=40)))


@pytest.fixture
def lake_of_texts(settings: Settings) -> Settings:
    """A word that only the last day has, said by all; and one that five customers say, one of whom will be erased."""
    said = [*TEXTS, *[(f"c{n}", "the zither came and it is nice") for n in range(5)]]
    rows = [event(n, who, DAYS[0], "review", text=f"{text} .", rating=4) for n, (who, text) in enumerate(said)]
    write(settings, "events", DAYS[0], "rows.jsonl", lines(rows))
    late = [
        event(9000 + n, f"c{n}", DAYS[1], "review", text="the theremin came and it is nice", rating=4) for n in range(6)
    ]
    write(settings, "events", DAYS[1], "rows.jsonl", lines(late))
    for day in DAYS[:2]:
        stages.ingest(settings, day)
    return settings.model_copy(update={"embedding": NAME, "mlflow_uri": "off"})


def model_of(settings: Settings, day: str) -> tuple[set[str], int]:
    """The model of a day's features, and how many of them have no vector."""
    rows = Lake(settings.lake).read("text_features", [("day", "==", day)])
    return set(rows["model"]), int(rows["embedding"].isna().sum())


def test_days_are_read_with_vectors_trained_before_them(lake_of_texts: Settings) -> None:
    settings, lake = lake_of_texts, Lake(lake_of_texts.lake)
    stages.features(settings, DAYS[1])
    assert model_of(settings, DAYS[1]) == ({"word2vec@none"}, 6), (
        "nothing trained yet: no vector, and a day all the same"
    )
    found = stages.train_vectors(settings, DAYS[0])
    assert found.sha
    assert found.customers == 7
    table = load_table(lake, registry.artefact_folder(NAME, DAYS[0], found.sha))
    assert "zither" in table.terms
    assert "theremin" not in table.terms, "a text of the day after"
    assert vectors_for(lake, DAYS[0]) is None, "a day is never read with vectors that have seen it"
    assert vectors_for(lake, DAYS[1]) == f"_models/word2vec/{DAYS[0]}/{found.sha}"
    assert not stages.is_current(settings, "features", DAYS[1]), "computed with no vectors, and now there are some"
    stages.features(settings, DAYS[1])
    assert model_of(settings, DAYS[1]) == ({f"word2vec@{found.sha[:12]}"}, 0)
    assert stages.is_current(settings, "features", DAYS[1])
    newer = stages.train_vectors(settings, DAYS[1])
    assert newer.sha != found.sha
    assert vectors_for(lake, DAYS[1]) == f"_models/word2vec/{DAYS[0]}/{found.sha}", "the day's own are not for it"
    assert vectors_for(lake, LATER) == f"_models/word2vec/{DAYS[1]}/{newer.sha}"


def test_the_same_inputs_train_nothing_and_the_same_files(lake_of_texts: Settings) -> None:
    lake = Lake(lake_of_texts.lake)
    first = stages.train_vectors(lake_of_texts, DAYS[0])
    files = {key: (Path(lake.uri) / key).stat().st_mtime_ns for key in lake.keys(f"_models/{NAME}")}
    assert stages.train_vectors(lake_of_texts, DAYS[0]) == first
    assert {key: (Path(lake.uri) / key).stat().st_mtime_ns for key in files} == files
    lake.remove(list(files))
    assert stages.train_vectors(lake_of_texts, DAYS[0]) == first, "trained anew, to the same digest"


def test_damaged_vectors_fail_the_day_with_the_fix(lake_of_texts: Settings) -> None:
    found = stages.train_vectors(lake_of_texts, DAYS[0])
    file = Path(lake_of_texts.lake) / "_models" / NAME / DAYS[0] / str(found.sha) / "words.json"
    file.write_text(file.read_text().replace("guitar", "guitaa"))
    with pytest.raises(InputError, match=rf"are damaged; run `profiling train-vectors --as-of {DAYS[0]}` again"):
        stages.features(lake_of_texts, DAYS[1])


def test_too_little_is_said_and_what_is_not_there_is_refused(settings: Settings) -> None:
    Lake.open(settings, may_create=True)
    with pytest.raises(NotReady, match=rf"ingest of {DAYS[0]} is not done; run `profiling ingest --day {DAYS[0]}`"):
        stages.train_vectors(settings, DAYS[0])
    write(
        settings, "events", DAYS[0], "rows.jsonl", lines([event(1, "c1", DAYS[0], "review", text="one text", rating=4)])
    )
    stages.ingest(settings, DAYS[0])
    found = stages.train_vectors(settings, DAYS[0])
    assert found.sha is None
    assert "nothing trained: at least 50 words that 5 customers each used are needed" in found.warnings[0]
    assert vectors_for(Lake(settings.lake), DAYS[1]) is None
    with pytest.raises(SettingsError, match="lies in the future"):
        stages.train_vectors(settings, "2999-01-01")


def test_the_command_says_what_came_of_it(lake_of_texts: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment_of(lake_of_texts).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["train-vectors", "--as-of", DAYS[0], "--json"], standalone_mode=False)
    assert done.exception is None
    found = json.loads(done.stdout)
    assert (found["day"], found["customers"], found["warnings"]) == (DAYS[0], 7, [])
    assert found["sha"]


def test_retention_keeps_the_vectors_that_days_are_read_with_and_no_older_ones(lake_of_texts: Settings) -> None:
    lake = Lake(lake_of_texts.lake)
    settings = lake_of_texts.model_copy(update={"retention_days": lake_of_texts.retention_days | {"interactions": 28}})
    for day in DAYS[:2]:
        newest = stages.train_vectors(settings, day)
    young, old = "2026-07-10", "2026-07-26"
    assert "word_vectors" not in {each.what for each in stages.retain(settings, young, dry_run=True).removed}
    for dry_run in (True, False):
        found = {each.what: each.number for each in stages.retain(settings, old, dry_run=dry_run).removed}
        assert found["word_vectors"] == 1
        assert bool(lake.keys(f"_models/{NAME}/{DAYS[0]}")) == dry_run
    assert vectors_for(lake, old) == f"_models/{NAME}/{DAYS[1]}/{newest.sha}", "what the next day is read with stays"
    assert stages.retain(settings, old).removed == []


def test_an_erasure_flags_the_vectors_and_removes_those_with_a_word_that_only_the_erased_wrote(
    lake_of_texts: Settings,
) -> None:
    settings, lake = lake_of_texts, Lake(lake_of_texts.lake)
    found = stages.train_vectors(settings, DAYS[0])
    receipt = stages.erase(settings, requests.ask(settings, ["customer:c0"]).id, is_alone=True).receipt
    assert receipt
    assert receipt["models"] == [f"word2vec/{DAYS[0]}/{found.sha}"]
    assert receipt["counts"]["models removed"] == 0, "four others wrote each of its words"
    flagged = status(settings)["models that learned from people erased since"]
    assert flagged == {f"word2vec as of {DAYS[0]}": f"run `profiling train-vectors --as-of {DAYS[0]}`"}
    again = stages.train_vectors(settings, DAYS[0])
    assert again.sha != found.sha, "trained without her"
    assert again.customers == 6
    assert again.sha
    table = load_table(lake, registry.artefact_folder(NAME, DAYS[0], again.sha))
    assert "zither" not in table.terms, "four customers are too few"
    assert status(settings)["models that learned from people erased since"] == {}
    # The older files are still there, and when the other four go, nobody else wrote the word.
    for who in ("c1", "c2", "c3", "c4"):
        receipt = stages.erase(settings, requests.ask(settings, [f"customer:{who}"]).id, is_alone=True).receipt
    assert receipt
    assert lake.keys(f"_models/{NAME}/{DAYS[0]}/{found.sha}") == []
    assert leaks.find([Path(settings.lake)], ["zither"]) == []
    assert Ledger(lake.ledger()).state("ingest", DAYS[0]) == "released"
