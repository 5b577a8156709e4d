# SPDX-License-Identifier: Apache-2.0
"""A network: two convolutions and a mean."""

from typing import Literal

import torch
from torch import Tensor, nn

from hepacast.deep.modules.network import Network, start_weights
from hepacast.deep.networks import NETWORKS, NetworkParams


class TinyParams(NetworkParams):
    """Settings of the smallest network."""

    kind: Literal["tiny-2d"] = "tiny-2d"
    width: int = 8
    """Length of a vector."""


class Tiny(Network):
    """Two convolutions, the mean of the last map, a linear head."""

    axes, smallest, cam_layer = 2, 8, "second"

    def __init__(self, params: TinyParams) -> None:
        super().__init__()
        self.in_channels, self.width = params.in_channels, params.width
        self.first = nn.Conv2d(params.in_channels, params.width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(params.width, params.width, 3, stride=2, padding=1)
        self.fc = nn.Linear(params.width, params.out)
        start_weights(self)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, width) vectors."""
        self.check(tuple(x.shape[1:]))
        return torch.relu(self.second(torch.relu(self.first(x)))).mean(dim=(2, 3))

    def head(self, vector: Tensor) -> Tensor:
        """Return (n, out) logits of vectors."""
        return self.fc(vector)


NETWORKS.register(TinyParams)(Tiny)
