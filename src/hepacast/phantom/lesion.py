# SPDX-License-Identifier: Apache-2.0
"""The tumour: where it sits, how it is built and how it takes up contrast.

Everything that depends on the aggressiveness z is in :func:`draw_lesion` and
nowhere else; :func:`contrast` gives the difference to the liver, phase by phase,
in CT numbers.  Other modalities scale it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.phantom.anatomy import FIELD_OF_VIEW_MM
from hepacast.phantom.shapes import Ellipsoid, Point, RandomField, occupancy

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from hepacast.phantom.anatomy import Liver
    from hepacast.phantom.shapes import Box, Coordinate, Distance

_COARSE_MM = 6.0


@dataclass(frozen=True, slots=True)
class Lesion:
    """One tumour.

    Parameters
    ----------
    core : Ellipsoid
        Its body before the margin is roughened.
    margin : RandomField
        Unevenness of the margin.
    roughness_mm : float
        SD of the unevenness, mm; higher with z.
    texture : RandomField
        Pattern inside; its correlation length is longer with z.
    amplitude : float
        SD of the pattern, HU; higher with z.
    necrosis : float
        Relative radius of the dead centre, 0 to 0.75; higher with z.
    enhancement : float
        Arterial difference to the liver, HU.
    washout : float
        Portal loss against the liver, HU; higher with z.
    capsule : float
        Delayed brightness of the capsule, HU; 0 without one.  Rarer with z.
    corona : float
        Arterial brightness of the liver around the tumour, HU; higher with z.
    satellites : tuple of Ellipsoid
        Small nodules nearby; more with z.
    """

    core: Ellipsoid
    margin: RandomField
    roughness_mm: float
    texture: RandomField
    amplitude: float
    necrosis: float
    enhancement: float
    washout: float
    capsule: float
    corona: float
    satellites: tuple[Ellipsoid, ...]

    @property
    def radius_mm(self) -> float:
        """Radius of the ball of equal volume, mm."""
        return float(np.prod(self.core.radii) ** (1 / 3))

    @property
    def box(self) -> Box:
        """Where tumour, corona and margin may be."""
        reach = 3.5 * self.roughness_mm + 10
        (a, b, c) = ((low - reach, high + reach) for low, high in self.core.box)
        return a, b, c

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the margin, mm; negative inside."""
        smooth = self.core.distance(x, y, z)
        smooth += self.roughness_mm * self.margin.over(x, y, z)
        return smooth

    def dead(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Float32[np.ndarray, "k j i"]:
        """Share of dead tissue, 0 to 1."""
        near = [
            (axis - o) / r
            for axis, o, r in zip((x, y, z), self.core.centre, self.core.radii, strict=True)
        ]
        depth = np.sqrt(near[0] ** 2 + near[1] ** 2 + near[2] ** 2)
        # Half a metre away the field is another one, as unrelated as a new draw.
        ragged = depth + 0.10 * self.margin.over(x + 500, y, z) - self.necrosis
        return occupancy(ragged * self.radius_mm, 3.0)


@dataclass(frozen=True, slots=True)
class PhaseContrast:
    """How a tumour differs from the liver in one phase, HU.

    Parameters
    ----------
    body : float
        Living tissue.
    pattern : float
        SD of the texture.
    capsule : float
        Shell of the tumour.
    corona : float
        Liver just outside.
    satellites : float
        Small nodules.
    """

    body: float
    pattern: float
    capsule: float
    corona: float
    satellites: float


def contrast(lesion: Lesion, phase: str) -> PhaseContrast:
    """Contrast of a lesion in a phase.

    Parameters
    ----------
    lesion : Lesion
        The tumour.
    phase : str
        ``native``, ``arterial``, ``portal`` or ``delayed``.
    """
    up, down, strength = lesion.enhancement, lesion.washout, lesion.amplitude
    if phase == "native":
        return PhaseContrast(-9.0, 0.25 * strength, 0.0, 0.0, -6.0)
    if phase == "arterial":
        return PhaseContrast(up, strength, 0.0, lesion.corona, 0.9 * up)
    if phase == "portal":
        return PhaseContrast(
            -down, 0.9 * strength, 0.4 * lesion.capsule, 0.3 * lesion.corona, -0.8 * down
        )
    return PhaseContrast(-down - 7.0, 0.7 * strength, lesion.capsule, 0.0, -0.8 * down - 5)


def draw_lesion(
    rng: np.random.Generator, *, z: float, diameter_mm: float, satellites: int, liver: Liver
) -> Lesion:
    """Draw the tumour of one patient.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    z : float
        Aggressiveness, standard normal; higher = worse.
    diameter_mm : float
        Of the main tumour.
    satellites : int
        Nodules beside it.
    liver : Liver
        Where it grows.
    """
    radius = diameter_mm / 2
    stretch = np.exp(rng.normal(0, 0.08, 3))
    p, q, r = (radius * stretch / np.prod(stretch) ** (1 / 3)).tolist()
    depths = _Depths.of(liver)
    core = Ellipsoid(_seat(rng, depths, radius), (p, q, r))
    # Drawn whether used or not, so that z moves no later number.
    noise = rng.standard_normal(5).tolist()
    has_capsule = rng.random() < 1 / (1 + np.exp(-(0.4 - 1.2 * z)))
    nodules = _satellites(rng, core, depths)
    return Lesion(
        core=core,
        margin=RandomField.draw(rng, length_mm=max(4.0, 0.32 * radius), waves=64),
        roughness_mm=radius * float(np.clip(0.055 + 0.022 * z + 0.006 * noise[0], 0.005, 0.14)),
        texture=RandomField.draw(rng, length_mm=float(4.2 * np.exp(0.18 * z)), waves=200),
        amplitude=max(3.0, 17 + 6.5 * z + 0.8 * noise[1]),
        necrosis=float(np.clip(0.14 + 0.17 * z + 0.04 * noise[2], 0, 0.75)),
        enhancement=32 + 6 * noise[3],
        washout=12 + 8 * z + 2.5 * noise[4],
        capsule=38.0 if has_capsule else 0.0,
        corona=max(0.0, 9 + 7 * z),
        satellites=nodules[:satellites],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Depths:
    """Depth of the liver on a coarse grid, to choose places from."""

    low: Float[np.ndarray, " 3"]
    distance: Distance

    @classmethod
    def of(cls, liver: Liver) -> _Depths:
        """Measure a liver."""
        axes = [np.arange(low, high, _COARSE_MM, dtype=np.float32) for low, high in liver.box]
        x, y, z = axes[0].reshape(1, 1, -1), axes[1].reshape(1, -1, 1), axes[2].reshape(-1, 1, 1)
        return cls(np.array([axis[0] for axis in axes]), liver.distance(x, y, z))

    def at(self, points: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, " point"]:
        """Distance at the nearest grid points, mm."""
        index = np.rint((points - self.low) / _COARSE_MM).astype(np.intp)
        i, j, k = np.clip(index, 0, np.array(self.distance.shape[::-1]) - 1).T
        return np.asarray(self.distance[k, j, i], dtype=np.float64)

    def places(self) -> Float[np.ndarray, "point 3"]:
        """All grid points as (x, y, z)."""
        k, j, i = np.indices(self.distance.shape).reshape(3, -1)
        points: Float[np.ndarray, "point 3"] = self.low + _COARSE_MM * np.stack([i, j, k], axis=1)
        return points


def _seat(rng: np.random.Generator, depths: _Depths, radius: float) -> Point:
    """Choose a centre deep enough in the liver for most of the tumour to fit."""
    places = depths.places()
    depth = depths.at(places)
    seen = np.abs(places[:, 2]) + radius < FIELD_OF_VIEW_MM[2] / 2 - 8
    fits = np.flatnonzero(seen & (depth < -(0.75 * radius + 3)))
    lot = float(rng.random())
    # Without a place that fits, the deepest: the tumour then bulges out of the liver.
    best = fits[int(lot * fits.size)] if fits.size else np.argmin(np.where(seen, depth, np.inf))
    x, y, z = places[best].tolist()
    return x, y, z


def _satellites(
    rng: np.random.Generator, core: Ellipsoid, depths: _Depths
) -> tuple[Ellipsoid, ...]:
    """Draw nodules around the tumour, those inside the liver first."""
    way = rng.standard_normal((60, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    radii = rng.uniform(3.0, 5.5, 60)
    reach = max(core.radii) * 1.05 + radii + rng.uniform(5, 14, 60)
    spots = np.asarray(core.centre) + way * reach[:, None]
    order = np.argsort(depths.at(spots) > -radii, kind="stable")
    found: list[Ellipsoid] = []
    for at in order.tolist():
        x, y, z = spots[at].tolist()
        radius = float(radii[at])
        apart = [np.linalg.norm(np.subtract(other.centre, (x, y, z))) for other in found]
        if all(gap > radius + other.radii[0] + 3 for gap, other in zip(apart, found, strict=True)):
            found.append(Ellipsoid((x, y, z), (radius, radius, radius)))
    return tuple(found)
