# SPDX-License-Identifier: Apache-2.0
"""Feature maps of one image and one mask, from files or from memory, to NIfTI files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import StudyError
from hepacast.io.nifti import write_nifti
from hepacast.radiomics import maps as engine
from hepacast.run.extraction.extract import as_pair, read_content, read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.radiomics.maps import FeatureMaps, MapParams
    from hepacast.run.extraction.extract import Image, Settings

_VOXEL = {"kernelRadius": "radius", "maskedKernel": "masked", "initValue": "outside"}


def feature_maps(
    image: Image,
    mask: Image,
    params: Settings = None,
    *,
    maps: MapParams | Mapping[str, Any] | None = None,
    label: int | str | None = None,
    threads: int | None = None,
) -> FeatureMaps:
    """Compute the features of the neighbourhood of every voxel of one region of one image.

    Parameters
    ----------
    image, mask : path, SimpleITK image, Volume or Region
        As for ``hepacast.extract``.
    params : ExtractParams, mapping, path or None
        Settings, or a file of them; ``maps:`` (or PyRadiomics' ``voxelSetting:``) in it says how
        large a neighbourhood is.
    maps : MapParams or mapping, optional
        Size of the neighbourhood, instead of what the settings say.
    label : int or str, optional
        Value of the region in the mask; 1, or what the parameter file says, if absent.
    threads : int, optional
        Threads to use; all cores if absent.

    Returns
    -------
    maps : FeatureMaps
        A mapping from PyRadiomics-style names to Volumes, on the grid of the image (or of what
        the settings resample it to); NaN where a neighbourhood does not define a feature.

    Raises
    ------
    GeometryError, EmptyRegionError, ImageFileError, StudyError
        As ``hepacast.extract``.

    Examples
    --------
    >>> import numpy as np
    >>> from hepacast import Grid, Region, Volume
    >>> grid = Grid((3, 4, 5), (1.0, 1.0, 1.0))
    >>> image = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5) * 10, grid)
    >>> whole = Region(np.ones((3, 4, 5), dtype=bool), grid)
    >>> found = feature_maps(image, whole, {"featureClass": {"ngtdm": ["Coarseness"]}})
    >>> list(found)
    ['original_ngtdm_Coarseness']
    """
    settings, door = read_settings(params)
    chosen = map_settings(params) if maps is None else engine.MapParams.model_validate(maps)
    volume, region = as_pair(image, mask, door, label)
    return engine.feature_maps(volume, region, settings, chosen, threads=threads)


def map_settings(params: Settings) -> MapParams:
    """Read what settings say about maps; PyRadiomics' names are taken too.

    >>> map_settings({"voxelSetting": {"kernelRadius": 2, "voxelBatch": 1000}}).radius
    2
    """
    content = read_content(params)
    block = content.get("maps") or {}
    theirs = content.get("voxelSetting") or {}
    if not isinstance(block, Mapping) or not isinstance(theirs, Mapping):
        raise StudyError(
            what="maps: and voxelSetting: hold settings by name",
            got=repr(block or theirs),
            fix="Write for instance 'maps: {radius: 2}'.",
        )
    # The size of a batch changes memory there, and nothing here.
    unknown = set(theirs) - {*_VOXEL, "voxelBatch"}
    if unknown:
        raise StudyError(
            what="voxelSetting holds what PyRadiomics knows",
            got=", ".join(sorted(unknown)),
            fix=f"Known are {', '.join(_VOXEL)} and voxelBatch.",
        )
    named = {_VOXEL[key]: value for key, value in theirs.items() if key in _VOXEL}
    # YAML's own spelling of no number.
    if str(named.get("outside", 0)).lower() in {".nan", "nan"}:
        named["outside"] = float("nan")
    return engine.MapParams.model_validate({**named, **block})


def write_maps(found: FeatureMaps, folder: Path) -> list[Path]:
    """Write every map to a file of its own, ``<feature>.nii.gz``.

    Parameters
    ----------
    found : FeatureMaps
        Maps of one region.
    folder : Path
        Made if it is absent.

    Returns
    -------
    files : list of Path
        In the order of the maps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, volume in found.items():
        files.append(folder / f"{name}.nii.gz")
        write_nifti(volume, files[-1])
    return files
