# SPDX-License-Identifier: Apache-2.0
"""Walk down a grid of penalties with strong rules and warm starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.stats.kernels.descent import COX, LOGISTIC, cox_state, last_of_ties, solve

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Family = Literal["logistic", "cox"]

_SATURATED = 0.999
_NO_GAIN = 1e-5
_STEPS_BEFORE_STOPPING = 5
_SMALLEST_MIX = 1e-3


@dataclass(frozen=True, slots=True)
class PathSettings:
    """How a penalty path is laid out; the defaults are those of R's glmnet.

    Parameters
    ----------
    l1_ratio : float
        1 for the LASSO, between 0 and 1 for the elastic net (glmnet's alpha).
    n_penalties : int
        Length of the grid, falling on a log scale from the smallest penalty
        that keeps every coefficient at zero.
    ratio : float or None
        Last penalty over the first; None is 1e-2 with more columns than cases
        and 1e-4 otherwise.
    tolerance : float
        Convergence: largest curvature times squared step, as a share of the
        null deviance.  glmnet's default is 1e-7.
    max_sweeps : int
        Sweeps over the columns allowed for one penalty.
    max_columns : int or None
        The path ends after the first penalty with more non-zero columns.
    standardise : bool
        Bring columns to SD 1 before penalising; otherwise they are only centred.
    """

    l1_ratio: float = 1.0
    n_penalties: int = 100
    ratio: float | None = None
    tolerance: float = 1e-10
    max_sweeps: int = 100_000
    max_columns: int | None = None
    standardise: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class SparsePath:
    """Coefficients along a falling grid of penalties, on the scale of the input.

    Parameters
    ----------
    family : {"logistic", "cox"}
        What was fitted.
    penalties : (penalty,) float
        Weight of the penalty beside the *mean* negative log-likelihood of
        standardised columns: glmnet's lambda.
    columns : (chosen,) int
        Columns that are non-zero anywhere on the path.
    weights : (penalty, chosen) float
        Their coefficients; higher means a higher risk of the event.
    intercepts : (penalty,) float
        Zero for Cox.
    deviance_ratio : (penalty,) float
        Share of the null deviance explained.
    n_columns : int
        Number of columns offered.
    stopped : str
        Why the path ends where it does.
    """

    family: Family
    penalties: Float[np.ndarray, " penalty"]
    columns: Int[np.ndarray, " chosen"]
    weights: Float[np.ndarray, "penalty chosen"]
    intercepts: Float[np.ndarray, " penalty"]
    deviance_ratio: Float[np.ndarray, " penalty"]
    n_columns: int
    stopped: str

    def coefficients(self, at: int) -> Float[np.ndarray, " feature"]:
        """Return all coefficients at one place of the path."""
        dense = np.zeros(self.n_columns)
        dense[self.columns] = self.weights[at]
        return dense

    def linear_predictor(
        self, values: Float[np.ndarray, "case feature"]
    ) -> Float[np.ndarray, "case penalty"]:
        """Return intercept plus weighted sum for each case and penalty."""
        predictor: Float[np.ndarray, "case penalty"] = (
            values[:, self.columns] @ self.weights.T + self.intercepts
        )
        return predictor


@dataclass(slots=True)
class Problem:
    """Standardised columns and outcome, in the order in which the kernel wants them."""

    family: Family
    values: Float[np.ndarray, "case feature"]
    event: Bool[np.ndarray, " case"]
    time: Float[np.ndarray, " case"] | None = None
    order: Int[np.ndarray, " case"] = field(init=False)
    last: Int[np.ndarray, " case"] = field(init=False)
    outcome: Float[np.ndarray, " case"] = field(init=False)
    saturated: float = field(init=False, default=0.0)
    """Twice the log-likelihood of the saturated model (below zero with tied events)."""

    def __post_init__(self) -> None:
        """Sort by time, and note the ties."""
        count = len(self.event)
        self.order = np.arange(count)
        self.last = self.order
        self.outcome = self.event.astype(np.float64)
        if self.time is not None:
            self.order = np.argsort(self.time, kind="stable")
            self.outcome = self.outcome[self.order]
            times = self.time[self.order]
            self.last = last_of_ties(times)
            _, tie = np.unique(times, return_inverse=True)
            ties = np.bincount(tie, weights=self.outcome)
            ties = ties[ties > 0]
            self.saturated = float(-2.0 * np.sum(ties * np.log(ties)))

    @property
    def code(self) -> int:
        """Number of the family in the kernel."""
        return LOGISTIC if self.family == "logistic" else COX

    def loss(self, eta: Float[np.ndarray, " case"]) -> float:
        """Return the mean negative log-likelihood of a linear predictor in kernel order."""
        return float(cox_state(eta, self.outcome, self.last, np.empty((4, len(eta)))))

    def standardised(self, *, scaled: bool) -> tuple[Float[np.ndarray, "feature case"], ...]:
        """Return the columns as rows of mean 0 (and SD 1), with means and SDs (0: constant)."""
        rows = np.ascontiguousarray(self.values[self.order].T)
        centre = rows.mean(axis=1)
        rows -= centre[:, None]
        scale = np.sqrt(np.einsum("ij,ij->i", rows, rows) / rows.shape[1])
        # Rounding leaves a constant column with an SD of a few ulp of its mean.
        scale[scale <= 1e-13 * np.abs(centre)] = 0.0
        if not scaled:
            scale = np.where(scale > 0, 1.0, 0.0)
        rows /= np.where(scale > 0, scale, 1.0)[:, None]
        rows[scale == 0] = 0.0
        return rows, centre, scale


@dataclass(slots=True)
class _State:
    """Where the solution stands while the penalty falls."""

    beta: Float[np.ndarray, " feature"]
    intercept: float
    gradient: Float[np.ndarray, " feature"]
    loss: float
    converged: bool = True


def walk_path(
    problem: Problem,
    settings: PathSettings,
    penalties: Float[np.ndarray, " penalty"] | None = None,
) -> SparsePath:
    """Fit the model for every penalty of a falling grid.

    Parameters
    ----------
    problem : Problem
        Columns and outcome.
    settings : PathSettings
        Mixing, grid and tolerance.
    penalties : (penalty,) float, optional
        Grid to use instead of the automatic one.

    Returns
    -------
    SparsePath
        On the scale of the input.
    """
    rows, centre, scale = problem.standardised(scaled=settings.standardise)
    # Without any column the kernel fits the intercept, or nothing at all.
    state = _solve(problem, rows, settings, np.zeros(len(rows), dtype=bool), None, 0.0)
    null, automatic = state, penalties is None
    grid = _grid(state.gradient, problem, settings) if penalties is None else penalties
    reached: list[tuple[Float[np.ndarray, " feature"], float]] = []
    explained: list[float] = []
    stopped, before = "end of the grid", max(float(grid[0]), _top(state.gradient, settings))
    base = null.loss + 0.5 * problem.saturated / len(problem.event)
    for penalty in grid:
        state = _screened(problem, rows, settings, state, (before, float(penalty)))
        if not state.converged:
            stopped = "no convergence"
            break
        before = float(penalty)
        reached.append((state.beta, state.intercept))
        explained.append((null.loss - state.loss) / base if base > 0 else 0.0)
        crowded = np.count_nonzero(state.beta) > (settings.max_columns or len(rows))
        reason = "enough columns" if crowded else _enough(explained, automatic=automatic)
        if reason:
            stopped = reason
            break
    return _unscale(problem, (reached, np.array(explained)), grid, (centre, scale), stopped)


def _top(gradient: Float[np.ndarray, " feature"], settings: PathSettings) -> float:
    """Return the smallest penalty that keeps every coefficient at zero."""
    largest = float(np.abs(gradient).max(initial=0.0))
    return largest / max(settings.l1_ratio, _SMALLEST_MIX)


def _grid(
    gradient: Float[np.ndarray, " feature"], problem: Problem, settings: PathSettings
) -> Float[np.ndarray, " penalty"]:
    """Lay out the penalties; without any usable column there is one, 0."""
    top = _top(gradient, settings)
    if top <= 0:
        return np.zeros(1)
    cases, columns = problem.values.shape
    ratio = settings.ratio or (1e-2 if cases < columns else 1e-4)
    return np.geomspace(top, top * ratio, settings.n_penalties)


def _screened(
    problem: Problem,
    rows: Float[np.ndarray, "feature case"],
    settings: PathSettings,
    state: _State,
    penalties: tuple[float, float],
) -> _State:
    """Solve over the columns that can matter, and widen until no other one does."""
    before, penalty = penalties
    mix = settings.l1_ratio
    use = (np.abs(state.gradient) >= mix * (2.0 * penalty - before)) | (state.beta != 0)
    while True:
        state = _solve(problem, rows, settings, use, state, penalty)
        wrong = ~use & (np.abs(state.gradient) > mix * penalty * (1.0 + 1e-9))
        if not wrong.any() or not state.converged:
            return state
        use = use | wrong


def _solve(
    problem: Problem,
    rows: Float[np.ndarray, "feature case"],
    settings: PathSettings,
    use: Bool[np.ndarray, " feature"],
    state: _State | None,
    penalty: float,
) -> _State:
    """Call the kernel on some columns; take the gradient of all."""
    chosen = np.flatnonzero(use)
    start = (np.zeros(len(chosen)), 0.0) if state is None else (state.beta[chosen], state.intercept)
    mix, count = settings.l1_ratio, rows.shape[1]
    limits = (
        mix * penalty,
        (1.0 - mix) * penalty,
        settings.tolerance,
        settings.max_sweeps,
        problem.family == "logistic",
    )
    part, intercept, residual, loss, converged = solve(
        problem.code, rows[chosen], (problem.outcome, problem.last), start, limits
    )
    beta = np.zeros(len(rows))
    beta[chosen] = part
    return _State(beta, float(intercept), rows @ residual / count, float(loss), bool(converged))


def _enough(explained: list[float], *, automatic: bool) -> str:
    """Say why the path may end here, or nothing."""
    if explained[-1] > _SATURATED:
        return "99.9 % of the deviance explained"
    if not automatic or len(explained) <= _STEPS_BEFORE_STOPPING:
        return ""
    gained = explained[-1] - explained[-1 - _STEPS_BEFORE_STOPPING]
    return "no further gain" if gained < _NO_GAIN * explained[-1] else ""


def _unscale(
    problem: Problem,
    fitted: tuple[list[tuple[Float[np.ndarray, " feature"], float]], Float[np.ndarray, " penalty"]],
    grid: Float[np.ndarray, " penalty"],
    scaling: tuple[Float[np.ndarray, " feature"], Float[np.ndarray, " feature"]],
    stopped: str,
) -> SparsePath:
    """Write the solutions on the scale of the input."""
    reached, explained = fitted
    centre, scale = scaling
    beta = np.array([one for one, _ in reached])
    columns = np.flatnonzero((beta != 0).any(axis=0))
    weights = beta[:, columns] / scale[columns]
    intercepts = np.zeros(len(reached))
    if problem.family == "logistic":
        intercepts = np.array([one for _, one in reached]) - weights @ centre[columns]
    used = np.asarray(grid, dtype=np.float64)[: len(reached)]
    size = problem.values.shape[1]
    return SparsePath(problem.family, used, columns, weights, intercepts, explained, size, stopped)
