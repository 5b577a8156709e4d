# SPDX-License-Identifier: Apache-2.0
"""The control by shuffled voxels: the histogram of every region stays, its texture goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.radiomics import extract_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.table import FeatureName
    from hepacast.core.volume import Region, Volume
    from hepacast.radiomics import ExtractParams


def shuffle_within(volume: Volume, region: Region, rng: np.random.Generator) -> Volume:
    """Deal the voxels of a region anew among its places; everything outside stays.

    Parameters
    ----------
    volume : Volume
        On the grid of the region.
    region : Region
        Where voxels change places.
    rng : numpy.random.Generator
        Shuffles.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> from hepacast.core.volume import Region, Volume
    >>> grid = Grid.from_affine(np.eye(4), (1, 2, 3))
    >>> volume = Volume(np.arange(6.0).reshape(1, 2, 3), grid)
    >>> region = Region(np.array([[[True, True, True], [False, False, False]]]), grid)
    >>> found = shuffle_within(volume, region, np.random.default_rng(2)).data
    >>> sorted(found[0, 0].tolist()), found[0, 1].tolist()
    ([0.0, 1.0, 2.0], [3.0, 4.0, 5.0])
    """
    data = volume.data.copy()
    data[region.mask] = rng.permutation(data[region.mask])
    return replace(volume, data=data)


def extract_shuffled(
    case: str,
    phase: str,
    volume: Volume,
    regions: Mapping[str, Region],
    params: ExtractParams,
) -> tuple[dict[FeatureName, float], dict[str, str]]:
    """Extract every region from an image whose voxels were dealt anew within that region.

    Returns
    -------
    dict of FeatureName to float, dict of str to str
        Values, and reasons of those without one.
    """
    values: dict[FeatureName, float] = {}
    reasons: dict[str, str] = {}
    for name, region in regions.items():
        dealt = shuffle_within(volume, region, generator(0, "shuffled voxels", case, phase, name))
        found = extract_case({phase: dealt}, {name: region}, params)
        values.update(found.values)
        reasons.update({str(n): str(r) for n, r in found.reasons.items()})
    return values, reasons


def replace_columns(table: FeatureTable, other: FeatureTable) -> FeatureTable:
    """Put the values of another table into the same columns; cases that it lacks become missing."""
    there = set(other.cases)
    names = [name for name in table.columns if name in set(other.columns)]
    at = [table.columns.index(name) for name in names]
    source = other.select(names)
    values = table.values.copy()
    row_of = {case: row for row, case in enumerate(source.cases)}
    for row, case in enumerate(table.cases):
        values[row, at] = source.values[row_of[case]] if case in there else np.nan
    return FeatureTable(values, table.cases, table.columns, table.patients)
