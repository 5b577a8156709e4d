# SPDX-License-Identifier: Apache-2.0
"""ROC curves against pROC, on its aSAH data (113 cases, tied scores)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.diagnostic import diagnostic
from hepacast.stats.roc import auc, compare_auc, compare_auc_unpaired, placements, roc_curve, youden


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("roc")


@pytest.mark.parametrize("score", ["s100b", "wfns", "ndka"])
def test_area_interval_and_curve_agree_with_proc(stored: Any, close: Any, score: str) -> None:
    data, values = stored
    expected = values[score]
    result, curve = auc(data[score], data["event"]), roc_curve(data[score], data["event"])
    assert result.estimate == close(expected["auc"])
    assert [result.low, result.high] == close(expected["ci"])
    assert result.se**2 == close(expected["var"])
    assert curve.cutoff[1:4] == close(expected["thresholds"])
    assert curve.sensitivity[1:6] == close(expected["sens"])
    assert curve.specificity[1:6] == close(expected["spec"])
    assert curve.area == close(expected["auc"])
    assert curve.sensitivity_at(0.9) == close(expected["sens_at_90"])
    assert curve.specificity_at(0.8) == close(expected["spec_at_80"])


@pytest.mark.parametrize("score", ["s100b", "wfns", "ndka"])
def test_youden_cut_agrees_with_proc(stored: Any, close: Any, score: str) -> None:
    data, values = stored
    cut = youden(data[score], data["event"])
    assert cut == close(values[score]["best"])
    call = diagnostic(data[score], data["event"], cut)
    assert call.sensitivity.estimate == close(values[score]["se"])
    assert call.specificity.estimate == close(values[score]["sp"])


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [("pair12", "s100b", "wfns"), ("pair13", "s100b", "ndka"), ("pair23", "wfns", "ndka")],
)
def test_paired_delong_agrees_with_proc(
    stored: Any, close: Any, key: str, first: str, second: str
) -> None:
    data, values = stored
    result = compare_auc(data[first], data[second], data["event"])
    expected = values[key]
    assert [result.statistic, result.p] == close([expected["z"], expected["p"]])
    assert [result.low, result.high] == close(expected["ci"])
    both = placements(np.array([data[first], data[second]], dtype=float), data["event"])
    assert both.covariance[0, 1] == close(expected["cov"])


def test_unpaired_delong_uses_satterthwaite_like_proc(stored: Any, close: Any) -> None:
    data, values = stored
    score, event, male = (
        np.array(data["s100b"]),
        np.array(data["event"]),
        np.array(data["male"]) == 1,
    )
    result = compare_auc_unpaired((score[male], event[male]), (score[~male], event[~male]))
    expected = values["unpaired"]
    assert [result.statistic, result.df, result.p] == close(
        [expected["d"], expected["df"], expected["p"]]
    )


@pytest.mark.parametrize("score", ["s100b", "wfns", "ndka"])
def test_partial_areas_agree_with_proc(stored: Any, close: Any, score: str) -> None:
    data, values = stored
    curve, expected = roc_curve(data[score], data["event"]), values[score]
    assert curve.partial_area(0.8, 1.0) == close(expected["pauc"])
    assert curve.partial_area(0.8, 1.0, corrected=True) == close(expected["pauc_corrected"])
    assert curve.partial_area(0.9, 1.0, over="sensitivity") == close(expected["pauc_se"])
