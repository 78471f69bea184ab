"""A policy as files for a model hub: weights, config, model card and a recording."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from pgstudy.analysis.notebook import card
from pgstudy.analysis.notebook.errors import CantBeLoaded
from pgstudy.analysis.notebook.networks import OWN
from pgstudy.analysis.notebook.policies import LoadedPolicy, load_policy, run_folder
from pgstudy.analysis.recordings.record import Recording, record
from pgstudy.analysis.recordings.step import SPEAKING
from pgstudy.experiment.provenance.identity import NUMERIC_LIBRARIES
from pgstudy.experiment.store.runs import POLICY
from pgstudy.experiment.system.files import (
    canonical_json,
    json_text,
    write_atomically,
)
from pgstudy.learning.environments.actions import Finite, Kind, Several
from pgstudy.learning.policies.own_network import observed

MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
FACTS = (
    *("environment", "estimator", "n", "seed", "key", "status", "digest"),
    *("updates", "env_steps", "episodes", "evaluation", "specification"),
)


def export(run: Any, folder: Path) -> None:
    """Write a run's policy into a new or empty folder, the card last.

    run: as `load_policy` takes it. Errors: CantBeLoaded, OSError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CantBeLoaded(f"{folder} is there and not empty; name a new folder")
    policy = load_policy(run)
    config = _config(policy)
    replay, shown = _replay(policy, run_folder(run) / POLICY)
    # one key: safetensors writes several in an order that changes from call to call
    metadata = {"pgstudy": canonical_json(config)}
    files = {
        MODEL: safetensors.torch.save(_tensors(policy), metadata),
        CONFIG: json_text(config).encode(),
        card.REPLAY: replay,
        CARD: card.text(policy, config, shown).encode(),
    }
    for name, content in files.items():
        if content:
            write_atomically(folder / name, lambda p, c=content: p.write_bytes(c))  # type: ignore[misc]


def _tensors(policy: LoadedPolicy) -> dict[str, torch.Tensor]:
    """By the names of the network's state_dict, or of a user's module's own; and
    log_std where there is one.
    """
    more = {} if policy.log_std is None else {"log_std": policy.log_std}
    state = policy.network.state_dict()
    return {name.removeprefix(f"{OWN}."): one for name, one in state.items()} | more


def _config(policy: LoadedPolicy) -> dict[str, Any]:
    """What makes the network again, and what made it, as plain JSON types."""
    run, layout = policy.record, policy.layout
    return {
        "library_name": "pgstudy",
        "network": _layers(policy.network),
        "observations": {
            "inputs": layout.inputs,
            "one_hot": layout.one_hot,
            "composed": layout.composed,
            "first": layout.first_observation,
            "shape": list(observed(layout)),
            "standardised": policy.specification.policy.normalise_observations,
        },
        "actions": _actions(layout.actions),
        "run": {name: getattr(run, name) for name in FACTS},
        "versions": {name: run.made_by.get(name) for name in NUMERIC_LIBRARIES},
    }


def _layers(network: torch.nn.Sequential) -> list[str]:
    """The modules that torch.nn has, as they are called there; none of a user's own."""
    found = []
    for module in network:
        if isinstance(module, torch.nn.Linear):
            bias = "" if module.bias is not None else ", bias=False"
            found.append(f"Linear({module.in_features}, {module.out_features}{bias})")
        elif isinstance(module, torch.nn.Tanh | torch.nn.ReLU):
            found.append(f"{type(module).__name__}()")
    return found if hasattr(network, "0") else []


def _actions(actions: Kind) -> dict[str, Any]:
    """Bounds are flat; None where there is none."""
    if isinstance(actions, Finite):
        return {"kind": "discrete", "size": actions.size, "start": actions.start}
    shape = list(actions.space.shape)
    if isinstance(actions, Several):
        sizes = list(actions.sizes)
        return {"kind": "several", "size": actions.size, "sizes": sizes, "shape": shape}
    low, high = (
        [bound if math.isfinite(bound) else None for bound in ends.ravel().tolist()]
        for ends in (actions.space.low, actions.space.high)
    )
    bounds = {"low": low, "high": high}
    return {"kind": "box", "size": actions.size, "shape": shape, **bounds}


def _replay(policy: LoadedPolicy, file: Path) -> tuple[bytes, dict[str, Any]]:
    """A GIF of an episode, and what is said of it: a reason where there is none."""
    try:
        made = record(policy.specification, file, policy.record.seed)
        shown = {"episode_return": made.episode_return, "steps": made.steps}
        return _gif(made), shown
    except (Exception, SystemExit) as error:  # an environment may raise anything
        kind = "" if isinstance(error, SPEAKING) else f"{type(error).__name__}: "
        return b"", {"reason": f"{kind}{error}"}


def _gif(made: Recording) -> bytes:
    """In the recording's pace, looping."""
    buffer, (first, *others) = io.BytesIO(), made.frames
    timing: dict[str, Any] = {"duration": list(made.durations), "loop": 0}
    first.save(buffer, "GIF", save_all=True, append_images=others, **timing)
    return buffer.getvalue()
