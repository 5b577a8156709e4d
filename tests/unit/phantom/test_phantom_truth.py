# SPDX-License-Identifier: Apache-2.0
"""The truth of the phantom: closed forms, limits, and the null cohort."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import StudyError
from hepacast.phantom.latent import LOADINGS, MOST_SATELLITES, SIZE_CORRELATION, draw
from hepacast.phantom.outcome import END_POINTS, Hazards, follow
from hepacast.phantom.params import PhantomParams
from hepacast.phantom.truth import (
    PREDICTORS,
    _aggressiveness_given_table,
    _auc,
    _c,
    attainable,
    best_score,
    true_performance,
)

if TYPE_CHECKING:
    from hepacast.phantom.latent import Latent
    from hepacast.phantom.outcome import EndPoint


@pytest.fixture(scope="module")
def crowd() -> Latent:
    return draw(np.random.default_rng(3), 40_000)


def test_without_imaging_effect_the_image_knows_exactly_nothing() -> None:
    truth = true_performance(PhantomParams(effect=0), patients=1000)
    for end_point in END_POINTS:
        for predictor in ("imaging", "size"):
            for metric in ("auc", "c_index"):
                value = truth.get(end_point, predictor, metric)
                assert (value.value, value.standard_error) == (0.5, 0.0)
    assert truth.get("recurrence", "clinical").value > 0.6


def test_the_exact_half_of_the_null_cohort_is_what_simulation_finds(crowd: Latent) -> None:
    params = PhantomParams(effect=0)
    course = follow(np.random.default_rng(4), Hazards.of_latent(params, crowd))
    for seen in (crowd.aggressiveness, crowd.size, crowd.satellites.astype(float)):
        # SE of an AUC with 40,000 patients is below 0.003.
        assert abs(_auc(seen, course.within("recurrence", 24)) - 0.5) < 0.01


def test_with_neither_effect_nobody_knows_anything() -> None:
    truth = true_performance(PhantomParams(effect=0, clinical_effect=0), patients=1000)
    assert {value.value for value in truth.values} == {0.5}


def test_the_default_cohort_has_the_promised_imaging_truth() -> None:
    truth = true_performance(PhantomParams())
    assert 0.80 < truth.get("recurrence", "imaging").value < 0.85
    assert truth.get("recurrence", "imaging").standard_error < 0.004
    assert 0.35 < dict(truth.event_share)["recurrence"] < 0.55


def test_more_effect_means_more_to_know() -> None:
    aucs = [
        true_performance(PhantomParams(effect=e), patients=5000).get("recurrence", "imaging").value
        for e in (0.3, 1.0, 2.0)
    ]
    assert aucs[0] < aucs[1] < aucs[2]


def test_a_protective_image_is_as_good_as_a_harmful_one() -> None:
    harm, guard = (
        true_performance(PhantomParams(effect=e), patients=10_000).get("recurrence", "imaging")
        for e in (1.4, -1.4)
    )
    assert harm.value == pytest.approx(guard.value, abs=0.02)


@pytest.mark.parametrize("end_point", END_POINTS)
def test_the_combination_is_never_worse_than_a_part(end_point: EndPoint) -> None:
    truth = true_performance(PhantomParams(), patients=5000)
    for metric in ("auc", "c_index"):
        both = truth.get(end_point, "combined", metric).value
        assert all(truth.get(end_point, p, metric).value <= both + 1e-9 for p in PREDICTORS)


@pytest.mark.parametrize("end_point", END_POINTS)
@pytest.mark.parametrize("months", [6.0, 24.0, 60.0])
def test_the_closed_form_risk_is_the_simulated_share(
    crowd: Latent, end_point: EndPoint, months: float
) -> None:
    params = PhantomParams(effect=1.0)
    hazards = Hazards.of_latent(params, crowd)
    course = follow(np.random.default_rng(5), hazards)
    expected = hazards.risk(end_point, months).mean()
    assert course.within(end_point, months).mean() == pytest.approx(expected, abs=0.008)


def test_the_risk_of_death_after_recurrence_has_no_hole_where_hazards_are_equal() -> None:
    # Leaving at 0.03 in all and dying at 0.03 afterwards: the textbook form divides by zero.
    even, near = (
        Hazards(np.array([0.02]), np.array([0.01]), np.array([after]))
        for after in (0.03, 0.03 + 1e-9)
    )
    assert even.risk("os", 24.0)[0] == pytest.approx(near.risk("os", 24.0)[0], rel=1e-6)
    # Two exponential steps of one rate: alive = e^-at (1 + h1 t).
    alive = np.exp(-0.03 * 24) * (1 + 0.02 * 24)
    assert even.risk("os", 24.0)[0] == pytest.approx(1 - alive, rel=1e-12)


def test_competing_death_takes_patients_from_recurrence() -> None:
    quiet = Hazards(np.array([0.02]), np.array([1e-9]), np.array([0.03]))
    deadly = Hazards(np.array([0.02]), np.array([0.05]), np.array([0.03]))
    assert deadly.risk("recurrence", 24.0)[0] < quiet.risk("recurrence", 24.0)[0]
    assert deadly.risk("rfs", 24.0)[0] > quiet.risk("rfs", 24.0)[0]


def test_auc_counts_pairs_and_halves_ties() -> None:
    risk, event = np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, True, False, True])
    # Pairs (2,1) 1, (2,2) one half, (3,1) 1, (3,2) 1.
    assert _auc(risk, event) == pytest.approx(3.5 / 4)


def test_c_leaves_out_pairs_whose_earlier_time_was_censored() -> None:
    risk, days = np.array([3.0, 2.0, 1.0]), np.array([10, 5, 20])
    event = np.array([True, False, True])
    # Comparable: 10 before 20 (concordant); 5 was censored, so its pairs are not.
    assert _c(risk, days, event) == 1.0
    assert _c(-risk, days, event) == 0.0


def test_the_table_tells_of_aggressiveness_what_bayes_says(crowd: Latent) -> None:
    z, weight = _aggressiveness_given_table(crowd)
    mean = (z * weight).sum(axis=1)
    assert weight.sum(axis=1) == pytest.approx(np.ones(len(crowd)))
    # A posterior mean is calibrated: the truth regressed on it has slope 1.
    slope = np.polyfit(mean, crowd.aggressiveness, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.03)
    capped = crowd.satellites == MOST_SATELLITES
    assert mean[capped].mean() == pytest.approx(crowd.aggressiveness[capped].mean(), abs=0.1)


def test_size_is_a_shadow_of_aggressiveness_and_of_nothing_else(crowd: Latent) -> None:
    assert np.corrcoef(crowd.size, crowd.aggressiveness)[0, 1] == pytest.approx(
        SIZE_CORRELATION, abs=0.02
    )
    for variable in LOADINGS:
        for seen in (crowd.aggressiveness, crowd.size, crowd.satellites):
            assert abs(np.corrcoef(crowd.value(variable), seen)[0, 1]) < 0.02
    assert crowd.recurrence_risk.std() == pytest.approx(1, abs=0.02)
    assert crowd.death_risk.std() == pytest.approx(1, abs=0.02)


def test_the_imaging_score_orders_patients_as_their_averaged_risk_does(crowd: Latent) -> None:
    params = PhantomParams()
    some = np.argsort(crowd.aggressiveness)[:: len(crowd) // 8]
    z = crowd.aggressiveness[some, None]
    hazards = Hazards.of(params, z, crowd.recurrence_risk[None], crowd.death_risk[None])
    for end_point in END_POINTS:
        averaged = hazards.risk(end_point, 24.0).mean(axis=1)
        score = best_score(params, crowd, end_point, "imaging", 24.0)[some]
        assert np.array_equal(np.argsort(averaged), np.argsort(score))


def test_truth_is_seeded_printable_and_json() -> None:
    params = PhantomParams()
    first, again = (true_performance(params, patients=1000) for _ in range(2))
    assert first == again
    assert first != true_performance(PhantomParams(seed=2), patients=1000)
    assert "imaging" in "\n".join(first.lines())
    assert "exactly" in "\n".join(true_performance(PhantomParams(effect=0), patients=1000).lines())
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False))["simulated_patients"] == 1000


def test_a_longer_horizon_sees_more_events() -> None:
    early, late = (
        dict(true_performance(PhantomParams(), months, 1000).event_share)["rfs"]
        for months in (6, 48)
    )
    assert early < late


def test_the_attainable_auc_of_cohorts_averages_to_the_truth() -> None:
    base = PhantomParams(patients=100)
    found = [
        auc
        for seed in range(1, 13)
        for end, seen, auc in attainable(base.model_copy(update={"seed": seed}))
        if (end, seen) == ("recurrence", "imaging")
    ]
    truth = true_performance(base).get("recurrence", "imaging").value
    # One cohort of 100 has an SE of about 0.04; twelve of them 0.012.
    assert np.mean(found) == pytest.approx(truth, abs=0.035)
    assert np.std(found) > 0.01


def test_one_patient_attains_nothing() -> None:
    assert attainable(PhantomParams(patients=1)) == ()


@pytest.mark.parametrize("patients", [0, 500, 1250])
def test_a_simulation_that_does_not_divide_into_batches_is_refused(patients: int) -> None:
    with pytest.raises(StudyError, match="batches of 500"):
        true_performance(PhantomParams(), patients=patients)


def test_a_horizon_without_events_is_refused() -> None:
    with pytest.raises(StudyError, match="neither rare nor certain"):
        true_performance(PhantomParams(), 1e-6, 1000)
