# SPDX-License-Identifier: Apache-2.0
"""Whether honest intervals hold the truth: whole demo runs over many seeds.

    python benchmarks/coverage.py --seeds 20 --effect 0
    python benchmarks/coverage.py --seeds 20 --effect 1.4

Every seed makes its own synthetic patients, images included, measures them and validates all
models.  Without effect nothing in the images is related to recurrence, so the imaging model's true
AUC is 0.5; an interval that misses it more often than one time in twenty or so would mean a leak.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hepacast.phantom import PhantomParams
from hepacast.report.write import read_result
from hepacast.run.demo import run_demo

if TYPE_CHECKING:
    from hepacast.report.content import OutcomeReport

OUTCOME, MODEL = "early_recurrence", "imaging"


def main() -> None:
    """Run all seeds and print one line each, and the coverage at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--effect", type=float, default=0.0)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    rows = []
    for seed in range(1, asked.seeds + 1):
        params = PhantomParams(patients=asked.patients, seed=seed, effect=asked.effect)
        value, low, high, true = one_seed(params, asked.workers)
        rows.append((value, low <= true <= high))
        print(
            f"seed {seed:2d}  AUC {value:.3f} ({low:.3f} to {high:.3f})  true {true:.3f}  "
            f"{'covered' if rows[-1][1] else 'MISSED'}",
            flush=True,
        )
    values, covered = (np.array(column) for column in zip(*rows, strict=True))
    print(
        f"effect {asked.effect:g}: covered {covered.sum()} of {len(covered)}; "
        f"mean AUC {values.mean():.3f}, SD {values.std(ddof=1):.3f}"
    )


def one_seed(params: PhantomParams, workers: int) -> tuple[float, float, float, float]:
    """Run the demo once; return the AUC, its interval, and the truth."""
    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder) / "demo", params, shuffles=0, workers=workers)
        content = read_result(Path(folder) / "demo" / "results" / "result.json")
    outcome: OutcomeReport = next(o for o in content.outcomes if o.name == OUTCOME)
    truth = next(t for t in outcome.truth if t.name.endswith(MODEL))
    found = truth.estimate
    numbers = (found.value, found.low, found.high, truth.true)
    return tuple(float("nan") if n is None else n for n in numbers)  # type: ignore[return-value]


if __name__ == "__main__":
    main()
