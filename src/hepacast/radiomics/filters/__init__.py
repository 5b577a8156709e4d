# SPDX-License-Identifier: Apache-2.0
"""Image filters: one file each, registered on import."""

from hepacast.radiomics.filters import log, original, wavelet
from hepacast.radiomics.filters.registry import FILTERS

__all__ = ["FILTERS", "log", "original", "wavelet"]
