"""Two processes that train one network: the same weights in both, and after a stop too."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from profiling.behaviour.models import load_model
from tests.behaviour.models.test_training import WORLD, fit

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tests.behaviour.models.torchrun_child", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]

    saved = {
        folder.name: {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in tmp_path.iterdir()
        if folder.name != "checkpoint"
    }
    assert sorted(saved) == ["resumed-0", "resumed-1", "uninterrupted-0", "uninterrupted-1"]
    assert all(files == saved["uninterrupted-0"] for files in saved.values())

    together, alone = load_model(tmp_path / "resumed-1"), fit()
    # The same batches and so the same gradients as one process alone, but for rounding.
    np.testing.assert_allclose(together.predict_proba(WORLD.inputs), alone.predict_proba(WORLD.inputs), atol=1e-3)
