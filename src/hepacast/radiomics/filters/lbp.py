# SPDX-License-Identifier: Apache-2.0
"""Local binary patterns: which neighbours on a circle or sphere are brighter."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Bool, Float

    from hepacast.core.volume import Box, Volume

Method = Literal["default", "ror", "uniform", "var"]
_CHUNK = 20_000
"""Voxels whose spheres are sampled at once; bounds the memory."""


class Lbp2DParams(FilterParams):
    """Settings of binary patterns on a circle."""

    kind: Literal["lbp-2D"] = "lbp-2D"
    radius: PositiveFloat = 1.0
    """Radius of the circle, pixels."""
    samples: PositiveInt = 8
    """Points on the circle."""
    method: Method = "uniform"
    """``default`` reads the pattern as a number, ``ror`` takes its smallest rotation, ``uniform``
    counts brighter points in patterns of at most two changes, ``var`` is the variance."""


class Lbp3DParams(FilterParams):
    """Settings of binary patterns on a sphere."""

    kind: Literal["lbp-3D"] = "lbp-3D"
    levels: PositiveInt = 2
    """Degrees of spherical harmonics; each gives one image."""
    radius: PositiveFloat = 1.0
    """Radius of the sphere, voxels."""
    subdivision: int = Field(default=1, ge=0)
    """Subdivisions of the icosahedron whose corners are sampled."""


@registered(
    Lbp2DParams,
    FilterEntry(
        ibsi="",
        formula="pattern of the points on a circle that are as bright as x or brighter",
        unit="1",
        source="Ojala 2002, IEEE PAMI 24:971",
    ),
)
def lbp_2d(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Compute binary patterns slice by slice, across the flat axis of the texture settings.

    Points off the grid are interpolated linearly; beyond the image lies 0.
    Source: Ojala 2002, IEEE PAMI 24:971; scikit-image, ``local_binary_pattern``.
    """
    if not isinstance(params, Lbp2DParams):
        raise TypeError
    return {"lbp-2D": partial(_respond_2d, params=params, axis=setting.texture.flat_axis)}


def _respond_2d(
    image: Volume, box: Box, *, params: Lbp2DParams, axis: int
) -> Float[np.ndarray, "k j i"]:
    # PyRadiomics swaps the slice axis to the front and so transposes the other two, if it is i.
    data = image.data.swapaxes(0, axis)
    wanted = [box[0], box[1], box[2]]
    wanted[0], wanted[axis] = wanted[axis], wanted[0]
    slices = data[wanted[0]].astype(np.float64)
    angles = 2 * np.pi * np.arange(params.samples) / params.samples
    rows = np.round(-params.radius * np.sin(angles), 5)
    columns = np.round(params.radius * np.cos(angles), 5)
    made = np.stack([_patterns(one, rows, columns, params.method) for one in slices])
    # The pixel type of the image holds the result, as in PyRadiomics.
    inner = made[:, wanted[1], wanted[2]].astype(image.data.dtype)
    return np.ascontiguousarray(inner.swapaxes(0, axis))


def _patterns(
    plane: Float[np.ndarray, "j i"],
    rows: Float[np.ndarray, " point"],
    columns: Float[np.ndarray, " point"],
    method: Method,
) -> Float[np.ndarray, "j i"]:
    """Compute the pattern of every pixel of a slice."""
    sampled = np.stack([_shifted(plane, r, c) for r, c in zip(rows, columns, strict=True)])
    if method == "var":
        n = len(rows)
        variance: Float[np.ndarray, "j i"] = (
            (sampled**2).sum(axis=0) - sampled.sum(axis=0) ** 2 / n
        ) / n
        return np.where(variance == 0, np.nan, variance)
    bits = sampled - plane >= 0
    if method == "uniform":
        changes = (bits[1:] != bits[:-1]).sum(axis=0)
        return np.where(changes <= 2, bits.sum(axis=0), len(rows) + 1).astype(np.float64)
    return _as_number(bits, rotate=method == "ror")


