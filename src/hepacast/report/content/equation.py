# SPDX-License-Identifier: Apache-2.0
"""A regression model written out, so that anybody can compute what it says."""

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import model_validator

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.report.content.base import Number, Shown


class Term(Shown):
    """One variable of an equation, in its own unit."""

    name: str
    """Name of the column."""
    label: str = ""
    """As printed; the name if empty."""
    unit: str = ""
    """Unit of the values."""
    coefficient: float
    """Log odds or log hazard per unit; above 0 the risk rises with the value."""
    low: float
    """Least value seen in training."""
    high: float
    """Greatest value seen in training."""
    usual: Number = None
    """Where a calculator starts: the median, say."""
    levels: tuple[str, ...] = ()
    """Words for the values 0, 1, 2 ... of a coded variable; empty for a number."""

    @model_validator(mode="after")
    def _has_a_range(self) -> "Term":
        """Refuse an empty range."""
        if not self.low < self.high:
            raise TableError(
                what=f"the variable {self.name!r} of an equation has a range",
                got=f"{self.low} to {self.high}",
                fix="Leave constant columns out.",
            )
        return self


class Baseline(Shown):
    """Share without the event where the linear predictor equals the equation's centre."""

    months: float
    """Time."""
    survival: float
    """Baseline share without the event by then, 0 to 1."""


class Equation(Shown):
    """A logistic or Cox model in full.

    Examples
    --------
    >>> size = Term(name="size", unit="cm", coefficient=0.5, low=1, high=5)
    >>> logistic = Equation(kind="logistic", intercept=-2.0, terms=(size,))
    >>> round(logistic.risk({"size": 4.0}), 3)
    0.5
    >>> cox = Equation(kind="cox", baselines=(Baseline(months=24, survival=0.8),), terms=(size,))
    >>> round(cox.risk({"size": 0.0}, months=24), 3)
    0.2
    """

    kind: Literal["logistic", "cox"]
    """Which link turns the linear predictor into a risk."""
    terms: tuple[Term, ...]
    """Variables."""
    intercept: float = 0.0
    """Of a logistic model."""
    center: float = 0.0
    """Linear predictor at which the baseline holds, for a Cox model."""
    baselines: tuple[Baseline, ...] = ()
    """Baseline at each time that is asked for, for a Cox model."""

    @model_validator(mode="after")
    def _complete(self) -> "Equation":
        """Refuse a Cox model without a baseline: it has no absolute risk."""
        if self.kind == "cox" and not self.baselines:
            raise NotEstimableError(
                what="a Cox equation needs the baseline at one time at least",
                got="none",
                fix="Give the baseline survival at the horizon.",
            )
        return self

    def linear(self, values: Mapping[str, float]) -> float:
        """Return the linear predictor of one case, from its values by column name."""
        return self.intercept + sum(one.coefficient * values[one.name] for one in self.terms)

    def risk(self, values: Mapping[str, float], months: float | None = None) -> float:
        """Return the probability of the event.

        Parameters
        ----------
        values : mapping of str to float
            Value of every term, in its unit.
        months : float, optional
            One of the baseline's times; the first if left out.  Ignored by a logistic model.

        Returns
        -------
        float
            Probability of the event (by that time), 0 to 1.
        """
        return self.risk_at(self.linear(values), months)

    def risk_at(self, linear: float, months: float | None = None) -> float:
        """Return the probability that belongs to a linear predictor."""
        if self.kind == "logistic":
            return 1.0 / (1.0 + math.exp(-linear))
        times = {one.months: one.survival for one in self.baselines}
        survival = times[self.baselines[0].months if months is None else months]
        return 1.0 - math.pow(survival, math.exp(linear - self.center))

    def linear_at(self, risk: float, months: float | None = None) -> float:
        """Return the linear predictor that belongs to a probability between 0 and 1."""
        if self.kind == "logistic":
            return math.log(risk / (1.0 - risk))
        times = {one.months: one.survival for one in self.baselines}
        survival = times[self.baselines[0].months if months is None else months]
        return self.center + math.log(math.log(1.0 - risk) / math.log(survival))
