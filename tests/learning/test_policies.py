"""Policies: numpy and torch agree, and share memory."""

import numpy as np
import pytest
import torch

from pgstudy.learning.optimizers import GradientAscent
from pgstudy.learning.policies import CategoricalPolicy


def policy(sizes=(4, 16, 8, 3), bias=True):
    return CategoricalPolicy(sizes, bias, np.random.default_rng(0))


@pytest.mark.parametrize("sizes", [(4, 3), (4, 16, 3), (4, 16, 8, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_numpy_and_torch_give_the_same_probabilities(sizes, bias):
    """The rollout's forward pass is the one that is differentiated."""
    pi = policy(sizes, bias)
    with torch.no_grad():
        for parameter in pi.parameters:
            parameter.add_(torch.randn(parameter.shape))
    inputs = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    expected = pi.log_probs(torch.from_numpy(inputs))
    found = torch.log_softmax(torch.from_numpy(pi.logits(inputs)), dim=1)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_gradient_step_is_seen_by_the_numpy_side():
    """The arrays are views on the parameters' memory."""
    pi = policy()
    inputs = np.ones((1, 4), np.float32)
    before = pi.logits(inputs).copy()
    ones = [torch.ones_like(p) for p in pi.parameters]
    GradientAscent(pi.parameters).step(ones, 0.1)
    assert not np.allclose(pi.logits(inputs), before)


def test_a_linear_policy_starts_uniform():
    """theta = 0: every action is as likely."""
    assert (policy((4, 3)).logits(np.ones((1, 4), np.float32)) == 0).all()


def test_inputs_are_not_overwritten():
    """The rollout keeps the rows that it has shown to the policy."""
    inputs = np.ones((2, 4), np.float32)
    policy().logits(inputs)
    assert (inputs == 1).all()


def test_parameters_have_names_with_layers():
    """What a saved policy holds."""
    assert list(policy((4, 8, 2)).named_parameters()) == [
        "layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias",
    ]  # fmt: skip
    assert list(policy((4, 2), bias=False).named_parameters()) == ["layer0.weight"]
