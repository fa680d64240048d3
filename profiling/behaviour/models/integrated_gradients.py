"""Integrated gradients (Sundararajan, Taly, Yan 2017) of a network that reads: what each token adds to the score.

The gradient is integrated along the straight line from paddings, whose embedding is zero, to the text. What is integrated is
smooth, so Gauss-Legendre nodes need far fewer gradients than equal steps.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from profiling.behaviour.models.training_loop import exact_arithmetic

# Number of nodes, doubled until base + amounts is as near to the score as TOLERANCE, in log odds; each is one row of one
# backward pass. Measured on reviews: 8 nodes leave 5e-7, which is float32's own rounding.
NODES = (16, 32, 64, 128)
TOLERANCE = 0.001


class Attribution(NamedTuple):
    """Log odds: of as many paddings, of each token (length,), and how far their sum may be from the score."""

    base: float
    amounts: np.ndarray
    tolerance: float


def integrated_gradients(network: Any, sequence: np.ndarray, score: float) -> Attribution:
    """The amounts of one text's tokens, in order.

    Args:
        network: with `embedding` (ids -> vectors) and `read` (vectors (B, L, E), lengths (B,) -> log odds (B,)).
        sequence: the text's token numbers, int64 (L,).
        score: the network's log odds of it.

    Returns:
        Attribution with `tolerance` TOLERANCE, or the gap that is left where the largest number of nodes does not reach it.
    """
    was_training = network.training
    network.train()  # cuDNN has gradients of an LSTM in training mode only; there is no dropout that would notice
    try:
        with exact_arithmetic():
            for nodes in NODES:
                base, amounts = _integrated(network, sequence, nodes)
                gap = abs(base + float(amounts.sum()) - score)
                if gap <= TOLERANCE / 2:  # sums of other groupings round differently
                    return Attribution(base, amounts, TOLERANCE)
    finally:
        network.train(was_training)
    return Attribution(base, amounts, gap + TOLERANCE / 2)


def _integrated(network: Any, sequence: np.ndarray, nodes: int) -> tuple[float, np.ndarray]:
    positions, weights = np.polynomial.legendre.leggauss(nodes)  # on -1 to 1
    device = next(network.parameters()).device
    # From 0, the baseline itself with weight 0, over the nodes: (1 + nodes,)
    along = torch.tensor(np.append(0.0, (positions + 1) / 2), dtype=torch.float32, device=device)
    shares = torch.tensor(np.append(0.0, weights / 2), dtype=torch.float64)
    text = network.embedding(torch.from_numpy(sequence).to(device)).detach()  # (L, E)
    points = (along[:, None, None] * text).requires_grad_()  # (1 + nodes, L, E)
    lengths = torch.full((len(along),), len(sequence), device=device)
    scores = network.read(points, lengths)
    (gradients,) = torch.autograd.grad(scores.sum(), points)
    mean = (shares[:, None, None] * gradients.cpu().double()).sum(0)  # (L, E)
    return float(scores[0].detach()), (mean * text.cpu().double()).sum(1).numpy()
