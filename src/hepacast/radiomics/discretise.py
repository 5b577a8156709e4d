# SPDX-License-Identifier: Apache-2.0
"""From intensities to grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hepacast.core.errors import NotEstimableError

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.radiomics.settings import Bins

NumericScalar: TypeAlias = Any
"""A numpy scalar: its type decides how numpy computes with it."""

MAX_LEVELS = 4000
"""Most grey levels: thirteen pair matrices of so many levels take 0.8 GB."""


def bin_edges(low: NumericScalar, high: NumericScalar, bins: Bins) -> Float[np.ndarray, " edge"]:
    """Edges of the bins that hold ``low`` to ``high``, each bin with its lower edge.

    The extremes keep their pixel type, because PyRadiomics computes its edges in
    it, and a voxel may lie on one.

    Parameters
    ----------
    low, high : numpy scalar
        Extremes of the region, in the pixel type of the image.
    bins : Bins
        Settings.

    Returns
    -------
    edges : (bin + 1,) float64
        Ascending.

    Raises
    ------
    NotEstimableError
        If there would be more than 4,000 grey levels.

    Examples
    --------
    >>> from hepacast.radiomics.settings import Bins
    >>> bin_edges(np.float64(54), np.float64(166), Bins(width=25)).tolist()
    [50.0, 75.0, 100.0, 125.0, 150.0, 175.0, 200.0]

    Notes
    -----
    Source: PyRadiomics 3.0.1, ``imageoperations.getBinEdges`` (its fixed bin width counts from
    zero); IBSI reference manual, section "Image discretisation" for the two other origins.
    """
    if bins.count is not None:
        edges = np.histogram_bin_edges(np.stack([low, high]), bins.count)
        edges = edges.astype(np.float64)
        edges[-1] += 1
        return edges
    width = float(bins.width)
    step: float = int(width) if width.is_integer() else width
    expected = (float(high) - float(low)) / width
    if expected > MAX_LEVELS:
        raise NotEstimableError(
            what=f"a region has at most {MAX_LEVELS} grey levels",
            got=f"intensities {low:g} to {high:g} in bins of {width:g}",
            fix="Widen the bins (a bin count is safer for normalised or filtered images).",
        )
    if bins.origin == "zero":
        if np.issubdtype(np.asarray(low).dtype, np.integer):
            # Above 205, the upper end would not fit into eight bits.
            low, high = int(low), int(high)
        edges = np.arange(low - low % step, high + 2 * step, step)
    else:
        start = float(low) if bins.origin == "minimum" else float(bins.origin)
        edges = start + step * np.arange(int((float(high) - start) / step) + 2)
    if edges.size == 1:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges.astype(np.float64)
