# SPDX-License-Identifier: Apache-2.0
"""Selection and modelling on pure noise: honest chains stay at chance, cheating ones do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.select import STEPS
from hepacast.stats.concordance import harrell_c
from hepacast.stats.dealing import deal_folds
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from jaxtyping import Float

CHAINS: dict[str, list[object]] = {
    "univariate": ["zscore", {"univariate": {"best": 10}}],
    "correlation": [{"univariate": {"best": 40}}, "correlation", {"univariate": {"best": 10}}],
    "lasso": [{"univariate": {"p_below": 0.2}}, "lasso", {"univariate": {"best": 10}}],
    "mrmr-rfe": [{"mrmr": {"count": 20}}, {"rfe": {"keep": 8}}],
    "stability": [{"univariate": {"best": 50}}, {"stability": {"pairs": 5, "share": 0.55}}],
}


def noise(outcome: str, n: int = 120, p: int = 400, seed: int = 0) -> Cohort:
    rng = np.random.default_rng(seed)
    cases = tuple(f"c{at:03d}" for at in range(n))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(p))
    event = rng.random(n) < 0.5
    known: Outcome = Binary(event)
    if outcome == "survival":
        known = Survival(rng.exponential(300, size=n), event)
    return Cohort(FeatureTable(rng.normal(size=(n, p)), cases, columns), known)


def folds_of(cohort: Cohort, seed: int) -> list[Fold]:
    patients = np.array(cohort.table.patients, dtype=object)
    rng = np.random.default_rng(seed)
    fold = deal_folds(cohort.table.patients, cohort.outcome.strata, 5, rng)
    return [
        Fold(frozenset(patients[fold != label]), frozenset(patients[fold == label]))
        for label in range(5)
    ]


def choose(
    train: Train, test: FeatureTable, blocks: list[object], seed: int
) -> tuple[Train, FeatureTable]:
    rng = np.random.default_rng(seed)
    for block in blocks:
        params = STEPS.parse(block)
        step = STEPS[params](train, params, rng)
        train, test = step.apparent(train), step.apply(test)
    return train, test


def discrimination(cohort: Cohort, scores: Float[np.ndarray, " case"]) -> float:
    if isinstance(cohort.outcome, Binary):
        return auc(scores, cohort.outcome.event).estimate
    return harrell_c(scores, cohort.outcome.time_days, cohort.outcome.event).estimate


def honest(cohort: Cohort, blocks: list[object], seed: int) -> float:
    """Choose and fit inside every fold; pool the scores."""
    scores = dict.fromkeys(cohort.table.cases, 0.0)
    for fold in folds_of(cohort, seed):
        train, test = choose(fold.train(cohort), fold.test(cohort), blocks, seed)
        params = MODELS.parse("regression")
        model = MODELS[params](train, params, np.random.default_rng(seed))
        out = model.apply(test)
        scores |= dict(zip(out.cases, out.values[:, 0].tolist(), strict=True))
    return discrimination(cohort, np.array(list(scores.values())))


@pytest.mark.parametrize("outcome", ["binary", "survival"])
@pytest.mark.parametrize("chain", sorted(CHAINS))
def test_on_noise_an_honest_chain_stays_near_chance(chain: str, outcome: str) -> None:
    found = [honest(noise(outcome, seed=seed), CHAINS[chain], seed) for seed in range(3)]
    # The standard error of one AUC is 0.053, of the mean of three 0.03.
    assert abs(np.mean(found) - 0.5) < 0.1


def test_choosing_on_everybody_first_is_what_the_types_prevent() -> None:
    cohort = noise("binary")
    everybody = Fold(frozenset(cohort.table.patients), frozenset()).train(cohort)
    params = STEPS.parse({"univariate": {"best": 10}})
    step = STEPS[params](everybody, params, np.random.default_rng(0))
    leaked = cohort.with_table(step.apparent(everybody).table)
    assert honest(leaked, [], 0) > 0.75
    assert honest(cohort, [{"univariate": {"best": 10}}], 0) < 0.65


def test_a_column_that_knows_the_test_outcome_does_not_help() -> None:
    cohort, name = noise("binary", p=60), FeatureName.clinical("canary")
    event, scores = cohort.outcome.event, dict.fromkeys(cohort.table.cases, 0.0)
    for fold in folds_of(cohort, 0):
        tested = np.array([patient in fold.score for patient in cohort.table.patients])
        random = np.random.default_rng(1).random(len(cohort)) < 0.5
        canary = np.where(tested, event, random).astype(float)
        column = FeatureTable(canary[:, None], cohort.table.cases, (name,))
        spiked = cohort.with_table(cohort.table.beside(column))
        train, test = choose(
            fold.train(spiked), fold.test(spiked), [{"univariate": {"best": 5}}], 0
        )
        params = MODELS.parse("regression")
        out = MODELS[params](train, params, np.random.default_rng(0)).apply(test)
        scores |= dict(zip(out.cases, out.values[:, 0].tolist(), strict=True))
        # Seen by itself the column would be perfect.
        assert auc(canary[tested], event[tested]).estimate == 1.0
    assert auc(np.array(list(scores.values())), event).estimate < 0.65
