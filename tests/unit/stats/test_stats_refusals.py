# SPDX-License-Identifier: Apache-2.0
"""What cannot be estimated is refused with a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.benefit import decision_curve, decision_curve_survival
from hepacast.stats.calibration import calibration
from hepacast.stats.calibration_survival import calibration_survival
from hepacast.stats.concordance import harrell_c, uno_c
from hepacast.stats.cox import fit_cox
from hepacast.stats.diagnostic import diagnostic
from hepacast.stats.proportions import chi_square, exact_proportion, fisher_exact, mcnemar
from hepacast.stats.regression import firth_logistic, fit_logistic
from hepacast.stats.roc import auc, compare_auc, roc_curve, youden
from hepacast.stats.smooth import loess, spline_knots
from hepacast.stats.survival import kaplan_meier, logrank
from hepacast.stats.univariate import screen_c, screen_cox, screen_logistic, screen_t

if TYPE_CHECKING:
    from collections.abc import Callable

SCORE, ALL, NONE = [1.0, 2.0, 3.0], [1, 1, 1], [0, 0, 0]
TIME = [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda event: auc(SCORE, event),
        lambda event: compare_auc(SCORE, TIME, event),
        lambda event: roc_curve(SCORE, event),
        lambda event: diagnostic(SCORE, event, 2.0),
        lambda event: calibration([0.1, 0.2, 0.3], event),
        lambda event: decision_curve([0.1, 0.2, 0.3], event),
        lambda event: fit_logistic(SCORE, event),
        lambda event: firth_logistic(SCORE, event),
        lambda event: screen_logistic(np.array(SCORE), event),
        lambda event: screen_t(np.array(SCORE), event),
    ],
)
@pytest.mark.parametrize("event", [ALL, NONE])
def test_one_class_is_refused(ask: Callable[[list[int]], object], event: list[int]) -> None:
    with pytest.raises(NotEstimableError, match=r"Pool the subgroups"):
        ask(event)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: harrell_c(SCORE, TIME, NONE),
        lambda: harrell_c(SCORE, [2.0, 2.0, 2.0], ALL),
        lambda: uno_c(SCORE, TIME, ALL, horizon=0.5),
        lambda: screen_c(np.array(SCORE), TIME, NONE),
        lambda: screen_cox(np.array(SCORE), TIME, NONE),
        lambda: fit_cox(SCORE, TIME, NONE),
        lambda: logrank(TIME, NONE, ["a", "b", "b"]),
        lambda: logrank(TIME, ALL, ["a", "a", "a"]),
        lambda: kaplan_meier([], []),
        lambda: calibration_survival([0.1, 0.2, 0.3], TIME, NONE, 2.0),
        lambda: decision_curve_survival([0.1, 0.2, 0.3], TIME, ALL, 9.0),
        lambda: exact_proportion(3, 2),
        lambda: exact_proportion(0, 0),
        lambda: chi_square([[3, 4], [0, 0]]),
        lambda: mcnemar([[3, 0], [0, 4]]),
        lambda: fisher_exact(np.full((6, 6), 40), max_tables=1000),
        lambda: auc([1.0, 2.0, 3.0], [0, 0, 1]),
        lambda: youden([3.0, 2.0, 1.0], [0, 0, 1]),
        lambda: loess([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        lambda: spline_knots(np.ones(30)),
        lambda: spline_knots(np.arange(30.0), 9),
        lambda: screen_t(np.array([1.0, 2.0, 3.0]), [0, 0, 1]),
    ],
)
def test_what_the_cohort_cannot_answer_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(NotEstimableError):
        ask()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: auc([1.0, np.nan, 3.0], [0, 1, 1]),
        lambda: auc([1.0, 2.0], [0, 1, 1]),
        lambda: auc(SCORE, [0, 1, 2]),
        lambda: kaplan_meier([-1.0, 2.0], [1, 1]),
        lambda: kaplan_meier([1.0, 2.0], [1, 1], conf_type="arcsin"),  # type: ignore[arg-type]
        lambda: decision_curve([0.1, 1.2], [0, 1]),
        lambda: decision_curve([0.1, 0.2], [0, 1], [0.0, 0.5]),
        lambda: chi_square([[0.5, 1.0], [2.0, 3.0]]),
        lambda: fit_logistic(SCORE, [0, 1, 0], ["a", "b"]),
        lambda: fit_logistic([1.0, 2, 3, 4], [0, 1, 0, 1]).linear([[1.0, 2.0]]),
    ],
)
def test_a_broken_table_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(TableError):
        ask()


def test_separation_is_named_and_firth_is_offered() -> None:
    X = np.array([[1.0, 5], [2, 1], [3, 4], [4, 2], [5, 3], [6, 6]])
    with pytest.raises(NotEstimableError, match=r"'size'.*firth_logistic") as caught:
        fit_logistic(X, [0, 0, 0, 1, 1, 1], ["size", "noise"])
    assert "separation" in caught.value.got
    assert np.isfinite(firth_logistic(X, [0, 0, 0, 1, 1, 1]).beta).all()


def test_quasi_separation_is_found_too() -> None:
    group = [0, 0, 0, 0, 1, 1, 1]
    with pytest.raises(NotEstimableError, match="separation"):
        fit_logistic(group, [0, 1, 0, 1, 1, 1, 1])


def test_a_group_without_events_is_refused_by_cox() -> None:
    with pytest.raises(NotEstimableError, match="infinite hazard ratio"):
        fit_cox([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("fit", [fit_logistic, firth_logistic])
def test_constant_and_dependent_columns_are_named(fit: Callable[..., object]) -> None:
    event = [0, 1, 0, 1, 1]
    x = np.array([1.0, 3, 2, 5, 4])
    with pytest.raises(NotEstimableError, match=r"one value only in \['flat'\]"):
        fit(np.column_stack([x, np.ones(5)]), event, ["x", "flat"])
    with pytest.raises(NotEstimableError, match=r"\['double'\] follow from the columns before"):
        fit(np.column_stack([x, 2 * x + 1]), event, ["x", "double"])


def test_a_screen_says_what_is_constant_and_what_is_separated() -> None:
    event = np.array([0, 0, 0, 1, 1, 1])
    X = np.column_stack([np.ones(6), event * 2.0, [1.0, 3, 2, 2, 4, 3], -event * 1.0])
    screen = screen_logistic(X, event)
    assert screen.constant.tolist() == [True, False, False, False]
    assert screen.separated.tolist() == [False, True, False, True]
    assert screen.p[0] == 1.0
    assert screen.beta[[1, 3]].tolist() == [np.inf, -np.inf]
    # All of the deviance, 12 log 2, is explained.
    assert screen.p_lr[1] == pytest.approx(0.003926, abs=1e-6)
    alone = fit_logistic(X[:, 2], event)
    assert screen.beta[2] == pytest.approx(alone.beta[0], rel=1e-9)


def test_a_survival_screen_gives_the_limit_of_a_monotone_likelihood() -> None:
    time, event = np.array([1.0, 1, 2, 3, 4, 5]), np.array([1, 1, 1, 0, 1, 0])
    X = np.column_stack([[3.0, 3, 2, 1, 2, 1], [1.0, 2, 1, 2, 1, 2]])
    screen = screen_cox(X, time, event)
    assert screen.separated.tolist() == [True, False]
    far = np.exp(20.0 * X[:, 0])
    s = [far.sum(), far.sum() - far[:2].mean(), far[2:].sum(), far[4:].sum()]
    limit = 20.0 * X[[0, 1, 2, 4], 0].sum() - np.log(s).sum()
    null = -np.log([6, 5, 4, 2]).sum()
    assert screen.p_lr[0] == pytest.approx(stats.chi2.sf(2 * (limit - null), 1), rel=1e-6)
