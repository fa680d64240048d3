"""The BERT encoder on `torch.nn.TransformerEncoder`, for checkpoints in the Hugging Face layout.

Why not `transformers.BertModel`: its import takes 2.0 s more (it probes scikit-learn and loads torch._dynamo), in every
task that computes a vector. The layers here are PyTorch's own; what is ours is the table of names. A test compares the
result with `transformers` in float32.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

# Ours on the left, the checkpoint's on the right; the three attention inputs are one matrix in PyTorch.
_EMBEDDINGS = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "kinds": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
_LAYER = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


class Bert(nn.Module):
    """Devlin et al. 2019, encoder only, without dropout."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, eps=eps)
        layer = nn.TransformerEncoderLayer(
            width,
            config["num_attention_heads"],
            config["intermediate_size"],
            dropout=0.0,
            activation=config["hidden_act"],
            layer_norm_eps=eps,
            batch_first=True,
        )
        # Nested tensors drop the padding, and with it the fixed shapes.
        self.encoder = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # (B, L) int64, (B, L) bool, True = token -> (B, L, D)
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.kinds.weight[0] + self.positions(positions))  # (B, L, D)
        return self.encoder(x, src_key_padding_mask=~mask)


def is_supported(config: dict) -> bool:
    """Whether `Bert` computes what the checkpoint's own class computes."""
    return (
        config["model_type"] == "bert"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and config["hidden_act"] in ("gelu", "relu")
    )


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
        names |= {f"encoder.layers.{i}.{ours}": f"encoder.layer.{i}.{theirs}" for ours, theirs in _LAYER.items()}
    state = {
        f"{ours}.{part}": weights[f"{theirs}.{part}"]
        for ours, theirs in names.items()
        for part in ("weight", "bias")
        if f"{theirs}.{part}" in weights
    }
    for i in range(layers):
        for part in ("weight", "bias"):
            state[f"encoder.layers.{i}.self_attn.in_proj_{part}"] = torch.cat(
                [weights[f"encoder.layer.{i}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            )
    return state
