"""Training of the network: it stops in time, and after any kill it goes on to the same weights bit for bit."""

import logging
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from profiling import device
from profiling.behaviour.models import MODELS, _checkpoints, make, training_loop
from profiling.behaviour.models._checkpoints import FILE, Keeper, Progress
from profiling.behaviour.models.contract import TEXT, Resumable
from profiling.behaviour.models.customer_profiler import CustomerProfiler, CustomerProfilerModel
from profiling.behaviour.models.training_loop import LENGTH_STEP, Schedule, scores_of, train
from profiling.errors import Interrupted, SettingsError
from tests.behaviour.models.worlds import WORLDS

WORLD = WORLDS["text"]
PARAMS = {"embedding": 8, "hidden": 12, "learning_rate": 0.003, "epochs": 4, "patience": 4}


def fit(checkpoint: Path | None = None, labels: np.ndarray = WORLD.labels, **params) -> CustomerProfilerModel:
    model = CustomerProfilerModel(**PARAMS | params)
    model.checkpoint = checkpoint
    return model.fit(WORLD.inputs, labels)


def bytes_of(model: CustomerProfilerModel, folder: Path) -> dict[str, bytes]:
    model.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return bytes_of(fit(), tmp_path_factory.mktemp("uninterrupted"))


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize("kill_at", [1, 3, 4, 5, 9, 13, 20])
def test_a_fault_at_any_step_changes_nothing(
    kill_at: int, uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 epochs of 4 steps and one checkpoint: whichever of the 20 is the last, before or after it the process dies."""
    points = 0

    def dying(function):
        def call(*args, **kwargs):
            nonlocal points
            points += 1
            if points == kill_at:
                raise Killed
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.Adam, "step", dying(torch.optim.Adam.step))
        patched.setattr(_checkpoints.os, "replace", dying(os.replace))
        with pytest.raises(Killed):
            fit(tmp_path / "checkpoint")
    assert bytes_of(fit(tmp_path / "checkpoint"), tmp_path / "saved") == uninterrupted


@pytest.mark.parametrize("step", [1, 6, 16])
def test_sigterm_finishes_the_batch_and_saves(
    step: int, uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    original = torch.optim.Adam.step

    def terminated(*args, **kwargs):
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args, **kwargs)

    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.Adam, "step", terminated)
        with pytest.raises(
            Interrupted, match=f"after {(step - 1) // 4} epochs and {(step - 1) % 4 + 1} batches; the same"
        ) as caught:
            fit(tmp_path / "checkpoint")
    assert caught.value.exit_code == 143
    assert steps == step  # the batch under way was finished, no other begun
    assert signal.getsignal(signal.SIGTERM) is before

    taken = 0

    def counted(*args, **kwargs):
        nonlocal taken
        taken += 1
        return original(*args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    assert bytes_of(fit(tmp_path / "checkpoint"), tmp_path / "saved") == uninterrupted
    assert taken == 16 - step  # none was done twice


KILLS = 3


def train_alone(folder: Path) -> None:
    """What the child does: a training of some seconds, on one thread as its sums would be in any process."""
    torch.set_num_threads(1)
    fit(folder / "checkpoint", epochs=150, patience=150).save(folder / "saved")


@pytest.mark.slow
def test_kill_9_at_random_moments(tmp_path: Path) -> None:
    """Killed again and again, each time at a random moment after it has got further than before; then left alone."""
    # A fork server: children find everything imported, and nothing of it used yet.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, "torch._dynamo", "nltk.tokenize"])
    seed = random.randrange(1000)
    chance = random.Random(seed)
    file = tmp_path / "checkpoint" / FILE
    for _ in range(KILLS):
        before = file.stat().st_mtime_ns if file.exists() else 0
        child = processes.Process(target=train_alone, args=(tmp_path,))
        child.start()
        deadline = time.monotonic() + 60
        while not file.exists() or file.stat().st_mtime_ns == before:
            assert child.is_alive(), "the child ended before its first checkpoint"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.05))
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL, f"it was faster than the kill; seed {seed}"
    assert not (tmp_path / "saved").exists()
    for name, folder in (("killed", tmp_path), ("never", tmp_path / "never")):
        child = processes.Process(target=train_alone, args=(folder,))
        child.start()
        child.join()
        assert child.exitcode == 0, name
    saved, expected = (
        {path.name: path.read_bytes() for path in (folder / "saved").iterdir()}
        for folder in (tmp_path, tmp_path / "never")
    )
    assert saved == expected, f"seed {seed}"


def test_sigterm_at_the_very_end_is_not_swallowed(
    uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the last epoch is validated: nothing is left to train, yet the caller is told."""
    log_loss = training_loop._log_loss
    calls = 0

    def terminated(*args):
        nonlocal calls
        calls += 1
        if calls == PARAMS["epochs"]:
            os.kill(os.getpid(), signal.SIGTERM)
        return log_loss(*args)

    with monkeypatch.context() as patched:
        patched.setattr(training_loop, "_log_loss", terminated)
        with pytest.raises(Interrupted, match="stopped after 4 epochs and 0 batches"):
            fit(tmp_path / "checkpoint")
    assert bytes_of(fit(tmp_path / "checkpoint"), tmp_path / "saved") == uninterrupted


def test_a_finished_training_is_not_done_again(
    uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(tmp_path / "checkpoint")
    monkeypatch.setattr(torch.optim.Adam, "step", None)
    assert bytes_of(fit(tmp_path / "checkpoint"), tmp_path / "saved") == uninterrupted


def test_a_checkpoint_of_another_training_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fit(tmp_path / "checkpoint")
    turned = bytes_of(fit(labels=1 - WORLD.labels), tmp_path / "expected")
    with caplog.at_level(logging.WARNING):
        assert bytes_of(fit(tmp_path / "checkpoint", labels=1 - WORLD.labels), tmp_path / "saved") == turned
    assert "is of another training (rows); training starts anew" in caplog.text


def test_a_damaged_checkpoint_costs_only_time(
    uninterrupted: dict[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(tmp_path / "checkpoint")
    file = tmp_path / "checkpoint" / FILE
    file.write_bytes(file.read_bytes()[:-100])
    with caplog.at_level(logging.WARNING):
        assert bytes_of(fit(tmp_path / "checkpoint"), tmp_path / "saved") == uninterrupted
    assert "cannot be read" in caplog.text


def test_the_first_checkpoint_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checkpoints.os, "replace", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        fit(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_it_stops_when_the_validation_rows_gain_nothing() -> None:
    """Labels by chance: what is learned of them does not hold, and the best epoch is kept."""
    labels = np.random.default_rng(1).integers(0, 2, len(WORLD.labels))
    model = fit(labels=labels, epochs=50, patience=2, learning_rate=0.02)
    losses = [(-epoch["validation_auc"], epoch["validation_loss"]) for epoch in model.history]
    assert 3 <= len(losses) < 50
    assert losses.index(min(losses)) == len(losses) - 3
    assert len(fit(labels=labels, epochs=len(losses) - 2, learning_rate=0.02, patience=50).history) == len(losses) - 2
    best = fit(labels=labels, epochs=len(losses) - 2, patience=50, learning_rate=0.02)
    np.testing.assert_array_equal(best.predict_proba(WORLD.inputs), model.predict_proba(WORLD.inputs))


def test_two_rows_are_enough_to_run() -> None:
    model = CustomerProfilerModel(**PARAMS | {"min_count": 1, "epochs": 1})
    model.fit(pd.DataFrame({TEXT: ["good", "bad"]}), np.array([1, 0]))
    assert len(model.history) == 1


def test_a_training_that_diverges_says_so() -> None:
    with pytest.raises(SettingsError, match=r"training diverged; lower learning_rate, which is 1e\+37"):
        fit(learning_rate=1e37)


def test_only_this_model_is_resumable() -> None:
    assert [name for name in MODELS if isinstance(make(name), Resumable)] == ["customer_profiler"]
    assert "checkpoint" not in make("customer_profiler").params


def test_padding_is_never_read() -> None:
    torch.manual_seed(0)
    network = CustomerProfiler(30, embedding=8, hidden=12)
    chance = np.random.default_rng(0)
    sequences = [chance.integers(2, 30, length) for length in (1, LENGTH_STEP - 1, LENGTH_STEP, LENGTH_STEP + 1, 90)]
    for sequence, score in zip(sequences, scores_of(network, sequences), strict=True):
        alone = network(torch.from_numpy(sequence)[None], torch.tensor([len(sequence)]))
        assert float(alone[0].detach()) == pytest.approx(score, abs=1e-6)


def test_long_and_strange_texts_are_answered() -> None:
    model = fit(max_tokens=20)
    long = pd.DataFrame({TEXT: ["love the guitar " * 500, "", "\n", "🎸", "half a pair \ud800"]}, dtype=object)
    assert np.isfinite(model.predict_proba(long)).all()
    first, empty, *_ = model.explain(long)
    assert sum(each.value for each in first.contributions) == 20  # as many as it reads
    assert (empty.contributions, empty.score) == ((), pytest.approx(empty.base, abs=1e-6))


def test_a_word_it_does_not_know_has_no_value() -> None:
    (explained,) = fit(epochs=1).explain(pd.DataFrame({TEXT: ["love xylophones"]}))
    assert {each.name: each.value for each in explained.contributions} == {"love": 1.0, "xylophones": None}


def test_a_thread_trains_without_listening(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert len(pool.submit(fit, tmp_path).result().history) == 4
    assert (tmp_path / FILE).exists()


def test_without_a_folder_sigterm_is_nobody_elses_business() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Keeper(None, {}).listening():
        assert signal.getsignal(signal.SIGTERM) is before


def test_progress_counts_epochs_without_gain() -> None:
    progress = Progress()
    epochs = ((0.5, 0.7), (0.4, 0.6), (0.5, 0.7), (0.6, 0.8), (0.5, 0.8), (0.5, 0.8))
    better = [progress.end_epoch(0.0, loss, auc) for loss, auc in epochs]
    assert better == [True, False, False, True, True, False]  # by AUC, and where that is equal by loss
    assert (progress.epoch, progress.epochs_without_gain) == (6, 1)


def test_the_loop_knows_nothing_of_the_network() -> None:
    """A bag of words: the sum of its tokens' numbers in a table."""

    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(4, 1, padding_idx=0)

        def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return self.table(ids).sum((1, 2))

    bag, sequences = Bag(), [np.array([2]), np.array([3])] * 40
    train(bag, sequences, np.array([1.0, 0.0] * 40), Schedule(learning_rate=0.1, epochs=20))
    assert scores_of(bag, sequences[:2]) @ [1, -1] > 1


@pytest.mark.parametrize(("flags", "is_low"), [({"avx2"}, False), ({"avx512f"}, False), ({"avx512_bf16"}, True)])
def test_bfloat16_is_learned_with_only_where_the_processor_multiplies_it(
    flags: set[str], is_low: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without such instructions oneDNN has no bfloat16 LSTM at all, and every training would stop."""
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset(flags))
    with training_loop.low_precision(torch.device("cpu")):
        assert torch.is_autocast_enabled("cpu") is is_low
