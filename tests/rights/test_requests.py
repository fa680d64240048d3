"""Requests to be erased: who is meant, what a damaged file says, and a source that is still writing."""

import json
import uuid
from pathlib import Path

import pytest

from profiling import stages
from profiling.errors import InputError
from profiling.lake import Lake
from profiling.rights import requests
from profiling.settings import Settings
from tests.rights.worlds import DAY, about, drop, event
from tests.test_cli import environment_of, profiling


def test_a_mistyped_identifier_is_said_and_the_request_stands(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    wrong = profiling("erase", "--identifier", "custommer:ann", **environment_of(settings))
    assert (wrong.returncode, "nothing is held under what was named" in wrong.stderr) == (0, True)
    right = profiling("erase", "--identifier", "customer:ann", **environment_of(settings))
    assert (right.returncode, right.stderr) == (0, "")
    asked = {wrong.stdout.strip(), right.stdout.strip()}
    assert set(requests.open_requests(Lake(settings.lake))) == asked


@pytest.mark.parametrize("content", ["[1]", '"done"', "7"])
def test_what_is_no_receipt_is_said(settings: Settings, tmp_path: Path, content: str) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(content)
    found = profiling("erase", "--verify", str(file), **environment_of(settings))
    assert found.returncode == 1
    assert "no receipt of an erasure" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"identities": None},
        {"identities": []},
        {"identities": "a" * 32},
        {"identities": ["ann"]},
        {"id": "../../other"},
        {"at": 1},
    ],
)
def test_a_damaged_request_is_said(settings: Settings, changes: dict) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    request = str(uuid.uuid4())
    whole = {"id": request, "asked_at": "2026-03-01T00:00:00+00:00", "identities": ["a" * 32]}
    Lake(settings.lake).put_json(f"{requests.FOLDER}/{request}.json", whole | changes)
    with pytest.raises(InputError, match="is damaged; remove"):
        stages.erase(settings, request)


def test_a_source_that_is_still_writing_hides_no_other(settings: Settings) -> None:
    folder = drop(settings, [event(1, "Xanthippe77"), event(2, "bob")])
    stages.ingest(settings, DAY)
    (drop(settings, [about("bob", city="Rome")], source="customers") / "_SUCCESS").unlink()
    done = stages.erase(settings, requests.ask(settings, ["customer:Xanthippe77"]).id, is_alone=True)
    left = (folder / "rows.jsonl").read_text().split("\n")
    assert left[0] == ""
    assert json.loads(left[1])["identifiers"] == {"customer": "bob"}
    assert done.receipt
    assert done.receipt["counts"]["lines of drops"] == 1
    (said,) = done.receipt["said"]
    assert f"customers/{DAY} was not complete" in said
