# SPDX-License-Identifier: Apache-2.0
"""Fine and Gray's regression: risks of one event among several."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import CompetingRisks
from hepacast.models.model import ModelParams, WeightedSum, model
from hepacast.models.regression import varying, without_repeats
from hepacast.stats.coefficients import design
from hepacast.stats.fine_gray import firth_fine_gray, fit_fine_gray

if TYPE_CHECKING:
    import numpy as np

    from hepacast.core.folds import Train


class FineGrayParams(ModelParams):
    """Settings of Fine and Gray's regression."""

    outcomes: ClassVar[frozenset[type]] = frozenset({CompetingRisks})

    kind: Literal["fine-gray"] = "fine-gray"
    separation: Literal["firth", "error"] = "firth"
    """Where the likelihood has no maximum: Firth's penalty, noted in the model, or an error."""


@model(FineGrayParams)
def fine_gray(train: Train, params: FineGrayParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Fit the subdistribution hazard of the event of interest on all columns.

    Parameters
    ----------
    train : Train
        Complete columns and competing risks.  Columns that are constant in training, or follow
        from others, get no weight, and a note.
    params : FineGrayParams
        What to do where the likelihood has no maximum.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Its weights are log subdistribution hazard ratios; its probability is the cumulative
        incidence by the horizon, which depends on the competing events by itself.

    Raises
    ------
    NotEstimableError
        With as many columns as cases, without events of interest, or without a maximum under
        ``separation: error``.

    Notes
    -----
    Source: Fine and Gray 1999, J Am Stat Assoc 94:496.
    """
    columns, notes = without_repeats(train)
    names, matrix, more = varying(train, columns)
    notes = [*notes, *more]
    if not names or not isinstance(train.outcome, CompetingRisks):
        return WeightedSum(train, params.name, {}, notes, scale="subdistribution")
    time, cause, labels = train.outcome.time_days, train.outcome.cause, [str(n) for n in names]
    design(matrix, labels)  # raises for columns that no penalty should paper over
    try:
        beta = fit_fine_gray(matrix, time, cause, labels).beta
    except NotEstimableError:
        if params.separation == "error" or not train.outcome.event.any():
            raise
        beta = firth_fine_gray(matrix, time, cause, labels)
        notes.append("the likelihood has no maximum (separation): Firth's penalty was used")
    weights = dict(zip(names, beta.tolist(), strict=True))
    return WeightedSum(train, params.name, weights, notes, scale="subdistribution")
