"""What a gradient estimate from N trajectories is worth, measured at saved policies.

At the start, the middle and the end of one run per environment, fresh batches of N
trajectories give the estimate's variance, bias, direction and signal, for each
estimator and N.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy

from pgstudy.analysis import exact
from pgstudy.analysis.comparisons import log_log_slope
from pgstudy.analysis.gradient_samples import LANES, Effort, Probe
from pgstudy.analysis.names import FRACTIONS, GRADIENT_COLUMNS
from pgstudy.analysis.statistics import BOOTSTRAP_SEED, CONFIDENCE, Array
from pgstudy.experiment.resolving import reason_to_leave_out
from pgstudy.experiment.runs import MILESTONES, POLICY, Run, Store
from pgstudy.experiment.study import Study
from pgstudy.learning.gradients import one_thread
from pgstudy.learning.results import Column
from pgstudy.learning.specification import EstimatorSpecification

RESAMPLES = 1000


@dataclass(frozen=True)
class Reference:
    """grad J [P], exact or sampled, |grad J|^2 without the bias of noise, and the
    variance of the reference itself (0 if exact).
    """

    gradient: Array
    square: float
    variance: float
    kind: str


@one_thread()  # with more, the last digits of sums would depend on their number
def measure(store: Store, study: Study, environment: str) -> pd.DataFrame:
    """A row per fraction, estimator and N, then `slope` rows (N empty) for each
    fraction and estimator. Empty if no run of the environment is finished.
    """
    run = policy_run(store, study, environment)
    if run is None:
        return pd.DataFrame(columns=GRADIENT_COLUMNS)
    effort = Effort(**(study.gradients or {}))
    rows: list[dict[str, Any]] = []
    estimators, specification = _estimators(study, environment), run.cell.specification
    for at, arrays in policies(run).items():
        probe = Probe(specification, arrays, estimators, effort, f"{environment} {at}")
        reference = _reference(probe, run)
        place = {
            "environment": environment, "at": at, "policy": run.name,
            "reference": reference.kind, "gradient_norm": np.sqrt(reference.square),
        }  # fmt: skip
        rows += [place | row for row in _rows(probe, reference, study, estimators)]
    return pd.DataFrame(rows, columns=GRADIENT_COLUMNS)


def policy_run(store: Store, study: Study, environment: str) -> Run | None:
    """The run whose policies are measured: of the first estimator at its largest N,
    the first seed that finished.
    """
    first = study.cells_of(environment)[0].estimator
    cell = max(study.cells_of(environment, first), key=lambda c: c.n)
    runs = [store.run(cell, seed) for seed in study.seeds]
    return next((run for run in runs if run.status() == "finished"), None)


def policies(run: Run) -> dict[str, dict[str, Column]]:
    """A run's policies by fraction of its training, as arrays by name."""
    kept = safetensors.numpy.load_file(run.folder / MILESTONES)
    found = {
        at: {k.split("/")[1]: v for k, v in kept.items() if k.split("/")[0] == at}
        for at in FRACTIONS
    }
    found["end"] = safetensors.numpy.load_file(run.folder / POLICY)
    return {at: arrays for at, arrays in found.items() if arrays}


def _estimators(study: Study, environment: str) -> dict[str, EstimatorSpecification]:
    cells = study.cells_of(environment)
    return {c.estimator: c.specification.estimator for c in cells}


def _reference(probe: Probe, run: Run) -> Reference:
    """Exact where the environment hands out its model, else from many trajectories."""
    sampled = probe.reference()
    where = run.cell.specification.environment
    known = exact.policy_gradient(probe.policy, probe.layout, where)
    if known is not None:
        return Reference(known, float(known @ known), 0.0, "exact")
    mean = sampled.mean(0)
    variance = float(sampled.var(0, ddof=1).sum()) / len(sampled)
    square = max(float(mean @ mean) - variance, 0.0)
    kind = f"{len(sampled) * LANES:,} trajectories"
    return Reference(mean, square, variance, kind)


