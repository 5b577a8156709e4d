# SPDX-License-Identifier: Apache-2.0
"""The month that probabilities are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.outcome import DAYS_PER_MONTH, Binary

if TYPE_CHECKING:
    from hepacast.core.outcome import Outcome
    from hepacast.table.outcomes import BinaryParams, CompetingParams, SurvivalParams


def horizon_days(
    params: BinaryParams | SurvivalParams | CompetingParams, outcome: Outcome
) -> float | None:
    """Return the declared horizon, or the median time of the events; None for a binary outcome.

    A binary outcome whose early censored cases are weighed has a horizon, too: its own.

    The median uses event times only to place a common horizon for display; no
    model learns from it.

    Parameters
    ----------
    params : BinaryParams, SurvivalParams or CompetingParams
        As in the study file.
    outcome : Binary, Survival or CompetingRisks
        What happened.
    """
    if isinstance(outcome, Binary):
        return None
    if outcome.horizon_days is not None:
        return outcome.horizon_days
    declared = getattr(params, "horizon_months", None)
    if declared is not None:
        return float(declared) * DAYS_PER_MONTH
    return float(np.median(outcome.time_days[outcome.event]))
