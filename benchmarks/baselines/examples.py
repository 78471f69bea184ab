"""REINFORCE in the form of pytorch/examples: dropout, Adam, standardised returns.

One environment, a sample from torch.distributions at each step, an update per episode
(github.com/pytorch/examples, reinforcement_learning/reinforce.py; written anew here).
"""

import torch

GAMMA, DROPOUT, LEARNING_RATE = 0.99, 0.6, 1e-2


def network():
    """4-128-2, relu, dropout."""
    layers = [torch.nn.Linear(4, 128), torch.nn.Dropout(DROPOUT), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(128, 2))


def train(env, steps):
    """Train for at least `steps` steps. Returns the steps taken."""
    policy, taken = network(), 0
    optimizer = torch.optim.Adam(policy.parameters(), lr=LEARNING_RATE)
    while taken < steps:
        observation, _ = env.reset(seed=0 if taken == 0 else None)
        log_probs, rewards, done = [], [], False
        while not done:
            logits = policy(torch.as_tensor(observation).unsqueeze(0))
            distribution = torch.distributions.Categorical(logits=logits)
            action = distribution.sample()
            log_probs.append(distribution.log_prob(action))
            observation, reward, terminated, truncated, _ = env.step(action.item())
            rewards.append(reward)
            done = terminated or truncated
        to_go, later = [], 0.0
        for reward in reversed(rewards):
            later = reward + GAMMA * later
            to_go.append(later)
        returns = torch.tensor(to_go[::-1])
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        loss = -(torch.cat(log_probs) * returns).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        taken += len(rewards)
    return taken
