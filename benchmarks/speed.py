"""Training against the environment alone, a textbook loop, and its own other modes.

All in one process, one thread; each number is the median of several ratios, whose two
sides were measured one right after the other. Time is the process's CPU time, which
other programs of a busy machine disturb less than wall time.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import gymnasium
import numpy as np
import torch

from benchmarks.baselines import textbook
from benchmarks.pipeline import config, run_measured
from pgstudy.experiment.config.loading import load_study
from pgstudy.learning.courses import drive
from pgstudy.learning.environments.making import make
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.sampling import training_samplers
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
)
from pgstudy.learning.training import train

CARTPOLE = EnvironmentSpecification("CartPole-v1", {}, 500)
ACROBOT = EnvironmentSpecification("Acrobot-v1", {}, 500)
STILL = 1e-12  # a learning rate that leaves the policy as it is


def specification(n, steps, rate=STILL, environment=CARTPOLE, schedule="constant"):
    return RunSpecification(
        environment=environment,
        n=n,
        estimator=EstimatorSpecification(),
        policy=PolicySpecification(hidden=(64,)),
        optimizer=OptimizerSpecification("sgd", rate, schedule),
        budget=Budget("env_steps", steps),
        evaluation_episodes=0,
    )


def speed(work):
    """Steps per CPU-second of a call that returns its steps."""
    start = time.process_time()
    return work() / (time.process_time() - start)


def median(repeats, ours, theirs):
    """Median of our speed over theirs, and the spread of the ratios."""
    ratios = sorted(speed(ours) / speed(theirs) for _ in range(repeats))
    return statistics.median(ratios), f"{ratios[0]:.2f} to {ratios[-1]:.2f}"


def environment_alone(steps=60_000, made=None):
    env = made or make(CARTPOLE)
    env.reset(seed=0)
    for action in np.random.default_rng(0).integers(2, size=steps).tolist():
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return steps


def trained(spec, parameters=None, seed=0):
    """Run a training, from given parameters if any; returns its steps."""
    trainer = Trainer(spec, seed)
    if parameters is not None:
        trainer.policy.parameters.flat[:] = parameters
    trainer.run()
    return trainer.spent["env_steps"]


def good_parameters():
    """A CartPole policy that keeps the pole up for 500 steps."""
    how = EstimatorSpecification(baseline="leave-one-out")
    spec = replace(specification(4, 300_000, 3e-4, schedule="linear"), estimator=how)
    result = train(spec, 0)
    assert result.updates["mean_return"][-20:].mean() > 495
    return np.concatenate([v.numpy().ravel() for v in result.policy.values()])


def against_the_environment(_folder):
    """Long episodes have 500 steps, short ones about 22: an untrained policy's."""
    good = good_parameters()
    for n, (name, parameters) in itertools.product(
        (1, 4, 16, 64), (("short", None), ("long", good))
    ):
        spec = specification(n, 2_500 * max(8, n))

        def ours(spec=spec, parameters=parameters):
            return trained(spec, parameters)

        ratio, spread = median(5, ours, environment_alone)
        what = f"share of the environment's speed, N = {n}, {name}"
        yield what, f"{ratio:.2f} ({spread})"
    made = gymnasium.make("CartPole-v1")
    ratio, _ = median(3, lambda: environment_alone(made=made), environment_alone)
    yield "(the environment as gymnasium.make gives it, wrapped)", f"{ratio:.2f}"


def trained_together(spec, seeds, parameters):
    """Train seeds side by side, from given parameters if any; returns their steps."""
    players = training_samplers(spec, range(seeds))
    trainers = [Trainer(spec, i, player) for i, player in enumerate(players)]
    if parameters is not None:
        for trainer in trainers:
            trainer.policy.parameters.flat[:] = parameters
    list(drive([t.course() for t in trainers], players[0].group.play))
    return sum(trainer.spent["env_steps"] for trainer in trainers)


