"""The BERT encoder for checkpoints in the Hugging Face layout, on packed rows of tokens.

Why not `transformers.BertModel`: its import takes 2.0 s more (it probes scikit-learn and loads torch._dynamo), in every task that
computes a vector; and it computes the padding too, a seventh of the work with fixed lengths. Here all tokens of a batch
stand in one row, and only attention knows where a text ends. A test compares the result with `transformers` in float32.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

# Ours on the left, the checkpoint's on the right; the three attention inputs are one matrix here.
_EMBEDDINGS = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "kinds": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
_LAYER = {
    "attended": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "norm2": "output.LayerNorm",
}


class Block(NamedTuple):
    """Neighbours of one length in a row of tokens: texts `start`, `start + length` and so on, `texts` of them."""

    start: int
    texts: int
    length: int

    def of(self, row: Tensor) -> Tensor:
        """Its part of a row (T, ...), as (texts, length, ...)."""
        return row[self.start : self.start + self.texts * self.length].unflatten(0, (self.texts, self.length))


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, activation: str, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.wide, self.narrow = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.activation = getattr(functional, activation)

    def forward(self, x: Tensor, blocks: Sequence[Block], shown: Tensor | None) -> Tensor:
        inputs, mixed = self.inputs(x), torch.zeros_like(x)
        for block in blocks:
            query, key, value = (
                block.of(inputs).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            )  # (n, H, L, d)
            mask = None if shown is None else block.of(shown)[:, None, None]  # (n, 1, 1, L)
            out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            block.of(mixed).copy_(out.transpose(1, 2).flatten(2))
        x = self.norm1(x + self.attended(mixed))
        return self.norm2(x + self.narrow(self.activation(self.wide(x))))


class Bert(nn.Module):
    """Devlin et al. 2019, encoder only, without dropout; absolute positions."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, eps=eps)
        sizes = width, config["num_attention_heads"], config["intermediate_size"], config["hidden_act"], eps
        self.layers = nn.ModuleList(_Layer(*sizes) for _ in range(config["num_hidden_layers"]))

    def forward(self, ids: Tensor, blocks: Sequence[Block], shown: Tensor | None = None) -> Tensor:
        """States of tokens in one row: (T,) int64 -> (T, D).

        Args:
            blocks: where the texts stand; a token outside them belongs to no text and its state means nothing.
            shown: (T,) bool, False for padding inside a block; None where there is none.
        """
        places = torch.zeros_like(ids)
        for block in blocks:
            block.of(places).copy_(torch.arange(block.length, device=ids.device))
        x = self.norm(self.words(ids) + self.kinds.weight[0] + self.positions(places))  # (T, D)
        for layer in self.layers:
            x = layer(x, blocks, shown)
        return x


def load(folder: Path) -> Bert:
    """The model in `folder` (config.json, model.safetensors), float32, ready for inference."""
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    model = Bert(config)
    model.load_state_dict(_renamed(weights, config["num_hidden_layers"]))
    return model.eval().requires_grad_(False)


def _renamed(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    # Checkpoints saved from a model with a head carry the prefix.
    weights = {name.removeprefix("bert."): value for name, value in weights.items()}
    names = dict(_EMBEDDINGS)
    for i in range(layers):
        names |= {f"layers.{i}.{ours}": f"encoder.layer.{i}.{theirs}" for ours, theirs in _LAYER.items()}
    state = {
        f"{ours}.{part}": weights[f"{theirs}.{part}"]
        for ours, theirs in names.items()
        for part in ("weight", "bias")
        if f"{theirs}.{part}" in weights
    }
    for i in range(layers):
        for part in ("weight", "bias"):
            state[f"layers.{i}.inputs.{part}"] = torch.cat(
                [weights[f"encoder.layer.{i}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            )
    return state
