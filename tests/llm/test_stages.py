"""A day's stages with a model that answers whatever comes to its mind: the day ends, and says what was asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling import stages
from profiling.llm.contract import Reply
from profiling.profiles.canonical import dumps
from profiling.profiles.written import tasks_of, write_with, written_counts
from profiling.settings import Settings
from tests.facts.test_model import Scripted
from tests.llm.customers import documents as documents_of
from tests.llm.server import Asked, LanguageServer, language_server
from tests.rights.worlds import drop, event
from tests.worlds import documents, settings_in

DAY = "2026-06-15"
PEOPLE = 8


def answers(asked: Asked) -> Any:
    """A persona that passes, with a citation of something that was never told."""
    prompt = asked.body["response_format"]["json_schema"]["name"]
    if prompt.startswith("persona"):
        return {"text": "A new customer.", "refs": ["e1", "e1"]}
    return {"reasons": []} if prompt.startswith("reasons") else {"subject": "Hello", "message": "Hello."}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Settings, LanguageServer]]:
    """People of whom nothing can be cited, and no text, so no encoder."""
    with language_server(answers) as server:
        settings = settings_in(tmp_path, tmp_path / "cache").model_copy(update={**server.settings(), "buckets": 4})
        rows = [event(n, f"c{n}", DAY, kind="view", text=None, rating=None, item_id=None) for n in range(PEOPLE)]
        drop(settings, rows, DAY)
        stages.ingest(settings, DAY)
        stages.features(settings, DAY)
        yield settings, server


def test_who_cites_where_there_is_nothing_to_cite_is_not_believed(shop: tuple[Settings, LanguageServer]) -> None:
    settings, _ = shop
    counts = stages.profile(settings, DAY).counts
    assert counts["persona_fell_back_evidence"] == PEOPLE
    assert {document["persona"]["written_by"] for document in documents(settings, DAY).values()} == {"template"}


@pytest.mark.parametrize("text", [".", "…", "1", "a", "“”", " . . . "])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_text_that_says_nothing_takes_no_template_s_place(language: str, text: str) -> None:
    said = {"text": text, "refs": ["e1"], "reasons": [{"ref": "o1", "text": text}], "subject": text, "message": text}
    for document in documents_of(language)[:6]:
        for task in tasks_of(document, "m"):
            task.apply(Reply(said, "m", 1, 1))
        counts = written_counts([document])
        assert counts["persona_fell_back_form"] == 1
        assert not any(name.endswith("_written") for name in counts)


def test_an_answer_is_about_everybody_who_was_this_customer() -> None:
    """Whoever is split off later and erased finds what was written of them under another's name."""
    document = documents_of("en")[0]
    customer = document["customer_id"]
    profiles = pd.DataFrame({"customer_id": [customer], "document": [dumps(document)]})
    customer_of = pd.Series({customer: customer, "bob": customer, "zed": "zed"}, name="customer_id")
    model = Scripted({})
    write_with(model, profiles, set(), customer_of)
    assert model.asked
    assert {each.about for each in model.asked} == {tuple(sorted([customer, "bob"]))}


def test_a_day_of_several_buckets_spends_its_whole_budget_and_counts_it_once(
    shop: tuple[Settings, LanguageServer],
) -> None:
    settings, server = shop
    settings = settings.model_copy(update={"llm_budget_calls": 4})
    assert stages.profile(settings, DAY).counts["llm_calls"] == server.calls
    assert 2 <= server.calls <= 4  # one of each bucket that has a question
