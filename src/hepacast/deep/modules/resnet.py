# SPDX-License-Identifier: Apache-2.0
"""Residual networks on two or three axes, with the layer names of public weight files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from hepacast.deep.modules.network import Network, start_weights

_BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL: dict[int, Any] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_AVERAGE: dict[int, Any] = {2: functional.avg_pool2d, 3: functional.avg_pool3d}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a residual encoder is laid out.

    Parameters
    ----------
    axes : int
        Axes of space.
    blocks : tuple of int
        Blocks of every stage; stage ``s`` has ``64 * 2 ** s`` channels.
    bottleneck : bool
        Blocks of 1-3-1 convolutions that give four times the channels.
    pool_shortcut : bool
        Shortcuts pool and pad with zeros, instead of a convolution.
    dilated : bool
        The third and fourth stage keep the side and dilate by 2 and 4.
    """

    axes: int
    blocks: tuple[int, ...]
    bottleneck: bool = False
    pool_shortcut: bool = False
    dilated: bool = False

    @classmethod
    def of_depth(
        cls,
        depth: int,
        axes: int,
        *,
        stages: int = 4,
        pool_shortcut: bool = False,
        dilated: bool = False,
    ) -> Plan:
        """Lay out the usual depth; ten layers in two stages have two blocks in each."""
        blocks = _BLOCKS[depth] if stages == 4 else (2,) * stages
        return cls(axes, blocks, depth >= 50, pool_shortcut, dilated)

    @property
    def expansion(self) -> int:
        """Channels that a block gives, per channel of its stage."""
        return 4 if self.bottleneck else 1

    def stride(self, stage: int) -> int:
        """Step of the first block of a stage."""
        return 1 if stage == 0 or (self.dilated and stage >= 2) else 2

    def dilation(self, stage: int) -> int:
        """Spread of the convolutions of a stage."""
        return 2 ** (stage - 1) if self.dilated and stage >= 2 else 1


class PoolShortcut(nn.Module):
    """Every second voxel, and zeros for the channels that are missing.

    The gradient passes; in MONAI 1.6 and MedicalNet it is cut, which only frozen weights forgive.
    """

    def __init__(self, stride: int, missing: int) -> None:
        super().__init__()
        self.stride, self.missing = stride, missing

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller and deeper map."""
        axes = x.ndim - 2
        kept: Tensor = _AVERAGE[axes](x, 1, self.stride)
        return functional.pad(kept, (0, 0) * axes + (0, self.missing))


class Block(nn.Module):
    """Convolutions whose sum with their own input is rectified."""

    def __init__(self, plan: Plan, stage: int, inside: int, *, first: bool) -> None:
        super().__init__()
        conv, norm = _CONV[plan.axes], _NORM[plan.axes]
        width = 64 * 2**stage
        given = width * plan.expansion
        stride = plan.stride(stage) if first else 1
        spread = plan.dilation(stage)
        wide = {"padding": spread, "dilation": spread, "bias": False}
        if plan.bottleneck:
            self.conv1 = conv(inside, width, 1, bias=False)
            self.conv2 = conv(width, width, 3, stride=stride, **wide)
            self.conv3 = conv(width, given, 1, bias=False)
            self.bn3 = norm(given)
        else:
            self.conv1 = conv(inside, width, 3, stride=stride, **wide)
            self.conv2 = conv(width, width, 3, **wide)
        self.bn1, self.bn2 = norm(width), norm(width)
        self.downsample: nn.Module | None = None
        if stride != 1 or inside != given:
            self.downsample = (
                PoolShortcut(stride, given - inside)
                if plan.pool_shortcut
                else nn.Sequential(conv(inside, given, 1, stride=stride, bias=False), norm(given))
            )
        self.bottleneck = plan.bottleneck

    def forward(self, x: Tensor) -> Tensor:
        """Return the map after the block."""
        kept = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x))
        if self.bottleneck:
            x = self.bn3(self.conv3(x.relu_()))
        return (x + kept).relu_()


class Encoder(nn.Module):
    """Stem, stages and an average: an image to a vector.

    The names of its parts are those of torchvision's and MedicalNet's weight files.
    """

    def __init__(self, plan: Plan, in_channels: int) -> None:
        super().__init__()
        self.plan, self.in_channels = plan, in_channels
        conv, norm, pool = _CONV[plan.axes], _NORM[plan.axes], _POOL[plan.axes]
        # A first step of 1, MONAI's default, costs nine times as much in 3D.
        self.conv1 = conv(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.maxpool = pool(3, stride=2, padding=1)
        inside = 64
        for stage, count in enumerate(plan.blocks):
            blocks = []
            for at in range(count):
                blocks.append(Block(plan, stage, inside, first=at == 0))
                inside = 64 * 2**stage * plan.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.width = inside
        self.reduction = 4
        for stage in range(len(plan.blocks)):
            self.reduction *= plan.stride(stage)
        start_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width) averages of the last map."""
        # Rectified after pooling, which is the same: a quarter of the voxels, or an eighth.
        x = self.maxpool(self.bn1(self.conv1(x))).relu_()
        for stage in range(len(self.plan.blocks)):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean(dim=tuple(range(2, x.ndim)))


class ResNet(Network):
    """An encoder and a linear head; ``parts`` groups of channels share the encoder.

    With several parts the encoder sees ``n * parts`` images, the parts of a case
    next to each other, so that an explanation of ``cam_layer`` is one map per part.
    """

    def __init__(self, encoder: Encoder, out: int, *, parts: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder, self.parts = encoder, parts
        self.axes = encoder.plan.axes
        self.in_channels = encoder.in_channels * parts
        self.width = encoder.width * parts
        self.smallest = encoder.reduction
        self.cam_layer = f"encoder.layer{len(encoder.plan.blocks)}"
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.width, out)
        start_weights(self.fc)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, width) vectors; the parts side by side."""
        self.check(tuple(x.shape[1:]))
        split = x.reshape(len(x) * self.parts, self.encoder.in_channels, *x.shape[2:])
        vectors: Tensor = self.encoder(split)
        return vectors.reshape(len(x), self.width)

    def head(self, vector: Tensor) -> Tensor:
        """Return (n, out) logits of vectors."""
        logits: Tensor = self.fc(self.dropout(vector))
        return logits
