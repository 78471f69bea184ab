"""`make bench-peers`: the same training by libraries that users would pick instead.

Same network (4-64-2, tanh), same environment (CartPole-v1), 16 environments or
trajectories, one thread, by their public interfaces. And a study: what 4 N x 10 seeds x
300,000 steps take by a script on stable-baselines3 that logs to CSV, and by our seeds
side by side; a fraction is measured, and the rest extrapolated. Runs in an environment
of its own, .venv-peers.
"""

import tempfile
import time
from dataclasses import replace

import gymnasium
import numpy as np
import stable_baselines3
import tianshou
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from tianshou.algorithm import Reinforce
from tianshou.algorithm.modelfree.reinforce import (
    DiscreteActorPolicy,
    ProbabilisticActorPolicy,
)
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.discrete import DiscreteActor

from benchmarks.baselines import examples
from benchmarks.speed import (
    CARTPOLE,
    specification,
    speed,
    trained,
    trained_together,
)
from pgstudy.learning.specification import (
    Budget,
    EnvironmentSpecification,
    EstimatorSpecification,
    OptimizerSpecification,
    PolicySpecification,
    RunSpecification,
)

STEPS = 40_000
N = 16
SEEDS, TOTAL, FRACTION, RATE = 10, 300_000, 16_000, 1e-5  # of a study


def ours():
    return trained(specification(N, STEPS, 3e-4))


def a2c():
    env = make_vec_env("CartPole-v1", n_envs=N, seed=0)
    layers = {"net_arch": [64], "activation_fn": torch.nn.Tanh}
    model = A2C("MlpPolicy", env, policy_kwargs=layers, device="cpu", seed=0)
    model.learn(STEPS)
    return model.num_timesteps


def reinforce():
    envs = DummyVectorEnv([lambda: gymnasium.make("CartPole-v1") for _ in range(N)])
    net = Net(state_shape=(4,), hidden_sizes=[64], activation=torch.nn.Tanh)
    actor = DiscreteActor(preprocess_net=net, action_shape=2, softmax_output=False)
    policy = DiscreteActorPolicy(actor=actor, action_space=gymnasium.spaces.Discrete(2))
    assert isinstance(policy, ProbabilisticActorPolicy)
    algorithm = Reinforce(policy=policy, optim=AdamOptimizerFactory(lr=1e-3))
    collector = Collector(algorithm, envs, VectorReplayBuffer(STEPS, N))
    result = algorithm.run_training(
        OnPolicyTrainerParams(
            training_collector=collector,
            test_collector=None,
            max_epochs=1,
            epoch_num_steps=STEPS,
            collection_step_num_episodes=N,
            collection_step_num_env_steps=None,
            update_step_num_repetitions=1,
            batch_size=None,
            show_progress=False,
            verbose=False,
        )
    )
    return result.train_step


class Endless(CartPoleEnv):
    """CartPole whose pole never counts as fallen: episodes of 500 steps, by anybody."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.x_threshold = self.theta_threshold_radians = float("inf")


gymnasium.register("bench/Endless-v0", Endless)


def against_the_examples():
    """The loop of pytorch/examples, N = 1, long episodes, with what it does."""
    spec = RunSpecification(
        environment=EnvironmentSpecification("bench/Endless-v0", {}, 500),
        n=1,
        estimator=EstimatorSpecification("to-go", 0.99, "biased", normalise=True),
        policy=PolicySpecification(hidden=(128,), activation="relu"),
        optimizer=OptimizerSpecification("adam", 1e-2, "constant"),
        budget=Budget("env_steps", STEPS),
        evaluation_episodes=0,
    )
    env = gymnasium.wrappers.TimeLimit(Endless(), 500)
    return lambda: trained(spec), lambda: examples.train(env, STEPS // 4)


def study(steps):
    """CPU-hours of the whole study by us and by the script, from so many steps."""
    ours, script = 0.0, 0.0
    for n in (1, 4, 16, 64):
        environment = replace(CARTPOLE, vectorize=True)
        spec = specification(n, steps, RATE, environment=environment)
        start = time.process_time()
        made = trained_together(spec, SEEDS, None)
        ours += (time.process_time() - start) * SEEDS * TOTAL / made
        script += script_a2c(n, steps) * SEEDS * TOTAL / steps
    return ours / 3600, script / 3600


def script_a2c(n, steps):
    """CPU-seconds for so many steps of one seed, logged to a file."""
    env = make_vec_env("CartPole-v1", n_envs=n, seed=0)
    layers = {"net_arch": [64], "activation_fn": torch.nn.Tanh}
    model = A2C("MlpPolicy", env, policy_kwargs=layers, device="cpu", seed=0)
    model.set_logger(configure(tempfile.mkdtemp(), ["csv"]))
    start = time.process_time()
    model.learn(steps)
    return (time.process_time() - start) * steps / model.num_timesteps


def main():
    torch.set_num_threads(1)
    peers = {
        f"stable-baselines3 {stable_baselines3.__version__}, A2C": a2c,
        f"tianshou {tianshou.__version__}, Reinforce": reinforce,
    }
    print("| what | measured |\n|---|---|")
    for name, peer in peers.items():
        ratios = [speed(ours) / speed(peer) for _ in range(4)][1:]  # the first warms up
        print(
            f"| against {name}, {N} parallel environments "
            f"| {np.median(ratios):.1f} times |"
        )
    mine, theirs = against_the_examples()
    ratios = [speed(mine) / speed(theirs) for _ in range(4)][1:]
    name = "against the loop of pytorch/examples, N = 1, episodes of 500 steps"
    print(f"| {name} | {np.median(ratios):.1f} times |")
    mine, theirs = study(FRACTION)
    shown = f"{mine:.2f} CPU-hours, and {theirs:.2f} by stable-baselines3's A2C"
    name = f"a study of 4 N x 10 seeds x 300,000 steps, from {FRACTION:,} steps each"
    print(f"| {name} (extrapolated) | {shown} |")


if __name__ == "__main__":
    main()