def side_by_side(_folder):
    """Against the list's environment alone, so more than 1 is possible."""
    good = good_parameters()
    cases = [  # kind, seeds, N, parameters, steps of each seed
        (True, 100, 1, good, 20_000),
        (True, 10, 4, good, 60_000),
        (True, 100, 4, good, 20_000),
        (True, 100, 1, None, 4_000),
        ("envpool", 100, 4, good, 10_000),
    ]
    for kind, seeds, n, parameters, steps in cases:
        spec = specification(n, steps, environment=replace(CARTPOLE, vectorize=kind))

        def ours(spec=spec, seeds=seeds, parameters=parameters):
            return trained_together(spec, seeds, parameters)

        ratio, spread = median(5, ours, environment_alone)
        what = "native vector" if kind is True else kind
        long = "short" if parameters is None else "long"
        name = f"{seeds} seeds x N = {n} side by side, {what}, {long}"
        yield name, f"{ratio:.1f} times ({spread})"


def against_the_list(_folder):
    good = good_parameters()
    vector = replace(CARTPOLE, vectorize=True)
    pool = replace(ACROBOT, vectorize="envpool")
    cases = [
        ("native vector, CartPole-v1, N = 64, untrained", CARTPOLE, vector, None, 64),
        ("native vector, CartPole-v1, N = 64, 500 steps", CARTPOLE, vector, good, 64),
        ("envpool, Acrobot-v1, N = 16", ACROBOT, pool, None, 16),
    ]
    for name, plain, fast, parameters, n in cases:
        few, many = (specification(n, k, environment=plain) for k in (64_000, 160_000))
        trained(replace(few, environment=fast), parameters)  # first use: imports

        def ours(spec=many, fast=fast, parameters=parameters):
            return trained(replace(spec, environment=fast), parameters)

        def theirs(spec=few, parameters=parameters):
            return trained(spec, parameters)

        ratio, spread = median(5, ours, theirs)
        yield f"{name}, against the list", f"{ratio:.1f} times ({spread})"


def against_the_textbook(_folder):
    good = good_parameters()
    for name, parameters in (("long", good), ("short", None)):
        spec = specification(1, 40_000)
        weights = None
        if parameters is not None:
            trainer = Trainer(spec, 0)
            trainer.policy.parameters.flat[:] = parameters
            weights = list(trainer.policy.parameters.tensors.values())

        def ours(parameters=parameters, spec=spec):
            return trained(spec, parameters)

        def theirs(weights=weights):
            return textbook.train(4000, STILL, weights)

        theirs()  # first use: torch.optim's imports
        ratio, spread = median(5, ours, theirs)
        what = f"{name} episodes, N = 1, against the textbook loop"
        yield what, f"{ratio:.0f} times ({spread})"


START = """
import os, psutil, time
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
def step(self, action):
    above = psutil.Process(os.getppid()).cpu_times()  # a run has a process of its own
    print(time.process_time() + above.user + above.system, flush=True)
    os._exit(0)
CartPoleEnv.step = step
from pgstudy.cli import main
main()
"""


def start_up(folder):
    block = next(load_study(config()).blocks()).to_json()
    command = [sys.executable, "-c", START, "train", block]
    seconds = [
        float(subprocess.run(command, cwd=folder, stdout=-1).stdout) for _ in range(5)
    ]
    name = "from process start to the first environment step"
    yield name, f"{statistics.median(seconds):.2f} CPU-s"


def large_n(folder):
    changes = {"sample_counts": [1000], "seeds": 1}
    study = config(**changes, environments=[{"id": "CartPole-v1", "updates": 1}])
    del study["defaults"]["env_steps"]
    block = json.loads(next(load_study(study).blocks()).to_json())
    good = folder / "good.npy"
    np.save(good, good_parameters())
    code = (
        "import sys, json, numpy as np\n"
        "from pgstudy.learning.reinforce import Trainer\n"
        "from pgstudy.learning.specification import RunSpecification\n"
        "t = Trainer(RunSpecification.from_dict(json.loads(sys.argv[1])), 0)\n"
        "t.policy.parameters.flat[:] = np.load(sys.argv[2])\n"
        "t.run(); assert t.spent['env_steps'] > 490_000"
    )
    text = json.dumps(block["specification"])
    command = [sys.executable, "-c", code, text, str(good)]
    _, _, memory = run_measured(command, folder)
    yield "a process with N = 1000, 500-step episodes", f"{memory:.0f} MB"


MEASURES = (
    against_the_environment,
    side_by_side,
    against_the_list,
    against_the_textbook,
    start_up,
    large_n,
)
torch.set_num_threads(1)
