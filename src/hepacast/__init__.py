# SPDX-License-Identifier: Apache-2.0
"""Liver-tumour images in, honest forecasts out: one study file, one report.

The whole public surface is listed in ``__all__``.  Names are imported on first
use, so that ``import hepacast`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hepacast._version import __version__

if TYPE_CHECKING:
    from hepacast.core.errors import HepacastError
    from hepacast.core.geometry import Grid
    from hepacast.core.outcome import Binary, CompetingRisks, Survival
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.core.volume import Region, Volume
    from hepacast.run.extraction.extract import extract
    from hepacast.run.extraction.maps import feature_maps

__all__ = [
    "Binary",
    "CompetingRisks",
    "FeatureName",
    "FeatureTable",
    "Grid",
    "HepacastError",
    "Region",
    "Survival",
    "Volume",
    "__version__",
    "extract",
    "feature_maps",
]

_HOME = {
    "Binary": "core.outcome",
    "CompetingRisks": "core.outcome",
    "FeatureName": "core.table",
    "FeatureTable": "core.table",
    "Grid": "core.geometry",
    "HepacastError": "core.errors",
    "Region": "core.volume",
    "Survival": "core.outcome",
    "Volume": "core.volume",
    "extract": "run.extraction.extract",
    "feature_maps": "run.extraction.maps",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name not in _HOME:
        msg = f"module 'hepacast' has no attribute {name!r}; public names: {', '.join(__all__)}"
        raise AttributeError(msg)
    return getattr(import_module(f"hepacast.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Offer the public names to completion before any of them is loaded."""
    return __all__
