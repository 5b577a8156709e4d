# SPDX-License-Identifier: Apache-2.0
"""The fit on all cases: the one to hand on, and the one whose own results are optimistic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.folds import Fold
from hepacast.run.protocol.chain import fit_study
from hepacast.run.protocol.resample import OutOfFold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.folds import Cohort, Train
    from hepacast.core.table import FeatureName
    from hepacast.run.protocol.chain import FittedStudy, Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """Models fitted on all cases.

    Parameters
    ----------
    train : Train
        All cases.
    fitted : FittedStudy
        The fits.
    models : mapping of str to OutOfFold
        What they say about the very cases they learned from: optimistic by construction.
    coefficients : mapping of str to mapping of FeatureName to float
        Weights by score.
    """

    train: Train
    fitted: FittedStudy
    models: Mapping[str, OutOfFold]
    coefficients: Mapping[str, Mapping[FeatureName, float]]


def final_fit(cohort: Cohort, recipe: Recipe, at_days: float | None) -> Final:
    """Fit everything on all cases, and score the same cases, stamped as apparent."""
    everybody = Fold(frozenset(cohort.table.patients), frozenset(), label="all cases")
    train = everybody.train(cohort)
    fitted = fit_study(train, recipe, "final")
    found = fitted.predict_apparent(train, at_days)
    models = {
        name: OutOfFold(one.cases, one.score, one.probability, one.high, one.score[None])
        for name, one in found.items()
    }
    return Final(train, fitted, models, {n: s.model.coefficients for n, s in fitted.scores.items()})
