# SPDX-License-Identifier: Apache-2.0
"""Late fusion: a regression on scores that were given to patients left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.core.folds import Fitted, Fold, Train
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models.model import MODELS, FittedModel, ModelParams
from hepacast.models.regression import RegressionParams
from hepacast.stats.dealing import deal_folds, in_case_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float

    PartFit = Callable[[Train, np.random.Generator], Fitted]


class LateFusion(Fitted):
    """Several fitted scores, and a model that weighs them.

    Parameters
    ----------
    train : Train
        What all of it learned from.
    parts : mapping of str to Fitted
        Each gives one column; fitted on all training cases.
    top : FittedModel
        Learned from out-of-fold scores of the parts.
    """

    def __init__(self, train: Train, parts: Mapping[str, Fitted], top: FittedModel) -> None:
        super().__init__(train)
        self.parts, self.top = dict(parts), top
        self.notes = top.notes

    def _apply(self, table: FeatureTable) -> FeatureTable:
        scores = [_score(part._apply(table)) for part in self.parts.values()]
        values = np.stack(scores, axis=1) if scores else np.empty((len(table), 0))
        return self.top._apply(table.with_values(values, _columns(self.parts)))

    def probability(
        self, table: FeatureTable, at_days: float | None = None
    ) -> Float[np.ndarray, " case"]:
        """Return the probability of the event for patients whom it has never seen."""
        return self.top.forecast.probability(self.apply(table).values[:, 0], at_days)

    def apparent_probability(
        self, train: Train, at_days: float | None = None
    ) -> Float[np.ndarray, " case"]:
        """Return the probability for training cases: optimistic, and to be called so."""
        return self.top.forecast.probability(self._apply(train.table).values[:, 0], at_days)

    @property
    def coefficients(self) -> Mapping[FeatureName, float]:
        """Weight of each score."""
        return self.top.coefficients


def out_of_fold(
    train: Train, fits: Mapping[str, PartFit], rng: np.random.Generator, *, folds: int = 5
) -> Train:
    """Return the training cases with the scores that parts give them unseen.

    Parameters
    ----------
    train : Train
        Cases to divide, by patient and class.
    fits : mapping of str to callable
        ``fit(train, rng)`` returns something fitted that gives one column.
    rng : numpy.random.Generator
        Deals the folds, and is passed on.
    folds : int
        Number of folds.

    Returns
    -------
    Train
        One column per part, in the order given.
    """
    train = in_case_order(train)
    patients = train.table.patients
    fold = deal_folds(patients, train.outcome.event.astype(np.int64), folds, rng)
    at = {case: row for row, case in enumerate(train.table.cases)}
    scores = np.full((len(train.table), len(fits)), np.nan)
    for label in np.unique(fold):
        left_out = frozenset(np.array(patients, dtype=object)[fold == label])
        division = Fold(frozenset(patients) - left_out, left_out, f"inner fold {label}")
        learn, rest = division.train(train), division.test(train)
        rows = [at[case] for case in rest.cases]
        for column, fit in enumerate(fits.values()):
            scores[rows, column] = _score(fit(learn, rng).apply(rest))
    table = train.table.with_values(scores, _columns(fits))
    return Train(train.with_table(table))


def late_fusion(
    train: Train,
    fits: Mapping[str, PartFit],
    rng: np.random.Generator,
    *,
    folds: int = 5,
    top: ModelParams | None = None,
) -> LateFusion:
    """Fit parts on all training cases, and weigh them by their out-of-fold scores.

    Parameters
    ----------
    train : Train
        What to learn from.
    fits : mapping of str to callable
        As for :func:`out_of_fold`.
    rng : numpy.random.Generator
        For folds and parts.
    folds : int
        Inner folds.
    top : ModelParams, optional
        The model that weighs; regression by default.

    Notes
    -----
    Apparent scores would favour the part that overfits most.  Source: Wolpert
    1992, Neural Netw 5:241.
    """
    settings = top or RegressionParams(name="fused")
    stacked = out_of_fold(train, fits, rng, folds=folds)
    weigh = MODELS[settings](stacked, settings, rng)
    ordered = in_case_order(train)
    return LateFusion(train, {name: fit(ordered, rng) for name, fit in fits.items()}, weigh)


def _columns(parts: Mapping[str, object]) -> tuple[FeatureName, ...]:
    """Name the columns of scores."""
    return tuple(FeatureName.score(name) for name in parts)


def _score(table: FeatureTable) -> Float[np.ndarray, " case"]:
    """Return the one column of a score."""
    if table.values.shape[1] != 1:
        raise StudyError(
            what="a part of a fusion gives one score per case",
            got=f"{table.values.shape[1]} columns",
            fix="End the part with a model.",
        )
    column: Float[np.ndarray, " case"] = table.values[:, 0]
    return column
