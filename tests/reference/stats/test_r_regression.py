# SPDX-License-Identifier: Apache-2.0
"""Logistic regression and splines against R, on MASS::birthwt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.regression import firth_logistic, fit_logistic
from hepacast.stats.smooth import spline_basis, spline_knots


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("regression")


def test_maximum_likelihood_agrees_with_glm(stored: Any, close: Any) -> None:
    data, values = stored
    fit = fit_logistic(np.column_stack(list(data["X"].values())), data["low"], list(data["X"]))
    expected = values["full"]
    assert fit.coefficients.beta == close(expected["beta"])
    assert fit.coefficients.se == close(expected["se"])
    assert fit.coefficients.p == close(expected["p"])
    assert [fit.loglik, fit.aic, fit.loglik_null] == close(
        [expected["loglik"], expected["aic"], expected["null"]]
    )


def test_an_offset_is_taken_as_glm_takes_it(stored: Any, close: Any) -> None:
    data, values = stored
    shift = 0.01 * np.array(data["X"]["lwt"]) - 1.5
    fit = fit_logistic(data["X"]["age"], data["low"], offset=shift)
    assert fit.coefficients.beta == close(values["offset"]["beta"])
    assert fit.loglik == close(values["offset"]["loglik"])


def test_firths_fit_agrees_with_brglm2_also_under_separation(stored: Any, close: Any) -> None:
    data, values = stored
    X = np.column_stack([data["X"][name] for name in ("age", "ht", "ui")])
    fit = firth_logistic(X, data["low"])
    # brglm2 iterates to 1e-12 in the score, not in the coefficient.
    assert fit.coefficients.beta == close(values["firth"]["beta"])
    assert fit.coefficients.se == close(values["firth"]["se"])
    d = data["separated"]
    apart = firth_logistic(np.column_stack([d["x"], d["w"]]), d["y"])
    assert apart.coefficients.beta == close(values["firth_separated"]["beta"])
    assert apart.coefficients.se == close(values["firth_separated"]["se"])


def test_restricted_cubic_splines_agree_with_hmisc(stored: Any, close: Any) -> None:
    data, values = stored
    weight = np.array(data["X"]["lwt"], dtype=float)
    four, five = spline_knots(weight, 4), spline_knots(weight, 5)
    assert four == close(values["spline"]["knots4"])
    assert five == close(values["spline"]["knots5"])
    assert spline_basis(weight, four)[0] == close(values["spline"]["row1"])
    assert spline_basis(weight, five)[8] == close(values["spline"]["row9"])
    fit = fit_logistic(spline_basis(weight, four), data["low"])
    assert fit.coefficients.beta == close(values["spline"]["beta"])
    assert fit.loglik == close(values["spline"]["loglik"])
