# SPDX-License-Identifier: Apache-2.0
"""Where a network looked: Grad-CAM and Score-CAM in two and three dimensions.

What is explained is always said: a target is a named scalar (a logit, a log
hazard, one pooled feature), never "the prediction".  A map is given raw, in the
unit of its method; scaling for display is a separate step.

Sources: Selvaraju 2017, ICCV, p. 618 (Grad-CAM); Wang 2020, CVPR workshops,
p. 111 (Score-CAM).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from hepacast.core.errors import StudyError
from hepacast.core.registry import Registry, kind_of
from hepacast.deep.attribution_layer import Tap, require_single, resolve_layer, still
from hepacast.deep.attribution_params import GradCamParams, ScoreCamParams
from hepacast.deep.device import device_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float32

    from hepacast.core.params import Params

    Values: TypeAlias = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]

_EPS = 1e-8
_COARSE_CELLS = 4


@dataclass(frozen=True, slots=True)
class Target:
    """A scalar of a network that a map explains.

    Parameters
    ----------
    name : str
        As it is printed: ``"logit 0"``.
    value : callable
        Network and (n, channel, ...) input to (n,) values, differentiable.
    probability : callable or None
        The same as a probability, where the target has one.
    """

    name: str
    value: Values
    probability: Values | None = None


def logit(index: int = 0) -> Target:
    """Explain one logit; its probability is the sigmoid of a single one, else the softmax.

    Examples
    --------
    >>> logit(1).name
    'logit 1'
    """

    def value(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = network(x)
        return out[:, index]

    def probability(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = network(x)
        if out.shape[1] == 1:
            return torch.sigmoid(out[:, 0])
        return torch.softmax(out, dim=1)[:, index]

    return Target(f"logit {index}", value, probability)


def log_hazard(index: int = 0) -> Target:
    """Explain the log hazard of a Cox head: higher is worse."""
    return Target(f"log hazard {index}", logit(index).value)


def pooled_feature(index: int) -> Target:
    """Explain one entry of the pooled vector, as one explains a deep feature of a signature."""

    def value(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        vector: torch.Tensor = network.features(x)  # type: ignore[operator]
        return vector[:, index]

    return Target(f"pooled feature {index}", value)


@dataclass(frozen=True, slots=True, eq=False)
class SaliencyMap:
    """Where an image raised the target.

    Parameters
    ----------
    values : (...) float32
        Raw map in the shape of the input, at least 0; higher means more of the target.
    cells : (...) float32
        The same at the resolution of the layer; ``values`` is its linear interpolation.
    method, target, layer : str
        What was computed, of what, and where.
    score : float
        Target of the image; its probability, where it has one.
    baseline : float
        The same of an empty image.  A map says little where the two are equal.
    notes : tuple of str
        What a reader must know.
    """

    values: Float32[np.ndarray, ...]
    cells: Float32[np.ndarray, ...]
    method: str
    target: str
    layer: str
    score: float
    baseline: float
    notes: tuple[str, ...] = ()

    @property
    def blank(self) -> bool:
        """Nothing raised the target: there is no map to show."""
        return not bool(self.values.max() > 0)

    @property
    def display(self) -> Float32[np.ndarray, ...]:
        """Map scaled to 0-1 for a picture; a blank map stays 0."""
        top = float(self.values.max())
        return (self.values / top if top > 0 else self.values).astype(np.float32)

    def caption(self) -> str:
        """Say method, target, layer, resolution, and the baseline."""
        cells = " x ".join(map(str, self.cells.shape))
        text = (
            f"{self.method} of {self.target} at {self.layer} ({cells} cells); "
            f"image {self.score:.3f}, empty image {self.baseline:.3f}"
        )
        return "; ".join([text, *self.notes])


Explain: TypeAlias = "Callable[[torch.nn.Module, torch.Tensor, Target, Params], SaliencyMap]"
ATTRIBUTIONS: Registry[Explain] = Registry("attribution")
"""Every method, by the kind of its settings: ``ATTRIBUTIONS[params](network, x, target, params)``.
"""


def explain(
    network: torch.nn.Module, x: torch.Tensor, target: Target, params: Params | None = None
) -> SaliencyMap:
    """Map where an image raised a target of a network.

    Parameters
    ----------
    network : torch.nn.Module
        Used in evaluation mode, and left as it was.
    x : (1, channel, ...) tensor
        One image, in two or three dimensions.
    target : Target
        What is explained.
    params : GradCamParams or ScoreCamParams
        How; Grad-CAM by default.

    Raises
    ------
    StudyError
        If the network has no such layer, or ``x`` is not one image.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(),
    ...                           torch.nn.LazyLinear(1))
    >>> _ = net(torch.zeros(1, 1, 8, 8))
    >>> explain(net, torch.rand(1, 1, 8, 8), logit(), GradCamParams(layer="0")).values.shape
    (8, 8)
    """
    require_single(x)
    settings = GradCamParams() if params is None else params
    with still(network):
        return ATTRIBUTIONS[settings](network, x.to(device_of(network)), target, settings)


@ATTRIBUTIONS.register(GradCamParams)
def grad_cam(
    network: torch.nn.Module, x: torch.Tensor, target: Target, params: Params
) -> SaliencyMap:
    """Weigh each channel by the mean gradient of the target, add, and keep the positive part.

    A layer that runs once per phase gives one map per phase; they are added before
    the positive part is taken.
    """
    if not isinstance(params, GradCamParams):
        raise TypeError(params)
    layer = resolve_layer(network, params.layer)
    with Tap(network, layer, differentiable=True) as tap, torch.enable_grad():
        score = target.value(network, x).sum()
    gradients = torch.autograd.grad(score, tap.outputs, allow_unused=True)
    total = torch.zeros(tap.outputs[0].shape[2:], dtype=x.dtype, device=x.device)
    for output, gradient in zip(tap.outputs, gradients, strict=True):
        if gradient is not None:
            axes = tuple(range(2, gradient.ndim))
            weight = gradient.mean(dim=axes, keepdim=True)
            total = total + (weight * output.detach()).sum(dim=(0, 1))
    return _finish(network, x, target, params, torch.relu(total))


@ATTRIBUTIONS.register(ScoreCamParams)
def score_cam(
    network: torch.nn.Module, x: torch.Tensor, target: Target, params: Params
) -> SaliencyMap:
    """Weigh each channel by the target of the image behind that channel, and add.

    A mask is the channel scaled to 0-1 and interpolated to the image.  By the paper's
    words the weight is the increase over an empty image, which is zero everywhere when
    the network is as sure of the empty image; the target itself is the default, and the
    map carries the target of the empty image.
    """
    if not isinstance(params, ScoreCamParams):
        raise TypeError(params)
    layer = resolve_layer(network, params.layer)
    with torch.no_grad():
        with Tap(network, layer) as tap:
            target.value(network, x)
        if len(tap.outputs) != 1 or tap.outputs[0].shape[0] != 1:
            raise StudyError(
                what="Score-CAM needs a layer that runs once per image",
                got=f"{layer} ran {sum(len(one) for one in tap.outputs)} times",
                fix="Choose a layer after the phases are joined, or use Grad-CAM.",
            )
        channels = tap.outputs[0]
        if params.channels is not None and params.channels < channels.shape[1]:
            spread = channels[0].flatten(1).var(dim=1)
            keep = torch.argsort(spread, descending=True, stable=True)[: params.channels]
            channels = channels[:, keep.sort().values]
        weights = _channel_weights(network, x, target, params, channels[0])
        total = torch.tensordot(weights, channels[0], dims=1)
        return _finish(network, x, target, params, torch.relu(total))


def _channel_weights(
    network: torch.nn.Module,
    x: torch.Tensor,
    target: Target,
    params: ScoreCamParams,
    channels: torch.Tensor,
) -> torch.Tensor:
    """Return the weight of every channel, from passes of the masked image."""
    flat = channels.flatten(1)
    low = flat.min(dim=1, keepdim=True).values
    reach = (flat - low).max(dim=1, keepdim=True).values
    masks = ((flat - low) / (reach + _EPS)).reshape(channels.shape)
    measure = target.value
    if params.weights != "softmax" and target.probability is not None:
        measure = target.probability
    found = []
    for start in range(0, len(masks), params.batch):
        part = _interpolate(masks[start : start + params.batch, None], x)
        found.append(measure(network, part * x))
    scores = torch.cat(found)
    if params.weights == "softmax":
        return torch.softmax(scores - measure(network, x), dim=0)
    if params.weights == "increase" or target.probability is None:
        # A log hazard or a feature has no natural zero: only its increase means anything.
        return torch.relu(scores - measure(network, torch.zeros_like(x)))
    return scores


def _interpolate(cells: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return functional.interpolate(cells, size=x.shape[2:], mode=mode, align_corners=False)


def _finish(
    network: torch.nn.Module, x: torch.Tensor, target: Target, params: Params, cells: torch.Tensor
) -> SaliencyMap:
    """Bring a map of cells to the image, with what must be said about it."""
    measure = target.probability or target.value
    with torch.no_grad():
        score = float(measure(network, x)[0])
        empty = float(measure(network, torch.zeros_like(x))[0])
        full = _interpolate(cells[None, None], x)[0, 0]
    notes = []
    if not bool(cells.max() > 0):
        notes.append("blank: nothing in this layer raised the target")
    if min(cells.shape) < _COARSE_CELLS:
        notes.append("too few cells to tell places apart: choose an earlier layer")
    return SaliencyMap(
        values=full.cpu().numpy().astype(np.float32),
        cells=cells.detach().cpu().numpy().astype(np.float32),
        method=kind_of(params),
        target=target.name,
        layer=resolve_layer(network, getattr(params, "layer", None)),
        score=score,
        baseline=empty,
        notes=tuple(notes),
    )
