# SPDX-License-Identifier: Apache-2.0
"""Bodies given by their distance function, and random fields that have a value everywhere.

Coordinates are millimetres in the patient's own frame: x to the left, y to the
back, z to the head.  Distances are negative inside.  Nothing here knows voxels,
so the same patient can be scanned at any resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

    Distance = Float32[np.ndarray, "k j i"]
    Coordinate = Float32[np.ndarray, "..."]

Point = tuple[float, float, float]
Box = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
"""Lowest and highest x, y and z, mm."""


class Shape(Protocol):
    """Something with an inside."""

    @property
    def box(self) -> Box:
        """Where it may be."""

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the surface, mm; negative inside; exact only near the surface."""


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid with axes along x, y and z.

    Parameters
    ----------
    centre, radii : tuple of float
        mm.
    """

    centre: Point
    radii: Point

    @property
    def box(self) -> Box:
        """Where it may be."""
        (a, b, c), (p, q, r) = self.centre, self.radii
        return (a - p, a + p), (b - q, b + q), (c - r, c + r)

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the surface to first order, mm."""
        steps = [axis - middle for axis, middle in zip((x, y, z), self.centre, strict=True)]
        by = [step / radius for step, radius in zip(steps, self.radii, strict=True)]
        near = np.sqrt(by[0] ** 2 + by[1] ** 2 + by[2] ** 2)
        slope = np.sqrt(sum((b / r) ** 2 for b, r in zip(by, self.radii, strict=True)))
        distance: Distance = near * (near - 1) / np.maximum(slope, 1e-6)
        # At the very centre slope and nearness vanish together.
        distance[near < 1e-3] = -min(self.radii)
        return distance


@dataclass(frozen=True, slots=True)
class Tube:
    """A vessel: straight pieces between points, with a radius at each.

    Parameters
    ----------
    points : tuple of points
        At least two, mm.
    radii : tuple of float
        One per point, mm.
    """

    points: tuple[Point, ...]
    radii: tuple[float, ...]

    @property
    def box(self) -> Box:
        """Where it may be."""
        widest = max(self.radii)
        low = np.min(self.points, axis=0) - widest
        high = np.max(self.points, axis=0) + widest
        (a, b, c), (p, q, r) = low.tolist(), high.tolist()
        return (a, p), (b, q), (c, r)

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the nearest piece, mm."""
        pieces = [self._piece(at, x, y, z) for at in range(len(self.points) - 1)]
        nearest: Distance = np.minimum.reduce(pieces)
        return nearest

    def _piece(self, at: int, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the piece that starts at one point."""
        start, end = np.asarray(self.points[at]), np.asarray(self.points[at + 1])
        way = (end - start).astype(np.float32)
        steps = [axis - np.float32(o) for axis, o in zip((x, y, z), start, strict=True)]
        along = (steps[0] * way[0] + steps[1] * way[1] + steps[2] * way[2]) / (way @ way)
        share = np.clip(along, 0, 1)
        apart = [step - share * part for step, part in zip(steps, way, strict=True)]
        radius = self.radii[at] + share * (self.radii[at + 1] - self.radii[at])
        gap: Distance = np.sqrt(apart[0] ** 2 + apart[1] ** 2 + apart[2] ** 2) - radius
        return gap


@dataclass(frozen=True, slots=True, eq=False)
class RandomField:
    """A smooth Gaussian random field: mean 0, SD 1, correlation exp(-r²/2L²).

    A sum of plane waves with random directions and phases, so that it has a value
    at every point, moves with the organ it belongs to and is the same at
    every voxel size.

    Parameters
    ----------
    waves : (wave, 3) float32
        Wave vectors along x, y and z, per mm.
    phases : (wave,) float32
        Radians.

    Notes
    -----
    Rahimi and Recht 2007, Random features for large-scale kernel machines.
    """

    waves: Float32[np.ndarray, "wave 3"]
    phases: Float32[np.ndarray, " wave"]

    @classmethod
    def draw(cls, rng: np.random.Generator, length_mm: float, waves: int = 160) -> RandomField:
        """Draw a field.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance.
        length_mm : float
            Correlation length L, mm.
        waves : int
            More waves are closer to Gaussian, and dearer.
        """
        vectors = rng.standard_normal((waves, 3)) / length_mm
        return cls(vectors.astype(np.float32), rng.uniform(0, 2 * np.pi, waves).astype(np.float32))

    def over(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Value at every point of a grid.

        Parameters
        ----------
        x, y, z : array
            Coordinates along i, j and k, mm; any shape, read in order.

        Returns
        -------
        (k, j, i) float32
            Standard deviation 1 over realisations.
        """
        by_x, by_y, by_z = (
            np.outer(axis.astype(np.float32).ravel(), self.waves[:, at])
            for at, axis in enumerate((x, y, z))
        )
        turn = by_z + self.phases
        plane = by_y[:, None, :] + by_x[None, :, :]
        # cos(a + b) = cos a cos b - sin a sin b.  Not a matrix product: BLAS may add in another
        # order on another number of threads, and equal seeds must give equal bytes.
        total = np.einsum("kw,jiw->kji", np.cos(turn), np.cos(plane))
        total -= np.einsum("kw,jiw->kji", np.sin(turn), np.sin(plane))
        value: Distance = total * np.float32((2 / len(self.phases)) ** 0.5)
        return value


def occupancy(distance: Distance, soft_mm: float) -> Float32[np.ndarray, "k j i"]:
    """Share of a voxel that lies inside, from the distance of its centre.

    Parameters
    ----------
    distance : (k, j, i) float
        mm; negative inside.
    soft_mm : float
        Width of the step, about one voxel, mm.
    """
    share: Float32[np.ndarray, "k j i"] = np.clip(0.5 - distance / soft_mm, 0, 1)
    return share


def join_smoothly(a: Distance, b: Distance, width_mm: float) -> Distance:
    """Distance to the union of two bodies with the crease between them rounded off.

    Parameters
    ----------
    a, b : array
        Distances, mm.
    width_mm : float
        How far from the crease the rounding reaches, mm.
    """
    share = np.clip(0.5 + 0.5 * (b - a) / width_mm, 0, 1)
    joined: Distance = b + share * (a - b) - width_mm * share * (1 - share)
    return joined
