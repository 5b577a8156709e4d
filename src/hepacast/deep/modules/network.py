# SPDX-License-Identifier: Apache-2.0
"""What every network is: a vector per input, a head on it, and a layer to explain."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from hepacast.core.errors import GeometryError


class Network(nn.Module):
    """A network that reads (n, channel, [k,] j, i) and gives vectors and logits.

    Attributes
    ----------
    cam_layer : str
        Last convolution block, by its name in the module.
    in_channels : int
        Channels that it reads.
    axes : int
        Axes of space, 2 or 3.
    width : int
        Length of a vector.
    smallest : int
        Least side of an input, voxels: below it the last map would be empty or cut short.
    whole : int
        Every side must be a multiple of it.
    columns : int
        Table columns that ``forward(x, table)`` reads beside the picture; mostly none.
    """

    cam_layer: str
    in_channels: int
    axes: int
    width: int
    smallest: int
    whole: int = 1
    columns: int = 0

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Return (n, width) vectors."""

    @abstractmethod
    def head(self, vector: Tensor) -> Tensor:
        """Return (n, out) logits of vectors."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, out) logits."""
        return self.head(self.features(x))

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse an input that the network cannot read.

        Parameters
        ----------
        shape : tuple of int
            Of one input, without the first axis: (channel, [k,] j, i).

        Raises
        ------
        GeometryError
            For another number of channels (phases, slices) or axes, or too small a side.
        """
        channels, *sides = shape
        if channels != self.in_channels:
            raise GeometryError(
                what=f"this network reads {self.in_channels} channels (phases times slices)",
                got=f"{channels}",
                fix="Give all phases in the order of the settings, or change in_channels.",
            )
        fits = len(sides) == self.axes and all(
            side >= self.smallest and side % self.whole == 0 for side in sides
        )
        if not fits:
            rule = f"at least {self.smallest} voxels on each of {self.axes} axes"
            rule += f", a multiple of {self.whole}" if self.whole > 1 else ""
            raise GeometryError(
                what=f"this network needs {rule}",
                got=" x ".join(map(str, sides)),
                fix="Crop with a wider margin, or resample to a finer spacing.",
            )


def start_weights(module: nn.Module) -> None:
    """Draw weights as He et al. 2015 (ICCV, p. 1026) for rectified units; biases start at 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)