def _as_number(bits: Bool[np.ndarray, "point j i"], *, rotate: bool) -> Float[np.ndarray, "j i"]:
    """Read a pattern as a binary number, or as the smallest of its rotations."""
    n = len(bits)
    weights = 2.0 ** np.arange(n)
    turns = range(n) if rotate else range(1)
    numbers = [np.tensordot(weights, np.roll(bits, turn, axis=0), axes=1) for turn in turns]
    smallest: Float[np.ndarray, "j i"] = np.min(numbers, axis=0)
    return smallest


def _shifted(plane: Float[np.ndarray, "j i"], row: float, column: float) -> np.ndarray:
    """Interpolate a slice linearly at a fixed offset from every pixel; 0 beyond the edge.

    The fraction is taken from the whole coordinate, not from the offset: its last bit
    decides whether a point on flat ground is as bright as the centre.
    """
    reach = int(np.ceil(max(abs(row), abs(column)))) + 1
    padded = np.pad(plane, reach)
    nj, ni = plane.shape
    j, i = np.arange(nj) + row, np.arange(ni) + column
    low_j, high_j = np.floor(j).astype(int) + reach, np.ceil(j).astype(int) + reach
    low_i, high_i = np.floor(i).astype(int) + reach, np.ceil(i).astype(int) + reach
    tj, ti = (j - np.floor(j))[:, None], i - np.floor(i)
    top = (1 - ti) * padded[np.ix_(low_j, low_i)] + ti * padded[np.ix_(low_j, high_i)]
    bottom = (1 - ti) * padded[np.ix_(high_j, low_i)] + ti * padded[np.ix_(high_j, high_i)]
    mixed: np.ndarray = (1 - tj) * top + tj * bottom
    return mixed


