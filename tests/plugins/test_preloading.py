"""The executor of the local Airflow: its workers have the heavy imports, and nobody else pays for them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import sys, preloading
from airflow.executors.local_executor import LocalExecutor
assert "great_expectations" not in sys.modules and "pandas" not in sys.modules, "importing the module imports nothing heavy"
LocalExecutor.start = lambda self: print("forks with", "great_expectations" in sys.modules, "profiling.stages" in sys.modules)
preloading.PreloadingExecutor(parallelism=1).start()
"""


def test_the_workers_are_forked_after_the_imports(tmp_path: Path) -> None:
    environment = {
        **os.environ, "PYTHONPATH": f"{ROOT}/plugins:{ROOT}", "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "forks with True True"
