"""What a gradient estimate from N trajectories is worth, measured at saved policies.

At the start, the middle and the end of one run per environment, fresh batches of N
trajectories give the estimate's variance, bias, direction and signal, for each
estimator and N. An estimator whose baseline remembers is measured at a run of its
own, with the baseline that the run had there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy

from pgstudy.analysis.common.columns import GRADIENTS, names
from pgstudy.analysis.common.names import FRACTIONS
from pgstudy.analysis.common.parts import Measurement, measured_at, measured_cell
from pgstudy.analysis.gradients import exact
from pgstudy.analysis.gradients.bias import across, along
from pgstudy.analysis.gradients.samples import REFERENCE_N, Probe, effort_of
from pgstudy.analysis.gradients.sources import split
from pgstudy.analysis.statistics.variances import (
    Noise,
    Reference,
    columns,
    log_log_slope,
    ratio,
)
from pgstudy.experiment.store.runs import MILESTONES, POLICY, Run, Store
from pgstudy.experiment.study.estimators import reason_to_leave_out
from pgstudy.experiment.study.study import Study
from pgstudy.learning.estimators.gradients import one_thread
from pgstudy.learning.rollouts.columns import Column
from pgstudy.learning.specification import EstimatorSpecification

Estimators = Mapping[str, EstimatorSpecification]


@one_thread()  # with more, the last digits of sums would depend on their number
def measure(store: Store, study: Study, measurement: Measurement) -> pd.DataFrame:
    """A row per estimator and N, then a row (N empty) for each estimator,
    with the slope and, if the study asks for it, the sources of variance.

    None where the run did not finish, or has no such policy.
    """
    run = policy_run(store, study, measurement.environment, measurement.estimator)
    rows = [] if run is None else _at_run(study, run, measurement)
    return pd.DataFrame(rows, columns=names(GRADIENTS))


def policy_run(
    store: Store, study: Study, environment: str, estimator: str | None = None
) -> Run | None:
    """The run whose policies are measured: of the estimator (or the study's first one)
    at its largest N, the first seed that finished.
    """
    name = estimator or study.cells_of(environment)[0].estimator
    cell = measured_cell(study, environment, name)
    runs = [store.run(cell, seed) for seed in study.seeds]
    return next((run for run in runs if run.status() == "finished"), None)


def policies(run: Run) -> dict[str, dict[str, Column]]:
    """A run's policies by fraction of its training, as arrays by name, and what its
    baseline then remembered (`baseline.*`).
    """
    kept = safetensors.numpy.load_file(run.folder / MILESTONES)
    found = {
        at: {k.split("/")[1]: v for k, v in kept.items() if k.split("/")[0] == at}
        for at in FRACTIONS
    }
    found["end"] |= safetensors.numpy.load_file(run.folder / POLICY)
    return {at: arrays for at, arrays in found.items() if arrays}


def _estimators(study: Study, environment: str) -> dict[str, EstimatorSpecification]:
    cells = study.cells_of(environment)
    return {c.estimator: c.specification.estimator for c in cells}


def _at_run(study: Study, run: Run, measurement: Measurement) -> list[dict[str, Any]]:
    """The rows of the estimators that are measured at this run's policies.

    The first one without memory is sampled beside.
    """
    environment, owner, at = measurement
    arrays = policies(run).get(at)
    if arrays is None:
        return []
    every = _estimators(study, environment)
    wanted, first = measured_at(study, environment)[owner], next(iter(every))
    beside = [] if every[first].remembers or first in wanted else [first]
    estimators = {name: every[name] for name in [*beside, *wanted]}
    effort = effort_of(study)
    stream = f"{environment} {at}" + ("" if owner == first else f" {owner}")
    probe = Probe(run.cell.specification, arrays, effort, stream)
    reference = _reference(probe, run)
    place = {
        "environment": environment,
        "at": at,
        "policy": run.name,
        "reference": reference.kind,
        "gradient_norm": reference.norm,
    }
    by_n = {
        n: _existing(study, environment, estimators, n) for n in study.sample_counts
    }
    rows = _rows(probe, reference, by_n, estimators)
    return [place | row for row in rows if row["estimator"] in wanted]


def _reference(probe: Probe, run: Run) -> Reference:
    """Exact where the environment hands out its model, else from many trajectories."""
    where = run.cell.specification.environment
    known = exact.policy_gradient(probe.policy, probe.layout, where)
    if known is not None:
        return Reference(known, "exact")
    sampled = probe.reference()
    return Reference.sampled(sampled, f"{len(sampled) * REFERENCE_N:,} trajectories")


def _existing(
    study: Study, environment: str, estimators: Estimators, n: int
) -> Estimators:
    """Those that exist at N; one with groups where it has a cell, which knows G."""
    cells = [c for c in study.cells_of(environment) if c.n == n]
    here = {c.estimator: c.specification.estimator for c in cells}
    return {
        name: here.get(name, how)
        for name, how in estimators.items()
        if name in here
        or not (how.trajectories_per_start or reason_to_leave_out(vars(how), n))
    }


def _rows(
    probe: Probe,
    reference: Reference,
    by_n: Mapping[int, Estimators],
    estimators: Estimators,
) -> Iterator[dict[str, Any]]:
    noises: dict[str, dict[int, Noise]] = {name: {} for name in estimators}
    first = next(iter(estimators))
    for n, existing in by_n.items():
        for alike in _by_group_size(existing):
            samples = probe.samples(n, alike)
            for name, estimates in samples.estimates.items():
                noise = noises[name][n] = Noise(estimates, reference)
                yield {
                    "estimator": name,
                    "n": n,
                    **noise.row(n, samples.env_steps),
                    **_bias(estimates, reference),
                    **_against(noise, noises[first].get(n), first in alike),
                }
    sources = split(probe, estimators)
    for name, found in noises.items():
        ns = np.array(list(found), float)
        slope = log_log_slope(ns, [noise.variance for noise in found.values()])
        yield {"estimator": name, **columns("slope", slope), **sources.get(name, {})}


def _by_group_size(estimators: Estimators) -> list[Estimators]:
    """Those that can share batches: trajectories in groups of one size, or in none."""
    found: dict[int | None, dict[str, EstimatorSpecification]] = {}
    for name, how in estimators.items():
        found.setdefault(how.trajectories_per_start, {})[name] = how
    return list(found.values())


def _bias(estimates: Any, reference: Reference) -> dict[str, float]:
    beside = across(estimates, reference)
    return {
        **columns("along", along(estimates, reference)),
        "across": beside.share,
        "across_by_chance": beside.by_chance,
        "across_df": beside.df,
    }


def _against(noise: Noise, first: Noise | None, paired: bool) -> dict[str, float]:
    """The variance over that of the first estimator; `paired`: on the same batches."""
    if first is None or first is noise:
        return {}
    over = noise.over(first) if paired else ratio(noise.variance, first.variance)
    return columns("variance_ratio", over)
