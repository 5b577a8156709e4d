"""The built-in segmentation network: it learns, repeats itself, and knows whom it saw."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.core.errors import GeometryError, LeakError, NotEstimableError
from hepacast.core.events import Advanced, Event
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep.segment import fit_segmenter
from hepacast.deep.segment_lineage import Lineage
from hepacast.deep.segment_params import Drawn, SegmentParams

SMALL = SegmentParams(base=4, patch=(16, 16, 16), steps=120, batch=2, learning_rate=0.01)


def drawn(seed: int, shape: tuple[int, int, int] = (20, 24, 24)) -> Drawn:
    """Noise with one bright ball."""
    rng = np.random.default_rng(seed)
    at = rng.integers(7, 13, 3)
    axes = np.meshgrid(*map(np.arange, shape), indexing="ij")
    mask = sum((a - c) ** 2 for a, c in zip(axes, at, strict=True)) <= 25
    image = rng.normal(0, 0.3, shape) + 1.5 * mask
    return Drawn(image[None].astype(np.float32), np.asarray(mask))


@pytest.fixture(scope="module")
def cases() -> dict[str, Drawn]:
    return {f"p{n}": drawn(n) for n in range(6)}


def train_of(*patients: str) -> Train:
    everybody = tuple(f"p{n}" for n in range(6))
    table = FeatureTable(np.zeros((6, 1)), everybody, (FeatureName.clinical("x"),))
    cohort = Cohort(table, Binary(np.arange(6) % 2 == 0))
    rest = frozenset(everybody) - frozenset(patients)
    return Fold(frozenset(patients), rest).train(cohort)


def test_a_new_patients_ball_is_found(cases: dict[str, Drawn]) -> None:
    events: list[Event] = []
    found = fit_segmenter(train_of("p0", "p1", "p2", "p3"), cases, SMALL, 1, on_event=events.append)
    mask = found.probability("p5", cases["p5"].image) > 0.5
    truth = cases["p5"].mask
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8
    assert found.losses[-1] < 0.5 * found.losses[0]
    assert sum(isinstance(event, Advanced) for event in events) == 10


def test_a_patient_seen_in_training_is_refused(cases: dict[str, Drawn]) -> None:
    found = fit_segmenter(train_of("p0", "p1"), cases, SMALL.model_copy(update={"steps": 1}), 1)
    with pytest.raises(LeakError, match=r"Cross-fit the network, or exclude"):
        found.probability("p1", cases["p1"].image)
    assert found.probability("p2", cases["p2"].image).shape == cases["p2"].mask.shape
    assert found.apparent(cases["p1"].image).shape == cases["p1"].mask.shape


def test_cases_outside_the_training_fold_change_nothing(cases: dict[str, Drawn]) -> None:
    params = SMALL.model_copy(update={"steps": 3})
    whole = fit_segmenter(train_of("p0", "p1"), cases, params, 1)
    spoilt = {**cases, "p4": Drawn(np.full((1, 20, 24, 24), 9e9, np.float32), cases["p4"].mask)}
    again = fit_segmenter(train_of("p1", "p0"), spoilt, params, 1)
    for one, other in zip(whole.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_network_is_drawn_from_its_seed_and_leaves_the_global_one(
    cases: dict[str, Drawn],
) -> None:
    params = SMALL.model_copy(update={"steps": 1})
    before = torch.random.get_rng_state()
    first = fit_segmenter(train_of("p0", "p1"), cases, params, 1)
    second = fit_segmenter(train_of("p0", "p1"), cases, params, 2)
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.losses != second.losses


def test_no_mask_to_learn_from_is_refused() -> None:
    empty = Drawn(np.zeros((1, 16, 16, 16), np.float32), np.zeros((16, 16, 16), bool))
    with pytest.raises(NotEstimableError, match="no voxel drawn"):
        fit_segmenter(train_of("p0"), {"p0": empty}, SMALL, 1)


def test_another_number_of_phases_is_refused(cases: dict[str, Drawn]) -> None:
    two = SMALL.model_copy(update={"in_channels": 2})
    with pytest.raises(GeometryError, match=r"\[case p0\] an image has 2 channels"):
        fit_segmenter(train_of("p0"), cases, two, 1)


def test_an_exploding_loss_is_told(cases: dict[str, Drawn]) -> None:
    spoilt = Drawn(np.full((1, 20, 24, 24), np.nan, np.float32), cases["p0"].mask)
    with pytest.raises(NotEstimableError, match="at step 0"):
        fit_segmenter(train_of("p0"), {"p0": spoilt}, SMALL, 1)


def test_lineage_survives_a_file_and_names_nobody() -> None:
    lineage = Lineage.of(["HCC-007", "HCC-008"])
    assert Lineage.parse(lineage.text()) == lineage
    assert "HCC" not in lineage.text()
    assert lineage.seen(["HCC-009", "HCC-008"]) == ("HCC-008",)
