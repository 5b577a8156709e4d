# SPDX-License-Identifier: Apache-2.0
"""Competing risks against R's cmprsk, with and without ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.competing import cumulative_incidence, gray_test
from hepacast.stats.cox import fit_cox
from hepacast.stats.fine_gray import fit_fine_gray
from hepacast.stats.survival import kaplan_meier, logrank


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("competing")


@pytest.mark.parametrize("times", ["exact", "tied"])
def test_incidence_and_its_variance_agree_with_cuminc(stored: Any, close: Any, times: str) -> None:
    data, values = stored
    curve = cumulative_incidence(data[times], data["cause"])
    expected = values[f"cif_{times}"]
    found = [curve.estimate_at(when) for when in (3.0, 6.0, 10.0, 15.0)]
    assert [one.estimate for one in found] == close(expected["est"])
    assert [one.se**2 for one in found] == close(expected["var"])
    assert all(one.low < one.estimate < one.high for one in found)


@pytest.mark.parametrize(
    ("key", "times", "group", "rho"),
    [
        ("gray2", "exact", "z", 0.0),
        ("gray3", "exact", "g", 0.0),
        ("gray3_tied", "tied", "g", 0.0),
        ("gray2_tied", "tied", "z", 0.0),
        ("gray_rho", "exact", "g", 1.0),
    ],
)
def test_grays_test_agrees_with_cuminc(
    stored: Any, close: Any, key: str, times: str, group: str, rho: float
) -> None:
    data, values = stored
    test = gray_test(data[times], data["cause"], data[group], rho=rho)
    assert [test.statistic, test.p] == close([values[key]["stat"], values[key]["p"]])


@pytest.mark.parametrize(
    ("key", "times", "columns"),
    [("fg_exact", "exact", "xz"), ("fg_tied", "tied", "xz"), ("fg_one", "exact", "x")],
)
def test_fine_gray_agrees_with_crr(
    stored: Any, close: Any, key: str, times: str, columns: str
) -> None:
    data, values = stored
    X = np.column_stack([data[name] for name in columns])
    fit = fit_fine_gray(X, data[times], data["cause"])
    expected = values[key]
    assert fit.beta == close(np.atleast_1d(expected["beta"]))
    assert fit.coefficients.se == close(np.atleast_1d(expected["se"]), rel=1e-7)
    assert [fit.loglik, fit.loglik_null] == close([expected["loglik"], expected["null"]])
    cases = np.array([[0.5, 1.0], [-1.0, 0.0]])[:, : len(columns)]
    assert fit.risk_at(cases, 8.0) == close(expected["risk8"])


def test_without_competing_events_everything_is_ordinary_survival(stored: Any) -> None:
    data, _ = stored
    time, event = np.array(data["tied"]), np.array(data["cause"]) == 1
    X = np.column_stack([data["x"], data["z"]])
    fit, cox = fit_fine_gray(X, time, event), fit_cox(X, time, event, ties="breslow")
    assert fit.beta == pytest.approx(cox.beta, rel=1e-9)
    assert fit.risk_at(X, 6.0) == pytest.approx(cox.risk_at(X, 6.0), rel=1e-9)
    curve = cumulative_incidence(time, event)
    assert curve.at([3.0, 9.0]) == pytest.approx(1 - kaplan_meier(time, event).at([3.0, 9.0]))
    # Gray's variance is another estimate of that of the log-rank test.
    gray, rank = gray_test(time, event, data["z"]), logrank(time, event, data["z"])
    assert gray.statistic == pytest.approx(rank.statistic, rel=0.05)
