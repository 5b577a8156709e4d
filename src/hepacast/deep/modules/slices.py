# SPDX-License-Identifier: Apache-2.0
"""The six-block network that reads one slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hepacast.deep.modules.network import Network, start_weights

if TYPE_CHECKING:
    from hepacast.deep.networks import SliceNetworkParams


class HalvingBlock(nn.Module):
    """Two convolutions, the first of step 2, added to a halved copy of their input."""

    def __init__(self, inside: int, given: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, given, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(given)
        self.conv2 = nn.Conv2d(given, given, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(given)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inside, given, 1, stride=2, bias=False), nn.BatchNorm2d(given)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the map after the block, half the side."""
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class SliceNetwork(Network):
    """A convolution, six halving blocks, the flattened map, dropout and a linear head."""

    axes = 2

    def __init__(self, params: SliceNetworkParams) -> None:
        super().__init__()
        self.in_channels, self.size = params.in_channels, params.size
        self.smallest = self.whole = params.size
        self.stem = nn.Sequential(
            nn.Conv2d(params.in_channels, params.stem, 3, padding=1, bias=False),
            nn.BatchNorm2d(params.stem),
            nn.ReLU(),
        )
        pairs = zip((params.stem, *params.widths), params.widths, strict=False)
        self.blocks = nn.Sequential(*(HalvingBlock(inside, given) for inside, given in pairs))
        last = len(params.widths) - 1
        self.cam_layer = f"blocks.{last}"
        self.width = params.widths[-1] * (params.size // 2 ** (last + 1)) ** 2
        self.dropout = nn.Dropout(params.dropout)
        self.fc = nn.Linear(self.width, params.out)
        start_weights(self)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, width): the flattened last map."""
        self.check(tuple(x.shape[1:]))
        last: Tensor = self.blocks(self.stem(x))
        return last.flatten(1)

    def head(self, vector: Tensor) -> Tensor:
        """Return (n, out) logits of vectors."""
        logits: Tensor = self.fc(self.dropout(vector))
        return logits

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse another number of channels, and any side but ``size``."""
        super().check(shape)
        if any(side != self.size for side in shape[1:]):
            super().check((shape[0], 0, 0))
