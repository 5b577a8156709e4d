# SPDX-License-Identifier: Apache-2.0
"""Calibration against R's glm, loess, rms::val.prob and survival."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.calibration import calibration, hosmer_lemeshow
from hepacast.stats.calibration_survival import calibration_survival
from hepacast.stats.roc import auc
from hepacast.stats.smooth import loess


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("calibration")


def test_recalibration_and_scores_agree(stored: Any, close: Any) -> None:
    data, values = stored
    result = calibration(data["p"], data["y"])
    assert [result.slope.estimate, result.slope.se] == close(values["slope"])
    assert [result.in_the_large.estimate, result.in_the_large.se] == close(values["large"])
    assert result.intercept == close(values["intercept"])
    assert result.brier == close(values["brier"])
    test = result.spiegelhalter
    assert [test.statistic, test.p] == close(values["spiegelhalter"])
    assert auc(data["p"], data["y"]).estimate == close(values["c"])
    assert [result.ici, result.e50, result.e90, result.e_max] == close(values["ici"])


def test_loess_agrees_with_its_direct_form_in_r(stored: Any, close: Any) -> None:
    data, values = stored
    own = loess(data["p"], data["y"])
    assert own.y[:10] == close(values["loess_fit"])
    line = loess(data["p"], data["y"], [0.1, 0.5, 0.8], span=0.5, degree=1)
    assert line.y == close(values["loess1"]["fit"])
    assert line.se == close(values["loess1"]["se"])


def test_hosmer_lemeshow_agrees(stored: Any, close: Any) -> None:
    data, values = stored
    test = hosmer_lemeshow(data["p"], data["y"])
    assert [test.statistic, test.p] == close(values["hl"][:2])
    assert test.method.endswith(f"{values['hl'][2]} groups")


def test_survival_calibration_agrees(stored: Any, close: Any) -> None:
    data, values = stored
    late, expected = data["late"], values["survival"]
    result = calibration_survival(data["risk"], late["time"], late["event"], 8.0)
    assert [result.slope.estimate, result.slope.se] == close(expected["slope"])
    assert [result.ici, result.e50, result.e90, result.e_max] == close(expected["ici"])
    ratio = result.observed_expected
    assert [ratio.estimate, ratio.low, ratio.high] == close(expected["oe"])
    assert np.all(result.groups.low <= result.groups.observed)
