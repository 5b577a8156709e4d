# SPDX-License-Identifier: Apache-2.0
"""Cut continuous columns in two where they separate the training outcome best."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.outcome import Binary
from hepacast.core.params import Params
from hepacast.select.step import FittedStep, complete, step
from hepacast.stats.roc import youden
from hepacast.stats.univariate import screen_mann_whitney

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable


class DichotomiseParams(Params):
    """Settings of the cut by the ROC curve."""

    outcomes: ClassVar[frozenset[type]] = frozenset({Binary})
    """Outcome types that the step can learn from."""

    kind: Literal["dichotomise"] = "dichotomise"
    more_levels_than: int = Field(default=2, ge=2)
    """Columns with more distinct training values than this are cut, others are left alone."""


class Cut(FittedStep):
    """Replace columns by 1 at or above a cut-off and 0 below it.

    Parameters
    ----------
    train : Train
        What it learned from.
    cuts : (feature,) float
        In the unit of each column; NaN where a column is left alone.
    """

    def __init__(self, train: Train, cuts: Float[np.ndarray, " feature"]) -> None:
        done = [
            f"{column}: cut at {cut:.4g}"
            for column, cut in zip(train.table.columns, cuts, strict=True)
            if np.isfinite(cut)
        ]
        super().__init__(train, train.table.columns, done)
        self.cuts = cuts

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = self._values(table)
        above = np.where(np.isnan(values), np.nan, values >= self.cuts)
        return table.with_values(np.where(np.isnan(self.cuts), values, above), self.outputs)


@step(DichotomiseParams)
def dichotomise(train: Train, params: DichotomiseParams, rng: np.random.Generator) -> Cut:  # noqa: ARG001
    """Cut each continuous column at the Youden point of its ROC curve in training.

    Parameters
    ----------
    train : Train
        Complete columns, binary outcome.
    params : DichotomiseParams
        Which columns count as continuous.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Cut
        The cuts are in its notes; they are optimistic for the patients that
        chose them.  A column that no cut improves on chance stays continuous.

    Raises
    ------
    StudyError
        If the outcome is a time to event.

    Notes
    -----
    A column in which low values go with the event is cut at the Youden point
    of its negative.  Cutting throws information away (Altman and Royston 2006,
    BMJ 332:1080); it is here because published protocols do it.
    """
    values = complete(train, "a cut by the ROC curve")
    if not isinstance(train.outcome, Binary):
        raise StudyError(
            what="a cut by the ROC curve needs a binary outcome",
            got=type(train.outcome).__name__,
            fix="Leave the columns continuous, or define the event within a horizon.",
        )
    event = train.outcome.event
    if not 0 < event.sum() < len(event):
        raise NotEstimableError(
            what="a cut by the ROC curve needs cases with and without the event",
            got=f"{int(event.sum())} events in {len(event)} cases",
            fix="Use fewer folds, or collect more cases.",
        )
    cuts = np.full(values.shape[1], np.nan)
    for at, column in enumerate(values.T):
        if len(np.unique(column)) > params.more_levels_than:
            cuts[at] = _cut(column, event)
    return Cut(train, cuts)


def _cut(column: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"]) -> float:
    """Return the Youden point in the direction that the column has, or NaN: none separates."""
    sign = 1.0 if screen_mann_whitney(column, event).difference[0] >= 0.5 else -1.0
    try:
        return sign * float(youden(sign * column, event))
    except NotEstimableError:
        return float("nan")
