# SPDX-License-Identifier: Apache-2.0
"""Time training at the size of the MRI study, and vectors at the size of the ablation study.

CPU seconds of one thread, whole work included: augmentation, batches, the inner part, resampling.
Peers in the same run: the same network in float32, and MONAI's ``resnet10`` as it comes.
Whole jobs, by the clock and with all that is around them, on two cores:

- ``--folds``: the five folds of the MRI study, five processes of one thread at once; two at a
  time would leave a core idle while the fifth is trained;
- ``--embed``: the vectors of all patients of the ablation study, two processes of one thread.

    python benchmarks/deep_speed.py [--updates 6]
    python benchmarks/deep_speed.py --folds [--updates 200]
    python benchmarks/deep_speed.py --embed [--patients 288]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import torch

from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.geometry import Grid
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.deep.crops import Crops
from hepacast.deep.device import has_bfloat16, one_thread, pick_device
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams, Session
from hepacast.run.cases.embed import embed_case
from hepacast.run.cases.load import Loaded
from hepacast.run.parts.deep_settings import EmbeddingParams
from hepacast.run.protocol.chain import divide

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENTS, STEPS, FOLDS = 132, 200, 5
CASES, PHASES, REGIONS = 288, ("arterial", "portal", "delayed"), 6
EMBEDDING = EmbeddingParams.model_validate({"scale": {"window": [60, 400]}})


def spent(work: Callable[[], object]) -> float:
    """Return the CPU seconds of some work."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def study() -> tuple[Cohort, Crops]:
    """Make noise of the size of the MRI study: what is timed does not depend on what is seen."""
    rng = np.random.default_rng(0)
    cases = tuple(f"c{at:03d}" for at in range(PATIENTS))
    pixels = rng.random((PATIENTS, 9, 256, 256), dtype=np.float32)
    table = FeatureTable(np.zeros((PATIENTS, 0)), cases, ())
    cohort = Cohort(table, Binary(np.arange(PATIENTS) % 3 == 0))
    return cohort, Crops(pixels, cases, PHASES)


def loop_of(updates: int, **other: object) -> FitParams:
    """Return the settings of the recipe ``cemri-resection``, but for early stopping."""
    loop = {"steps": updates, "batch": 64, "look_every": 5, "patience": None} | other
    return FitParams.model_validate({"loop": loop})


def one_fold(updates: int, at: int) -> tuple[float, float]:
    """Train on one fold; return CPU seconds, and the most memory that was taken, GB."""
    cohort, crops = study()
    fold = list(divide(cohort, FOLDS, generator(1, "benchmark")))[at]
    seconds = spent(partial(fit_network, fold.train(cohort), crops, loop_of(updates)))
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def folds(updates: int) -> None:
    """Train all folds at once."""
    begun, total = time.monotonic(), 0.0
    with processes(FOLDS) as pool:
        for at, (seconds, memory) in enumerate(pool.map(partial(one_fold, updates), range(FOLDS))):
            clock, total = (time.monotonic() - begun) / 60, total + seconds
            print(
                f"fold {at + 1}: {seconds:.0f} CPU s, {memory:.1f} GB; {clock:.1f} minutes so far",
                flush=True,
            )
    print(
        f"{FOLDS} folds of {updates} updates: {clock:.1f} minutes by the clock, "
        f"{total / 60:.1f} core minutes; {total / FOLDS / updates:.2f} CPU s per update, all in"
    )


