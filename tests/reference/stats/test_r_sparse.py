# SPDX-License-Identifier: Apache-2.0
"""Penalty paths and their cross-validation against R's glmnet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.sparse import (
    PathSettings,
    SparsePath,
    cv_lasso_cox,
    cv_lasso_logistic,
    lasso_path_cox,
    lasso_path_logistic,
)

EXACT = 1e-16


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("sparse")


def path(d: Any, family: str, mix: float, penalties: Any = None) -> SparsePath:
    settings = PathSettings(l1_ratio=mix, tolerance=EXACT)
    x = np.array(d["x"])
    if family == "binomial":
        return lasso_path_logistic(x, np.array(d["y"]) == 1, settings, penalties)
    time, event = np.array(d["time"], dtype=float), np.array(d["event"]) == 1
    return lasso_path_cox(x, time, event, settings, penalties)


@pytest.mark.parametrize("mix", ["lasso", "net"])
@pytest.mark.parametrize("shape", ["tall", "wide"])
@pytest.mark.parametrize("family", ["binomial", "cox"])
def test_coefficients_along_the_path_are_those_of_glmnet(
    stored: Any, family: str, shape: str, mix: str
) -> None:
    data, values = stored
    expected = values[f"{family}_{shape}_{mix}"]
    ours = path(data[shape], family, 1.0 if mix == "lasso" else 0.4)
    np.testing.assert_allclose(ours.penalties[0], expected["first"], rtol=1e-8)
    places = np.array([1, 9, 24, 39])
    np.testing.assert_allclose(ours.penalties[places], expected["lambda"], rtol=1e-8)
    np.testing.assert_allclose(ours.deviance_ratio[places], expected["dev"], rtol=1e-5)
    for at, row in zip(places, expected["beta"], strict=True):
        beta = np.array(row)
        found = ours.coefficients(int(at))
        np.testing.assert_allclose(found, beta, rtol=2e-4, atol=2e-6 * np.abs(beta).max())
    if family == "binomial":
        np.testing.assert_allclose(ours.intercepts[places], expected["a0"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", ["binomial", "cox"])
def test_cross_validated_deviance_is_that_of_glmnet(stored: Any, family: str) -> None:
    data, values = stored
    d, expected = data["tall"], values[f"cv_{family}"]
    x, fold = np.array(d["x"]), np.array(d["fold"])
    settings = PathSettings(tolerance=EXACT)
    if family == "binomial":
        found = cv_lasso_logistic(x, np.array(d["y"]) == 1, fold, settings)
    else:
        time, event = np.array(d["time"], dtype=float), np.array(d["event"]) == 1
        found = cv_lasso_cox(x, time, event, fold, settings)
    both = min(len(found.deviance), len(expected["mean"]))
    assert both > 40
    np.testing.assert_allclose(found.deviance[:both], expected["mean"][:both], rtol=1e-5)
    np.testing.assert_allclose(found.standard_error[:both], expected["se"][:both], rtol=1e-4)
    np.testing.assert_allclose(found.path.penalties[found.at_min], expected["min"], rtol=1e-8)
    np.testing.assert_allclose(found.path.penalties[found.at_1se], expected["se1"], rtol=1e-8)
