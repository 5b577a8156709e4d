# SPDX-License-Identifier: Apache-2.0
"""The table of coefficients that every regression hands back, and its design matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import Estimate, interval_text, p_text, z_of
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Coefficients:
    """Coefficients with Wald (or other, named) intervals.

    Parameters
    ----------
    names : tuple of str
        One per coefficient.
    beta, se : (term,) float
        Log odds ratio or log hazard ratio per unit; positive means higher risk.
    covariance : (term, term) float
        Of ``beta``.
    low, high : (term,) float
        Limits of ``beta``.
    p : (term,) float
        Two-sided P values.
    ratio_name : str
        ``"OR"`` or ``"HR"`` (``"SHR"`` for subdistribution hazards).
    method : str
        How intervals and P values were made.
    level : float
        Confidence level.
    """

    names: tuple[str, ...]
    beta: Float[np.ndarray, " term"]
    se: Float[np.ndarray, " term"]
    covariance: Float[np.ndarray, "term term"]
    low: Float[np.ndarray, " term"]
    high: Float[np.ndarray, " term"]
    p: Float[np.ndarray, " term"]
    ratio_name: str
    method: str = "Wald"
    level: float = 0.95

    def estimate(self, at: int, name: str, method: str, *, n: int, events: int) -> Estimate:
        """Return one coefficient as an estimate with a name of its own.

        Parameters
        ----------
        at : int
            Which coefficient.
        name, method : str
            What it is called, and how it was made.
        n, events : int
            Cases, and events, that it rests on.
        """
        values = (self.beta, self.low, self.high, self.se)
        beta, low, high, se = (float(one[at]) for one in values)
        return Estimate(
            name=name,
            estimate=beta,
            low=low,
            high=high,
            se=se,
            n=n,
            events=events,
            method=method,
            level=self.level,
        )

    @property
    def z(self) -> Float[np.ndarray, " term"]:
        """Coefficients in units of their standard errors."""
        z: Float[np.ndarray, " term"] = self.beta / self.se
        return z

    @property
    def ratio(self) -> Float[np.ndarray, " term"]:
        """Odds or hazard ratio per unit."""
        ratio: Float[np.ndarray, " term"] = np.exp(self.beta)
        return ratio

    @property
    def ratio_low(self) -> Float[np.ndarray, " term"]:
        """Lower limit of the ratio."""
        ratio: Float[np.ndarray, " term"] = np.exp(self.low)
        return ratio

    @property
    def ratio_high(self) -> Float[np.ndarray, " term"]:
        """Upper limit of the ratio."""
        ratio: Float[np.ndarray, " term"] = np.exp(self.high)
        return ratio

    def sentence(self, name: str, digits: int = 2) -> str:
        """Write one coefficient as a manuscript would."""
        at = self.names.index(name)
        interval = interval_text(self.ratio_low[at], self.ratio_high[at], self.level, digits)
        ratio = f"{self.ratio_name} {self.ratio[at]:.{digits}f}"
        return f"{name}: {ratio} ({interval}; {p_text(float(self.p[at]))}, {self.method})"


def wald(
    names: tuple[str, ...],
    beta: Float[np.ndarray, " term"],
    covariance: Float[np.ndarray, "term term"],
    ratio_name: str,
    *,
    method: str = "Wald",
    level: float = 0.95,
) -> Coefficients:
    """Build the table of coefficients with normal intervals.

    Parameters
    ----------
    names : tuple of str
        One per coefficient.
    beta : (term,) float
        Log odds or log hazard ratio per unit.
    covariance : (term, term) float
        Of ``beta``.
    ratio_name : str
        ``"OR"``, ``"HR"`` or ``"SHR"``.
    method : str
        How the covariance was made.
    level : float
        Confidence level.

    Examples
    --------
    >>> table = wald(("size",), np.array([0.5]), np.array([[0.04]]), "OR")
    >>> table.ratio.round(2).tolist(), table.p.round(3).tolist()
    ([1.65], [0.012])
    """
    se = np.sqrt(np.diag(covariance))
    reach = z_of(level) * se
    return Coefficients(
        names=names,
        beta=beta,
        se=se,
        covariance=covariance,
        low=beta - reach,
        high=beta + reach,
        p=2 * stats.norm.sf(np.abs(beta / se)),
        ratio_name=ratio_name,
        method=method,
        level=level,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Covariates, centred and scaled so that Newton steps are well conditioned.

    Parameters
    ----------
    scaled : (case, term) float
        ``(X - center) / scale``.
    center, scale : (term,) float
        Mean and standard deviation (1 where a column does not vary).
    names : tuple of str
        Of the columns.
    """

    scaled: Float[np.ndarray, "case term"]
    center: Float[np.ndarray, " term"]
    scale: Float[np.ndarray, " term"]
    names: tuple[str, ...]


def design(X: ArrayLike, names: Sequence[str] | None = None) -> Design:
    """Check and scale the covariates of a regression.

    Parameters
    ----------
    X : (case, term) or (case,) float
        One column per term, without intercept.
    names : sequence of str, optional
        ``x1``, ``x2`` ... otherwise.

    Raises
    ------
    NotEstimableError
        If a column is constant, or columns depend on one another linearly.
    """
    matrix = floats("covariate", X)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    labels = (
        tuple(names) if names is not None else tuple(f"x{k + 1}" for k in range(matrix.shape[1]))
    )
    if len(labels) != matrix.shape[1] or len(set(labels)) != len(labels):
        raise TableError(
            what="every covariate needs a name of its own",
            got=f"{len(labels)} names ({len(set(labels))} different) for {matrix.shape[1]} columns",
            fix="Name each column once.",
        )
    center, spread = matrix.mean(axis=0), matrix.std(axis=0)
    flat = spread <= 1e-12 * np.maximum(np.abs(center), 1e-300)
    if flat.any():
        raise NotEstimableError(
            what="a covariate must vary",
            got=f"one value only in {[labels[k] for k in np.flatnonzero(flat)[:5]]}",
            fix="Leave it out: it carries no information in this cohort.",
        )
    scaled = (matrix - center) / spread
    _refuse_collinear(scaled, labels)
    return Design(scaled, center, spread, labels)


def _refuse_collinear(scaled: Float[np.ndarray, "case term"], labels: tuple[str, ...]) -> None:
    n, p = scaled.shape
    if p == 0:
        return
    if p >= n:
        raise NotEstimableError(
            what="a regression without penalty needs more cases than covariates",
            got=f"{p} covariates for {n} cases",
            fix="Select features first, or use the LASSO.",
        )
    triangle = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    if (bad := triangle < 1e-9 * np.sqrt(n)).any():
        raise NotEstimableError(
            what="covariates must not be linear combinations of one another",
            got=f"{[labels[k] for k in np.flatnonzero(bad)[:5]]} follow from the columns before",
            fix="Leave them out, or drop one level of every factor.",
        )
