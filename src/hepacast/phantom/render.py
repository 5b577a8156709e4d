# SPDX-License-Identifier: Apache-2.0
"""Painting a patient onto voxels, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.phantom.lesion import contrast
from hepacast.phantom.shapes import occupancy
from hepacast.phantom.tissue import LESION_SCALE, signals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float32

    from hepacast.phantom.anatomy import Anatomy, Organ
    from hepacast.phantom.lesion import Lesion
    from hepacast.phantom.scanner import Sampling
    from hepacast.phantom.shapes import Box, Coordinate, Distance, Point, Shape

    Image = Float32[np.ndarray, "k j i"]
    Slices = tuple[slice, slice, slice]

CAPSULE_MM = 2.2
"""Thickness of the capsule, mm."""
CORONA_MM = 5.0
"""Depth to which the corona fades, mm."""
LIVER_TEXTURE = {"native": 2.0, "arterial": 3.5, "portal": 3.5, "delayed": 3.0}
"""SD of the pattern of the liver, HU."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """An image being painted, with the coordinates of its voxels.

    Parameters
    ----------
    image : (k, j, i) float32
        Painted in place.
    x, y, z : array
        Coordinates in the patient's frame, shaped to broadcast, mm.
    soft_mm : float
        Width of an edge, about one voxel, mm.
    shift : tuple of float
        Where breathing has moved the organs, mm along x, y and z.
    """

    image: Image
    x: Coordinate
    y: Coordinate
    z: Coordinate
    soft_mm: float
    shift: Point = (0.0, 0.0, 0.0)

    def window(self, box: Box, *, breathes: bool) -> tuple[Slices, tuple[Coordinate, ...]]:
        """Return the part of the canvas that a box covers, and its coordinates."""
        cuts, parts = [], []
        for axis, (low, high), moved in zip((self.x, self.y, self.z), box, self.shift, strict=True):
            at = axis.ravel() - (np.float32(moved) if breathes else np.float32(0))
            first, last = np.searchsorted(at, (low - self.soft_mm, high + self.soft_mm))
            cuts.append(slice(int(first), int(last)))
            parts.append(at[first:last])
        x, y, z = parts
        shaped = x.reshape(1, 1, -1), y.reshape(1, -1, 1), z.reshape(-1, 1, 1)
        return (cuts[2], cuts[1], cuts[0]), shaped

    def paint(self, shape: Shape, value: float, *, breathes: bool) -> None:
        """Paint a body in one colour."""
        cut, at = self.window(shape.box, breathes=breathes)
        if any(part.size == 0 for part in at):
            return
        self.blend(cut, occupancy(shape.distance(*at), self.soft_mm), value)

    def blend(self, cut: Slices, share: Image, value: float | Image) -> None:
        """Mix a value into part of the image."""
        part = self.image[cut]
        part += share * (value - part)

    def organs(self, organs: tuple[Organ, ...], values: Mapping[str, float]) -> None:
        """Paint organs in order."""
        for organ in organs:
            self.paint(organ.shape, values[organ.tissue], breathes=organ.breathes)


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """One phase before it is scanned.

    Parameters
    ----------
    image : (k, j, i) float32
        True tissue values.
    tumour : (k, j, i) float32
        Distance to the tumour's margin, mm; large outside its box.
    liver : (k, j, i) bool
        Liver, tumour included.
    """

    image: Image
    tumour: Distance
    liver: np.ndarray


def frame(anatomy: Anatomy, where: Sampling, values: Mapping[str, float]) -> Image:
    """Paint what does not breathe.

    Parameters
    ----------
    anatomy : Anatomy
        The patient.
    where : Sampling
        Voxels.
    values : mapping
        Tissue to brightness.
    """
    image = np.full(where.grid.shape, values["air"], dtype=np.float32)
    canvas = Canvas(image, where.x, where.y, where.z, _soft(where))
    canvas.organs(anatomy.frame, values)
    return image


def render(anatomy: Anatomy, lesion: Lesion, where: Sampling, look: Look, shift: Point) -> Rendered:
    """Paint one phase.

    Parameters
    ----------
    anatomy, lesion : Anatomy, Lesion
        The patient.
    where : Sampling
        Voxels.
    look : Look
        Modality, phase and uptake.
    shift : tuple of float
        Breathing, mm along x, y and z.
    """
    values = signals(look.modality, look.phase, look.uptake)
    canvas = Canvas(frame(anatomy, where, values), where.x, where.y, where.z, _soft(where), shift)
    canvas.organs(anatomy.organs, values)
    liver = _liver(canvas, anatomy, values["liver"], look)
    canvas.organs(anatomy.vessels, values)
    tumour = _tumour(canvas, lesion, values, look)
    return Rendered(canvas.image, tumour, (liver < 0) | (tumour < 0))


@dataclass(frozen=True, slots=True)
class Look:
    """How one phase of one patient looks.

    Parameters
    ----------
    modality, phase : str
        What is imaged when.
    uptake : float
        Factor on all enhancement.
    """

    modality: str
    phase: str
    uptake: float


def _soft(where: Sampling) -> float:
    """Width of an edge, mm."""
    return float(np.mean(where.grid.spacing))


def _liver(canvas: Canvas, anatomy: Anatomy, value: float, look: Look) -> Distance:
    """Paint the liver and return its distance over the whole image."""
    cut, at = canvas.window(anatomy.liver.box, breathes=True)
    distance = anatomy.liver.distance(*at)
    scale = LESION_SCALE[look.modality] * LIVER_TEXTURE[look.phase]
    pattern = value + scale * anatomy.parenchyma.over(*at)
    canvas.blend(cut, occupancy(distance, canvas.soft_mm), pattern)
    full = np.full(canvas.image.shape, 99.0, dtype=np.float32)
    full[cut] = distance
    return full


def _tumour(canvas: Canvas, lesion: Lesion, values: Mapping[str, float], look: Look) -> Distance:
    """Paint corona, tumour, capsule, dead centre and satellites; return the distance."""
    scale, liver = LESION_SCALE[look.modality], values["liver"]
    differs = contrast(lesion, look.phase)
    cut, at = canvas.window(lesion.box, breathes=True)
    distance = lesion.distance(*at)
    inside = occupancy(distance, canvas.soft_mm)
    fade = np.clip(1 - distance / CORONA_MM, 0, 1)
    canvas.image[cut] += scale * differs.corona * fade * (1 - inside)
    # The pattern has SD 1 within this tumour, not only on average over tumours: what is
    # measured then tells the amplitude, also in a small one.
    pattern = lesion.texture.over(*at)
    within = distance < 0
    if within.any():
        pattern = (pattern - pattern[within].mean()) / max(float(pattern[within].std()), 1e-3)
    body = liver + scale * (differs.body + differs.pattern * pattern)
    shell = np.clip(1 - np.abs(distance + CAPSULE_MM / 2) / CAPSULE_MM, 0, 1)
    body += scale * differs.capsule * shell
    body += lesion.dead(*at) * (values["necrosis"] - body)
    canvas.blend(cut, inside, body.astype(np.float32))
    for nodule in lesion.satellites:
        canvas.paint(nodule, liver + scale * differs.satellites, breathes=True)
    full = np.full(canvas.image.shape, 99.0, dtype=np.float32)
    full[cut] = distance
    return full
