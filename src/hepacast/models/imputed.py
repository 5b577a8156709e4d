# SPDX-License-Identifier: Apache-2.0
"""Multiple imputation around a regression: fitted in every completed table, then pooled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import NotEstimableError
from hepacast.core.folds import Train
from hepacast.core.outcome import Binary, CompetingRisks, Outcome
from hepacast.models.forecast import forecast_from
from hepacast.models.model import MODELS, FittedModel, ModelParams, model
from hepacast.stats.chained_equations import learn_equations
from hepacast.stats.cox import baseline, fit_cox
from hepacast.stats.imputation import chained_imputations, pool
from hepacast.stats.regression import fit_logistic
from hepacast.stats.risk_sets import risk_sets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Bool, Float

    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.stats.chained_equations import Equations
    from hepacast.stats.imputation import Pooled


class ImputedParams(ModelParams):
    """Settings of multiple imputation."""

    kind: Literal["imputed"] = "imputed"
    model: Literal["regression", "ridge", "lasso"] = "regression"
    """What is fitted in every completed table, with its own default settings."""
    imputations: int = Field(default=20, ge=2)
    """Completed tables."""
    rounds: int = Field(default=10, ge=1)
    """Passes over the columns for each."""
    drop_missing_over: float = Field(default=0.2, ge=0, le=1)
    """Columns with a larger share of missing training values are dropped."""


class PooledSum(FittedModel):
    """A weighted sum of columns, with the mean weights over completed tables.

    Parameters
    ----------
    train : Train
        What it learned from, gaps included.
    name : str
        Of the column of scores.
    weights : mapping of FeatureName to float
        Means over the completed tables.
    equations : Equations
        They fill the gaps of new cases, without any outcome.
    completed : (case, column) float
        Mean of the completed training tables.
    pooled : Pooled or None
        Weights with Rubin's standard errors, for a regression without penalty.
    notes : sequence of str
        What a reader of the report should know.
    """

    def __init__(
        self,
        train: Train,
        name: str,
        weights: Mapping[FeatureName, float],
        equations: Equations,
        completed: Float[np.ndarray, "case column"],
        *,
        pooled: Pooled | None,
        notes: Sequence[str],
    ) -> None:
        super().__init__(train, name, tuple(weights), notes)
        self._weights = np.array(list(weights.values()), dtype=np.float64)
        self.equations, self.pooled = equations, pooled
        self._centre = completed.mean(axis=0)
        self.forecast = forecast_from(self._risk(completed), train.outcome)

    @property
    def coefficients(self) -> Mapping[FeatureName, float]:
        """Pooled log odds or log hazard ratio per unit; zero weights are left out."""
        pairs = zip(self.uses, self._weights.tolist(), strict=True)
        return {name: weight for name, weight in pairs if weight}

    def _risk(self, values: Float[np.ndarray, "case use"]) -> Float[np.ndarray, " case"]:
        risk: Float[np.ndarray, " case"] = (values - self._centre) @ self._weights
        return risk

    def _apply(self, table: FeatureTable) -> FeatureTable:
        whole = self.equations.fill(table.select(self.uses).values)
        return super()._apply(table.with_values(whole, self.uses))


@model(ImputedParams)
def imputed(train: Train, params: ImputedParams, rng: np.random.Generator) -> PooledSum:
    """Complete the training table several times, fit in each, and pool.

    Parameters
    ----------
    train : Train
        NaN where missing.
    params : ImputedParams
        What to fit, and how often.
    rng : numpy.random.Generator
        For the draws, and for the fits.

    Returns
    -------
    PooledSum
        The mean of the fitted sums, which is the sum with the mean weights.  Training gaps are
        drawn from all columns and the outcome, so that associations are not diluted; gaps of
        new cases are filled with their conditional mean given the other columns, since they
        have no outcome.

    Notes
    -----
    The outcome enters as the event and, for a time, the cumulative hazard at the end of follow-up
    (White and Royston 2009, Stat Med 28:1982).  Pooling: Rubin 1987; Wood 2015, Biom J 57:614
    (predictions).
    """
    values, columns = train.table.values, train.table.columns
    missing = np.isnan(values)
    share = missing.mean(axis=0) if len(values) else np.zeros(len(columns))
    keep = np.flatnonzero((share <= params.drop_missing_over) & ~missing.all(axis=0))
    kept, names = values[:, keep], tuple(columns[at] for at in keep)
    notes = [f"{len(columns) - len(keep)} columns dropped"] if len(keep) < len(columns) else []
    tables = _completed(kept, train.outcome, params, rng)
    settings = MODELS.parse(params.model)
    weights = np.zeros((len(tables), len(names)))
    for at, table in enumerate(tables):
        full = Train(train.with_table(train.table.with_values(table, names)))
        found = MODELS[settings](full, settings, rng).coefficients
        weights[at] = [found.get(name, 0.0) for name in names]
    pooled = _pooled(tables, train.outcome) if params.model == "regression" else None
    gaps = int(missing[:, keep].any(axis=1).sum())
    notes.append(f"{len(tables)} completed tables; {gaps} training cases had gaps")
    return PooledSum(
        train,
        params.name,
        dict(zip(names, weights.mean(axis=0).tolist(), strict=True)),
        learn_equations(kept),
        tables.mean(axis=0),
        pooled=pooled,
        notes=notes,
    )


def _completed(
    values: Float[np.ndarray, "case column"],
    outcome: Outcome,
    params: ImputedParams,
    rng: np.random.Generator,
) -> Float[np.ndarray, "imputation case column"]:
    """Draw completed tables; one is enough where nothing is missing."""
    if not np.isnan(values).any():
        return values[None]
    width = values.shape[1]
    wide = np.column_stack([values, _as_columns(outcome)])
    drawn = chained_imputations(wide, rng, imputations=params.imputations, rounds=params.rounds)
    # No drawn value outside what training patients had.
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return np.where(np.isnan(values), np.clip(drawn[:, :, :width], low, high), values)


def _as_columns(outcome: Outcome) -> Float[np.ndarray, "case column"]:
    """Write an outcome as columns: events, and for a time their cumulative hazards."""
    if isinstance(outcome, Binary):
        return outcome.event[:, None].astype(np.float64)
    events = [outcome.event]
    if isinstance(outcome, CompetingRisks) and (outcome.cause > 1).any():
        events.append(outcome.cause > 1)
    hazards = [_hazard(outcome.time_days, event) for event in events]
    return np.column_stack([*events, *hazards]).astype(np.float64)


def _hazard(
    time: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"]
) -> Float[np.ndarray, " case"]:
    """Nelson-Aalen's cumulative hazard at the end of each case's follow-up."""
    sets = risk_sets(np.arange(time.size), time, event, "breslow")
    return baseline(sets, np.zeros((time.size, 1)), np.zeros(1)).at(time)


def _pooled(tables: Float[np.ndarray, "imputation case column"], outcome: Outcome) -> Pooled | None:
    """Pool coefficients by Rubin's rules; None where one table is enough or cannot be fitted."""
    if len(tables) < 2 or not tables.shape[2]:
        return None
    estimates, variances = [], []
    try:
        for table in tables:
            if isinstance(outcome, Binary):
                found = fit_logistic(table, outcome.event).coefficients
                estimates.append(found.beta[1:])
                variances.append(found.se[1:] ** 2)
            else:
                found = fit_cox(table, outcome.time_days, outcome.event).coefficients
                estimates.append(found.beta)
                variances.append(found.se**2)
    except NotEstimableError:
        return None
    complete = tables.shape[1] - tables.shape[2] - int(isinstance(outcome, Binary))
    return pool(np.array(estimates), np.array(variances), complete_df=float(max(complete, 1)))
