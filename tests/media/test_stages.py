"""From a drop with pictures to an interest in a profile; and everything that keeps a picture out of one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from profiling import stages
from profiling.errors import SettingsError
from profiling.lake import Lake
from profiling.media.features import url_hash
from profiling.rights import requests
from profiling.settings import Settings
from tests import leaks
from tests.media.servers import HEARS, KEY, SEES, Models, Pictures, fails, png, seen
from tests.rights.worlds import NEXT, consent, drop, identity
from tests.worlds import documents, ledger_closes

DAY = "2026-06-15"
AT = 1781517600000  # 2026-06-15T10:00Z in milliseconds


@pytest.fixture
def settings(settings: Settings, pictures: Pictures, models: Models, tmp_path: Path) -> Settings:
    """A world whose media are read, with a cache of its own."""
    own = tmp_path / "cache"
    own.mkdir()
    for model in settings.cache.glob("static-*"):
        (own / model.name).symlink_to(model.resolve())
    changes: dict[str, Any] = {
        "cache": own, "media_hosts": (pictures.host,), "media_networks": ("127.0.0.0/8",), "llm_url": models.url,
        "llm_api_key": KEY, "media_image_model": SEES, "media_audio_model": HEARS,
    }  # fmt: skip
    return Settings(**(settings.model_dump() | changes))


def review(
    user: str, number: int, *pictures: str, text: str = "It came on time and works well enough."
) -> dict[str, Any]:
    images = [
        {"small_image_url": "https://no.example/s.jpg", "large_image_url": url, "attachment_type": "IMAGE"}
        for url in pictures
    ]
    return {
        "user_id": user, "parent_asin": f"B{number}", "asin": f"B{number}", "rating": 5, "title": "Fine",
        "text": f"{text} {number}", "timestamp": AT + number, "helpful_vote": 0, "verified_purchase": True, "images": images,
    }  # fmt: skip


def deliver(settings: Settings, pictures: Pictures) -> None:
    """Ann shows her guitar twice, in two reviews; Bob shows his tent, and one picture that Ann shows too."""
    pictures.paths |= {"/ann.png": png(1), "/ann2.png": png(2), "/bob.png": png(3)}
    drop(
        settings,
        [
            review("ann", 1, pictures.url("/ann.png"), pictures.url("/gone.png")),
            review("ann", 2, pictures.url("/ann2.png")),
            review("bob", 3, pictures.url("/bob.png"), pictures.url("/ann2.png")),
            review("cid", 4),
        ],
        source="amazon_reviews",
    )


def show(models: Models) -> None:
    models.shows |= {
        png(1): seen("violoncello", description="A violoncello in its case."),
        png(2): seen("violoncello", "music stand", description="A violoncello beside a music stand."),
        png(3): seen("tent", description="A tent in a meadow."),
    }


def run(settings: Settings, day: str = DAY) -> dict[str, stages.Outcome]:
    return {name: getattr(stages, name)(settings, day) for name in ("ingest", "features", "profile")}


def keywords(settings: Settings, who: str, day: str = DAY) -> dict[str, list[str]]:
    """The topics of a customer's interests with the interactions they cite."""
    document = documents(settings, day)[identity(settings, who, "amazon")]
    return {each["topic"]: each["evidence"] for each in document["interests"] if each["kind"] == "keyword"}


def interactions(settings: Settings, who: str) -> set[str]:
    rows = Lake(settings.lake).read("interactions", [("identity_id", "==", identity(settings, who, "amazon"))])
    return set(rows["interaction_id"])


