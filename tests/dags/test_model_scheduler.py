"""Days under a real scheduler with a language model: from the drop to published claims, and what happens to them when the words
they rest on are withdrawn. The model is the scripted server of `tests/llm/server.py`, asked over HTTP by the tasks."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from profiling.lake import Lake
from profiling.rights import requests
from profiling.settings import Settings
from tests.claims import Document, borne, cited, claims, published_documents, unfounded
from tests.llm.measure import data_of
from tests.llm.server import MODEL, Asked, LanguageServer, language_server
from tests.rights.erasing import event, lines, write
from tests.rights.worlds import customer
from tests.worlds import settings_in, small_shop

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
WISH = re.compile(r"I am dreaming of an? (?P<value>[a-z]+(?: [a-z]+)?)")  # the rules know no such phrase


def answers(asked: Asked) -> Any:
    """Facts with quotes from the text, texts from the data: what an honest model says, made from what it is asked."""
    if "The slots:" in asked.user:
        found = WISH.search(asked.user.rpartition("The text:")[2])
        slot = {"topic": "needs", "subtopic": "product", "side": "for", "is_inferred": False}
        return {"facts": [{**slot, "value": found["value"], "quote": found[0]}] if found else []}
    data = data_of(asked)
    if "offers" in data:
        return {"reasons": [{"ref": each["ref"], "text": each["why"]} for each in data["offers"]]}
    if "action" in data:
        return {"subject": "Hello", "message": data["example"]}
    known = data["interests"] or data["facts"]
    if not known:
        return {"text": "A customer.", "refs": []}
    likes = f" who likes {data['interests'][0]['topic']}" if data["interests"] else ""
    return {"text": f"A customer{likes}.", "refs": [known[0]["ref"]]}


@dataclass
class World:
    airflow: Any
    settings: Settings
    server: LanguageServer
    days: list[str]

    def run(self, dag: str, run_id: str) -> None:
        """Wait for a run and all that follows it; a run that fails fails the test."""
        deadline = time.monotonic() + 240
        while True:
            self.airflow.check()
            runs = self.airflow.runs()
            for each in runs:
                if each["state"] == "failed":
                    pytest.fail(self.airflow.failure(each))
            mine = [each for each in runs if each["dag_id"] == dag and each["dag_run_id"] == run_id]
            if mine and mine[0]["state"] == "success":
                return
            assert time.monotonic() < deadline, [
                (each["dag_id"], each["partition_key"], each["state"]) for each in runs
            ]
            time.sleep(0.5)

    def publish(self, day: str) -> None:
        """Take in a day's drop, and wait until its profiles are published."""
        before = {each["dag_run_id"] for each in self.airflow.runs("publish_profiles")}
        self.run("ingest_interactions", self.airflow.trigger("ingest_interactions", key=day))
        deadline = time.monotonic() + 240
        while not (new := [r for r in self.airflow.runs("publish_profiles") if r["dag_run_id"] not in before]):
            self.airflow.check()
            assert time.monotonic() < deadline, f"{day} starts no publication: {self.airflow.runs()}"
            time.sleep(0.5)
        assert [each["partition_key"] for each in new] == [day]
        self.run("publish_profiles", new[0]["dag_run_id"])

    def document(self, who: str, day: str) -> Document:
        return published_documents(self.settings, day)[customer(self.settings, who, day)]

    def said(self, who: str, day: str) -> list[str]:
        """What the model read of a customer's needs, checked against the words that it quotes."""
        rows = Lake(self.settings.lake).read("interactions", [], ["interaction_id", "text"])
        texts = dict(zip(rows["interaction_id"], rows["text"], strict=True))
        values = []
        for fact in self.document(who, day)["facts"] or []:
            if fact["written_by"] == MODEL:
                for span in fact["spans"]:
                    quoted = texts[span["interaction_id"]][span["start"] : span["end"]]
                    assert WISH.fullmatch(quoted), quoted
                    assert fact["value"] in quoted
                values.append(fact["value"])
        return values


