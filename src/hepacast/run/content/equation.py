# SPDX-License-Identifier: Apache-2.0
"""Models written out, where they are short enough to be computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.outcome import DAYS_PER_MONTH, CompetingRisks
from hepacast.models import WeightedSum
from hepacast.models.forecast import LogitForecast
from hepacast.report import content as shown
from hepacast.select.impute import Fill
from hepacast.select.step import KeepColumns

if TYPE_CHECKING:
    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.run.protocol.chain import FittedStudy
    from hepacast.table.clinical import ClinicalTable

MOST_TERMS = 12
"""A nomogram with more axes helps nobody."""


def equation_of(
    fitted: FittedStudy, model: str, train: Train, clinical: ClinicalTable, at_days: float | None
) -> shown.Equation | None:
    """Write the model that was fitted on all cases out, in the units of its columns.

    None where it is no weighted sum, chose nothing or too much, weighs columns
    whose units a step has changed, weighs a column that never varies, or forecasts one
    of several competing events.
    """
    weighed = _weighed(fitted, model, train)
    if weighed is None:
        return None
    weights, table = weighed
    if not 0 < len(weights) <= MOST_TERMS or (np.ptp(table.values, axis=0) == 0).any():
        return None
    found = fitted.combined.get(model) or fitted.scores[fitted.members[model][0]].model
    terms = tuple(
        _term(name, weight, table.values[:, at], clinical)
        for at, (name, weight) in enumerate(weights.items())
    )
    centre = float(table.values.mean(axis=0) @ np.array(list(weights.values())))
    if isinstance(found.forecast, LogitForecast):
        intercept = found.forecast.intercept - centre
        return shown.Equation(kind="logistic", intercept=intercept, terms=terms)
    if at_days is None or isinstance(train.outcome, CompetingRisks):
        return None
    share = 1 - float(found.forecast.probability(np.zeros(1), at_days)[0])
    baseline = shown.Baseline(months=at_days / DAYS_PER_MONTH, survival=share)
    return shown.Equation(kind="cox", center=centre, baselines=(baseline,), terms=terms)


def _weighed(
    fitted: FittedStudy, model: str, train: Train
) -> tuple[dict[FeatureName, float], FeatureTable] | None:
    """Return weights and training values of the columns that a model weighs."""
    combined = fitted.combined.get(model)
    if combined is not None:
        found, table = combined, fitted.unseen[model]
    else:
        score = fitted.scores[fitted.members[model][0]]
        if not all(isinstance(step, KeepColumns | Fill) for step in score.steps):
            return None
        found, table = score.model, score.weighed(train)
    if not isinstance(found, WeightedSum):
        return None
    weights = dict(found.coefficients)
    return weights, table.select(tuple(weights))


def _term(
    name: FeatureName, weight: float, values: np.ndarray, clinical: ClinicalTable
) -> shown.Term:
    """Describe one column, with the clinic's own words where it has them."""
    base, _, level = name.feature.partition("=")
    variable = clinical.variables.get(base) if name.family == "clinical" else None
    coded = variable is not None and bool(variable.levels)
    label = variable.label + (f": {level}" if level else "") if variable else name.label
    return shown.Term(
        name=str(name),
        label=label,
        unit=(variable.field.unit or "") if variable and not coded else "",
        coefficient=weight,
        low=float(values.min()),
        high=float(values.max()),
        usual=float(np.median(values)),
        levels=("no", "yes") if coded else (),
    )
