# SPDX-License-Identifier: Apache-2.0
"""Settings of networks in a study file: vectors as features, pictures, and scores that learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
)
from pydantic import Field as Setting

from hepacast.core.params import Params
from hepacast.deep.attribution_params import GradCamParams, ScoreCamParams
from hepacast.deep.frames import ScaleParams
from hepacast.deep.networks import NETWORKS, ResNet3dParams
from hepacast.deep.training import FitParams
from hepacast.models.model import ModelParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    NetworkBlock = Params
else:
    _network = BeforeValidator(NETWORKS.spell_out, json_schema_input_type=NETWORKS.spellings())
    NetworkBlock = Annotated[NETWORKS.union(), _network]

All = Literal["all"]


class WeightsFileParams(Params):
    """A user's file with the weights of a network."""

    path: Annotated[str, Setting(exclude=True)]
    """Safetensors file, relative to the study file; `hepacast import-weights` makes one."""
    layout: Literal["medicalnet", "torchvision", "hepacast"] = "medicalnet"
    """How it names the weights."""
    digest: str = ""
    """sha256 that the file must have; filled in when it is read."""


def _named_engine(schema: dict[str, Any]) -> None:
    """Ask for the engine in the schema: a block without one is radiomics."""
    schema["required"] = [*schema.get("required", ()), "engine"]


class EmbeddingParams(Params):
    """Vectors of a frozen network, one per phase and region."""

    model_config = ConfigDict(json_schema_extra=_named_engine)

    engine: Literal["embedding"] = "embedding"
    """``embedding``: read off a network that learned nothing from this study."""
    network: NetworkBlock = Setting(default_factory=ResNet3dParams)
    """Any network; ``resnet-3d`` reads a box, the others the slices of the region."""
    weights: WeightsFileParams | None = None
    """Trained weights; without them random ones, drawn from ``seed``."""
    seed: NonNegativeInt = 0
    """Of random weights."""
    scale: ScaleParams = ScaleParams()
    """Intensities that become 0 and 1."""
    side: PositiveInt = 64
    """Voxels (pixels) of each side of a picture."""
    spacing_mm: PositiveFloat = 1.0
    """Voxel size of a box, mm; larger only where the largest region would not fit."""
    margin_mm: NonNegativeFloat = 0.0
    """Around that region, mm."""
    around: str | None = None
    """Region whose box is shown, in every region's picture; the largest one by default."""
    slices: PositiveInt | All = "all"
    """Slices with the largest areas, whose vectors are averaged; a box has none."""
    outside: Literal["floor", "shown"] = "floor"
    """Voxels outside the region: set to 0, or shown as they are."""
    phases: tuple[str, ...] | All = "all"
    """Phases to describe."""
    regions: tuple[str, ...] | All = "all"
    """Regions to describe."""
    missing_phase: Literal["exclude", "keep"] = "exclude"
    """A case without one of the phases leaves the study, or stays with missing values."""


class CropsParams(Params):
    """Pictures for a score whose model is a network; they are no columns."""

    model_config = ConfigDict(json_schema_extra=_named_engine)

    engine: Literal["crops"] = "crops"
    """``crops``: cut out around a region, phase by phase."""
    region: str = "tumour"
    """Region in the middle of the picture."""
    phases: tuple[str, ...] | All = "all"
    """Phases, in the order in which a network reads them."""
    shape: Literal["slices", "box"] = "slices"
    """Slices, or a cube around the region."""
    slices: PositiveInt = 3
    """Neighbouring slices of one picture, around the largest area."""
    every_slice: bool = False
    """One picture per slice of the region instead, each of one slice."""
    side: PositiveInt = 256
    """Pixels (voxels) of each side."""
    spacing_mm: PositiveFloat = 1.0
    """Voxel size of a cube, mm."""
    margin_mm: NonNegativeFloat = 10.0
    """Around the region, mm."""
    margin_pixels: NonNegativeInt = 0
    """Further margin in the plane, pixels of the image."""
    outside: Literal["floor", "shown"] = "shown"
    """Voxels outside the region: set to 0, or shown as they are."""
    scale: ScaleParams = ScaleParams()
    """Intensities that become 0 and 1."""
    missing_phase: Literal["exclude", "keep"] = "exclude"
    """A case without one of the phases leaves the study, or shows an empty phase."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that must be defined."""
        return (self.region,)


def _named_map(block: object) -> object:
    """Let the name of a method stand for it with its own settings."""
    return {"kind": block} if isinstance(block, str) else block


Maps = Annotated[
    Annotated[GradCamParams | ScoreCamParams, Setting(discriminator="kind")] | None,
    BeforeValidator(
        _named_map,
        json_schema_input_type=GradCamParams
        | ScoreCamParams
        | Literal["grad-cam", "score-cam"]
        | None,
    ),
]


class NetworkModelParams(ModelParams, FitParams):
    """A network that learns from pictures, and from columns if it is a fusion network.

    The number of channels, phases and columns follows from the sources of the score.
    """

    kind: Literal["network"] = "network"
    seed: NonNegativeInt = 7
    """Of weights, order, augmentation and dropout."""
    maps: Maps = Setting(default_factory=GradCamParams)
    """Where the network looked in patients whom it never saw: ``grad-cam``, ``score-cam``, or null
    for none."""
    _pictures: Any = PrivateAttr(default=None)

    @property
    def pictures(self) -> Any:  # noqa: ANN401 - a place that only a run knows
        """Where the pictures are; None until a run has cut them."""
        return self._pictures

    def with_pictures(self, place: object) -> NetworkModelParams:
        """Return the same settings with the place of the pictures, which no key depends on."""
        bound = self.model_copy()
        bound._pictures = place
        return bound


def check_pictures(scores: Mapping[str, Any], blocks: Mapping[str, object]) -> None:
    """Ask for one block of pictures in every score with a network, and for none elsewhere.

    Raises
    ------
    ValueError
        Naming the score.
    """
    for name, score in scores.items():
        pictures = [one for one in score.from_ if isinstance(blocks.get(one), CropsParams)]
        if len(pictures) != int(isinstance(score.model, NetworkModelParams)):
            msg = (
                f"scores.{name}: a network reads one block of pictures (engine: crops), any other "
                f"model none; got {', '.join(pictures) or 'none'}"
            )
            raise ValueError(msg)
