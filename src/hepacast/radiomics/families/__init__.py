# SPDX-License-Identifier: Apache-2.0
"""Feature families: one file each, registered on import."""

from hepacast.radiomics.families import (
    firstorder,
    glcm,
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
    "ngtdm",
    "shape",
    "shape2d",
    "sizes",
]
