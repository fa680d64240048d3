"""Requests to be erased: who is meant, what a damaged file says, and a source that is still writing."""

import json
import uuid
from pathlib import Path

import pytest

from profiling import stages
from profiling.errors import InputError, SettingsError
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


def test_the_first_eight_characters_of_a_request_will_do(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    first = requests.ask(settings, ["customer:ann"]).id
    lake = Lake(settings.lake)
    assert requests.checked_id(lake, first[:8].upper()) == requests.checked_id(lake, first[:13]) == first
    twin = first[:-1] + ("0" if first[-1] != "0" else "1")
    lake.put_json(f"{requests.FOLDER}/{twin}.json", {**lake.get_json(f"{requests.FOLDER}/{first}.json"), "id": twin})
    for short, sentence in (
        (first[:8], "2 requests begin with"),
        (first[:7], "is no request id; .* the first 8 characters will do"),
        ("../../other", "is no request id"),
        ("f" * 8 if first[0] != "f" else "e" * 8, "there is no request"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            stages.erase(settings, short)
    shown = profiling("erase", "--withdraw", first, **environment_of(settings))
    assert shown.returncode == 0, shown.stderr
    done = stages.erase(settings, twin[:8])
    assert done.receipt is not None
    assert requests.receipt(lake, twin[:8]) == done.receipt, "of one that is done too"


@pytest.mark.parametrize("command", ["erase", "export"])
def test_an_identifier_in_the_clear_is_refused_and_why_is_said(settings: Settings, command: str) -> None:
    refused = profiling(command, "customer:ann", **environment_of(settings))
    assert refused.returncode == 2
    said = " ".join(refused.stderr.split())
    assert "would stay in the shell's history and stand in the list of processes" in said
    assert "asks for it, or reads" in said
    assert "ann" not in said.replace("standard", "")


@pytest.mark.parametrize("content", ["[1]", '"done"', "7"])
def test_what_is_no_receipt_is_said(settings: Settings, tmp_path: Path, content: str) -> None:
    Lake.open(settings, may_create=True)
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
    with pytest.raises(
        InputError, match=r"is damaged.*; it is a request to be erased: restore it from a backup, or remove it"
    ):
        stages.erase(settings, request)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]"])
def test_a_damaged_receipt_says_that_nothing_makes_it_again(settings: Settings, content: bytes) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    done = stages.erase(settings, asked(settings, "customer:ann").id)
    Path(settings.lake, requests.RECEIPTS, f"{done.request}.json").write_bytes(content)
    with pytest.raises(
        InputError, match=r"receipts/.* is damaged .*; it is the signed receipt .*: restore it from a backup"
    ):
        requests.receipt(Lake(settings.lake), done.request)


def asked(settings: Settings, *identifiers: str) -> requests.Request:
    return requests.ask(settings, identifiers)


def test_two_runs_of_one_request_leave_one_receipt_with_what_both_found(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    lake, request = Lake(settings.lake), asked(settings, "customer:ann").id
    first, second = requests.find(lake, request), requests.find(lake, request)
    first.count({"interactions": 5})
    first.add(days=[DAY])
    first.save(lake)
    second.count({"interactions": 0, "links": 2})
    second.save(lake)
    held = requests.find(lake, request)
    assert (held.counts, held.days) == ({"interactions": 5, "links": 2}, [DAY])
    requests.write_receipt(lake, settings, first)
    second.counts = {"links": 3}
    second.save(lake)
    assert requests.open_requests(lake) == []  # it is not open again by what was written late
    done = requests.write_receipt(lake, settings, second)
    assert done["counts"] == {"interactions": 5, "links": 3}
    requests.verify(lake, settings, requests.receipt(lake, request))


def test_other_requests_for_the_same_person_end_with_it(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    lake = Lake(settings.lake)
    again, wider = asked(settings, "customer:ann").id, asked(settings, "customer:ann", "customer:bo").id
    lake.put_json(f"{requests.FOLDER}/{uuid.uuid4()}.json", {"id": "damaged"})
    carried_out = stages.erase(settings, asked(settings, "customer:ann").id)
    assert carried_out.receipt
    assert again not in requests.open_requests(lake)
    assert wider in requests.open_requests(lake)
    said = requests.receipt(lake, again)
    assert said["said"] == [f"the same person was erased by the request {carried_out.request}"]
    requests.verify(lake, settings, said)


def test_a_request_is_taken_back_until_it_has_begun(settings: Settings) -> None:
    drop(settings, [event(1)])
    stages.ingest(settings, DAY)
    mistyped, begun = asked(settings, "customer:anm").id, asked(settings, "customer:ann").id
    taken = profiling("erase", "--withdraw", mistyped, **environment_of(settings))
    assert taken.returncode == 0, taken.stderr
    stages.erase(settings, begun.upper(), "suppress")
    refused = profiling("erase", "--withdraw", begun, **environment_of(settings))
    assert (refused.returncode, "was begun: it can only be finished" in refused.stderr) == (2, True)
    assert requests.open_requests(Lake(settings.lake)) == [begun]


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
