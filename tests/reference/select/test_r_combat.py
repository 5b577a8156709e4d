# SPDX-License-Identifier: Apache-2.0
"""ComBat against R's sva."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.select.combat import CombatParams, combat

VALUES = Path(__file__).parents[1] / "r" / "values" / "combat.json"


def test_harmonised_columns_are_those_of_sva() -> None:
    stored = json.loads(VALUES.read_text(encoding="utf-8"))
    x, batch = np.array(stored["data"]["x"]), np.array(stored["data"]["batch"], dtype=float)
    cases = tuple(f"c{at:02d}" for at in range(len(x)))
    names = [*(f"x{at}" for at in range(x.shape[1])), "site"]
    columns = tuple(map(FeatureName.clinical, names))
    table = FeatureTable(np.column_stack([x, batch]), cases, columns)
    cohort = Cohort(table, Binary(np.arange(len(x)) % 2 == 0))
    train = Fold(frozenset(cases), frozenset()).train(cohort)
    step = combat(train, CombatParams(), np.random.default_rng(0))
    found = step.apparent(train).table.values
    # sva stops its iteration at a relative change of 1e-4; ours goes on to 1e-8.
    expected = np.array(stored["values"]["adjusted"])
    assert np.abs(found - x).max() > 1.0
    np.testing.assert_allclose(found, expected, atol=2e-5 * x.std())
