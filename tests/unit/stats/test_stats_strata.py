# SPDX-License-Identifier: Apache-2.0
"""Treatment over classes of risk: matched, from a landmark, with a test of the interaction."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.matching import treatment_by_class
from hepacast.stats.strata import four_classes, treatment_over_strata


def cohort(
    seed: int, n: int = 600, *, effect: float = 0.3, lean: float = 0.8
) -> tuple[tuple[str, ...], tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Draw cases whose covariate drives both treatment and death; it helps one class only."""
    rng = np.random.default_rng(seed)
    early, late = rng.random(n) < 0.5, rng.random(n) < 0.5
    group = four_classes(early, late)
    x = rng.normal(size=(n, 2))
    helped = np.array(group) == "ER high, OS low"
    asked = rng.random(n) < 1 / (1 + np.exp(-lean * x[:, 0]))
    at = rng.uniform(0, 2, n)
    hazard = 0.1 * np.exp(0.7 * x[:, 0] + 0.5 * late)
    before = rng.exponential(1 / hazard)
    # Who dies first is never treated; after treatment the hazard of one class falls.
    treated = asked & (before > at)
    after = at + rng.exponential(1 / (hazard * np.where(helped, effect, 1.0)))
    time = np.where(treated, after, before)
    end = rng.uniform(6, 20, n)
    follow_up = (np.minimum(time, end), time <= end)
    return group, follow_up, np.where(treated, at, np.inf), x


def test_the_class_that_profits_is_found_and_the_interaction_too() -> None:
    group, follow_up, treated_at, x = cohort(1, 1200)
    found = treatment_over_strata(group, follow_up, treated_at, x, 2.0)
    by = {one.name: one for one in found.classes}
    assert list(by) == sorted({*group})
    assert (by["ER high, OS low"].high or 9) < 1
    others = [one for name, one in by.items() if name != "ER high, OS low"]
    assert all((one.low or 9) < 1 < (one.high or 0) for one in others)
    assert found.interaction is not None
    assert found.interaction.p < 0.01
    assert found.interaction.df == 3
    assert all(one.imbalance < 0.25 for one in found.classes)
    assert "landmark analysis" in found.sentence()


def test_the_landmark_and_matching_remove_what_is_no_benefit() -> None:
    ratios, unmatched, immortal = [], [], []
    for seed in range(6):
        group, follow_up, treated_at, x = cohort(seed, 800, effect=1.0)
        found = treatment_over_strata(group, follow_up, treated_at, x, 2.0)
        ratios += [one.ratio for one in found.classes if one.ratio is not None]
        left = found.landmark
        names = np.array(group)[left.rows]
        unmatched.append(treatment_by_class(left.exposed, names, left.time, left.event).ratio)
        group, follow_up, treated_at, _ = cohort(seed, 800, effect=1.0, lean=0.0)
        immortal.append(treatment_by_class(np.isfinite(treated_at), group, *follow_up).ratio)
    assert abs(np.mean(np.log(ratios))) < 0.1
    # Whom doctors treat looks worse, and who lived to be treated looks better.
    assert np.log(unmatched).mean() > 0.15
    assert np.log(immortal).mean() < -0.15


def test_the_interaction_keeps_its_level() -> None:
    tests = []
    for seed in range(60):
        group, follow_up, treated_at, x = cohort(100 + seed, 500, effect=1.0)
        found = treatment_over_strata(group, follow_up, treated_at, x, 2.0)
        tests.append(found.interaction is not None and found.interaction.p < 0.05)
    assert np.mean(tests) < 0.15


def test_a_class_without_treated_cases_says_so_and_the_rest_goes_on() -> None:
    group, follow_up, treated_at, x = cohort(4)
    only = np.array(group) == "ER low, OS low"
    found = treatment_over_strata(group, follow_up, np.where(only, np.inf, treated_at), x, 2.0)
    empty = next(one for one in found.classes if one.name == "ER low, OS low")
    assert (empty.ratio, empty.treated) == (None, 0)
    assert "not estimable" in empty.sentence()
    assert found.interaction is not None
    assert found.interaction.df == 2
    alone = treatment_over_strata(["one"] * len(group), follow_up, treated_at, x, 2.0)
    assert alone.interaction is None


def test_lengths_and_landmarks_are_checked() -> None:
    group, follow_up, treated_at, x = cohort(5)
    with pytest.raises(NotEstimableError, match="landmark"):
        treatment_over_strata(group, follow_up, treated_at, x, 99.0)
    with pytest.raises(TableError):
        treatment_over_strata(group, follow_up, treated_at, x[:10], 2.0)
