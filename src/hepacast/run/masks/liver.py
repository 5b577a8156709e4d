# SPDX-License-Identifier: Apache-2.0
"""Liver and lesions by the two networks of pyliverlesionseg, on any image grid.

The weights are the user's: the package (Apache-2.0) is fetched once with
``pip download --no-deps``, its two files are converted with
``hepacast import-weights``, and nothing of it is part of this project.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import EmptyRegionError, WeightsError
from hepacast.core.geometry import UPRIGHT, Grid
from hepacast.core.volume import Region, Volume
from hepacast.deep.require import require
from hepacast.imaging.resample import resample_region, resample_to
from hepacast.io.weights import read_weights
from hepacast.regions.lesions import cleaned

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.geometry import Triple
    from hepacast.core.volume import Box
    from hepacast.deep.keras_unet import KerasPlan, KerasUNet
    from hepacast.deep.liver import Modality

Organ = Literal["liver", "lesion"]


@dataclass(frozen=True, slots=True, eq=False)
class KerasNetwork:
    """A rebuilt network with the digest of its weights.

    Parameters
    ----------
    network : KerasUNet
        In evaluation mode.
    organ : {"liver", "lesion"}
        What it draws.
    digest : str
        sha256 of the safetensors file.
    """

    network: KerasUNet
    organ: Organ
    digest: str


def load_keras(path: Path | str, organ: Organ) -> KerasNetwork:
    """Rebuild one of the two networks from its converted weights.

    Parameters
    ----------
    path : Path or str
        safetensors, as ``hepacast import-weights`` writes it.
    organ : {"liver", "lesion"}
        Which of the two.

    Raises
    ------
    WeightsError
        If the file lists the layers of another network.
    """
    keras = require("hepacast.deep.keras_unet")
    found = read_weights(path)
    plan: KerasPlan = {"liver": keras.LIVER, "lesion": keras.LESION}[organ]
    try:
        layers = json.loads(found.metadata.get("layers", "[]"))
        network = keras.rebuild(found.arrays, layers, plan)
    except WeightsError as error:
        error.at(file=path)
        raise
    return KerasNetwork(network, organ, found.digest)


def propose_liver(image: Volume, weights: KerasNetwork, modality: Modality = "ct") -> Region:
    """Draw the liver of an abdominal image.

    Parameters
    ----------
    image : Volume
        CT in HU, or MR, on any grid.
    weights : KerasNetwork
        Of the liver.
    modality : {"ct", "mr"}
        Decides the scale.

    Returns
    -------
    Region
        Called ``liver``, on the grid of the image: the largest piece after an opening.

    Raises
    ------
    EmptyRegionError
        If the network finds no liver.

    Notes
    -----
    Trained at KU Leuven on CT and MR of patients before radioembolisation (Tang 2020, Eur J
    Nucl Med Mol Imaging 47:2742); how it does on other patients must be looked at.
    """
    from scipy import ndimage  # noqa: PLC0415 - scipy loads slowly

    liver = require("hepacast.deep.liver")
    outside = liver.OUTSIDE_HU if modality == "ct" else float(image.data.min())
    fine = resample_to(
        image, upright_grid(image.grid, (liver.LIVER_FINE_MM,) * 3), "linear", outside=outside
    )
    smooth = Volume(ndimage.median_filter(fine.data, 3), fine.grid)
    grid = upright_grid(image.grid, (liver.LIVER_SPACING_MM,) * 3)
    coarse = resample_to(smooth, grid, "linear", outside=outside).data
    box = liver.view(coarse, modality, weights.network.output_shape())
    mask = _looked_at(coarse, box, weights, modality)
    around = liver.closer(mask, box)
    if around != box:
        mask = _looked_at(coarse, around, weights, modality)
    return _carried(Region(mask, grid, "liver"), image.grid)


def propose_lesions(
    image: Volume,
    liver_region: Region,
    weights: KerasNetwork,
    modality: Modality = "ct",
    *,
    smallest_ml: float = 0.1,
) -> Region:
    """Draw the lesions of a liver.

    Parameters
    ----------
    image : Volume
        CT in HU, or MR, on any grid.
    liver_region : Region
        The liver with its lesions, on the grid of the image.
    weights : KerasNetwork
        Of the lesions.
    modality : {"ct", "mr"}
        Decides the scale.
    smallest_ml : float
        Pieces below this volume are removed, mL.

    Returns
    -------
    Region
        Called ``tumour``, on the grid of the image.

    Raises
    ------
    EmptyRegionError
        If the network finds no lesion.
    """
    module = require("hepacast.deep.liver")
    image.grid.require_same(liver_region.grid, what="image and liver")
    outside = module.OUTSIDE_HU if modality == "ct" else float(image.data.min())
    grid = upright_grid(image.grid, module.LESION_SPACING_MM)
    fine = resample_to(image, grid, "linear", outside=outside)
    inside = resample_region(liver_region, grid)
    if modality == "ct":
        unit = module.unit_ct(fine.data)
    else:
        unit = module.unit_mr_in_liver(fine.data, inside.mask)
    mask = module.lesion_probability(weights.network, unit, inside.mask) > 0.5
    found = _carried(Region(mask, grid, "tumour"), image.grid)
    return cleaned(found, smallest_ml=smallest_ml)


def upright_grid(grid: Grid, spacing_mm: Triple) -> Grid:
    """Return an upright grid of a spacing that covers the voxels of any grid.

    Examples
    --------
    >>> turned = Grid((4, 6, 8), (5.0, 1.0, 1.0), axes=((0, 0, 1), (0, -1, 0), (-1, 0, 0)))
    >>> upright_grid(turned, (1.0, 1.0, 1.0)).shape
    (20, 6, 8)
    """
    ends = [(-0.5, n - 0.5) for n in grid.shape]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    world = grid.to_world(corners)
    # Axes run (k, j, i), points (x, y, z).
    low, high = world.min(axis=0)[::-1], world.max(axis=0)[::-1]
    k, j, i = (
        max(1, math.ceil((b - a) / s - 1e-6)) for a, b, s in zip(low, high, spacing_mm, strict=True)
    )
    middle = (low + high) / 2
    z, y, x = (
        float(m - (n - 1) / 2 * s) for m, n, s in zip(middle, (k, j, i), spacing_mm, strict=True)
    )
    return Grid((k, j, i), spacing_mm, (x, y, z), UPRIGHT)


def _looked_at(
    image: np.ndarray, box: Box, weights: KerasNetwork, modality: Modality
) -> np.ndarray:
    """Draw the liver in one part of an image."""
    liver = require("hepacast.deep.liver")
    unit = liver.unit_ct if modality == "ct" else liver.unit_mr
    found = liver.liver_probability(weights.network, unit(image[box])) > 0.5
    mask = np.zeros(image.shape, bool)
    mask[box] = _largest_after_opening(found)
    return mask


def _largest_after_opening(mask: np.ndarray) -> np.ndarray:
    """Cut thin bridges to other organs, keep the largest piece, and grow it back."""
    from scipy import ndimage  # noqa: PLC0415 - scipy loads slowly

    near = ndimage.generate_binary_structure(3, 2)
    # The end of the scan is not an edge of the liver.
    core = ndimage.binary_erosion(mask, near, border_value=1)
    pieces, count = ndimage.label(core)
    if not count:
        raise EmptyRegionError(
            what="the network must find a liver",
            got="no voxel above 0.5 after the opening",
            fix="Check modality and orientation of the image, or draw it by hand.",
        )
    largest = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    return np.asarray(ndimage.binary_dilation(largest, near) & mask)


def _carried(region: Region, grid: Grid) -> Region:
    """Bring a proposed mask to the grid of its image."""
    if not region.size:
        raise EmptyRegionError(
            what="the network must find something",
            got="no voxel above 0.5",
            fix="There may be nothing to find; otherwise draw it by hand.",
        ).at(region=region.name)
    share = Volume(region.mask.astype(np.float32), region.grid)
    inside = resample_to(share, grid, "linear", outside=0.0).data >= 0.5 - 1e-5
    return Region(inside, grid, region.name)
