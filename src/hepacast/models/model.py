# SPDX-License-Identifier: Apache-2.0
"""What a model is: settings, a fit on training cases, a risk and a probability."""

from __future__ import annotations

from abc import abstractmethod
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.core.folds import Fitted, Train
from hepacast.core.outcome import Binary, CompetingRisks, Survival
from hepacast.core.params import Params
from hepacast.core.registry import Registry
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models.forecast import Forecast, Scale, forecast_from
from hepacast.stats.dealing import in_case_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jaxtyping import Float

    from hepacast.core.outcome import Outcome
    from hepacast.stats.risk_sets import Ties

    ModelFit = Callable[[Train, Any, np.random.Generator], "FittedModel"]

ANY_OUTCOME = frozenset({Binary, Survival, CompetingRisks})
"""Outcome types of a model that takes them all."""


class ModelParams(Params):
    """What the settings of every model share."""

    outcomes: ClassVar[frozenset[type]] = ANY_OUTCOME
    """Outcome types that the model can learn."""
    weighs: ClassVar[bool] = False
    """True for a classifier whose cases can have weights: it learns a follow-up with a horizon."""

    name: str = "risk"
    """Name of the column of scores that it gives."""


class FittedModel(Fitted):
    """A model that learned a risk.

    Its output is one column, the risk minus its mean over the training cases, so
    that the scores of different folds can be pooled.  Higher is worse.

    Parameters
    ----------
    train : Train
        What it learned from.
    name : str
        Of the column of scores.
    uses : sequence of FeatureName
        Columns that the risk depends on; others may be missing when scoring.
    notes : sequence of str
        What a reader of the report should know.
    """

    forecast: Forecast

    def __init__(
        self, train: Train, name: str, uses: Sequence[FeatureName], notes: Sequence[str] = ()
    ) -> None:
        super().__init__(train)
        self.name, self.uses, self.notes = name, tuple(uses), tuple(notes)

    @abstractmethod
    def _risk(self, values: Float[np.ndarray, "case use"]) -> Float[np.ndarray, " case"]:
        """Return the centred risk of complete rows of the columns used."""

    @property
    def coefficients(self) -> Mapping[FeatureName, float]:
        """Weights on the scale of the input; empty where the risk is not a weighted sum."""
        return {}

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = complete(table.select(self.uses), type(self).__name__)
        column = FeatureName.score(self.name)
        return table.with_values(self._risk(values)[:, None], (column,))

    def probability(
        self, table: FeatureTable, at_days: float | None = None
    ) -> Float[np.ndarray, " case"]:
        """Return the probability of the event for patients whom it has never seen.

        Parameters
        ----------
        table : FeatureTable
            Cases with at least the columns used.
        at_days : float, optional
            Horizon, days; needed for a time to event, not allowed for a binary outcome.

        Raises
        ------
        LeakError
            If one of the patients was seen in training.
        NotEstimableError
            If the horizon lies beyond the follow-up of the training patients.
        """
        return self.forecast.probability(self.apply(table).values[:, 0], at_days)

    def apparent_probability(
        self, train: Train, at_days: float | None = None
    ) -> Float[np.ndarray, " case"]:
        """Return the probability for training cases: optimistic, and to be called so."""
        return self.forecast.probability(self._apply(train.table).values[:, 0], at_days)


