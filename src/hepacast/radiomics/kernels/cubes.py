# SPDX-License-Identifier: Apache-2.0
"""Surface of a mask by marching cubes, counted by the 256 ways a cube can lie in it.

A binary mask cuts every edge in the middle, so a cube of one configuration
always adds the same triangles.  Area and volume need the number of cubes of each
configuration and the sums of their positions, whole numbers, and no mesh.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

CORNERS = np.array(
    [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 0]]
)
"""(k, j, i) of the eight corners; corner n is bit n of a configuration."""
EDGES = (
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 0),
    (4, 5),
    (5, 6),
    (6, 7),
    (7, 4),
    (0, 4),
    (1, 5),
    (2, 6),
    (3, 7),
)
"""Corners at both ends of the twelve edges."""

# The cut edges of each triangle, one hexadecimal digit each, for the configurations without
# corner 7; the others are their complements.  Lorensen and Cline 1987, as tabulated by
# P. Bourke, "Polygonising a scalar field" (1994, public domain).
TRIANGLES = """
- 083 019 183981 12a 08312a 92a029 2832a8a98 3b2 0b28b0 19023b 1b219b98b 3a1ba3 0a108a8ba
3903b9ba9 98aa8b 478 430734 019847 419471731 12a847 34730412a 92a902847 2a9297273794 8473b2
b47b24204 90184723b 47b94b9b2921 3a13ba784 1ba14b1047b4 47890b9bab03 47b4b99ba 954 954083
054150 854835315 12a954 30812a495 52a542402 2a5325354348 95423b 0b208b495 05401523b
21525828b485 a3ba13954 4950818a18ba 54050b5bab03 54858aa8b 978579 930953573 078017157 153357
978957a12 a12950530573 802825857a52 2a5253357 7957893b2 95797292027b 23b018178157 b21b17715
958857a13a3b 5705097b010aba0 ba0b03a50807570 ba57b5 a65 0835a6 9015a6 1831985a6 165261
165126308 965906026 598582526328 23ba65 b08b20a65 01923b5a6 5a61929b298b 63b653513
08b0b50515b6 3b6036065059 65969bb98 5a6478 43047365a 1905a6847 a65197173794 612651478
125526304347 847905065026 739794329596269 3b2784a65 5a647242027b 01947823b5a6
9219b294b7b45a6 8473b53515b6 51b5b610b7b404b 059065036b63847 65969b4797b9 a4964a 4a649a083
a01a60640 83181686461a 149124264 308129249264 024426 832824426 a49a64b23 08228b49a4a6
3b201606461a 64161a48121b8b1 964936913b63 8b1810b61914641 3b6360064 648b68 7a678a89a
0730a709a67a a671a7178180 a67a71173 126168189867 269291679093739 780706602 732672
23ba68a89867 20727b09767a9a7 1801781a767a23b b21b17a61671 896867916b63136 091b67
7807063b0b60 7b6
""".split()


@njit(nogil=True, cache=True)
def count_cubes(mask):
    """Count cubes by configuration, and add up where they start.

    Parameters
    ----------
    mask : (k, j, i) bool
        Padded by one voxel of False on every side.

    Returns
    -------
    sums : (256, 4) int64
        Number of cubes, and the sums of their first corner's k, j and i.
    """
    nk, nj, ni = mask.shape
    sums = np.zeros((256, 4), np.int64)
    for k in range(nk - 1):
        for j in range(nj - 1):
            a, b, c, d = mask[k, j], mask[k, j + 1], mask[k + 1, j], mask[k + 1, j + 1]
            near = (np.int64(a[0]) | np.int64(b[0]) << 3) | (
                np.int64(c[0]) | np.int64(d[0]) << 3
            ) << 4
            for i in range(ni - 1):
                far = (np.int64(a[i + 1]) | np.int64(b[i + 1]) << 3) | (
                    np.int64(c[i + 1]) | np.int64(d[i + 1]) << 3
                ) << 4
                # Bits 0, 3, 4, 7 are the near face; 1, 2, 5, 6 the far one.
                shape = near | (far & 1) << 1 | (far & 8) >> 1 | (far & 16) << 1 | (far & 128) >> 1
                if shape != 0 and shape != 255:
                    sums[shape, 0] += 1
                    sums[shape, 1] += k
                    sums[shape, 2] += j
                    sums[shape, 3] += i
                near = far
    return sums


@cache
def _triangles() -> tuple[tuple[int, tuple[Float[np.ndarray, "triangle 3 3"], ...]], ...]:
    """Sign and unit-cube triangles of every configuration."""
    middle = np.array([(CORNERS[a] + CORNERS[b]) / 2 for a, b in EDGES])
    rows = []
    for shape in range(256):
        code = TRIANGLES[shape if shape < 128 else 255 - shape]
        cut = [] if code == "-" else [int(digit, 16) for digit in code]
        rows.append((1 if shape < 128 else -1, (middle[cut].reshape(-1, 3, 3),)))
    return tuple(rows)


def surface(
    mask: Bool[np.ndarray, "k j i"], spacing: tuple[float, float, float]
) -> tuple[float, float]:
    """Area and volume of the surface of a padded mask.

    Where the original table leaves a hole (it does at ambiguous faces), the
    volume depends on where the mask sits in its box, as it does in PyRadiomics.

    Parameters
    ----------
    mask : (k, j, i) bool
        Padded by one voxel of False on every side.
    spacing : tuple of float
        (k, j, i), mm.

    Returns
    -------
    area, volume : float
        mm2 and mm3.
    """
    sums = count_cubes(mask)
    step = np.asarray(spacing)
    area = volume = 0.0
    for shape in np.flatnonzero(sums[:, 0]):
        sign, (unit,) = _triangles()[shape]
        corners = unit * step
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        cones = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
        area += sums[shape, 0] * float(np.linalg.norm(normals, axis=1).sum()) / 2
        shift = sums[shape, 1:] * step
        volume += (
            sign * (sums[shape, 0] * float(cones.sum()) + float(shift @ normals.sum(axis=0))) / 6
        )
    return area, abs(volume)