def test_a_picture_becomes_an_interest_with_its_evidence(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    deliver(settings, pictures)
    show(models)
    done = run(settings)
    assert done["features"].counts | {"media_read": 4, "media_http_error": 1} == done["features"].counts
    assert set(keywords(settings, "ann")["violoncello"]) == interactions(settings, "ann")
    assert "violoncello" not in keywords(settings, "cid")
    media = Lake(settings.lake).read("media_features")
    assert len(media) == 5
    assert media.loc[media["reason"].notna(), "reason"].tolist() == ["http_error"]
    assert len(models.asked) == 3  # the picture that two show is read once
    assert ledger_closes(settings) == 1  # rows with a broken picture are rows like any other


@pytest.mark.slow
def test_the_same_day_again_fetches_and_asks_nothing_and_is_the_same(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    deliver(settings, pictures)
    show(models)
    run(settings)
    before = documents(settings, DAY)
    asked = [path for path in pictures.asked if path != "/gone.png"]
    run(settings)
    assert documents(settings, DAY) == before
    assert [path for path in pictures.asked if path != "/gone.png"] == asked
    assert len(models.asked) == 3
    assert list(stages.stale_days(settings)) == []


def test_without_hosts_no_address_is_kept_and_they_are_counted(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    deliver(settings, pictures)
    off = settings.model_copy(update={"media_hosts": ()})
    done = run(off)
    assert done["ingest"].counts["media_skipped"] == 5
    assert not [name for name in done["features"].counts if name.startswith("media")]
    rows = Lake(off.lake).read("interactions")
    assert not rows["attributes"].str.contains("127.0.0.1").any()
    assert sorted(json.loads(each).get("image_count", 0) for each in rows["attributes"]) == [0, 1, 2, 2]
    assert (pictures.asked, models.asked) == ([], [])
    assert Lake(off.lake).read("media_features").empty
    show(models)  # turned on, the day is stale: the next run reads its pictures
    assert not stages.is_current(settings, "ingest", DAY)
    run(settings)
    assert "violoncello" in keywords(settings, "ann")


@pytest.mark.slow
def test_without_a_server_they_are_counted_and_nothing_is_fetched(settings: Settings, pictures: Pictures) -> None:
    deliver(settings, pictures)
    done = run(settings.model_copy(update={"llm_url": None}))
    assert done["features"].counts["media_skipped"] == 5
    assert done["features"].warnings == []
    assert pictures.asked == []


@pytest.mark.slow
def test_a_server_that_fails_fails_no_day_and_is_warned_of(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    deliver(settings, pictures)
    models.script += [fails(400)] * 3
    done = run(settings)
    assert done["features"].counts["media_rejected"] == 4
    assert any("4 rejected" in warning for warning in done["features"].warnings)
    show(models)
    stages.features(settings, DAY)  # as the warning says
    stages.profile(settings, DAY)
    assert "violoncello" in keywords(settings, "ann")


@pytest.mark.slow
def test_who_says_no_to_language_models_has_no_picture_read(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    deliver(settings, pictures)
    show(models)
    drop(settings, [consent("ann", "withdrawn", "language_model", identifiers={"amazon": "ann"})], source="consents")
    done = run(settings)
    assert done["features"].counts["media_no_consent"] == 3
    assert "/ann.png" not in pictures.asked
    assert {content for _, content in models.seen} == {png(2), png(3)}  # of those she shows, the one that Bob shows too
    assert "violoncello" not in keywords(settings, "ann")


@pytest.mark.slow
def test_who_says_no_later_loses_what_was_read(settings: Settings, pictures: Pictures, models: Models) -> None:
    deliver(settings, pictures)
    show(models)
    run(settings)
    assert "violoncello" in keywords(settings, "ann")
    said = consent("ann", "withdrawn", "language_model", NEXT, identifiers={"amazon": "ann"})
    drop(settings, [said], NEXT, "consents")
    run(settings, NEXT)
    assert "violoncello" not in keywords(settings, "ann", NEXT)
    stages.profile(settings, DAY)  # the past too: a no holds now
    assert "violoncello" not in keywords(settings, "ann")


@pytest.mark.slow
def test_erasure_takes_what_was_read_of_her_pictures_and_leaves_the_rest(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    deliver(settings, pictures)
    show(models)
    run(settings)
    hers = [
        url_hash(pictures.url("/ann.png")),
        hashlib.sha256(png(1)).hexdigest(),
        "violoncello in its case",
        "/ann.png",
    ]
    shared = [url_hash(pictures.url("/ann2.png")), hashlib.sha256(png(2)).hexdigest()]
    roots = [Path(settings.lake), Path(settings.landing), settings.cache]
    assert {word for word in hers + shared if leaks.find(roots, [word])} == set(hers + shared), "the search is blind"
    of_bob = keywords(settings, "bob")
    done = stages.erase(settings, requests.ask(settings, ["amazon:ann"]).id)
    assert leaks.find(roots, hers) == []
    assert all(leaks.find([settings.cache], [word]) for word in shared), "Bob shows that picture too"
    assert done.counts | {"media_features": 3, "cached results of media": 3} == done.counts
    assert keywords(settings, "bob") == of_bob
    assert {"tent", "violoncello"} <= set(of_bob)
    models.asked.clear()
    stages.features(settings, DAY)
    assert models.asked == []


@pytest.mark.slow
def test_a_killed_stage_leaves_nothing_that_an_erasure_does_not_find(
    settings: Settings, pictures: Pictures, models: Models
) -> None:
    """The cache was filled, and no row written."""
    deliver(settings, pictures)
    show(models)
    stages.ingest(settings, DAY)
    stages.features(settings, DAY, bucket=0)
    assert leaks.find([settings.cache], [url_hash(pictures.url("/ann.png"))])
    stages.erase(settings, requests.ask(settings, ["amazon:ann"]).id, is_alone=True)
    gone = [url_hash(pictures.url("/ann.png")), hashlib.sha256(png(1)).hexdigest()]
    assert leaks.find([Path(settings.lake), settings.cache], gone) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MEDIA_HOSTS", "https://pictures.example/a", "PROFILING_MEDIA_HOSTS"),
        ("MEDIA_HOSTS", "pictures.example, *", "PROFILING_MEDIA_HOSTS"),
        ("MEDIA_NETWORKS", "10.0.0.0/99", "PROFILING_MEDIA_NETWORKS"),
        ("MEDIA_URL", "pictures", "PROFILING_MEDIA_URL"),
        ("LLM_URL", "http://user:pass@host/v1", "PROFILING_LLM_URL"),
        ("MEDIA_MAX_BYTES", "10", "PROFILING_MEDIA_MAX_BYTES"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"PROFILING_{name}", value)
    with pytest.raises(SettingsError, match=said):
        Settings.load()


def test_a_key_goes_to_no_other_server_than_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILING_LLM_URL", "https://models.example/v1/")
    monkeypatch.setenv("PROFILING_LLM_API_KEY", "secret")
    assert Settings.load().media_server == ("https://models.example/v1", "secret")
    monkeypatch.setenv("PROFILING_MEDIA_URL", "https://other.example/v1")
    assert Settings.load().media_server == ("https://other.example/v1", "")
