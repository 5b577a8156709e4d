# SPDX-License-Identifier: Apache-2.0
"""A two-dimensional U-Net whose encoder levels serve as features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hepacast.deep.modules.network import Network, start_weights

if TYPE_CHECKING:
    from hepacast.deep.networks import UNet2dParams


def _level(inside: int, given: int) -> nn.Sequential:
    """Two convolutions, each normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(inside, given, 3, padding=1, bias=False),
        nn.BatchNorm2d(given),
        nn.ReLU(),
        nn.Conv2d(given, given, 3, padding=1, bias=False),
        nn.BatchNorm2d(given),
        nn.ReLU(),
    )


class UNet2d(Network):
    """Encoder, bottleneck and decoder; ``forward`` gives (n, out, j, i) logits.

    ``features`` gives the averages of all encoder levels, the bottleneck last:
    "deep semantic features", which any head may use.
    """

    axes = 2

    def __init__(self, params: UNet2dParams) -> None:
        super().__init__()
        self.in_channels = params.in_channels
        widths = [params.base * 2**level for level in range(params.levels)]
        self.level_widths = tuple(widths)
        self.width = sum(widths)
        self.whole = 2 ** (params.levels - 1)
        self.smallest = 2 * self.whole
        self.down = nn.ModuleList(
            _level(inside, given)
            for inside, given in zip((params.in_channels, *widths), widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(given * 2, given, 2, stride=2) for given in widths[-2::-1]
        )
        self.merge = nn.ModuleList(_level(given * 2, given) for given in widths[-2::-1])
        self.last = nn.Conv2d(params.base, params.out, 1)
        self.cam_layer = f"down.{params.levels - 1}"
        start_weights(self)

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return the map of every encoder level, the bottleneck last."""
        self.check(tuple(x.shape[1:]))
        maps: list[Tensor] = []
        for at, level in enumerate(self.down):
            x = level(self.pool(x) if at else x)
            maps.append(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """Return (n, width): the average of every level, the finest first."""
        return torch.cat([level.mean(dim=(2, 3)) for level in self.levels(x)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, out, j, i) logits."""
        *skipped, x = self.levels(x)
        for rise, merge, kept in zip(self.up, self.merge, reversed(skipped), strict=True):
            x = merge(torch.cat([kept, rise(x)], dim=1))
        logits: Tensor = self.last(x)
        return logits

    def head(self, vector: Tensor) -> Tensor:
        """Return the vector itself: a U-Net has no head of one number per case."""
        return vector
