# SPDX-License-Identifier: Apache-2.0
"""Penalty paths of L1 and elastic-net logistic and Cox regression, with cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.core.outcome import Binary, Outcome
from hepacast.stats.dealing import deal_folds
from hepacast.stats.penalty_path import PathSettings, Problem, SparsePath, walk_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int

Choice = Literal["min", "1se"]

__all__ = [
    "Choice",
    "MixedChoice",
    "PathSettings",
    "SparseChoice",
    "SparsePath",
    "cox_deviance",
    "cv_elastic_net",
    "cv_lasso",
    "cv_lasso_cox",
    "cv_lasso_logistic",
    "lasso_path_cox",
    "lasso_path_logistic",
]


@dataclass(frozen=True, slots=True, eq=False)
class SparseChoice:
    """A path with its cross-validated deviance.

    Parameters
    ----------
    path : SparsePath
        Fitted on all cases.
    deviance : (penalty,) float
        Mean over the folds of the deviance of the cases left out; lower is better.
    standard_error : (penalty,) float
        Of that mean.
    at_min : int
        Place of the lowest deviance; the larger penalty wins a tie.
    at_1se : int
        Place of the largest penalty within one standard error of the lowest.
    """

    path: SparsePath
    deviance: Float[np.ndarray, " penalty"]
    standard_error: Float[np.ndarray, " penalty"]
    at_min: int
    at_1se: int

    def place(self, choice: Choice) -> int:
        """Return the place on the path that a rule picks."""
        return self.at_min if choice == "min" else self.at_1se

    def coefficients(self, choice: Choice = "min") -> Float[np.ndarray, " feature"]:
        """Return the coefficients at the penalty that a rule picks."""
        return self.path.coefficients(self.place(choice))


def lasso_path_logistic(
    values: Float[np.ndarray, "case feature"],
    event: Bool[np.ndarray, " case"],
    settings: PathSettings | None = None,
    penalties: Float[np.ndarray, " penalty"] | None = None,
) -> SparsePath:
    """Fit L1 (or elastic-net) logistic regression along a grid of penalties.

    Parameters
    ----------
    values : (case, feature) float
        Complete columns in any unit; they are standardised inside (ddof 0) and
        the coefficients are returned on the scale given.  Constant columns stay at 0.
    event : (case,) bool
        True where the event happened.
    settings : PathSettings, optional
        Mixing, grid and tolerance.
    penalties : (penalty,) float, optional
        Falling grid to use instead of the automatic one.

    Returns
    -------
    SparsePath
        It ends early, as glmnet does, once 99.9 % of the deviance is explained
        or five more penalties gain less than 1e-5 of it (automatic grid only).

    Raises
    ------
    NotEstimableError
        If only one class is present.
    TableError
        If a value is missing.

    Notes
    -----
    Source: Friedman, Hastie and Tibshirani 2010, J Stat Softw 33(1); strong
    rules with a check of the optimality conditions by Tibshirani et al. 2012,
    J R Stat Soc B 74:245.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(80, 5))
    >>> path = lasso_path_logistic(x, x[:, 3] + 0.5 * rng.normal(size=80) > 0)
    >>> np.flatnonzero(path.coefficients(5)).tolist()
    [3]
    """
    _refuse_unfit(values, event, need_both=True)
    return walk_path(Problem("logistic", values, event), settings or PathSettings(), penalties)


def lasso_path_cox(
    values: Float[np.ndarray, "case feature"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    settings: PathSettings | None = None,
    penalties: Float[np.ndarray, " penalty"] | None = None,
) -> SparsePath:
    """Fit L1 (or elastic-net) Cox regression along a grid of penalties.

    Parameters
    ----------
    values : (case, feature) float
        As for :func:`lasso_path_logistic`.
    time : (case,) float
        Time to the event or to censoring, any unit.
    event : (case,) bool
        True where the event was seen.
    settings, penalties : optional
        As for :func:`lasso_path_logistic`.

    Returns
    -------
    SparsePath
        Higher linear predictor, earlier event.

    Raises
    ------
    NotEstimableError
        If no event was seen.

    Notes
    -----
    Ties by Breslow, as in glmnet.  Source: Simon et al. 2011, J Stat Softw 39(5).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(80, 5))
    >>> time = rng.exponential(np.exp(-x[:, 2]))
    >>> path = lasso_path_cox(x, time, np.ones(80, dtype=bool))
    >>> bool(path.coefficients(5)[2] > 0), np.flatnonzero(path.coefficients(5)).tolist()
    (True, [2])
    """
    _refuse_unfit(values, event, need_both=False)
    return walk_path(Problem("cox", values, event, time), settings or PathSettings(), penalties)


def cv_lasso_logistic(
    values: Float[np.ndarray, "case feature"],
    event: Bool[np.ndarray, " case"],
    fold: Int[np.ndarray, " case"],
    settings: PathSettings | None = None,
) -> SparseChoice:
    """Choose the penalty of L1 logistic regression by the deviance of cases left out.

    Parameters
    ----------
    values, event, settings
        As for :func:`lasso_path_logistic`.
    fold : (case,) int
        Fold of every case; keep the cases of a patient together
        (:func:`~hepacast.stats.dealing.deal_folds`).

    Returns
    -------
    SparseChoice
        All folds use the grid of the fit on all cases; each standardises on
        its own training part.  Mean and standard error weigh folds by size, as
        glmnet's ``grouped = TRUE``.
    """
    settings = settings or PathSettings()
    path = lasso_path_logistic(values, event, settings)
    labels = np.unique(fold)
    deviance, weight = np.empty((len(labels), len(path.penalties))), np.empty(len(labels))
    for row, label in enumerate(labels):
        out = fold == label
        part = lasso_path_logistic(values[~out], event[~out], settings, path.penalties)
        eta = part.linear_predictor(values[out])
        losses = np.logaddexp(0.0, np.where(event[out][:, None], -eta, eta))
        deviance[row] = _extend(2.0 * losses.mean(axis=0), len(path.penalties))
        weight[row] = out.sum()
    return _choose(path, deviance, weight)


def cv_lasso_cox(
    values: Float[np.ndarray, "case feature"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    fold: Int[np.ndarray, " case"],
    settings: PathSettings | None = None,
) -> SparseChoice:
    """Choose the penalty of L1 Cox regression by the partial-likelihood deviance left out.

    The deviance of a fold is that of all cases minus that of the training part,
    both at the coefficients of the training part, per event of the fold (van
    Houwelingen et al. 2006, Stat Med 25:3201; glmnet's ``grouped = TRUE``).
    Folds without an event carry no weight.

    Parameters
    ----------
    values, time, event, settings
        As for :func:`lasso_path_cox`.
    fold : (case,) int
        Fold of every case.

    Returns
    -------
    SparseChoice
        Path of all cases and the two places chosen.
    """
    settings = settings or PathSettings()
    path = lasso_path_cox(values, time, event, settings)
    labels = [label for label in np.unique(fold) if event[fold == label].any()]
    deviance, weight = np.empty((len(labels), len(path.penalties))), np.empty(len(labels))
    for row, label in enumerate(labels):
        stay = fold != label
        part = lasso_path_cox(values[stay], time[stay], event[stay], settings, path.penalties)
        eta = part.linear_predictor(values)
        every = cox_deviance(eta, time, event)
        left_out = every - cox_deviance(eta[stay], time[stay], event[stay])
        weight[row] = event[~stay].sum()
        deviance[row] = _extend(left_out / weight[row], len(path.penalties))
    return _choose(path, deviance, weight)


def cv_lasso(
    values: Float[np.ndarray, "case feature"],
    outcome: Outcome,
    patients: Sequence[str],
    rng: np.random.Generator,
    *,
    folds: int = 5,
    settings: PathSettings | None = None,
) -> SparseChoice:
    """Deal patients into folds, and cross-validate the family that fits the outcome.

    Parameters
    ----------
    values : (case, feature) float
        Complete columns.
    outcome : Binary, Survival or CompetingRisks
        Logistic for the first, otherwise Cox; competing events count as censored.
    patients : (case,) str
        Patient of every row; a patient is never divided.
    rng : numpy.random.Generator
        Deals the folds.
    folds : int
        Number of folds.
    settings : PathSettings, optional
        Mixing, grid and tolerance.
    """
    fold = deal_folds(patients, outcome.event.astype(np.int64), folds, rng)
    if isinstance(outcome, Binary):
        return cv_lasso_logistic(values, outcome.event, fold, settings)
    return cv_lasso_cox(values, outcome.time_days, outcome.event, fold, settings)


@dataclass(frozen=True, slots=True, eq=False)
class MixedChoice:
    """A chosen mixing of the elastic net, with its path.

    Parameters
    ----------
    l1_ratio : float
        The mixing of the lowest cross-validated deviance.
    choice : SparseChoice
        Its path and deviance.
    """

    l1_ratio: float
    choice: SparseChoice


def cv_elastic_net(
    values: Float[np.ndarray, "case feature"],
    outcome: Outcome,
    patients: Sequence[str],
    rng: np.random.Generator,
    *,
    folds: int = 5,
    mixings: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
) -> MixedChoice:
    """Choose mixing and penalty of the elastic net on the same folds.

    Parameters
    ----------
    values, outcome, patients, rng, folds
        As for :func:`cv_lasso`.
    mixings : sequence of float
        Each above 0 and at most 1; of equal deviances the first wins.
    """
    seed = int(rng.integers(2**63))
    best: MixedChoice | None = None
    for mix in mixings:
        settings = PathSettings(l1_ratio=mix)
        dealt = np.random.default_rng(seed)
        found = cv_lasso(values, outcome, patients, dealt, folds=folds, settings=settings)
        lowest = found.deviance[found.at_min]
        if best is None or lowest < best.choice.deviance[best.choice.at_min]:
            best = MixedChoice(mix, found)
    if best is None:
        raise NotEstimableError(
            what="the elastic net needs a mixing to try",
            got="none",
            fix="Give l1_ratios, such as 0.5.",
        )
    return best


def cox_deviance(
    risk: Float[np.ndarray, "case ..."],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
) -> np.ndarray:
    """Return twice the gap between the saturated and the actual log partial likelihood.

    Ties by Breslow; lower is better.  A matrix of risks gives one value per column.

    >>> two = np.array([True, True])
    >>> round(float(cox_deviance(np.zeros(2), np.array([1.0, 2.0]), two) / np.log(2)), 12)
    2.0
    """
    problem = Problem("cox", np.empty((len(risk), 0)), event, time)
    columns = np.ascontiguousarray(risk.reshape(len(risk), -1)[problem.order].T)
    losses = np.array([problem.loss(one) for one in columns])
    deviance: np.ndarray = 2.0 * len(risk) * losses + problem.saturated
    return deviance.reshape(risk.shape[1:])


def _refuse_unfit(
    values: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"], *, need_both: bool
) -> None:
    """Refuse missing values and outcomes without information."""
    if not np.isfinite(values).all():
        raise TableError(
            what="a penalised fit needs complete columns",
            got=f"{int((~np.isfinite(values)).sum())} missing or infinite values",
            fix="Put an impute step before it.",
        )
    if not event.any() or (need_both and event.all()):
        raise NotEstimableError(
            what="a penalised fit needs events" + (" and non-events" if need_both else ""),
            got=f"{int(event.sum())} events in {len(event)} cases",
            fix="Use fewer folds, or collect more cases.",
        )


def _extend(deviance: Float[np.ndarray, " reached"], length: int) -> Float[np.ndarray, " penalty"]:
    """Repeat the last value where a fold's path ended before the common one."""
    return np.concatenate([deviance, np.full(length - len(deviance), deviance[-1])])


def _choose(
    path: SparsePath,
    deviance: Float[np.ndarray, "fold penalty"],
    weight: Float[np.ndarray, " fold"],
) -> SparseChoice:
    """Average over the folds, and pick the two places."""
    if len(weight) < 2:
        raise NotEstimableError(
            what="choosing a penalty needs at least two folds with events",
            got=f"{len(weight)}",
            fix="Use fewer folds, so that each has an event.",
        )
    mean = np.average(deviance, axis=0, weights=weight)
    spread = np.average((deviance - mean) ** 2, axis=0, weights=weight)
    error = np.sqrt(spread / (len(weight) - 1))
    best = int(np.argmin(mean))
    within = int(np.flatnonzero(mean <= mean[best] + error[best])[0])
    return SparseChoice(path, mean, error, best, within)
