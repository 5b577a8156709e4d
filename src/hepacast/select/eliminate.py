# SPDX-License-Identifier: Apache-2.0
"""Recursive feature elimination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import StudyError
from hepacast.core.outcome import Binary, CompetingRisks, Outcome, Survival
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.stats.cox import baseline
from hepacast.stats.inputs import some_events
from hepacast.stats.risk_sets import risk_sets
from hepacast.stats.sparse import PathSettings, lasso_path_cox, lasso_path_logistic

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from hepacast.core.folds import Train

    Importance = Callable[
        [Float[np.ndarray, "case feature"], Outcome], Float[np.ndarray, " feature"]
    ]


class RfeParams(Params):
    """Settings of recursive feature elimination."""

    kind: Literal["rfe"] = "rfe"
    estimator: Literal["ridge", "tree", "forest", "svm"] = "ridge"
    """What ranks the columns; of a time to event ``ridge`` is Cox, trees split relative risk."""
    keep: int = Field(default=20, ge=1)
    """How many columns to keep (all, where there are fewer)."""
    drop: float = Field(default=0.1, gt=0, lt=1)
    """Share of the columns dropped in each round; at least one is."""
    ridge: float = Field(default=0.1, gt=0)
    """L2 penalty beside the mean negative log-likelihood (estimator ``ridge``)."""
    trees: int = Field(default=100, ge=10)
    """Trees (estimator ``forest``)."""


@step(RfeParams)
def rfe(train: Train, params: RfeParams, rng: np.random.Generator) -> KeepColumns:
    """Fit, drop the least important columns, and again, until few are left.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside.
    params : RfeParams
        Estimator and number.
    rng : numpy.random.Generator
        Seeds trees.

    Returns
    -------
    KeepColumns
        Its evidence is the round in which a column was dropped (0: it stays,
        1: dropped last).

    Raises
    ------
    StudyError
        If ``svm``, which tells two classes apart, is asked of a time to event.

    Notes
    -----
    Source: Guyon et al. 2002, Mach Learn 46:389.  Importance is the absolute
    coefficient per SD, or the impurity decrease of trees.  Trees of a time to
    event are relative risk trees: the impurity is the Poisson deviance of the
    events that a node has beside those that its follow-up would lead one to
    expect (LeBlanc and Crowley 1992, Biometrics 48:411).  Competing events
    count as censoring.
    """
    values = complete(train, "recursive feature elimination")
    importance = _estimator(train.outcome, params, int(rng.integers(2**31)))
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    left = np.arange(values.shape[1])
    dropped: list[np.ndarray] = []
    while len(left) > params.keep:
        weight = importance(scaled[:, left], train.outcome)
        many = min(max(1, int(params.drop * len(left))), len(left) - params.keep)
        worst = np.argsort(weight, kind="stable")[:many]
        dropped.append(left[worst])
        left = np.delete(left, worst)
    round_dropped = np.zeros(values.shape[1])
    for back, gone in enumerate(reversed(dropped), start=1):
        round_dropped[gone] = back
    return KeepColumns(train, round_dropped == 0, round_dropped, "round dropped, from the last")


def _estimator(outcome: Outcome, params: RfeParams, seed: int) -> Importance:
    """Return the function that ranks columns."""
    if params.estimator == "ridge":
        return lambda values, known: _ridge(values, known, params.ridge)
    if params.estimator != "svm":
        return lambda values, known: _trees(values, known, params, seed)
    if not isinstance(outcome, Binary):
        raise StudyError(
            what="estimator 'svm' tells two classes apart",
            got=type(outcome).__name__,
            fix="Use estimator: ridge, which is Cox for a time to event, tree or forest.",
        )
    return lambda values, known: _svm(values, known, seed)


def _ridge(
    values: Float[np.ndarray, "case feature"], outcome: Outcome, penalty: float
) -> Float[np.ndarray, " feature"]:
    """Rank by the coefficients of ridge regression."""
    settings, grid = PathSettings(l1_ratio=0.0, tolerance=1e-12), np.array([penalty])
    if isinstance(outcome, Binary):
        path = lasso_path_logistic(values, outcome.event, settings, grid)
    else:
        path = lasso_path_cox(values, outcome.time_days, outcome.event, settings, grid)
    weight: Float[np.ndarray, " feature"] = np.abs(path.coefficients(0))
    return weight


def _svm(
    values: Float[np.ndarray, "case feature"], outcome: Outcome, seed: int
) -> Float[np.ndarray, " feature"]:
    """Rank by the coefficients of a linear support vector machine."""
    from sklearn.svm import LinearSVC  # noqa: PLC0415 - slow to import

    model = LinearSVC(dual="auto", max_iter=100_000, random_state=seed)
    return np.asarray(np.abs(model.fit(values, outcome.event).coef_[0]), dtype=np.float64)


def _trees(
    values: Float[np.ndarray, "case feature"], outcome: Outcome, params: RfeParams, seed: int
) -> Float[np.ndarray, " feature"]:
    """Rank by the impurity decrease of a tree or a forest."""
    from sklearn import ensemble, tree  # noqa: PLC0415 - slow to import

    one = params.estimator == "tree"
    model: Any
    if isinstance(outcome, Binary):
        model = tree.DecisionTreeClassifier() if one else ensemble.RandomForestClassifier()
    else:
        kind = tree.DecisionTreeRegressor if one else ensemble.RandomForestRegressor
        model = kind(criterion="poisson")
    model.set_params(random_state=seed, **({} if one else {"n_estimators": params.trees}))
    if isinstance(outcome, Binary):
        model.fit(values, outcome.event)
    else:
        rate, expected = relative_risk(outcome)
        model.fit(values, rate, sample_weight=expected)
    return np.asarray(model.feature_importances_, dtype=np.float64)


def relative_risk(
    outcome: Survival | CompetingRisks,
) -> tuple[Float[np.ndarray, " case"], Float[np.ndarray, " case"]]:
    """Set the event of every case beside what its follow-up would lead one to expect.

    Parameters
    ----------
    outcome : Survival or CompetingRisks
        Follow-up; competing events count as censoring.

    Returns
    -------
    rate : (case,) float
        Events per expected event; 0 where none is expected.
    expected : (case,) float
        Nelson-Aalen cumulative hazard at the end of follow-up, were all cases alike.

    Examples
    --------
    >>> known = Survival(np.array([1.0, 2.0, 4.0, 4.0]), np.array([True, False, True, False]))
    >>> [one.round(3).tolist() for one in relative_risk(known)]
    [[4.0, 0.0, 1.333, 0.0], [0.25, 0.25, 0.75, 0.75]]
    """
    time, event = outcome.time_days, outcome.event
    some_events("a tree of a time to event", event)
    sets = risk_sets(np.arange(len(time)), time, event, "breslow")
    expected = baseline(sets, np.zeros((len(time), 1)), np.zeros(1)).at(time)
    rate = np.divide(event, expected, out=np.zeros_like(expected), where=expected > 0)
    return rate, expected
