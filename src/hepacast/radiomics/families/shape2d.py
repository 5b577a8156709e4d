# SPDX-License-Identifier: Apache-2.0
"""Size and form of a region of one slice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.radiomics.families.registry import FAMILIES, Family, catalogue
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Bool

    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

FEATURES = catalogue(
    """
    Elongation | | 1 | root of second / first variance along the principal axes
    MajorAxisLength | | mm | 4 root of the first variance
    MaximumDiameter | | mm | largest distance of contour points
    MeshSurface | | mm2 | area inside the marching squares contour
    MinorAxisLength | | mm | 4 root of the second variance
    Perimeter | | mm | length of the contour
    PerimeterSurfaceRatio | | 1/mm | perimeter / area
    PixelSurface | | mm2 | pixels x pixel area
    Sphericity | | 1 | 2 root(pi area) / perimeter
    SphericalDisproportion | | 1 | 1 / sphericity
    """,
    deprecated=frozenset({"SphericalDisproportion"}),
)

_AREA = np.array([0, 1, 1, 4, 1, 2, 4, 7, 1, 4, 2, 7, 4, 7, 7, 8]) / 8
"""Part of a square inside the contour, by which of its four corners are inside."""


class Shape2DParams(FamilyParams):
    """Settings of the shape features of a single slice."""

    kind: Literal["shape2D"] = "shape2D"


def contour(mask: Bool[np.ndarray, "j i"], spacing: tuple[float, float]) -> tuple[float, float]:
    """Length and enclosed area of the marching squares contour, mm and mm2.

    Diagonal neighbours are not joined.

    Parameters
    ----------
    mask : (j, i) bool
        Padded by one pixel of False on every side.
    spacing : tuple of float
        (j, i), mm.

    >>> contour(np.pad(np.ones((1, 1), dtype=bool), 1), (1.0, 1.0))
    (2.8284271247461903, 0.5)
    """
    m = mask.astype(np.int64)
    code = m[:-1, :-1] + 2 * m[:-1, 1:] + 4 * m[1:, 1:] + 8 * m[1:, :-1]
    counts = np.bincount(code.ravel(), minlength=16)
    j, i = spacing
    slanted = math.hypot(j, i) / 2
    across = counts[[3, 12]].sum() * i + counts[[6, 9]].sum() * j
    corners = counts[[1, 2, 4, 8, 7, 11, 13, 14]].sum() + 2 * counts[[5, 10]].sum()
    return float(across + corners * slanted), float(counts @ _AREA) * j * i


def shape_2d(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the shape features of a region that lies in one slice.

    Parameters
    ----------
    sample : Sample
        Only its place and the slice axis of its texture settings are looked at.
    params : Shape2DParams
        Not used beyond the choice of features.

    Raises
    ------
    NotEstimableError
        If the region is thicker than one slice.
    """
    del params
    from hepacast.radiomics.families.shape import diameters

    place, axis = sample.place, sample.texture.flat_axis
    if place.box_shape[axis] != 1:
        raise NotEstimableError(
            what="2D shape needs a region of one slice",
            got=f"{place.box_shape[axis]} slices along axis {axis}",
            fix="Take the largest slice first, or use the 3D shape family.",
        )
    plane = np.take(place.box_mask, 1, axis=axis)
    rest = [a for a in range(3) if a != axis]
    j, i = (place.spacing[a] for a in rest)
    perimeter, area = contour(plane, (j, i))
    points = place.voxels[:, rest] * np.array([j, i])
    points = points - points.mean(axis=0)
    second, first = (
        max(float(v), 0.0) for v in np.linalg.eigvalsh(points.T @ points / len(points))
    )
    sheet = np.zeros((3, *plane.shape), dtype=bool)
    sheet[1] = plane
    sphericity = 2 * math.sqrt(math.pi * area) / perimeter
    return {
        "Elongation": math.sqrt(second / first) if first > 0 else float("nan"),
        "MajorAxisLength": 4 * math.sqrt(first),
        "MaximumDiameter": diameters(sheet, (1.0, j, i))[0],
        "MeshSurface": area,
        "MinorAxisLength": 4 * math.sqrt(second),
        "Perimeter": perimeter,
        "PerimeterSurfaceRatio": perimeter / area,
        "PixelSurface": place.size * (j * i),
        "Sphericity": sphericity,
        "SphericalDisproportion": 1 / sphericity,
    }


FAMILIES.register(Shape2DParams)(
    Family(FEATURES, shape_2d, "PyRadiomics 3.0.1, shape2D", on="region")
)
