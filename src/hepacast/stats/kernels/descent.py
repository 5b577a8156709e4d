# SPDX-License-Identifier: Apache-2.0
"""Proximal Newton steps by coordinate descent, for logistic and Cox regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Sums may be reordered (for vector instructions); NaN and infinity keep their meaning.
compiled = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})

LOGISTIC, COX = 0, 1
"""Families that :func:`solve` knows."""

_MAX_NEWTON = 100
_MAX_HALVINGS = 30
_LEAST_WEIGHT = 1e-9
_SWEEPS_BEFORE_JUMP = 8
_LARGEST_JUMP = 1000


@compiled
def logistic_state(
    eta: Float[np.ndarray, " case"],
    event: Float[np.ndarray, " case"],
    state: Float[np.ndarray, "quantity case"],
) -> float:
    """Fill residual (row 0) and curvature (row 1); return the mean negative log-likelihood."""
    loss = 0.0
    for i in range(len(eta)):
        tail = np.exp(-abs(eta[i]))
        p = 1.0 / (1.0 + tail) if eta[i] >= 0 else tail / (1.0 + tail)
        loss += np.log1p(tail) + max(eta[i], 0.0) - event[i] * eta[i]
        state[0, i] = event[i] - p
        state[1, i] = max(p * (1.0 - p), _LEAST_WEIGHT)
    return loss / len(eta)


@compiled
def cox_state(
    eta: Float[np.ndarray, " case"],
    event: Float[np.ndarray, " case"],
    last: Int[np.ndarray, " case"],
    state: Float[np.ndarray, "quantity case"],
) -> float:
    """Do the same for Breslow's partial likelihood; rows are sorted by rising time.

    ``last[i]`` is the last row whose time equals that of row i.  Rows of
    ``state``: residual, expected events, hazard, and (in the first row of each
    time) events over the squared sum of hazards at risk.
    """
    n = len(eta)
    # Cases left out by a fold can be predicted hundreds of units apart: their hazards are
    # held above 1e-130, so that neither they nor their squares vanish from a sum.
    below_top = np.maximum(eta - eta.max(), -300.0)
    at_risk = np.empty(n)
    total = 0.0
    for i in range(n - 1, -1, -1):
        state[2, i] = np.exp(below_top[i])
        total += state[2, i]
        at_risk[i] = total
    loss, cumulative, i = 0.0, 0.0, 0
    while i < n:
        events = 0.0
        for j in range(i, last[i] + 1):
            events += event[j]
            loss -= event[j] * below_top[j]
            state[3, j] = 0.0
        if events > 0:
            loss += events * np.log(at_risk[i])
            cumulative += events / at_risk[i]
            state[3, i] = events / at_risk[i] ** 2
        for j in range(i, last[i] + 1):
            state[1, j] = state[2, j] * cumulative
            state[0, j] = event[j] - state[1, j]
        i = last[i] + 1
    return loss / n


@compiled
def hessian_times(
    family: int,
    row: Float[np.ndarray, " case"],
    last: Int[np.ndarray, " case"],
    state: Float[np.ndarray, "quantity case"],
    out: Float[np.ndarray, " case"],
) -> float:
    """Multiply the Hessian (case by case) with one column; return the curvature along it."""
    n = len(row)
    for i in range(n):
        out[i] = state[1, i] * row[i]
    if family == COX:
        suffix = np.empty(n)
        total = 0.0
        for i in range(n - 1, -1, -1):
            total += state[2, i] * row[i]
            suffix[i] = total
        taken, i = 0.0, 0
        while i < n:
            taken += state[3, i] * suffix[i]
            for j in range(i, last[i] + 1):
                out[j] -= state[2, j] * taken
            i = last[i] + 1
    curvature = 0.0
    for i in range(n):
        curvature += row[i] * out[i]
    return max(curvature / n, 0.0)


@compiled
def sweep(
    rows: Float[np.ndarray, "feature case"],
    bent: Float[np.ndarray, "feature case"],
    curvature: Float[np.ndarray, " feature"],
    residual: Float[np.ndarray, " case"],
    beta: Float[np.ndarray, " feature"],
    penalties: tuple[float, float],
    everything: bool,  # noqa: FBT001 - numba calls are positional
) -> float:
    """Update each coefficient once, in place; return the largest curvature x step^2."""
    n = rows.shape[1]
    worst = 0.0
    for j in range(len(rows)):
        if (not everything and beta[j] == 0.0) or curvature[j] <= 0.0:
            continue
        x, hx = rows[j], bent[j]
        pull = 0.0
        for i in range(n):
            pull += x[i] * residual[i]
        pull = pull / n + curvature[j] * beta[j]
        size = abs(pull) - penalties[0]
        new = np.sign(pull) * size / (curvature[j] + penalties[1]) if size > 0.0 else 0.0
        step = new - beta[j]
        if step != 0.0:
            beta[j] = new
            for i in range(n):
                residual[i] -= step * hx[i]
            worst = max(worst, curvature[j] * step * step)
    return worst


@compiled
def solve_positive(
    matrix: Float[np.ndarray, "term term"], goal: Float[np.ndarray, " term"]
) -> Float[np.ndarray, " term"]:
    """Solve a positive definite system by Cholesky, in place of its lower triangle.

    Written out because a threaded BLAS is slower on systems of this size, and
    stalls on a busy machine.
    """
    m = len(goal)
    for j in range(m):
        for i in range(j, m):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = np.sqrt(max(total, 1e-300)) if i == j else total / matrix[j, j]
    answer = goal.copy()
    for i in range(m):
        for k in range(i):
            answer[i] -= matrix[i, k] * answer[k]
        answer[i] /= matrix[i, i]
    for i in range(m - 1, -1, -1):
        for k in range(i + 1, m):
            answer[i] -= matrix[k, i] * answer[k]
        answer[i] /= matrix[i, i]
    return answer


@compiled
def gram(
    x: Float[np.ndarray, "term case"], hx: Float[np.ndarray, "term case"], ridge: float
) -> Float[np.ndarray, "term term"]:
    """Multiply columns by bent columns (lower triangle), with the ridge on the diagonal."""
    m, n = x.shape
    product = np.zeros((m, m))
    trace = 0.0
    for a in range(m):
        for b in range(a + 1):
            total = 0.0
            for i in range(n):
                total += x[a, i] * hx[b, i]
            product[a, b] = total / n
        trace += product[a, a]
    for a in range(m):
        # The last term keeps copies of a column from making the system singular.
        product[a, a] += ridge + 1e-12 * trace
    return product


@compiled
def jump(
    rows: Float[np.ndarray, "feature case"],
    bent: Float[np.ndarray, "feature case"],
    state: Float[np.ndarray, "quantity case"],
    beta: Float[np.ndarray, " feature"],
    limits: tuple[float, float, float, int, bool],
) -> float:
    """Solve for the columns in the model at once, up to the first change of sign.

    Correlated columns make coordinate descent crawl; with the signs fixed the
    optimum is a linear system.  Changes beta and residual, returns the step of
    the intercept.
    """
    used, n = np.flatnonzero(beta), rows.shape[1]
    m = len(used)
    if m == 0 or m > _LARGEST_JUMP or (m > n and limits[1] <= 0.0):
        return 0.0
    total = m + 1 if limits[4] else m
    # The intercept, where there is one, is a last column of ones without penalty.
    x, hx, goal = np.ones((total, n)), np.empty((total, n)), np.empty(total)
    hx[total - 1] = state[1]
    for a in range(m):
        x[a], hx[a] = rows[used[a]], bent[used[a]]
    for a in range(total):
        goal[a] = (x[a] * state[0]).sum() / n
    goal[:m] -= limits[0] * np.sign(beta[used]) + limits[1] * beta[used]
    step = solve_positive(gram(x, hx, limits[1]), goal)
    share, first = 1.0, -1
    for a in range(m):
        reach = -beta[used[a]] / step[a] if step[a] != 0.0 else -1.0
        if 0.0 < reach < share:
            share, first = reach, a
    for a in range(m):
        beta[used[a]] = 0.0 if a == first else beta[used[a]] + share * step[a]
    for a in range(total):
        state[0] -= share * step[a] * hx[a]
    return share * step[m] if limits[4] else 0.0


@compiled
def descend(
    rows: Float[np.ndarray, "feature case"],
    bent: Float[np.ndarray, "feature case"],
    curvature: Float[np.ndarray, " feature"],
    state: Float[np.ndarray, "quantity case"],
    beta: Float[np.ndarray, " feature"],
    limits: tuple[float, float, float, int, bool],
) -> tuple[float, int]:
    """Minimise the penalised quadratic in place; return the intercept's step and the sweeps.

    ``limits`` holds the L1 and L2 penalties, the tolerance, the most sweeps and
    whether there is an intercept.
    """
    lasso, ridge, tolerance, max_sweeps, with_intercept = limits
    residual, weight = state[0], state[1]
    total_weight = weight.sum()
    shift, everything, sweeps, stretch = 0.0, True, 0, 0
    while sweeps < max_sweeps:
        sweeps += 1
        worst = sweep(rows, bent, curvature, residual, beta, (lasso, ridge), everything)
        if with_intercept:
            step = residual.sum() / total_weight
            shift += step
            for i in range(len(residual)):
                residual[i] -= step * weight[i]
            worst = max(worst, step * step * total_weight / len(residual))
        if worst >= tolerance:
            # Only the columns in the model until they settle, then all once more.
            everything = False
            stretch += 1
            if stretch % _SWEEPS_BEFORE_JUMP == 0:
                shift += jump(rows, bent, state, beta, limits)
        elif everything:
            break
        else:
            everything, stretch = True, 0
    return shift, sweeps


@compiled
def evaluate(
    family: int,
    eta: Float[np.ndarray, " case"],
    event: Float[np.ndarray, " case"],
    last: Int[np.ndarray, " case"],
    state: Float[np.ndarray, "quantity case"],
) -> float:
    """Take the state of the family asked for."""
    if family == LOGISTIC:
        return logistic_state(eta, event, state)
    return cox_state(eta, event, last, state)


@compiled
def predictor(
    rows: Float[np.ndarray, "feature case"], beta: Float[np.ndarray, " feature"], intercept: float
) -> Float[np.ndarray, " case"]:
    """Add up intercept and weighted columns."""
    eta = np.full(rows.shape[1], intercept)
    for j in range(len(beta)):
        if beta[j] != 0.0:
            eta += beta[j] * rows[j]
    return eta


@compiled
def solve(
    family: int,
    rows: Float[np.ndarray, "feature case"],
    outcome: tuple[Float[np.ndarray, " case"], Int[np.ndarray, " case"]],
    start: tuple[Float[np.ndarray, " feature"], float],
    limits: tuple[float, float, float, int, bool],
) -> tuple[Float[np.ndarray, " feature"], float, Float[np.ndarray, " case"], float, bool]:
    """Minimise mean negative log-likelihood + L1 |beta| + L2 beta^2 / 2 over some columns.

    ``outcome`` holds events and the ends of ties.  Returns coefficients,
    intercept, residual (case), mean negative log-likelihood and whether the
    tolerance was reached.
    """
    event, last = outcome
    lasso, ridge, tolerance, sweeps_left, with_intercept = limits
    beta, intercept = start[0].copy(), start[1]
    state, bent = np.empty((4, rows.shape[1])), np.empty_like(rows)
    curvature = np.empty(len(rows))
    eta = predictor(rows, beta, intercept)
    loss = evaluate(family, eta, event, last, state)
    goal = loss + lasso * np.abs(beta).sum() + 0.5 * ridge * (beta * beta).sum()
    for _ in range(_MAX_NEWTON):
        for j in range(len(rows)):
            curvature[j] = hessian_times(family, rows[j], last, state, bent[j])
        old, old_intercept, old_eta, old_goal = beta.copy(), intercept, eta, goal
        inner = (lasso, ridge, 0.01 * tolerance, sweeps_left, with_intercept)
        shift, sweeps = descend(rows, bent, curvature, state, beta, inner)
        sweeps_left -= sweeps
        intercept += shift
        moved = max(shift * shift, (curvature * (beta - old) ** 2).sum())
        eta = predictor(rows, beta, intercept)
        for _halving in range(_MAX_HALVINGS):
            loss = evaluate(family, eta, event, last, state)
            goal = loss + lasso * np.abs(beta).sum() + 0.5 * ridge * (beta * beta).sum()
            if goal <= old_goal + 1e-12 * (1.0 + abs(old_goal)):
                break
            beta, eta = 0.5 * (beta + old), 0.5 * (eta + old_eta)
            intercept = 0.5 * (intercept + old_intercept)
        if moved < tolerance:
            return beta, intercept, state[0].copy(), loss, True
        if sweeps_left <= 0:
            break
    return beta, intercept, state[0].copy(), loss, False


def last_of_ties(time: Float[np.ndarray, " case"]) -> Int[np.ndarray, " case"]:
    """Return for each of the sorted times the position of its last equal.

    >>> last_of_ties(np.array([1.0, 2.0, 2.0, 5.0])).tolist()
    [0, 2, 2, 3]
    """
    ends: Int[np.ndarray, " case"] = np.searchsorted(time, time, side="right") - 1
    return ends
