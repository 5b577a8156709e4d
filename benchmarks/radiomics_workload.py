# SPDX-License-Identifier: Apache-2.0
"""Two workloads, made from seeds, so that peers in other environments get the same voxels.

Ablation: three phases of a 1 mm CT, six regions, sixteen image types; 27,036 features:
3 phases x 6 regions x (14 shape + 16 x 93).  MRI: one phase at 1 mm, one tumour of 50 mm,
seventeen image types; 1,595 features.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt, gaussian_filter

SHAPE = (190, 240, 290)
"""Voxels of 1 mm along (k, j, i): the upper abdomen."""
MRI_SHAPE = (120, 220, 260)
"""Voxels of 1 mm of the MRI."""


def regions(shape: tuple[int, int, int] = SHAPE) -> dict[str, np.ndarray]:
    """Liver without tumour of about 1.1 L, a tumour of 14 mL and four shells of it."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij", sparse=True)
    rng = np.random.default_rng(5)
    wobble = gaussian_filter(rng.normal(size=shape).astype(np.float32), 12) * 18
    body = ((k - 95) / 62) ** 2 + ((j - 115) / 72) ** 2 + ((i - 120) / 66) ** 2 + wobble
    liver = body < 1.0
    away = (k - 100) ** 2 + (j - 110) ** 2 + (i - 110) ** 2
    tumour = away + wobble * 200 < 15**2
    depth = distance_transform_edt(~tumour)
    return {
        "liver": liver & ~tumour,
        "tumour": tumour,
        "eroded": binary_erosion(tumour, iterations=5),
        "ring5": (depth > 0) & (depth <= 5),
        "ring10": depth <= 7,
        "dilated": binary_dilation(tumour, iterations=3) | (depth <= 11),
    }


def phases(shape: tuple[int, int, int] = SHAPE) -> dict[str, np.ndarray]:
    """Three phases in HU, int16, with noise of 20 HU at a correlation length of 0.7 mm."""
    masks = regions(shape)
    tree = gaussian_filter(np.random.default_rng(9).normal(size=shape).astype(np.float32), 3)
    vessels = np.abs(tree) < 0.03 * tree.std()
    made = {}
    for seed, (name, liver, tumour) in enumerate(
        (("arterial", 60, 110), ("portal", 110, 95), ("delayed", 90, 70))
    ):
        rng = np.random.default_rng(seed)
        noise = gaussian_filter(rng.normal(size=shape).astype(np.float32), 0.7)
        coarse = gaussian_filter(rng.normal(size=shape).astype(np.float32), 4)
        image = -90 + 20 * noise / noise.std() + 10 * coarse / coarse.std()
        image[masks["liver"] | masks["dilated"]] += 90 + liver
        image[vessels] += 70
        image[masks["tumour"]] += tumour - liver
        made[name] = np.round(image).astype(np.int16)
    return made


def mri(shape: tuple[int, int, int] = MRI_SHAPE) -> dict[str, np.ndarray]:
    """One phase of a T1-weighted MRI, int16, and a ball of 50 mm in it."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij", sparse=True)
    rng = np.random.default_rng(11)
    noise, coarse = rng.normal(size=(2, *shape)).astype(np.float32)
    coarse = gaussian_filter(coarse, 4)
    ball = (k - 60) ** 2 + (j - 110) ** 2 + (i - 100) ** 2 < 25**2
    image = 320 + 30 * gaussian_filter(noise, 0.6) + 40 * coarse / coarse.std()
    image *= 1 + 0.3 * np.cos(i / 90)
    image[ball] *= 0.8
    return {"mri": np.round(image).astype(np.int16), "ball": ball}


def main() -> None:
    """Write images and masks as NIfTI, for peers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    other = mri()
    for name, image in (phases() | {"mri": other["mri"]}).items():
        sitk.WriteImage(sitk.GetImageFromArray(image), str(folder / f"{name}.nii.gz"))
    for name, mask in (regions() | {"ball": other["ball"]}).items():
        sitk.WriteImage(
            sitk.GetImageFromArray(mask.astype(np.uint8)), str(folder / f"{name}.nii.gz")
        )
        print(name, f"{mask.sum() / 1000:.1f} mL")


if __name__ == "__main__":
    main()
