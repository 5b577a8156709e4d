# SPDX-License-Identifier: Apache-2.0
"""One synthetic patient: what the images show, and what they must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.ndimage import binary_dilation, center_of_mass, label
from scipy.stats import spearmanr

from hepacast.core.errors import StudyError
from hepacast.phantom.params import PhantomParams
from hepacast.phantom.patient import simulate_patient

if TYPE_CHECKING:
    from jaxtyping import Float32

    from hepacast.phantom.patient import Patient
    from hepacast.phantom.ultrasound import Clip

    Values = Float32[np.ndarray, " voxel"]

COARSE = PhantomParams(
    spacing_mm=(5, 4, 4), second_reader_share=1, phases=("native", "arterial", "portal", "delayed")
)


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return [simulate_patient(COARSE, index) for index in range(1, 31)]


def inside(patient: Patient, phase: str, name: str = "tumour") -> Values:
    values = patient.phases[phase].data
    mask = patient.masks[phase, 1, name].mask
    if name == "liver":
        mask = mask & ~binary_dilation(patient.masks[phase, 1, "tumour"].mask, iterations=2)
    chosen: Values = values[mask]
    return chosen


def z_of(patients: list[Patient]) -> list[float]:
    return [patient.truth["aggressiveness"] for patient in patients]


def test_a_patient_is_the_same_in_a_cohort_of_10_and_of_60() -> None:
    small, large = (
        simulate_patient(COARSE.model_copy(update={"patients": n}), 7) for n in (10, 60)
    )
    assert small.case == large.case == "P007"
    assert small.clinical == large.clinical
    assert small.truth == large.truth
    for phase in small.phases:
        assert np.array_equal(small.phases[phase].data, large.phases[phase].data)
    for key in small.masks:
        assert np.array_equal(small.masks[key].mask, large.masks[key].mask)


def test_another_seed_is_another_patient() -> None:
    other = simulate_patient(COARSE.model_copy(update={"seed": 2}), 7)
    assert other.clinical != simulate_patient(COARSE, 7).clinical


def test_the_effect_changes_fates_and_no_voxel() -> None:
    null = simulate_patient(COARSE.model_copy(update={"effect": 0.0}), 4)
    strong = simulate_patient(COARSE.model_copy(update={"effect": 3.0}), 4)
    assert np.array_equal(null.phases["portal"].data, strong.phases["portal"].data)
    assert null.clinical["afp"] == strong.clinical["afp"]
    assert null.truth["recurrence_per_month"] != strong.truth["recurrence_per_month"]


def test_dropping_a_phase_changes_no_other() -> None:
    lone = simulate_patient(COARSE.model_copy(update={"phases": ("portal",)}), 3)
    full = simulate_patient(COARSE, 3)
    assert np.array_equal(lone.phases["portal"].data, full.phases["portal"].data)


def test_all_that_a_patient_is_lies_on_one_grid(patients: list[Patient]) -> None:
    for patient in patients:
        grids = [v.grid for v in patient.phases.values()] + [r.grid for r in patient.masks.values()]
        assert all(grid == grids[0] for grid in grids)
        assert all(volume.data.dtype == np.float32 for volume in patient.phases.values())


def test_ct_numbers_are_whole_and_those_of_tissue(patients: list[Patient]) -> None:
    for patient in patients:
        portal = patient.phases["portal"].data
        assert np.array_equal(portal, np.rint(portal))
        assert portal.min() >= -1024
        assert 95 < np.median(inside(patient, "portal", "liver")) < 130
        assert 45 < np.median(inside(patient, "native", "liver")) < 70


def test_the_tumour_enhances_early_and_washes_out(patients: list[Patient]) -> None:
    for phase, sign in (("arterial", 1), ("portal", -1), ("delayed", -1)):
        gaps = [
            np.median(inside(p, phase)) - np.median(inside(p, phase, "liver")) for p in patients
        ]
        assert np.mean(np.sign(gaps) == sign) > 0.75, phase


def test_aggressive_tumours_are_heterogeneous_and_wash_out_more(patients: list[Patient]) -> None:
    spread_of = [np.subtract(*np.percentile(inside(p, "arterial"), [75, 25])) for p in patients]
    assert spearmanr(spread_of, z_of(patients)).statistic > 0.85
    washout = [
        np.median(inside(p, "portal", "liver")) - inside(p, "portal").mean() for p in patients
    ]
    assert spearmanr(washout, z_of(patients)).statistic > 0.75


def test_the_liver_away_from_the_tumour_does_not_tell(patients: list[Patient]) -> None:
    brightness = [inside(p, "portal", "liver").mean() for p in patients]
    # Two-sided 1 % limit of Spearman's rho at n = 30.
    assert abs(spearmanr(brightness, z_of(patients)).statistic) < 0.47


def test_the_aorta_is_brightest_in_the_arterial_phase(patients: list[Patient]) -> None:
    for patient in patients[:5]:
        tops = {phase: np.percentile(v.data, 99.5) for phase, v in patient.phases.items()}
        assert tops["arterial"] >= max(tops.values())


def test_the_mask_has_the_volume_of_the_diameter(patients: list[Patient]) -> None:
    for patient in patients:
        diameter = patient.clinical["diameter_mm"]
        assert isinstance(diameter, float)
        ball = np.pi / 6 * diameter**3 / 1000
        assert patient.masks["portal", 1, "tumour"].volume_ml == pytest.approx(ball, rel=0.35)


def test_masks_are_one_piece_and_the_liver_holds_the_tumour(patients: list[Patient]) -> None:
    for patient in patients:
        for (phase, _, name), region in patient.masks.items():
            assert region.name == name
            if name == "tumour":
                assert label(region.mask, np.ones((3, 3, 3)))[1] == 1
                liver = patient.masks[phase, 1, "liver"].mask
                assert np.mean(liver[region.mask]) > 0.75


def test_two_readers_agree_as_readers_do(patients: list[Patient]) -> None:
    dice = []
    for patient in patients:
        a, b = (patient.masks["portal", reader, "tumour"].mask for reader in (1, 2))
        dice.append(2 * np.sum(a & b) / (a.sum() + b.sum()))
    assert 0.80 < np.mean(dice) < 0.95
    assert min(dice) > 0.6
    assert max(dice) < 1


def test_breathing_moves_the_tumour_by_what_the_truth_says(patients: list[Patient]) -> None:
    for patient in patients[:10]:
        k_mm = patient.phases["portal"].grid.spacing[0]
        still, moved = (
            center_of_mass(patient.masks[phase, 1, "tumour"].mask)[0] * k_mm
            for phase in ("portal", "arterial")
        )
        assert moved - still == pytest.approx(patient.truth["shift_mm"]["arterial"][2], abs=2.0)
    rest = simulate_patient(COARSE.model_copy(update={"breathing_mm": 0.0}), 1)
    assert all(shift == [0.0, 0.0, 0.0] for shift in rest.truth["shift_mm"].values())


def test_centres_have_scanners_of_their_own(patients: list[Patient]) -> None:
    by_site = {patient.site: patient for patient in patients}
    assert set(by_site) == {"S1", "S2"}
    one, two = (by_site[site].phases["portal"].grid.spacing for site in ("S1", "S2"))
    assert one != two
    lone = [simulate_patient(COARSE.model_copy(update={"centres": 1}), i).site for i in (1, 2, 3)]
    assert set(lone) == {"S1"}


def test_missing_phases_come_in_the_share_asked_for_and_never_the_portal() -> None:
    gaps = COARSE.model_copy(
        update={
            "missing_phase_share": 0.4,
            "spacing_mm": (12, 12, 12),
            "phases": ("arterial", "portal"),
        }
    )
    many = [simulate_patient(gaps, index) for index in range(1, 81)]
    assert all("portal" in patient.phases for patient in many)
    missing = np.mean(["arterial" not in patient.phases for patient in many])
    assert missing == pytest.approx(0.4, abs=0.15)
    assert all(set(p.phases) == {phase for phase, _, _ in p.masks} for p in many)


def test_masks_on_the_portal_phase_only() -> None:
    lone = simulate_patient(COARSE.model_copy(update={"masks_on": "portal"}), 2)
    assert {phase for phase, _, _ in lone.masks} == {"portal"}
    assert len(lone.phases) == 4


def test_the_same_patient_at_another_resolution_has_the_same_anatomy() -> None:
    fine = simulate_patient(COARSE.model_copy(update={"spacing_mm": (3.0, 2.5, 2.5)}), 5)
    coarse = simulate_patient(COARSE, 5)
    volumes = [p.masks["portal", 1, "liver"].volume_ml for p in (fine, coarse)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    assert fine.clinical == coarse.clinical


def test_mr_is_bright_where_contrast_is_and_has_no_negative_signal() -> None:
    mr = simulate_patient(COARSE.model_copy(update={"modality": "mr"}), 2)
    assert min(volume.data.min() for volume in mr.phases.values()) >= 0
    assert inside(mr, "portal", "liver").mean() > 1.3 * inside(mr, "native", "liver").mean()
    assert np.median(inside(mr, "arterial")) > np.median(inside(mr, "arterial", "liver"))


@pytest.fixture(scope="module")
def ultrasound() -> tuple[Patient, Clip]:
    patient = simulate_patient(PhantomParams(modality="ceus", second_reader_share=1), 2)
    assert patient.clip is not None
    return patient, patient.clip


def test_ultrasound_stills_are_frames_of_the_clip(ultrasound: tuple[Patient, Clip]) -> None:
    patient, clip = ultrasound
    assert clip.frames.dtype == np.uint8
    first, width = clip.panels[0]
    at = round(75.0 / clip.frame_seconds)
    still = patient.phases["portal"].data
    assert np.array_equal(still[0], clip.frames[at, :, first : first + width])
    assert patient.phases["greyscale"].data.shape == still.shape
    assert {reader for _, reader, _ in patient.masks} == {1, 2}


def test_contrast_in_the_tumour_peaks_when_the_truth_says(ultrasound: tuple[Patient, Clip]) -> None:
    patient, clip = ultrasound
    first, width = clip.panels[0]
    screen = clip.frames[:, :, first : first + width].astype(float)
    curve = screen[:, patient.masks["portal", 1, "tumour"].mask[0]].mean(axis=1)
    assert curve[0] < 20
    assert curve.max() > 150
    # The top is flat: within a grey level or two of the highest for many frames.
    assert curve[round(patient.truth["peak_s"] / clip.frame_seconds)] > curve.max() - 6
    liver = screen[:, patient.masks["portal", 1, "liver"].mask[0]].mean(axis=1)
    late = round(180 / clip.frame_seconds)
    assert curve[late] < liver[late] < liver.max() + 1


@given(
    seed=st.integers(0, 2**32),
    index=st.integers(1, 9999),
    centres=st.integers(1, 9),
    modality=st.sampled_from(["ct", "mr"]),
)
@settings(max_examples=30)
def test_no_draw_of_a_patient_fails(seed: int, index: int, centres: int, modality: str) -> None:
    params = PhantomParams.model_validate(
        {"seed": seed, "centres": centres, "modality": modality, "spacing_mm": (7, 6, 6)}
    )
    patient = simulate_patient(params, index)
    assert set(patient.phases) == set(params.phases)
    for volume in patient.phases.values():
        assert np.isfinite(volume.data).all()
    for region in patient.masks.values():
        assert region.size >= 5
        # Nothing is cut off by the field of view.
        rim = region.mask.copy()
        rim[1:-1, 1:-1, 1:-1] = False
        assert region.name == "liver" or not rim.any()


@pytest.mark.parametrize("index", [0, -3])
def test_there_is_no_patient_zero(index: int) -> None:
    with pytest.raises(StudyError, match="counted from 1"):
        simulate_patient(COARSE, index)


@pytest.mark.parametrize(
    "wrong",
    [
        {"patients": 0}, {"phases": ("arterial",)}, {"phases": ("portal", "portal")},
        {"missing_phase_share": 1.0}, {"modality": "pet"}, {"efect": 1}, {"centres": 0},
    ],
)  # fmt: skip
def test_knobs_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PhantomParams(**wrong)
