# SPDX-License-Identifier: Apache-2.0
"""Time the ablation workload here and in PyRadiomics, in turn, on the same files.

PyRadiomics lives in an environment of its own, whose interpreter is passed:

    python benchmarks/radiomics_workload.py WORK
    python benchmarks/radiomics_speed.py WORK --pyradiomics OTHER/bin/python --phases 1

CPU seconds are reported beside wall seconds: on a busy machine only they compare.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk  # noqa: N813

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics import ExtractParams, extract_case

if TYPE_CHECKING:
    import numpy as np

PHASES = ("arterial", "portal", "delayed")
REGIONS = ("liver", "tumour", "eroded", "ring5", "ring10", "dilated")
SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)

PEER = """
import logging, sys, time
import radiomics, SimpleITK as sitk
from radiomics import featureextractor
radiomics.logger.setLevel(logging.CRITICAL)
folder, phases, regions, sigmas = sys.argv[1], *(a.split(",") for a in sys.argv[2:5])
types = {"Original": {}, "LoG": {"sigma": [float(s) for s in sigmas]}, "Wavelet": {}}
extractor = featureextractor.RadiomicsFeatureExtractor({"imageType": types})
wall, cpu, n = time.perf_counter(), time.process_time(), 0
for phase in phases:
    image = sitk.ReadImage(f"{folder}/{phase}.nii.gz")
    for region in regions:
        found = extractor.execute(image, sitk.ReadImage(f"{folder}/{region}.nii.gz"))
        n += sum(not k.startswith("diagnostics") for k in found)
print(n, time.perf_counter() - wall, time.process_time() - cpu)
"""


def read(folder: Path, name: str) -> np.ndarray:
    """Read one file of the workload."""
    data: np.ndarray = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{name}.nii.gz")))
    return data


def ours(folder: Path, phases: tuple[str, ...], threads: int) -> tuple[int, float, float]:
    """Features, wall and CPU seconds of this package."""
    data = {phase: read(folder, phase) for phase in phases}
    grid = Grid(data[phases[0]].shape, (1.0, 1.0, 1.0))
    images = {phase: Volume(array, grid) for phase, array in data.items()}
    regions = {name: Region(read(folder, name) > 0, grid, name) for name in REGIONS}
    params = ExtractParams.model_validate(
        {
            "definitions": "pyradiomics",
            "filters": ["original", {"log": {"sigma_mm": SIGMAS}}, "wavelet"],
        }
    )
    # Warm: compiled code is read from its cache, tables are built.
    extract_case({phases[0]: images[phases[0]]}, {"eroded": regions["eroded"]}, params, threads=1)
    wall, cpu = time.perf_counter(), time.process_time()
    found = extract_case(images, regions, params, threads=threads)
    return len(found.values), time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Run both in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pyradiomics", type=Path, help="interpreter of its environment")
    parser.add_argument("--phases", type=int, default=3)
    arguments = parser.parse_args()
    phases = PHASES[: arguments.phases]
    for threads in (1, 2):
        n, wall, cpu = ours(arguments.folder, phases, threads)
        print(f"hepacast, {threads} threads: {n} features, wall {wall:.2f} s, CPU {cpu:.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    if arguments.pyradiomics:
        lists = [",".join(map(str, items)) for items in (phases, REGIONS, SIGMAS)]
        command = [str(arguments.pyradiomics), "-c", PEER, str(arguments.folder), *lists]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        count, peer_wall, peer_cpu = map(float, done.stdout.split()[-3:])
        took = f"wall {peer_wall:.2f} s, CPU {peer_cpu:.2f} s"
        print(f"PyRadiomics, 1 process: {count:.0f} features, {took}")
        print(f"ratio of wall {peer_wall / wall:.1f}, of CPU {peer_cpu / cpu:.1f}")


if __name__ == "__main__":
    main()
