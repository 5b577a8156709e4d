# SPDX-License-Identifier: Apache-2.0
"""Concordance against R's survival::concordance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.concordance import compare_c, harrell_c, uno_c


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("concordance")


def test_harrells_c_its_error_and_its_pairs_agree(stored: Any, close: Any) -> None:
    data, values = stored
    d, v = data["tied"], data["veteran"]
    # A higher Karnofsky score is better: the risk is its negative.
    for key, risk, cohort in (
        ("tied", d["x"], d),
        ("binary", d["z"], d),
        ("veteran", -np.array(v["karno"]), v),
    ):
        result = harrell_c(risk, cohort["time"], cohort["event"])
        assert [result.estimate, result.se] == close([values[key]["c"], values[key]["se"]])
        pairs = [result.concordant, result.discordant, result.tied_risk]
        assert pairs == close(values[key]["count"])


def test_unos_c_agrees(stored: Any, close: Any) -> None:
    data, values = stored
    d, v = data["tied"], data["veteran"]
    for key, risk, cohort, horizon in (
        ("uno_tied", d["x"], d, None),
        ("uno_veteran", -np.array(v["karno"]), v, None),
        ("uno_horizon", d["x"], d, 9.5),
    ):
        result = uno_c(risk, cohort["time"], cohort["event"], horizon=horizon)
        assert [result.estimate, result.se] == close([values[key]["c"], values[key]["se"]])


def test_paired_comparison_agrees(stored: Any, close: Any) -> None:
    data, values = stored
    for key, names, cohort in (
        ("compare", ("f1", "f2"), data["tied"]),
        ("compare_vet", ("v1", "v2"), data["veteran"]),
    ):
        # R's stored linear predictors are rounded at 15 digits; ties must stay ties.
        pair = [
            harrell_c(np.round(data[name], 10), cohort["time"], cohort["event"]) for name in names
        ]
        result = compare_c(*pair)
        assert [result.first, result.second] == close(values[key]["c"])
        assert result.se == close(values[key]["se"])
