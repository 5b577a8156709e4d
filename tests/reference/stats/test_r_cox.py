# SPDX-License-Identifier: Apache-2.0
"""Cox regression against R's survival package, with many tied times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.cox import CoxFit, fit_cox
from hepacast.stats.cox_residuals import (
    CoxData,
    cox_data,
    dfbeta,
    martingale_residuals,
    proportional_hazards,
    robust,
    schoenfeld,
)
from hepacast.stats.stepwise import stepwise_cox
from hepacast.stats.univariate import screen_cox

COLUMNS = ["trt", "karno", "diagtime", "age", "prior", "squamous", "small", "adeno"]


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("cox")


def tied(data: Any, **options: Any) -> CoxFit:
    d = data["tied"]
    X = np.column_stack([d["x"], d["z"]])
    if options.pop("by_site", False):
        options["strata"] = d["site"]
    return fit_cox(X, d["time"], d["event"], ["x", "z"], **options)


def veteran(data: Any) -> CoxFit:
    d = data["veteran"]
    return fit_cox(np.column_stack([d[c] for c in COLUMNS]), d["time"], d["status"], COLUMNS)


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("efron", {}),
        ("breslow", {"ties": "breslow"}),
        ("strata", {"by_site": True}),
        ("veteran", None),
    ],
)
def test_coefficients_tests_and_intervals_agree_with_coxph(
    stored: Any, close: Any, key: str, options: dict[str, Any] | None
) -> None:
    data, values = stored
    fit = veteran(data) if options is None else tied(data, **options)
    expected = values[key]
    table = fit.coefficients
    assert table.beta == close(expected["beta"])
    assert table.se == close(expected["se"])
    assert table.p == close(expected["p"])
    assert [fit.loglik_null, fit.loglik] == close(expected["loglik"])
    assert fit.score_statistic == close(expected["score"])
    assert fit.likelihood_ratio.p == close(expected["lr"])
    assert table.ratio_low == close(expected["low"])
    assert table.ratio_high == close(expected["high"])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_baseline_hazard_agrees_with_basehaz(stored: Any, close: Any, ties: Any) -> None:
    data, values = stored
    expected = values["hazard"][ties]
    fit = tied(data, ties=ties)
    # R centres only columns with other values than -1, 0 and 1.
    factor = np.exp(-fit.beta[1] * fit.center[1])
    assert fit.baselines[0].at(expected["time"]) * factor == close(expected["hazard"])


def test_absolute_risk_agrees_with_survfit(stored: Any, close: Any) -> None:
    data, values = stored
    assert tied(data).risk_at([[-1, 0], [0, 1], [2, 1]], 8.0) == close(values["risk"])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_screen_of_one_feature_is_the_regression_itself(
    stored: Any, close: Any, ties: Any
) -> None:
    d = stored[0]["tied"]
    X = np.column_stack([d["x"], d["z"]])
    screen = screen_cox(X, d["time"], d["event"], ties=ties)
    for column in range(2):
        alone = fit_cox(X[:, column], d["time"], d["event"], ties=ties)
        assert screen.beta[column] == close(alone.beta[0])
        assert screen.se[column] == close(alone.coefficients.se[0])
        assert screen.p_lr[column] == close(alone.likelihood_ratio.p)


def arranged(data: Any, *, strata: bool = False) -> tuple[CoxFit, CoxData]:
    d = data["tied"]
    fit = tied(data, by_site=strata)
    X = np.column_stack([d["x"], d["z"]])
    return fit, cox_data(fit, X, d["time"], d["event"], d["site"] if strata else None)


def test_residuals_agree_with_r(stored: Any, close: Any) -> None:
    data, values = stored
    fit, cases = arranged(data)
    assert martingale_residuals(fit, cases)[:12] == close(values["martingale"])
    assert schoenfeld(fit, cases)[1][:5] == close(values["schoenfeld"])
    assert dfbeta(fit, cases)[:5] == close(values["dfbeta"])


def test_robust_errors_agree_with_r(stored: Any, close: Any) -> None:
    data, values = stored
    fit, cases = arranged(data)
    assert robust(fit, cases).se == close(values["robust"]["se"])
    assert robust(fit, cases, data["tied"]["site"]).se == close(values["robust"]["cluster"])


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_proportional_hazards_tests_agree_with_cox_zph(
    stored: Any, close: Any, transform: Any
) -> None:
    data, values = stored
    d = data["veteran"]
    fit = veteran(data)
    X = np.column_stack([d[c] for c in COLUMNS])
    result = proportional_hazards(fit, cox_data(fit, X, d["time"], d["status"]), transform)
    expected = values["zph"][transform]
    assert [*result.statistic, result.overall.statistic] == close(expected["chisq"])
    assert [*result.p, result.overall.p] == close(expected["p"])


@pytest.mark.parametrize(("key", "strata"), [("tied", False), ("strata", True)])
def test_proportional_hazards_tests_agree_with_ties_and_strata(
    stored: Any, close: Any, key: str, strata: Any
) -> None:
    data, values = stored
    result = proportional_hazards(*arranged(data, strata=strata))
    assert [*result.statistic, result.overall.statistic] == close(values["zph"][key]["chisq"])


@pytest.mark.parametrize("direction", ["backward", "forward", "both"])
def test_stepwise_cox_ends_where_step_aic_ends(stored: Any, close: Any, direction: Any) -> None:
    data, values = stored
    d = data["veteran"]
    X = np.column_stack([d[c] for c in COLUMNS])
    fit, path = stepwise_cox(X, d["time"], d["status"], COLUMNS, direction=direction)
    assert fit is not None
    assert set(path.chosen) == set(values["stepwise"][direction]["terms"])
    assert fit.aic == close(values["stepwise"][direction]["aic"])
