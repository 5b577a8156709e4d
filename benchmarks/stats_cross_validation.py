# SPDX-License-Identifier: Apache-2.0
"""Bias and coverage of discrimination under cross-validation: pooled, and within folds.

Cohorts with and without an effect, of 60, 150 and 300 cases, 5 x 5 folds; the fit has no
selection (8 columns) or a filter (5 of 500).  The truth is a formula: the AUC, or the C-index
without censoring, of the very weights that the fit on all cases gives.

Run: python benchmarks/stats_cross_validation.py [cohorts]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from hepacast.stats.concordance import harrell_c
from hepacast.stats.cross_validated import (
    CrossValidated,
    compare_within_folds,
    within_fold_auc,
    within_fold_c,
)
from hepacast.stats.dealing import deal_folds
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray

FOLDS = REPEATS = 5
PENALTY = 1e-3


@dataclass(frozen=True, slots=True)
class Plan:
    """One row of the table."""

    kind: str
    cases: int
    effect: float
    columns: int
    kept: int


def cohort(plan: Plan, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draw columns, follow-up and events; three columns carry the effect."""
    X = rng.normal(size=(plan.cases, plan.columns))
    if plan.kind == "AUC":
        event = np.arange(plan.cases) < round(0.4 * plan.cases)
        X[event, :3] += plan.effect
        return X, np.ones(plan.cases), event
    time = rng.exponential(np.exp(-plan.effect * X[:, :3].sum(axis=1)))
    end = rng.exponential(1.5, plan.cases)
    return X, np.minimum(time, end), time <= end


def truth(plan: Plan, weights: Array) -> float:
    """AUC or C-index of a weighted sum in endless cases of the same kind."""
    length = float(np.linalg.norm(weights))
    if length == 0:
        return 0.5
    along = plan.effect * float(weights[:3].sum()) / length
    if plan.kind == "AUC":
        return float(stats.norm.cdf(along / np.sqrt(2)))
    # Two cases die in the order of their scores with chance expit(difference of log hazards):
    # what goes along with the scores, and a rest that does not.
    rest = np.sqrt(max(3 * plan.effect**2 - along**2, 0.0))
    nodes = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    grid = np.sqrt(2) * (along * np.abs(nodes[200:])[:, None] + rest * nodes[None, :])
    return float((1 / (1 + np.exp(-grid))).mean())


def fit(plan: Plan, X: Array, time: Array, event: Array) -> Array:
    """Filter, and then a ridge fit in one Newton step from the null: its score vector."""
    weights = np.zeros(plan.columns)
    if plan.kind == "AUC":
        residual = event - event.mean()
    else:
        order = np.argsort(-time)
        at_risk = np.cumsum(np.ones(len(time)))
        hazard = np.cumsum((event[order] / at_risk)[::-1])[::-1]
        residual = np.empty(len(time))
        residual[order] = event[order] - hazard
    centred = X - X.mean(axis=0)
    score = residual @ centred
    chosen = np.argsort(-np.abs(score / centred.std(axis=0)))[: plan.kept or plan.columns]
    gram = centred[:, chosen].T @ centred[:, chosen]
    ridge = gram + PENALTY * len(X) * np.eye(chosen.size)
    weights[chosen] = np.linalg.solve(ridge, score[chosen])
    return weights


def cross_validate(
    plan: Plan, data: tuple[Array, Array, Array], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Scores and folds of all repeats."""
    X, time, event = data
    names = [f"{row:04d}" for row in range(len(X))]
    scores, folds = np.empty((REPEATS, len(X))), np.empty((REPEATS, len(X)), dtype=np.int64)
    for repeat in range(REPEATS):
        folds[repeat] = deal_folds(names, event.astype(np.int64), FOLDS, rng)
        for fold in range(FOLDS):
            out = folds[repeat] == fold
            weights = fit(plan, X[~out], time[~out], event[~out])
            scores[repeat, out] = (X[out] - X[~out].mean(axis=0)) @ weights
    return scores, folds


def judge(
    plan: Plan, scores: Array, folds: Array, data: tuple[Array, Array, Array], seen: Array
) -> tuple[CrossValidated, float, float, float]:
    """Estimate within folds, and pooled with its limits."""
    _, time, event = data
    if plan.kind == "AUC":
        pooled = auc(scores.mean(axis=0), event)
        apparent = auc(seen, event).estimate
        found = within_fold_auc(scores, folds, event, apparent=apparent)
        return found, pooled.estimate, pooled.low, pooled.high
    joint = harrell_c(scores.mean(axis=0), time, event)
    apparent = harrell_c(seen, time, event).estimate
    found = within_fold_c(scores, folds, time, event, apparent=apparent)
    return found, joint.estimate, joint.low, joint.high


def row(plan: Plan, cohorts: int) -> str:
    """Simulate one row of the table."""
    kept = []
    for number in range(cohorts):
        rng = np.random.default_rng([number, plan.cases, plan.columns])
        data = cohort(plan, rng)
        weights = fit(plan, *data)
        scores, folds = cross_validate(plan, data, rng)
        found, pooled, low, high = judge(plan, scores, folds, data, data[0] @ weights)
        true = truth(plan, weights)
        kept.append(
            (true, pooled, low <= true <= high, found.estimate, found.low <= true <= found.high)
        )
    true, pooled, held, within, kept_in = np.mean(np.array(kept, dtype=float), axis=0)
    return (
        f"| {plan.kind} | {plan.cases} | {plan.kept or '-'} of {plan.columns} | {true:.3f} | "
        f"{pooled:.3f} | {100 * held:.0f} | {within:.3f} | {100 * kept_in:.0f} |"
    )


def level(plan: Plan, cohorts: int) -> str:
    """Say how often two procedures of equal merit, on other columns each, seem to differ."""
    found = []
    for number in range(cohorts):
        rng = np.random.default_rng([number, plan.cases, plan.columns, 99])
        X, time, event = cohort(plan, rng)
        other = rng.normal(size=X.shape)
        other[event, :3] += plan.effect
        both = []
        for table in (X, other):
            data = table, time, event
            scores, folds = cross_validate(plan, data, np.random.default_rng(number))
            both.append(judge(plan, scores, folds, data, table @ fit(plan, *data))[0])
        found.append(compare_within_folds(both[0], both[1]).p < 0.05)
    share = 100 * float(np.mean(found))
    kept = f"{plan.kept or '-'} of {plan.columns}"
    return f"| {plan.cases} | {kept} | {plan.effect:g} | {share:.0f} |"


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    cohorts = int(arguments[0]) if arguments else 1000
    print("| measure | cases | kept | truth | pooled | covers, % | within folds | covers, % |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in ("AUC", "C-index"):
        for effect in (0.0, 0.5):
            for cases in (60, 150, 300):
                for columns, kept in ((8, 0), (500, 5)):
                    print(row(Plan(kind, cases, effect, columns, kept), cohorts), flush=True)
    print("\n| cases | kept | effect | P < 0.05, % |\n|---|---|---|---|")
    for effect in (0.0, 0.5):
        for cases in (60, 150, 300):
            for columns, kept in ((8, 0), (500, 5)):
                print(level(Plan("AUC", cases, effect, columns, kept), cohorts), flush=True)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main(sys.argv[1:])
