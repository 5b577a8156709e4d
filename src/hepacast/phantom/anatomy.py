# SPDX-License-Identifier: Apache-2.0
"""The upper abdomen of one patient, as bodies that a scanner can cut.

Sizes are those of an adult.  Neither body size nor the look of the liver
depends on anything in the clinical table, see :mod:`hepacast.phantom.latent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.phantom.shapes import Ellipsoid, Point, RandomField, Tube, join_smoothly

if TYPE_CHECKING:
    from hepacast.phantom.shapes import Box, Coordinate, Distance, Shape

FIELD_OF_VIEW_MM: Point = (288.0, 204.0, 150.0)
"""Extent along x, y and z."""

_EVERYWHERE: Box = ((-200.0, 200.0), (-200.0, 200.0), (-200.0, 200.0))


@dataclass(frozen=True, slots=True)
class Trunk:
    """The trunk at a depth below the skin, the same at every level.

    Parameters
    ----------
    half_width, half_depth : float
        To the skin, mm.
    under_skin : float
        Depth of this layer below the skin, mm.
    """

    half_width: float
    half_depth: float
    under_skin: float = 0.0

    @property
    def box(self) -> Box:
        """Where it may be."""
        return _EVERYWHERE

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the layer, mm."""
        # A rounded box rather than an ellipse: a lying patient is flat.
        bend = (np.abs(x) / self.half_width) ** 2.4 + (np.abs(y) / self.half_depth) ** 2.4
        shortest = min(self.half_width, self.half_depth)
        flat = (bend ** (1 / 2.4) - 1) * shortest + self.under_skin
        wide: Distance = np.broadcast_to(flat, np.broadcast_shapes(flat.shape, z.shape)).copy()
        return wide


@dataclass(frozen=True, slots=True)
class Ribs:
    """Oblique rods in a layer of the trunk, most of them cut across by an axial slice.

    Parameters
    ----------
    trunk : Trunk
        The layer in which they run.
    every_mm, radius_mm, slope : float
        Distance between two, their thickness, and how steeply they fall to the front.
    """

    trunk: Trunk
    every_mm: float = 30.0
    radius_mm: float = 4.2
    slope: float = 0.55

    @property
    def box(self) -> Box:
        """Where it may be."""
        return _EVERYWHERE

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the nearest rib, mm."""
        depth = self.trunk.distance(x, y, z)
        level = (z - self.slope * y) % self.every_mm - self.every_mm / 2
        gap: Distance = np.sqrt(depth**2 + level**2) - self.radius_mm
        # The arch is open in front of the liver and at the spine.
        gap[np.broadcast_to((y < -58) | (np.abs(x) < 34), gap.shape)] = 99.0
        return gap


@dataclass(frozen=True, slots=True)
class Liver:
    """Two lobes joined, a hollow for spine and hilum, an uneven surface.

    Parameters
    ----------
    right, left : Ellipsoid
        The lobes.
    hollow : Ellipsoid
        What the lobes leave free.
    wall : Trunk
        The abdominal wall that it lies against.
    surface : RandomField
        Unevenness, 2 mm.
    """

    right: Ellipsoid
    left: Ellipsoid
    hollow: Ellipsoid
    wall: Trunk
    surface: RandomField

    @property
    def box(self) -> Box:
        """Where it may be."""
        ends = zip(self.right.box, self.left.box, strict=True)
        (a, b, c) = ((min(p[0], q[0]) - 6, max(p[1], q[1]) + 6) for p, q in ends)
        return a, b, c

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the surface, mm."""
        lobes = join_smoothly(self.right.distance(x, y, z), self.left.distance(x, y, z), 14.0)
        lobes += 2.0 * self.surface.over(x, y, z)
        lobes = np.maximum(lobes, -self.hollow.distance(x, y, z))
        against: Distance = np.maximum(lobes, self.wall.distance(x, y, z))
        return against


