# SPDX-License-Identifier: Apache-2.0
"""The diagnostics columns that the ``pyradiomics`` command writes before the features."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast._version import __version__
from hepacast.io.images import is_dicom
from hepacast.radiomics.prepare import scenes, to_itk
from hepacast.run.extraction.extract import as_pair, as_volume, read_content, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Region, Volume
    from hepacast.radiomics.params import ExtractParams
    from hepacast.run.extraction.extract import Image, Settings

Diagnostics = dict[str, str | float]

_DEFAULTS: dict[str, Any] = {
    "minimumROIDimensions": 2, "minimumROISize": None, "normalize": False, "normalizeScale": 1,
    "removeOutliers": None, "resampledPixelSpacing": None, "interpolator": "sitkBSpline",
    "preCrop": False, "padDistance": 5, "distances": [1], "force2D": False, "force2Ddimension": 0,
    "resegmentRange": None, "label": 1, "additionalInfo": True,
}  # fmt: skip


def diagnostics(
    image: Image, mask: Image, params: Settings = None, *, label: int | str | None = None
) -> Diagnostics:
    """Describe versions, settings, image and mask, under the names that PyRadiomics uses.

    Parameters
    ----------
    image, mask, params, label
        As for ``hepacast.extract``.

    Returns
    -------
    diagnostics : dict
        In PyRadiomics' order.  Where it writes its own version stands this package's.

    Notes
    -----
    Source: PyRadiomics 3.0.1, ``generalinfo``.

    Examples
    --------
    >>> from hepacast import Grid, Region, Volume
    >>> grid = Grid((3, 3, 3), (2.0, 1.0, 1.0))
    >>> ramp = Volume(np.arange(27, dtype=np.int16).reshape(3, 3, 3), grid)
    >>> found = diagnostics(ramp, Volume(np.ones((3, 3, 3), dtype=np.uint8), grid))
    >>> found["diagnostics_Mask-original_BoundingBox"]
    '(0, 0, 0, 3, 3, 3)'
    """
    content = read_content(params)
    settings, door = read_settings(params)
    volume, region = as_pair(image, mask, door, label)
    named = isinstance(mask, str | Path) and is_dicom(Path(mask))
    # A segment has a name or a number of its own; PyRadiomics would have seen a mask of ones.
    value = 1 if named else int(door.get("label", 1) if label is None else label)
    rows: dict[str, Any] = _versions() | _configuration(content, value)
    rows |= _of_image(volume, "original")
    drawn = region if named else mask
    labels = as_volume(drawn) if not hasattr(drawn, "mask") else drawn
    rows |= _of_labels(labels, value)
    rows |= _prepared(volume, region, settings)
    if labels.grid.distance_mm(volume.grid) > float(door.get("geometryTolerance") or 1e-3):
        rows |= _of_mask(region.mask, region.grid, "corrected", volume)
    rows |= _resegmented(volume, region, settings)
    return {f"diagnostics_{name}": _plain(entry) for name, entry in rows.items()}


def in_their_order(names: Iterable[str], params: Settings) -> list[str]:
    """Sort feature names as the ``pyradiomics`` command writes them.

    Shape first, then image types, in each the classes and in these the features: as the
    parameter file lists them, or by the alphabet of its methods (``getMeanFeatureValue``).

    >>> in_their_order(["original_ngtdm_Busyness", "original_glcm_Id", "original_glcm_Contrast",
    ...                 "original_shape_Sphericity"], None)[:3]
    ['original_shape_Sphericity', 'original_glcm_Contrast', 'original_glcm_Id']
    """
    classes = dict(read_content(params).get("featureClass") or {})
    listed = list(classes)
    given = list(names)
    # Shape comes first, and is of the original image wherever that stands.
    images = (name.split("_")[0] for name in given if not name.split("_")[1].startswith("shape"))
    filters = ["original", *dict.fromkeys(images)]

    def rank(name: str) -> tuple[Any, ...]:
        image_type, family, feature = name.split("_", 2)
        features = list(classes.get(family) or ())
        return (
            not family.startswith("shape"),
            0 if family.startswith("shape") else filters.index(image_type, 1),
            listed.index(family) if family in listed else len(listed),
            family,
            features.index(feature) if feature in features else len(features),
            f"{feature}FeatureValue",
        )

    return sorted(given, key=rank)


def _plain(value: Any) -> str | float:  # noqa: ANN401 - whatever PyRadiomics writes
    """Keep numbers and text, print the rest as Python does."""
    return value if isinstance(value, int | float | str) else str(value)


def _versions() -> dict[str, Any]:
    return {
        "Versions_PyRadiomics": f"hepacast {__version__}",
        "Versions_Numpy": version("numpy"),
        "Versions_SimpleITK": version("SimpleITK"),
        "Versions_PyWavelet": version("PyWavelets"),
        "Versions_Python": platform.python_version(),
    }


def _configuration(content: Mapping[str, Any], label: int | str) -> dict[str, Any]:
    settings = {
        **_DEFAULTS,
        **(content.get("setting") or {}),
        **(content.get("voxelSetting") or {}),
    }
    types = content.get("imageType") or {"Original": {}}
    return {
        "Configuration_Settings": {**settings, "label": label},
        "Configuration_EnabledImageTypes": {name: own or {} for name, own in types.items()},
    }


def _hash(data: np.ndarray) -> str:
    import SimpleITK as sitk  # noqa: N813, PLC0415 - loads slowly

    digest: str = sitk.Hash(sitk.GetImageFromArray(data))
    return digest


def _of_image(image: Volume, prefix: str) -> dict[str, Any]:
    """Describe an image; x comes first, as ITK has it."""
    data = image.data.astype(np.float64)
    first = {"Hash": _hash(image.data), "Dimensionality": "3D"} if prefix == "original" else {}
    rows = {
        **first,
        "Spacing": image.grid.spacing[::-1],
        "Size": image.grid.shape[::-1],
        "Mean": float(data.mean()),
        "Minimum": float(data.min()),
        "Maximum": float(data.max()),
    }
    return {f"Image-{prefix}_{name}": value for name, value in rows.items()}


def _of_labels(mask: Volume | Region, label: int) -> dict[str, Any]:
    """Describe a mask as it was drawn, with all its labels."""
    whole = getattr(mask, "mask", None)
    labels = mask.data if whole is None else whole.astype(np.uint32) * label  # type: ignore[union-attr]
    rows = _of_mask(labels == label, mask.grid, "original", None)
    return {"Mask-original_Hash": _hash(np.asarray(labels).astype(np.uint32)), **rows}


def _of_mask(inside: np.ndarray, grid: Grid, prefix: str, image: Volume | None) -> dict[str, Any]:
    """Describe the voxels of a region."""
    from scipy.ndimage import find_objects, label  # noqa: PLC0415 - loads slowly

    box = find_objects(inside.astype(np.uint8))[0][::-1]
    at = np.argwhere(inside).mean(axis=0)
    frame = to_itk(np.zeros((1, 1, 1), np.uint8), grid)
    rows: dict[str, Any] = {
        "Spacing": grid.spacing[::-1],
        "Size": grid.shape[::-1],
        "BoundingBox": (*(s.start for s in box), *(s.stop - s.start for s in box)),
        "VoxelNum": int(np.count_nonzero(inside)),
        "VolumeNum": int(label(inside, np.ones((3, 3, 3)))[1]),
        "CenterOfMassIndex": tuple(at[::-1].tolist()),
        "CenterOfMass": frame.TransformContinuousIndexToPhysicalPoint(at[::-1].tolist()),
    }
    if image is not None:
        values = image.data[inside].astype(np.float64)
        rows |= {
            "Mean": float(values.mean()),
            "Minimum": float(values.min()),
            "Maximum": float(values.max()),
        }
    return {f"Mask-{prefix}_{name}": value for name, value in rows.items()}


def _prepared(image: Volume, region: Region, params: ExtractParams) -> dict[str, Any]:
    """Describe image and mask after resampling, if there is any."""
    if params.resample is None:
        return {}
    made, _ = scenes(image, [region], params.model_copy(update={"resegment": None}))
    if not made:
        return {}
    scene = made[0]
    mask = _of_mask(scene.regions[0].mask, scene.image.grid, "interpolated", scene.image)
    return _of_image(scene.image, "interpolated") | mask


def _resegmented(image: Volume, region: Region, params: ExtractParams) -> dict[str, Any]:
    """Describe the mask after resegmentation, if there is any."""
    if params.resegment is None:
        return {}
    made, _ = scenes(image, [region], params)
    if not made:
        return {}
    scene = made[0]
    return _of_mask(scene.regions[0].mask, scene.image.grid, "resegmented", scene.image)
