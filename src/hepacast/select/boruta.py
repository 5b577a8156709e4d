# SPDX-License-Identifier: Apache-2.0
"""Columns that beat shuffled copies of columns in a random forest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field
from scipy import stats

from hepacast.core.outcome import Binary, Outcome
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.select.univariate import refuse_one_class
from hepacast.stats.cox import baseline
from hepacast.stats.risk_sets import risk_sets

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.folds import Train


class BorutaParams(Params):
    """Settings of Boruta."""

    kind: Literal["boruta"] = "boruta"
    rounds: int = Field(default=20, ge=5)
    """Forests grown."""
    trees: int = Field(default=100, ge=10)
    """Trees per forest."""
    depth: int = Field(default=5, ge=1)
    """Largest depth of a tree."""
    p_below: float = Field(default=0.05, gt=0, lt=1)
    """Level of the binomial test, divided by the number of columns."""


@step(BorutaParams)
def boruta(train: Train, params: BorutaParams, rng: np.random.Generator) -> KeepColumns:
    """Keep columns that are more important than the best shuffled copy, more often than chance.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : BorutaParams
        Forests and level.
    rng : numpy.random.Generator
        Shuffles copies and seeds forests.

    Returns
    -------
    KeepColumns
        Its evidence is the number of rounds won.  Columns neither confirmed nor
        rejected after the last round are not kept.

    Notes
    -----
    A column leaves the race once it has lost too often to be confirmed.  For a
    time to event the forest predicts the martingale residual of the model
    without columns.  Source: Kursa and Rudnicki 2010, J Stat Softw 36(11), with
    Bonferroni's correction.
    """
    values = complete(train, "Boruta")
    refuse_one_class(train.outcome)
    count = values.shape[1]
    if count == 0:
        return KeepColumns(train, np.zeros(0, dtype=bool), np.zeros(0), "rounds won")
    level = params.p_below / count
    needed = int(stats.binom.isf(level, params.rounds, 0.5)) + 1
    wins, racing = np.zeros(count), np.arange(count)
    target = _target(train.outcome)
    for turn in range(params.rounds):
        shadows = rng.permuted(values[:, racing], axis=0)
        both = np.hstack([values[:, racing], shadows])
        weight = _forest(both, target, params, int(rng.integers(2**31)))
        wins[racing] += weight[: len(racing)] > weight[len(racing) :].max()
        racing = racing[wins[racing] + (params.rounds - turn - 1) >= needed]
        if not len(racing):
            break
    keep = np.zeros(count, dtype=bool)
    keep[racing] = wins[racing] >= needed
    return KeepColumns(train, keep, wins, "rounds won")


def _target(outcome: Outcome) -> Float[np.ndarray, " case"]:
    """Return the event, or the martingale residual of a time to it."""
    event = outcome.event
    if isinstance(outcome, Binary):
        return event.astype(np.float64)
    time = outcome.time_days
    sets = risk_sets(np.arange(len(time)), time, event, "efron")
    expected = baseline(sets, np.zeros((len(time), 1)), np.zeros(1)).at(time)
    residual: Float[np.ndarray, " case"] = event - expected
    return residual


def _forest(
    values: Float[np.ndarray, "case feature"],
    target: Float[np.ndarray, " case"],
    params: BorutaParams,
    seed: int,
) -> Float[np.ndarray, " feature"]:
    """Return the importance of each column."""
    from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415 - slow to import

    forest: Any = ExtraTreesRegressor(
        n_estimators=params.trees, max_depth=params.depth, max_features="sqrt", random_state=seed
    )
    return np.asarray(forest.fit(values, target).feature_importances_, dtype=np.float64)
