"""Networks of a user's own, good and bad; tests name them as module:name."""

import numpy as np
import torch

PLACE = "tests.learning.own_networks"


class Small(torch.nn.Module):
    """Two layers on a flattened observation."""

    def __init__(self, observation_space, action_space, outputs, width=8):
        super().__init__()
        inputs = int(np.prod(observation_space.shape)) or int(observation_space.n)
        self.first = torch.nn.Linear(inputs, width)
        self.last = torch.nn.Linear(width, outputs)

    def forward(self, observations):
        hidden = torch.tanh(self.first(observations.flatten(1)))
        return 0.01 * self.last(hidden)


def perceptron(observation_space, action_space, outputs):
    """A function that makes one."""
    inputs = int(np.prod(observation_space.shape))
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(inputs, outputs))


class Partly(Small):
    """One layer is never used, so that it has no gradient."""

    def __init__(self, *given):
        super().__init__(*given)
        self.unused = torch.nn.Linear(3, 3)


class Dropping(Small):
    def forward(self, observations):
        hidden = super().forward(observations)
        return torch.nn.functional.dropout(hidden, 0.5, training=True)


class Remembering(Small):
    count = 0

    def forward(self, observations):
        self.count += 1
        return super().forward(observations) + self.count


class Together(Small):
    def forward(self, observations):
        return super().forward(observations) + observations.mean()


class Wide(Small):
    def __init__(self, observation_space, action_space, outputs):
        super().__init__(observation_space, action_space, outputs + 1)


class Doubles(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.double()

    def forward(self, observations):
        return super().forward(observations.double())


class Images(Small):
    """Wants what is not there."""

    def forward(self, observations):
        return self.last(observations[:, :, 0])


def nothing(observation_space, action_space, outputs):
    return None


class Empty(torch.nn.Module):
    def __init__(self, observation_space, action_space, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, observations):
        return torch.zeros(len(observations), self.outputs)


class Halves(Small):
    def forward(self, observations):
        return super().forward(observations).half()


class Frozen(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.first.weight.requires_grad_(False)


class Single(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.scale = torch.nn.Parameter(torch.tensor(2.0))


class WithoutGradient(Small):
    def forward(self, observations):
        with torch.no_grad():
            return super().forward(observations)


class RandomFeatures(Small):
    """Half of it is drawn, and no parameter."""

    def __init__(self, *given):
        super().__init__(*given)
        self.features = torch.randn(4, 4)

    def forward(self, observations):
        return super().forward(observations @ self.features)


class Normalised(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, observations):
        return super().forward(self.norm(observations))


class DropoutModule(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, observations):
        return super().forward(self.drop(observations))


class LogStd(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.log_std = torch.nn.Parameter(torch.zeros(1, 2))


class Baseline(Small):
    def __init__(self, *given):
        super().__init__(*given)
        self.baseline = torch.nn.Linear(4, 1)
