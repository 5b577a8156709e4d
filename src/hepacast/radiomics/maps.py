# SPDX-License-Identifier: Apache-2.0
"""Voxel-wise feature maps: the texture around every voxel of a region."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveInt

from hepacast.core.params import Params
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.families.glcm import NAMES as GLCM
from hepacast.radiomics.prepare import union_box
from hepacast.radiomics.reasons import RegionError
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import Bins, Texture

NGTDM = ("Coarseness", "Contrast", "Busyness", "Complexity", "Strength")


class MapParams(Params):
    """Settings of feature maps."""

    kind: Literal["maps"] = "maps"
    family: Literal["glcm", "ngtdm"] = "ngtdm"
    """Features to map; of the co-occurrence ones all but MCC."""
    radius: PositiveInt = 1
    """Half an edge of the cube around a voxel, voxels."""
    bins: Bins = Bins()
    """Grey levels, those of the whole region."""
    texture: Texture = Texture()
    """How matrices are counted within a cube; averaged over directions."""
    outside: float = 0.0
    """Value outside the region."""


def feature_maps(
    image: Volume, region: Region, params: MapParams | None = None
) -> dict[str, Volume]:
    """Compute the features of the neighbourhood of every voxel of a region.

    Parameters
    ----------
    image : Volume
        Intensities.
    region : Region
        On the grid of the image; neighbours outside it do not count.
    params : MapParams, optional
        Settings.

    Returns
    -------
    maps : dict of str to Volume
        By feature name, float32, on the grid of the image; NaN where a cube does not
        define the feature.

    Raises
    ------
    GeometryError
        If image and region do not lie on one grid.
    EmptyRegionError
        If the region is empty.

    Notes
    -----
    Source: PyRadiomics 3.0.1, voxel-based extraction with ``maskedKernel``.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> grid = Grid((3, 4, 5), (1.0, 1.0, 1.0))
    >>> image = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5) * 10, grid)
    >>> whole = Region(np.ones((3, 4, 5), dtype=bool), grid)
    >>> sorted(feature_maps(image, whole))
    ['Busyness', 'Coarseness', 'Complexity', 'Contrast', 'Strength']
    """
    from hepacast.radiomics.kernels.local import local_pairs, local_tones

    params = MapParams() if params is None else params
    image.grid.require_same(region.grid, what="image and region")
    if region.size == 0:
        raise RegionError(reason="empty_region", got="none").at(region=region.name)
    box = union_box([region.mask])
    place = Place(region.mask[box], image.grid.spacing, params.radius)
    sample = Sample(place, image.data[box].reshape(-1)[place.index], params.bins, params.texture)
    reach = max(params.texture.distances)
    cube = np.ones((2 * params.radius + 1,) * 3, dtype=bool)
    steps = Place(cube, image.grid.spacing, reach).steps(params.texture)
    highest = sample.highest
    if params.family == "glcm":
        symmetric = params.texture.symmetric
        found = local_pairs(sample.levels, place.voxels, steps, params.radius, highest, symmetric)
        names = GLCM[:-1]
    else:
        found = local_tones(sample.levels, place.voxels, steps, params.radius, highest)
        names = NGTDM
    maps = {}
    for column, name in enumerate(names):
        data = np.full(image.data.shape, params.outside, np.float32)
        data[region.mask] = found[:, column]
        maps[name] = Volume(data, image.grid)
    return maps
