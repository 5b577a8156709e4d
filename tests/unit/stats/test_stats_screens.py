# SPDX-License-Identifier: Apache-2.0
"""Screens of many features: the compiled loop and the plain one are one procedure."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.stats import univariate_logistic
from hepacast.stats.regression import fit_logistic
from hepacast.stats.univariate import screen_logistic

CASES = 97


def cohort() -> tuple[np.ndarray, np.ndarray]:
    """Draw features of every kind that has gone wrong somewhere; 203 fill no whole block."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(CASES, 203))
    event = rng.random(CASES) < 0.35
    X[:, 0] = 3.0
    X[:, 1] = event
    X[:, 2] = np.round(X[:, 2])
    X[:, 3] = np.exp(3 * X[:, 3])
    X[:, 4] += 1e6
    X[:, 5] = rng.random(CASES) < 0.05
    X[:, 6] = np.where(event, np.maximum(X[:, 6], 0), np.minimum(X[:, 6], 0))
    X[:, 7] = np.where(event, -1.0, np.arange(CASES) % 2)
    X[:, 8] *= 1e-9
    return X, event


def test_compiled_and_plain_screens_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    X, event = cohort()
    plain = screen_logistic(X, event)
    monkeypatch.setattr(univariate_logistic, "_COMPILED_FROM", 0)
    compiled = screen_logistic(X, event)
    for one in ("beta", "se", "p"):
        np.testing.assert_allclose(getattr(compiled, one), getattr(plain, one), rtol=1e-10)
    np.testing.assert_allclose(compiled.p_lr, plain.p_lr, rtol=1e-9)
    np.testing.assert_array_equal(compiled.separated, plain.separated)
    np.testing.assert_array_equal(compiled.constant, plain.constant)
    assert plain.separated.sum() >= 2
    assert plain.constant.sum() == 1


@pytest.mark.parametrize("first", [0, 10**12])
def test_a_screen_agrees_with_one_regression_at_a_time(
    monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(univariate_logistic, "_COMPILED_FROM", first)
    X, event = cohort()
    screen = screen_logistic(X, event)
    for column in (2, 3, 5, 9, 202):
        fit = fit_logistic(X[:, [column]], event)
        assert screen.beta[column] == pytest.approx(fit.beta[-1], rel=1e-8)
        assert screen.se[column] == pytest.approx(fit.coefficients.se[-1], rel=1e-8)


def test_a_likelihood_without_end_is_an_error_of_the_compiled_screen_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, event = cohort()
    monkeypatch.setattr(univariate_logistic, "STEPS", 1)
    for first in (0, 10**12):
        monkeypatch.setattr(univariate_logistic, "_COMPILED_FROM", first)
        with pytest.raises(NotEstimableError, match="maximum"):
            screen_logistic(X, event)
