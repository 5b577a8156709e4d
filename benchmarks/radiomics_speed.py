# SPDX-License-Identifier: Apache-2.0
"""Time a workload here and in other packages, in turn, on the same files.

Each peer lives in an environment of its own, whose interpreter is passed:

    python benchmarks/radiomics_workload.py WORK
    python benchmarks/radiomics_speed.py WORK --pyradiomics A/bin/python --pictologics B/bin/python
    python benchmarks/radiomics_speed.py WORK --workload mri --pyradiomics A/bin/python
    python benchmarks/radiomics_speed.py WORK --cold

CPU seconds are reported beside wall seconds: on a busy machine only they compare.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk  # noqa: N813

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics import ExtractParams, extract_case

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Work:
    """Files and scales of one workload."""

    phases: tuple[str, ...]
    regions: tuple[str, ...]
    sigmas: tuple[float, ...]


WORK = {
    "ablation": Work(
        ("arterial", "portal", "delayed"),
        ("liver", "tumour", "eroded", "ring5", "ring10", "dilated"),
        (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
    ),
    "mri": Work(("mri",), ("ball",), (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)),
}

Time = tuple[float, float]
"""Wall and CPU seconds."""


# What the peers run in their own environments, with the folder and comma-separated phases, regions
# and scales; they print features, wall seconds and CPU seconds of all their processes.
PYRADIOMICS = """
import logging, os, sys, time
from multiprocessing import Pool
import radiomics, SimpleITK as sitk
from radiomics import featureextractor
radiomics.logger.setLevel(logging.CRITICAL)
folder, phases, regions, sigmas = sys.argv[1], *(a.split(",") for a in sys.argv[2:5])
processes = int(sys.argv[5])
if processes > 1:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
types = {"Original": {}, "LoG": {"sigma": [float(s) for s in sigmas]}, "Wavelet": {}}
extractor = featureextractor.RadiomicsFeatureExtractor({"imageType": types})
def one(pair):
    image, mask = (sitk.ReadImage(f"{folder}/{name}.nii.gz") for name in pair)
    return sum(not k.startswith("diagnostics") for k in extractor.execute(image, mask))
def spent():
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system
pairs = [(phase, region) for region in regions for phase in phases]
wall, cpu = time.perf_counter(), spent()
if processes == 1:
    n = sum(map(one, pairs))
else:
    pool = Pool(processes)
    n = sum(pool.imap_unordered(one, pairs))
    pool.close()
    pool.join()
print(n, time.perf_counter() - wall, spent() - cpu)
"""
"""All families; with one process SimpleITK may use all cores in its filters, as it comes."""

PICTOLOGICS = """
import os, sys, time
from itertools import product
from pictologics import RadiomicsPipeline, load_image
folder, phases, regions, sigmas = sys.argv[1], *(a.split(",") for a in sys.argv[2:5])
filters = {"original": None}
filters |= {f"log{s}": {"type": "log", "sigma_mm": float(s)} for s in sigmas}
for letters in product("LH", repeat=3):
    band = "".join(letters)
    filters[band] = {"type": "wavelet", "wavelet": "coif1", "level": 1, "decomposition": band}
pipeline = RadiomicsPipeline()
for name, filter in filters.items():
    families = ["intensity", "texture"] + ["histogram", "morphology"] * (filter is None)
    pipeline.add_config(name, [{"step": "filter", "params": filter}] * (filter is not None) + [
        {"step": "discretise", "params": {"method": "FBN", "n_bins": 12}},
        {"step": "extract_features", "params": {"families": families}},
    ])
def run(image, region):
    mask = load_image(f"{folder}/{region}.nii.gz")
    return sum(map(len, pipeline.run(image, mask, config_names=list(filters)).values()))
run(load_image(f"{folder}/{phases[0]}.nii.gz"), regions[-1])
wall, cpu, n = time.perf_counter(), time.process_time(), 0
for phase in phases:
    image = load_image(f"{folder}/{phase}.nii.gz")
    n += sum(run(image, region) for region in regions)
