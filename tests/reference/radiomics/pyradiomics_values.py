# SPDX-License-Identifier: Apache-2.0
"""Twenty phantoms and three settings, and PyRadiomics' values of them.

Run once as a script in an environment with PyRadiomics 3.0.1 to write
``pyradiomics_3_0_1.npz``; the tests import the phantoms and read the numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

VERSION = "3.0.1"
STORE = Path(__file__).with_name("pyradiomics_3_0_1.npz")
SHAPE = (12, 15, 17)
CASES = 20
_ALL = {
    "Original": {}, "LoG": {"sigma": [1.0, 2.0]}, "Wavelet": {}, "Square": {}, "SquareRoot": {},
    "Logarithm": {}, "Exponential": {}, "Gradient": {},
}  # fmt: skip
_TEXTURE: dict[str, Any] = dict.fromkeys(("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"))
SETTINGS: dict[str, dict[str, Any]] = {
    "all": {"imageType": _ALL, "setting": {"binWidth": 20}},
    "resampled": {
        "imageType": {"Original": {}, "LoG": {"sigma": [1.5], "binWidth": 6}},
        "setting": {
            "resampledPixelSpacing": [1.1, 1.1, 1.6], "interpolator": "sitkBSpline",
            "normalize": True, "normalizeScale": 100, "binCount": 24, "distances": [1, 2],
            "resegmentRange": [-2.5, 2.5], "resegmentMode": "sigma",
        },
    },
    "flat": {
        "imageType": {"Original": {}, "Wavelet": {"wavelet": "db2", "level": 2}},
        "featureClass": _TEXTURE,
        "setting": {
            "force2D": True, "weightingNorm": "euclidean", "gldm_a": 1, "binWidth": 15,
            "symmetricalGLCM": False, "preCrop": True, "voxelArrayShift": 200,
        },
    },
}  # fmt: skip
SPACING = (2.0, 0.9, 0.8)
"""(k, j, i), mm."""


def _noise(seed: int) -> np.ndarray:
    """Uniform numbers from integers alone, the same everywhere and for ever."""
    state = np.arange(int(np.prod(SHAPE)), dtype=np.uint64) + np.uint64(7919 * (seed + 1))
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53), (33, 1)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return (state >> np.uint64(40)).astype(np.float64).reshape(SHAPE) / 2.0**24


def phantom(case: int) -> tuple[np.ndarray, np.ndarray]:
    """Image in whole HU and mask of one case: a blob with structure of its own scale and noise."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    scale = 1.0 + 0.35 * (case % 5)
    image = 90 * np.sin(k / scale + case) * np.cos(j / (scale + 1)) + 50 * np.sin(i / scale)
    image += 80 * (_noise(case) - 0.5) + 10 * case
    away = ((k - 6) / 4.2) ** 2 + ((j - 7) / 5.3) ** 2 + ((i - 8) / 6.1) ** 2
    mask = away + 0.5 * (_noise(case + 100) - 0.5) < 0.9
    return np.round(image).astype(np.int16), mask


def main() -> None:
    """Compute and store the values; needs PyRadiomics."""
    import SimpleITK as sitk  # noqa: N813, PLC0415
    from radiomics import featureextractor  # noqa: PLC0415

    store: dict[str, np.ndarray] = {"version": np.array(VERSION)}
    for name, content in SETTINGS.items():
        extractor = featureextractor.RadiomicsFeatureExtractor(content)
        extractor.settings["additionalInfo"] = False
        rows = []
        for case in range(CASES):
            data, mask = phantom(case)
            image, label = (
                sitk.GetImageFromArray(data),
                sitk.GetImageFromArray(mask.astype(np.uint8)),
            )
            for one in (image, label):
                one.SetSpacing(SPACING[::-1])
            found = extractor.execute(image, label)
            store[f"{name}_names"] = np.array(list(found))
            rows.append([float(np.real(v)) for v in found.values()])
        # Single precision holds a number to 6e-8, far within the tolerance.
        store[name] = np.array(rows, dtype=np.float32)
    np.savez_compressed(STORE, allow_pickle=False, **store)


if __name__ == "__main__":
    main()
