# SPDX-License-Identifier: Apache-2.0
"""Discrimination within folds: unbiased where pooling is not, and with an honest interval."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.concordance import compare_c, harrell_c
from hepacast.stats.cross_validated import (
    compare_within_folds,
    within_fold_auc,
    within_fold_auc_at,
    within_fold_c,
)
from hepacast.stats.horizon import auc_at, censoring_weights, compare_at
from hepacast.stats.roc import auc

CASES = 60


def cohort(seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    event = rng.random(CASES) < 0.4
    score = np.round(rng.normal(size=(3, CASES)) + event, 1)
    folds = np.array([rng.permutation(CASES) % 5 for _ in range(3)])
    return score, folds, event, np.ceil(rng.exponential(10, CASES))


def test_with_one_fold_it_is_the_ordinary_auc_and_c_index() -> None:
    score, _, event, time = cohort()
    one = within_fold_auc(score[0], np.zeros(CASES, int), event, apparent=0.5 + 1e-12)
    assert one.estimate == pytest.approx(auc(score[0], event).estimate)
    everything = within_fold_auc(score[0], np.zeros(CASES, int), event, apparent=one.estimate)
    assert everything.learned == pytest.approx(1.0)
    # DeLong divides by m - 1 in each class, this by m - 1 of the events in both.
    assert everything.se == pytest.approx(auc(score[0], event).se, rel=0.02)
    known = harrell_c(score[0], time, event)
    found = within_fold_c(score[0], np.zeros(CASES, int), time, event, apparent=known.estimate)
    events = int(event.sum())
    assert found.estimate == pytest.approx(known.estimate)
    assert found.se == pytest.approx(known.se * np.sqrt(events / (events - 1)))
    other = harrell_c(score[1], time, event)
    second = within_fold_c(score[1], np.zeros(CASES, int), time, event)
    gap = compare_within_folds(found, second)
    assert gap.difference == pytest.approx(compare_c(known, other).difference)
    assert gap.se == pytest.approx(compare_c(known, other).se * np.sqrt(2 * events / (events - 1)))


def test_with_one_fold_it_is_the_ordinary_auc_at_a_horizon() -> None:
    score, _, event, time = cohort()
    weights, zeros = censoring_weights(time, event, 12.0), np.zeros(CASES, int)
    known, other = (auc_at(row, time, event, 12.0) for row in score[:2])
    found = within_fold_auc_at(score[0], zeros, weights, apparent=known.estimate)
    events = int(weights.case.sum())
    assert found.estimate == pytest.approx(known.estimate)
    np.testing.assert_allclose(found.influence[0], known.influence, atol=1e-14)
    assert found.se == pytest.approx(known.se * np.sqrt(events / (events - 1)))
    gap = compare_within_folds(found, within_fold_auc_at(score[1], zeros, weights))
    assert gap.difference == pytest.approx(compare_at(known, other).difference)


def test_without_censoring_the_auc_at_a_horizon_is_that_of_who_had_the_event() -> None:
    score, folds, _, time = cohort()
    weights = censoring_weights(time, np.ones(CASES), 8.0)
    found = within_fold_auc_at(score, folds, weights, apparent=0.9)
    plain = within_fold_auc(score, folds, time <= 8.0, apparent=0.9)
    assert (found.estimate, found.pairs) == pytest.approx((plain.estimate, plain.pairs))
    assert found.se == pytest.approx(plain.se)


def test_weights_undo_what_censoring_does_to_the_auc_at_a_horizon() -> None:
    rng = np.random.default_rng(8)
    gaps = []
    for _ in range(40):
        risk = rng.normal(size=(1, 400))
        time = rng.exponential(10 * np.exp(-risk[0]))
        # Those of high risk leave early as often as others; short follow-up hides late events.
        end = rng.exponential(9.0, 400)
        folds = rng.permutation(400)[None] % 4
        seen = censoring_weights(np.minimum(time, end), time <= end, 8.0)
        whole = within_fold_auc(risk, folds, time <= 8.0).estimate
        gaps.append(within_fold_auc_at(risk, folds, seen).estimate - whole)
    assert abs(np.mean(gaps)) < 2.5 * np.std(gaps, ddof=1) / 40**0.5
    assert abs(np.mean(gaps)) < 0.01


def test_it_counts_the_pairs_of_each_fold_and_no_others() -> None:
    score, folds, event, _ = cohort()
    right, every = 0.0, 0.0
    for fold in range(5):
        rows = np.flatnonzero(folds[0] == fold)
        for a in rows[event[rows]]:
            for b in rows[~event[rows]]:
                right += (score[0, a] > score[0, b]) + 0.5 * (score[0, a] == score[0, b])
                every += 1
    found = within_fold_auc(score[0], folds[0], event)
    assert (found.estimate, found.pairs) == pytest.approx((right / every, every))
    # Shifting all scores of a fold, as another fit would, changes nothing.
    shifted = score[0] + 10 * folds[0]
    assert within_fold_auc(shifted, folds[0], event).estimate == pytest.approx(found.estimate)


def test_repeats_are_averaged_but_do_not_count_as_more_cases() -> None:
    score, folds, event, _ = cohort()
    singles = [within_fold_auc(s, f, event) for s, f in zip(score, folds, strict=True)]
    found = within_fold_auc(score, folds, event)
    assert found.estimate == pytest.approx(np.mean([one.estimate for one in singles]))
    assert found.se**2 == pytest.approx(np.mean([one.se**2 for one in singles]))


def test_the_interval_is_widest_where_nothing_was_learned() -> None:
    score, folds, event, _ = cohort()
    value = within_fold_auc(score, folds, event).estimate
    widths = [
        within_fold_auc(score, folds, event, apparent=apparent).se
        for apparent in (None, 0.4, 0.99, 0.9, value)
    ]
    assert widths[0] == widths[1]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == pytest.approx(widths[-1] * np.sqrt(2))


def test_cases_of_one_patient_count_together() -> None:
    score, folds, event, _ = cohort()
    twice = np.repeat(score, 2, axis=1), np.repeat(folds, 2, axis=1), np.repeat(event, 2)
    patients = np.repeat([f"p{k}" for k in range(CASES)], 2)
    one = within_fold_auc(score, folds, event)
    both = within_fold_auc(*twice, units=patients)
    small = np.sqrt((one.events / (one.events - 1)) / (both.events / (both.events - 1)))
    assert both.estimate == pytest.approx(one.estimate)
    assert both.se * small == pytest.approx(one.se)
    assert within_fold_auc(*twice).se < 0.75 * one.se


def test_pooling_turns_chance_round_and_folds_do_not() -> None:
    pooled, within = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        x, event = rng.normal(size=CASES), np.arange(CASES) % 5 < 2
        folds = rng.permutation(CASES) % 5
        score = np.empty(CASES)
        for fold in range(5):
            learn = folds != fold
            slope = x[learn & event].mean() - x[learn & ~event].mean()
            score[~learn] = slope * (x[~learn] - x[learn].mean())
        pooled.append(auc(score, event).estimate)
        within.append(within_fold_auc(score, folds, event).estimate)
    assert np.mean(pooled) < 0.48
    assert abs(np.mean(within) - 0.5) < 0.02


def test_a_paired_comparison_needs_the_same_folds_and_pairs_need_a_fold() -> None:
    score, folds, event, time = cohort()
    one = within_fold_auc(score, folds, event)
    with pytest.raises(TableError, match="same cases"):
        compare_within_folds(one, within_fold_auc(score[:2], folds[:2], event))
    with pytest.raises(TableError, match="fold"):
        within_fold_auc(score, folds[:2], event)
    with pytest.raises(NotEstimableError, match="fold"):
        within_fold_auc(score[0], np.arange(CASES), event)
    with pytest.raises(NotEstimableError, match="fold"):
        within_fold_c(score[0], np.arange(CASES), time, event)
