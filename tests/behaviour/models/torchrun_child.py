"""What each of two processes of `torchrun` does; `test_torchrun.py` starts it. Not collected by pytest."""

import os
import signal
import sys
from pathlib import Path

import pytest
import torch

from profiling.errors import Interrupted
from tests.behaviour.models.test_training import bytes_of, fit

root, rank = Path(sys.argv[1]), os.environ["RANK"]
assert os.environ["WORLD_SIZE"] == "2"
torch.set_num_threads(1)

bytes_of(fit(), root / f"uninterrupted-{rank}")

# One of the two is asked to stop; both do, after the same batch.
steps = 0
original = torch.optim.Adam.step


def step(*args, **kwargs):
    global steps
    steps += 1
    if steps == 6 and rank == "1":
        os.kill(os.getpid(), signal.SIGTERM)
    return original(*args, **kwargs)


torch.optim.Adam.step = step
with pytest.raises(Interrupted):
    fit(root / "checkpoint")
assert steps == 6, steps

bytes_of(fit(root / "checkpoint"), root / f"resumed-{rank}")
assert steps == 16, steps
