# SPDX-License-Identifier: Apache-2.0
"""Time voxel-wise feature maps here and in PyRadiomics, in turn, on the same image.

PyRadiomics lives in an environment of its own, whose interpreter is passed:

    python benchmarks/radiomics_maps.py --pyradiomics OTHER/bin/python

CPU seconds are reported beside wall seconds: on a busy machine only they compare.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import gaussian_filter

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.maps import MapParams, feature_maps
from hepacast.radiomics.parameter_file import from_pyradiomics

FAMILIES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm", "firstorder")

PEER = """
import logging, sys, time
import radiomics, SimpleITK as sitk
from radiomics import featureextractor
radiomics.logger.setLevel(logging.CRITICAL)
folder, family, radius = sys.argv[1], sys.argv[2], int(sys.argv[3])
extractor = featureextractor.RadiomicsFeatureExtractor(
    {"featureClass": {family: None}, "voxelSetting": {"kernelRadius": radius, "voxelBatch": 2000}})
extractor.settings["additionalInfo"] = False
image, mask = (sitk.ReadImage(f"{folder}/{n}.nii.gz") for n in ("image", "mask"))
wall, cpu = time.perf_counter(), time.process_time()
found = extractor.execute(image, mask, voxelBased=True)
print(len(found), time.perf_counter() - wall, time.process_time() - cpu)
"""


def phantom(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of about sixteen grey levels (bin width 25), and a ball of 16,500 voxels in it."""
    rng = np.random.default_rng(0)
    data = gaussian_filter(rng.normal(size=(size,) * 3), 0.8) * 250 + 60
    away = ((np.indices(data.shape) - size // 2) ** 2).sum(axis=0)
    return data.round().astype(np.int16), away <= (0.395 * size) ** 2


def ours(image: Volume, region: Region, family: str, radius: int, threads: int) -> list[float]:
    """Count the maps, wall seconds and CPU seconds of this package, warm."""
    params = from_pyradiomics({"featureClass": {family: None}})
    maps = MapParams(radius=radius)
    small = np.zeros_like(region.mask)
    small[region.box()] = np.indices(small[region.box()].shape).sum(axis=0) < 12
    feature_maps(image, Region(small, image.grid), params, maps, threads=1)
    wall, cpu = time.perf_counter(), time.process_time()
    found = feature_maps(image, region, params, maps, threads=threads)
    return [len(found), time.perf_counter() - wall, time.process_time() - cpu]


def main() -> None:
    """Run both in turn, family by family, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyradiomics", type=Path, help="Python with PyRadiomics 3.0.1")
    parser.add_argument("--radius", type=int, default=1)
    parser.add_argument("--size", type=int, default=40, help="edge of the image, voxels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    args = parser.parse_args()
    data, mask = phantom(args.size)
    grid = Grid(data.shape, (1.0, 1.0, 1.0))
    image, region = Volume(data, grid), Region(mask, grid)
    print(f"{region.size} voxels, radius {args.radius}, {args.threads} threads")
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("image", data), ("mask", mask.astype(np.uint8))):
            sitk.WriteImage(sitk.GetImageFromArray(array), f"{folder}/{name}.nii.gz")
        for family in args.families:
            n, wall, cpu = ours(image, region, family, args.radius, args.threads)
            line = f"{family:10} {n:3.0f} maps  hepacast {wall:7.3f} s wall {cpu:7.3f} s CPU"
            if args.pyradiomics:
                call = [args.pyradiomics, "-c", PEER, folder, family, str(args.radius)]
                done = subprocess.run(call, capture_output=True, text=True, check=True)
                _, peer_wall, peer_cpu = (float(v) for v in done.stdout.split()[-3:])
                line += f"  PyRadiomics {peer_wall:7.2f} s wall {peer_cpu:7.2f} s CPU"
                line += f"  ratio {peer_wall / wall:6.1f} wall {peer_cpu / cpu:6.1f} CPU"
            print(line, flush=True)


if __name__ == "__main__":
    main()
