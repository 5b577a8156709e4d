# SPDX-License-Identifier: Apache-2.0
"""Settings of one extraction."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
)

from hepacast.core.params import Params
from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.families.firstorder import FirstOrderParams
from hepacast.radiomics.families.glcm import GlcmParams
from hepacast.radiomics.families.ngtdm import NgtdmParams
from hepacast.radiomics.families.shape import ShapeParams
from hepacast.radiomics.families.sizes import GldmParams, GlrlmParams, GlszmParams
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.original import OriginalParams
from hepacast.radiomics.settings import Bins, Definitions, FamilyParams, FilterParams, Texture


def _filter(block: object) -> object:
    """Read one filter block, in long or short form."""
    return block if isinstance(block, FilterParams) else FILTERS.parse(block)


def _family(block: object) -> object:
    """Read one family block, in long or short form."""
    return block if isinstance(block, FamilyParams) else FAMILIES.parse(block)


def _bins(block: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    """Read a plain number as a bin width."""
    return {"width": block} if isinstance(block, int | float) else block


def _spacing(block: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    """Read a plain number as equal spacing along all axes."""
    return (block,) * 3 if isinstance(block, int | float) else block


_Spacing: TypeAlias = tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat]

# mypy wants one base class; which subclass it is depends on what is registered.
AnyFilter: TypeAlias = Annotated[
    SerializeAsAny[FilterParams],
    BeforeValidator(_filter, json_schema_input_type=FILTERS.spellings()),
]
AnyFamily: TypeAlias = Annotated[
    SerializeAsAny[FamilyParams],
    BeforeValidator(_family, json_schema_input_type=FAMILIES.spellings()),
]


class Resample(Params):
    """Resampling before anything else but normalisation."""

    spacing_mm: Annotated[
        tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat],
        BeforeValidator(_spacing, json_schema_input_type=_Spacing | float),
    ] = (1.0, 1.0, 1.0)
    """New spacing along k, j and i, mm; 0 keeps the spacing of that axis."""
    interpolator: Literal[
        "bspline", "linear", "nearest", "gaussian", "label_gaussian", "hamming_windowed_sinc",
        "cosine_windowed_sinc", "welch_windowed_sinc", "lanczos_windowed_sinc",
        "blackman_windowed_sinc",
    ] = "bspline"  # fmt: skip
    """How intensities are interpolated."""
    mask_interpolator: Literal["nearest", "linear"] = "nearest"
    """Masks take the nearest voxel, or are inside from one half on when interpolated linearly."""
    rounded: bool = False
    """Round interpolated intensities to whole numbers."""
    aligned: Literal["corner", "centre"] = "corner"
    """Which point the old and the new grid share."""


class Normalise(Params):
    """Normalisation by mean and standard deviation of the whole image."""

    scale: PositiveFloat = 1.0
    """Multiplies the normalised image."""
    outliers: PositiveFloat | None = None
    """Clip beyond so many standard deviations, before scaling."""


class Resegment(Params):
    """Removal of voxels of the region by their intensity."""

    range: tuple[float] | tuple[float, float] | None = None
    """Lowest (and highest) intensity to keep, both included."""
    outliers_sigma: PositiveFloat | None = None
    """Of what is left, keep what is within so many standard deviations from the mean."""
    mode: Literal["absolute", "relative", "sigma"] = "absolute"
    """In image units, as a share of the maximum, or in standard deviations from the mean."""
    shape: bool = False
    """Compute shape on what is left too, instead of on the region as drawn."""


class ExtractParams(Params):
    """Settings of one extraction.

    >>> ExtractParams(filters=("original", {"log": {"sigma_mm": [2.0]}})).filters[1].sigma_mm
    (2.0,)
    """

    kind: Literal["radiomics"] = "radiomics"
    definitions: Definitions = "hepacast"
    """Whose definitions decide where tools differ."""
    filters: tuple[AnyFilter, ...] = (OriginalParams(),)
    """Images to compute features on."""
    families: tuple[AnyFamily, ...] = (
        ShapeParams(), FirstOrderParams(), GlcmParams(), GlrlmParams(), GlszmParams(),
        GldmParams(), NgtdmParams(),
    )  # fmt: skip
    """Features to compute."""
    bins: Annotated[Bins, BeforeValidator(_bins, json_schema_input_type=Bins | float)] = Bins()
    """Grey levels; a plain number is the bin width."""
    texture: Texture = Texture()
    """How texture matrices are counted."""
    resample: Annotated[Resample | None, Field()] = None
    """Resampling; none if absent."""
    normalise: Normalise | None = None
    """Normalisation of the whole image; none if absent."""
    resegment: Resegment | None = None
    """Removal of voxels by intensity; none if absent."""
    pre_crop: bool = False
    """Crop to the region before filtering (``definitions: pyradiomics`` only)."""
    pad_voxels: NonNegativeInt = 5
    """Margin of that crop and of resampling (``definitions: pyradiomics`` only)."""
    min_dimensions: int = Field(default=2, ge=1, le=3)
    """Least number of axes along which a region has more than one voxel."""
    min_voxels: PositiveInt | None = None
    """A region must have more voxels than this."""
    shift: float = 0.0
    """Added to every intensity in energy, total energy and root mean square."""
