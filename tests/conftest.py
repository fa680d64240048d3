"""What all tests share: a key, a lake of their own, and where real data may be found."""

import os
from pathlib import Path

import pytest

from profiling.settings import Settings
from profiling.text.embedding import load_encoder
from tests.worlds import settings_in

pytest_plugins = ["tests.s3"]


# Before any fixture: what a developer has set must not change what a test sees.
for _name in [name for name in os.environ if name.startswith("PROFILING_") and name != "PROFILING_TEST_DATA"]:
    del os.environ[_name]

# Two workers on two cores: with two threads each they wait for one another several times as long as they compute.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _no_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings read `.env` of the working folder: not the developer's."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, static_cache: Path) -> Settings:
    """Settings of an empty lake and landing area, with the fast encoder and its model already there."""
    return settings_in(tmp_path, static_cache)


@pytest.fixture(scope="session")
def static_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the static encoder and nothing else: distilling takes half a minute, so a checkout keeps it, but
    results of texts must be those of the code under test."""
    kept = Path(__file__).parent.parent / "var" / "test-cache"
    load_encoder("static", kept).encode(["distil"])
    cache = tmp_path_factory.mktemp("cache")
    for model in kept.glob("static-*"):
        (cache / model.name).symlink_to(model)
    return cache


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with public data sets, or a skip that says how to name it."""
    folder = Path(os.environ.get("PROFILING_TEST_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(
            f"no real data in {folder}; set PROFILING_TEST_DATA to a folder that has Musical_Instruments_5.json"
        )
    return folder
