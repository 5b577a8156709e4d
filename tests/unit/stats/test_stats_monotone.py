# SPDX-License-Identifier: Apache-2.0
"""A partial likelihood without a maximum is found, whatever stands beside the guilty column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize

from hepacast.core.errors import NotEstimableError
from hepacast.stats.cox import fit_cox
from hepacast.stats.fine_gray import fit_fine_gray
from hepacast.stats.firth_cox import firth_cox, firth_maximum
from hepacast.stats.risk_sets import monotone_direction, risk_sets

if TYPE_CHECKING:
    from jaxtyping import Float


def cohort(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    time = np.ceil(rng.exponential(20 * np.exp(-x[:, 0])))
    return x, time, rng.random(n) < 0.5


@pytest.mark.parametrize("rare", [2, 5])
@pytest.mark.parametrize("mixed", [0.0, 0.4])
def test_a_group_without_events_is_refused_beside_other_columns(rare: int, mixed: float) -> None:
    for seed in range(10):
        x, time, event = cohort(seed)
        group = np.arange(len(time)) < rare
        X = np.column_stack([x + mixed * group[:, None], group])
        with pytest.raises(NotEstimableError, match="x4") as caught:
            fit_cox(X, time, event & ~group)
        assert "firth_cox" in caught.value.fix
        assert np.abs(firth_cox(X, time, event & ~group)).max() < 10


def test_fine_and_gray_refuse_it_as_well() -> None:
    for seed in range(10):
        x, time, event = cohort(seed)
        group = np.arange(len(time)) < 4
        cause = np.where(event, 1, np.arange(60) % 3 * (np.arange(60) % 3 == 2))
        X = np.column_stack([x, group])
        with pytest.raises(NotEstimableError, match="x4"):
            fit_fine_gray(X, time, np.where(group & event, 2, cause))
        assert np.isfinite(fit_fine_gray(x, time, cause).beta).all()


def test_a_stratum_counts_by_itself() -> None:
    x, time, event = cohort(3)
    group = np.arange(60) % 12 == 0
    layer = np.arange(60) < 30
    event = event & ~(group & layer)
    X = np.column_stack([x, group])
    assert np.isfinite(fit_cox(X, time, event, strata=layer).beta).all()
    with pytest.raises(NotEstimableError, match="x4"):
        fit_cox(X, time, event & ~group, strata=layer)


@pytest.mark.parametrize("seed", range(40))
def test_the_answer_is_that_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 12))
    X = rng.integers(-1, 2, size=(n, 2)) + 0.0
    time, event = rng.integers(1, 6, n) + 0.0, rng.random(n) < 0.6
    event[0] = True
    pairs = np.array(
        [X[j] - X[i] for i in np.flatnonzero(event) for j in np.flatnonzero(time >= time[i])]
    )
    answer = optimize.linprog(pairs.sum(axis=0), pairs, np.zeros(len(pairs)), bounds=(-1, 1))
    found = monotone_direction([risk_sets(np.arange(n), time, event, "efron")], X)
    # Cases who are never at risk at an event, or all alike while they are, decide nothing.
    lowest = float((pairs @ answer.x).sum())
    assert (lowest < -1e-6) == bool((pairs @ found < -1e-6).any())


def test_a_step_beyond_which_nothing_is_known_is_halved() -> None:
    def evaluate(
        beta: Float[np.ndarray, " term"],
    ) -> tuple[float, Float[np.ndarray, " term"], Float[np.ndarray, "term term"]]:
        known = float(abs(beta[0]) < 0.9)
        away = beta - 0.5
        return -float(away @ away), -2 * away, np.array([[known]])

    assert firth_maximum(evaluate, 1) == pytest.approx([0.5], abs=1e-6)
    with pytest.raises(NotEstimableError, match="must vary among the cases at risk"):
        firth_maximum(lambda beta: (0.0, beta, np.zeros((1, 1))), 1)
