"""What all tests share: a key, a lake of their own, and where real data may be found."""

import os
from pathlib import Path

import pytest

from profiling.settings import Settings
from tests.worlds import settings_in

pytest_plugins = ["tests.s3"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's own PROFILING_ variables and .env must not change what a test sees."""
    for name in [name for name in os.environ if name.startswith("PROFILING_") and name != "PROFILING_TEST_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, static_cache: Path) -> Settings:
    """Settings of an empty lake and landing area, with the fast encoder and its model already there."""
    return settings_in(tmp_path, static_cache)


@pytest.fixture(scope="session")
def static_cache() -> Path:
    """A cache with the static encoder: distilling it takes half a minute, so the tests of a checkout share one."""
    return Path(__file__).parent.parent / "var" / "test-cache"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with public data sets, or a skip that says how to name it."""
    folder = Path(os.environ.get("PROFILING_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"no real data in {folder}; set PROFILING_TEST_DATA to a folder that has Musical_Instruments_5.json"
        )
    return folder
