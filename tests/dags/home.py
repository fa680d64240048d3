"""Airflow's home for the tests of this process, set before anything imports airflow. Import this first."""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("dags", "plugins", "scripts"):
    if str(ROOT / folder) not in sys.path:
        sys.path.insert(0, str(ROOT / folder))

_folder = tempfile.TemporaryDirectory(prefix="airflow-tests-", ignore_cleanup_errors=True)
os.environ.update(
    AIRFLOW_HOME=_folder.name,
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_folder.name}/airflow.db",
)
