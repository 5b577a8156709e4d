"""Networks on pure noise: out of fold they stay at chance, though they fit what they learned."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureTable
from hepacast.deep.crops import Crops
from hepacast.deep.networks import ResNet2dParams
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams
from hepacast.stats.dealing import deal_folds
from hepacast.stats.roc import auc

PARAMS = FitParams.model_validate(
    {
        "network": ResNet2dParams(in_channels=1, phases=1),
        "loop": {"epochs": 8, "batch": 16, "optimiser": "adam", "learning_rate": 3e-3,
                 "augment": None, "inner_share": 0},
    }
)  # fmt: skip


def noise(patients: int, slices: int) -> tuple[Cohort, Crops]:
    """Two slices of a patient share their noise, as they do in life."""
    rng = np.random.default_rng(3)
    own = np.repeat(rng.normal(size=(patients, 1, 16, 16)), slices, axis=0)
    pixels = (own + 0.3 * rng.normal(size=own.shape)).astype(np.float32)
    cases = tuple(f"c{at:03d}" for at in range(patients))
    table = FeatureTable(np.zeros((patients, 0)), cases, ())
    cohort = Cohort(table, Binary(rng.random(patients) < 0.5))
    return cohort, Crops(pixels, tuple(np.repeat(cases, slices).tolist()))


@pytest.mark.slow
def test_on_noise_a_network_fits_its_own_patients_and_nobody_else() -> None:
    cohort, crops = noise(120, 2)
    event, cases = cohort.outcome.event, cohort.table.cases
    fold_of = deal_folds(cases, cohort.outcome.strata, 4, np.random.default_rng(0))
    scores = np.zeros(len(cases))
    own = []
    for label in range(4):
        score = frozenset(c for c, f in zip(cases, fold_of, strict=True) if f == label)
        fold = Fold(frozenset(cases) - score, score)
        train = fold.train(cohort)
        fitted = fit_network(train, crops, PARAMS)
        scores[fold_of == label] = fitted.apply(fold.test(cohort)).values[:, 0]
        own.append(auc(fitted.apparent(train).table.values[:, 0], train.outcome.event).estimate)
    assert np.mean(own) > 0.9
    # The standard error of one AUC is 0.053.
    assert abs(auc(scores, event).estimate - 0.5) < 0.16


def test_slices_of_one_patient_cannot_be_divided() -> None:
    cohort, crops = noise(12, 2)
    patients = tuple(f"p{at // 2}" for at in range(12))
    table = FeatureTable(np.zeros((12, 0)), cohort.table.cases, (), patients)
    event = np.arange(12) // 2 % 2 == 0
    fold = Fold(frozenset(patients[4:]), frozenset(patients[:4]))
    fitted = fit_network(fold.train(Cohort(table, Binary(event))), crops, PARAMS.model_copy(
        update={"loop": PARAMS.loop.model_copy(update={"epochs": 1, "inner_share": 0.5})}
    ))  # fmt: skip
    assert fitted.held_out is not None
    aside = set(fitted.held_out.table.patients)
    # Two lesions of a patient are on one side of the inner division.
    assert len(fitted.held_out) == 2 * len(aside)
