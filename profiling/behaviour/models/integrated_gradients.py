"""Integrated gradients (Sundararajan, Taly, Yan 2017) of a network that reads: what each token adds to the score.

The gradient is integrated along the straight line from paddings, whose embedding is zero, to the text. A trained LSTM is
bistable: on that line its score may jump by several log odds within a millionth of the way, where equal steps or one
quadrature over all of it miss the jump (measured: gaps up to 7.6 log odds with 128 nodes). But what the integral over any
piece must be is known, the difference of the scores at its ends. So pieces where it is not are halved until it is.
"""

import copy
from typing import Any, NamedTuple

import numpy as np
import torch

from profiling.behaviour.models.training_loop import exact_arithmetic

# base + amounts is as near to the score, in log odds: it moves a probability by at most .00025.
TOLERANCE = 0.001
# Gauss-Legendre nodes of a piece. Odd, so that the middle one is where the piece is halved and its score is known already.
_NODES = 7
_FIRST_PIECES = 4
# Jumps narrower than 2^-40 of the way, or more pieces than this, are given up; the tolerance says what is left.
_HALVINGS = 40
_MOST_PIECES = 1000
_PIECES_AT_ONCE = 16  # rows of one backward pass: this times _NODES


class Attribution(NamedTuple):
    """Log odds: of as many paddings, of each token (length,), and how far their sum may be from the score."""

    base: float
    amounts: np.ndarray
    tolerance: float


class IntegratedGradients:
    """Of one network, computed on a float64 copy of it: the pieces around a jump are narrower than float32 can tell apart.

    Args:
        network: with `embedding` (ids -> vectors) and `read` (vectors (B, L, E), lengths (B,) -> log odds (B,)).
    """

    def __init__(self, network: Any) -> None:
        # In training mode, because cuDNN has no gradients of an LSTM otherwise; there is no dropout that would notice.
        self._network = copy.deepcopy(network).double().train().requires_grad_(False)

    def of(self, sequence: np.ndarray, score: float) -> Attribution:
        """The amounts of one text's tokens, in order.

        Args:
            sequence: the text's token numbers, int64 (L,).
            score: the network's own log odds of it.

        Returns:
            Attribution whose tolerance is TOLERANCE, or what is left where that cannot be reached.
        """
        ends = np.linspace(0.0, 1.0, _FIRST_PIECES + 1)
        scores, _ = self._at(sequence, ends)
        pieces = [*zip(ends[:-1], ends[1:], scores[:-1], scores[1:], strict=True)]
        amounts, done = np.zeros(len(sequence)), 0
        for _ in range(_HALVINGS):
            halves = []
            for start in range(0, len(pieces), _PIECES_AT_ONCE):
                some = pieces[start : start + _PIECES_AT_ONCE]
                integrals, middles = self._integrals(sequence, some)
                for (left, right, low, high), integral, middle in zip(some, integrals, middles, strict=True):
                    # An eighth, because pieces with an error add up; the most are far better.
                    if abs(integral.sum() - (high - low)) <= TOLERANCE / 8:
                        amounts += integral
                    else:
                        half = (left + right) / 2
                        halves += [(left, half, low, middle), (half, right, middle, high)]
            done += len(pieces)
            pieces = halves
            if not pieces or done > _MOST_PIECES:
                break
        gap = abs(scores[0] + amounts.sum() - score)
        return Attribution(float(scores[0]), amounts, max(TOLERANCE, float(gap) * 1.01))  # other sums round differently

    def _integrals(self, sequence: np.ndarray, pieces: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
        """For each of p pieces (left, right, ...): what its gradients add to each token (p, L), the score in its middle (p,)."""
        positions, weights = np.polynomial.legendre.leggauss(_NODES)  # on -1 to 1
        left, right = (np.array([piece[end] for piece in pieces]) for end in (0, 1))
        half = (right - left) / 2
        along = (left + half)[:, None] + half[:, None] * positions  # (p, nodes)
        scores, slopes = self._at(sequence, along.ravel())
        slopes = slopes.reshape(len(pieces), _NODES, -1)
        integrals = (slopes * (half[:, None] * weights)[:, :, None]).sum(axis=1)
        return integrals, scores.reshape(len(pieces), _NODES)[:, _NODES // 2]

    def _at(self, sequence: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """At each of k shares of the way: the score (k,), and how fast each token changes it there (k, L)."""
        device = next(self._network.parameters()).device
        text = self._network.embedding(torch.from_numpy(sequence).to(device))  # (L, E)
        points = (torch.from_numpy(along).to(device)[:, None, None] * text).requires_grad_()  # (k, L, E)
        with exact_arithmetic():
            scores = self._network.read(points, torch.full((len(along),), len(sequence), device=device))
            (gradients,) = torch.autograd.grad(scores.sum(), points)
        return scores.detach().cpu().numpy(), (gradients * text).sum(2).cpu().numpy()
