"""What a network finds on planted tumours that volume cannot see, and does not find by chance."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.deep.crops import Crops
from hepacast.deep.networks import ResNet2dParams
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams, Session
from hepacast.phantom.planted import PHASES, PlantedParams, plant
from hepacast.run.protocol.chain import divide
from hepacast.stats.roc import auc, compare_auc

pytestmark = pytest.mark.slow

PLANTED = plant(PlantedParams(patients=160, seed=1))
CROPS = Crops(PLANTED.pixels, PLANTED.cases, PHASES)
LOOP = {
    "epochs": 30, "batch": 16, "optimiser": "adam", "learning_rate": 1e-3, "weight_decay": 1e-2,
    "patience": 10, "augment": {"rotate_degrees": 180, "scale": 0.1, "shift": 0.03},
}  # fmt: skip
PARAMS = FitParams.model_validate({"network": ResNet2dParams(in_channels=3), "loop": LOOP})


def out_of_fold(event: np.ndarray) -> np.ndarray:
    """Score every patient by a network that never saw them."""
    cohort = Cohort(FeatureTable(np.zeros((160, 0)), PLANTED.cases, ()), Binary(event))
    found: dict[str, float] = {}
    for fold in divide(cohort, 3, generator(1, "test")):
        fitted = fit_network(fold.train(cohort), CROPS, PARAMS, Session(seed=1))
        out = fitted.apply(fold.test(cohort))
        found |= dict(zip(out.cases, out.values[:, 0].tolist(), strict=True))
    return np.array([found[case] for case in PLANTED.cases])


def test_texture_and_rim_are_found_where_volume_is_blind() -> None:
    score = out_of_fold(PLANTED.event)
    volume = PLANTED.tumour.sum(axis=(1, 2)).astype(float)
    # Either direction of volume: a fit could turn it round.
    best = volume if auc(volume, PLANTED.event).estimate > 0.5 else -volume
    assert auc(score, PLANTED.event).low > 0.6
    assert compare_auc(score, best, PLANTED.event).p < 0.01


def test_shuffled_outcomes_leave_a_network_at_chance() -> None:
    event = PLANTED.event[generator(1, "shuffle").permutation(160)]
    found = auc(out_of_fold(event), event)
    assert found.low < 0.5 < found.high
