# SPDX-License-Identifier: Apache-2.0
"""A contrast-enhanced ultrasound examination: one plane, seen for four minutes.

The plane is a transverse cut through the tumour of the same three-dimensional
patient that CT and MR see.  The screen is dual, as on most machines: contrast
on the left, greyscale on the right, same place, same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as move

from hepacast.core.geometry import Grid
from hepacast.phantom.render import CAPSULE_MM
from hepacast.phantom.scanner import Sampling
from hepacast.phantom.shapes import occupancy

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, UInt8

    from hepacast.phantom.anatomy import Anatomy
    from hepacast.phantom.lesion import Lesion
    from hepacast.phantom.scanner import Scanner
    from hepacast.phantom.shapes import Distance

    Plane = Float32[np.ndarray, "j i"]

ROWS, COLUMNS, PIXEL_MM = 112, 128, 0.9
FRAMES, FRAME_SECONDS = 96, 2.5
MOMENTS_S = {"greyscale": 0.0, "arterial": 25.0, "portal": 75.0, "late": 180.0}
"""Moments of the stills after the injection, s."""

DYNAMIC_RANGE_DB = 55.0
"""Grey 0 to 255."""
_BREATHS_PER_SECOND = 0.23
_LOOKS = 6
_FLOOR_DB = -48.0

# Echo of tissues on the greyscale screen, dB against the liver.
_ECHO_DB = {"vessel": -24.0, "tumour": -6.0, "dead": -13.0, "capsule": 5.0, "outside": 3.0}


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of a dual screen.

    Parameters
    ----------
    frames : (frame, j, i) uint8
        Grey levels, log-compressed; contrast left, greyscale right.
    frame_seconds : float
        Time between frames, s; the injection is at frame 0.
    pixel_mm : float
        Pixel size, mm.
    panels : two tuples of int
        (first column, columns) of the contrast and of the greyscale panel.
    """

    frames: UInt8[np.ndarray, "frame j i"]
    frame_seconds: float
    pixel_mm: float
    panels: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Tissue:
    """Shares of tissue in the plane at rest."""

    liver: Plane
    vessel: Plane
    tumour: Plane
    dead: Plane
    capsule: Plane
    pattern: Plane


@dataclass(frozen=True, slots=True, eq=False)
class Plane2D:
    """The plane of the examination, and what lies in it.

    Parameters
    ----------
    where : Sampling
        One slice of pixels.
    tumour : (1, j, i) float
        Distance to the margin at rest, mm.
    liver : (1, j, i) bool
        Liver, tumour included, at rest.
    tissue : _Tissue
        Shares of every tissue.
    """

    where: Sampling
    tumour: Distance
    liver: np.ndarray
    tissue: _Tissue


@dataclass(frozen=True, slots=True)
class Perfusion:
    """How contrast comes and goes.

    Parameters
    ----------
    arrival_s : float
        In the tumour; the liver follows 5 s later.
    washout_s : float
        Time constant of the loss from the tumour, s; shorter with z.
    pattern_db : float
        SD of the pattern in the tumour, dB; higher with z.
    breathing_mm : float
        Half the way that the organs move in depth, mm.
    phase : float
        Of the breathing at the injection, radians.
    """

    arrival_s: float
    washout_s: float
    pattern_db: float
    breathing_mm: float
    phase: float

    def depth_mm(self, seconds: float) -> float:
        """Displacement of the organs at a moment, mm; positive is deeper."""
        return float(
            self.breathing_mm * np.sin(2 * np.pi * _BREATHS_PER_SECOND * seconds + self.phase)
        )

    def tumour(self, seconds: float) -> float:
        """Concentration in the tumour, relative to a fully enhanced liver."""
        since = seconds - self.arrival_s
        if since <= 0:
            return 0.0
        return float(1.9 * -np.expm1(-since / 5) * np.exp(-since / self.washout_s))

    def liver(self, seconds: float) -> float:
        """Concentration in the liver."""
        since = seconds - self.arrival_s - 5
        if since <= 0:
            return 0.0
        return float(1.15 * -np.expm1(-since / 22) * np.exp(-since / 600))

    def vessel(self, seconds: float) -> float:
        """Concentration in the veins of the liver."""
        since = seconds - self.arrival_s - 6
        if since <= 0:
            return 0.0
        return float(2.6 * -np.expm1(-since / 9) * np.exp(-since / 190))

    @property
    def peak_s(self) -> float:
        """Moment of the highest concentration in the tumour, s."""
        # Derivative of (1 - e^(-t/5)) e^(-t/w) is zero at t = 5 ln(1 + w/5).
        return float(self.arrival_s + 5 * np.log1p(self.washout_s / 5))


