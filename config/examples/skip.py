"""A network of one's own: a linear policy with a hidden layer beside it."""

import torch


class Skip(torch.nn.Module):
    """observations: [M, inputs] -> [M, outputs], a logit for each action."""

    def __init__(self, observation_space, action_space, outputs, width=16):
        super().__init__()
        inputs = observation_space.shape[0]
        self.direct = torch.nn.Linear(inputs, outputs)
        self.hidden = torch.nn.Linear(inputs, width)
        self.beside = torch.nn.Linear(width, outputs)
        with torch.no_grad():  # near-equal probabilities before the first update
            for one in (self.direct, self.beside):
                one.weight *= 0.01
                one.bias *= 0.01

    def forward(self, observations):
        hidden = torch.tanh(self.hidden(observations))
        return self.direct(observations) + self.beside(hidden)
