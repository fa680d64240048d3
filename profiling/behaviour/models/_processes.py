"""Several processes training one network together, as `torchrun` starts them; one process alone is the same with a count of 1.

Every process holds all rows, takes its share of each batch, and leaves each step with the same weights.
"""

import atexit
import os

import numpy as np
import torch
from torch import Tensor, distributed, nn

from profiling import device
from profiling.errors import SettingsError


def the_device() -> torch.device:
    """The GPU that torchrun gave this process, the first one without torchrun, or the CPU. Apple's GPUs are for encoders only:
    the trainings' sums were never looked at on one."""
    if device.the_device() == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


class Processes:
    """This process (`rank`) and all (`count`), connected by NCCL on GPUs and gloo on CPUs."""

    def __init__(self) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0")) if self.count > 1 else 0
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
            atexit.register(distributed.destroy_process_group)  # not sooner: the next training needs it too

    def together(self, network: nn.Module) -> nn.Module:
        """The network, its gradients averaged over all processes."""
        if self.count == 1:
            return network
        here = the_device()
        return nn.parallel.DistributedDataParallel(network, [here] if here.type == "cuda" else None)

    def share(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """(this process's rows of a batch, factor): factor * the sum of their losses, averaged over the processes, is the
        batch's mean loss. A batch smaller than the number of processes gives some of them a row with factor 0."""
        mine = rows[self.rank :: self.count]
        return (mine, self.count / len(rows)) if len(mine) else (rows[:1], 0.0)

    def mean(self, *values: float) -> list[float]:
        """The means over the processes."""
        if self.count == 1:
            return list(values)
        return [value / self.count for value in self._reduced(distributed.ReduceOp.SUM, values).tolist()]

    def check_same(self, *values: float) -> None:
        """Raises: SettingsError: the processes go on from different checkpoints."""
        if self.count == 1:
            return
        lowest, highest = (self._reduced(op, values) for op in (distributed.ReduceOp.MIN, distributed.ReduceOp.MAX))
        if not torch.equal(lowest, highest):
            raise SettingsError("the processes see different checkpoints; their folder must be one shared volume")

    def _reduced(self, operation: distributed.ReduceOp.RedOpType, values: tuple[float, ...]) -> Tensor:
        tensor = torch.tensor(values, dtype=torch.float64, device=the_device())
        distributed.all_reduce(tensor, operation)
        return tensor
