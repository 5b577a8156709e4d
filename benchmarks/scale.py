# SPDX-License-Identifier: Apache-2.0
"""What spreading the work costs: receipts, workers, and a rerun with nothing left to do.

    python benchmarks/scale.py receipts --count 100000
    python benchmarks/scale.py workers --patients 12
    python benchmarks/scale.py rerun --patients 1000

``receipts`` sends tasks that do nothing through a scheduler and two workers, and
prints the overhead per task beside plain processes of the same machine, and the
memory of the client.  ``workers`` measures a phantom cohort with one worker and
with two, in turn.  ``rerun`` runs a study of small images once, and then again.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.phantom.cohort import write_cohort
from hepacast.phantom.params import PhantomParams
from hepacast.run.cases.many import measure_all
from hepacast.run.cases.measure import plan_cases
from hepacast.run.demo import STUDY
from hepacast.run.gather import gather
from hepacast.run.whole import run_study
from hepacast.run.work.cluster import ClusterParams
from hepacast.run.work.execution import Execution

WAYS = {
    "processes": Execution(2),
    "dask": Execution(cluster=ClusterParams(workers=2)),
}
SMALL = """
schema: 1
study: {name: small}
cases: {table: cases.csv, masks: {tumour: mask}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes: {er: {kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {tumour: {mask: tumour}}
features: {own: {params: {families: [firstorder, glcm]}}}
scores: {rad: {from: [own], steps: [impute, variance], model: lasso}}
models: {sets: {rad: [rad]}}
split: {seed: 7, outer: 5, repeats: 1, inner: 5}
controls: {permuted_labels: 0}
"""


def nothing(item: int) -> int:
    """Do nothing."""
    return item


def receipts(count: int) -> None:
    """Print the overhead per task of every way to work, and the client's memory."""
    for name, way in WAYS.items():
        with way.open() as run:
            list(run.map(nothing, range(200)))
            wall = time.perf_counter()
            done = sum(1 for _ in run.map(nothing, range(count)))
            wall = time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(
            f"{name}: {done} receipts in {wall:.1f} s, {1000 * wall / count:.2f} ms per task, "
            f"client at most {peak:.0f} MB"
        )


def workers(patients: int) -> None:
    """Print how much faster two workers are than one, on the same cohort."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_cohort(PhantomParams(patients=patients, seed=7), place / "cohort")
        study = place / "cohort" / "study.yaml"
        study.write_text(STUDY.format(horizon=24, seed=7, shuffles=0))
        materials = gather(study)
        took: dict[int, float] = {}
        for count in (1, 2, 1, 2):
            out = place / f"out {count} {len(took)} {time.monotonic()}"
            with Execution(count).open() as run:
                # Start the processes, load the compiled code: paid once per run, not per case.
                list(run.map(nothing, range(8)))
                measure_all(plan_cases(materials, place / "warm")[:count], run)
                wall = time.perf_counter()
                measure_all(plan_cases(materials, out), run)
                wall = time.perf_counter() - wall
            took[count] = min(wall, took.get(count, wall))
            print(f"{count} workers: {patients} patients in {wall:.1f} s")
    print(f"two workers are {took[1] / took[2]:.2f} times as fast as one")


def rerun(patients: int) -> None:
    """Print how long a study takes, and how long it takes to see that it is finished."""
    rng = np.random.default_rng(3)
    grid = Grid((6, 14, 14), (2.0, 1.0, 1.0))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases, clinical = ["case,phase,image,mask"], ["case,er"]
        inside = np.zeros(grid.shape, dtype=bool)
        inside[1:5, 3:11, 3:11] = True
        write_nifti(Region(inside, grid), place / "mask.nii.gz")
        for at in range(patients):
            data = rng.normal(60, 9, grid.shape).astype(np.float32)
            write_nifti(Volume(data, grid), place / f"{at}.nii.gz")
            cases.append(f"{at:05d},A,{at}.nii.gz,mask.nii.gz")
            clinical.append(f"{at:05d},{int(rng.random() < 0.4)}")
        (place / "cases.csv").write_text("\n".join(cases))
        (place / "clinical.csv").write_text("\n".join(clinical))
        (place / "fields.yaml").write_text("er: {kind: event, timing: outcome}\n")
        (place / "study.yaml").write_text(SMALL)
        for word in ("first", "again"):
            wall = time.perf_counter()
            run_study(place / "study.yaml", place / "out")
            print(f"{word}: {patients} patients in {time.perf_counter() - wall:.1f} s")


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("receipts", "workers", "rerun"))
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--patients", type=int, default=12)
    chosen = parser.parse_args()
    if chosen.what == "receipts":
        receipts(chosen.count)
    else:
        {"workers": workers, "rerun": rerun}[chosen.what](chosen.patients)


if __name__ == "__main__":
    main()
