# SPDX-License-Identifier: Apache-2.0
"""The usual table: every factor alone, then those that passed together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import NotEstimableError
from hepacast.stats.cox import fit_cox
from hepacast.stats.inputs import flags, floats, times
from hepacast.stats.regression import fit_logistic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

    from hepacast.stats.coefficients import Coefficients


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A ratio with its interval and P value."""

    ratio: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionTable:
    """Univariate and multivariable effects.

    Parameters
    ----------
    names : tuple of str
        Factors, in the order given.
    alone : tuple of Effect or None
        Of each factor alone; None where it could not be fitted.
    together : tuple of Effect or None
        Of each factor beside the others that passed; None where it did not enter.
    notes : tuple of str
        Why factors could not be fitted.
    ratio_name : str
        ``"OR"`` or ``"HR"``.
    limit : float
        P value below which a factor entered the multivariable model.
    """

    names: tuple[str, ...]
    alone: tuple[Effect | None, ...]
    together: tuple[Effect | None, ...]
    notes: tuple[str, ...]
    ratio_name: str
    limit: float

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        parts = [
            f"{name} ({self.ratio_name} {effect.ratio:.2f}, 95 % CI "
            f"{effect.low:.2f}-{effect.high:.2f})"
            for name, effect in zip(self.names, self.together, strict=True)
            if effect is not None and effect.p < 0.05
        ]
        found = "; ".join(parts) or "no factor"
        return f"Independent factors after univariate P < {self.limit:g}: {found}"


def _effect(table: Coefficients, name: str) -> Effect:
    at = table.names.index(name)
    return Effect(
        ratio=float(table.ratio[at]),
        low=float(table.ratio_low[at]),
        high=float(table.ratio_high[at]),
        p=float(table.p[at]),
    )


def _tabulate(
    matrix: Float[np.ndarray, "case term"],
    names: tuple[str, ...],
    fit: Callable[[Float[np.ndarray, "case term"], list[str]], Coefficients],
    limit: float,
) -> RegressionTable:
    alone: list[Effect | None] = []
    notes = []
    for column, name in enumerate(names):
        try:
            alone.append(_effect(fit(matrix[:, [column]], [name]), name))
        except NotEstimableError as error:
            alone.append(None)
            notes.append(f"{name}: {error}")
    entered = [k for k, effect in enumerate(alone) if effect is not None and effect.p < limit]
    together: list[Effect | None] = [None] * len(names)
    if entered:
        joint = fit(matrix[:, entered], [names[k] for k in entered])
        for k in entered:
            together[k] = _effect(joint, names[k])
        ratio_name = joint.ratio_name
    else:
        ratio_name = "ratio"
    return RegressionTable(
        names=names,
        alone=tuple(alone),
        together=tuple(together),
        notes=tuple(notes),
        ratio_name=ratio_name,
        limit=limit,
    )


def logistic_table(
    X: ArrayLike, event: ArrayLike, names: Sequence[str], *, limit: float = 0.05
) -> RegressionTable:
    """Fit every factor alone, then those with a low P value together, by logistic regression.

    Parameters
    ----------
    X : (case, term) float
        Factors, one column each.
    event : (case,) bool
        True where the event happened.
    names : sequence of str
        Of the columns.
    limit : float
        P value below which a factor enters the multivariable model.

    Notes
    -----
    Univariate screening is what the field prints, not what it should do: the multivariable P
    values ignore the screening.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> X = rng.normal(size=(200, 2))
    >>> event = rng.uniform(size=200) < 1 / (1 + np.exp(-2 * X[:, 1]))
    >>> [effect is None for effect in logistic_table(X, event, ["a", "b"]).together]
    [True, False]
    """
    happened = flags("event", event)
    matrix = floats("covariate", X, happened.size)

    def fit(part: Float[np.ndarray, "case term"], labels: list[str]) -> Coefficients:
        return fit_logistic(part, happened, labels).coefficients

    return _tabulate(matrix, tuple(names), fit, limit)


def cox_table(
    X: ArrayLike, time: ArrayLike, event: ArrayLike, names: Sequence[str], *, limit: float = 0.05
) -> RegressionTable:
    """Fit every factor alone, then those with a low P value together, by Cox regression.

    Parameters
    ----------
    X : (case, term) float
        Factors, one column each.
    time, event : (case,)
        Follow-up.
    names : sequence of str
        Of the columns.
    limit : float
        P value below which a factor enters the multivariable model.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(200, 2))
    >>> table = cox_table(X, rng.exponential(np.exp(-X[:, 1])), np.ones(200), ["a", "b"])
    >>> table.together[1].ratio > 2
    True
    """
    happened: Bool[np.ndarray, " case"] = flags("event", event)
    follow = times(time, happened.size)
    matrix = floats("covariate", X, happened.size)

    def fit(part: Float[np.ndarray, "case term"], labels: list[str]) -> Coefficients:
        return fit_cox(part, follow, happened, labels).coefficients

    return _tabulate(matrix, tuple(names), fit, limit)
