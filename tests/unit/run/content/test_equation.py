# SPDX-License-Identifier: Apache-2.0
"""The equation that a report prints says what the fitted model says."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.folds import Cohort
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.text import TextTable
from hepacast.models import MODELS
from hepacast.run.content.equation import equation_of
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.protocol.chain import Recipe
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.select import STEPS
from hepacast.table.clinical import ClinicalTable

NOBODY = ClinicalTable((), {}, TextTable({}, "", ""), {}, "case")


def cohort(kind: str) -> Cohort:
    """Sixty cases whose risk depends on two columns of very different units."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(60, 2)) * [1.0, 300.0] + [0.0, 900.0]
    risk = values[:, 0] + values[:, 1] / 300 - 3
    event = rng.random(60) < 1 / (1 + np.exp(-risk))
    outcome: Outcome = Binary(event)
    if kind == "survival":
        outcome = Survival(rng.exponential(900 * np.exp(-risk)) + 1, rng.random(60) < 0.7)
    names = tuple(FeatureName.clinical(name) for name in ("albi", "afp"))
    cases = tuple(f"P{number:02d}" for number in range(60))
    return Cohort(FeatureTable(values, cases, names), outcome)


@pytest.mark.parametrize("kind", ["binary", "survival"])
@pytest.mark.parametrize("model", ["one", "both"])
def test_equation_gives_the_probability_of_the_fitted_model(kind: str, model: str) -> None:
    everybody = cohort(kind)
    impute = STEPS.parse("impute")
    scores = {
        name: ScoreParams(from_=(name,), steps=(impute,), model=MODELS.parse("regression"))
        for name in ("first", "second")
    }
    sets = {"one": ("first",), "both": ("first", "second")}
    columns = {"first": everybody.table.columns[:1], "second": everybody.table.columns[1:]}
    recipe = Recipe(scores, ModelsParams(sets=sets), columns, 3, 7)
    at_days = None if kind == "binary" else 400.0

    final = final_fit(everybody, recipe, at_days)
    equation = equation_of(final.fitted, model, final.train, NOBODY, at_days)

    assert equation is not None
    inputs = everybody.table
    if model == "both":
        parts = [final.fitted.scores[name].apparent(final.train).table for name in sets["both"]]
        inputs = parts[0].beside(parts[1])
    for row, expected in enumerate(final.models[model].probability):
        case = dict(zip(map(str, inputs.columns), inputs.values[row].tolist(), strict=True))
        assert equation.risk(case) == pytest.approx(expected, abs=1e-9)
    if at_days is not None:
        assert equation.baselines[0].months == pytest.approx(at_days / DAYS_PER_MONTH)


def test_a_score_whose_units_a_step_changed_has_no_equation() -> None:
    everybody = cohort("binary")
    score = ScoreParams(
        from_=("all",), steps=(STEPS.parse("zscore"),), model=MODELS.parse("regression")
    )
    recipe = Recipe(
        {"s": score}, ModelsParams(sets={"m": ("s",)}), {"all": everybody.table.columns}, 3, 7
    )

    final = final_fit(everybody, recipe, None)

    assert equation_of(final.fitted, "m", final.train, NOBODY, None) is None
