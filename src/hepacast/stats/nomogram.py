# SPDX-License-Identifier: Apache-2.0
"""A regression as points: the numbers behind a nomogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float
    from numpy.typing import ArrayLike

    from hepacast.stats.cox import CoxFit
    from hepacast.stats.regression import LogisticFit


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One variable of a nomogram.

    Parameters
    ----------
    name : str
        Of the variable.
    values : (tick,) float
        Marked on the axis.
    points : (tick,) float
        Above each mark, from 0 to 100 at most.
    """

    name: str
    values: Float[np.ndarray, " tick"]
    points: Float[np.ndarray, " tick"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Nomogram:
    """Axes of a nomogram.

    Parameters
    ----------
    axes : tuple of Axis
        One per variable, the widest reaching 100 points.
    points_per_unit : float
        Points per unit of the linear predictor.
    base : float
        Linear predictor of a case with 0 points.
    total : Axis
        Total points, with the linear predictor as their values.
    outcomes : tuple of Axis
        Predicted risk (values) over total points, one per horizon, or one for logistic models.
    """

    axes: tuple[Axis, ...]
    points_per_unit: float
    base: float
    total: Axis
    outcomes: tuple[Axis, ...]

    def points_of(self, values: Mapping[str, float]) -> float:
        """Add up the points of a case.

        Parameters
        ----------
        values : mapping of str to float
            One value per axis, within or beyond its marks.
        """
        if missing := {axis.name for axis in self.axes} - set(values):
            raise TableError(
                what="every axis of the nomogram needs a value",
                got=f"none for {sorted(missing)}",
                fix="Give all variables of the model.",
            )
        points = 0.0
        for axis in self.axes:
            slope = (axis.points[-1] - axis.points[0]) / (axis.values[-1] - axis.values[0])
            points += float(axis.points[0] + slope * (values[axis.name] - axis.values[0]))
        return points


def _axes(
    names: tuple[str, ...],
    beta: Float[np.ndarray, " term"],
    ticks: Mapping[str, ArrayLike],
) -> tuple[tuple[Axis, ...], float, float]:
    marks = {}
    for name in names:
        if name not in ticks:
            raise TableError(
                what="every variable of the nomogram needs marks",
                got=f"none for {name!r}",
                fix="Give the values to print, from the lowest to the highest.",
            )
        marks[name] = np.sort(floats(f"marks of {name}", ticks[name]))
        if np.ptp(marks[name]) == 0:
            raise TableError(
                what="an axis needs two different marks",
                got=f"{marks[name].tolist()} for {name!r}",
                fix="Give the lowest and the highest value seen.",
            )
    spans = [abs(slope) * np.ptp(marks[name]) for name, slope in zip(names, beta, strict=True)]
    widest = max(spans, default=0.0)
    if widest <= 0:
        raise NotEstimableError(
            what="a nomogram needs a variable with an effect",
            got="coefficients of 0",
            fix="Show no nomogram for this model.",
        )
    scale = 100 / widest
    axes, base = [], 0.0
    for name, slope in zip(names, beta, strict=True):
        effect = slope * marks[name]
        base += float(effect.min())
        axes.append(Axis(name, marks[name], scale * (effect - effect.min())))
    return tuple(axes), float(scale), base


def nomogram_logistic(
    fit: LogisticFit,
    ticks: Mapping[str, ArrayLike],
    *,
    risks: ArrayLike = (0.1, 0.3, 0.5, 0.7, 0.9),
) -> Nomogram:
    """Turn a logistic regression into points.

    Parameters
    ----------
    fit : LogisticFit
        The model.
    ticks : mapping of str to (tick,) float
        Values to mark for each variable; the lowest and the highest set the range.
    risks : (risk,) float
        Probabilities to mark.

    Notes
    -----
    The variable with the widest effect over its range gets 100 points, as in
    ``rms::nomogram``.

    Examples
    --------
    >>> from hepacast.stats.regression import fit_logistic
    >>> fit = fit_logistic([1.0, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1], ["size"])
    >>> chart = nomogram_logistic(fit, {"size": [1, 6]})
    >>> chart.points_of({"size": 3.5}), round(float(chart.outcomes[0].points[2]), 1)
    (50.0, 50.0)
    """
    names = fit.coefficients.names[1:]
    axes, scale, base = _axes(names, fit.beta, ticks)
    start = base + fit.intercept
    marks = np.sort(floats("risk", risks))
    outcome = Axis("probability", marks, scale * (special.logit(marks) - start))
    return Nomogram(
        axes=axes,
        points_per_unit=scale,
        base=start,
        total=_total(axes, scale, start),
        outcomes=(outcome,),
    )


def _total(axes: tuple[Axis, ...], scale: float, start: float) -> Axis:
    points = np.linspace(0, sum(float(axis.points.max()) for axis in axes), 11)
    return Axis("total points", start + points / scale, points)


def nomogram_cox(
    fit: CoxFit,
    ticks: Mapping[str, ArrayLike],
    horizons: ArrayLike,
    *,
    risks: ArrayLike = (0.1, 0.3, 0.5, 0.7, 0.9),
) -> Nomogram:
    """Turn a Cox regression into points, with the risk of the event by each horizon.

    Parameters
    ----------
    fit : CoxFit
        The model, without strata.
    ticks : mapping of str to (tick,) float
        Values to mark for each variable.
    horizons : (horizon,) float
        In the unit of the fit.
    risks : (risk,) float
        Risks of the event to mark (not survival).

    Examples
    --------
    >>> from hepacast.stats.cox import fit_cox
    >>> fit = fit_cox([1.0, 3, 2, 5, 4, 6], [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1], ["size"])
    >>> chart = nomogram_cox(fit, {"size": [1, 6]}, [5.0])
    >>> chart.points_of({"size": 6}), len(chart.outcomes)
    (100.0, 1)
    """
    if fit.strata:
        raise NotEstimableError(
            what="a nomogram has one baseline",
            got=f"{len(fit.strata)} strata",
            fix="Draw one nomogram per stratum, from a model without strata.",
        )
    axes, scale, base = _axes(fit.coefficients.names, fit.beta, ticks)
    start = base - float(fit.center @ fit.beta)
    marks = np.sort(floats("risk", risks))
    outcomes = []
    for horizon in floats("horizon", horizons):
        hazard = float(fit.baselines[0].at(horizon)[0])
        if hazard <= 0:
            raise NotEstimableError(
                what="a horizon of a nomogram lies after the first event",
                got=f"{horizon:g}",
                fix="Choose a later horizon.",
            )
        needed = np.log(-np.log1p(-marks) / hazard)
        outcomes.append(Axis(f"risk at {horizon:g}", marks, scale * (needed - start)))
    return Nomogram(
        axes=axes,
        points_per_unit=scale,
        base=start,
        total=_total(axes, scale, start),
        outcomes=tuple(outcomes),
    )
