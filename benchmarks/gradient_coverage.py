"""Simulated gradient measurements, for `benchmarks.coverage`: data are (law, N).

A trajectory's estimate of two parameters is normal, or log-normal and so as
heavy-tailed as the corridor's; one of a batch is the mean of N of them. Batches are
drawn from a population of so many that its moments are the law's.
"""

import functools

import numpy as np

from pgstudy.analysis.gradients.bias import along
from pgstudy.analysis.gradients.samples import REFERENCE_N
from pgstudy.analysis.statistics.coverage import TRAJECTORIES
from pgstudy.analysis.statistics.variances import Noise, Reference, log_log_slope, ratio

POPULATION = 200_000
GRADIENT = np.array([0.5, 0.5])  # a noise scale of 4 (normal) and 19 (log-normal)
NOISES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "log-normal": lambda rng, shape: rng.lognormal(size=shape) - np.exp(0.5),
}


@functools.cache
def population(law, n):
    """Estimates from batches of n: [POPULATION, 2]."""
    rng, total = np.random.default_rng(n), np.zeros((POPULATION, 2))
    for _ in range(n):
        total += NOISES[law](rng, total.shape)
    return total / n - (total / n).mean(0) + GRADIENT


def batches(data, generator, count):
    """Estimates: [count, 2]; all of the population, once, where more are asked for."""
    if count > POPULATION:
        return population(*data)
    return population(*data)[generator.integers(POPULATION, size=count)]


def exact(data, generator, count):
    """Estimates, and the exact gradient."""
    return batches(data, generator, count), Reference(GRADIENT, "exact")


def sampled(data, generator, count):
    """Estimates, and a reference from as many batches of its own."""
    law, _ = data
    estimates = batches((law, REFERENCE_N), generator, count)
    reference = Reference.sampled(estimates, "sampled")
    return batches(data, generator, count), reference


def two_ends(data, generator, count):
    """Estimates at two policies, whose references are sampled."""
    return [sampled(data, generator, count) for _ in range(2)]


def two_estimators(data, generator, count):
    """Estimates from the same batches, the other of one parameter twice as large."""
    one = batches(data, generator, count)
    return one, one * [1, 2]


def every_n(data, generator, count):
    """Estimates for each N; that of `data` is of no matter."""
    law, _ = data
    return [batches((law, n), generator, count) for n in TRAJECTORIES]


def of_variance(estimates, reference):
    return Noise(estimates, reference).variance


def of_cosine(estimates, reference):
    return Noise(estimates, reference).cosine


def of_noise_scale(estimates, reference):
    return ratio(Noise(estimates, reference).variance, reference.square)


def of_variance_ratio(one, two):
    reference = Reference(GRADIENT, "exact")
    return Noise(two, reference).over(Noise(one, reference))


def of_ends(end, start):
    return ratio(of_noise_scale(*end), of_noise_scale(*start))


def of_slope(*found):
    reference = Reference(GRADIENT, "exact")
    variances = [Noise(estimates, reference).variance for estimates in found]
    return log_log_slope(np.array(TRAJECTORIES, float), variances)


# what is drawn, and the interval of it
SIMULATED = {
    "variance": (exact, of_variance),
    "variance ratio": (two_estimators, of_variance_ratio),
    "variance slope": (every_n, of_slope),
    "cosine": (sampled, of_cosine),
    "along": (exact, along),
    "along, sampled": (sampled, along),
    "noise scale": (sampled, of_noise_scale),
    "ends": (two_ends, of_ends),
}
