"""`make bench-peers`: the same training by libraries that users would pick instead.

Same network (4-64-2, tanh), same environment (CartPole-v1), 16 environments or
trajectories, one thread, by their public interfaces. Runs in an environment of its own,
.venv-peers.
"""

import gymnasium
import numpy as np
import stable_baselines3
import tianshou
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env
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

from benchmarks.speed import specification, speed, trained

STEPS = 40_000
N = 16


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


if __name__ == "__main__":
    main()
