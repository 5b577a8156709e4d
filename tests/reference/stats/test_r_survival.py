# SPDX-License-Identifier: Apache-2.0
"""Survival curves and tests against R's survival package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.survival import kaplan_meier, logrank
from hepacast.stats.survival_contrasts import (
    compare_rmst,
    compare_survival_at,
    pairwise_logrank,
    rmst,
)


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("survival")


def number(value: Any) -> float:
    return np.nan if value == "NA" else float(value)


def numbers(values: Any) -> Any:
    return np.array([number(value) for value in values])


@pytest.mark.parametrize(
    ("key", "cohort", "scale"),
    [
        ("log", "tied", "log"),
        ("loglog", "tied", "log-log"),
        ("plain", "tied", "plain"),
        ("veteran", "veteran", "log"),
        ("all_events", "flat", "log"),
    ],
)
def test_curve_and_interval_agree_with_survfit(
    stored: Any, key: str, cohort: str, scale: Any
) -> None:
    data, values = stored
    expected = values["tied"][key] if cohort == "tied" else values[key]
    curve = kaplan_meier(data[cohort]["time"], data[cohort]["event"], conf_type=scale)
    for mine, theirs in (
        (curve.times, "time"),
        (curve.survival, "surv"),
        (curve.low, "low"),
        (curve.high, "high"),
        (curve.at_risk, "risk"),
    ):
        wanted = numbers(expected[theirs])
        keep = np.isfinite(wanted) if theirs in {"low", "high"} else np.ones(wanted.size, bool)
        np.testing.assert_allclose(mine[keep], wanted[keep], rtol=1e-8, atol=1e-12)
    middle, low, high = curve.quantile(0.5)
    for time, name in ((middle, "median"), (low, "median_low"), (high, "median_high")):
        wanted_time = number(expected[name])
        assert time == (pytest.approx(wanted_time) if np.isfinite(wanted_time) else np.inf)
    assert curve.quantile(0.25)[0] == pytest.approx(number(expected["q25"]))


@pytest.mark.parametrize(
    ("key", "group", "options"),
    [
        ("logrank2", "z", {}),
        ("logrank3", "group", {}),
        ("peto", "group", {"weight": "peto"}),
        ("stratified", "group", {"strata": "site"}),
    ],
)
def test_log_rank_family_agrees_with_survdiff(
    stored: Any, close: Any, key: str, group: str, options: dict[str, Any]
) -> None:
    data, values = stored
    d = data["tied"]
    chosen = {k: d[v] if k == "strata" else v for k, v in options.items()}
    test = logrank(d["time"], d["event"], d[group], **chosen)
    assert [test.statistic, test.p] == close([values[key]["chisq"], values[key]["p"]])
    if key != "peto":
        assert test.expected == close(values[key]["exp"])
        assert test.observed == close(values[key]["obs"])


def test_four_cell_types_of_the_veteran_trial_agree(stored: Any, close: Any) -> None:
    data, values = stored
    d = data["veteran"]
    test = logrank(d["time"], d["event"], d["cell"])
    assert [test.statistic, test.p] == close([values["veteran_cell"][k] for k in ("chisq", "p")])


def test_trend_over_ordered_groups_agrees_with_survdiffs_parts(stored: Any, close: Any) -> None:
    data, values = stored
    d = data["tied"]
    assert logrank(d["time"], d["event"], d["group"]).trend().statistic == close(values["trend"])


def test_restricted_means_and_their_errors_agree_with_survfit(stored: Any, close: Any) -> None:
    data, values = stored
    d, v, expected = data["tied"], data["veteran"], values["rmst"]
    whole = rmst(d["time"], d["event"], 12.0)
    assert [whole.estimate, whole.se] == close(expected["tied12"])
    year = rmst(v["time"], v["event"], 365.0)
    assert [year.estimate, year.se] == close(expected["vet365"])
    gap = compare_rmst(d["time"], d["event"], d["z"], 10.0)
    assert [gap.first, gap.second] == close([expected["z0"][0], expected["z1"][0]])
    assert gap.se == close(np.hypot(expected["z0"][1], expected["z1"][1]))


def test_survival_at_one_time_agrees_with_survfit(stored: Any, close: Any) -> None:
    data, values = stored
    d, expected = data["tied"], values["fixed"]
    one = kaplan_meier(d["time"], d["event"]).estimate_at(10.0)
    assert [one.estimate, one.se, one.low, one.high] == close(expected["log"])
    gap = compare_survival_at(d["time"], d["event"], d["z"], 10.0)
    assert gap.difference == close(expected["z0"][0] - expected["z1"][0])
    assert gap.se == close(np.hypot(expected["z0"][1], expected["z1"][1]))
    bent = compare_survival_at(d["time"], d["event"], d["z"], 10.0, scale="log-log")
    assert (bent.statistic > 0) == (gap.statistic > 0)


def test_pairs_of_groups_agree_with_survdiff(stored: Any, close: Any) -> None:
    data, values = stored
    d = data["tied"]
    result = pairwise_logrank(d["time"], d["event"], d["group"])
    assert result.p == close(values["pairwise"])
    assert np.all(result.adjusted >= result.p)
