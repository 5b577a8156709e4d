# SPDX-License-Identifier: Apache-2.0
"""U-Nets of the package pyliverlesionseg, rebuilt from the layers that its weight files list.

The files (Keras, converted by ``hepacast import-weights``) hold the names of all layers
in order and the shape of every kernel, but not how much a pooling shrinks, nor how
borders are treated; these few facts are the :class:`KerasPlan`.  What the plan implies
is compared with what the file lists, layer by layer, before a weight is used.

Source of the layout: pyliverlesionseg 0.3 (Apache-2.0), which follows DeepVoxNet
(Robben et al. 2018, KU Leuven, report KUL/ESAT/PSI/1801).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hepacast.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Shape = tuple[int, int, int]

_EPSILON = 1e-7
_SLOPE = 0.01
_LEVELS = 4


@dataclass(frozen=True, slots=True)
class KerasPlan:
    """What a weight file does not say.

    Parameters
    ----------
    factor : int
        By which every pooling shrinks.
    window : (k, j, i) of int
        Size of the input that the network was trained on.
    valid : bool
        Convolutions lose the border, instead of reading zeros beyond it.
    residual : bool
        Two convolutions are added to their own input.
    smooth : bool
        Upsampling is followed by a moving average, which makes it linear.
    """

    factor: int
    window: Shape
    valid: bool = False
    residual: bool = False
    smooth: bool = False

    def layers(self) -> Counter[str]:
        """Count the layers of every kind that a file of this plan lists."""
        pairs = 2 * _LEVELS - 1
        ups = _LEVELS + 1
        found = Counter(
            input=2, main=1, multiply=1, concatenate=_LEVELS - 1, max_pooling3d=_LEVELS + 1
        )
        found["up_sampling3d"] = ups
        found["average_pooling3d"] = 2 * ups if self.smooth else ups
        found["lambda"] = found["leaky_re_lu"] = 2 * pairs
        found["cropping3d"] = _LEVELS - 1 + (pairs if self.residual else 0)
        # Every pair has a convolution on its shortcut, but the lowest keeps its width.
        found["conv3d"] = 2 * pairs + 1 + (pairs - 1 if self.residual else 0)
        if self.residual:
            found["add"] = pairs
        return found


LIVER = KerasPlan(factor=3, window=(162, 162, 189), smooth=True)
LESION = KerasPlan(factor=2, window=(86, 172, 180), valid=True, residual=True)


class KerasUNet(nn.Module):
    """A four-level U-Net with the convolutions of a weight file, in the file's order.

    Parameters
    ----------
    plan : KerasPlan
        What the file does not say.
    kernels : sequence of tuple
        Shapes of all kernels as the file has them: (i, j, k, in, out).
    """

    def __init__(self, plan: KerasPlan, kernels: Sequence[tuple[int, ...]]) -> None:
        super().__init__()
        self.plan = plan
        self.convolutions = nn.ModuleList()
        for i, j, k, given, out in kernels:
            padding = 0 if plan.valid else (k // 2, j // 2, i // 2)
            self.convolutions.append(nn.Conv3d(given, out, (k, j, i), padding=padding))

    def forward(self, x: Tensor) -> Tensor:
        """Return the probability of the organ for the middle of (n, 1, k, j, i) windows."""
        order = iter(self.convolutions)
        skips = []
        for level in range(_LEVELS):
            if level:
                x = functional.max_pool3d(x, self.plan.factor)
            x = self._pair(x, order, bare=level == 0)
            skips.append(x)
        skips.pop()
        while skips:
            x = self._larger(x)
            x = torch.cat([_middle(skips.pop(), x), x], dim=1)
            x = self._pair(x, order)
        return torch.sigmoid(next(order)(_ready(x)))

    def _pair(self, x: Tensor, order: Iterator[nn.Module], *, bare: bool = False) -> Tensor:
        """Two convolutions, each of the normed and rectified map; the very first of the image."""
        first, second = next(order), next(order)
        y: Tensor = second(_ready(first(x if bare else _ready(x))))
        if not self.plan.residual:
            return y
        shortcut = _middle(x, y)
        if shortcut.shape[1] != y.shape[1]:
            shortcut = next(order)(shortcut)
        return y + shortcut

    def _larger(self, x: Tensor) -> Tensor:
        repeated = functional.interpolate(x, scale_factor=self.plan.factor, mode="nearest")
        if not self.plan.smooth:
            return repeated
        return functional.avg_pool3d(repeated, self.plan.factor, stride=1)

    def output_shape(self, window: Shape | None = None) -> Shape:
        """Size of the output for a window, without computing anything.

        Raises
        ------
        WeightsError
            If the channels of the convolutions do not fit one another.
        """
        with torch.device("meta"):
            twin = KerasUNet(self.plan, [_keras_shape(one) for one in self.convolutions])
            empty = torch.empty((1, 1, *(window or self.plan.window)))
        try:
            k, j, i = twin(empty).shape[2:]
        except (RuntimeError, StopIteration) as error:
            raise WeightsError(
                what="the layers of a file must fit one another, and its window",
                got=str(error).splitlines()[0] if str(error) else "too few convolutions",
                fix="Import the weights again from the package pyliverlesionseg 0.3.",
            ) from error
        return k, j, i


def _ready(x: Tensor) -> Tensor:
    """Norm over space (population spread, as Keras has it), then a leaky rectifier."""
    axes = (2, 3, 4)
    x = x - x.mean(dim=axes, keepdim=True)
    x /= x.pow(2).mean(dim=axes, keepdim=True).sqrt() + _EPSILON
    return functional.leaky_relu(x, _SLOPE)


def _middle(x: Tensor, like: Tensor) -> Tensor:
    """Cut the middle of a map to the size of another."""
    for axis in (2, 3, 4):
        length = like.shape[axis]
        x = x.narrow(axis, (x.shape[axis] - length) // 2, length)
    return x


def _keras_shape(convolution: nn.Module) -> tuple[int, ...]:
    if not isinstance(convolution, nn.Conv3d):
        raise TypeError(convolution)
    out, given, k, j, i = convolution.weight.shape
    return i, j, k, given, out


def rebuild(arrays: Mapping[str, np.ndarray], layers: Sequence[str], plan: KerasPlan) -> KerasUNet:
    """Rebuild a network from the arrays and the layer names of a weight file.

    Parameters
    ----------
    arrays : mapping of str to array
        ``conv3d_1/kernel`` (i, j, k, in, out), ``conv3d_1/bias`` (out,), and so on.
    layers : sequence of str
        Names of all layers in the order of the file: ``max_pooling3d_1``.
    plan : KerasPlan
        ``LIVER`` or ``LESION``.

    Returns
    -------
    KerasUNet
        In evaluation mode, with every array of the file in its place.

    Raises
    ------
    WeightsError
        If the file lists other layers than the plan has, or other shapes.
    """
    listed = Counter(re.sub(r"_\d+$", "", name) for name in layers)
    expected = plan.layers()
    if listed != expected:
        differing = {kind for kind in listed | expected if listed[kind] != expected[kind]}
        told = ", ".join(f"{listed[one]} {one} for {expected[one]}" for one in sorted(differing))
        raise WeightsError(
            what="a weight file must list the layers of its network",
            got=told,
            fix="Give the file of the liver where the liver is asked for, of the lesions else.",
        )
    names = [name for name in layers if name.startswith("conv3d_")]
    wanted = {f"{name}/{part}" for name in names for part in ("kernel", "bias")}
    if wanted != set(arrays):
        raise WeightsError(
            what="every convolution has a kernel and a bias, and nothing else has weights",
            got=", ".join(sorted(wanted ^ set(arrays))[:3]),
            fix="Import the weights again.",
        )
    # conv3d_10 comes after conv3d_9: the number is the order in which layers were made.
    names.sort(key=lambda name: int(name.rpartition("_")[2]))
    network = KerasUNet(plan, [arrays[f"{name}/kernel"].shape for name in names])
    network.output_shape()
    state = {}
    for at, name in enumerate(names):
        kernel = arrays[f"{name}/kernel"].transpose(4, 3, 2, 1, 0)
        state[f"convolutions.{at}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel))
        state[f"convolutions.{at}.bias"] = torch.from_numpy(np.array(arrays[f"{name}/bias"]))
    network.load_state_dict(state)
    return network.eval()
