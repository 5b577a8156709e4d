# SPDX-License-Identifier: Apache-2.0
"""Choices do not depend on the order of columns, nor on their units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.select import STEPS

CHOICES: list[object] = [
    "variance",
    "correlation",
    {"correlation": {"method": "spearman", "prefer": "name"}},
    {"univariate": {"best": 4}},
    {"univariate": {"p_below": 0.3}},
    {"mrmr": {"count": 4}},
    {"lasso": {"n_penalties": 20, "folds": 3}},
    {"rfe": {"keep": 4}},
]
seeds = st.integers(0, 10_000)


def draw(seed: int, *, survival: bool) -> tuple[FeatureTable, Outcome]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 10)) + rng.normal(size=(40, 10))
    event = values[:, 0] + rng.normal(size=40) > 0
    event[:6] = [True, False] * 3
    outcome: Outcome = Survival(rng.exponential(size=40), event) if survival else Binary(event)
    cases = tuple(f"c{at:02d}" for at in range(40))
    return FeatureTable(
        values, cases, tuple(FeatureName.clinical(f"x{k}") for k in range(10))
    ), outcome


def chosen(block: object, table: FeatureTable, outcome: Outcome) -> set[FeatureName]:
    cohort = Cohort(table, outcome)
    train: Train = Fold(frozenset(table.cases), frozenset()).train(cohort)
    params = STEPS.parse(block)
    return set(STEPS[params](train, params, np.random.default_rng(0)).outputs)


@pytest.mark.parametrize("block", CHOICES, ids=str)
@settings(max_examples=8)
@given(seed=seeds, survival=st.booleans())
def test_column_order_and_units_change_no_choice(block: object, seed: int, survival: bool) -> None:  # noqa: FBT001
    table, outcome = draw(seed, survival=survival)
    rng = np.random.default_rng(seed)
    columns = [table.columns[at] for at in rng.permutation(10)]
    factor, shift = 10.0 ** rng.integers(-3, 4, size=10), rng.normal(size=10)
    other = table.with_values(table.values * factor + shift).select(columns)
    assert chosen(block, table, outcome) == chosen(block, other, outcome)
