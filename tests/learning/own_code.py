"""Estimators of a user's own, good and bad; tests name them as module:name."""

import numpy as np

from pgstudy.learning.estimators.weights import leave_one_out

PLACE = "tests.learning.own_code"


def leave_out(rewards, mask, gamma):
    """The built-in leave-one-out, by the built-in's own code."""
    returns = rewards.sum(0, keepdims=True)
    return returns - leave_one_out(returns)


def median(rewards, mask, gamma):
    """Less the median of the other trajectories' returns."""
    returns = rewards.sum(0)
    if len(returns) == 1:
        return returns[None]
    others = [np.median(np.delete(returns, i)) for i in range(len(returns))]
    return (returns - others)[None]


def to_go(rewards, mask, gamma, scale=1.0):
    """Reward-to-go, times a number."""
    return scale * rewards[::-1].cumsum(0)[::-1]


def own_in_mean(rewards, mask, gamma):
    """Its own return is in the mean that it is compared with."""
    returns = rewards.sum(0)
    return (returns - returns.mean())[None]


def mean_over_steps(rewards, mask, gamma):
    """A mean over all steps of the batch, where the formula has one over N."""
    return rewards.sum(0)[None] * mask.shape[1] / mask.sum()


def random(rewards, mask, gamma):
    """Other weights at each call."""
    return rewards + np.random.default_rng().normal()


def column(rewards, mask, gamma):
    """[N] instead of [1, N]."""
    return rewards.sum(0)


def words(rewards, mask, gamma):
    """No numbers."""
    return "much"


def infinite(rewards, mask, gamma):
    """Divides by the spread, which may be 0."""
    with np.errstate(all="ignore"):
        return rewards / rewards[0].std()


def overwrites(rewards, mask, gamma):
    """Writes into the batch."""
    rewards -= 1
    return rewards


def raises(rewards, mask, gamma):
    """A mistake of its writer."""
    return rewards[99]


def leaves(rewards, mask, gamma):
    """Ends its process."""
    raise SystemExit(3)


NUMBER = 3


class Slow:
    """A baseline that follows the mean return slowly."""

    def __init__(self, keep=0.9):
        self.keep, self.mean = keep, 0.0

    def __call__(self, rewards, mask, gamma):
        returns = rewards.sum(0)
        weights = returns - self.mean
        self.mean = self.keep * self.mean + (1 - self.keep) * returns.mean()
        return weights[None]

    def state(self):
        return {"mean": self.mean}

    def restore(self, state):
        self.mean = float(state["mean"])


class Forgetful(Slow):
    """Its state is not all that it remembers."""

    def state(self):
        return {"keep": self.keep}

    def restore(self, state):
        pass


class Half:
    """No way back."""

    def __call__(self, rewards, mask, gamma):
        return rewards

    def state(self):
        return {}


COUNT = [0]


def hidden(rewards, mask, gamma):
    """Remembers outside of any state."""
    COUNT[0] += 1
    return rewards * COUNT[0]


def longer(rewards, mask, gamma):
    """Its own length is in the weight."""
    return (rewards.sum(0) + mask.sum(0))[None]


def discounted(rewards, mask, gamma, power):
    """Discounted rewards to go, with the factor gamma^t or without it."""
    steps = np.arange(len(rewards))[:, None]
    present = gamma**steps * rewards
    return gamma ** ((power - 1) * steps) * present[::-1].cumsum(0)[::-1]


def complex(rewards, mask, gamma):
    """Half of it would be lost."""
    return rewards + 1j


class StateRaises(Slow):
    """A mistake of its writer."""

    def state(self):
        return {}["mean"]


class Empty:
    """Remembers nothing before its first batch."""

    def __init__(self):
        self.seen = []

    def __call__(self, rewards, mask, gamma):
        weights = rewards.sum(0) - (np.mean(self.seen) if self.seen else 0.0)
        self.seen.append(rewards.sum(0).mean())
        return weights[None]

    def state(self):
        return {"seen": np.array(self.seen)} if self.seen else {}

    def restore(self, state):
        self.seen = list(state.get("seen", []))


def fails_when_short(rewards, mask, gamma):
    """Exists for episodes of one step alone."""
    if len(rewards) > 1:
        raise ValueError("too long for me")
    return rewards


def not_finite(rewards, mask, gamma):
    """Divides by what may be 0."""
    with np.errstate(all="ignore"):
        return rewards / (len(rewards) - 1)


def exits(rewards, mask, gamma):
    """Ends the process."""
    raise SystemExit(2)
