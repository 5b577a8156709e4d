# SPDX-License-Identifier: Apache-2.0
"""Features of one image and one mask, from files or from memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from hepacast.core.errors import GeometryError, HepacastError, ImageFileError, StudyError
from hepacast.core.table import NONE, FeatureName
from hepacast.core.volume import Region, Volume
from hepacast.io.images import is_dicom, read_image, read_region
from hepacast.io.nifti import load_nifti
from hepacast.io.nrrd import load_nrrd
from hepacast.io.voxels import MaskRule
from hepacast.radiomics.extraction import extract as extract_one
from hepacast.radiomics.parameter_file import from_pyradiomics
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.prepare import from_itk, resample_mask
from hepacast.radiomics.reasons import RegionError
from hepacast.run.settings.yaml12 import load_yaml

Image: TypeAlias = Any
"""A path, a SimpleITK image, a Volume, or a Region (for masks)."""
Settings: TypeAlias = ExtractParams | Mapping[str, Any] | str | Path | None
"""Settings, their content, or a file of them: the project's own or PyRadiomics'."""

_PYRADIOMICS = frozenset({"imageType", "featureClass", "setting", "voxelSetting"})
_BESIDE = frozenset({"maps", "reliability"})
"""Sections of a file of settings that are not about the features of a region."""


def extract(
    image: Image,
    mask: Image,
    params: Settings = None,
    names: Literal["pyradiomics", "hepacast"] = "pyradiomics",
    *,
    label: int | str | None = None,
) -> dict[str, float]:
    """Compute the radiomic features of one region of one image.

    Parameters
    ----------
    image : path, SimpleITK image or Volume
        Intensities.  Whole numbers stay whole numbers, as in PyRadiomics.
    mask : path, SimpleITK image, Volume or Region
        The region; on the grid of the image, unless the settings ask for a correction.
    params : ExtractParams, mapping, path or None
        Settings, or a YAML or JSON file of them.  A parameter file of PyRadiomics is
        taken as it is, and gives PyRadiomics' numbers.
    names : "pyradiomics" or "hepacast"
        ``original_glcm_Contrast`` or ``-/region/original/glcm/Contrast``.
    label : int or str, optional
        Value of the region in the mask; 1, or what the parameter file says, if absent.  Number
        or name of the segment in a DICOM segmentation or structure set.

    Returns
    -------
    features : dict of str to float
        NaN where the region does not define a feature.

    Raises
    ------
    GeometryError
        If image and mask do not lie on one grid.
    EmptyRegionError
        If the label is absent, or the region too small for any feature.
    ImageFileError
        If a file is damaged, is not 3D and grey, or holds an intensity that is not finite.
    StudyError
        If a setting is not known.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> grid = Grid((3, 3, 3), (2.0, 1.0, 1.0))
    >>> ramp = Volume(np.arange(27, dtype=np.float32).reshape(3, 3, 3), grid)
    >>> whole = Region(np.ones((3, 3, 3), dtype=bool), grid)
    >>> extract(ramp, whole, {"setting": {"binWidth": 5}})["original_firstorder_Mean"]
    13.0
    """
    settings, door = read_settings(params)
    volume, region = as_pair(image, mask, door, label)
    features = extract_one(volume, region, settings)
    if names == "pyradiomics":
        return features
    spelt = {}
    for key, number in features.items():
        filt, family, feature = key.split("_", 2)
        spelt[str(FeatureName(NONE, region.name, filt, family, feature))] = number
    return spelt


def read_content(params: Settings) -> Mapping[str, Any]:
    """Read settings as they are written; ``ExtractParams`` as they would be."""
    if isinstance(params, ExtractParams):
        return params.model_dump(mode="json")
    content: object = params
    source = "the settings"
    if isinstance(params, str | Path):
        source = str(params)
        content = load_yaml(Path(params).read_text(encoding="utf-8"), source=source)
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise StudyError(
            what="settings are a mapping from names to values",
            got=type(content).__name__,
            fix="Give ExtractParams, a mapping, or the path of a YAML file.",
        ).at(file=source)
    return content


def read_settings(params: Settings) -> tuple[ExtractParams, Mapping[str, Any]]:
    """Read settings, and what they say about files (label, tolerance, mask correction).

    >>> read_settings({"setting": {"label": 2}})[1]
    {'label': 2}
    """
    if params is None:
        return ExtractParams(), {}
    if isinstance(params, ExtractParams):
        return params, {}
    content = {k: v for k, v in read_content(params).items() if k not in _BESIDE}
    if _PYRADIOMICS & set(content) or not content:
        return from_pyradiomics(content), dict(content.get("setting") or {})
    return ExtractParams.model_validate(content), {}


def as_pair(
    image: Image, mask: Image, door: Mapping[str, Any], label: int | str | None = None
) -> tuple[Volume, Region]:
    """Take an image and one region of a mask, on one grid.

    Parameters
    ----------
    image, mask : path, SimpleITK image, Volume or Region
        As for :func:`extract`.
    door : mapping
        What the settings say about files.
    label : int or str, optional
        Value of the region in the mask; what the settings say, or 1, if absent.  Number or name
        of the segment in a DICOM segmentation or structure set.
    """
    volume = as_volume(image)
    if isinstance(mask, str | Path) and is_dicom(Path(mask)):
        rule = MaskRule(label=door.get("label") if label is None else label)
        return volume, read_region(mask, grid=volume.grid, rule=rule)
    value = door.get("label", 1) if label is None else label
    if isinstance(value, str):
        raise StudyError(
            what="a label is a whole number, except in DICOM segmentations and structure sets",
            got=repr(value),
            fix="Give the value of the region in the mask.",
        )
    region = as_region(mask, int(value), channel=int(door.get("label_channel", 0)))
    return volume, _aligned(region, volume, door)


def as_volume(image: Image) -> Volume:
    """Take a path, a SimpleITK image or a Volume for an image."""
    if isinstance(image, Volume):
        return image
    if isinstance(image, str | Path):
        try:
            return _read(Path(image))
        except HepacastError as error:
            error.at(file=image)
            raise
    return _from_itk(image)


def as_region(mask: Image, label: int = 1, *, channel: int = 0) -> Region:
    """Take the voxels of one label of a mask for a region.

    Raises
    ------
    EmptyRegionError
        If no voxel has the label; the message lists those that there are.
    ImageFileError
        If a value of the mask is no whole number.
    """
    if isinstance(mask, Region):
        return mask
    volume = _from_itk(mask, channel) if _is_itk(mask) else as_volume(mask)
    soft = np.issubdtype(volume.data.dtype, np.inexact) and volume.data != np.round(volume.data)
    if np.any(soft):
        raise ImageFileError(
            what="a mask holds whole labels",
            got=f"{np.count_nonzero(soft)} voxels in between, such as {volume.data[soft][0]:g}",
            fix="Scale it to whole labels, or threshold it.",
        )
    inside = volume.data == label
    if not inside.any():
        values, counts = np.unique(volume.data, return_counts=True)
        found = ", ".join(
            f"{v:g} ({n} voxels)" for v, n in zip(values[:20], counts[:20], strict=True)
        )
        raise RegionError(reason="empty_region", got=f"label {label} in a mask of values {found}")
    return Region(inside, volume.grid)


def _is_itk(image: Image) -> bool:
    return hasattr(image, "GetNumberOfComponentsPerPixel")


def _read(path: Path) -> Volume:
    """Read a file in its own pixel type."""
    if path.is_dir():
        return read_image(path)
    with path.open("rb") as handle:
        head = handle.read(132)
    if head[:4] == b"NRRD":
        voxels = load_nrrd(path)
    elif path.name.endswith((".nii", ".nii.gz")):
        voxels = load_nifti(path)
    elif head[128:] == b"DICM":
        return read_image(path)
    else:
        import SimpleITK as sitk  # noqa: N813, PLC0415 - loads slowly

        try:
            return _from_itk(sitk.ReadImage(str(path)))
        except RuntimeError as error:
            raise ImageFileError(
                what="an image file must be of a known format",
                got=str(error).strip().splitlines()[-1],
                fix="Convert it to NIfTI or NRRD.",
            ) from error
    native = voxels.data.dtype.newbyteorder("=")
    return Volume(np.ascontiguousarray(voxels.data, dtype=native), voxels.grid)


def _from_itk(image: Any, channel: int | None = None) -> Volume:  # noqa: ANN401 - untyped library
    """Take a SimpleITK image of three dimensions and one channel."""
    import SimpleITK as sitk  # noqa: N813, PLC0415 - loads slowly

    if not _is_itk(image):
        raise ImageFileError(
            what="an image is a path, a SimpleITK image or a Volume",
            got=type(image).__name__,
            fix="Wrap an array with its grid: Volume(data, Grid(shape, spacing)).",
        )
    if image.GetNumberOfComponentsPerPixel() > 1 and channel is not None:
        image = sitk.VectorIndexSelectionCast(image, channel)
    if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() not in {2, 3}:
        raise ImageFileError(
            what="an image has three dimensions and one value per voxel",
            got=f"{image.GetDimension()} and {image.GetNumberOfComponentsPerPixel()}",
            fix="Take one time point or channel first.",
        )
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    data, grid = from_itk(image)
    return Volume(data, grid)


def _aligned(region: Region, image: Volume, door: Mapping[str, Any]) -> Region:
    """Check that mask and image share a grid; resample the mask if the settings ask for it."""
    tolerance = float(door.get("geometryTolerance") or 1e-3)
    if region.grid.distance_mm(image.grid) <= tolerance:
        return Region(region.mask, image.grid, region.name)
    if not door.get("correctMask", False):
        region.grid.require_same(image.grid, what="image and mask", tolerance_mm=tolerance)
    corners = region.grid.crop(region.box())
    ends = np.array([[-0.5] * 3, np.array(corners.shape) - 0.5])
    at = image.grid.to_index(corners.to_world(ends))
    if (at.min(axis=0) < -0.501).any() or (
        at.max(axis=0) > np.array(image.grid.shape) - 0.499
    ).any():
        raise RegionError(reason="outside_image", got=f"a region from {at[0]} to {at[1]} (k, j, i)")
    moved = Region(resample_mask(region, image.grid), image.grid, region.name)
    if moved.size == 0:
        raise GeometryError(
            what="a mask must keep a voxel on the grid of its image",
            got=f"none of {region.size} voxels",
            fix="Draw the mask on the image.",
        )
    return moved