def wish(number: int, who: str, day: str, what: str) -> dict[str, Any]:
    return event(number, who, day, "review", text=f"The shop is nice. I am dreaming of a {what}.", rating=5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Iterator[World]:
    from local_airflow import LocalAirflow
    from processes import free_port

    folder = tmp_path_factory.mktemp("asked")
    (folder / "cache").mkdir()
    for model in static_cache.glob("static-*"):
        (folder / "cache" / model.name).symlink_to(model.resolve())
    settings = settings_in(folder, folder / "cache").model_copy(update={"max_rejects": 0.5, "buckets": 2})
    days = small_shop(settings, customers=6, days=2)
    write(
        settings,
        "events",
        days[0],
        "own.jsonl",
        lines([wish(1, "ann", days[0], "lamp"), wish(2, "bob", days[0], "harp")]),
    )
    write(
        settings,
        "events",
        days[1],
        "own.jsonl",
        lines([wish(3, "ann", days[1], "sofa"), wish(4, "bob", days[1], "drum")]),
    )
    environment = {
        f"PROFILING_{name.upper()}": str(getattr(settings, name))
        for name in ("landing", "lake", "publish", "cache", "embedding", "max_rejects", "buckets")
    }
    assert settings.pseudonym_key is not None
    environment["PROFILING_PSEUDONYM_KEY"] = settings.pseudonym_key.get_secret_value()
    with (
        language_server(answers) as server,
        LocalAirflow(
            folder / "airflow", environment | server.environment(), port=free_port(), has_triggerer=True
        ) as airflow,
    ):
        airflow.start()
        airflow.wait_until_ready()
        yield World(airflow, settings, server, days)
    shutil.rmtree(folder, ignore_errors=True)


def test_claims_of_a_model_rest_on_what_customers_said_and_leave_with_it(world: World) -> None:
    first, last = world.days
    settings = world.settings
    for day in world.days:
        world.publish(day)
        found = borne(settings, day)
        assert found["facts"] > 0
        assert found["persona"] > 0
    assert world.said("ann", first) == ["lamp"]
    assert sorted(world.said("ann", last)) == ["lamp", "sofa"]
    assert sorted(world.said("bob", last)) == ["drum", "harp"]
    personas = [document["persona"] for document in published_documents(settings, last).values()]
    written = [persona for persona in personas if persona["written_by"] == MODEL]
    assert written
    assert all(persona["checked"] and persona["evidence"] for persona in written)
    asked = world.server.calls

    # One interaction is gone from the drop: its claim goes, and every other claim stays borne.
    world.airflow.check()
    write(settings, "events", last, "own.jsonl", lines([wish(3, "ann", last, "sofa")]))
    world.publish(last)
    assert world.said("bob", last) == ["harp"]
    assert sorted(world.said("ann", last)) == ["lamp", "sofa"]
    borne(settings, last)
    assert "drum" not in str(published_documents(settings, last))
    again = world.server.asked[asked:]
    assert not [each for each in again if "The slots:" in each.user], "texts that were read are not asked about again"

    # A customer is erased: no published day cites what was hers.
    ann = customer(settings, "ann", last)
    rows = Lake(settings.lake).read("interactions", [], ["interaction_id", "identity_id"])
    hers = set(rows.loc[rows["identity_id"] == ann, "interaction_id"])
    assert len(hers) == 2
    request = requests.ask(settings, ["customer:ann"]).id
    run = world.airflow.post(
        "/api/v2/dags/erase_customers/dagRuns", {"logical_date": None, "conf": {"requests": [request]}}
    )
    world.run("erase_customers", run["dag_run_id"])
    for day in world.days:
        documents = published_documents(settings, day)
        assert ann not in documents
        assert not [where for each in documents.values() for where, claim in claims(each) if cited(claim) & hers]
        assert unfounded(settings, documents) == []
    assert world.said("bob", last) == ["harp"]
