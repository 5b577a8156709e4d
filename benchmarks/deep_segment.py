# SPDX-License-Identifier: Apache-2.0
"""How good automatic masks are: the built-in network on phantoms, the liver networks on CT.

    python benchmarks/deep_segment.py phantom [patients] [steps]
    python benchmarks/deep_segment.py liver WEIGHTS IMAGE MASK [LABEL]

Phantoms are cross-fitted in three folds: no mask is drawn by a network that saw the patient.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep.frames import ScaleParams
from hepacast.deep.segment_params import SegmentParams
from hepacast.deep.segment_scores import compare_masks
from hepacast.io.images import read_image, read_region
from hepacast.io.voxels import MaskRule
from hepacast.phantom import PhantomParams, simulate_patient
from hepacast.run.masks.liver import load_keras, propose_liver
from hepacast.run.masks.segment import Scan, cross_fit

WINDOW = ScaleParams(window=(80.0, 320.0))
PHANTOM = PhantomParams(phases=("portal",), spacing_mm=(4.0, 3.0, 3.0), centres=1)


def phantom(patients: int, steps: int) -> None:
    """Cross-fit the built-in network on tumours, and on livers, of phantom patients."""
    people = [simulate_patient(PHANTOM, n + 1) for n in range(patients)]
    ids = tuple(one.case for one in people)
    table = FeatureTable(np.zeros((patients, 1)), ids, (FeatureName.clinical("none"),))
    cohort = Cohort(table, Binary(np.arange(patients) % 2 == 0))
    folds = [Fold(frozenset(ids) - frozenset(ids[n::3]), frozenset(ids[n::3])) for n in range(3)]
    for name, spacing in (("liver", (6.0, 6.0, 6.0)), ("tumour", (4.0, 3.0, 3.0))):
        params = SegmentParams(
            base=8, patch=(32, 48, 48), spacing_mm=spacing, steps=steps, batch=2, learning_rate=3e-3
        )
        scans = {
            one.case: Scan([one.phases["portal"]], one.masks["portal", 1, name]) for one in people
        }
        start = time.process_time()
        found = cross_fit(cohort, scans, params, folds, seed=1, scale=WINDOW)
        spent = (time.process_time() - start) / 3
        print(f"{name}: {found.sentence()}; {spent:.0f} CPU s per fold of {steps} steps")
        for case, one in sorted(found.agreement.items()):
            print(f"  {case} {one.sentence()}", flush=True)
        for case, why in found.failed.items():
            print(f"  {case} no mask: {why}", flush=True)


def liver(weights: Path, image_path: Path, mask: Path, label: int | None) -> None:
    """Draw one liver, and compare it with a given mask."""
    image = read_image(image_path)
    given = read_region(mask, "liver", image.grid, MaskRule(label=label))
    network = load_keras(weights, "liver")
    start = time.process_time()
    found = propose_liver(image, network)
    spent = time.process_time() - start
    print(f"{image_path.name}: {compare_masks(found, given).sentence()} {spent:.0f} CPU s")


if __name__ == "__main__":
    kind, *rest = sys.argv[1:] or ["phantom"]
    if kind == "phantom":
        phantom(*(int(one) for one in (rest + ["9", "300"][len(rest) :])[:2]))
    else:
        number = int(rest[3]) if len(rest) > 3 else None
        liver(Path(rest[0]), Path(rest[1]), Path(rest[2]), number)
