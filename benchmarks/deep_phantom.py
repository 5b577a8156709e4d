# SPDX-License-Identifier: Apache-2.0
"""What the networks find on tumours whose truth lies in texture and rim, or is shared with blood.

Out-of-fold AUC over 5 folds, one network per fold, compared by DeLong's test:

- ``image``: the effect is in the image alone; the multi-phase network against volume and
  first-order features, and again after the outcomes were shuffled;
- ``shared``: half of the effect is in a clinical marker; the joint network (DLRCR) against the
  network of the image alone and the regression of the markers alone, and against their stack;
- ``saliency``: the share of the Grad-CAM maps of unseen patients at high risk that lies in the
  tumour and in its rim, beside the share of the picture that these take up.

    python benchmarks/deep_phantom.py image [--seeds 1] [--patients 160] [--shuffles 3]
    python benchmarks/deep_phantom.py shared [--seeds 5] [--patients 320]
    python benchmarks/deep_phantom.py saliency [--seeds 1] [--patients 240]

``--first 3`` starts at the third seed: seeds are independent of each other.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from hepacast.core.folds import Cohort, Train, keep_columns
from hepacast.core.geometry import Grid
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.deep.attribution import explain, logit
from hepacast.deep.crops import Crops
from hepacast.deep.networks import FusionParams, ResNet2dParams
from hepacast.deep.saliency import mass_shares
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams, Session
from hepacast.models import MODELS
from hepacast.phantom.planted import PHASES, Planted, PlantedParams, plant
from hepacast.run.protocol.chain import divide
from hepacast.stats.roc import auc, compare_auc

Scorer = Callable[[Train, FeatureTable], FeatureTable]
LOOP = {
    "epochs": 30,
    "batch": 16,
    "optimiser": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 1e-2,
    "patience": 10,
    "augment": {"rotate_degrees": 180, "scale": 0.1, "shift": 0.03},
}
IMAGE = FitParams.model_validate({"network": ResNet2dParams(in_channels=3), "loop": LOOP})
JOINT = FitParams.model_validate(
    {
        "network": FusionParams(in_channels=3, image=ResNet2dParams(in_channels=3)),
        "loop": LOOP,
    }
)
FIRST_ORDER = ("mean", "sd", "skewness", "kurtosis", "p10", "p90")


def columns(planted: Planted) -> FeatureTable:
    """Describe the tumours by volume, first-order features and the clinical markers."""
    rows = []
    for pixels, tumour in zip(planted.pixels, planted.tumour, strict=True):
        row = [float(tumour.sum())]
        for phase in pixels:
            inside = phase[tumour].astype(float)
            shape = stats.skew(inside), stats.kurtosis(inside), *np.percentile(inside, (10, 90))
            row += [inside.mean(), inside.std(), *shape]
        rows.append(row)
    names = [FeatureName("-", "tumour", "original", "shape", "Volume")]
    names += [
        FeatureName(p, "tumour", "original", "firstorder", f) for p in PHASES for f in FIRST_ORDER
    ]
    names += [FeatureName.clinical("marker"), FeatureName.clinical("bystander")]
    return FeatureTable(np.hstack([rows, planted.clinical]), planted.cases, tuple(names))


def family(*wanted: str) -> Callable[[FeatureName], bool]:
    """Choose columns by their family."""
    return lambda name: name.family in wanted


def regression_of(*families: str, model: str = "regression") -> Scorer:
    """Score by a regression of some columns."""

    def score(train: Train, test: FeatureTable) -> FeatureTable:
        own = keep_columns(train, train.table.select(family(*families)).columns)
        params = MODELS.parse(model)
        return MODELS[params](own, params, generator(7, model)).apply(test)

    return score


def network_of(params: FitParams, crops: Crops, seed: int, *families: str) -> Scorer:
    """Score by a network, with some columns if it reads any."""

    def score(train: Train, test: FeatureTable) -> FeatureTable:
        own = keep_columns(train, train.table.select(family(*families)).columns)
        return fit_network(own, crops, params, Session(seed=seed)).apply(test)

    return score


def out_of_fold(cohort: Cohort, score: Scorer, seed: int) -> np.ndarray:
    """Score every patient by a fit that never saw them; each fold is centred on its median."""
    found: dict[str, float] = {}
    for fold in divide(cohort, 5, generator(seed, "benchmark")):
        out = score(fold.train(cohort), fold.test(cohort))
        values = out.values[:, 0]
        found |= dict(zip(out.cases, values.tolist(), strict=True))
    return np.array([found[case] for case in cohort.table.cases])


def stacked(cohort: Cohort, parts: list[np.ndarray], seed: int) -> np.ndarray:
    """Weigh out-of-fold scores by a regression, itself out of fold."""
    names = tuple(FeatureName.score(f"s{at}") for at in range(len(parts)))
    table = FeatureTable(np.stack(parts, axis=1), cohort.table.cases, names)
    return out_of_fold(cohort.with_table(table), regression_of("score", model="stack"), seed)


def draw(params: PlantedParams) -> tuple[Cohort, Crops]:
    """Draw a cohort and its crops."""
    planted = plant(params)
    return Cohort(columns(planted), Binary(planted.event)), Crops(
        planted.pixels, planted.cases, PHASES
    )


def show(name: str, score: np.ndarray, event: np.ndarray) -> str:
    """Print one AUC with its interval."""
    found = auc(score, event)
    return f"{name} {found.estimate:.3f} ({found.low:.3f}-{found.high:.3f})"


def image(seeds: range, patients: int, shuffles: int) -> None:
    """Report the effect that only the image has."""
    for seed in seeds:
        cohort, crops = draw(PlantedParams(patients=patients, seed=seed))
        event, begun = cohort.outcome.event, time.process_time()
        net = out_of_fold(cohort, network_of(IMAGE, crops, seed), seed)
        spent = time.process_time() - begun
        size = out_of_fold(cohort, regression_of("shape"), seed)
        first = out_of_fold(cohort, regression_of("shape", "firstorder"), seed)
        print(f"seed {seed}:", show("network", net, event), show("volume", size, event),
              show("first-order", first, event),
              f"P network-volume {compare_auc(net, size, event).p:.2g}",
              f"P network-first-order {compare_auc(net, first, event).p:.2g}",
              f"{spent:.0f} CPU s", flush=True)  # fmt: skip
        for at in range(shuffles):
            order = generator(seed, "shuffle", at).permutation(len(cohort))
            null = cohort.with_outcome(cohort.outcome.take(order))
            score = out_of_fold(null, network_of(IMAGE, crops, seed), seed)
            print(f"  shuffled {at + 1}:", show("network", score, null.outcome.event), flush=True)


def shared(seeds: range, patients: int) -> None:
    """Report the effect that image and blood share."""
    print("| seed | image | clinical | joint (DLRCR) | stack | P joint-image | P joint-clinical |")
    print("|---|---|---|---|---|---|---|")
    for seed in seeds:
        params = PlantedParams(patients=patients, seed=seed, image_effect=1.8, clinical_effect=1.8)
        cohort, crops = draw(params)
        event = cohort.outcome.event
        net = out_of_fold(cohort, network_of(IMAGE, crops, seed), seed)
        blood = out_of_fold(cohort, regression_of("clinical"), seed)
        joint = out_of_fold(cohort, network_of(JOINT, crops, seed, "clinical"), seed)
        late = stacked(cohort, [net, blood], seed)
        cells = [f"{auc(s, event).estimate:.3f}" for s in (net, blood, joint, late)]
        tests = [f"{compare_auc(joint, s, event).p:.2g}" for s in (net, blood)]
        print("|", " | ".join([str(seed), *cells, *tests]), "|", flush=True)


def saliency(seeds: range, patients: int) -> None:
    """Report where the maps of one fold's network lie; the liver is smooth."""
    for seed in seeds:
        params = PlantedParams(patients=patients, seed=seed, side=64, liver_grain=8.0)
        planted = plant(params)
        cohort, crops = draw(params)
        bare = cohort.with_table(cohort.table.select([]))
        fold = next(iter(divide(bare, 5, generator(seed, "benchmark"))))
        fitted = fit_network(fold.train(bare), crops, IMAGE, Session(seed=seed))
        test = fold.test(bare)
        risk = fitted.apply(test).values[:, 0]
        found = []
        for case in np.array(test.cases)[risk > 0]:
            row = planted.cases.index(str(case))
            x = torch.from_numpy(planted.pixels[row : row + 1])
            values = explain(fitted.network, x, logit()).values
            grid = Grid((1, *values.shape), (1.0, 1.0, 1.0))
            places = planted.tumour[row], planted.ring[row], np.ones_like(planted.ring[row])
            regions = [Region(place[None], grid) for place in places]
            shares = mass_shares(Volume(values[None].astype(np.float32), grid), *regions)
            size = planted.tumour[row].mean(), planted.ring[row].mean()
            found.append((shares.tumour, shares.ring, *size))
        tumour, ring, *size = np.mean(found, axis=0)
        event = planted.event[[planted.cases.index(case) for case in test.cases]]
        print(f"seed {seed}: {len(found)} maps, mass in tumour {tumour:.2f} and rim {ring:.2f}, "
              f"which take up {size[0]:.2f} and {size[1]:.2f} of the picture;",
              show("AUC", risk, event), flush=True)  # fmt: skip


def main() -> None:
    """Run one of the experiments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=["image", "shared", "saliency"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--patients", type=int, default=160)
    parser.add_argument("--shuffles", type=int, default=3)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    if given.experiment == "image":
        image(seeds, given.patients, given.shuffles)
    elif given.experiment == "saliency":
        saliency(seeds, given.patients)
    else:
        shared(seeds, given.patients)


if __name__ == "__main__":
    main()
