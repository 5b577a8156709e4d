# SPDX-License-Identifier: Apache-2.0
"""Calibration of cumulative incidences: a competing event is not a censoring."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.stats.calibration_competing import calibration_competing
from hepacast.stats.calibration_survival import calibration_survival


def cohort(n: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Events with a known cumulative incidence by time 1, and as many competing ones."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    own, other = 0.8 * np.exp(0.7 * x), np.full(n, 0.6)
    time = rng.exponential(1 / (own + other))
    cause = np.where(rng.random(n) < own / (own + other), 1, 2)
    end = rng.uniform(0.3, 2.5, n)
    truth = own / (own + other) * -np.expm1(-(own + other))
    return truth, np.minimum(time, end), np.where(time <= end, cause, 0), end


def test_true_incidences_are_calibrated_and_the_kaplan_meier_reading_is_not() -> None:
    truth, time, cause, _ = cohort(1200)
    found = calibration_competing(truth, time, cause, 1.0)
    assert found.observed_expected.low < 1 < found.observed_expected.high
    assert np.abs(found.groups.observed - found.groups.predicted).max() < 0.08
    as_censored = calibration_survival(truth, time, cause == 1, 1.0)
    assert as_censored.observed_expected.low > 1.1
    assert found.sentence().startswith("At 1: calibration slope")


def test_without_competing_events_it_is_the_calibration_of_survival() -> None:
    truth, time, cause, _ = cohort(300)
    event = cause == 1
    one = calibration_competing(truth, time, event.astype(int), 1.0)
    other = calibration_survival(truth, time, event, 1.0)
    assert one.slope.estimate == pytest.approx(other.slope.estimate, rel=1e-8)
    assert one.observed_expected.estimate == pytest.approx(other.observed_expected.estimate)
    np.testing.assert_allclose(one.groups.observed, other.groups.observed)
    np.testing.assert_array_equal(one.groups.predicted, other.groups.predicted)


def test_too_extreme_predictions_have_a_slope_below_one_and_horizons_need_events() -> None:
    truth, time, cause, _ = cohort(700)
    extreme = -np.expm1(-np.exp(2 * np.log(-np.log1p(-truth))))
    assert calibration_competing(extreme, time, cause, 1.0).slope.high < 0.8
    with pytest.raises(NotEstimableError, match="horizon"):
        calibration_competing(truth, time, cause, 9.0)
    with pytest.raises(NotEstimableError):
        calibration_competing(np.full(700, 0.3), time, cause, 1.0)
