"""Whether a user's own network can be used: what it gives for a few observations."""

from __future__ import annotations

import numpy as np
import torch

from pgstudy.learning.environments.spaces import Layout
from pgstudy.learning.policies.own_network import (
    BUILT_IN,
    UnusableNetwork,
    make_module,
    observed,
)
from pgstudy.learning.specification import PolicySpecification

ROWS = 3
CLOSE = 1e-4  # what the outputs of a row may differ by beside other rows
TAKEN = ("log_std", "baseline.", "observations.")  # names that a policy has itself


def check(specification: PolicySpecification, layout: Layout) -> None:
    """Make it twice and call it.

    It gives finite float32 outputs of the right shape, with a gradient: for each
    observation the same, whatever others are beside it, in training mode too, and from
    its parameters alone. Errors: UnusableNetwork, UnusableEnvironment.
    """
    _check_scale(specification, layout)
    one, other = (
        make_module(specification, layout, np.random.default_rng(seed))
        for seed in range(2)
    )
    _check_parameters(one)
    inputs = _inputs(layout)
    found = _called(one, inputs)
    _check_form(found, layout.actions.size)
    if not torch.equal(found, _called(one, inputs)):
        cure = "draw nothing in forward, and remember nothing"
        raise UnusableNetwork(f"it gives other outputs for the same inputs; {cure}")
    rows = torch.cat([_called(one, row[None]) for row in inputs])
    if (found - rows).abs().max() > CLOSE * (1 + found.abs().max()):
        cause = "its outputs for one observation depend on the others of a batch"
        raise UnusableNetwork(cause)
    _check_gradient(one, found)
    _check_copy(one, other, inputs, found)


def _check_copy(
    one: torch.nn.Module,
    other: torch.nn.Module,
    inputs: torch.Tensor,
    found: torch.Tensor,
) -> None:
    """Another one with its parameters gives the same, as one that was saved must."""
    with torch.no_grad():
        for mine, theirs in zip(other.parameters(), one.parameters(), strict=True):
            mine.copy_(theirs)
    if not torch.equal(found, _called(other, inputs)):
        cure = "what it draws at the start must be a parameter, to be saved and learned"
        raise UnusableNetwork(f"its parameters are not all that it is made of; {cure}")
    if not torch.equal(found, _called(other.train(), inputs)):
        cause = "dropout or batch normalisation make it another one in training mode"
        raise UnusableNetwork(f"{cause}; leave them out")


def _check_scale(specification: PolicySpecification, layout: Layout) -> None:
    """Errors: UnusableNetwork, if observations would be scaled twice."""
    bytes_ = layout.observations.dtype == np.uint8
    twice = specification.normalise_observations and bytes_
    if twice and specification.network in BUILT_IN:
        cause = "it divides bytes by 255 itself"
        raise UnusableNetwork(f"{cause}; leave out normalise_observations")


def _check_parameters(module: torch.nn.Module) -> None:
    parameters = dict(module.named_parameters())
    if not parameters:
        raise UnusableNetwork("it has no parameters")
    for name, one in parameters.items():
        if one.dtype != torch.float32 or one.ndim == 0:
            wanted = "float32, with one dimension at least"
            raise UnusableNetwork(f"its parameter {name} is not {wanted}")
        if not one.requires_grad:
            cause = f"its parameter {name} has requires_grad=False"
            raise UnusableNetwork(f"{cause}; all parameters of a policy are learned")
        if name.startswith(TAKEN):
            cause = f"its parameter {name} has a name that policies have already"
            raise UnusableNetwork(f"{cause}; give it another one")


def _inputs(layout: Layout) -> torch.Tensor:
    layout.observations.seed(0)
    rows = np.empty((ROWS, layout.inputs), np.float32)
    for row in rows:
        layout.write(layout.observations.sample(), row)
    finite = np.nan_to_num(rows, posinf=1, neginf=-1)
    return torch.from_numpy(finite).reshape(-1, *observed(layout))


def _called(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    try:
        found: torch.Tensor = module(inputs)
    except Exception as error:  # whatever a user's code raises
        reason = f"{type(error).__name__}: {error}"
        shape = f"observations of shape {list(inputs.shape)}"
        raise UnusableNetwork(f"of {shape} it raises {reason}") from error
    return found


def _check_form(found: torch.Tensor, outputs: int) -> None:
    wanted = [ROWS, outputs]
    if not isinstance(found, torch.Tensor) or list(found.shape) != wanted:
        shown = list(getattr(found, "shape", [])) or type(found).__name__
        cure = f"it must give [M, outputs] = {wanted}"
        raise UnusableNetwork(f"it gives {shown}; {cure}")
    if found.dtype != torch.float32:
        raise UnusableNetwork(f"it gives {found.dtype}, not float32")
    if not torch.isfinite(found).all():
        raise UnusableNetwork("it gives outputs that are not finite numbers")


def _check_gradient(module: torch.nn.Module, found: torch.Tensor) -> None:
    try:
        torch.autograd.grad(found.sum(), list(module.parameters()), allow_unused=True)
    except RuntimeError as error:
        raise UnusableNetwork(f"its outputs have no gradient: {error}") from error
