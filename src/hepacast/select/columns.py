# SPDX-License-Identifier: Apache-2.0
"""Keep columns by what they are, without a look at any value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, step

if TYPE_CHECKING:
    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName

VOLUME = ("MeshVolume", "VoxelVolume")
"""Feature tokens that are a volume; the volume-only baseline keeps these."""


class ColumnsParams(Params):
    """Settings of the choice by name; an empty list allows everything.

    ``{only: volume}`` and ``{only: clinical}`` are the two baselines that every
    imaging model must beat.
    """

    kind: Literal["columns"] = "columns"
    only: Literal["volume", "clinical"] | None = None
    """Volumes of any region and phase, or columns of the clinical table."""
    phase: tuple[str, ...] = ()
    """Phases to keep."""
    region: tuple[str, ...] = ()
    """Regions to keep."""
    filter: tuple[str, ...] = ()
    """Image filters to keep."""
    family: tuple[str, ...] = ()
    """Feature families to keep."""
    feature: tuple[str, ...] = ()
    """Features to keep."""


@step(ColumnsParams)
def columns(train: Train, params: ColumnsParams, rng: np.random.Generator) -> KeepColumns:  # noqa: ARG001
    """Keep the columns whose name fits every list.

    Parameters
    ----------
    train : Train
        Only its column names are used.
    params : ColumnsParams
        What to keep.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    KeepColumns
        Possibly without columns.
    """
    keep = np.array([_fits(name, params) for name in train.table.columns], dtype=bool)
    return KeepColumns(train, keep)


def _fits(name: FeatureName, params: ColumnsParams) -> bool:
    """Compare each token with its list."""
    lists = (params.phase, params.region, params.filter, params.family, params.feature)
    if any(
        wanted and token not in wanted for token, wanted in zip(name.tokens, lists, strict=True)
    ):
        return False
    if params.only == "volume":
        return name.family == "shape" and name.feature in VOLUME
    return params.only != "clinical" or name.family == "clinical"
