# SPDX-License-Identifier: Apache-2.0
"""How sure an ensemble of networks is, and probabilities that mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, xlogy

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.core.folds import Fitted
from hepacast.core.outcome import Binary
from hepacast.core.params import Params
from hepacast.core.table import FeatureName
from hepacast.stats.inputs import both_classes
from hepacast.stats.regression import firth_logistic, fit_logistic

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """What several networks of one training set say together.

    Parameters
    ----------
    probability : (case,) float
        Mean of the members; higher is worse.
    spread : (case,) float
        Standard deviation between members: what another seed would change.
    entropy : (case,) float
        Of the mean, bits; 1 at even odds.
    disagreement : (case,) float
        The part of the entropy that comes from disagreement between members
        (mutual information), bits; the rest no seed can remove.
    """

    probability: Float[np.ndarray, " case"]
    spread: Float[np.ndarray, " case"]
    entropy: Float[np.ndarray, " case"]
    disagreement: Float[np.ndarray, " case"]


def ensemble(probabilities: Float[np.ndarray, "member case"]) -> Ensemble:
    """Average networks that differ in their seed only.

    Networks of different folds learned from different patients: their spread also
    holds the chance of the sample, and belongs into another figure.

    Parameters
    ----------
    probabilities : (member, case) float
        Between 0 and 1, of at least two members.

    Raises
    ------
    TableError
        If there is one member, or a value is no probability.

    Notes
    -----
    Source: Lakshminarayanan 2017, NeurIPS 30:6402; the split of the entropy: Depeweg 2018,
    PMLR 80:1184.

    Examples
    --------
    >>> found = ensemble(np.array([[0.5, 0.0], [0.5, 1.0]]))
    >>> found.entropy.tolist(), found.disagreement.tolist()
    ([1.0, 1.0], [0.0, 1.0])
    """
    members = np.asarray(probabilities, np.float64)
    inside = members.ndim == 2 and bool(((members >= 0) & (members <= 1)).all())
    if not inside or len(members) < 2:
        raise TableError(
            what="an ensemble is at least two rows of probabilities, one per seed",
            got=f"shape {members.shape}" if inside else "values that are no probabilities",
            fix="Train more seeds, and pass probabilities rather than logits.",
        )
    mean = members.mean(axis=0)
    entropy = _entropy(mean)
    disagreement = np.clip(entropy - _entropy(members).mean(axis=0), 0.0, None)
    return Ensemble(mean, members.std(axis=0, ddof=1), entropy, disagreement)


def _entropy(p: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    found: Float[np.ndarray, ...] = -(xlogy(p, p) + xlogy(1 - p, 1 - p)) / np.log(2)
    return found


class RecalibrationParams(Params):
    """Settings of a map from scores to probabilities."""

    kind: Literal["platt", "temperature"] = "platt"
    """``platt``: slope and intercept; ``temperature``: slope only, which keeps 0 at even odds."""
    name: str = "probability"
    """Of the column that it gives."""


class Recalibration(Fitted):
    """Turns a logit into a probability: ``expit(intercept + slope * logit)``.

    Parameters
    ----------
    train : Train
        What it learned from.
    params : RecalibrationParams
        How.
    slope, intercept : float
        Of the logit; a slope of 0 gives everybody the average risk.
    notes : tuple of str
        What a reader of the report should know.
    """

    def __init__(
        self,
        train: Train,
        params: RecalibrationParams,
        slope: float,
        intercept: float,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(train)
        self.params, self.slope, self.intercept, self.notes = params, slope, intercept, notes

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = expit(self.intercept + self.slope * _one_column(table))
        return table.with_values(values[:, None], (FeatureName.score(self.params.name),))


def fit_recalibration(train: Train, params: RecalibrationParams) -> Recalibration:
    """Learn how logits of networks become probabilities.

    Parameters
    ----------
    train : Train
        One column: the logit of every case by networks that had not seen it (out of
        fold).  Logits of a network's own training cases would promise too much.
    params : RecalibrationParams
        Slope and intercept, or slope only.

    Returns
    -------
    Recalibration
        With a slope of 0 where the logits carried no signal.

    Raises
    ------
    NotEstimableError
        With one class only, or another outcome than a binary one.

    Notes
    -----
    Maximum likelihood; where the classes are separated, Firth's penalty for Platt, and the
    steepest slope allowed (100) for the temperature.  Sources: Platt 1999, Advances in Large
    Margin Classifiers, p. 61; Guo 2017, PMLR 70:1321.

    Examples
    --------
    >>> from hepacast.core.folds import Cohort, Fold
    >>> from hepacast.core.table import FeatureTable
    >>> logits = np.array([-9.0, -6.0, -6.0, -3.0, 3.0, 6.0, 6.0, 9.0, 6.0])[:, None]
    >>> event = np.array([False, False, True, False, True, True, False, True, True])
    >>> table = FeatureTable(logits, tuple("abcdefghi"), (FeatureName.score("net"),))
    >>> fold = Fold(frozenset("abcdefgh"), frozenset("i"))
    >>> cohort = Cohort(table, Binary(event))
    >>> found = fit_recalibration(fold.train(cohort), RecalibrationParams(kind="temperature"))
    >>> found.slope < 0.5  # the network was too sure
    True
    >>> bool(0.5 < found.apply(fold.test(cohort)).values[0, 0] < 0.9)
    True
    """
    outcome = train.outcome
    if not isinstance(outcome, Binary):
        raise NotEstimableError(
            what="a logit is calibrated against a binary outcome",
            got=type(outcome).__name__,
            fix="For survival use the baseline hazard of a Cox model on the score.",
        )
    both_classes("calibration", outcome.event)
    logits = _one_column(train.table)
    if np.ptp(logits) == 0:
        notes: tuple[str, ...] = ("the logits do not vary: everybody gets the average risk",)
        return Recalibration(train, params, 0.0, _prevalence(outcome.event), notes)
    fit = _platt if params.kind == "platt" else _temperature
    slope, intercept, notes = fit(logits, outcome.event)
    if slope <= 0:
        notes = ("out-of-fold logits carried no signal: everybody gets the average risk",)
        return Recalibration(train, params, 0.0, _prevalence(outcome.event), notes)
    return Recalibration(train, params, slope, intercept, notes)


def _platt(
    logits: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"]
) -> tuple[float, float, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    try:
        found = fit_logistic(logits, event, ["logit"])
    except NotEstimableError:
        found = firth_logistic(logits, event, ["logit"])
        notes = ("the logits separate the classes: Firth's penalty",)
    intercept, slope = (float(value) for value in found.coefficients.beta)
    return slope, intercept, notes


def _temperature(
    logits: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"]
) -> tuple[float, float, tuple[str, ...]]:
    sign = np.where(event, 1.0, -1.0)

    def loss(slope: float) -> float:
        return float(np.logaddexp(0.0, -sign * slope * logits).sum())

    found = minimize_scalar(loss, bounds=(0.0, 100.0), method="bounded", options={"xatol": 1e-8})
    # A bounded search never reaches its ends: 0 must be told from the least it tries.
    slope = float(found.x) if found.fun < loss(0.0) - 1e-9 else 0.0
    return slope, 0.0, (f"temperature {1 / slope:.3g}",) if slope > 0 else ()


def _prevalence(event: Bool[np.ndarray, " case"]) -> float:
    share = float(event.mean())
    return float(np.log(share / (1 - share)))


def _one_column(table: FeatureTable) -> Float[np.ndarray, " case"]:
    if len(table.columns) != 1:
        raise TableError(
            what="a calibration takes one column of logits",
            got=f"{len(table.columns)} columns",
            fix="Select the score first.",
        )
    return table.complete("calibration")[:, 0]
