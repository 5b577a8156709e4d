# SPDX-License-Identifier: Apache-2.0
"""Settings of voxel-wise maps, and PyRadiomics' values of them on one phantom.

Run once as a script in an environment with PyRadiomics 3.0.1 to write
``pyradiomics_maps_3_0_1.npz``; the test imports the settings and reads the numbers.

One voxel per batch, because a larger batch changes two maps: a direction without a pair
around one voxel, but not around all, then makes ``JointAverage`` NaN there and stops ``MCC``
altogether.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

VERSION = "3.0.1"
STORE = Path(__file__).with_name("pyradiomics_maps_3_0_1.npz")
PHANTOM = 3
EVERY = 5
"""Every so manieth voxel of the region is kept."""
_TEXTURE: dict[str, Any] = dict.fromkeys(("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"))
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"featureClass": _TEXTURE, "setting": {"binWidth": 25}},
    "wide": {
        "featureClass": _TEXTURE,
        "setting": {"binCount": 12, "distances": [1, 2], "gldm_a": 1, "voxelArrayShift": 300},
        "voxelSetting": {"kernelRadius": 2, "maskedKernel": False, "initValue": -1},
    },
    "slices": {
        "imageType": {"LoG": {"sigma": [1.5], "binWidth": 4}},
        "featureClass": _TEXTURE,
        "setting": {"force2D": True, "symmetricalGLCM": False},
        "voxelSetting": {"kernelRadius": 2},
    },
    "weighted": {
        "featureClass": {"glcm": None, "glrlm": None},
        "setting": {
            "weightingNorm": "euclidean", "binWidth": 15, "resampledPixelSpacing": [1.2, 1.2, 1.8],
        },
    },
}  # fmt: skip


def phantom() -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Image, mask and spacing (k, j, i): those of the values of whole regions."""
    place = Path(__file__).with_name("pyradiomics_values.py")
    spec = importlib.util.spec_from_file_location("pyradiomics_values_for_maps", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data, mask = module.phantom(PHANTOM)
    return data, mask, module.SPACING


def main() -> None:
    """Compute and store the values; needs PyRadiomics."""
    import SimpleITK as sitk  # noqa: N813, PLC0415
    from radiomics import featureextractor  # noqa: PLC0415

    data, mask, spacing = phantom()
    image, label = sitk.GetImageFromArray(data), sitk.GetImageFromArray(mask.astype(np.uint8))
    for one in (image, label):
        one.SetSpacing(spacing[::-1])
    store: dict[str, np.ndarray] = {"version": np.array(VERSION)}
    for name, content in SETTINGS.items():
        voxel = {**content.get("voxelSetting", {}), "voxelBatch": 1}
        extractor = featureextractor.RadiomicsFeatureExtractor({**content, "voxelSetting": voxel})
        extractor.settings["additionalInfo"] = False
        found = extractor.execute(image, label, voxelBased=True)
        like = next(iter(found.values()))
        # Maps lie on the box of the region, and on the new grid if there is one.
        moved = sitk.Resample(label, like, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        at = np.argwhere(sitk.GetArrayFromImage(moved))[::EVERY]
        store[f"{name}_names"] = np.array(list(found))
        store[f"{name}_mm"] = np.array(
            [like.TransformIndexToPhysicalPoint(place[::-1].tolist()) for place in at]
        )
        rows = [sitk.GetArrayFromImage(one)[tuple(at.T)] for one in found.values()]
        # Single precision holds a number to 6e-8, far within the tolerance.
        store[name] = np.array(rows, dtype=np.float32)
    np.savez_compressed(STORE, allow_pickle=False, **store)


if __name__ == "__main__":
    main()
