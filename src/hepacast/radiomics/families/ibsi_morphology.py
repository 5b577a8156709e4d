# SPDX-License-Identifier: Apache-2.0
"""Morphological features of IBSI, those that look at intensities included."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.families.ibsi_names import MORPHOLOGY
from hepacast.radiomics.families.registry import FAMILIES, Family
from hepacast.radiomics.families.shape import principal_lengths, shape
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.radiomics.families.registry import Numbers


class MorphologyParams(FamilyParams):
    """Settings of the morphological features (IBSI, HCUG)."""

    kind: Literal["ibsi-morph"] = "ibsi-morph"


def surface_points(
    mask: Bool[np.ndarray, "k j i"], spacing: tuple[float, float, float]
) -> Float[np.ndarray, "point 3"]:
    """Points half way between a voxel inside and a neighbour outside, (k, j, i) in mm."""
    padded = np.pad(mask, 1)
    found = []
    for axis in range(3):
        here = np.argwhere(np.diff(padded.astype(np.int8), axis=axis) != 0).astype(np.float64)
        here[:, axis] += 0.5
        found.append(here)
    points: Float[np.ndarray, "point 3"] = (np.concatenate(found) - 1) * np.asarray(spacing)
    return points


def ellipsoid_area(a: float, b: float, c: float) -> float:
    """Surface of an ellipsoid by a series of Legendre polynomials, of twenty terms.

    Source: IBSI reference manual, "Area density (approximate enclosing ellipsoid)".

    >>> round(ellipsoid_area(1.0, 1.0, 1.0) / math.pi, 9)
    4.0
    """
    from scipy.special import eval_legendre

    alpha = math.sqrt(max(0.0, 1 - b**2 / a**2))
    beta = math.sqrt(max(0.0, 1 - c**2 / a**2))
    if alpha * beta == 0:
        # The polynomial's argument is infinite; only its highest power is left of it.
        small = max(alpha, beta) ** 2
        terms = [small**n / (1 - 4 * n**2) * math.comb(2 * n, n) / 4**n for n in range(21)]
        return float(4 * math.pi * a * b * sum(terms))
    x = (alpha**2 + beta**2) / (2 * alpha * beta)
    series = sum(
        (alpha * beta) ** n / (1 - 4 * n**2) * float(eval_legendre(n, x)) for n in range(21)
    )
    return 4 * math.pi * a * b * series


def spatial_correlation(sample: Sample) -> tuple[float, float]:
    """Moran's I and Geary's C over all pairs of voxels, weighted by inverse distance.

    By fast Fourier transforms, which give the sums over all pairs without visiting them.
    """
    from scipy.signal import fftconvolve

    place = sample.place
    first, last = place.corners
    shape_kji = tuple((last - first + 1).tolist())
    inside = np.zeros(shape_kji)
    centred = np.zeros(shape_kji)
    at = tuple((place.voxels - place.pad).T)
    inside[at] = 1.0
    x = sample.values - sample.values.mean()
    centred[at] = x
    axes = np.meshgrid(
        *(np.arange(1 - n, n) * s for n, s in zip(shape_kji, place.spacing, strict=True)),
        indexing="ij",
    )
    distance = np.sqrt(sum(a**2 for a in axes))
    distance[tuple(n - 1 for n in shape_kji)] = np.inf
    weight = 1 / distance

    def around(volume: np.ndarray) -> np.ndarray:
        full = fftconvolve(volume, weight, mode="full")
        part: np.ndarray = full[tuple(slice(n - 1, 2 * n - 1) for n in shape_kji)]
        return part

    near = around(inside)[at]
    total = float(near.sum())
    spread = float((x**2).sum())
    if spread == 0 or total == 0:
        return float("nan"), float("nan")
    cross = float((x * around(centred)[at]).sum())
    moran = x.size / total * cross / spread
    # sum w (x - y)^2 = 2 sum w x^2 - 2 sum w x y
    geary = (x.size - 1) / (2 * total) * (2 * float((x**2 * near).sum()) - 2 * cross) / spread
    return moran, geary


def morphology(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the morphological features.

    Parameters
    ----------
    sample : Sample
        One region of one image; its outline is the region before resegmentation.
    params : MorphologyParams
        Not used beyond the choice of features.
    """
    from scipy.spatial import ConvexHull

    spacing = sample.place.spacing
    outline = Place(sample.place.outline, spacing)
    whole = Sample(outline, np.zeros(0))
    basic = shape(whole, params)
    volume, area = basic["MeshVolume"], basic["SurfaceArea"]
    points = surface_points(outline.box_mask, spacing)
    sides = points.max(axis=0) - points.min(axis=0)
    k, j, i = sides.tolist()
    # IBSI's values come from the covariance of a sample, PyRadiomics' from that of all voxels.
    more = math.sqrt(outline.size / (outline.size - 1))
    a, b, c = (2 * math.sqrt(v) * more for v in principal_lengths(whole))
    hull = ConvexHull(points)
    moran, geary = spatial_correlation(sample)
    step = np.asarray(spacing)
    inside = np.stack(np.unravel_index(sample.place.index, sample.place.mask.shape), axis=1)
    drawn = np.stack(np.unravel_index(outline.index, outline.mask.shape), axis=1)
    # Weights may be negative (HU): the centre of mass is the weighted mean all the same.
    weighted = (inside * sample.values[:, None]).sum(axis=0) / sample.values.sum()
    return {
        "vol": volume,
        "approx.vol": basic["VoxelVolume"],
        "area": area,
        "av": area / volume,
        "comp.1": basic["Compactness1"],
        "comp.2": basic["Compactness2"],
        "sph.dispr": basic["SphericalDisproportion"],
        "sphericity": basic["Sphericity"],
        "asphericity": (area**3 / volume**2 / (36 * math.pi)) ** (1 / 3) - 1,
        "com": float(np.linalg.norm((drawn.mean(axis=0) - weighted) * step)),
        "diam": basic["Maximum3DDiameter"],
        "pca.major": 2 * a,
        "pca.minor": 2 * b,
        "pca.least": 2 * c,
        "pca.elongation": basic["Elongation"],
        "pca.flatness": basic["Flatness"],
        "v.dens.aabb": volume / (k * j * i),
        "a.dens.aabb": area / (2 * (k * j + k * i + j * i)),
        "v.dens.aee": 3 * volume / (4 * math.pi * a * b * c) if c > 0 else float("nan"),
        "a.dens.aee": area / ellipsoid_area(a, b, c) if c > 0 else float("nan"),
        "v.dens.conv.hull": volume / float(hull.volume),
        "a.dens.conv.hull": area / float(hull.area),
        "integ.int": float(sample.values.mean()) * volume,
        "moran.i": moran,
        "geary.c": geary,
    }


FAMILIES.register(MorphologyParams)(Family(MORPHOLOGY, morphology, "IBSI reference manual, 2020"))
