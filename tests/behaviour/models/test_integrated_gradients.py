"""Integrated gradients where the answer is known, and where one quadrature over the whole way fails."""

import numpy as np
import pytest
import torch

from profiling.behaviour.models import integrated_gradients
from profiling.behaviour.models.customer_profiler import CustomerProfiler
from profiling.behaviour.models.integrated_gradients import TOLERANCE, IntegratedGradients
from profiling.behaviour.models.training_loop import scores_of


class Product(torch.nn.Module):
    """score = product of the tokens' numbers, 2 and 3 for the tokens 2 and 3."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[0.0], [0.0], [2.0], [3.0]]))

    def read(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return embedded.squeeze(2).prod(1)


def test_tokens_that_only_count_together_share_alike() -> None:
    """Of f = x y each has the integral of (a y) x over a from 0 to 1: half the product."""
    found = IntegratedGradients(Product()).of(np.array([2, 3]), 6.0)
    assert found.base == 0.0
    assert found.amounts.tolist() == pytest.approx([3.0, 3.0])
    assert found.tolerance == TOLERANCE


@pytest.fixture
def bistable() -> tuple[CustomerProfiler, np.ndarray]:
    """An LSTM with large weights, as training makes them: half way its score falls from one side to the other at once."""
    torch.manual_seed(2)
    network = CustomerProfiler(30, embedding=8, hidden=12)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4)
        network.linear.weight.mul_(10)
    return network, np.random.default_rng(2).integers(2, 30, 30)


def test_a_jump_on_the_way_is_found(bistable: tuple[CustomerProfiler, np.ndarray]) -> None:
    network, sequence = bistable
    (score,) = scores_of(network, [sequence])
    gradients = IntegratedGradients(network)
    found = gradients.of(sequence, score)

    positions, weights = np.polynomial.legendre.leggauss(128)
    _, slopes = gradients._at(sequence, (positions + 1) / 2)
    at_once = float((slopes * weights[:, None] / 2).sum())
    assert abs(found.base + at_once - score) > 1  # else this world tells nothing
    assert abs(found.base + found.amounts.sum() - score) <= found.tolerance == TOLERANCE


def test_what_cannot_be_reached_is_said(
    bistable: tuple[CustomerProfiler, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrated_gradients, "_HALVINGS", 2)
    network, sequence = bistable
    (score,) = scores_of(network, [sequence])
    found = IntegratedGradients(network).of(sequence, score)
    assert TOLERANCE < abs(found.base + found.amounts.sum() - score) <= found.tolerance


def test_the_network_is_left_as_it_was(bistable: tuple[CustomerProfiler, np.ndarray]) -> None:
    network, sequence = bistable
    network.eval()
    IntegratedGradients(network).of(sequence, 0.0)
    assert not network.training
    assert all(p.dtype == torch.float32 and p.requires_grad and p.grad is None for p in network.parameters())
