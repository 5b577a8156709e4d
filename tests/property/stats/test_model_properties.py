# SPDX-License-Identifier: Apache-2.0
"""What must hold for comparisons and models of any cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hepacast.core.errors import NotEstimableError
from hepacast.stats.agreement import icc
from hepacast.stats.calibration import calibration
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.concordance import bootstrap_harrell_c, harrell_c
from hepacast.stats.cox import fit_cox
from hepacast.stats.fine_gray import fit_fine_gray
from hepacast.stats.horizon import auc_at, brier_at
from hepacast.stats.kappa import cohen_kappa
from hepacast.stats.reclassification import idi, nri, reclassification_table
from hepacast.stats.regression import fit_logistic
from hepacast.stats.roc import auc
from hepacast.stats.univariate import screen_c, screen_cox, screen_logistic

few = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def seeds(draw: st.DrawFn) -> np.random.Generator:
    """Cohorts from a generator: continuous values with a drawn seed."""
    return np.random.default_rng(draw(st.integers(0, 10**6)))


def cohort(rng: np.random.Generator, n: int = 60) -> dict[str, Any]:
    x = rng.normal(size=(n, 2))
    time = np.ceil(rng.exponential(8 * np.exp(-x[:, 0]), n))
    limit = np.ceil(rng.uniform(1, 20, n))
    return {"X": x, "time": np.minimum(time, limit), "event": time <= limit}


@few
@given(seeds())
def test_reclassification_turns_round_with_the_models(rng: np.random.Generator) -> None:
    first, second = np.round(rng.uniform(size=(2, 50)), 2)
    event = rng.uniform(size=50) < 0.4
    assume(2 <= event.sum() <= 48)
    for thresholds in (None, [0.3, 0.6]):
        variances: tuple[Any, ...] = ("pencina", "hmisc")
        for variance in variances:
            there = nri(first, second, event, thresholds, variance=variance)
            back = nri(second, first, event, thresholds, variance=variance)
            assert (there.estimate, there.se) == pytest.approx((-back.estimate, back.se))
    assert idi(first, second, event).estimate == pytest.approx(-idi(second, first, event).estimate)
    tables = reclassification_table(first, second, event, [0.3, 0.6])
    assert tables[0].sum() == event.sum()


@few
@given(seeds())
def test_without_early_censoring_accuracy_at_a_horizon_is_the_plain_one(
    rng: np.random.Generator,
) -> None:
    c = cohort(rng)
    # Whoever is censored is followed beyond the horizon.
    time = np.where(c["event"], c["time"], c["time"] + 6.0)
    by = c["event"] & (time <= 5)
    assume(1 < by.sum() < by.size - 1)
    risk = 1 / (1 + np.exp(-c["X"][:, 0]))
    assert auc_at(risk, time, c["event"], 5.0).estimate == pytest.approx(auc(risk, by).estimate)
    expected = np.mean((risk - by) ** 2)
    assert brier_at(risk, time, c["event"], 5.0).estimate == pytest.approx(expected)


@few
@given(seeds())
def test_fine_gray_is_cox_without_competing_events(rng: np.random.Generator) -> None:
    c = cohort(rng)
    fine = fit_fine_gray(c["X"], c["time"], c["event"].astype(int))
    cox = fit_cox(c["X"], c["time"], c["event"], ties="breslow")
    assert fine.beta == pytest.approx(cox.beta, rel=1e-7, abs=1e-9)
    assert fine.loglik == pytest.approx(cox.loglik)


@few
@given(seeds())
def test_incidences_of_all_causes_add_up_to_one_minus_survival(rng: np.random.Generator) -> None:
    c = cohort(rng)
    cause = np.where(c["event"], rng.integers(1, 3, c["event"].size), 0)
    assume(set(cause) == {0, 1, 2})
    swapped = np.where(cause > 0, 3 - cause, 0)
    one, two = (cumulative_incidence(c["time"], code) for code in (cause, swapped))
    whole = cumulative_incidence(c["time"], (cause > 0).astype(int))
    assert one.incidence + two.incidence == pytest.approx(whole.incidence)


@few
@given(seeds(), st.floats(0.1, 50), st.floats(-20, 20))
def test_models_do_not_care_about_units(
    rng: np.random.Generator, scale: float, shift: float
) -> None:
    c = cohort(rng)
    cox, other = (fit_cox(X, c["time"], c["event"]) for X in (c["X"], scale * c["X"] + shift))
    assert other.beta * scale == pytest.approx(cox.beta, rel=1e-6, abs=1e-9)
    assert other.loglik == pytest.approx(cox.loglik)
    months = fit_cox(c["X"], c["time"] / 30.4, c["event"])
    assert months.beta == pytest.approx(cox.beta, rel=1e-8, abs=1e-10)


@few
@given(seeds())
def test_screens_are_the_models_one_by_one(rng: np.random.Generator) -> None:
    c = cohort(rng)
    X = np.column_stack([c["X"], np.round(c["X"][:, 0])])
    hazard, odds = screen_cox(X, c["time"], c["event"]), screen_logistic(X, c["event"])
    ranks = screen_c(X, c["time"], c["event"])
    for column in range(3):
        try:
            logit = fit_logistic(X[:, column], c["event"])
            cox = fit_cox(X[:, column], c["time"], c["event"])
        except NotEstimableError:
            continue
        assert odds.beta[column] == pytest.approx(logit.beta[0], rel=1e-7, abs=1e-9)
        assert odds.se[column] == pytest.approx(logit.coefficients.se[1], rel=1e-7)
        assert hazard.beta[column] == pytest.approx(cox.beta[0], rel=1e-7, abs=1e-9)
        one = harrell_c(X[:, column], c["time"], c["event"]).estimate
        assert ranks[column] == pytest.approx(one)


@few
@given(seeds())
def test_a_recalibrated_model_has_slope_one(rng: np.random.Generator) -> None:
    x = rng.normal(size=200)
    event = rng.uniform(size=200) < 1 / (1 + np.exp(-x))
    result = calibration(fit_logistic(x, event).probability(x), event)
    assert result.slope.estimate == pytest.approx(1.0, rel=1e-6)
    assert result.in_the_large.estimate == pytest.approx(0.0, abs=1e-7)
    assert result.observed_expected.estimate == pytest.approx(1.0)


@few
@given(seeds())
def test_agreement_does_not_care_about_the_unit_nor_who_reads_first(
    rng: np.random.Generator,
) -> None:
    readings = rng.normal(size=(2, 20)) + rng.normal(size=20)
    forms: tuple[Any, ...] = ("1,1", "2,1", "3,1", "2,k")
    for form in forms:
        plain = icc(readings, form).estimate[0]
        assert icc(3 * readings[::-1] + 7, form).estimate[0] == pytest.approx(plain)
    counts = rng.integers(1, 9, (3, 3))
    assert cohen_kappa(counts, "quadratic").estimate == pytest.approx(
        cohen_kappa(counts.T, "quadratic").estimate
    )


def test_bootstrap_and_jackknife_agree_in_a_large_cohort() -> None:
    rng = np.random.default_rng(5)
    c = cohort(rng, 700)
    result = harrell_c(c["X"][:, 0], c["time"], c["event"])
    draws = bootstrap_harrell_c(c["X"][:, 0], c["time"], c["event"], rng, resamples=1500)
    assert draws.std(ddof=1) == pytest.approx(result.se, rel=0.08)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (low, high) == pytest.approx((result.low, result.high), abs=0.006)
