# SPDX-License-Identifier: Apache-2.0
"""Smooth curves: local polynomial regression (loess) and restricted cubic splines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike

_KNOT_SHARES = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.50, 0.6583, 0.8167, 0.975),
}
"""Quantiles for the knots, after Harrell 2015 (Regression Modeling Strategies, 2.4.6)."""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothCurve:
    """A fitted curve.

    Parameters
    ----------
    x, y : (point,) float
        Where, and the fitted value.
    se : (point,) float
        Standard error of the fitted value.
    """

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]
    se: Float[np.ndarray, " point"]


def _operator(
    x: Float[np.ndarray, " case"], at: Float[np.ndarray, " point"], span: float, degree: int
) -> Float[np.ndarray, "point case"]:
    """Rows that turn observed values into fitted ones."""
    n = x.size
    near = min(n, int(n * span + 1e-5))
    if near <= degree:
        raise NotEstimableError(
            what="a local fit needs more neighbours than the degree of its polynomial",
            got=f"{near} neighbours of {n} cases for degree {degree}",
            fix="Widen the span, or show groups instead of a curve.",
        )
    distance = np.abs(x - at[:, None])
    width = np.partition(distance, near - 1, axis=1)[:, near - 1] * max(span, 1.0)
    if (width <= 0).any():
        raise NotEstimableError(
            what="a local fit needs neighbours at different places",
            got=f"a point with {near} neighbours at one value",
            fix="Widen the span, or show groups instead of a curve.",
        )
    share = np.minimum(distance / width[:, None], 1.0)
    root = np.sqrt((1 - share**3) ** 3)
    powers = ((x - at[:, None]) / width[:, None])[:, :, None] ** np.arange(degree + 1)
    # The first row of the pseudo-inverse gives the fitted value at the point itself.
    inverse = np.linalg.pinv(powers * root[:, :, None], rcond=1e-9)
    rows: Float[np.ndarray, "point case"] = inverse[:, 0, :] * root
    return rows


def loess(
    x: ArrayLike,
    y: ArrayLike,
    at: ArrayLike | None = None,
    *,
    span: float = 0.75,
    degree: int = 2,
) -> SmoothCurve:
    """Local polynomial regression with tricube weights.

    Parameters
    ----------
    x, y : (case,) float
        Observations.
    at : (point,) float, optional
        Where to evaluate; at the observations otherwise.
    span : float
        Share of the cases that a point is fitted to.
    degree : int
        Of the local polynomial.

    Notes
    -----
    As R's ``loess`` with ``surface="direct", statistics="exact"``; its default interpolates
    between a few such points.  Memory and time grow with the square of the cases.
    Source: Cleveland and Devlin 1988, J Am Stat Assoc 83:596.

    Examples
    --------
    >>> x = np.linspace(0, 1, 20)
    >>> loess(x, 3 * x**2, [0.5]).y.round(6).tolist()
    [0.75]
    """
    places = floats("x", x)
    values = floats("y", y, places.size)
    own = _operator(places, places, span, degree)
    points = places if at is None else floats("point", at)
    rows = own if at is None else _operator(places, points, span, degree)
    residual = values - own @ values
    gap = own - np.eye(places.size)
    freedom = float((gap**2).sum())
    spread = float(residual @ residual) / freedom if freedom > 1e-12 else 0.0
    return SmoothCurve(points, rows @ values, np.sqrt(spread * (rows**2).sum(axis=1)))


def spline_knots(x: ArrayLike, knots: int = 4) -> Float[np.ndarray, " knot"]:
    """Places of the knots of a restricted cubic spline, at Harrell's quantiles.

    >>> spline_knots(np.arange(101.0), 3).tolist()
    [10.0, 50.0, 90.0]
    """
    if knots not in _KNOT_SHARES:
        raise NotEstimableError(
            what="a restricted cubic spline has 3 to 7 knots",
            got=f"{knots}",
            fix="Use 3 below 100 cases, 4 as a rule, 5 above 500.",
        )
    values = floats("x", x)
    places: Float[np.ndarray, " knot"] = np.quantile(values, _KNOT_SHARES[knots])
    if np.unique(places).size < knots:
        raise NotEstimableError(
            what="knots must lie at different places",
            got=f"{places.tolist()}",
            fix="Use fewer knots: too many cases share one value.",
        )
    return places


def spline_basis(x: ArrayLike, knots: Float[np.ndarray, " knot"]) -> Float[np.ndarray, "case term"]:
    """Basis of a restricted cubic spline: linear beyond the outer knots.

    Parameters
    ----------
    x : (case,) float
        Covariate.
    knots : (knot,) float
        Rising; learn them on the training cases with :func:`spline_knots`.

    Returns
    -------
    (case, knot - 1) float
        The covariate itself, then the cubic terms, scaled by the squared knot range.

    Notes
    -----
    Source: Harrell 2015, Regression Modeling Strategies, 2.4.5; as ``Hmisc::rcspline.eval``.

    Examples
    --------
    >>> spline_basis([1.0, 5.0], np.array([0.0, 2.0, 4.0])).round(4).tolist()
    [[1.0, 0.0625], [5.0, 4.5]]
    """
    values = floats("x", x)
    first, before, last = knots[0], knots[-2], knots[-1]

    def cube(knot: float) -> Float[np.ndarray, " case"]:
        lifted: Float[np.ndarray, " case"] = np.maximum(values - knot, 0.0) ** 3
        return lifted

    terms = [values]
    for knot in knots[:-2]:
        bent = (
            cube(knot)
            - cube(before) * (last - knot) / (last - before)
            + cube(last) * (before - knot) / (last - before)
        )
        terms.append(bent / (last - first) ** 2)
    return np.column_stack(terms)
