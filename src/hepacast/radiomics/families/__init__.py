# SPDX-License-Identifier: Apache-2.0
"""Feature families: one file each, registered on import."""

from hepacast.radiomics.families import (
    firstorder,
    glcm,
    ibsi_intensity,
    ibsi_morphology,
    ibsi_texture,
    ngtdm,
    shape,
    shape2d,
    sizes,
)
from hepacast.radiomics.families.registry import FAMILIES, Family, Feature

__all__ = [
    "FAMILIES",
    "Family",
    "Feature",
    "firstorder",
    "glcm",
    "ibsi_intensity",
    "ibsi_morphology",
    "ibsi_texture",
    "ngtdm",
    "shape",
    "shape2d",
    "sizes",
]
