# SPDX-License-Identifier: Apache-2.0
"""Time training at the size of the MRI study, and vectors at the size of the ablation study.

CPU seconds of one thread, whole work included: augmentation, batches, the inner part, resampling.
Peers in the same run: the same network in float32, and MONAI's ``resnet10`` as it comes.
``--whole`` trains the five folds, as two processes of one thread, for as many updates as asked.

    python benchmarks/deep_speed.py [--updates 3]
    python benchmarks/deep_speed.py --whole [--updates 200]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
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
from hepacast.deep.training import FitParams
from hepacast.run.chain import divide
from hepacast.run.deep_settings import EmbeddingParams
from hepacast.run.embed import embed_case
from hepacast.run.load import Loaded

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENTS, STEPS, FOLDS = 132, 200, 5
CASES, PHASES, REGIONS = 288, ("arterial", "portal", "delayed"), 6


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


def one_fold(updates: int, at: int) -> float:
    """Train on one fold, the inner part looked at after every epoch of two updates."""
    cohort, crops = study()
    fold = list(divide(cohort, FOLDS, generator(1, "benchmark")))[at]
    loop = {"steps": updates, "epochs": updates, "patience": None}
    params = FitParams.model_validate({"loop": loop})
    return spent(partial(fit_network, fold.train(cohort), crops, params))


def whole(updates: int) -> None:
    """Train all folds, two at a time."""
    begun, total = time.monotonic(), 0.0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        for at, seconds in enumerate(pool.map(partial(one_fold, updates), range(FOLDS))):
            clock, total = (time.monotonic() - begun) / 60, total + seconds
            print(f"fold {at + 1}: {seconds:.0f} CPU s; {clock:.1f} minutes so far", flush=True)
    minutes = total / 120 * STEPS / updates
    print(f"{updates} updates each, inner part included; {STEPS}: {minutes:.1f} minutes on 2 cores")


def training(updates: int) -> None:
    """Time updates of 64 pictures of 9 x 256 x 256, without the inner part."""
    cohort, crops = study()
    pixels = crops.pixels
    train = Fold(frozenset(cohort.table.cases), frozenset()).train(cohort)
    low = "bfloat16" if has_bfloat16(pick_device()) else "float32"
    auto = _update(train, crops, "auto", updates)
    print(f"update of 64 pictures, {low}: {auto:.2f} CPU s", flush=True)
    minutes = auto * STEPS * FOLDS / 60
    print(f"{FOLDS} folds of {STEPS}: {minutes:.0f} core minutes, {minutes / 2:.0f} on 2 cores")
    peers: dict[str, Callable[[], float]] = {
        "in float32": lambda: _update(train, crops, "float32", updates),
        "MONAI resnet10 as it comes": lambda: _monai(pixels[:64]),
    }
    for name, peer in peers.items():
        slow = peer()
        print(f"  {name}: {slow:.2f} CPU s ({slow / auto:.1f} times)", flush=True)


def _update(train: Train, crops: Crops, precision: str, updates: int) -> float:
    """Time one update: the difference of two trainings leaves the set-up out."""
    found = []
    for steps in (1, 1 + updates):
        loop = {"steps": steps, "epochs": steps, "precision": precision, "inner_share": 0}
        params = FitParams.model_validate({"loop": loop})
        found.append(spent(partial(fit_network, train, crops, params)))
    return (found[1] - found[0]) / updates


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


def vectors() -> None:
    """Time 18 vectors of 64^3 boxes of one patient, from image and masks to names."""
    grid = Grid((80, 200, 200), (2.0, 0.8, 0.8))
    rng = np.random.default_rng(0)
    k, j, i = np.ogrid[:80, :200, :200]
    away = np.sqrt((2.0 * (k - 40)) ** 2 + (0.8 * (j - 100)) ** 2 + (0.8 * (i - 100)) ** 2)
    case = Loaded()
    for phase in PHASES:
        case.images[phase] = Volume(rng.normal(80, 20, grid.shape).astype(np.float32), grid)
        case.regions[phase] = {
            f"r{at}": Region(away < 8 + 3 * at, grid, f"r{at}") for at in range(REGIONS)
        }
    settings = EmbeddingParams.model_validate({"scale": {"window": [60, 400]}})
    embed_case(case, settings)  # builds the network
    one = spent(lambda: embed_case(case, settings))
    print(f"{512 * len(PHASES) * REGIONS} features of one patient: {one:.2f} CPU s")
    print(
        f"{CASES} patients: {one * CASES / 60:.1f} core minutes, {one * CASES / 120:.1f} on 2 cores"
    )


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int)
    parser.add_argument("--whole", action="store_true")
    given = parser.parse_args()
    if given.whole:
        whole(given.updates or STEPS)
    else:
        vectors()
        training(given.updates or 3)


if __name__ == "__main__":
    main()
