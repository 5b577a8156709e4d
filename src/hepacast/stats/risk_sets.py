# SPDX-License-Identifier: Apache-2.0
"""Who is at risk at each event, and whether a partial likelihood has a maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import optimize, sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int

Ties = Literal["efron", "breslow"]

FAR = 15.0
"""Range of log hazards within one stratum from which on a maximum is doubted."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """One stratum in order of falling time, with an entry for every event.

    Parameters
    ----------
    order : (case,) int
        Rows of the original arrays, latest first.
    time : (case,) float
        In that order.
    event : (case,) bool
        In that order.
    died : (event,) int
        Positions (in that order) of the events.
    last : (event,) int
        Position of the last case at risk at each event.
    fraction : (event,) float
        Efron's share of the tied events that has already left; 0 for Breslow.
    tie : (event,) int
        Number of the group of tied events.
    """

    order: Int[np.ndarray, " case"]
    time: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]
    died: Int[np.ndarray, " event"]
    last: Int[np.ndarray, " event"]
    fraction: Float[np.ndarray, " event"]
    tie: Int[np.ndarray, " event"]

    @property
    def tie_times(self) -> Float[np.ndarray, " tie"]:
        """Distinct event times, falling."""
        first = np.flatnonzero(np.diff(self.tie, prepend=-1))
        when: Float[np.ndarray, " tie"] = self.time[self.died][first]
        return when


def risk_sets(
    rows: Int[np.ndarray, " row"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    ties: Ties,
) -> RiskSets:
    """Sort one stratum and find who is at risk at each event.

    Parameters
    ----------
    rows : (row,) int
        Cases of the stratum.
    time, event : (case,)
        Follow-up of all cases.
    ties : {"efron", "breslow"}
        Treatment of equal event times.
    """
    order = rows[np.argsort(-time[rows], kind="stable")]
    t, e = time[order], event[order]
    last_of = np.searchsorted(-t, -t, side="right") - 1
    died = np.flatnonzero(e)
    _, first, tie, many = np.unique(
        -t[died], return_index=True, return_inverse=True, return_counts=True
    )
    place = np.arange(died.size) - first[tie]
    fraction = place / many[tie] if ties == "efron" else np.zeros(died.size)
    return RiskSets(order, t, e, died, last_of[died], fraction, tie)


def monotone_direction(
    strata: Sequence[RiskSets], X: Float[np.ndarray, "case term"]
) -> Float[np.ndarray, " term"]:
    """Find a combination of columns along which the partial likelihood rises for ever, or zeros.

    Parameters
    ----------
    strata : sequence of RiskSets
        With an event each.
    X : (case, term) float
        Covariates of all cases, each of unit spread.

    Notes
    -----
    There is no maximum exactly when some direction gives every event the highest value of all
    at risk, and not all at risk the same.  A linear programme looks for it; the highest value
    at each event time is a variable of its own, so that cases and not pairs count.
    Source: Bryson and Johnson 1981, Technometrics 23:381.

    Examples
    --------
    >>> time, event = np.array([1.0, 2, 3, 4]), np.array([True, True, False, False])
    >>> sets = risk_sets(np.arange(4), time, event, "efron")
    >>> monotone_direction([sets], np.array([[1.0], [1.0], [-1.0], [-1.0]])).tolist()
    [1.0]
    >>> monotone_direction([sets], np.array([[1.0], [-1.0], [1.0], [-1.0]])).tolist()
    [0.0]
    """
    blocks, tops = [], []
    for sets in strata:
        own, top = _orders(sets, X)
        blocks.append(own)
        tops.append(top)
    terms = X.shape[1]
    # The types of scipy leave out what these two take.
    join: Any = sparse.hstack
    solve: Any = optimize.linprog
    below = join([np.vstack(blocks), sparse.block_diag(tops)], format="csr")
    reach = np.concatenate([np.ones(terms), np.full(below.shape[1] - terms, np.inf)])
    answer = solve(
        np.asarray(below.sum(axis=0)).ravel(),
        A_ub=below,
        b_ub=np.zeros(below.shape[0]),
        bounds=np.column_stack([-reach, reach]),
    )
    direction: Float[np.ndarray, " term"] = np.zeros(terms)
    if answer.x is not None and answer.fun < -1e-6:
        direction = np.where(np.abs(answer.x[:terms]) > 1e-9, answer.x[:terms], 0.0)
    return direction


def _orders(
    sets: RiskSets, X: Float[np.ndarray, "case term"]
) -> tuple[Float[np.ndarray, "row term"], sparse.csr_array]:
    """Write who may not exceed whom as rows of weights whose sum must not be positive.

    The columns after the terms are the highest values at the event times, latest first.
    """
    x = X[sets.order]
    ties = int(sets.tie[-1]) + 1
    last = sets.last[np.searchsorted(sets.tie, np.arange(ties))]
    # A case belongs to the latest event time that it was at risk at; censored before all: none.
    group = np.searchsorted(last, np.arange(len(x)))
    inside = np.flatnonzero(group < ties)
    size, died = inside.size, sets.died.size
    rows = np.concatenate([x[inside], -x[sets.died], np.zeros((ties - 1, x.shape[1]))])
    at, chain = np.arange(len(rows)), np.arange(ties - 1)
    weight = np.concatenate([-np.ones(size), np.ones(died), np.ones(ties - 1), -np.ones(ties - 1)])
    place = np.concatenate([at, at[size + died :]])
    column = np.concatenate([group[inside], sets.tie, chain, chain + 1])
    return rows, sparse.csr_array((weight, (place, column)), shape=(len(rows), ties))
