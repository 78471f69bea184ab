"""Estimators as a config names them: presets, groups, and where they can't exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Options = Mapping[str, Any]

GROUPS = ("trajectories_per_start", "starts")
MEMORY = ("window", "decay")
OF_WEIGHTS = ("baseline", "constant", "value", "discounting", "normalise")
BUILT_IN = ("preset", *OF_WEIGHTS, *MEMORY, "length_division")


def _preset(
    baseline: str, normalise: bool = False, length_division: bool = False
) -> dict[str, Any]:
    return {
        "credit": "total",
        "baseline": baseline,
        "normalise": normalise,
        "length_division": length_division,
    }


PRESETS = {
    "rloo": _preset("leave-one-out"),  # Kool et al. 2019; Ahmadian et al. 2024
    "grpo": _preset("batch-mean", normalise=True, length_division=True),  # Shao 2024
    "grpo-no-std": _preset("batch-mean", length_division=True),
    "dr-grpo": _preset("batch-mean"),  # Liu et al. 2025
}
"""What each is, beside the groups that all of them have."""


def expanded(estimator: Options) -> dict[str, Any]:
    """An estimator with the options of its preset, if it has one, written out."""
    preset = PRESETS.get(estimator.get("preset", ""), {})
    return {**preset, **estimator}


def group_faults(estimator: Options) -> list[str]:
    """What is wrong with an estimator's preset, and with its groups."""
    given = [key for key in GROUPS if key in estimator]
    faults = []
    if len(given) > 1:
        cause = "each follows from the other and N; leave one out"
        faults.append(f"'trajectories_per_start' and 'starts' are both set: {cause}")
    if "preset" not in estimator:
        return faults
    preset = estimator["preset"]
    if not given:
        cure = "set trajectories_per_start (or starts)"
        faults.append(f"'preset: {preset}' compares trajectories of one start: {cure}")
    for key, value in PRESETS[preset].items():
        if key in estimator and estimator[key] != value:
            asked, meant = (f"{key}: {_word(v)}" for v in (estimator[key], value))
            cure = "leave out one of the two"
            faults.append(
                f"'{asked}' is at odds with 'preset: {preset}', {meant}; {cure}"
            )
    return faults


def memory_faults(estimator: Options) -> list[str]:
    """What is wrong with how the baseline running-mean forgets."""
    given = [key for key in MEMORY if key in estimator]
    if given and expanded(estimator).get("baseline") != "running-mean":
        cure = "set baseline: running-mean, or leave it out"
        return [
            f"'{key}' belongs to the baseline running-mean: {cure}" for key in given
        ]
    if len(given) > 1:
        cause = "each says how old batches are forgotten; leave one out"
        return [f"'window' and 'decay' are both set: {cause}"]
    return []


def adaptive_faults(estimator: Options) -> list[str]:
    """What is wrong with an N that is to follow the noise."""
    groups = [key for key in GROUPS if key in estimator]
    if "adaptive" not in estimator or not groups:
        return []
    cause = "the noise is measured between trajectories, and those of a group are alike"
    return [f"'adaptive' can't be used with '{groups[0]}': {cause}; leave one out"]


def own_faults(estimator: Options) -> list[str]:
    """What is wrong with an estimator of a user's own, before it is called."""
    if "weights" not in estimator:
        alone = "kwargs" in estimator
        return ["'kwargs' belongs to 'weights'; leave it out"] if alone else []
    return [
        f"'{key}' can't be used with 'weights', which gives them whole; leave one out"
        for key in BUILT_IN
        if key in estimator
    ]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def group_size(estimator: Options, n: int) -> int | None:
    """G, the trajectories that begin in one start state; None if each has its own.

    Meant for an N that they divide, see `reason_to_leave_out`.
    """
    size = estimator.get("trajectories_per_start")
    if "starts" in estimator:
        size = n // estimator["starts"]
    return None if size == 1 else size


def reason_to_leave_out(estimator: Options, n: int) -> str:
    """Why an estimator can't exist at N; empty if it can."""
    for key in GROUPS:
        whole = estimator.get(key)
        if whole and n % whole:
            return f"N = {n} is no multiple of {key}: {whole}"
    return _without_others(estimator, n, group_size(estimator, n))


def cannot_adapt(estimator: Options, n: int) -> str:
    """Why an estimator's N can't follow the noise from N on; empty if it can."""
    if "adaptive" not in estimator:
        return ""
    if n == 1:
        return (
            "adaptive measures the spread over trajectories, and at N = 1 there is none"
        )
    most = estimator["adaptive"]["most"]
    return f"N = {n} is above adaptive.most: {most}" if n > most else ""


def _without_others(estimator: Options, n: int, size: int | None) -> str:
    """Why it can't, if a trajectory has no others to be compared with."""
    grouped = any(estimator.get(key) for key in GROUPS)
    if n > 1 and (size is not None or not grouped):
        return ""
    where = "with one trajectory per start" if n > 1 else "at N = 1"
    if grouped and "weights" in estimator:
        return f"{where} its weights would have no others to look at"
    reasons = {
        "leave-one-out": f"leave-one-out is undefined {where} (running-mean exists)",
        "per-step-mean": "per-step-mean has no other trajectory "
        f"{where} (running-mean exists)",
        "batch-mean": f"batch-mean {where} is the return itself, "
        "and the gradient always 0",
    }
    baseline = estimator.get("baseline", "none")
    if baseline not in reasons and estimator.get("normalise", False):
        return (
            f"normalise needs the spread over trajectories, and {where} there is none"
        )
    return reasons.get(baseline, "")
