# SPDX-License-Identifier: Apache-2.0
"""Logistic regression and splines against R, on MASS::birthwt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.profile import profile_intervals
from hepacast.stats.regression import firth_logistic, fit_logistic
from hepacast.stats.regression_table import logistic_table
from hepacast.stats.smooth import spline_basis, spline_knots
from hepacast.stats.stepwise import stepwise_logistic


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


def test_profile_limits_are_the_solutions_that_confint_interpolates(
    stored: Any, close: Any
) -> None:
    data, values = stored
    X, names = np.column_stack(list(data["X"].values())), list(data["X"])
    table = profile_intervals(fit_logistic(X, data["low"], names), X, data["low"])
    expected = values["profile"]
    assert table.low == close(expected["low"], rel=2e-3)
    assert table.high == close(expected["high"], rel=2e-3)
    for name in ("ptl", "ht"):
        at = table.names.index(name)
        assert [table.low[at], table.high[at]] == close(expected[name])


def test_firths_profile_is_finite_under_separation_and_falls_by_the_quantile(stored: Any) -> None:
    d = stored[0]["separated"]
    X = np.column_stack([d["x"], d["w"]])
    fit = firth_logistic(X, d["y"])
    table = profile_intervals(fit, X, d["y"])
    assert np.isfinite(table.high).all()
    assert np.all(table.low < fit.coefficients.beta)
    assert np.all(table.high > fit.coefficients.beta)
    # The lower limit of x leaves out no effect: separation is significant here.
    assert table.low[1] > 0
    assert table.p[1] < 0.05


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("backward", {"direction": "backward"}),
        ("forward", {"direction": "forward"}),
        ("both", {}),
        ("both_null", {"start": ()}),
        ("bic", {"penalty": float(np.log(189))}),
    ],
)
def test_stepwise_takes_the_steps_of_step_aic(
    stored: Any, close: Any, key: str, options: dict[str, Any]
) -> None:
    data, values = stored
    X, names = np.column_stack(list(data["X"].values())), list(data["X"])
    fit, path = stepwise_logistic(X, data["low"], names, **options)
    expected = values[key]
    assert set(path.chosen) == set(expected["terms"])
    assert list(path.steps) == [step for step in expected["steps"] if step]
    assert fit.aic == close(expected["aic"])


def test_a_factor_with_two_columns_enters_as_one(stored: Any) -> None:
    data, _ = stored
    X, names = np.column_stack(list(data["X"].values())), list(data["X"])
    blocks: dict[str, Any] = {name: [k] for k, name in enumerate(names[:-2])} | {"race": [7, 8]}
    _, path = stepwise_logistic(X, data["low"], names, blocks=blocks)
    assert "race" in path.chosen
    assert not {"race2", "race3"} & set(path.chosen)


def test_the_usual_table_repeats_its_two_regressions(stored: Any, close: Any) -> None:
    data, _ = stored
    X, names = np.column_stack(list(data["X"].values())), list(data["X"])
    table = logistic_table(X, data["low"], names, limit=0.1)
    entered = [k for k, effect in enumerate(table.together) if effect is not None]
    joint = fit_logistic(X[:, entered], data["low"])
    assert [table.together[k].ratio for k in entered] == close(joint.coefficients.ratio[1:])  # type: ignore[union-attr]
    alone = fit_logistic(X[:, 0], data["low"]).coefficients
    assert table.alone[0] is not None
    assert table.alone[0].p == close(alone.p[1])
