# SPDX-License-Identifier: Apache-2.0
"""Image filters: one file each, registered on import."""

from hepacast.radiomics.filters import (
    gabor,
    gradient,
    ibsi,
    ibsi_wavelet,
    lbp,
    log,
    original,
    pointwise,
    riesz,
    wavelet,
)
from hepacast.radiomics.filters.registry import FILTERS

__all__ = [
    "FILTERS",
    "gabor",
    "gradient",
    "ibsi",
    "ibsi_wavelet",
    "lbp",
    "log",
    "original",
    "pointwise",
    "riesz",
    "wavelet",
]
