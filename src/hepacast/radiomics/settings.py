# SPDX-License-Identifier: Apache-2.0
"""Settings that several parts of the engine share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from hepacast.core.params import Params

Definitions = Literal["hepacast", "pyradiomics", "ibsi"]
"""Whose definitions decide where tools differ."""

Weighting = Literal["infinity", "euclidean", "manhattan", "no_weighting"]


class Texture(Params):
    """How texture matrices are counted."""

    distances: tuple[PositiveInt, ...] = (1,)
    """Distances between the voxels of a pair or neighbourhood, in voxels (maximum norm)."""
    symmetric: bool = True
    """Count every level pair in both orders."""
    weighting: Weighting | None = None
    """Sum the directions, weighted by their length in mm, instead of averaging features."""
    alpha: int = Field(default=0, ge=0)
    """Largest level difference at which a neighbour depends on its centre (GLDM)."""
    flat: bool = False
    """Take neighbours within slices only."""
    every_direction: bool = False
    """Count directions along which the region is one voxel thick too, as IBSI does."""
    flat_axis: int = Field(default=0, ge=0, le=2)
    """Axis across the slices when ``flat``: 0 is k (axial), 1 is j, 2 is i."""


class Bins(Params):
    """How intensities become grey levels."""

    width: PositiveFloat = 25.0
    """Width of a bin, in the unit of the image."""
    count: PositiveInt | None = None
    """Number of bins between the extremes of the region; replaces the width."""
    origin: float | Literal["zero", "minimum"] = "zero"
    """Where bins of fixed width start: multiples of the width, the region's minimum, or a value."""


class FilterParams(Params):
    """What every filter accepts beside its own settings."""

    bins: Bins | None = None
    """Bins for the responses of this filter, instead of those of the whole extraction."""
    texture: Texture | None = None
    """Texture settings for this filter, instead of those of the whole extraction."""
    shift: float | None = None
    """Added to every intensity in energy, total energy and root mean square."""


class FamilyParams(Params):
    """What every family accepts beside its own settings."""

    features: tuple[str, ...] | None = None
    """Names of the features wanted; all that are not deprecated if absent."""

    @property
    def token(self) -> str:
        """What the family is called in the names of its features."""
        return str(type(self).model_fields["kind"].default)
