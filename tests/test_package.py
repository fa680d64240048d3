"""What `pip install .` installs: everything that a day needs, in a place that is not this checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from profiling.settings import Settings
from tests.stages.test_stages import DAY, drop, purchase, review
from tests.test_cli import environment_of

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
    ]
    subprocess.run([*build, str(copy)], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_every_module_and_file_is_in_the_wheel(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "profiling"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(tracked) > 80
    assert [name for name in tracked if not (installed / name).exists()] == []
    suites = {path.name for path in (ROOT / "expectations").glob("*.json")}
    assert {path.name for path in (installed / "profiling" / "expectations").glob("*.json")} == suites


def test_an_installed_package_runs_a_day(installed: Path, settings: Settings, tmp_path: Path) -> None:
    drop(settings, [purchase(1), review(2, "A lovely guitar with a warm tone, and quick delivery.")])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PROFILING_")}
    environment = {**clean, **environment_of(settings), "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    where = "import profiling; print(profiling.__file__)"
    found = subprocess.run([sys.executable, "-c", where], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.startswith(str(installed))
    command = [sys.executable, "-m", "profiling", "run", "--from", DAY, "--to", DAY]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "publish ran 1 times" in done.stdout
