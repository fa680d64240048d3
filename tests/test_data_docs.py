"""Great Expectations' pages of a day: what they show, what they never show, and that they load nothing."""

import json
import logging
import re

import pytest

from profiling.data_docs import data_docs
from profiling.publish import open_target, read_manifest
from profiling.settings import Settings
from tests.stages.test_stages import DAY, drop, purchase, review, run_all
from tests.test_quality import FRAMES, SUITES, gate


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The renderer logs what it cannot show and goes on; here that is a failure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Logger, "error", lambda self, text, *rest, **more: pytest.fail(str(text)))
        return made()


def made() -> dict[str, str]:
    return data_docs({"ingest": {"suites": [gate(suite, FRAMES[suite]()).to_dict() for suite in SUITES]}}, DAY)


@pytest.mark.parametrize("suite", SUITES)
def test_a_page_shows_its_suite_and_loads_nothing(pages: dict[str, str], suite: str) -> None:
    page = pages[suite]
    assert re.search(rf"Expectation Suite:</span>\s*{suite}<", page)
    assert "Evaluated Expectations" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)|<script|<link|@import|url\(""", page, re.IGNORECASE)


def test_the_same_reports_give_the_same_bytes(pages: dict[str, str]) -> None:
    report = {"ingest": {"suites": [gate("profiles", FRAMES["profiles"]()).to_dict()]}}
    assert data_docs(json.loads(json.dumps(report)), DAY)["profiles"] == pages["profiles"]


def test_what_is_broken_is_counted_and_no_value_is_shown() -> None:
    frame = FRAMES["interactions"]()
    frame.loc[0, "text"] = "write to ann.secret@example.com"
    frame.loc[1, "rating"] = 123456.75
    page = data_docs({"ingest": {"suites": [gate("interactions", frame).to_dict()]}}, DAY)["interactions"]
    assert "ann.secret" not in page
    assert "123456" not in page
    assert page.count("fa-times") >= 2
    assert "16.6" in page  # one row of six, in per cent


def test_a_published_day_has_a_page_for_every_table_that_was_gated(settings: Settings) -> None:
    drop(settings, [purchase(1), review(2, "A lovely guitar.")])
    run_all(settings, DAY)
    manifest = read_manifest(open_target(settings.publish), DAY)
    names = {each["key"].removeprefix(manifest["folder"]) for each in manifest["objects"]}
    gated = {"interactions", "text_features", "daily_activity", "profiles"}
    assert {f"data-docs-{table}.html" for table in gated} <= names
    found = open_target(settings.publish).get(f"{manifest['folder']}data-docs-profiles.html")
    assert found
    assert b"Evaluated Expectations" in found[0]
