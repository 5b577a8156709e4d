# SPDX-License-Identifier: Apache-2.0
"""Choose columns by their association with the outcome, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator
from scipy import stats

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.outcome import Binary, Outcome
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.stats.univariate import (
    screen_c,
    screen_cox,
    screen_logistic,
    screen_mann_whitney,
    screen_t,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureName

Test = Literal["auto", "welch", "mann-whitney", "score", "wald", "likelihood-ratio"]


class UnivariateParams(Params):
    """Settings of the univariate filter; one of ``p_below``, ``best`` and ``c_above`` decides."""

    kind: Literal["univariate"] = "univariate"
    test: Test = "auto"
    """``auto`` is the score test: logistic for a binary outcome, Cox otherwise."""
    p_below: float | None = Field(default=None, gt=0, le=1)
    """Keep columns with a smaller P value; 0.05 where no other rule is set."""
    best: int | None = Field(default=None, ge=1)
    """Keep this many columns with the smallest P values."""
    c_above: float | None = Field(default=None, ge=0.5, lt=1)
    """Keep columns whose C (the AUC of a binary outcome), in either direction, is larger."""

    @model_validator(mode="after")
    def _one_rule(self) -> UnivariateParams:
        if sum(rule is not None for rule in (self.p_below, self.best, self.c_above)) > 1:
            msg = "set one of p_below, best and c_above"
            raise ValueError(msg)
        return self


@step(UnivariateParams)
def univariate(
    train: Train,
    params: UnivariateParams,
    rng: np.random.Generator,  # noqa: ARG001
) -> KeepColumns:
    """Keep columns that are associated with the outcome in the training patients.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : UnivariateParams
        Test and rule.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    KeepColumns
        Its evidence is the P value of each column.  None below the limit keeps
        no column: the model that follows is then the average model.

    Raises
    ------
    NotEstimableError
        If there are no events, or (binary) no non-events.
    StudyError
        If a two-group test is asked of a time to event.

    Notes
    -----
    Equal P values are told apart by the name of the column.  Several cases of
    one patient count as independent, which makes P values too small.
    """
    values = complete(train, "a univariate test")
    if params.c_above is not None:
        c = concordance(values, train.outcome)
        return KeepColumns(train, np.maximum(c, 1 - c) > params.c_above, c, "C")
    p = p_values(values, train.outcome, params.test)
    if params.best is None:
        keep = p < (0.05 if params.p_below is None else params.p_below)
    else:
        keep = _smallest(p, train.table.columns, params.best)
    return KeepColumns(train, keep, p, "P value")


def _smallest(
    p: Float[np.ndarray, " feature"], columns: Sequence[FeatureName], best: int
) -> Bool[np.ndarray, " feature"]:
    """Mark the columns with the smallest P values; equal ones in the order of their names."""
    keep = np.ones(len(p), dtype=bool)
    if best < len(p):
        keep[:] = False
        limit = np.partition(p, best - 1)[best - 1]
        near = np.flatnonzero(p <= limit * (1 + 1e-8))
        # Rounding keeps copies of one column together, whatever order the sums ran in.
        order = sorted(near.tolist(), key=lambda at: (float(f"{p[at]:.9e}"), str(columns[at])))
        keep[order[:best]] = True
    return keep


def p_values(
    values: Float[np.ndarray, "case feature"], outcome: Outcome, test: Test = "auto"
) -> Float[np.ndarray, " feature"]:
    """Return the two-sided P value of each column; 1 for a constant column.

    Parameters
    ----------
    values : (case, feature) float
        Complete.
    outcome : Binary, Survival or CompetingRisks
        Competing events count as censored (cause-specific hazard).
    test : {"auto", "welch", "mann-whitney", "score", "wald", "likelihood-ratio"}
        Welch's t and Mann-Whitney (normal approximation, tie and continuity
        corrected) need a binary outcome; the others are tests of logistic or
        Cox regression (Efron ties; the score test: Breslow) with the one column.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [9.0]])
    >>> y = Binary(np.array([False, False, False, True, True, True]))
    >>> p_values(x, y, "welch").round(3).tolist()
    [0.106]
    """
    refuse_one_class(outcome)
    event = outcome.event
    if values.shape[1] == 0:
        return np.ones(0)
    if isinstance(outcome, Binary):
        return _binary(values, event, test)
    time = outcome.time_days
    if test in {"wald", "likelihood-ratio"}:
        screen = screen_cox(values, time, event)
        return screen.p if test == "wald" else screen.p_lr
    if test in {"auto", "score"}:
        return _tail(cox_score_z(values, time, event) ** 2)
    raise StudyError(
        what=f"test {test!r} compares two groups",
        got="a time to event",
        fix="Use test: score (Cox), or a binary outcome.",
    )


def concordance(
    values: Float[np.ndarray, "case feature"], outcome: Outcome
) -> Float[np.ndarray, " feature"]:
    """Return Harrell's C of each column taken as a risk, or its AUC; below 0.5 where low is worse.

    Competing events count as censored.

    Examples
    --------
    >>> concordance(np.array([[1.0], [2.0], [3.0]]), Binary(np.array([False, True, True]))).tolist()
    [1.0]
    """
    refuse_one_class(outcome)
    if values.shape[1] == 0:
        return np.ones(0)
    if isinstance(outcome, Binary):
        return screen_mann_whitney(values, outcome.event).difference
    return screen_c(values, outcome.time_days, outcome.event)


def refuse_one_class(outcome: Outcome) -> None:
    """Refuse outcomes without events, or (binary) without non-events.

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        Of the training cases.

    Raises
    ------
    NotEstimableError
        If no test can be made.

    Examples
    --------
    >>> refuse_one_class(Binary(np.array([True, False])))
    """
    event = outcome.event
    if not event.any() or (isinstance(outcome, Binary) and event.all()):
        raise NotEstimableError(
            what="a univariate test needs events and non-events",
            got=f"{int(event.sum())} events in {len(event)} cases",
            fix="Use fewer folds, or collect more cases.",
        )


def _binary(
    values: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"], test: Test
) -> Float[np.ndarray, " feature"]:
    """Compare the columns of cases with and without the event."""
    if test == "welch":
        return screen_t(values, event).p
    if test == "mann-whitney":
        return screen_mann_whitney(values, event).p
    if test == "wald":
        return screen_logistic(values, event).p
    if test == "likelihood-ratio":
        return screen_logistic(values, event).p_lr
    return _tail(logistic_score_z(values, event) ** 2)


def logistic_score_z(
    values: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"]
) -> Float[np.ndarray, " feature"]:
    """Return the score statistic of each column alone; positive where higher is worse.

    Parameters
    ----------
    values : (case, feature) float
        Complete columns.
    event : (case,) bool
        True where the event happened.

    Returns
    -------
    (feature,) float
        Its square is the case count times the squared correlation with the event; 0 for a
        constant column.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0], [4.0, 2.0]])
    >>> logistic_score_z(x, np.array([False, False, True, True])).round(3).tolist()
    [1.789, 0.0]
    """
    centred = values - values.mean(axis=0)
    share = event.mean()
    score = centred.T @ (event - share)
    return _ratio(score, share * (1 - share) * np.einsum("ij,ij->j", centred, centred), centred)


def cox_score_z(
    values: Float[np.ndarray, "case feature"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
) -> Float[np.ndarray, " feature"]:
    """Return the Cox score statistic of each column alone; positive where higher is worse.

    Parameters
    ----------
    values : (case, feature) float
        Complete columns.
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.

    Returns
    -------
    (feature,) float
        Ties by Breslow.  For a 0/1 column without ties this is the log-rank test.

    Examples
    --------
    >>> x, time = np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([1.0, 2.0, 3.0, 4.0])
    >>> cox_score_z(x, time, np.ones(4, dtype=bool)).round(3).tolist()
    [1.698]
    """
    order = np.argsort(-time, kind="stable")
    x, when, happened = values[order] - values.mean(axis=0), time[order], event[order]
    # Rows run from late to early: the risk set of a time is everything up to its last row.
    end = np.searchsorted(-when, -when, side="right") - 1
    at_risk = np.arange(1.0, len(when) + 1)[:, None]
    mean, square = np.cumsum(x, axis=0) / at_risk, np.cumsum(x**2, axis=0) / at_risk
    rows = end[happened]
    score = (x[happened] - mean[rows]).sum(axis=0)
    return _ratio(score, (square[rows] - mean[rows] ** 2).sum(axis=0), x)


def _ratio(
    score: Float[np.ndarray, " feature"],
    information: Float[np.ndarray, " feature"],
    centred: Float[np.ndarray, "case feature"],
) -> Float[np.ndarray, " feature"]:
    """Divide the score by the root of its variance; 0 where the variance is rounding noise."""
    least = 1e-20 * (centred**2).sum(axis=0) + np.finfo(float).tiny
    usable = information > least
    z: Float[np.ndarray, " feature"] = np.where(
        usable, score / np.sqrt(np.where(usable, information, 1.0)), 0.0
    )
    return z


def _tail(chi2: Float[np.ndarray, " feature"]) -> Float[np.ndarray, " feature"]:
    """Return the upper tail of the chi-squared distribution with one degree of freedom."""
    p: Float[np.ndarray, " feature"] = stats.chi2.sf(chi2, 1)
    return p