class WeightedSum(FittedModel):
    """A risk that is a weighted sum of columns.

    Parameters
    ----------
    train : Train
        What it learned from.
    name : str
        Of the column of scores.
    weights : mapping of FeatureName to float
        Log odds or log hazard ratio per unit of each column used.
    notes : sequence of str
        What a reader of the report should know.
    ties : {"efron", "breslow"}
        Of the baseline hazard.
    scale : {"hazard", "subdistribution", "odds"}
        What the weighted sum is, for an outcome with a time.
    """

    def __init__(
        self,
        train: Train,
        name: str,
        weights: Mapping[FeatureName, float],
        notes: Sequence[str] = (),
        ties: Ties = "efron",
        *,
        scale: Scale = "hazard",
    ) -> None:
        super().__init__(train, name, tuple(weights), notes)
        values = complete(train.table.select(self.uses), type(self).__name__)
        self._weights = np.array(list(weights.values()), dtype=np.float64)
        self._centre = values.mean(axis=0)
        self.forecast = forecast_from(self._risk(values), train.outcome, ties, scale=scale)

    def _risk(self, values: Float[np.ndarray, "case use"]) -> Float[np.ndarray, " case"]:
        risk: Float[np.ndarray, " case"] = (values - self._centre) @ self._weights
        return risk

    @property
    def offset(self) -> float:
        """What is added to the weighted sum, so that the mean training case has risk 0."""
        return -float(self._centre @ self._weights)

    @property
    def coefficients(self) -> Mapping[FeatureName, float]:
        """Log odds or log hazard ratio per unit of each column used."""
        return dict(zip(self.uses, self._weights.tolist(), strict=True))


P = TypeVar("P", bound=ModelParams)

MODELS: Registry[ModelFit] = Registry("models")
"""Every model, by the kind of its settings: ``MODELS[params](train, params, rng)``."""


def model(
    params: type[P],
) -> Callable[[Callable[[Train, P, np.random.Generator], FittedModel]], ModelFit]:
    """Register a fit: it sees cases in the order of their ids, and outcomes it can take.

    Parameters
    ----------
    params : type of ModelParams
        Settings with a ``kind``, under which the fit is found in ``MODELS``.

    Returns
    -------
    callable
        Decorator of ``fit(train, params, rng)``.

    Raises
    ------
    StudyError
        When the fit is called for an outcome that it cannot learn.
    """

    def bind(fit: Callable[[Train, P, np.random.Generator], FittedModel]) -> ModelFit:
        @wraps(fit)
        def guarded(train: Train, params: P, rng: np.random.Generator) -> FittedModel:
            if not can_learn(params, train.outcome):
                can = ", ".join(sorted(one.__name__ for one in params.outcomes))
                raise StudyError(
                    what=f"model {params.model_dump()['kind']!r} learns from {can}",
                    got=_named(train.outcome),
                    fix="Choose another model for this outcome.",
                )
            return fit(in_case_order(train), params, rng)

        return MODELS.register(params)(guarded)

    return bind


def can_learn(params: Params, outcome: Outcome) -> bool:
    """Tell whether a model learns from such an outcome.

    Parameters
    ----------
    params : Params
        Settings of the model.
    outcome : Binary, Survival or CompetingRisks
        What is to be learned.  A follow-up with a horizon (``censored_early: ipcw``) suits models
        of a time to an event, and classifiers whose cases can have weights.

    Examples
    --------
    >>> can_learn(ModelParams(), Binary(np.array([True, False])))
    True
    """
    if type(outcome) in getattr(params, "outcomes", ANY_OUTCOME):
        return True
    judged = not isinstance(outcome, Binary) and outcome.horizon_days is not None
    return judged and getattr(params, "weighs", False)


def _named(outcome: Outcome) -> str:
    """Name what was to be learned."""
    kind = type(outcome).__name__
    if isinstance(outcome, Binary) or outcome.horizon_days is None:
        return kind
    return f"{kind} with weights for early censoring, which this model cannot take"


def complete(table: FeatureTable, who: str) -> Float[np.ndarray, "case feature"]:
    """Return the values of a table, and refuse missing ones.

    Parameters
    ----------
    table : FeatureTable
        Cases and columns.
    who : str
        Part that needs them, for the message.

    Returns
    -------
    (case, feature) float
        Without NaN.

    Raises
    ------
    TableError
        Naming the first column and case with a missing value.

    Examples
    --------
    >>> age = (FeatureName.clinical("age"),)
    >>> table = FeatureTable(np.array([[61.0], [54.0]]), ("p1", "p2"), age)
    >>> complete(table, "the LASSO").tolist()
    [[61.0], [54.0]]
    """
    return table.complete(who)
