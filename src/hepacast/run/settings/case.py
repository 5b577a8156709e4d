# SPDX-License-Identifier: Apache-2.0
"""The settings of the case table: where images and masks are, and what they must be."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, NonNegativeFloat, PositiveFloat, model_validator
from pydantic import Field as Setting

from hepacast.core.params import Params
from hepacast.imaging.phases import Phase
from hepacast.io.options import ReadOptions
from hepacast.regions.inspect import RegionRules
from hepacast.regions.lesions import Policy
from hepacast.run.parts.align import AlignParams
from hepacast.run.parts.film import FilmParams

VESSELS = ("aorta", "portal_vein")
"""Masks of these names tell the phase of a CT; they lie outside the organ."""


def _labels(block: object) -> object:
    """Let a single label stand for several."""
    return (block,) if isinstance(block, int) else block


class MaskParams(Params):
    """Where one mask is found; a plain column name is short for ``{column: name}``."""

    column: str
    """Column of the case table with the path of the mask file."""
    label: Annotated[
        tuple[int, ...] | str | None,
        BeforeValidator(_labels, json_schema_input_type=tuple[int, ...] | int | str | None),
    ] = None
    """Values of the voxels that belong to it, for files that hold several organs; the number or
    name of the segment in DICOM segmentations and structure sets."""


def _mask(block: object) -> object:
    """Let a column name stand for the long form."""
    return {"column": block} if isinstance(block, str) else block


Mask = Annotated[MaskParams, BeforeValidator(_mask, json_schema_input_type=MaskParams | str)]


class CasesParams(Params):
    """The long case table: one row per case, phase and reader, with an image and its masks."""

    table: str
    """Path of the table, relative to the study file."""
    patient: str = "case"
    """Column with the case id."""
    site: str | None = None
    """Column with the centre."""
    phase: str = "phase"
    """Column with the phase."""
    reader: str | None = None
    """Column with the reader; the first reader's masks are measured."""
    image: str = "image"
    """Column with the image path, relative to the table."""
    masks: dict[str, Mask] = Setting(default_factory=lambda: {"tumour": MaskParams(column="mask")})
    """Where to find every mask that regions are made of."""
    series: str | None = None
    """Column with the SeriesInstanceUID (or its start), for DICOM folders of several series."""
    part: str | None = None
    """Column with the number of the phase, from 1, for DICOM series that hold several."""
    read: ReadOptions = ReadOptions()
    """Decisions for files that leave a choice; they hold for all images."""
    organ: str | None = None
    """Mask of the organ that lesions lie in; the mask called ``liver`` by default."""
    elsewhere: tuple[str, ...] = ()
    """Masks that may lie outside the organ; ``aorta`` and ``portal_vein`` always may."""
    inspect: RegionRules = RegionRules()
    """What every mask must be."""
    contrast: dict[str, Phase] = Setting(default_factory=dict)
    """Contrast phase behind a name in the phase column that does not say it: ``{P2: portal}``."""
    register_: AlignParams | None = Setting(default=None, alias="register")
    """Move all phases of a case onto one; left out, every phase stays where it is."""
    film: FilmParams = FilmParams()
    """How the frame of peak contrast is found, where an image is an ultrasound clip."""

    @property
    def organ_mask(self) -> str | None:
        """Name of the organ's mask, if there is one."""
        return self.organ or ("liver" if "liver" in self.masks else None)

    @model_validator(mode="after")
    def _masks_are_there(self) -> CasesParams:
        """Refuse a setting that names a mask which is not defined."""
        for name in (self.organ, *self.elsewhere):
            if name is not None and name not in self.masks:
                msg = f"no mask {name!r} (there are: {', '.join(self.masks)})"
                raise ValueError(msg)
        return self


class RegionParams(Params):
    """One region: a mask, or a shape made from another region, in true millimetres."""

    mask: str | None = None
    """Mask that it is, one of ``cases.masks``."""
    lesions: Policy = "all"
    """Take all pieces of a mask as one, or the ``largest`` only."""
    smallest_ml: NonNegativeFloat = 0.0
    """Remove pieces of a mask below this volume, mL."""
    fill_holes: bool = False
    """Fill what a mask encloses within a slice."""
    from_: str | None = Setting(default=None, alias="from")
    """Region that it is made from."""
    erode_mm: PositiveFloat | None = None
    """Take away everything this close to the surface."""
    dilate_mm: PositiveFloat | None = None
    """Add everything this close to the surface."""
    ring_mm: PositiveFloat | None = None
    """Only what lies outside, up to this far."""
    minus: str | None = None
    """Region to take away."""
    inside: str | None = None
    """Region that it must stay inside of."""

    @model_validator(mode="after")
    def _one_origin(self) -> RegionParams:
        """Ask for exactly one origin, and at most one change of shape."""
        if (self.mask is None) == (self.from_ is None):
            msg = "a region is either a mask or made from another region"
            raise ValueError(msg)
        shapes = [self.erode_mm, self.dilate_mm, self.ring_mm]
        if len([s for s in shapes if s is not None]) > 1:
            msg = "a region is eroded, dilated or ringed, one at a time"
            raise ValueError(msg)
        return self
