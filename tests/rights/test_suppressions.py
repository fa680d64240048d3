"""The list of those who must not appear: what is in it, what it hides, and that it costs nothing while it is empty."""

import pandas as pd
import pytest

from profiling.errors import ProfilingError, SettingsError
from profiling.lake import Lake
from profiling.rights import suppressions
from profiling.rights.suppressions import ERASED, GRANTED, WITHDRAWN, add, load, suppressed_hash
from profiling.settings import Settings

PEOPLE = pd.Series(["ann", "bob", None, "ann", "cid"], index=[4, 8, 15, 16, 23], dtype="str")


def at(day: int) -> pd.Timestamp:
    return pd.Timestamp(f"2026-06-{day:02d}", tz="UTC")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.lake)


def hidden(lake: Lake, settings: Settings, purpose: str = "all") -> list[str]:
    return sorted(PEOPLE[load(lake, settings).mask(PEOPLE, purpose)].unique())


def test_an_empty_list_hides_nobody_and_hashes_nothing(lake: Lake, settings: Settings, monkeypatch) -> None:
    monkeypatch.setattr(suppressions, "suppressed_hash", lambda *_: pytest.fail("nobody is suppressed"))
    keyless = settings.model_copy(update={"pseudonym_key": None})
    found = load(lake, keyless)
    assert not found
    assert found.mask(PEOPLE).tolist() == [False] * 5
    assert found.mask(PEOPLE).index.equals(PEOPLE.index)
    assert lake.version("suppressions") is None  # looking makes no table


def test_who_is_erased_is_hidden_for_every_purpose_and_for_ever(lake: Lake, settings: Settings) -> None:
    assert add(lake, settings, ["ann", "cid"], ERASED, "all", at(1), "R1") == 2
    assert add(lake, settings, ["ann"], ERASED, "all", at(2), "R2") == 0  # she is already
    add(lake, settings, ["ann"], GRANTED, "profiling", at(3))
    for purpose in ("all", "profiling", "marketing", "language_model"):
        assert hidden(lake, settings, purpose) == ["ann", "cid"]
    rows = lake.read("suppressions", [("reason", "==", ERASED)])
    assert set(rows["request_id"]) == {"R1"}
    assert suppressed_hash(settings.key(), "ann") in set(rows["suppressed_hash"])
    assert "ann" not in lake.read("suppressions").to_string()


def test_the_newest_word_on_consent_holds_whatever_came_in_first(lake: Lake, settings: Settings) -> None:
    add(lake, settings, ["ann"], GRANTED, "marketing", at(5))
    add(lake, settings, ["ann", "bob"], WITHDRAWN, "marketing", at(3))
    assert hidden(lake, settings, "marketing") == ["bob"]
    assert hidden(lake, settings, "profiling") == hidden(lake, settings) == []
    add(lake, settings, ["ann"], WITHDRAWN, "marketing", at(5))  # both at once: the safer one
    assert hidden(lake, settings, "marketing") == ["ann", "bob"]


def test_its_fingerprint_tells_what_it_hides_and_needs_no_key(lake: Lake, settings: Settings) -> None:
    keyless = settings.model_copy(update={"pseudonym_key": None})
    empty = load(lake, keyless).digest()
    add(lake, settings, ["ann"], WITHDRAWN, "marketing", at(3))
    found = load(lake, keyless)
    assert found.digest() != empty
    assert found.digest("profiling") == load(Lake(f"{settings.lake}-other"), keyless).digest("profiling")
    add(lake, settings, ["ann"], GRANTED, "marketing", at(4))
    assert load(lake, keyless).digest() == empty
    with pytest.raises(SettingsError, match="PROFILING_PSEUDONYM_KEY is not set"):
        found.mask(PEOPLE, "marketing")


def test_a_reason_that_does_not_go_with_its_purpose_is_refused(lake: Lake, settings: Settings) -> None:
    with pytest.raises(ProfilingError, match="'consent_withdrawn' does not go with the purpose 'all'"):
        add(lake, settings, ["ann"], WITHDRAWN, "all", at(1))
