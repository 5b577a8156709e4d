# SPDX-License-Identifier: Apache-2.0
"""Settings of features from a network that learns to outline lesions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, NonNegativeFloat, NonNegativeInt, PositiveInt
from pydantic import Field as Setting

from hepacast.core.params import Params
from hepacast.deep.frames import ScaleParams
from hepacast.deep.networks import UNet2dParams
from hepacast.deep.semantic import SemanticParams
from hepacast.deep.training import LoopParams
from hepacast.run.parts.deep_settings import CropsParams


def _named_engine(schema: dict[str, Any]) -> None:
    """Ask for the engine in the schema: a block without one is radiomics."""
    schema["required"] = [*schema.get("required", ()), "engine"]


class SemanticBlockParams(Params):
    """Levels of a U-Net that learned the masks of some development patients, the teachers.

    Nobody's outcome is looked at.  A network describes its teachers better than anybody else, so
    that they either leave the study, or are described by networks that left them out.
    """

    model_config = ConfigDict(json_schema_extra=_named_engine)

    engine: Literal["semantic"] = "semantic"
    """``semantic``: from a network that learns to outline the region."""
    region: str = "tumour"
    """What it learns to outline, on every slice that shows it."""
    phases: tuple[str, ...] = Setting(min_length=1)
    """Phases; each has a network of its own."""
    teachers: PositiveInt = 60
    """Development patients whose masks are learned; drawn by the seed of the study."""
    then: Literal["leave", "stay"] = "leave"
    """What becomes of the teachers."""
    folds: int = Setting(default=3, ge=2)
    """Parts of the teachers, each described by a network that learned from the others; only if
    they stay."""
    side: PositiveInt = 256
    """Pixels of each side; a multiple of 16 for five levels."""
    margin_mm: NonNegativeFloat = 10.0
    """Around the region, mm."""
    scale: ScaleParams = ScaleParams()
    """Intensities that become 0 and 1."""
    network: UNet2dParams = UNet2dParams()
    """A base of 32 channels and five levels give 992 features."""
    loop: LoopParams = Setting(
        default_factory=lambda: LoopParams(batch=8, optimiser="adam", learning_rate=1e-3)
    )
    """How it learns."""
    seed: NonNegativeInt = 7
    """Of weights, order and augmentation."""
    missing_phase: Literal["exclude"] = "exclude"
    """A case without one of the phases leaves the study."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that must be defined."""
        return (self.region,)

    @property
    def crops(self) -> CropsParams:
        """How the slices are cut."""
        return CropsParams(
            region=self.region,
            phases=self.phases,
            every_slice=True,
            side=self.side,
            margin_mm=self.margin_mm,
            scale=self.scale,
        )

    @property
    def learning(self) -> SemanticParams:
        """Network and loop, for one phase."""
        return SemanticParams(network=self.network, loop=self.loop)