def _rows(
    probe: Probe,
    reference: Reference,
    study: Study,
    estimators: Mapping[str, EstimatorSpecification],
) -> Iterator[dict[str, Any]]:
    draws: dict[str, list[tuple[int, float, Array]]] = {name: [] for name in estimators}
    for n in study.sample_counts:
        names = [
            k for k, h in estimators.items() if not reason_to_leave_out(vars(h), n)
        ]
        samples = probe.samples(n, names)
        for name, estimates in samples.estimates.items():
            noise = Noise(estimates, reference)
            draws[name].append((n, noise.variance, noise.variances))
            yield {"estimator": name, "n": n, **noise.row(n, samples.env_steps)}
    for name, found in draws.items():
        ns, estimates, draw = (np.array(part) for part in zip(*found, strict=True))
        slope = log_log_slope(ns.astype(float), estimates, draw)
        yield {"estimator": name, "slope": slope.estimate,
               "slope_low": slope.low, "slope_high": slope.high}  # fmt: skip


class Noise:
    """The statistics of B estimates [B, P]; intervals are 95 % bootstraps of them."""

    def __init__(self, estimates: Array, reference: Reference) -> None:
        self._estimates, self._reference = estimates, reference
        self._squares = (estimates**2).sum(1)
        count = len(estimates)
        generator = np.random.default_rng(BOOTSTRAP_SEED)
        self._picks = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)
        gram = estimates @ estimates.T
        means = ((self._picks @ gram) * self._picks).sum(1) / count**2
        whole = float(gram.sum()) / count**2
        self.variance = self._variance(self._squares.mean(), whole)
        self.variances: Array = self._variance(
            self._picks @ self._squares / count, means
        )

    def _variance(self, squares: Any, mean_squares: Any) -> Any:
        """Trace of the covariance, with Bessel's correction."""
        count = len(self._estimates)
        return np.maximum(squares - mean_squares, 0) * count / (count - 1)

    def row(self, n: int, env_steps: float) -> dict[str, float]:
        """One row of the table; variance is the trace of the covariance."""
        reference, count = self._reference, len(self._estimates)
        apart = self._estimates.mean(0) - reference.gradient
        expected = self.variance / count + reference.variance
        scale = n / reference.square if reference.square > 0 else np.nan
        cosine = self._cosines()
        return {
            "batches": count,
            "env_steps": env_steps,
            "variance": self.variance,
            **_bounds("variance", self.variances),
            "bias": float(np.linalg.norm(apart)),
            "bias_by_chance": float(np.sqrt(expected)),
            "cosine": float(np.nanmean(cosine)) if (cosine == cosine).any() else np.nan,
            **_bounds("cosine", self._means(cosine)),
            "signal_to_noise": _ratio(np.sqrt(reference.square), self.variance**0.5),
            "noise_scale": self.variance * scale,
            **_bounds("noise_scale", self.variances * scale),
            "zero_share": float((self._squares == 0).mean()),
            "variance_x_cost": self.variance * env_steps,
        }

    def _cosines(self) -> Array:
        """Of each estimate to the reference: [B]; NaN for an estimate of 0."""
        along = self._estimates @ self._reference.gradient
        norms = np.sqrt(self._squares) * np.linalg.norm(self._reference.gradient)
        nothing = np.full(len(along), np.nan)
        cosines: Array = np.divide(along, norms, nothing, where=norms > 0)
        return cosines

    def _means(self, values: Array) -> Array:
        present = ~np.isnan(values)
        total = self._picks @ np.where(present, values, 0)
        counts = self._picks @ present.astype(float)
        nothing = np.full(len(total), np.nan)
        means: Array = np.divide(total, counts, nothing, where=counts > 0)
        return means


def _bounds(name: str, draws: Array) -> dict[str, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail]) if (draws == draws).any() else (
        np.nan, np.nan)  # fmt: skip
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def _ratio(one: float, two: float) -> float:
    return float(one / two) if two > 0 else np.nan
