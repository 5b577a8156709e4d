# SPDX-License-Identifier: Apache-2.0
"""Tune an estimator on training patients, and put its scores on the log odds or hazard scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import Binary, Outcome
from hepacast.models.forecast import Scale, forecast_from
from hepacast.models.model import FittedModel, ModelParams, WeightedSum, complete
from hepacast.models.regression import cox_weights, logistic_weights
from hepacast.models.search import search_between
from hepacast.stats.concordance import harrell_c
from hepacast.stats.dealing import deal_folds
from hepacast.stats.horizon import weighted_auc
from hepacast.stats.horizon_competing import weights_at
from hepacast.stats.horizon_regression import fit_horizon
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jaxtyping import Float, Int

    from hepacast.core.folds import Train
    from hepacast.core.outcome import CompetingRisks, Survival
    from hepacast.stats.horizon import Weights

    Setting = Mapping[str, Any]
    Estimator = Any
    Values = Float[np.ndarray, "case feature"]
    Scores = Float[np.ndarray, " case"]

_ISOTONIC_FROM = 1000
_CLIP = 0.01
_BRAKE = 0.01


class LearnedParams(ModelParams):
    """What the settings of every tuned estimator share."""

    folds: int = 5
    """Inner folds, by patient: they choose the setting and calibrate the scores."""
    search: Literal["grid", "optuna"] = "grid"
    """Try the settings listed, or let Optuna look between the smallest and the largest."""
    trials: int = Field(default=20, ge=2)
    """Settings that Optuna tries."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make, fit and read one kind of estimator.

    Parameters
    ----------
    grid : sequence of mapping
        Settings to try, or to search between; of equal merit the first wins.
    fit : callable
        ``fit(values, outcome, setting, seed)`` returns a fitted estimator.
    score : callable
        ``score(estimator, values)`` returns (case,) scores, higher is worse.
    """

    grid: Sequence[Setting]
    fit: Callable[[Values, Outcome, Setting, int], Estimator]
    score: Callable[[Estimator, Values], Scores]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A rising map from scores to risks.

    Parameters
    ----------
    slope : float
        Risk per unit of score (Platt; or the Cox coefficient of the score).
    knots : (2, knot) float or None
        Scores and risks between which isotonic calibration interpolates; then
        the slope is not used.
    scale : {"hazard", "odds"}
        What the risk of an outcome with a time is.
    """

    slope: float
    knots: Float[np.ndarray, "two knot"] | None = None
    scale: Scale = "hazard"

    def __call__(self, score: Float[np.ndarray, " case"]) -> Float[np.ndarray, " case"]:
        """Return the risk on the log odds or log hazard scale.

        Examples
        --------
        >>> Calibration(2.0)(np.array([1.0, -1.0])).tolist()
        [2.0, -2.0]
        """
        if self.knots is None:
            return self.slope * score
        risk: Float[np.ndarray, " case"] = np.interp(score, *self.knots)
        return risk


class Learned(FittedModel):
    """A tuned estimator with calibrated scores.

    The risk is centred on the mean *out-of-fold* risk of the training cases:
    their own scores are too extreme to tell where new cases will lie.

    Parameters
    ----------
    train : Train
        What it learned from.
    name : str
        Of the column of scores.
    estimator, score
        Fitted estimator, and how to read it.
    calibration : Calibration
        Learned on out-of-fold scores.
    held_out : (case,) float
        Calibrated out-of-fold risks of the training cases.
    notes : sequence of str
        Setting chosen, and its merit.
    """

    def __init__(
        self,
        train: Train,
        name: str,
        reader: tuple[Estimator, Callable[[Estimator, Values], Scores]],
        calibration: Calibration,
        held_out: Float[np.ndarray, " case"],
        notes: Sequence[str],
    ) -> None:
        super().__init__(train, name, train.table.columns, notes)
        self._estimator, self._score = reader
        self.calibration = calibration
        self._centre = float(held_out.mean())
        risk = held_out - self._centre
        self.forecast = forecast_from(risk, train.outcome, scale=calibration.scale)

    def _risk(self, values: Float[np.ndarray, "case use"]) -> Float[np.ndarray, " case"]:
        if not len(values):
            return np.zeros(0)
        return self.calibration(self._score(self._estimator, values)) - self._centre


