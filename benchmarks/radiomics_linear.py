# SPDX-License-Identifier: Apache-2.0
"""CPU seconds of an extraction against voxels x images, from 10^3 to 10^7 voxels.

    python benchmarks/radiomics_linear.py docs/images/radiomics_linear.png

All texture families and first order on balls in noise, with one to nine image
types; shape is left out, because it is measured once whatever the images.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics import ExtractParams, extract

FAMILIES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
FILTERS: tuple[tuple[object, ...], ...] = (
    ("original",),
    ("original", {"log": {"sigma_mm": [1.0, 2.0]}}),
    ("original", "wavelet"),
)
"""One, three and nine image types."""


def ball(voxels: int) -> tuple[Volume, Region]:
    """Make a ball of about so many voxels, five voxels from the edge of its image."""
    radius = (voxels * 3 / (4 * np.pi)) ** (1 / 3)
    side = 2 * int(np.ceil(radius)) + 11
    grid = Grid((side,) * 3, (1.0, 1.0, 1.0))
    noise = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    data = np.round(40 * gaussian_filter(noise, 0.7) / 0.25).astype(np.int16)
    away = [(np.arange(side) - side // 2) ** 2 for _ in range(3)]
    mask = away[0][:, None, None] + away[1][:, None] + away[2] < radius**2
    return Volume(data, grid), Region(mask, grid)


def main() -> None:
    """Time, print, fit and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args().picture
    rows = []
    for filters in FILTERS:
        params = ExtractParams.model_validate({"filters": filters, "families": FAMILIES})
        extract(*ball(1000), params)
        for voxels in (10**3, 10**4, 10**5, 10**6, 10**7):
            image, region = ball(voxels)
            spent = []
            for _ in range(5 if voxels < 10**6 else 1):
                start = time.process_time()
                features = extract(image, region, params)
                spent.append(time.process_time() - start)
            images = len(features) // 93
            rows.append((region.size, images, min(spent)))
            print(f"{region.size:9d} voxels x {images} images: {min(spent):8.3f} CPU s", flush=True)
    size, images, cpu = np.array(rows).T
    large = size > 5e4
    slope, _ = np.polyfit(np.log10(size * images)[large], np.log10(cpu)[large], 1)
    print(f"slope of log time on log (voxels x images) from 10^5 voxels on: {slope:.3f}")
    draw(picture, size, images, cpu)


def draw(picture: Path, size: np.ndarray, images: np.ndarray, cpu: np.ndarray) -> None:
    """Draw time against voxels x images, with a line of slope one."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for n in np.unique(images):
        one = images == n
        label = f"{n:.0f} image type{'s' if n > 1 else ''}"
        axes.loglog(size[one] * n, cpu[one], marker="o", linestyle="none", label=label)
    reach = np.array([(size * images).min(), (size * images).max()])
    per = cpu[np.argmax(size * images)] / reach[1]
    axes.loglog(reach, reach * per, color="0.5", label=f"{per * 1e9:.0f} ns per voxel and image")
    axes.set(xlabel="voxels x images", ylabel="CPU seconds")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=150)


if __name__ == "__main__":
    main()
