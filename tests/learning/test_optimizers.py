"""Ascent, in place."""

import numpy as np
import torch

from pgstudy.learning.optimizers import Adam, GradientAscent


def test_gradient_ascent_is_the_formula():
    """theta <- theta + alpha grad J."""
    theta = np.array([1.0, -2.0], np.float32)
    GradientAscent(theta).step(np.array([10.0, 1.0], np.float32), 0.5)
    assert theta.tolist() == [6.0, -1.5]


def test_adam_is_torch_optim_adam_uphill():
    """The same gradients give the same path."""
    generator = torch.Generator().manual_seed(0)
    mine = torch.zeros(6)
    theirs = torch.zeros(6, requires_grad=True)
    reference = torch.optim.Adam([theirs], lr=0.01, maximize=True)
    adam = Adam(mine.numpy())
    for _ in range(50):
        gradient = torch.randn(6, generator=generator)
        adam.step(gradient.numpy(), 0.01)
        theirs.grad = gradient.clone()
        reference.step()
    assert torch.allclose(mine, theirs.detach(), atol=1e-6)