def perfuse(lesion: Lesion, breathing_mm: float, rng: np.random.Generator) -> Perfusion:
    """Derive the perfusion of a tumour from its kinetics.

    Parameters
    ----------
    lesion : Lesion
        Its washout (HU on CT) and its texture carry the aggressiveness.
    breathing_mm : float
        SD of the shift between CT phases; the free breath is about as far.
    rng : numpy.random.Generator
        Source of chance.
    """
    return Perfusion(
        arrival_s=float(rng.uniform(8, 13)),
        washout_s=float(np.clip(150 * np.exp(-0.045 * (lesion.washout - 12)), 25, 600)),
        pattern_db=0.19 * lesion.amplitude,
        breathing_mm=float(breathing_mm * rng.uniform(0.6, 1.2)),
        phase=float(rng.uniform(0, 2 * np.pi)),
    )


def cut_plane(anatomy: Anatomy, lesion: Lesion) -> Plane2D:
    """Lay the plane through the tumour and find what lies in it.

    Parameters
    ----------
    anatomy, lesion : Anatomy, Lesion
        The patient.
    """
    x0, y0, z0 = lesion.core.centre
    radius = max(lesion.core.radii)
    height = (ROWS - 1) * PIXEL_MM
    # The probe lies on the belly above the liver, or pushes in until the tumour is in view.
    top = max(y0 - 62.0, y0 + radius + 14 - height)
    x = (x0 + (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * PIXEL_MM).astype(np.float32)
    y = (top + np.arange(ROWS) * PIXEL_MM).astype(np.float32)
    at = x.reshape(1, 1, -1), y.reshape(1, -1, 1), np.full((1, 1, 1), z0, dtype=np.float32)
    grid = Grid((1, ROWS, COLUMNS), (PIXEL_MM, PIXEL_MM, PIXEL_MM))
    tumour, liver = lesion.distance(*at), anatomy.liver.distance(*at)
    vessel = np.zeros_like(tumour)
    for organ in anatomy.vessels:
        np.maximum(vessel, occupancy(organ.shape.distance(*at), PIXEL_MM), out=vessel)
    inside = occupancy(tumour, PIXEL_MM)
    pattern = lesion.texture.over(*at)
    within = tumour < 0
    pattern = (pattern - pattern[within].mean()) / max(float(pattern[within].std()), 1e-3)
    has_capsule = 1.0 if lesion.capsule else 0.25
    shell = has_capsule * np.clip(1 - np.abs(tumour + CAPSULE_MM / 2) / CAPSULE_MM, 0, 1)
    tissue = _Tissue(
        liver=np.maximum(occupancy(liver, PIXEL_MM), inside)[0],
        vessel=(vessel * (1 - inside))[0],
        tumour=inside[0],
        dead=(inside * lesion.dead(*at))[0],
        capsule=(shell * inside)[0],
        pattern=pattern[0],
    )
    return Plane2D(Sampling(grid, *at), tumour, (liver < 0) | (tumour < 0), tissue)


def film(plane: Plane2D, perfusion: Perfusion, machine: Scanner, rng: np.random.Generator) -> Clip:
    """Film the plane from the injection on.

    Parameters
    ----------
    plane : Plane2D
        What is seen.
    perfusion : Perfusion
        How contrast passes, and how the patient breathes.
    machine : Scanner
        Its gain shifts the contrast screen by a few dB.
    rng : numpy.random.Generator
        Source of chance.
    """
    fan = _fan()
    gain_db = 20 * float(np.log10(machine.gain)) + float(rng.normal(0, 0.5))
    echo = _speckle(rng, looks=4)
    grey = _greyscale_db(plane.tissue, perfusion.pattern_db)
    frames = np.empty((FRAMES, ROWS, 2 * COLUMNS), dtype=np.uint8)
    for at in range(FRAMES):
        seconds = at * FRAME_SECONDS
        rows = perfusion.depth_mm(seconds) / PIXEL_MM
        moved = _Tissue(*(_displace(part, rows) for part in _parts(plane.tissue)))
        bubbles = _contrast_db(moved, perfusion, seconds) + _speckle(rng, looks=_LOOKS)
        frames[at, :, :COLUMNS] = _compress(bubbles + gain_db, fan)
        # Echoes of tissue move with it; bubbles are new in every frame.
        frames[at, :, COLUMNS:] = _compress(_displace(grey + echo, rows) - 22, fan)
    return Clip(frames, FRAME_SECONDS, PIXEL_MM, ((0, COLUMNS), (COLUMNS, COLUMNS)))


def still(clip: Clip, phase: str) -> Float32[np.ndarray, "1 j i"]:
    """Return the still of a phase: one panel of one frame, grey levels.

    Parameters
    ----------
    clip : Clip
        The examination.
    phase : str
        One of ``MOMENTS_S``.
    """
    at = moment_frame(clip, phase)
    first, width = clip.panels[1 if phase == "greyscale" else 0]
    panel = clip.frames[at : at + 1, :, first : first + width]
    return np.asarray(panel, dtype=np.float32)


def moment_frame(clip: Clip, phase: str) -> int:
    """Return the frame nearest to the moment of a phase."""
    return round(MOMENTS_S[phase] / clip.frame_seconds)


def _parts(tissue: _Tissue) -> tuple[Plane, ...]:
    """List the fields in order."""
    return (
        tissue.liver, tissue.vessel, tissue.tumour, tissue.dead, tissue.capsule, tissue.pattern,
    )  # fmt: skip


def _displace(part: Plane, rows: float) -> Plane:
    """Move a plane deeper by a number of rows."""
    moved: Plane = move(part, (rows, 0.0), order=1, mode="nearest")
    return moved


def _contrast_db(tissue: _Tissue, perfusion: Perfusion, seconds: float) -> Plane:
    """Brightness of bubbles in dB against a fully enhanced liver."""
    body = perfusion.tumour(seconds) * 10 ** (perfusion.pattern_db * tissue.pattern / 20)
    amount = tissue.liver * (1 - tissue.tumour) * perfusion.liver(seconds)
    amount += tissue.vessel * (perfusion.vessel(seconds) - amount)
    amount += tissue.tumour * (1 - 0.97 * tissue.dead) * body
    # Fat and skin reflect a little through the pulse inversion.
    amount += 0.02 * (1 - tissue.liver)
    level: Plane = 20 * np.log10(np.maximum(amount, 10 ** (_FLOOR_DB / 20)))
    return level - 12


def _greyscale_db(tissue: _Tissue, pattern_db: float) -> Plane:
    """Echo in dB against the liver."""
    level = (1 - tissue.liver) * _ECHO_DB["outside"]
    level += tissue.vessel * (_ECHO_DB["vessel"] - level)
    inside = _ECHO_DB["tumour"] + 0.6 * pattern_db * tissue.pattern
    inside = inside + tissue.capsule * (_ECHO_DB["capsule"] - inside)
    level += tissue.tumour * (inside - level)
    level += tissue.dead * (_ECHO_DB["dead"] - level)
    return level


def _speckle(rng: np.random.Generator, *, looks: int) -> Plane:
    """Speckle in dB, mean near 0; more looks (compounding) are calmer."""
    white = rng.standard_normal((2 * looks, ROWS, COLUMNS), dtype=np.float32)
    # The pulse is short in depth, the beam wide across.
    cells = gaussian_filter(white, (0, 0.7, 1.1), mode="wrap", truncate=3.0)
    power = (cells**2).mean(axis=0)
    power /= power.mean()
    level: Plane = 10 * np.log10(power + 1e-6)
    return level


def _fan() -> Plane:
    """Field of a curved probe: 1 inside, 0 outside."""
    row, column = np.indices((ROWS, COLUMNS))
    apex = 0.42 * ROWS
    across, down = column - (COLUMNS - 1) / 2, row + apex
    reach, angle = np.hypot(across, down), np.abs(np.arctan2(across, down))
    inside = (reach > apex * 1.02) & (reach < ROWS + apex - 2) & (angle < 0.66)
    return np.asarray(inside, dtype=np.float32)


def _compress(level_db: Float[np.ndarray, "j i"], fan: Plane) -> UInt8[np.ndarray, "j i"]:
    """Turn dB into grey levels: the top of the range is 255."""
    grey = 255 * (1 + level_db / DYNAMIC_RANGE_DB)
    shown: UInt8[np.ndarray, "j i"] = (np.clip(np.rint(grey), 0, 255) * fan).astype(np.uint8)
    return shown
