# SPDX-License-Identifier: Apache-2.0
"""Logistic regression of the event by a horizon, against R's glm with prodlim's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.stats.horizon_competing import competing_weights
from hepacast.stats.horizon_regression import fit_horizon
from hepacast.stats.regression import fit_logistic


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("horizon_regression")


@pytest.mark.parametrize("kind", ["survival", "competing"])
def test_weights_and_coefficients_agree_with_r(stored: Any, close: Any, kind: str) -> None:
    data, values = stored
    cause = np.array(data["cause"])
    codes = cause if kind == "competing" else (cause == 1).astype(int)
    X = np.column_stack([data["x"], data["z"]])
    fit = fit_horizon(X, data["time"], codes, 8.0, ["x", "z"])
    assert competing_weights(data["time"], codes, 8.0).weight == close(values[kind]["weight"])
    assert [fit.intercept, *fit.beta] == close(values[kind]["beta"])
    assert "IPCW" in fit.sentence()


def test_without_censoring_it_is_logistic_regression(stored: Any, close: Any) -> None:
    data, _ = stored
    time, x = np.array(data["time"]), np.column_stack([data["x"], data["z"]])
    fit = fit_horizon(x, time, np.ones(time.size), 6.0)
    plain = fit_logistic(x, time <= 6.0)
    assert fit.unknown == 0
    assert [fit.intercept, *fit.beta] == close([plain.intercept, *plain.beta])


def test_weights_remove_the_bias_that_leaving_out_the_censored_brings() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=6000)
    time = rng.exponential(10 * np.exp(-0.7 * x))
    end = rng.exponential(8, 6000)
    follow, event = np.minimum(time, end), time <= end
    truth = fit_logistic(x, time <= 8.0).beta[0]
    known = event | (follow > 8.0)
    left_out = fit_logistic(x[known], event[known] & (follow[known] <= 8.0))
    weighted = fit_horizon(x, follow, event, 8.0)
    shares = [time[time <= 8.0].size / 6000, (event & (follow <= 8.0))[known].mean()]
    assert shares[1] - shares[0] > 0.05
    assert abs(weighted.beta[0] - truth) < 0.1
    at_zero = fit_logistic(x, time <= 8.0).intercept
    assert abs(weighted.intercept - at_zero) < abs(left_out.intercept - at_zero)


def test_separation_asks_for_a_penalty() -> None:
    x, time = np.arange(20.0), 21.0 - np.arange(20.0)
    with pytest.raises(NotEstimableError, match="penalty"):
        fit_horizon(x, time, np.ones(20), 10.0)
    assert 0 < fit_horizon(x, time, np.ones(20), 10.0, penalty=0.1).beta[0] < 2
