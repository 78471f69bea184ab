"""REINFORCE as tutorials print it: one environment, an update per episode.

torch.distributions in the step loop, and a graph that grows with the episode.
"""

import gymnasium
import torch


def network(parameters=None):
    """4-64-2 with tanh; `parameters` in the order weight, bias, weight, bias."""
    layers = [torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2)]
    made = torch.nn.Sequential(*layers)
    if parameters is not None:
        with torch.no_grad():
            for mine, given in zip(made.parameters(), parameters, strict=True):
                mine.copy_(given.T.reshape(mine.shape))
    return made


def train(steps, learning_rate, parameters=None):
    """Train on CartPole-v1 for at least `steps` steps. Returns the steps taken."""
    env = gymnasium.make("CartPole-v1")
    policy = network(parameters)
    optimizer = torch.optim.SGD(policy.parameters(), lr=learning_rate)
    taken, seed = 0, 0
    while taken < steps:
        observation, _ = env.reset(seed=seed)
        seed = None
        log_probs, rewards, done = [], [], False
        while not done:
            logits = policy(torch.as_tensor(observation))
            distribution = torch.distributions.Categorical(logits=logits)
            action = distribution.sample()
            log_probs.append(distribution.log_prob(action))
            observation, reward, terminated, truncated, _ = env.step(action.item())
            rewards.append(reward)
            done = terminated or truncated
        loss = -torch.stack(log_probs).sum() * sum(rewards)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        taken += len(rewards)
    return taken
