# SPDX-License-Identifier: Apache-2.0
"""Probabilities stay between 0 and 1, however their sums are rounded."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.outcome import Survival
from hepacast.models.forecast import HazardForecast, forecast_from
from hepacast.stats.cox import Baseline
from hepacast.stats.inputs import probabilities

NONE = Baseline(np.zeros(0), np.zeros(0))
LATE = Baseline(np.array([50.0]), np.array([1.0]))


@pytest.mark.parametrize("competing", [NONE, LATE], ids=["alone", "competing later"])
def test_a_hopeless_case_has_probability_one_and_no_more(competing: Baseline) -> None:
    # Twelve equal steps of the hazard: unbounded, their shares add up to 1 + 2e-16.
    hazard = Baseline(np.arange(1.0, 13.0), np.arange(1.0, 13.0) / 10)
    chance = HazardForecast(hazard, competing, 99.0).probability(np.linspace(0, 10, 201), 20.0)
    assert probabilities(chance).max() == 1.0
    assert (np.diff(chance) >= -1e-15).all()


def test_an_event_that_comes_to_everybody_has_probability_one_and_no_more() -> None:
    # Fifths added up one by one make 1 + 2e-16.
    everybody = Survival(np.arange(1.0, 6.0), np.ones(5, dtype=bool))
    chance = forecast_from(np.zeros(5), everybody, scale="odds").probability(np.zeros(5), 5.0)
    assert probabilities(chance).tolist() == [1.0] * 5
