# SPDX-License-Identifier: Apache-2.0
"""Size and form of a region."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.families.registry import FAMILIES, Family, catalogue
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.geometry import Triple
    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

FEATURES = catalogue(
    """
    Elongation | Q3CK | 1 | root of second / first variance along the principal axes
    Flatness | N17B | 1 | root of third / first variance
    LeastAxisLength | 7J51 | mm | 4 root of the third variance
    MajorAxisLength | TDIC | mm | 4 root of the first variance
    Maximum2DDiameterColumn | | mm | largest distance of surface points in a plane of equal j
    Maximum2DDiameterRow | | mm | largest distance of surface points in a plane of equal i
    Maximum2DDiameterSlice | | mm | largest distance of surface points in a plane of equal k
    Maximum3DDiameter | L0JK | mm | largest distance of surface points
    MeshVolume | RNU0 | mm3 | volume inside the marching cubes surface
    MinorAxisLength | P9VJ | mm | 4 root of the second variance
    Sphericity | QCFX | 1 | (36 pi volume^2)^(1/3) / area
    SurfaceArea | C0JK | mm2 | area of the marching cubes surface
    SurfaceVolumeRatio | 2PR5 | 1/mm | area / volume
    VoxelVolume | YEKZ | mm3 | voxels x voxel volume
    Compactness1 | SKGS | 1 | volume / (area^1.5 root pi)
    Compactness2 | BQWJ | 1 | 36 pi volume^2 / area^3
    SphericalDisproportion | KRCK | 1 | 1 / sphericity
    """,
    deprecated=frozenset({"Compactness1", "Compactness2", "SphericalDisproportion"}),
)


class ShapeParams(FamilyParams):
    """Settings of the shape features."""

    kind: Literal["shape"] = "shape"


def diameters(mask: Bool[np.ndarray, "k j i"], spacing: Triple) -> tuple[float, ...]:
    """Largest distances of surface points: equal k, equal j, equal i, and any.

    Parameters
    ----------
    mask : (k, j, i) bool
        Padded by one voxel of False on every side.
    spacing : tuple of float
        (k, j, i), mm.

    Examples
    --------
    >>> one = np.pad(np.ones((1, 1, 1), dtype=bool), 1)
    >>> diameters(one, (1.0, 1.0, 1.0))
    (1.0, 1.0, 1.0, 1.0)
    """
    from hepacast.radiomics.kernels.spans import surface_extremes, widest_in_planes

    half = np.asarray(spacing) / 2
    found = []
    corners = np.empty((0, 3))
    for axis, order in enumerate(((0, 1, 2), (1, 0, 2), (2, 0, 1))):
        turned = np.ascontiguousarray(mask.transpose(order))
        nk, nj, ni = turned.shape
        low, high = np.full((2 * nk, 2 * nj), 4 * ni), np.full((2 * nk, 2 * nj), -1)
        surface_extremes(turned, low, high)
        across, along = half[order[1]], half[order[2]]
        # Planes through voxel centres and between them both hold surface points.
        width, hull = widest_in_planes(low, high, across, along)
        found.append(float(width))
        if axis == 0:
            corners = hull * half
    return (*found, _span(corners))


def _span(points: Float[np.ndarray, "point 3"]) -> float:
    """Largest distance between any two of many points."""
    from scipy.spatial import ConvexHull, QhullError

    from hepacast.radiomics.kernels.spans import widest

    if len(points) > 500:
        # Points of one plane have no hull of their own; all pairs then are few enough.
        with suppress(QhullError):
            points = points[ConvexHull(points).vertices]
    return float(widest(np.ascontiguousarray(points)))


def principal_lengths(sample: Sample) -> list[float]:
    """Variances along the principal axes, descending, mm2."""
    points = sample.place.voxels * np.asarray(sample.place.spacing)
    points = points - points.mean(axis=0)
    variances = np.linalg.eigvalsh(points.T @ points / len(points))
    # A plane of voxels may come out at 1e-16 or -1e-16.
    least = 1e-13 * float(variances[-1])
    return [float(v) if v > least else 0.0 for v in variances[::-1]]


def shape(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the shape features of a region.

    Parameters
    ----------
    sample : Sample
        Only its place is looked at.
    params : ShapeParams
        Not used beyond the choice of features.
    """
    del params
    from hepacast.radiomics.kernels.cubes import surface

    place = sample.place
    area, volume = surface(place.box_mask, place.spacing)
    in_slice, in_column, in_row, largest = diameters(place.box_mask, place.spacing)
    first, second, third = principal_lengths(sample)
    k, j, i = place.spacing
    sphericity = (36 * math.pi * volume**2) ** (1 / 3) / area
    return {
        "Elongation": math.sqrt(second / first) if first > 0 else float("nan"),
        "Flatness": math.sqrt(third / first) if first > 0 else float("nan"),
        "LeastAxisLength": 4 * math.sqrt(third),
        "MajorAxisLength": 4 * math.sqrt(first),
        "Maximum2DDiameterColumn": in_column,
        "Maximum2DDiameterRow": in_row,
        "Maximum2DDiameterSlice": in_slice,
        "Maximum3DDiameter": largest,
        "MeshVolume": volume,
        "MinorAxisLength": 4 * math.sqrt(second),
        "Sphericity": sphericity,
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume if volume > 0 else float("nan"),
        "VoxelVolume": place.size * (k * i * j),
        "Compactness1": volume / (area**1.5 * math.sqrt(math.pi)),
        "Compactness2": 36 * math.pi * volume**2 / area**3,
        "SphericalDisproportion": 1 / sphericity if sphericity > 0 else float("nan"),
    }


FAMILIES.register(ShapeParams)(
    Family(FEATURES, shape, "PyRadiomics 3.0.1, shape; IBSI, morphological features", on="region")
)
