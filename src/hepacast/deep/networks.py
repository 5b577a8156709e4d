# SPDX-License-Identifier: Apache-2.0
"""Every network by the kind of its settings; the settings load without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field as Setting
from pydantic import PositiveInt, model_validator

from hepacast.core.params import Params
from hepacast.core.registry import Registry
from hepacast.deep.require import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from hepacast.deep.modules.network import Network

    NetworkBuild = Callable[[Any], Network]

Dropout = Annotated[float, Setting(ge=0, lt=1)]


class NetworkParams(Params):
    """What the settings of every network share."""

    in_channels: PositiveInt = 1
    """Channels of the input: phases, slices, or both."""
    out: PositiveInt = 1
    """Numbers that the head gives: one logit, one per class, or one per interval of time."""


class ResNet2dParams(NetworkParams):
    """Multi-phase residual network on slices of a tumour (contrast-enhanced MRI study).

    Depth 10 is a stem, two basic blocks of 64 and two of 128 channels, and a fully connected
    layer: 128 features per encoder.  18 and 34 are the usual four stages with 512 features.
    """

    kind: Literal["resnet-2d"] = "resnet-2d"
    in_channels: PositiveInt = 9
    """Phases times slices, phase by phase."""
    phases: PositiveInt = 3
    """Phases among the channels."""
    depth: Literal[10, 18, 34] = 10
    """Layers."""
    fusion: Literal["input", "phase"] = "input"
    """``input``: all phases are channels of one encoder; ``phase``: every phase goes through the
    same encoder and the vectors are put side by side."""
    dropout: Dropout = 0.0
    """Share of the vector left out before the head, in training."""

    @model_validator(mode="after")
    def _whole_phases(self) -> ResNet2dParams:
        """Ask for the same number of slices in every phase."""
        if self.in_channels % self.phases:
            msg = f"{self.in_channels} channels are not a multiple of {self.phases} phases"
            raise ValueError(msg)
        return self


class SliceNetworkParams(NetworkParams):
    """A convolution and six residual blocks on one slice (CT ablation study).

    A patient's score is the mean of the scores of the slices.
    """

    kind: Literal["slice-2d"] = "slice-2d"
    size: Annotated[int, Setting(ge=64, multiple_of=64)] = 128
    """Side of the slice, pixels; the flattened last map has ``(size / 64) ** 2`` places."""
    widths: tuple[PositiveInt, ...] = Setting(
        default=(16, 32, 32, 64, 64, 128), min_length=6, max_length=6
    )
    """Channels of the six residual blocks; each halves the side."""
    stem: PositiveInt = 16
    """Channels of the first convolution."""
    dropout: Dropout = 0.5
    """Share of the vector left out before the head, in training."""


class UNet2dParams(NetworkParams):
    """Segmentation of slices whose encoder levels, averaged, are features (CT DSFR study).

    A base of 32 channels and five levels give 32 + 64 + 128 + 256 + 512 = 992 features.
    """

    kind: Literal["unet-2d"] = "unet-2d"
    base: PositiveInt = 32
    """Channels of the first level; every level doubles them."""
    levels: Annotated[int, Setting(ge=2, le=6)] = 5
    """Levels of the encoder, the bottleneck included."""


class ResNet3dParams(NetworkParams):
    """Residual network on a box, with the names and shapes of MedicalNet's weight files.

    Depths 10, 18 and 34 give 512 features, 50 gives 2048.
    """

    kind: Literal["resnet-3d"] = "resnet-3d"
    depth: Literal[10, 18, 34, 50] = 18
    """Layers."""
    shortcut: Literal["medicalnet", "pool", "convolution"] = "medicalnet"
    """How a shortcut changes its size: zero padding after pooling, or a convolution.
    ``medicalnet``: as its files have it, pooling for 18 and 34, else a convolution."""
    last_stages: Literal["strided", "dilated"] = "strided"
    """``dilated`` keeps the last maps at one eighth of the side, as MedicalNet was trained and as
    saliency needs, and costs far more; ``strided`` ends at one thirty-second."""


class Encoder2dParams(NetworkParams):
    """Residual network on one picture (ultrasound), with torchvision's names and shapes.

    Depths 18 and 34 give 512 features, 50 gives 2048.
    """

    kind: Literal["encoder-2d"] = "encoder-2d"
    in_channels: PositiveInt = 3
    """Colours of the picture, or frames."""
    depth: Literal[18, 34, 50] = 18
    """Layers."""


class FusionParams(NetworkParams):
    """Image vector and table columns, weighed by gates, in one network (DLRCR of the MRI study).

    The image vector is projected before the two meet, or 128 numbers would drown a few columns.
    """

    kind: Literal["fusion"] = "fusion"
    in_channels: PositiveInt = 9
    """Phases times slices, phase by phase."""
    image: ResNet2dParams | SliceNetworkParams | ResNet3dParams | Encoder2dParams = Setting(
        default_factory=ResNet2dParams, discriminator="kind"
    )
    """Network that reads the picture; its ``in_channels`` is that of the whole."""
    columns: PositiveInt = 1
    """Columns of the table; set to what the training cases have."""
    width: PositiveInt = 16
    """Numbers that the picture, and the columns, are projected to."""
    gated: bool = True
    """Let each side scale the other; off, the vectors are only put side by side."""
    hide: Dropout = 0.1
    """Chance in training that the picture, or the columns, are replaced by a learned token."""


NETWORKS: Registry[NetworkBuild] = Registry("networks")
"""Every network: ``NETWORKS[params](params)`` gives a module with fresh weights."""


@NETWORKS.register(ResNet2dParams)
def _resnet_2d(params: ResNet2dParams) -> Network:
    resnet = require("hepacast.deep.modules.resnet")
    encoder = resnet.Encoder(
        resnet.Plan.of_depth(params.depth, 2, stages=2 if params.depth == 10 else 4),
        params.in_channels if params.fusion == "input" else params.in_channels // params.phases,
    )
    parts = 1 if params.fusion == "input" else params.phases
    network: Network = resnet.ResNet(encoder, params.out, parts=parts, dropout=params.dropout)
    return network


@NETWORKS.register(SliceNetworkParams)
def _slice_2d(params: SliceNetworkParams) -> Network:
    network: Network = require("hepacast.deep.modules.slices").SliceNetwork(params)
    return network


@NETWORKS.register(UNet2dParams)
def _unet_2d(params: UNet2dParams) -> Network:
    network: Network = require("hepacast.deep.modules.unet").UNet2d(params)
    return network


@NETWORKS.register(ResNet3dParams)
def _resnet_3d(params: ResNet3dParams) -> Network:
    resnet = require("hepacast.deep.modules.resnet")
    pool = params.shortcut == "pool" or (
        params.shortcut == "medicalnet" and params.depth in {18, 34}
    )
    plan = resnet.Plan.of_depth(
        params.depth, 3, pool_shortcut=pool, dilated=params.last_stages == "dilated"
    )
    network: Network = resnet.ResNet(resnet.Encoder(plan, params.in_channels), params.out)
    return network


@NETWORKS.register(Encoder2dParams)
def _encoder_2d(params: Encoder2dParams) -> Network:
    resnet = require("hepacast.deep.modules.resnet")
    plan = resnet.Plan.of_depth(params.depth, 2)
    network: Network = resnet.ResNet(resnet.Encoder(plan, params.in_channels), params.out)
    return network


@NETWORKS.register(FusionParams)
def _fusion(params: FusionParams) -> Network:
    image = params.image.model_copy(update={"in_channels": params.in_channels})
    inner = NETWORKS[image](image)
    network: Network = require("hepacast.deep.modules.fusion").Fusion(inner, params)
    return network


def build(params: NetworkParams, seed: int) -> Network:
    """Make a network with weights drawn from a seed; the global random state is left alone.

    Parameters
    ----------
    params : NetworkParams
        Settings of a registered kind.
    seed : int
        Of the weights: the same seed gives the same bits on a CPU.

    Returns
    -------
    Network
        ``features(x)`` gives (n, d) vectors, ``forward(x)`` (n, out) logits (a U-Net: maps);
        ``cam_layer`` names the last convolution block.

    Raises
    ------
    StudyError
        If torch is not installed.

    Examples
    --------
    >>> import torch
    >>> network = build(ResNet2dParams(), seed=7).eval()
    >>> tuple(network.features(torch.zeros(2, 9, 64, 64)).shape), network.cam_layer
    ((2, 128), 'encoder.layer2')
    """
    torch = require("torch")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[params](params)
