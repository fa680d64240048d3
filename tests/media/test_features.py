"""A day's media: each address fetched once, each content read once, and every failure a reason."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from profiling.lake import to_arrow
from profiling.media.features import media_features
from profiling.media.fetch import Fetcher
from profiling.media.reader import ServerReader
from profiling.media.references import references, urls, without_links
from profiling.schemas import MEDIA_FEATURES
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder, load_encoder
from tests.media.servers import HEARS, KEY, SEES, Models, Pictures, fails, png, seen, wav


@pytest.fixture
def encoder(static_cache: Path) -> Encoder:
    return load_encoder("static", static_cache)


def referring(*addresses: str, start: int = 0) -> pd.DataFrame:
    rows = [
        {"interaction_id": f"{number:032x}", "identity_id": f"{number:032x}", "bucket": 0, "day": "2026-06-15", "position": 0,
         "url": url}
        for number, url in enumerate(addresses, start)
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"bucket": "int32", "position": "int32"})


class World:
    """What the tests change and look at."""

    def __init__(self, pictures: Pictures, models: Models, encoder: Encoder, folder: Path) -> None:
        self.pictures, self.models, self.encoder = pictures, models, encoder
        self.cache = TextCache(folder, "media")
        self.seer: str | None = SEES
        self.key = KEY

    def read(self, rows: pd.DataFrame, allowed: list[bool] | None = None, limit: int = 100) -> pd.DataFrame:
        fetcher = Fetcher([self.pictures.host], ["127.0.0.0/8"])
        reader = ServerReader(self.models.url, self.key, self.seer, HEARS, 10.0)
        mask = pd.Series(allowed or [True] * len(rows), index=rows.index)
        made = media_features(rows, mask, fetcher.get, reader, self.encoder, self.cache, limit=limit, at_once=4)
        to_arrow(made, MEDIA_FEATURES)  # as the lake checks it
        return made


@pytest.fixture
def world(pictures: Pictures, models: Models, encoder: Encoder, tmp_path: Path) -> World:
    return World(pictures, models, encoder, tmp_path)


def test_a_picture_and_a_recording_come_into_the_space_of_the_texts(world: World, encoder: Encoder) -> None:
    world.pictures.paths |= {"/a.png": png(1), "/b.wav": wav(8)}
    world.models.shows[png(1)] = seen("guitar", "amplifier", description="An electric guitar beside an amplifier.")
    world.models.says[wav(8)] = "The guitar is out of tune, call me at +1 415 555 2671."
    made = world.read(referring(world.pictures.url("/a.png"), world.pictures.url("/b.wav")))
    assert made["reason"].isna().all()
    assert made["media_type"].tolist() == ["image/png", "audio/wav"]
    assert made["written_by"].tolist() == [SEES, HEARS]
    assert [label["term"] for label in made["labels"][0]] == ["amplifier", "guitar"]
    assert "guitar" in [label["term"] for label in made["labels"][1]]
    assert made["text"][1] == "The guitar is out of tune, call me at [phone]."
    near, far = encoder.encode(["an electric guitar with an amplifier", "a recipe for apple pie"])
    for vector in made["embedding"]:
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
        assert vector @ near > vector @ far + 0.2


def test_the_same_again_asks_nobody_and_is_the_same(world: World) -> None:
    world.pictures.paths |= {"/a.png": png(1), "/copy.png": png(1), "/b.wav": wav(8)}
    world.models.shows[png(1)] = seen("guitar")
    rows = referring(*(world.pictures.url(path) for path in ("/a.png", "/copy.png", "/a.png", "/b.wav")))
    first = world.read(rows)
    assert sorted(world.pictures.asked) == ["/a.png", "/b.wav", "/copy.png"]
    assert len(world.models.asked) == 2  # one for each content
    assert first["media_hash"].nunique() == 2
    again = world.read(rows)
    pd.testing.assert_frame_equal(first, again)
    assert (len(world.pictures.asked), len(world.models.asked)) == (3, 2)


def test_each_failure_is_a_reason_and_the_rest_is_read(world: World) -> None:
    world.pictures.paths |= {"/page": b"<html></html>", "/a.png": png(1)}
    world.models.shows[png(1)] = seen("guitar")
    paths = ("/page", "/gone.png", "/a.png")
    made = world.read(referring(*(world.pictures.url(path) for path in paths), "https://elsewhere.example/a.png"))
    assert made["reason"].astype(object).where(made["reason"].notna(), None).tolist() == [
        "unknown_type", "http_error", None, "not_allowed",
    ]  # fmt: skip
    assert made["embedding"].notna().tolist() == [False, False, True, False]
    assert made["labels"].map(len).tolist() == [0, 0, 1, 0]


def test_what_failed_is_tried_again(world: World) -> None:
    world.pictures.paths["/a.png"] = png(1)
    world.models.shows[png(1)] = seen("guitar")
    world.models.script.append(fails(400))
    rows = referring(world.pictures.url("/a.png"))
    assert world.read(rows)["reason"].tolist() == ["rejected"]
    assert world.read(rows)["reason"].isna().all()


def test_of_whom_says_no_nothing_leaves_the_house(world: World) -> None:
    world.pictures.paths |= {"/a.png": png(1), "/b.png": png(2)}
    rows = referring(*(world.pictures.url(path) for path in ("/a.png", "/b.png", "/b.png")))
    made = world.read(rows, allowed=[False, False, True])
    assert made["reason"].astype(object).where(made["reason"].notna(), None).tolist() == [
        "no_consent",
        "no_consent",
        None,
    ]
    assert world.pictures.asked == ["/b.png"]
    assert [content for _, content in world.models.seen] == [png(2)]
    assert made["embedding"].notna().tolist() == [False, False, True]


def test_there_is_a_limit_to_what_a_day_costs(world: World) -> None:
    world.pictures.paths |= {f"/{number}.png": png(number) for number in range(20)}
    rows = referring(*(world.pictures.url(f"/{number}.png") for number in range(20)))
    assert (world.read(rows, limit=18)["reason"] == "over_limit").tolist() == [False] * 18 + [True] * 2
    assert len(world.models.asked) == 18
    assert (world.read(rows, limit=0)["reason"] == "over_limit").all()


def test_without_a_model_for_its_type_a_medium_is_fetched_once_to_see_what_it_is(world: World) -> None:
    world.pictures.paths["/a.png"] = png(1)
    world.seer = None
    rows = referring(world.pictures.url("/a.png"))
    assert world.read(rows)["reason"].tolist() == world.read(rows)["reason"].tolist() == ["no_model"]
    assert (world.pictures.asked, world.models.asked) == (["/a.png"], [])


def test_a_wrong_key_stops_the_downloads_too(world: World) -> None:
    world.pictures.paths |= {f"/{number}.png": png(number) for number in range(40)}
    world.key = "sk-wrong"
    made = world.read(referring(*(world.pictures.url(f"/{number}.png") for number in range(40))))
    assert set(made["reason"]) == {"unauthorised"}
    assert len(world.pictures.asked) < 40


def test_what_is_read_off_a_picture_is_redacted(world: World) -> None:
    """Like a text: a parcel has an address on it."""
    world.pictures.paths["/a.png"] = png(1)
    world.models.shows[png(1)] = seen("parcel", description="A parcel for ann@example.org.")
    made = world.read(referring(world.pictures.url("/a.png")))
    assert made["text"].tolist() == ["A parcel for [email]."]
    assert b"ann@example.org" not in stored_bytes(world.cache)


def stored_bytes(cache: TextCache) -> bytes:
    cache.close()
    return b"".join(path.read_bytes() for path in cache.folder.glob("media.sqlite*"))


def test_references_are_read_out_of_attributes() -> None:
    rows = pd.DataFrame(
        {
            "interaction_id": ["b", "a", "c", "d"], "identity_id": ["1", "1", "2", "2"], "bucket": 0, "day": "2026-06-15",
            "attributes": ['{"media": ["u1", "u2", "u1", 7]}', '{"media": ["u3"]}', '{"media": "u4"}', None],
        }
    ).astype({"attributes": "str"})  # fmt: skip
    found = references(rows)
    assert found[["interaction_id", "position", "url"]].values.tolist() == [
        ["a", 0, "u3"],
        ["b", 0, "u1"],
        ["b", 1, "u2"],
    ]
    assert references(rows.iloc[:0]).empty
    assert urls('{"media": ["u1"') == []


def test_without_links_everything_else_stays_as_it_was() -> None:
    documents = pd.Series(
        ['{"media": ["u1", "u2"], "vote": 3}', '{"media": "analogue"}', '{"a": 1}', None], dtype="str"
    )
    kept, number = without_links(documents)
    assert kept.astype(object).where(kept.notna(), None).tolist() == [
        '{"vote":3}',
        '{"media": "analogue"}',
        '{"a": 1}',
        None,
    ]
    assert number == 2
