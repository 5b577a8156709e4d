# SPDX-License-Identifier: Apache-2.0
"""Where maps of a network lie on tumours whose truth is texture and rim, and what they survive.

The network learns on four fifths of the patients; maps are of the others.  For each method
and layer: median share of the mass in tumour and rim (where the truth is: 3 pixels of 96) and in
tumour and ring (10 pixels of 96, the convention in mm), beside those of an even map, of the
patients whom the network scores above one half; the same after the labels were shuffled;
likeness with random weights, deletion and insertion of five of them.

    python benchmarks/deep_saliency.py [patients] [seed] [side]
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.deep.attribution import SaliencyMap, explain, logit
from hepacast.deep.attribution_params import GradCamParams, ScoreCamParams
from hepacast.deep.crops import Crops
from hepacast.deep.device import one_thread
from hepacast.deep.networks import ResNet2dParams
from hepacast.deep.saliency import likeness
from hepacast.deep.saliency_checks import delete_and_insert, randomise_weights
from hepacast.deep.train import FittedNetwork, fit_network
from hepacast.deep.training import FitParams, Session
from hepacast.phantom.planted import PHASES, Planted, PlantedParams, plant
from hepacast.run.protocol.chain import divide
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from hepacast.core.params import Params

IMAGE = FitParams.model_validate(
    {
        "network": ResNet2dParams(in_channels=3),
        "loop": {
            "epochs": 30, "batch": 16, "optimiser": "adam", "learning_rate": 1e-3,
            "weight_decay": 1e-2, "patience": 10,
            "augment": {"rotate_degrees": 180, "scale": 0.1, "shift": 0.03},
        },
    }
)  # fmt: skip
METHODS: tuple[tuple[str, Params], ...] = (
    ("Grad-CAM, last block", GradCamParams()),
    ("Grad-CAM, first block", GradCamParams(layer="encoder.layer1")),
    ("Score-CAM, last block", ScoreCamParams(channels=32)),
    ("Score-CAM, first block", ScoreCamParams(layer="encoder.layer1", channels=32)),
)


def share(found: SaliencyMap, near: np.ndarray) -> float:
    """Return the share of the mass of a map in a mask; NaN for a blank map."""
    return float(found.values[near].sum() / found.values.sum()) if not found.blank else float("nan")


def main(patients: int, seed: int, side: int) -> None:
    """Train on one fold, once with the outcome and once with a shuffled one, and explain."""
    planted = plant(PlantedParams(patients=patients, seed=seed, side=side, rim=round(side / 32)))
    crops = Crops(planted.pixels, planted.cases, PHASES)
    table = FeatureTable(np.empty((patients, 0)), planted.cases, ())
    cohort = Cohort(table, Binary(planted.event))
    order = generator(seed, "shuffle").permutation(patients)
    fold = next(iter(divide(cohort, 5, generator(seed, "benchmark"))))
    nets = []
    for one in (cohort, cohort.with_outcome(cohort.outcome.take(order))):
        begun = time.process_time()
        fitted = fit_network(fold.train(one), crops, IMAGE, Session(seed=seed))
        nets.append(fitted)
        print(f"trained in {time.process_time() - begun:.0f} CPU s", flush=True)
    test = [planted.cases.index(case) for case in fold.test(cohort).cases]
    with one_thread():
        report(planted, test, nets)


def report(planted: Planted, test: list[int], nets: list[FittedNetwork]) -> None:
    """Print one line per method and layer."""
    learned, shuffled = (one.network.eval() for one in nets)
    pixels = torch.from_numpy(planted.pixels)
    with torch.no_grad():
        score = torch.sigmoid(learned(pixels[test])[:, 0]).numpy()
    print(f"AUC of the {len(test)} new patients {auc(score, planted.event[test]).estimate:.3f}")
    sure = [at for at, p in zip(test, score, strict=True) if p > 0.5]
    rim, side = planted.tumour | planted.ring, planted.tumour.shape[-1]
    ring = np.stack([distance_transform_edt(~one) <= side * 10 / 96 for one in planted.tumour])
    even = [np.median([near[at].mean() for at in sure]) for near in (rim, ring)]
    print(f"{len(sure)} scored above 0.5; an even map has {even[0]:.2f} and {even[1]:.2f}")
    for name, params in METHODS:
        maps = [explain(learned, pixels[at : at + 1], logit(), params) for at in sure]
        null = [explain(shuffled, pixels[at : at + 1], logit(), params) for at in sure]
        mass = [
            np.nanmedian([share(one, near[at]) for one, at in zip(found, sure, strict=True)])
            for found in (maps, null)
            for near in (rim, ring)
        ]
        alike = [likeness(a.values, b.values).ssim for a, b in zip(maps, null, strict=True)]
        some = list(zip(maps, sure, strict=True))[:5]
        random = [
            randomise_weights(learned, pixels[at : at + 1], logit(), params).likeness[-1].ssim
            for _, at in some
        ]
        tests = [
            delete_and_insert(learned, pixels[at : at + 1], logit(), one, steps=15, random_maps=9)
            for one, at in some
        ]
        print(
            f"{name} ({'x'.join(map(str, maps[0].cells.shape))} cells): rim "
            f"{mass[0]:.2f}, ring {mass[1]:.2f}, labels shuffled {mass[2]:.2f}, {mass[3]:.2f}, "
            f"blank {sum(one.blank for one in maps)}; SSIM with the map of shuffled labels "
            f"{np.median(alike):.2f}, of random weights {np.median(random):.2f}; deletion "
            f"{np.mean([t.deletion for t in tests]):.2f} (random "
            f"{np.mean([t.random_deletion.mean() for t in tests]):.2f}, centred "
            f"{np.mean([t.centre_deletion for t in tests]):.2f}), insertion "
            f"{np.mean([t.insertion for t in tests]):.2f} (random "
            f"{np.mean([t.random_insertion.mean() for t in tests]):.2f}, centred "
            f"{np.mean([t.centre_insertion for t in tests]):.2f})",
            flush=True,
        )


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    main(*(given + [240, 1, 96][len(given) :])[:3])
