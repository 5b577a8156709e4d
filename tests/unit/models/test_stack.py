# SPDX-License-Identifier: Apache-2.0
"""Stacked scores never count against themselves."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS


def training(weights: list[float], kind: str, cases: int = 200) -> Train:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(cases, len(weights)))
    risk = values @ np.array(weights)
    event = rng.random(cases) < 1 / (1 + np.exp(-risk))
    outcome: Outcome = Binary(event)
    if kind == "survival":
        outcome = Survival(rng.exponential(np.exp(-risk)) * 100, rng.random(cases) < 0.8)
    names = tuple(FeatureName.score(f"s{at}") for at in range(len(weights)))
    ids = tuple(f"P{at:03d}" for at in range(cases))
    cohort = Cohort(FeatureTable(values, ids, names), outcome)
    return Fold(frozenset(ids), frozenset()).train(cohort)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_a_score_turned_round_by_chance_leaves_and_is_named(kind: str) -> None:
    train = training([1.0, -0.6, 0.5], kind)
    params = MODELS.parse("stack")

    fitted = MODELS[params](train, params, np.random.default_rng(0))

    assert [name.feature for name in fitted.coefficients] == ["s0", "s2"]
    assert min(fitted.coefficients.values()) > 0
    assert any("s1 had a negative weight" in note for note in fitted.notes)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_scores_that_all_help_are_weighed_as_by_regression(kind: str) -> None:
    train = training([1.0, 0.7], kind)
    found = {}
    for name in ("stack", "regression"):
        params = MODELS.parse(name)
        found[name] = MODELS[params](train, params, np.random.default_rng(0)).coefficients

    assert found["stack"] == pytest.approx(found["regression"])


def test_scores_that_all_harm_leave_nothing_but_the_average() -> None:
    train = training([-1.0, -1.0], "binary")
    params = MODELS.parse("stack")

    fitted = MODELS[params](train, params, np.random.default_rng(0))

    assert not fitted.coefficients
    assert not fitted.apparent(train).table.values.any()
