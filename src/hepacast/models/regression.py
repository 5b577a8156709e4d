# SPDX-License-Identifier: Apache-2.0
"""Logistic and Cox regression without penalty, and Firth's where classes separate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import Binary
from hepacast.models.model import ModelParams, WeightedSum, complete, model
from hepacast.stats.coefficients import design
from hepacast.stats.cox import fit_cox
from hepacast.stats.firth_cox import firth_cox
from hepacast.stats.regression import firth_logistic, fit_logistic, separating_direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName


class RegressionParams(ModelParams):
    """Settings of logistic and Cox regression."""

    kind: Literal["regression"] = "regression"
    separation: Literal["firth", "error"] = "firth"
    """Where the likelihood has no maximum: Firth's penalty, noted in the model, or an error."""
    collinear: Literal["drop", "error"] = "drop"
    """Columns that follow exactly from others (SumAverage is twice JointAverage): leave the
    last by name out, with a note, which changes no fitted value; or an error."""


@model(RegressionParams)
def regression(train: Train, params: RegressionParams, rng: np.random.Generator) -> WeightedSum:  # noqa: ARG001
    """Fit logistic (binary) or cause-specific Cox regression (Efron ties) on all columns.

    Parameters
    ----------
    train : Train
        Complete columns.  Columns constant in training get no weight, and a note.
    params : RegressionParams
        What to do where the likelihood has no maximum.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    WeightedSum
        Competing events count as censored in the hazard.

    Raises
    ------
    NotEstimableError
        With as many columns as cases, one class only, no events, separation
        under ``separation: error``, or collinear columns under ``collinear: error``.

    Notes
    -----
    Source of the penalty: Firth 1993, Biometrika 80:27; Heinze and Schemper
    2001, Biometrics 57:114 (Cox).
    """
    columns: list[FeatureName] = list(train.table.columns)
    notes: list[str] = []
    if params.collinear == "drop":
        columns, notes = without_repeats(train)
    weights, more = regression_on(train, columns, params.separation)
    return WeightedSum(train, params.name, weights, [*notes, *more])


def without_repeats(train: Train) -> tuple[list[FeatureName], list[str]]:
    """Return the columns that follow from no others, and a note on those that do.

    Parameters
    ----------
    train : Train
        Complete columns.

    Returns
    -------
    columns : list of FeatureName
        In the order of the table; of columns that follow from each other the last by name goes.
    notes : list of str
        One, if any went.
    """
    columns = list(train.table.columns)
    extra = dependent(complete(train.table, "regression"), list(map(str, columns)))
    if not extra:
        return columns, []
    names = ", ".join(str(columns[at]) for at in extra[:3])
    kept = [column for at, column in enumerate(columns) if at not in set(extra)]
    return kept, [f"{len(extra)} columns follow from the others, no weight: {names}"]


def varying(
    train: Train, columns: Sequence[FeatureName]
) -> tuple[list[FeatureName], Float[np.ndarray, "case term"], list[str]]:
    """Return the columns that vary in training with their values, and a note on the others.

    Parameters
    ----------
    train : Train
        Complete in these columns.
    columns : sequence of FeatureName
        To look at.

    Returns
    -------
    columns : list of FeatureName
        Those with a standard deviation above rounding.
    values : (case, term) float
        Theirs.
    notes : list of str
        One, if any was constant.
    """
    values = complete(train.table.select(tuple(columns)), "regression")
    varies = values.std(axis=0) > 1e-12 * np.abs(values.mean(axis=0))
    names = [column for column, use in zip(columns, varies, strict=True) if use]
    note = f"{int((~varies).sum())} columns constant in training got no weight"
    return names, values[:, varies], [] if varies.all() else [note]


def dependent(values: Float[np.ndarray, "case term"], names: list[str]) -> list[int]:
    """Return the columns that are exact linear combinations of those before them by name.

    Constant columns are not counted; nothing is dropped where there are as many
    columns as cases, which no choice of columns can mend.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 1.0], [3.0, 6.0, 5.0], [5.0, 10.0, 1.0]])
    >>> dependent(x, ["a", "b", "c"])
    [1]
    """
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    varies = length > 1e-12 * np.sqrt(len(values)) * np.abs(values).max(axis=0, initial=0.0)
    if varies.sum() >= len(values):
        return []
    basis = np.empty((len(values), 0))
    found = []
    for at in sorted(np.flatnonzero(varies).tolist(), key=lambda one: names[one]):
        rest = centred[:, at] / length[at]
        for _ in range(2):  # once more, against cancellation
            rest = rest - basis @ (basis.T @ rest)
        if (left := float(np.linalg.norm(rest))) < 1e-8:
            found.append(at)
        else:
            basis = np.column_stack([basis, rest / left])
    return sorted(found)


def regression_on(
    train: Train, columns: Sequence[FeatureName], separation: str
) -> tuple[dict[FeatureName, float], list[str]]:
    """Return the coefficients of the given columns, and notes.

    Parameters
    ----------
    train : Train
        Complete in these columns.
    columns : sequence of FeatureName
        Constant ones get no weight, and a note.
    separation : {"firth", "error"}
        What to do where the likelihood has no maximum.
    """
    names, matrix, notes = varying(train, columns)
    if not names:
        return {}, notes
    labels = [str(name) for name in names]
    if isinstance(train.outcome, Binary):
        beta, firth = logistic_weights(matrix, train.outcome.event, labels, separation)
    else:
        follow = train.outcome.time_days
        beta, firth = cox_weights(matrix, follow, train.outcome.event, labels, separation)
    if firth:
        notes.append("the likelihood has no maximum (separation): Firth's penalty was used")
    return dict(zip(names, beta.tolist(), strict=True)), notes


def logistic_weights(
    matrix: Float[np.ndarray, "case term"],
    event: Bool[np.ndarray, " case"],
    names: list[str] | None = None,
    separation: str = "firth",
) -> tuple[Float[np.ndarray, " term"], bool]:
    """Return log odds ratios, and whether Firth's penalty was needed.

    Examples
    --------
    >>> x = np.arange(6.0)[:, None]
    >>> logistic_weights(x, x[:, 0] > 2.5)[1], logistic_weights(x, x[:, 0] % 2 > 0)[1]
    (True, False)
    """
    try:
        return fit_logistic(matrix, event, names).beta, False
    except NotEstimableError:
        # Collinear columns and single classes end here again, as they should.
        scaled = design(matrix, names).scaled
        ones = np.ones((len(event), 1))
        apart = separating_direction(np.hstack([ones, scaled]), event).any()
        if separation == "error" or not apart:
            raise
    return firth_logistic(matrix, event, names).beta, True


def cox_weights(
    matrix: Float[np.ndarray, "case term"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    names: list[str] | None = None,
    separation: str = "firth",
) -> tuple[Float[np.ndarray, " term"], bool]:
    """Return log hazard ratios (Efron ties), and whether Firth's penalty was needed.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> cox_weights(x, np.array([4.0, 1.0, 3.0, 2.0]), np.ones(4, dtype=bool))[1]
    True
    """
    design(matrix, names)  # raises for columns that no penalty should paper over
    try:
        fit = fit_cox(matrix, time, event, names)
    except NotEstimableError:
        if separation == "error" or not event.any():
            raise
        return firth_cox(matrix, time, event, names), True
    return fit.beta, False
