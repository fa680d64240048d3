"""The DAG files as Airflow reads them."""

from pathlib import Path
from typing import Any

import pytest

from tests.dags.home import ROOT


@pytest.fixture(autouse=True)
def _landing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROFILING_LANDING", str(tmp_path / "landing"))


@pytest.fixture
def bag() -> Any:
    """New for every test: a Dag object keeps the conf of its last test run."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))