@dataclass(frozen=True, slots=True)
class Lungs:
    """The chest above the diaphragm, with a dome over the right lobe.

    Parameters
    ----------
    wall : Trunk
        The chest wall.
    level : float
        z of the diaphragm beside the dome, mm.
    dome : float
        How much higher the dome rises, mm.
    between : Ellipsoid
        Spine and mediastinum, which the lungs leave free.
    """

    wall: Trunk
    level: float
    dome: float
    between: Ellipsoid

    @property
    def box(self) -> Box:
        """Where it may be."""
        (x, y, _) = _EVERYWHERE
        return x, y, (self.level - 80, 200.0)

    def distance(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Distance:
        """Distance to the surface, mm."""
        right = np.exp(-(((x + 55) / 58) ** 2 + ((y - 5) / 52) ** 2) / 2)
        left = 0.75 * np.exp(-(((x - 60) / 50) ** 2 + ((y - 5) / 50) ** 2) / 2)
        roof = self.level - 22 + self.dome * (right + left)
        chest = np.maximum(self.wall.distance(x, y, z), -self.between.distance(x, y, z))
        inside: Distance = np.maximum(roof - z, chest)
        return inside


@dataclass(frozen=True, slots=True)
class Organ:
    """A body of one tissue.

    Parameters
    ----------
    tissue : str
        Row of the signal table.
    shape : Shape
        Where it is.
    breathes : bool
        Whether it moves with the diaphragm.
    """

    tissue: str
    shape: Shape
    breathes: bool = True


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One patient without the tumour.

    Parameters
    ----------
    frame : tuple of Organ
        What stands still, in order of painting.
    organs : tuple of Organ
        What lies around the liver, in order of painting; all but the spine breathes.
    liver : Liver
        The liver.
    vessels : tuple of Organ
        Veins and arteries, painted over the liver.
    parenchyma : RandomField
        Texture of the liver around the tumour.
    """

    frame: tuple[Organ, ...]
    organs: tuple[Organ, ...]
    liver: Liver
    vessels: tuple[Organ, ...]
    parenchyma: RandomField


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one patient.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    """
    width, depth = rng.normal((131.0, 91.0), (4.0, 3.0)).tolist()
    fat = float(rng.uniform(7, 15))
    skin = Trunk(width, depth)
    muscle, cavity = Trunk(width, depth, fat), Trunk(width, depth, fat + 9)
    liver = _liver(rng, cavity)
    frame = (
        Organ("fat", skin, breathes=False),
        Organ("muscle", muscle, breathes=False),
        Organ("fat", cavity, breathes=False),
        Organ("bone", Ribs(Trunk(width, depth, fat + 5)), breathes=False),
    )
    between = Ellipsoid((4, 36, 0), (31, 52, 900))
    chest = Trunk(width, depth, fat + 10)
    lungs = Organ("lung", Lungs(chest, float(rng.normal(40, 3)), 34.0, between))
    # The spine stands still, but the lungs end at it: it is painted after them.
    organs = (*_bowel(rng), *_neighbours(rng), lungs, *_spine(depth - fat))
    parenchyma = RandomField.draw(rng, length_mm=7.0, waves=48)
    return Anatomy(frame, organs, liver, _vessels(rng, depth - fat - 57), parenchyma)


def _about(rng: np.random.Generator, middle: Point, sd_mm: float) -> Point:
    """Draw a point near another one."""
    x, y, z = (np.asarray(middle) + rng.normal(0, sd_mm, 3)).tolist()
    return x, y, z


def _liver(rng: np.random.Generator, wall: Trunk) -> Liver:
    """Draw the liver."""
    size = float(rng.normal(1.0, 0.04))
    right = Ellipsoid(_about(rng, (-58, -2, -4), 2), (66 * size, 70 * size, 66 * size))
    left = Ellipsoid(_about(rng, (6, -42, 14), 2), (64 * size, 31 * size, 34 * size))
    hollow = Ellipsoid((10, 44, -10), (42, 50, 190))
    surface = RandomField.draw(rng, length_mm=28.0, waves=32)
    snug = Trunk(wall.half_width, wall.half_depth, wall.under_skin + 2.5)
    return Liver(right, left, hollow, snug, surface)


def _spine(back: float) -> tuple[Organ, ...]:
    """Vertebrae, discs, canal and the muscles beside them."""
    middle = back - 40
    bodies = [
        Organ("bone", Ellipsoid((0, middle, level), (22, 17, 15)), breathes=False)
        for level in (-82, -49, -16, 17, 50, 83)
    ]

    def column(tissue: str, x: float, y: float, radius: float) -> Organ:
        """Rod along z."""
        return Organ(tissue, Tube(((x, y, -99), (x, y, 99)), (radius, radius)), breathes=False)

    return (
        column("muscle", -30, back - 16, 17),
        column("muscle", 30, back - 16, 17),
        column("disc", 0, middle, 17),
        *bodies,
        column("bone", 0, back - 17, 14),
        column("canal", 0, back - 21, 8),
        column("bone", 0, back - 8, 4),
    )


def _bowel(rng: np.random.Generator) -> tuple[Organ, ...]:
    """Loops in front and below, some with gas."""
    loops = []
    for _ in range(9):
        x = float(rng.uniform(-20, 80))
        # The wall bends back towards the flank.
        at: Point = (x, float(rng.uniform(0.005 * x**2 - 52, -5)), float(rng.uniform(-85, -30)))
        radius = float(rng.uniform(11, 17))
        loops.append(Organ("bowel", Ellipsoid(at, (radius * 1.4, radius, radius))))
        if rng.random() < 0.4:
            gas: Point = (at[0], at[1] - 0.3 * radius, at[2])
            loops.append(Organ("gas", Ellipsoid(gas, (radius * 0.9, radius * 0.45, radius * 0.6))))
    return tuple(loops)


def _neighbours(rng: np.random.Generator) -> tuple[Organ, ...]:
    """Stomach, spleen, kidneys, pancreas, gallbladder."""
    stomach = _about(rng, (62, -26, 14), 4)
    spleen = _about(rng, (84, 34, 12), 3)
    right, left = _about(rng, (-58, 44, -66), 3), _about(rng, (60, 46, -50), 3)
    gas: Point = (stomach[0] - 4, stomach[1] - 16, stomach[2] + 4)
    return (
        Organ("pancreas", Tube(((6, -6, -36), (28, 2, -28), (64, 18, -16)), (11, 9, 8))),
        Organ("bowel", Ellipsoid(stomach, (36, 31, 42))),
        Organ("fluid", Ellipsoid(stomach, (31, 26, 37))),
        Organ("gas", Ellipsoid(gas, (21, 9, 20))),
        Organ("kidney cortex", Ellipsoid(right, (25, 23, 48))),
        Organ("kidney medulla", Ellipsoid(right, (15, 13, 36))),
        Organ("fat", Ellipsoid((right[0] + 6, right[1] - 4, right[2]), (9, 7, 20))),
        Organ("kidney cortex", Ellipsoid(left, (25, 23, 48))),
        Organ("kidney medulla", Ellipsoid(left, (15, 13, 36))),
        Organ("fat", Ellipsoid((left[0] - 6, left[1] - 4, left[2]), (9, 7, 20))),
        Organ("spleen", Ellipsoid(spleen, (21, 36, 42))),
        Organ("bile", Ellipsoid(_about(rng, (-34, -34, -52), 3), (13, 14, 23))),
    )


def _vessels(rng: np.random.Generator, spine_front: float) -> tuple[Organ, ...]:
    """Aorta, inferior vena cava, the portal tree and the hepatic veins."""
    beside = min(20.0, spine_front - 4)
    fork, right, left = (
        _about(rng, middle, 2) for middle in ((-24, 6, -10), (-52, 0, -2), (2, -24, 8))
    )
    drain = _about(rng, (-20, beside, 44), 1)
    portal = [
        Tube(((4, 6, -44), fork), (7, 7)),
        Tube((fork, right, _about(rng, (-84, -8, 14), 3)), (6, 5, 2.0)),
        Tube((right, _about(rng, (-78, 18, -24), 3)), (4.5, 2.0)),
        Tube((right, _about(rng, (-66, -34, -16), 3)), (4, 1.8)),
        Tube((fork, left, _about(rng, (8, -48, 16), 2)), (5, 4.5, 2.2)),
        Tube((left, _about(rng, (36, -42, 20), 2)), (3.5, 1.6)),
    ]
    hepatic = [
        Tube((drain, _about(rng, (-56, 18, 26), 2), _about(rng, (-94, 10, 2), 3)), (5.5, 4.5, 2.0)),
        Tube((drain, _about(rng, (-42, -14, 26), 2), _about(rng, (-54, -48, 0), 3)), (5, 4, 1.8)),
        Tube((drain, _about(rng, (-6, -18, 32), 2), _about(rng, (14, -46, 24), 2)), (4.5, 4, 1.8)),
    ]
    return (
        Organ("vena cava", Tube(((-23, beside, -99), (-20, beside, 99)), (11, 11))),
        *(Organ("portal vein", tube) for tube in portal),
        *(Organ("hepatic vein", tube) for tube in hepatic),
        Organ("aorta", Tube(((10, spine_front - 10, -99), (8, spine_front - 10, 99)), (10, 10))),
    )
