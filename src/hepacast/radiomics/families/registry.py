# SPDX-License-Identifier: Apache-2.0
"""What a feature family is, and where families are registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from hepacast.core.registry import Registry
from hepacast.radiomics.sample import Sample
from hepacast.radiomics.settings import FamilyParams

Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Feature:
    """One line of the catalogue.

    Parameters
    ----------
    name : str
        PyRadiomics' name where it has the feature, IBSI's otherwise.
    ibsi : str
        Permanent IBSI code; empty where IBSI has none.
    formula : str
        In words or symbols.
    unit : str
        ``"1"`` for a pure number; ``"image"`` is the unit of the intensities.
    deprecated : bool
        Only computed on request, because another feature says the same.
    """

    name: str
    ibsi: str
    formula: str
    unit: str = "1"
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A group of features that are computed together.

    Parameters
    ----------
    features : tuple of Feature
        Catalogue of the family.
    compute : callable
        From a sample to the number of every feature (NaN where it has none).
    source : str
        Where the definitions come from.
    on : "image" or "region"
        ``"region"`` families do not look at intensities: they are computed once per region.
    margin_mm : float
        How far around the region the family looks at the image.
    """

    features: tuple[Feature, ...]
    compute: Callable[[Sample, FamilyParams], Numbers]
    source: str
    on: Literal["image", "region"] = "image"
    margin_mm: float = 0.0

    def wanted(self, params: FamilyParams) -> tuple[str, ...]:
        """Names of the features that the settings ask for, in catalogue order."""
        if params.features is None:
            return tuple(f.name for f in self.features if not f.deprecated)
        chosen = frozenset(params.features)
        return tuple(f.name for f in self.features if f.name in chosen)


FAMILIES: Registry[Family] = Registry("radiomics families")


def catalogue(text: str, *, deprecated: frozenset[str] = frozenset()) -> tuple[Feature, ...]:
    """Read catalogue lines ``name | IBSI code | unit | formula``.

    >>> catalogue("Mean | Q4LE | image | sum of intensities / voxels")[0].ibsi
    'Q4LE'
    """
    rows = []
    for line in text.strip().splitlines():
        name, code, unit, formula = (part.strip() for part in line.split("|", 3))
        rows.append(Feature(name, code, formula, unit, name in deprecated))
    return tuple(rows)
