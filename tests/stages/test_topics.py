"""Topics through the stages: written with a week's sums, read by the profiles of the week after, the same bytes whenever made."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiling import stages
from profiling.__main__ import app
from profiling.lake import Lake
from profiling.publish import open_target, read_manifest
from profiling.settings import Settings
from profiling.text.topics import in_service
from tests.worlds import documents, published, settings_in, tables

pytestmark = pytest.mark.slow

# Wednesdays, so that a Sunday closes the week between any two; the third and fourth see topics of the weeks before.
DAYS = ("2026-06-03", "2026-06-10", "2026-06-17", "2026-06-24")
SUNDAYS = ["2026-06-07", "2026-06-14", "2026-06-21"]
TEXTS = {
    "coffee": "The coffee grinder is quiet and the coffee roast is even. My morning coffee comes from this grinder.",
    "guitar": "The guitar string keeps its tune and the bronze string sounds warm. Every guitar wants such a string.",
}


def deliver(settings: Settings, day: str) -> None:
    folder = Path(settings.landing) / "events" / day
    folder.mkdir(parents=True, exist_ok=True)
    said = [(f"{name}{number}", text) for name, text in TEXTS.items() for number in range(12)]
    rows = [
        {
            "event_id": f"{day}/{who}",
            "identifiers": {"customer": who},
            "occurred_at": f"{day}T10:00:00Z",
            "kind": "review",
            "item_id": who[:-1],
            "rating": 5,
            "text": f"{text} Number {number}.",
        }
        for number, (who, text) in enumerate(said)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "_SUCCESS").touch()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Settings:
    settings = settings_in(tmp_path_factory.mktemp("shop"), static_cache)
    for day in DAYS:
        deliver(settings, day)
        list(stages.run_days(settings, day, day))
    return settings


def elsewhere(settings: Settings, root: Path, **changes: object) -> Settings:
    return settings.model_copy(update={"lake": str(root / "lake"), "publish": str(root / "publish"), **changes})


def test_a_topic_keeps_its_id_and_the_profiles_cite_their_own_texts(shop: Settings) -> None:
    lake = Lake(shop.lake)
    assert lake.partitions("topics") == SUNDAYS
    weeks = [in_service(lake.read("topics", [("week", "==", week)])) for week in SUNDAYS]
    assert [set(week["state"]) for week in weeks] == [{"new"}, {"kept"}, {"kept"}]
    assert len({frozenset(week["topic_id"]) for week in weeks}) == 1
    terms = {name: {e["term"] for e in each} for name, each in zip(weeks[-1]["name"], weeks[-1]["terms"], strict=True)}
    assert len(terms) == 2, terms
    assert all(len(each & {"coffee", "string"}) == 1 for each in terms.values()), terms

    own = lake.read("interactions", [], ["interaction_id", "identity_id"]).groupby("identity_id")["interaction_id"]
    found = documents(shop, DAYS[-1])
    assert len(found) == 24
    for customer, document in found.items():
        (topic,) = document["topics"]
        assert set(topic["evidence"]) <= set(own.get_group(customer))
        assert len(topic["evidence"]) == 3
        assert topic["count"] == 4
    assert documents(shop, DAYS[0]).popitem()[1]["topics"] is None  # no week was closed by then


def test_the_page_and_the_command_say_them(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    target = open_target(shop.publish, None)
    page = target.get(read_manifest(target, DAYS[-1])["folder"] + "report.html")
    assert page is not None
    rows = in_service(Lake(shop.lake).read("topics", [("week", "==", SUNDAYS[-1])]))
    assert "客户在谈论什么" in page[0].decode()
    for name in rows["name"]:
        assert f'<th scope="row">{name}</th>' in page[0].decode()
    monkeypatch.setenv("PROFILING_LAKE", shop.lake)
    found = CliRunner().invoke(app, ["topics", "--day", DAYS[-1], "--json"])
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert (said["week"], [each["name"] for each in said["topics"]]) == (SUNDAYS[-1], rows["name"].tolist())
    assert {each["share_change"] for each in said["topics"]} == {0.0}
    assert "2 topics" in CliRunner().invoke(app, ["topics", "--day", DAYS[-1]]).stdout
    nothing = CliRunner().invoke(app, ["topics", "--day", DAYS[0]])
    assert nothing.exit_code == 1
    assert "there are no topics of the week to 2026-05-31" in str(nothing.exception)


@pytest.mark.long
def test_the_same_rows_whenever_they_are_made(shop: Settings, tmp_path: Path) -> None:
    """All days at once and the profiles in another order: weeks are made one by one all the same."""
    other = elsewhere(shop, tmp_path)
    for stage in (stages.ingest, stages.features, stages.profile, stages.publish):
        for day in random.Random(2).sample(DAYS, len(DAYS)):
            stage(other, day)
    assert published(other) == published(shop)
    assert tables(other)["topics"] == tables(shop)["topics"]
    latest = elsewhere(shop, tmp_path / "latest")
    for stage in (stages.ingest, stages.features):
        for day in DAYS:
            stage(latest, day)
    stages.profile(latest, DAYS[-1])  # one profile alone, whose week is the third
    newest = Lake(latest.lake).read("topics")
    assert sorted(set(newest["week"])) == SUNDAYS[-1:]
    assert [row for row in tables(shop)["topics"] if SUNDAYS[-1] in json.loads(row)["week"]] == tables(latest)["topics"]


def test_a_lake_of_before_gets_its_topics_with_its_next_profile(shop: Settings, tmp_path: Path) -> None:
    """Its checkpoints are valid and say nothing of topics: the sums stay as they are, and the topics are made."""
    old = elsewhere(shop, tmp_path)
    for day in DAYS:
        for stage in (stages.ingest, stages.features, stages.profile):
            stage(old, day)
    lake = Lake(old.lake)
    sums = tables(old)["activity_state"]
    lake.delete("topics", [("week", "in", SUNDAYS)])
    for week in SUNDAYS:  # as the ledger said then
        chain = lake.ledger().query("stage == 'checkpoint' and day == @week")["inputs"].iloc[-1]
        lake.record("checkpoint", week, "released", "old", inputs=chain, outputs=chain)
    stages.profile(old, DAYS[-1])
    assert tables(old)["activity_state"] == sums
    assert [row for row in tables(shop)["topics"] if SUNDAYS[-1] in json.loads(row)["week"]] == tables(old)["topics"]


def test_words_that_nobody_is_left_of_go_with_the_last_of_them(shop: Settings, tmp_path: Path) -> None:
    """Each erasure leaves what others wrote; after all of them the word is in no row and no file of the table."""
    from profiling.rights import requests

    world = elsewhere(shop, tmp_path, landing=str(tmp_path / "landing"), cache=tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    for model in shop.cache.glob("static-*"):
        (tmp_path / "cache" / model.name).symlink_to(model.resolve())
    for day in DAYS[:2]:
        deliver(world, day)
        list(stages.run_days(world, day, day))
    held = {e["term"] for terms in Lake(world.lake).read("topics")["terms"] for e in terms}
    assert {"coffee", "string"} <= held
    first, *others = [f"customer:coffee{number}" for number in range(12)]
    stages.erase(world, requests.ask(world, [first]).id)
    assert "coffee" in {e["term"] for terms in Lake(world.lake).read("topics")["terms"] for e in terms}
    erased = stages.erase(world, requests.ask(world, others).id)
    assert erased.receipt is not None
    left = {e["term"] for terms in Lake(world.lake).read("topics")["terms"] for e in terms}
    assert "string" in left
    assert "coffee" not in left
    files = [path.read_bytes() for path in Path(world.lake, "topics").rglob("*") if path.is_file()]
    assert files
    assert not any(b"coffee" in each for each in files)