def processes(count: int) -> ProcessPoolExecutor:
    """Start processes as a study does."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def training(updates: int) -> None:
    """Time updates of 64 pictures of 9 x 256 x 256, without the inner part."""
    cohort, crops = study()
    train = Fold(frozenset(cohort.table.cases), frozenset()).train(cohort)
    low = "bfloat16" if has_bfloat16(pick_device()) else "float32"
    auto = _update(train, crops, "auto", updates)
    print(f"update of 64 pictures, {low}: {auto:.2f} CPU s", flush=True)
    minutes = auto * STEPS * FOLDS / 60
    print(f"{FOLDS} folds of {STEPS}: {minutes:.0f} core minutes, {minutes / 2:.0f} on 2 cores")
    peers: dict[str, Callable[[], float]] = {
        "in float32": lambda: _update(train, crops, "float32", updates),
        "MONAI resnet10 as it comes": lambda: _monai(crops.pixels[:64]),
    }
    for name, peer in peers.items():
        slow = peer()
        print(f"  {name}: {slow:.2f} CPU s ({slow / auto:.1f} times)", flush=True)


def _update(train: Train, crops: Crops, precision: str, updates: int) -> float:
    """Time one update, batch included: the median of epochs of three, but for the first."""
    ends: list[float] = []
    params = loop_of(3 + updates, precision=precision, inner_share=0)
    session = Session(on_event=lambda _: ends.append(time.process_time()))
    fit_network(train, crops, params, session)
    return float(np.median(np.diff(ends[1:]))) / 3


def _monai(pixels: np.ndarray) -> float:
    """Time MONAI's own ten-layer network on the same pictures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nets = import_module("monai.networks.nets")
    network = nets.resnet10(spatial_dims=2, n_input_channels=9, num_classes=1)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    x, y = torch.from_numpy(pixels), torch.zeros(len(pixels), 1)

    def once() -> None:
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    with one_thread():
        return spent(once)


def patient(at: int) -> Loaded:
    """Make one patient: three images of noise and six balls in each, of other sizes every time."""
    grid = Grid((80, 200, 200), (2.0, 0.8, 0.8))
    rng = generator(1, "patient", at)
    away, case = _away(grid), Loaded()
    for phase in PHASES:
        noise = rng.standard_normal(grid.shape, dtype=np.float32)
        case.images[phase] = Volume(80 + 20 * noise, grid)
        radii = 8 + 3 * np.arange(REGIONS) + 2 * rng.random()
        case.regions[phase] = {
            f"r{n}": Region(away < radius, grid, f"r{n}") for n, radius in enumerate(radii)
        }
    return case


@cache
def _away(grid: Grid) -> np.ndarray:
    """Return distances from the middle, mm."""
    axes = [
        step * (np.arange(n) - n // 2) for n, step in zip(grid.shape, grid.spacing, strict=True)
    ]
    k, j, i = np.meshgrid(*axes, indexing="ij", sparse=True)
    away: np.ndarray = np.sqrt(k**2 + j**2 + i**2)
    return away


def described(at: int) -> tuple[int, float]:
    """Describe one patient; return the number of features, and CPU seconds of all but making it."""
    case = patient(at)
    begun = time.process_time()
    with one_thread():
        found = embed_case(case, EMBEDDING)
    return len(found), time.process_time() - begun


def vectors() -> None:
    """Time 18 vectors of 64^3 boxes of one patient, from image and masks to names."""
    described(0)  # builds the network
    count, one = described(1)
    print(f"{count} features of one patient: {one:.2f} CPU s")
    print(
        f"{CASES} patients: {one * CASES / 60:.1f} core minutes, {one * CASES / 120:.1f} on 2 cores"
    )


def embedding(patients: int) -> None:
    """Describe all patients, two at a time; making them counts."""
    begun = time.monotonic()
    with processes(2) as pool:
        found = list(pool.map(described, range(patients)))
    minutes = (time.monotonic() - begun) / 60
    seconds = sum(one for _, one in found)
    print(
        f"{patients} patients of {found[0][0]} features: {minutes:.2f} minutes by the clock, "
        f"{seconds / 60:.1f} core minutes; {seconds / patients:.2f} CPU s per patient"
    )


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int)
    parser.add_argument("--patients", type=int, default=CASES)
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--embed", action="store_true")
    given = parser.parse_args()
    if given.folds:
        folds(given.updates or STEPS)
    elif given.embed:
        embedding(given.patients)
    else:
        vectors()
        training(given.updates or 6)


if __name__ == "__main__":
    main()
