"""Deep semantic features: a network learns masks, and describes whom it never saw."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.core.errors import GeometryError, LeakError
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep.crops import Crops
from hepacast.deep.losses import mask_loss
from hepacast.deep.semantic import SemanticFeatures, SemanticParams, learn_semantic
from hepacast.deep.training import Session

PREFIX = FeatureName("AP", "tumour", "unet-2d", "deep", "-")
PARAMS = SemanticParams.model_validate(
    {
        "network": {"base": 4, "levels": 3},
        "loop": {"epochs": 12, "batch": 8, "optimiser": "adam", "learning_rate": 0.01},
    }
)


def discs(n: int = 18) -> tuple[Cohort, Crops, np.ndarray]:
    rng = np.random.default_rng(0)
    j, i = np.mgrid[:32, :32]
    masks = np.stack(
        [(j - rng.uniform(10, 22)) ** 2 + (i - rng.uniform(10, 22)) ** 2 < rng.uniform(16, 64)
         for _ in range(2 * n)]
    )  # fmt: skip
    pixels = (masks + rng.normal(0, 0.3, masks.shape)).astype(np.float32)[:, None]
    cases = tuple(f"c{at:02d}" for at in range(n))
    crops = Crops(pixels, tuple(np.repeat(cases, 2).tolist()), ("AP",))
    cohort = Cohort(FeatureTable(np.zeros((n, 0)), cases, ()), Binary(np.arange(n) % 2 == 0))
    return cohort, crops, masks


def learned(
    cohort: Cohort, crops: Crops, masks: np.ndarray, session: Session | None = None
) -> SemanticFeatures:
    patients = cohort.table.patients
    train = Fold(frozenset(patients[6:]), frozenset()).train(cohort)
    return learn_semantic(train, crops, masks, PARAMS, PREFIX, session)


def test_a_network_outlines_and_describes_only_whom_it_never_saw() -> None:
    cohort, crops, masks = discs()
    found = learned(cohort, crops, masks)
    test = cohort.table.rows(cohort.table.cases[:6])
    assert found.dice(test, masks).mean() > 0.8
    vectors = found.apply(test)
    assert vectors.values.shape == (6, 4 + 8 + 16)
    assert str(vectors.columns[0]) == "AP/tumour/unet-2d/deep/f000"
    for refused in (lambda: found.apply(cohort.table), lambda: found.dice(cohort.table, masks)):
        with pytest.raises(LeakError, match="seen in training"):
            refused()


def test_outcomes_and_masks_of_others_move_no_bit() -> None:
    cohort, crops, masks = discs()
    session = Session(workers=2)
    one = learned(cohort, crops, masks)
    other = masks.copy()
    other[:12] = ~other[:12]
    turned = cohort.with_outcome(Binary(~cohort.outcome.event[::-1]))
    again = learned(turned, crops, other, session)
    for name, weight in one.network.state_dict().items():
        assert torch.equal(weight, again.network.state_dict()[name])


def test_masks_of_another_size_are_refused() -> None:
    cohort, crops, masks = discs()
    with pytest.raises(GeometryError, match="mask of its own size"):
        learned(cohort, crops, masks[:, :16])


def test_the_loss_falls_as_the_outline_fits() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1
    right, wrong = 8 * (mask - 0.5), -8 * (mask - 0.5)
    assert float(mask_loss(right, mask)) < 0.1
    assert float(mask_loss(wrong, mask)) > 2