@registered(
    Lbp3DParams,
    FilterEntry(
        ibsi="",
        formula="norm of each degree of the pattern on a sphere; kurtosis on the sphere",
        unit="1",
        source="Banerjee 2013, ACCV workshops; PyRadiomics 3.0.1, getLBP3DImage",
    ),
)
def lbp_3d(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Compute rotation-invariant binary patterns on a sphere, and the kurtosis on it.

    The pattern of a voxel is expanded in spherical harmonics; the images hold the
    norm of each degree.  Intensities are interpolated by cubic splines.
    Source: Banerjee 2013, ACCV workshops; PyRadiomics 3.0.1, ``getLBP3DImage``.
    """
    del setting
    if not isinstance(params, Lbp3DParams):
        raise TypeError
    made: dict[str, Response] = {
        f"lbp-3D-m{n + 1}": partial(_respond_3d, params=params, degree=n)
        for n in range(params.levels)
    }
    made["lbp-3D-k"] = partial(_respond_3d, params=params, degree=None)
    return made


def _respond_3d(
    image: Volume, box: Box, *, params: Lbp3DParams, degree: int | None
) -> Float[np.ndarray, "k j i"]:
    from scipy.ndimage import map_coordinates, spline_filter

    smooth = spline_filter(image.data.astype(np.float64), order=3, mode="constant")
    sphere = icosphere(params.subdivision, params.radius)
    shape = tuple(s.stop - s.start for s in box)
    result = np.empty(int(np.prod(shape)))
    starts = np.array([s.start for s in box])
    harmonics = None if degree is None else _harmonics(sphere, params.radius, degree)
    for first in range(0, result.size, _CHUNK):
        flat = np.arange(first, min(first + _CHUNK, result.size))
        at = np.stack(np.unravel_index(flat, shape), axis=1) + starts
        points = (at[:, None, :] + sphere[None, :, :]).reshape(-1, 3)
        sampled = map_coordinates(smooth, points.T, order=3, prefilter=False)
        sampled = sampled.reshape(len(flat), len(sphere))
        if np.issubdtype(image.data.dtype, np.integer):
            sampled = np.trunc(np.where(sampled > 0, sampled + 0.5, sampled - 0.5))
            if image.data.dtype.kind == "u":
                sampled = np.clip(sampled, 0, np.iinfo(image.data.dtype).max)
        elif image.data.dtype == np.float32:
            sampled = sampled.astype(np.float32)
        if harmonics is None:
            result[flat] = _kurtosis(sampled)
        else:
            centre = image.data[tuple(at.T)]
            bits = (sampled >= centre[:, None]).astype(np.float64)
            result[flat] = _degree_norm(bits, harmonics)
    return result.reshape(shape)


def _kurtosis(sampled: Float[np.ndarray, "voxel point"]) -> Float[np.ndarray, " voxel"]:
    """Excess kurtosis over the sphere; NaN where it is flat to the precision of its mean.

    >>> _kurtosis(np.array([[0.0, 0.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]])).tolist()
    [-2.0, nan]
    """
    mean = sampled.mean(axis=1, keepdims=True)
    square = (sampled - mean) ** 2
    second, fourth = square.mean(axis=1), (square**2).mean(axis=1)
    flat = second <= (np.finfo(sampled.dtype).eps * mean[:, 0]) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        made: Float[np.ndarray, " voxel"] = np.where(flat, np.nan, fourth / second**2 - 3)
    return made


def _degree_norm(
    bits: Float[np.ndarray, "voxel point"], harmonics: np.ndarray
) -> Float[np.ndarray, " voxel"]:
    """Real part of the root of the summed squares of one degree's part of the pattern.

    Added up corner by corner, as PyRadiomics does: equal patterns differ by a last bit
    otherwise, and an edge between bins may lie there.
    """
    weights = np.zeros((len(bits), harmonics.shape[1]), complex)
    for column, corner in zip(bits.T, harmonics, strict=True):
        weights += column[:, None] * corner
    total = np.zeros(len(bits), complex)
    for corner in harmonics:
        total += (weights * corner).sum(axis=1) ** 2
    norm: Float[np.ndarray, " voxel"] = np.sqrt(total).real
    return norm


def _harmonics(sphere: Float[np.ndarray, "corner 3"], radius: float, degree: int) -> np.ndarray:
    """Values of all orders of one degree at the corners of the sphere.

    The two angles are passed as PyRadiomics passes them: the polar one as the azimuth.
    """
    from scipy.special import sph_harm_y

    polar = np.arccos(np.clip(sphere[:, 2] / radius, -1, 1))
    azimuth = np.arctan2(sphere[:, 1], sphere[:, 0])
    orders = range(-degree, degree + 1)
    return np.stack([sph_harm_y(degree, m, azimuth, polar) for m in orders], axis=1)


@cache
def icosphere(subdivision: int, radius: float = 1.0) -> Float[np.ndarray, "corner 3"]:
    """Corners of an icosahedron whose faces were divided so many times, all at one distance.

    In the order of trimesh, in which PyRadiomics adds them up.

    >>> [len(icosphere(n)) for n in range(3)]
    [12, 42, 162]
    """
    from scipy.spatial import ConvexHull

    t = (1 + np.sqrt(5)) / 2
    corners = np.array(
        [
            [-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0],
            [0, -1, t], [0, 1, t], [0, -1, -t], [0, 1, -t],
            [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1],
        ]
    ) / np.sqrt(2 + t)  # fmt: skip
    if subdivision == 0:
        corners = _blown_up(corners, radius)
    for _ in range(subdivision):
        faces = ConvexHull(corners).simplices
        sides = ((0, 1), (1, 2), (0, 2))
        # By the later corner, then by the earlier one.
        edges = {tuple(sorted((f[a], f[b])))[::-1] for f in faces.tolist() for a, b in sides}
        middles = np.array([(corners[a] + corners[b]) / 2 for b, a in sorted(edges)])
        corners = _blown_up(np.concatenate([corners, middles]), radius)
    found: Float[np.ndarray, "corner 3"] = corners
    return found


def _blown_up(corners: Float[np.ndarray, "corner 3"], radius: float) -> np.ndarray:
    """Move corners along their directions to a sphere."""
    length = np.sqrt((corners**2) @ np.ones(3))[:, None]
    moved: np.ndarray = corners + corners / length * (radius - length)
    return moved
