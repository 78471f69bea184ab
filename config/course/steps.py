"""The answer to exercise 8."""


def mean_over_steps(rewards, mask, gamma):
    """The total return, divided by the mean number of steps: [1, N]."""
    return rewards.sum(0)[None] * mask.shape[1] / mask.sum()
