"""A small convolutional network, for images and for arrays like MinAtar's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from pgstudy.learning.policies.own_network import UnusableNetwork
from pgstudy.learning.policies.parameters import OUTPUT_SCALE


class Convolutional(torch.nn.Module):
    """Convolutions, then linear layers, with ReLU between (Young & Tian 2019).

    observation_space: a Box [height, width], [height, width, channels], or
    [channels, height, width] with `channels_last` false. Bytes are divided by 255.
    channels, kernel, stride: of the convolutions; hidden: widths of linear layers.
    """

    def __init__(  # noqa: PLR0913
        self,
        observation_space: spaces.Box,
        action_space: Any,
        outputs: int,
        *,
        channels: Sequence[int] = (16,),
        kernel: int = 3,
        stride: int = 1,
        hidden: Sequence[int] = (128,),
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        shape = observation_space.shape or ()
        if len(shape) not in (2, 3):
            cure = "an image is [height, width] or [height, width, channels]"
            raise UnusableNetwork(f"observations have the shape {shape}; {cure}")
        self._scale = 255.0 if observation_space.dtype == np.uint8 else 1.0
        self._last = channels_last and len(shape) == 3
        self._images = self._planes(torch.zeros(1, *shape)).shape[1:]
        layers = self._convolutions(channels, kernel, stride)
        with torch.no_grad():
            flat = torch.nn.Sequential(*layers)(torch.zeros(1, *self._images))
        for fan_in, fan_out in itertools.pairwise([flat.shape[1], *hidden]):
            layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
        last = torch.nn.Linear([flat.shape[1], *hidden][-1], outputs)
        with torch.no_grad():  # near-equal outputs before the first update
            last.weight.mul_(OUTPUT_SCALE)
            last.bias.mul_(OUTPUT_SCALE)
        self.layers = torch.nn.Sequential(*layers, last)

    def _convolutions(
        self, channels: Sequence[int], kernel: int, stride: int
    ) -> list[torch.nn.Module]:
        layers: list[torch.nn.Module] = []
        for fan_in, fan_out in itertools.pairwise([self._images[0], *channels]):
            convolution = torch.nn.Conv2d(fan_in, fan_out, kernel, stride)
            layers += [convolution, torch.nn.ReLU()]
        return [*layers, torch.nn.Flatten()]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """[M, *shape] -> [M, outputs]."""
        found: torch.Tensor = self.layers(self._planes(observations) / self._scale)
        return found

    def _planes(self, observations: torch.Tensor) -> torch.Tensor:
        """[M, *shape] -> [M, channels, height, width]."""
        if observations.ndim == 3:
            return observations[:, None]
        return observations.movedim(-1, 1) if self._last else observations