print(n, time.perf_counter() - wall, time.process_time() - cpu)
"""
"""Twelve bins, about as many levels as bins of width 25 give; morphology once per phase."""


def read(folder: Path, name: str) -> np.ndarray:
    """Read one file of the workload."""
    data: np.ndarray = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{name}.nii.gz")))
    return data


def ours(folder: Path, work: Work, threads: int, repeats: int) -> Time:
    """Median wall seconds of this package, and the CPU seconds of that repeat."""
    data = {phase: read(folder, phase) for phase in work.phases}
    grid = Grid(data[work.phases[0]].shape, (1.0, 1.0, 1.0))
    images = {phase: Volume(array, grid) for phase, array in data.items()}
    regions = {name: Region(read(folder, name) > 0, grid, name) for name in work.regions}
    filters = ["original", {"log": {"sigma_mm": work.sigmas}}, "wavelet"]
    params = ExtractParams.model_validate({"definitions": "pyradiomics", "filters": filters})
    # Warm: compiled code is read from its cache, tables are built.
    first, smallest = work.phases[0], min(regions, key=lambda name: regions[name].size)
    extract_case({first: images[first]}, {smallest: regions[smallest]}, params, threads=1)
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        found = extract_case(images, regions, params, threads=threads)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{len(found.values)} features", end="; ")
    return sorted(times)[len(times) // 2]


def peer(python: Path, script: str, folder: Path, work: Work, *more: str) -> Time:
    """Wall and CPU seconds of a peer."""
    lists = [",".join(map(str, items)) for items in (work.phases, work.regions, work.sigmas)]
    command = [str(python), "-W", "ignore", "-c", script, str(folder), *lists, *more]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    count, wall, cpu = map(float, done.stdout.split()[-3:])
    print(f"{count:.0f} features", end="; ")
    return wall, cpu


def cold(folder: Path) -> None:
    """Time import and first case with an empty cache of compiled code, and once more with it."""
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "import radiomics_speed as s;"
        "w = s.Work(('mri',), ('ball',), (1.0,)); s.ours(Path(sys.argv[1]), w, 2, 1)"
    )
    here, took = Path(__file__).parent, []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                ["env", f"NUMBA_CACHE_DIR={cache}", sys.executable, "-c", script, folder, here],
                check=True,
                capture_output=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            took.append((time.perf_counter() - wall, cpu))
    for name, (seconds, cpu) in zip(("cold", "warm"), took, strict=True):
        print(f"import and first case, {name}: wall {seconds:.1f} s, CPU {cpu:.1f} s")


def main() -> None:
    """Run all in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workload", choices=sorted(WORK), default="ablation")
    parser.add_argument("--pyradiomics", type=Path, help="interpreter of its environment")
    parser.add_argument("--pictologics", type=Path, help="interpreter of its environment")
    parser.add_argument("--phases", type=int, default=3, help="fewer phases for a quick look")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="time the first call only")
    arguments = parser.parse_args()
    if arguments.cold:
        cold(arguments.folder)
        return
    chosen = WORK[arguments.workload]
    work = Work(chosen.phases[: arguments.phases], chosen.regions, chosen.sigmas)
    here: Time = (0.0, 0.0)
    for threads in (1, 2):
        here = ours(arguments.folder, work, threads, arguments.repeats)
        print(f"hepacast, {threads} threads: wall {here[0]:.2f} s, CPU {here[1]:.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    runs: list[tuple[str, Path, str, tuple[str, ...]]] = []
    if arguments.pyradiomics:
        runs.append(("PyRadiomics, 1 process", arguments.pyradiomics, PYRADIOMICS, ("1",)))
        if len(work.phases) * len(work.regions) > 1:
            runs.append(("PyRadiomics, 2 processes", arguments.pyradiomics, PYRADIOMICS, ("2",)))
    if arguments.pictologics:
        runs.append(("pictologics, 2 threads", arguments.pictologics, PICTOLOGICS, ()))
    for name, python, script, more in runs:
        wall, cpu = peer(python, script, arguments.folder, work, *more)
        print(f"{name}: wall {wall:.2f} s, CPU {cpu:.2f} s", end="; ")
        print(f"ratio of wall {wall / here[0]:.1f}, of CPU {cpu / here[1]:.1f}", flush=True)


if __name__ == "__main__":
    main()
