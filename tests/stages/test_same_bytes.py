"""The promise: the same day gives the same bytes, whatever the order of days, the cut into buckets, or how often it ran."""

import random
from pathlib import Path

import pytest

from profiling import stages
from profiling.settings import Settings
from tests.worlds import documents, ledger_closes, published, settings_in, small_shop, tables

pytestmark = pytest.mark.slow


def elsewhere(settings: Settings, name: str, **changes: object) -> Settings:
    """The same landing area and cache, another lake and publication."""
    root = Path(settings.lake).parent / name
    return settings.model_copy(update={"lake": str(root / "lake"), "publish": str(root / "published"), **changes})


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> tuple[Settings, list[str]]:
    root = tmp_path_factory.mktemp("reference")
    settings = settings_in(root, static_cache)
    days = small_shop(settings, customers=12, days=10)  # the tenth day lies beyond a closed week
    list(stages.run_days(settings, days[0], days[-1]))
    return settings, days


def test_every_line_is_accounted_for(reference: tuple[Settings, list[str]]) -> None:
    settings, days = reference
    assert ledger_closes(settings) >= len(days)


def test_the_same_day_again(reference: tuple[Settings, list[str]]) -> None:
    settings, days = reference
    before, rows = published(settings), tables(settings)
    for stage in (stages.ingest, stages.features, stages.profile, stages.publish):
        stage(settings, days[-1])
    assert published(settings) == before
    assert tables(settings) == rows


def test_days_in_any_order(reference: tuple[Settings, list[str]]) -> None:
    settings, days = reference
    other = elsewhere(settings, "shuffled")
    rng = random.Random(5)
    for stage in (stages.ingest, stages.features, stages.profile, stages.publish):
        for day in rng.sample(days, len(days)):
            stage(other, day)
    assert published(other) == published(settings)
    assert tables(other) == tables(settings)


@pytest.mark.long
def test_ingest_backwards_heals(reference: tuple[Settings, list[str]]) -> None:
    settings, days = reference
    other = elsewhere(settings, "backwards")
    restated = {day for day in reversed(days) for day in stages.ingest(other, day).restated}
    assert restated, "the sample delivers some rows twice, so a later day must have been computed again"
    assert stages.stale_days(other) == []
    list(stages.run_days(other, days[0], days[-1]))
    assert published(other) == published(settings)
    assert tables(other) == tables(settings)


@pytest.mark.long
def test_four_buckets_apart_and_in_any_order(reference: tuple[Settings, list[str]]) -> None:
    settings, days = reference
    other = elsewhere(settings, "buckets", buckets=4)
    rng = random.Random(8)
    for day in days:
        for stage in (stages.ingest, stages.features, stages.profile):
            keys = [stage(other, day, bucket=bucket).staged for bucket in rng.sample(range(4), 4)]
            assert stage(other, day, close=rng.sample(keys, 4)).state == "released"
    for day in days:
        assert documents(other, day) == documents(settings, day)
    assert len({int(c[:8], 16) % 4 for c in documents(other, days[-1])}) > 1, "all customers fell into one bucket"


def test_a_second_run_changes_nothing(reference: tuple[Settings, list[str]]) -> None:
    settings, days = reference
    before = published(settings)
    assert list(stages.run_days(settings, days[0], days[-1])) == []
    assert published(settings) == before
