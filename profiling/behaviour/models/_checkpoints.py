"""The state of a training under way, in one file: tensors, and in its header the JSON that says what they are.

One file, because then one rename replaces all of it: a kill at any moment leaves the last state or the one before.
"""

import json
import logging
import os
import signal
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

log = logging.getLogger(__name__)

FILE = "training.safetensors"


@dataclass
class Progress:
    """How far a training is. `epoch` epochs are done, and of the next one `batch` batches with a sum of losses `loss_sum`."""

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    epochs_without_gain: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    def end_epoch(self, training_loss: float, validation_loss: float, validation_auc: float) -> bool:
        """Note the epoch's losses (mean log loss per row) and AUC; True if no epoch before was as good on the validation rows.

        As good: by AUC, and where that is equal by loss. The loss alone turns before the ranking does: on reviews the network of
        the least loss had a test AUC of .66, that of the best validation AUC .70.
        """
        epoch = {"training_loss": training_loss, "validation_loss": validation_loss, "validation_auc": validation_auc}
        is_better = all(_quality(epoch) > _quality(before) for before in self.history)
        self.history.append(epoch)
        self.epochs_without_gain = 0 if is_better else self.epochs_without_gain + 1
        self.epoch, self.batch, self.loss_sum = self.epoch + 1, 0, 0.0
        return is_better

    @property
    def losses(self) -> tuple[float, float]:
        """(training, validation) of the last epoch."""
        return self.history[-1]["training_loss"], self.history[-1]["validation_loss"]


def _quality(epoch: Mapping[str, float]) -> tuple[float, float]:
    return round(epoch["validation_auc"], 6), -epoch["validation_loss"]


def fingerprint(
    network: nn.Module, sequences: list[np.ndarray], labels: np.ndarray, config: Mapping[str, Any]
) -> dict[str, Any]:
    """What a training's result follows from: config, version of torch, and digests of the rows and of the first weights."""
    rows, weights = sha256(), sha256()
    for sequence in sequences:
        rows.update(len(sequence).to_bytes(8, "little") + sequence.tobytes())
    rows.update(labels.tobytes())
    for name, value in sorted(network.state_dict().items()):
        weights.update(name.encode() + value.cpu().numpy().tobytes())
    return {
        "config": dict(config),
        "torch": torch.__version__,
        "rows": rows.hexdigest(),
        "first_weights": weights.hexdigest(),
    }


class Keeper:
    """Keeps a training's state in a folder; without a folder it does nothing and listens to nobody.

    Of several processes only one is the writer.
    """

    def __init__(self, folder: Path | None, fingerprint: Mapping[str, Any], is_writer: bool = True) -> None:
        self._folder, self._fingerprint, self._is_writer = folder, dict(fingerprint), is_writer
        self.is_asked_to_stop = False

    def save(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, best: Mapping[str, Tensor], progress: Progress
    ) -> None:
        if self._folder is None or not self._is_writer:
            return
        tensors = _prefixed("network", network.state_dict()) | _prefixed("best", best)
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= _prefixed(f"optimizer.{number}", state)
        about = json.dumps({"fingerprint": self._fingerprint, "progress": asdict(progress)}, sort_keys=True)
        content = save({name: value.cpu().contiguous() for name, value in tensors.items()}, {"about": about})
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f"{FILE}.{uuid.uuid4().hex[:8]}.partial"  # two attempts at once must not share it
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self._folder / FILE)

    def resume(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor], progress: Progress
    ) -> None:
        """Set all four to the kept state, if there is one of this very training; else leave them and say why."""
        if self._folder is None or not (self._folder / FILE).exists():
            return
        try:
            with safe_open(self._folder / FILE, framework="pt") as file:
                about = json.loads(file.metadata()["about"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s); training starts anew", self._folder / FILE, error)
            return
        other = sorted(key for key, value in self._fingerprint.items() if about["fingerprint"].get(key) != value)
        if other:
            log.warning("%s is of another training (%s); training starts anew", self._folder / FILE, ", ".join(other))
            return
        device = next(network.parameters()).device
        network.load_state_dict(_with_prefix("network", tensors))
        best.update({name: value.to(device) for name, value in _with_prefix("best", tensors).items()})
        state = optimizer.state_dict()
        count = len(state["param_groups"][0]["params"])
        kept = {number: _with_prefix(f"optimizer.{number}", tensors) for number in range(count)}
        optimizer.load_state_dict(state | {"state": {number: values for number, values in kept.items() if values}})
        for name, value in about["progress"].items():
            setattr(progress, name, value)
        log.info("going on after epoch %d, batch %d", progress.epoch, progress.batch)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While inside, SIGTERM only sets `is_asked_to_stop`. Signals reach the main thread alone, so elsewhere it does not."""
        if self._folder is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, lambda *_: setattr(self, "is_asked_to_stop", True))
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
