# SPDX-License-Identifier: Apache-2.0
"""Vectors of a network as columns of a feature table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError
from hepacast.deep.require import require

if TYPE_CHECKING:
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.deep.crops import Crops
    from hepacast.deep.modules.network import Network

FAMILY = "deep"


def embedding_names(prefix: FeatureName, width: int) -> tuple[FeatureName, ...]:
    """Name the columns of a vector: ``phase/region/network/deep/f000`` and on.

    Examples
    --------
    >>> from hepacast.core.table import FeatureName
    >>> names = embedding_names(FeatureName("AP", "tumour", "resnet-3d", "deep", "-"), 512)
    >>> str(names[0]), str(names[511])
    ('AP/tumour/resnet-3d/deep/f000', 'AP/tumour/resnet-3d/deep/f511')
    """
    digits = max(3, len(str(width - 1)))
    return tuple(replace(prefix, family=FAMILY, feature=f"f{at:0{digits}d}") for at in range(width))


def embed(network: Network, crops: Crops, table: FeatureTable, prefix: FeatureName) -> FeatureTable:
    """Describe cases by the vectors of a network that saw none of them, or no outcome at all.

    Parameters
    ----------
    network : Network
        Frozen; its settings and seed, or the file of its weights, belong into the study's lock.
    crops : Crops
        Pictures of the cases; the vectors of several pictures are averaged.
    table : FeatureTable
        Whose cases to describe, in its order; its own columns are not used.
    prefix : FeatureName
        Phase, region and filter of the columns.

    Returns
    -------
    FeatureTable
        (case, width); a case without one of the phases is NaN throughout.

    Raises
    ------
    GeometryError
        If the network cannot read the pictures.

    Examples
    --------
    >>> from hepacast.core.table import FeatureName, FeatureTable
    >>> from hepacast.deep.crops import Crops
    >>> from hepacast.deep.networks import ResNet2dParams, build
    >>> network = build(ResNet2dParams(), seed=7)
    >>> crops = Crops(np.zeros((3, 9, 16, 16), np.float32), ("a", "a", "b"))
    >>> rows = FeatureTable(np.zeros((2, 0)), ("a", "b"), ())
    >>> found = embed(network, crops, rows, FeatureName("AP", "tumour", "resnet-2d", "deep", "-"))
    >>> found.values.shape, str(found.columns[0])
    ((2, 128), 'AP/tumour/resnet-2d/deep/f000')
    """
    network.check(crops.pixels.shape[1:])
    with require("hepacast.deep.device").kept_memory():
        vectors = require("hepacast.deep.loop").vectors_of(network, crops).double().numpy()
    vectors[~crops.present.all(axis=1)] = np.nan
    at = {case: row for row, case in enumerate(table.cases)}
    if foreign := [case for case in crops.cases if case not in at]:
        raise TableError(
            what="pictures and rows must describe the same cases",
            got=f"{len(foreign)} pictures of other cases, the first of {foreign[0]!r}",
            fix="Take the pictures of the table's cases.",
        )
    case_of = np.array([at[case] for case in crops.cases], dtype=np.int64)
    sums = np.zeros((len(table), vectors.shape[1]))
    np.add.at(sums, case_of, vectors)
    count = np.bincount(case_of, minlength=len(table))
    values = sums / np.where(count, count, np.nan)[:, None]
    return table.with_values(values, embedding_names(prefix, vectors.shape[1]))
