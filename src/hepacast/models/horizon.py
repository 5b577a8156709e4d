# SPDX-License-Identifier: Apache-2.0
"""Logistic regression of the event within a horizon, with weights for early censoring."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from hepacast.core.errors import StudyError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks, Survival
from hepacast.models.model import ModelParams, WeightedSum, model
from hepacast.models.regression import varying, without_repeats
from hepacast.stats.horizon_regression import fit_horizon

if TYPE_CHECKING:
    import numpy as np

    from hepacast.core.folds import Train

_MONTHS = 24.0


class HorizonParams(ModelParams):
    """Settings of the regression at a horizon."""

    outcomes: ClassVar[frozenset[type]] = frozenset({Survival, CompetingRisks})

    kind: Literal["horizon"] = "horizon"
    months: float | None = Field(default=None, gt=0)
    """The horizon; that of the outcome by default, and else 24: recurrence within two years is
    what most liver studies call early."""
    penalty: float = Field(default=0.01, ge=0)
    """L2 penalty of the log odds ratio per standard deviation, per case."""


@model(HorizonParams)
def horizon(train: Train, params: HorizonParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Learn who has the event within the horizon, without leaving out the censored.

    A case censored before the horizon is neither an event nor free of it: its weight goes to
    the training cases that were followed longer (inverse probability of censoring).

    Parameters
    ----------
    train : Train
        Complete columns, and follow-up; competing events count as no event.  Columns that are
        constant in training, or follow from others, get no weight, and a note.
    params : HorizonParams
        The horizon, and the penalty.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Its weights are log odds ratios; probabilities by other times keep them (proportional
        odds), and are right in the mean of the training cases.

    Raises
    ------
    NotEstimableError
        Without events by the horizon or training cases followed beyond it.
    StudyError
        If the outcome ends at another horizon.

    Notes
    -----
    Source: Zheng 2006, Biometrics 62:279.
    """
    columns, notes = without_repeats(train)
    names, matrix, more = varying(train, columns)
    notes = [*notes, *more]
    outcome = train.outcome
    if not names or isinstance(outcome, Binary):
        return WeightedSum(train, params.name, {}, notes, scale="odds")
    labels = [str(name) for name in names]
    days = _days(params.months, outcome.horizon_days)
    found = fit_horizon(
        matrix, outcome.time_days, outcome.cause, days, labels, penalty=params.penalty
    )
    notes.append(
        f"{found.events} events by month {days / DAYS_PER_MONTH:.3g}; {found.unknown} cases "
        "censored before it gave their weight to those followed longer"
    )
    weights = dict(zip(names, found.beta.tolist(), strict=True))
    return WeightedSum(train, params.name, weights, notes, scale="odds")


def _days(months: float | None, own: float | None) -> float:
    """Return the horizon in days, and refuse one that the outcome contradicts."""
    asked = None if months is None else months * DAYS_PER_MONTH
    if asked is not None and own is not None and not math.isclose(asked, own):
        raise StudyError(
            what="the model's horizon must be the one of the outcome",
            got=f"months: {months:g}, where the outcome ends at {own / DAYS_PER_MONTH:.3g} months",
            fix="Leave months out: it then follows the outcome.",
        )
    return asked or own or _MONTHS * DAYS_PER_MONTH
