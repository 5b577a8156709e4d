# SPDX-License-Identifier: Apache-2.0
"""How far registration is off, where the true breathing shift is known.

Phantom patients, arterial and delayed phase against the portal one.  The organs
move with the breath, body wall and spine stay: as in a patient.  Errors are over
the points of the liver.

    python benchmarks/imaging_register.py [PATIENTS]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.imaging.register import RigidParams, register_rigid
from hepacast.phantom.params import PhantomParams
from hepacast.phantom.patient import simulate_patient


def main() -> None:
    """Print every pair and the summary."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    cohort = PhantomParams(patients=count, breathing_mm=8.0, spacing_mm=(3.0, 1.5, 1.5), seed=3)
    settings = RigidParams(window=(-150.0, 300.0))
    errors: list[np.ndarray] = []
    refused = 0
    for index in range(1, count + 1):
        patient = simulate_patient(cohort, index)
        liver = patient.masks["portal", 1, "liver"]
        points = liver.grid.to_world(np.argwhere(liver.mask)[::53])
        for phase in ("arterial", "delayed"):
            shift = np.array(patient.truth["shift_mm"][phase])
            began = time.perf_counter()
            try:
                found = register_rigid(
                    patient.phases["portal"], patient.phases[phase], settings, around=liver
                )
            except NotEstimableError as error:
                refused += 1
                print(f"{patient.case} {phase}: refused ({error.got})")
                continue
            off = np.linalg.norm(found.points(points) - (points + shift), axis=1)
            errors.append(off)
            print(
                f"{patient.case} {phase:9s} moved {np.linalg.norm(shift):5.1f} mm, "
                f"off by {np.median(off):.2f} (95th percentile {np.percentile(off, 95):.2f}) mm, "
                f"{time.perf_counter() - began:.1f} s"
            )
    every = np.concatenate(errors)
    print(
        f"all: median {np.median(every):.2f} mm, "
        f"95th percentile {np.percentile(every, 95):.2f} mm, {refused} refused"
    )


if __name__ == "__main__":
    main()