def learn(
    train: Train, params: LearnedParams, recipe: Recipe, rng: np.random.Generator
) -> FittedModel:
    """Choose a setting by inner cross-validation, refit, and calibrate on scores left out.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : LearnedParams
        Name of the score and number of folds.
    recipe : Recipe
        What to fit.
    rng : numpy.random.Generator
        Deals folds and seeds the estimator.

    Returns
    -------
    FittedModel
        Without a varying column, the average model.

    Notes
    -----
    The setting of the highest mean AUC (C index) over the folds is taken.
    Calibration is Platt's slope, isotonic from 1,000 binary cases on, and the
    Cox coefficient of the score for a time to event.  Scores that point the
    wrong way out of fold get slope 0: everybody the same risk, and a note.

    A classifier learns a follow-up with a horizon from the cases whose state at the horizon is
    known, weighed by the inverse probability of censoring, which is estimated in the very cases
    that each fit learns from (Zheng 2006, Biometrics 62:279).
    """
    values = complete(train.table, type(params).__name__.removesuffix("Params"))
    task = _Task(train.outcome, weighs=type(train.outcome) not in params.outcomes)
    event = train.outcome.event.astype(np.int64)
    fold = deal_folds(train.table.patients, event, params.folds, rng)
    seed = int(rng.integers(2**31))
    if not values.shape[1] or not np.ptp(values, axis=0).any():
        return WeightedSum(train, params.name, {}, ["no column varies: average model"])
    tried: list[tuple[float, Setting, Scores]] = []

    def merit(setting: Setting) -> float:
        held_out = _held_out(values, task, fold, recipe, (setting, seed))
        tried.append((task.merit(held_out, fold), setting, held_out))
        return tried[-1][0]

    # Small problems: threads of a linear algebra library cost more than they give.
    with threadpool_limits(limits=1):
        if params.search == "optuna" and recipe.grid[0]:
            search_between(recipe.grid, merit, params.trials, seed)
        else:
            for setting in recipe.grid:
                merit(setting)
    best = int(np.argmax(np.round([one[0] for one in tried], 12)))
    highest, chosen, scores = tried[best]
    calibration = task.calibrate(scores)
    words = ", ".join(f"{key}={_number(value)}" for key, value in chosen.items())
    notes = [f"{words or 'no setting'}: {highest:.3f} in inner folds, {len(tried)} tried"]
    if calibration.slope == 0:
        notes.append("out-of-fold scores carried no signal: everybody gets the average risk")
    rows, labels = task.labels(np.arange(len(values)))
    with threadpool_limits(limits=1):
        estimator = recipe.fit(values[rows], labels, chosen, seed)
    reader = (estimator, recipe.score)
    return Learned(train, params.name, reader, calibration, calibration(scores), notes)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _held_out(
    values: Float[np.ndarray, "case feature"],
    task: _Task,
    fold: Int[np.ndarray, " case"],
    recipe: Recipe,
    setting: tuple[Setting, int],
) -> Float[np.ndarray, " case"]:
    """Score every training case by an estimator that has not seen its patient."""
    scores = np.empty(len(values))
    for label in np.unique(fold):
        out = fold == label
        rows, part = task.labels(np.flatnonzero(~out))
        if not part.event.any() or (isinstance(part, Binary) and part.event.all()):
            raise NotEstimableError(
                what="every inner fold must leave events and non-events to learn from",
                got=f"{int(task.outcome.event.sum())} events in {len(task.outcome)} cases",
                fix="Use fewer folds, or collect more cases.",
            )
        scores[out] = recipe.score(recipe.fit(values[rows], part, *setting), values[out])
    return scores


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What an estimator learns, and how its scores are judged.

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        Of the training cases.
    weighs : bool
        True for a classifier that learns a follow-up with a horizon from weighed cases.
    """

    outcome: Outcome
    weighs: bool

    def labels(self, rows: Int[np.ndarray, " row"]) -> tuple[Int[np.ndarray, " known"], Outcome]:
        """Return the rows that can be learned from, and what happened to them."""
        part = self.outcome.take(rows)
        if not self.weighs or isinstance(part, Binary):
            return rows, part
        weights = _weights(part)
        known = weights.weight > 0
        return rows[known], Binary(weights.case[known], part.name, weights.weight[known])

    def merit(self, scores: Float[np.ndarray, " case"], fold: Int[np.ndarray, " case"]) -> float:
        """Return the mean AUC or C index over the folds that have one; 0.5 where none has."""
        weights = None
        if self.weighs and not isinstance(self.outcome, Binary):
            weights = _weights(self.outcome)
        found = []
        for label in np.unique(fold):
            rows = np.flatnonzero(fold == label)
            part = self.outcome.take(rows)
            try:
                if weights is not None:
                    found.append(weighted_auc(scores[rows], weights.take(rows)).estimate)
                elif isinstance(part, Binary):
                    found.append(auc(scores[rows], part.event).estimate)
                else:
                    found.append(harrell_c(scores[rows], part.time_days, part.event).estimate)
            except NotEstimableError:
                continue
        return float(np.mean(found)) if found else 0.5

    def calibrate(self, scores: Float[np.ndarray, " case"]) -> Calibration:
        """Learn the map from out-of-fold scores to risks."""
        outcome = self.outcome
        scale: Scale = "odds" if self.weighs else "hazard"
        if np.ptp(scores) <= 1e-12 * np.abs(scores).max():
            return Calibration(0.0, scale=scale)
        column = scores[:, None]
        if isinstance(outcome, Binary):
            return _calibrate_binary(column, outcome)
        if self.weighs:
            return Calibration(max(_slope_at_horizon(column, outcome), 0.0), scale=scale)
        slope = cox_weights(column, outcome.time_days, outcome.event)[0][0]
        return Calibration(max(float(slope), 0.0))


def _weights(outcome: Survival | CompetingRisks) -> Weights:
    """Weigh training cases by their own censoring, up to the horizon of the outcome."""
    return weights_at(outcome.time_days, outcome.cause, outcome.horizon_days or 0.0)


def _slope_at_horizon(
    column: Float[np.ndarray, "case one"], outcome: Survival | CompetingRisks
) -> float:
    """Return the log odds ratio of a score at the horizon; penalised where classes separate."""
    follow = outcome.time_days, outcome.cause, outcome.horizon_days or 0.0
    try:
        return float(fit_horizon(column, *follow).beta[0])
    except NotEstimableError:
        return float(fit_horizon(column, *follow, penalty=_BRAKE).beta[0])


def _calibrate_binary(column: Float[np.ndarray, "case one"], outcome: Binary) -> Calibration:
    """Learn Platt's slope, or an isotonic map where there are enough cases for one."""
    slope = max(float(logistic_weights(column, outcome.event)[0][0]), 0.0)
    if len(column) < _ISOTONIC_FROM or slope == 0:
        return Calibration(slope)
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - slow to import

    fitted = IsotonicRegression(y_min=_CLIP, y_max=1 - _CLIP).fit(column[:, 0], outcome.event)
    return Calibration(slope, np.stack([fitted.X_thresholds_, log_odds(fitted.y_thresholds_)]))


def log_odds(probability: Float[np.ndarray, " case"]) -> Float[np.ndarray, " case"]:
    """Return log odds, with probabilities kept 1 % away from 0 and 1.

    Examples
    --------
    >>> log_odds(np.array([0.5, 0.0])).round(2).tolist()
    [0.0, -4.6]
    """
    inside = np.clip(probability, _CLIP, 1 - _CLIP)
    odds: Float[np.ndarray, " case"] = np.log(inside / (1 - inside))
    return odds
