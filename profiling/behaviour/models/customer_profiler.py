"""The article's CustomerProfiler: an LSTM that reads what a customer wrote, on the contract of all models."""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from profiling.behaviour.models import _files
from profiling.behaviour.models._explanations import LOG_ODDS, explanation, probability_of
from profiling.behaviour.models._inputs import labels_of, refuse_unfitted, texts_of
from profiling.behaviour.models._processes import the_device
from profiling.behaviour.models._tokens import (
    PADDING,
    TOKENIZERS,
    numbered,
    size_of,
    tokens_of,
    vocabulary_from,
    vocabulary_of,
)
from profiling.behaviour.models.contract import Contribution, Explanation
from profiling.behaviour.models.integrated_gradients import IntegratedGradients
from profiling.behaviour.models.training_loop import Schedule, scores_of, train
from profiling.errors import InputError, SettingsError

_VOCABULARY, _WEIGHTS = "vocabulary.json", "weights.safetensors"


POOLINGS = ("last", "mean")


class CustomerProfiler(nn.Module):
    """Embedding, LSTM, and one linear layer on the state after the last token, or on the mean of the states."""

    def __init__(
        self, words: int, embedding: int = 100, hidden: int = 200, layers: int = 2, pooling: str = "last"
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.embedding = nn.Embedding(words, embedding, padding_idx=PADDING)
        self.lstm = nn.LSTM(embedding, hidden, num_layers=layers, batch_first=True)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:  # (B, L) int64, (B,) int64 -> (B,) log odds
        return self.read(self.embedding(ids), lengths)

    def read(self, embedded: Tensor, lengths: Tensor) -> Tensor:  # (B, L, E), (B,) -> (B,)
        states, _ = self.lstm(embedded)  # (B, L, H)
        # Only states of a text's own tokens: what pads it to its neighbours' length comes later and is never read.
        if self.pooling == "mean":
            is_own = torch.arange(states.shape[1], device=states.device) < lengths[:, None]  # (B, L)
            read = (states * is_own[:, :, None]).sum(1) / lengths[:, None]  # (B, H)
        else:
            read = states[torch.arange(len(lengths), device=states.device), lengths - 1]  # (B, H)
        return self.linear(read.to(self.linear.weight.dtype)).squeeze(1)


class CustomerProfilerModel:
    """The network with its vocabulary and its training. Explained by integrated gradients over the embedding.

    It is `Resumable`, and under `torchrun` the processes train it together; then each ends with the same model, of which one
    is to be saved.
    """

    name: ClassVar[str] = "customer_profiler"
    reads: ClassVar[str] = "text"

    def __init__(
        self,
        *,
        tokenizer: str = "english",
        max_tokens: int = 100,
        min_count: int = 2,
        embedding: int = 100,
        hidden: int = 200,
        layers: int = 2,
        pooling: str = "last",
        batch: int = 64,
        learning_rate: float = 0.001,
        epochs: int = 10,
        patience: int = 2,
        seed: int = 0,
    ) -> None:
        if tokenizer not in TOKENIZERS:
            raise SettingsError(f"tokenizer={tokenizer!r} is none of {', '.join(TOKENIZERS)}")
        self._reading: dict[str, Any] = {"tokenizer": tokenizer, "max_tokens": max_tokens, "min_count": min_count}
        if pooling not in POOLINGS:
            raise SettingsError(f"pooling={pooling!r} is none of {', '.join(POOLINGS)}")
        self._shape: dict[str, Any] = {"embedding": embedding, "hidden": hidden, "layers": layers, "pooling": pooling}
        self._schedule = Schedule(batch=batch, learning_rate=learning_rate, epochs=epochs, patience=patience, seed=seed)
        self.params: dict[str, Any] = self._reading | self._shape | asdict(self._schedule)
        self.checkpoint: Path | None = None
        self.history: list[dict[str, float]] = []  # one entry per epoch: training_loss, validation_loss, validation_auc
        self._vocabulary: dict[str, int] = {}
        self._network: CustomerProfiler | None = None

    def fit(self, inputs: pd.DataFrame, labels: np.ndarray) -> Self:
        texts, targets = texts_of(inputs), labels_of(labels, len(inputs))
        tokens = [self._tokens(text) for text in texts]
        vocabulary = vocabulary_of(tokens, self._reading["min_count"])
        if not vocabulary:
            raise InputError(
                f"no word stands {self._reading['min_count']} times in the {len(texts)} texts; look for empty texts, "
                "or lower min_count"
            )
        network = self._new_network(vocabulary)
        sequences = [numbered(each, vocabulary) for each in tokens]
        self.history = train(network, sequences, targets, self._schedule, self.checkpoint)
        self._vocabulary, self._network = vocabulary, network
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        network, texts = self._fitted(), texts_of(inputs)
        sequences = [numbered(self._tokens(text), self._vocabulary) for text in texts]
        return probability_of(scores_of(network, sequences))

    def explain(self, inputs: pd.DataFrame) -> list[Explanation]:
        """A token's amount is what its every occurrence adds together, its value how often it stands in the text as it was
        read; None for a word the network has no number for. `base` is the network's score of as many paddings."""
        network, texts = self._fitted(), texts_of(inputs)
        tokens = [self._tokens(text) for text in texts]
        sequences = [numbered(each, self._vocabulary) for each in tokens]
        gradients = IntegratedGradients(network)
        explained = []
        for words, sequence, score in zip(tokens, sequences, scores_of(network, sequences), strict=True):
            found = gradients.of(sequence, score)
            amounts: dict[str, float] = defaultdict(float)
            for word, amount in zip(words, found.amounts.tolist(), strict=False):  # no word: one padding, which adds 0
                amounts[word] += amount
            contributions = [
                Contribution(word, float(words.count(word)) if word in self._vocabulary else None, amount)
                for word, amount in amounts.items()
            ]
            explained.append(explanation(LOG_ODDS, found.base, contributions, score, found.tolerance))
        return explained

    def vocabulary(self) -> frozenset[str]:
        return frozenset(self._vocabulary)

    def words(self, text: str) -> list[str]:
        return self._tokens(text)

    def save(self, folder: Path) -> None:
        weights = {name: value.cpu().contiguous() for name, value in self._fitted().state_dict().items()}
        files = {
            _VOCABULARY: _files.as_json(list(self._vocabulary)).encode(),
            _WEIGHTS: tensors_to_bytes(weights),
        }
        _files.write(folder, self.name, self.params, {"history": self.history}, files)

    @classmethod
    def load(cls, folder: Path) -> Self:
        saved = _files.read(folder, cls.name)
        model = cls(**saved["params"])
        model._vocabulary = vocabulary_from(json.loads(saved["files"][_VOCABULARY]))
        model._network = model._new_network(model._vocabulary)
        model._network.load_state_dict(tensors_from_bytes(saved["files"][_WEIGHTS]))
        model._network.to(the_device()).eval()
        model.history = saved["state"]["history"]
        return model

    def _tokens(self, text: str) -> list[str]:
        return tokens_of(text, self._reading["tokenizer"], self._reading["max_tokens"])

    def _new_network(self, vocabulary: dict[str, int]) -> CustomerProfiler:
        # The first weights follow from the seed, and the caller's dice are left alone.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._schedule.seed)
            return CustomerProfiler(size_of(vocabulary), **self._shape)

    def _fitted(self) -> CustomerProfiler:
        if self._network is None:
            refuse_unfitted(self.name)
        return self._network
