"""Masks by the built-in network: cross-fitted, tidied, compared, and refused after a file too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import LeakError, StudyError, WeightsError
from hepacast.core.events import Event, Noticed
from hepacast.core.folds import Cohort, Fold
from hepacast.core.geometry import Grid
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.deep.frames import ScaleParams
from hepacast.deep.segment import fit_segmenter
from hepacast.deep.segment_params import SegmentParams
from hepacast.io.weights import write_weights
from hepacast.run.masks.segment import (
    CrossFitted,
    Scan,
    TidyParams,
    cross_fit,
    load_segmenter,
    prepare,
    propose,
    save_segmenter,
)

if TYPE_CHECKING:
    from pathlib import Path

# Turned by half a circle, as many scanners store it.
GRID = Grid((10, 24, 24), (4.0, 2.0, 2.0), axes=((0, 0, 1), (0, -1, 0), (-1, 0, 0)))
PARAMS = SegmentParams(
    base=4, patch=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), steps=100, learning_rate=0.01
)
SCALE = ScaleParams(window=(50.0, 300.0))
PATIENTS = tuple(f"p{n}" for n in range(6))


def scan(seed: int) -> Scan:
    rng = np.random.default_rng(seed)
    at = np.array([20.0, *rng.uniform(18, 28, 2)])
    axes = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(GRID.shape, GRID.spacing, strict=True)), indexing="ij"
    )
    mask = sum((a - c) ** 2 for a, c in zip(axes, at, strict=True)) <= 10.0**2
    image = rng.normal(20, 20, GRID.shape) + 120.0 * mask
    return Scan([Volume(image.astype(np.float32), GRID)], Region(np.asarray(mask), GRID, "tumour"))


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    table = FeatureTable(np.zeros((6, 1)), PATIENTS, (FeatureName.clinical("x"),))
    return Cohort(table, Binary(np.arange(6) % 2 == 0))


@pytest.fixture(scope="module")
def folds() -> list[Fold]:
    everybody = frozenset(PATIENTS)
    halves = frozenset(PATIENTS[:3]), frozenset(PATIENTS[3:])
    return [Fold(everybody - half, half) for half in halves]


@pytest.fixture(scope="module")
def scans() -> dict[str, Scan]:
    return {patient: scan(n) for n, patient in enumerate(PATIENTS)}


@pytest.fixture(scope="module")
def drawn(cohort: Cohort, folds: list[Fold], scans: dict[str, Scan]) -> CrossFitted:
    return cross_fit(cohort, scans, PARAMS, folds, 3, scale=SCALE)


def test_masks_of_new_patients_lie_on_their_own_grid(drawn: CrossFitted) -> None:
    assert set(drawn.masks) == set(PATIENTS)
    assert min(one.dice for one in drawn.agreement.values()) > 0.7
    for mask in drawn.masks.values():
        assert mask.grid == GRID
    assert "none drawn by a network that saw the patient" in drawn.sentence()


def test_a_mask_does_not_depend_on_the_patients_own_mask(
    cohort: Cohort, folds: list[Fold], scans: dict[str, Scan], drawn: CrossFitted
) -> None:
    mask = scans["p0"].mask
    assert mask is not None
    other = Scan(scans["p0"].phases, Region(np.roll(mask.mask, 5, axis=2), GRID, "tumour"))
    again = cross_fit(cohort, {**scans, "p0": other}, PARAMS, folds, 3, scale=SCALE)
    assert np.array_equal(again.masks["p0"].mask, drawn.masks["p0"].mask)


def test_poor_masks_are_told(cohort: Cohort, folds: list[Fold], scans: dict[str, Scan]) -> None:
    events: list[Event] = []
    untrained = PARAMS.model_copy(update={"steps": 1})
    found = cross_fit(cohort, scans, untrained, folds, 3, scale=SCALE, on_event=events.append)
    told = [event for event in events if isinstance(event, Noticed)]
    assert len(told) == len(PATIENTS)
    assert all("POOR" in event.text or "no mask" in event.text for event in told)
    assert len(found.failed) + sum(one.poor for one in found.agreement.values()) == len(PATIENTS)


def test_a_network_from_a_file_still_refuses_whom_it_saw(
    cohort: Cohort, folds: list[Fold], scans: dict[str, Scan], tmp_path: Path
) -> None:
    given = {case: prepare(one, PARAMS, SCALE) for case, one in scans.items()}
    params = PARAMS.model_copy(update={"steps": 30})
    first = fit_segmenter(folds[0].train(cohort), given, params, 1)
    save_segmenter(first, tmp_path / "net.safetensors")
    again = load_segmenter(tmp_path / "net.safetensors")
    image = given["p0"].image
    assert np.array_equal(again.probability("p0", image), first.probability("p0", image))
    with pytest.raises(LeakError, match="a segmentation network may not draw patients"):
        propose(again, "p4", scans["p4"], SCALE, tidy=TidyParams(smallest_ml=0))
    assert b"p4" not in (tmp_path / "net.safetensors").read_bytes()[:4000]


def test_weights_of_something_else_are_no_segmenter(tmp_path: Path) -> None:
    write_weights(tmp_path / "net.safetensors", {"a": np.zeros(3, np.float32)}, {})
    with pytest.raises(WeightsError, match="carries its settings and whom it saw"):
        load_segmenter(tmp_path / "net.safetensors")


def test_a_patient_in_no_fold_is_refused(
    cohort: Cohort, folds: list[Fold], scans: dict[str, Scan]
) -> None:
    with pytest.raises(StudyError, match="exactly one fold"):
        cross_fit(cohort, scans, PARAMS, folds[:1], 3)
