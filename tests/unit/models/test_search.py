# SPDX-License-Identifier: Apache-2.0
"""Searching between settings: inside the ends, repeatable, on inner folds only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import StudyError
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel
from hepacast.models.search import search_between

if TYPE_CHECKING:
    from collections.abc import Mapping

pytest.importorskip("optuna")


def tried(seed: int) -> list[dict[str, float]]:
    seen: list[dict[str, float]] = []

    def merit(setting: Mapping[str, float]) -> float:
        seen.append(dict(setting))
        miss = (np.log10(setting["cost"]) - 1) ** 2 + 0.01 * (setting["leaf"] - 7) ** 2
        return -float(miss)

    grid = [{"cost": 0.01, "leaf": 2}, {"cost": 1.0, "leaf": 5}, {"cost": 100.0, "leaf": 20}]
    search_between(grid, merit, 40, seed)
    return seen


def test_trials_lie_between_the_ends_and_close_in_on_the_best() -> None:
    seen = tried(1)
    assert seen[:2] == [{"cost": 0.01, "leaf": 2}, {"cost": 100.0, "leaf": 20}]
    assert len(seen) == 40
    assert all(0.01 <= one["cost"] <= 100 and 2 <= one["leaf"] <= 20 for one in seen)
    assert all(isinstance(one["leaf"], int) for one in seen)
    early, late = (
        np.mean([abs(np.log10(one["cost"]) - 1) for one in part])
        for part in (seen[:12], seen[-12:])
    )
    assert late < early


def test_the_same_seed_tries_the_same_settings() -> None:
    assert tried(3) == tried(3)
    assert tried(3) != tried(4)


def test_a_model_that_searches_says_what_it_found_and_repeats_itself() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(90, 3))
    cases = tuple(f"c{at:03d}" for at in range(90))
    table = FeatureTable(x, cases, tuple(FeatureName.clinical(f"x{at}") for at in range(3)))
    cohort = Cohort(table, Binary(x[:, 0] + rng.logistic(size=90) > 0))
    fold = Fold(frozenset(cases[:60]), frozenset(cases[60:]))
    settings = {"search": "optuna", "trials": 6, "folds": 3}
    params = MODELS.parse({"svm": {**settings, "cost": (0.05, 20.0)}})
    one, two = (
        MODELS[params](fold.train(cohort), params, np.random.default_rng(5)) for _ in range(2)
    )
    assert isinstance(one, FittedModel)
    assert "6 tried" in one.notes[0]
    np.testing.assert_array_equal(
        one.apply(fold.test(cohort)).values, two.apply(fold.test(cohort)).values
    )
    other = cohort.with_outcome(Binary(cohort.outcome.event & (np.arange(90) < 60)))
    again = MODELS[params](fold.train(other), params, np.random.default_rng(5))
    assert again.notes == one.notes


def test_what_cannot_be_searched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudyError, match="positive"):
        search_between([{"decay": 0.0}, {"decay": 1.0}], lambda _: 0.0, 3, 0)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(StudyError) as caught:
        search_between([{"decay": 0.1}], lambda _: 0.0, 3, 0)
    assert "hepacast[tune]" in caught.value.fix
