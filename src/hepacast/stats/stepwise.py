# SPDX-License-Identifier: Apache-2.0
"""Stepwise selection by Akaike's criterion, step for step as R's ``stepAIC``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.cox import CoxFit, fit_cox
from hepacast.stats.inputs import flags, floats, times
from hepacast.stats.regression import LogisticFit, fit_logistic
from hepacast.stats.risk_sets import risk_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Float
    from numpy.typing import ArrayLike

Direction = Literal["both", "forward", "backward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What stepwise selection did.

    Parameters
    ----------
    chosen : tuple of str
        Terms of the final model, in the order of the table.
    steps : tuple of str
        Moves in order, such as ``"- age"`` and ``"+ afp"``.
    criterion : tuple of float
        Value at the start and after every step (AIC with a penalty of 2 per coefficient).
    skipped : tuple of str
        Moves that could not be fitted (separation, collinearity), with the reason.
    """

    chosen: tuple[str, ...]
    steps: tuple[str, ...]
    criterion: tuple[float, ...]
    skipped: tuple[str, ...]

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        kept = ", ".join(self.chosen) or "no term"
        return (
            f"Stepwise selection kept {kept} after {len(self.steps)} steps "
            f"(criterion {self.criterion[0]:.1f} to {self.criterion[-1]:.1f})"
        )


def _walk(
    names: Sequence[str],
    start: Sequence[str],
    value_of: Callable[[tuple[str, ...]], float],
    direction: Direction,
) -> Path:
    """Make the best single move until none improves the criterion."""
    inside = set(start)
    skipped: dict[str, None] = {}

    def ordered(terms: set[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name in terms)

    values, steps = [value_of(ordered(inside))], list[str]()
    while True:
        moves = []
        if direction != "forward":
            moves += [(f"- {name}", inside - {name}) for name in ordered(inside)]
        if direction != "backward":
            moves += [(f"+ {name}", inside | {name}) for name in names if name not in inside]
        found = []
        for move, terms in moves:
            try:
                found.append((value_of(ordered(terms)), move, terms))
            except NotEstimableError as error:
                skipped[f"{move}: {error.what}; got {error.got}"] = None
        # Strictly better by more than rounding, and the first of equals, as in R.
        best = min(found, key=lambda one: one[0], default=None)
        if best is None or best[0] >= values[-1] - 1e-7:
            return Path(
                chosen=ordered(inside),
                steps=tuple(steps),
                criterion=tuple(values),
                skipped=tuple(skipped),
            )
        values.append(best[0])
        steps.append(best[1])
        inside = best[2]


def _blocks(
    X: ArrayLike, names: Sequence[str], blocks: dict[str, Sequence[int]] | None
) -> tuple[Float[np.ndarray, "case term"], dict[str, list[int]]]:
    """Columns of every term; a factor with several columns enters and leaves as one."""
    matrix = floats("covariate", X)
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise TableError(
            what="every column needs a name",
            got=f"{len(names)} names for shape {matrix.shape}",
            fix="Pass one name per column.",
        )
    if blocks is None:
        return matrix, {name: [column] for column, name in enumerate(names)}
    used = sorted(column for columns in blocks.values() for column in columns)
    if used != list(range(len(names))):
        raise TableError(
            what="every column belongs to one term",
            got=f"columns {used} of {len(names)}",
            fix="List each column in exactly one block.",
        )
    return matrix, {term: list(columns) for term, columns in blocks.items()}


def stepwise_logistic(
    X: ArrayLike,
    event: ArrayLike,
    names: Sequence[str],
    *,
    direction: Direction = "both",
    start: Sequence[str] | None = None,
    penalty: float = 2.0,
    blocks: dict[str, Sequence[int]] | None = None,
) -> tuple[LogisticFit, Path]:
    """Choose the terms of a logistic regression by AIC.

    Parameters
    ----------
    X : (case, term) float
        Covariates.
    event : (case,) bool
        True where the event happened.
    names : sequence of str
        Of the columns.
    direction : {"both", "forward", "backward"}
        Which moves are allowed.
    start : sequence of str, optional
        Terms of the first model; none for ``forward``, all otherwise.
    penalty : float
        Per coefficient: 2 is AIC, log(n) is BIC.
    blocks : dict of str to sequence of int, optional
        Columns of each term, for factors with several columns.

    Notes
    -----
    P values and intervals of the final model ignore the selection and are too good; repeat
    the selection inside every resample.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(200, 3))
    >>> event = rng.uniform(size=200) < 1 / (1 + np.exp(-2 * X[:, 1]))
    >>> "b" in stepwise_logistic(X, event, ["a", "b", "c"])[1].chosen
    True
    """
    happened = flags("event", event)
    matrix, columns = _blocks(X, names, blocks)
    first = _start(columns, start, direction)

    def fit_of(terms: tuple[str, ...]) -> LogisticFit:
        chosen = [column for term in terms for column in columns[term]]
        return fit_logistic(matrix[:, chosen], happened, [names[column] for column in chosen])

    def value_of(terms: tuple[str, ...]) -> float:
        fit = fit_of(terms)
        return -2 * fit.loglik + penalty * fit.coefficients.beta.size

    path = _walk(tuple(columns), first, value_of, direction)
    return fit_of(path.chosen), path


def _start(
    columns: dict[str, list[int]], start: Sequence[str] | None, direction: Direction
) -> tuple[str, ...]:
    if start is None:
        return () if direction == "forward" else tuple(columns)
    if unknown := set(start) - set(columns):
        raise TableError(
            what="the first model may hold only terms of the table",
            got=f"{sorted(unknown)}",
            fix=f"Choose among {list(columns)}.",
        )
    return tuple(start)


def stepwise_cox(  # noqa: PLR0913 - the choices are keyword-only
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    names: Sequence[str],
    *,
    direction: Direction = "both",
    start: Sequence[str] | None = None,
    penalty: float = 2.0,
    blocks: dict[str, Sequence[int]] | None = None,
) -> tuple[CoxFit | None, Path]:
    """Choose the terms of a Cox regression by AIC on the partial likelihood.

    Parameters
    ----------
    X : (case, term) float
        Covariates.
    time, event : (case,)
        Follow-up.
    names : sequence of str
        Of the columns.
    direction, start, penalty, blocks
        As for :func:`stepwise_logistic`.

    Returns
    -------
    fit : CoxFit or None
        None where no term was kept.
    path : Path
        The steps.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(200, 3))
    >>> time = rng.exponential(np.exp(-X[:, 1]))
    >>> "b" in stepwise_cox(X, time, np.ones(200), ["a", "b", "c"])[1].chosen
    True
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    matrix, columns = _blocks(X, names, blocks)
    first = _start(columns, start, direction)
    sets = risk_sets(np.arange(happened.size), follow, happened, "efron")
    at_risk = sets.last + 1 - sets.fraction * np.bincount(sets.tie)[sets.tie]
    null = -float(np.log(at_risk).sum())

    def fit_of(terms: tuple[str, ...]) -> CoxFit:
        chosen = [column for term in terms for column in columns[term]]
        return fit_cox(matrix[:, chosen], follow, happened, [names[column] for column in chosen])

    def value_of(terms: tuple[str, ...]) -> float:
        if not terms:
            return -2 * null
        fit = fit_of(terms)
        return -2 * fit.loglik + penalty * fit.beta.size

    path = _walk(tuple(columns), first, value_of, direction)
    return (fit_of(path.chosen) if path.chosen else None), path
