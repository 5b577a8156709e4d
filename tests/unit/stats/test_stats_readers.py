# SPDX-License-Identifier: Apache-2.0
"""Reader studies: against a published analysis, and against the method of pseudovalues."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.reader_calls import reader_calls
from hepacast.stats.readers import (
    Components,
    compare_over_readers,
    mean_over_readers,
    reader_study,
)
from hepacast.stats.roc import auc, compare_auc

# Five radiologists, 45 aortic dissections and 69 others, cine or spin-echo MRI (Van Dyke 1993);
# empirical areas and jackknife covariances as the user guide of MRMCaov 0.2 prints them.
AREAS = [
    [0.9196457, 0.8587762, 0.9038647, 0.9731079, 0.8297907],
    [0.9478261, 0.9053140, 0.9217391, 0.9993559, 0.9299517],
]
PARTS = Components(variance=0.0008022883, cov1=0.0003466137, cov2=0.0003440748, cov3=0.0002390284)


def cohort(seed: int, gain: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Draw reads of 4 readers on 70 cases: with help, and without."""
    rng = np.random.default_rng(seed)
    event = np.arange(70) < 30
    case, reader = rng.normal(size=70), rng.normal(size=(4, 1)) * 0.2
    own = event * (0.8 + reader) + 0.7 * case + rng.normal(size=(4, 70))
    other = event * (0.8 + gain + reader) + 0.7 * case + rng.normal(size=(4, 70))
    return np.round([other, own], 1), event


def test_the_published_comparison_is_repeated() -> None:
    random, fixed = compare_over_readers(AREAS, PARTS)
    assert random.difference == pytest.approx(-0.04380032, abs=1e-7)
    assert random.se == pytest.approx(0.02074862, abs=1e-7)
    assert random.df == pytest.approx(15.25967, abs=1e-3)
    assert (random.low, random.high) == pytest.approx((-0.0879594986, 0.0003588544), abs=1e-6)
    assert random.p == pytest.approx(0.05166569, abs=1e-6)
    assert fixed.se == pytest.approx(0.01871748, abs=1e-7)
    assert (fixed.low, fixed.high) == pytest.approx((-0.08048591, -0.00711473), abs=1e-6)
    assert fixed.p == pytest.approx(0.01927984, abs=1e-6)


def test_the_published_means_are_repeated() -> None:
    event = np.arange(114) < 45
    for row, cov2, low, high in (
        (0, 0.0004839618, 0.8252236, 0.9688505),
        (1, 0.0002041879, 0.8941378, 0.9875369),
    ):
        found = mean_over_readers(AREAS[row], cov2, event)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    calls = [[40, 35, 37, 42, 31], [44, 37, 41, 45, 40]]
    parts = Components(
        variance=0.0023681257, cov1=0.0009943883, cov2=0.0010145903, cov3=0.0006604938
    )
    gap = compare_over_readers(np.array(calls) / 45, parts, "sensitivity")[0]
    assert (gap.difference, gap.se) == pytest.approx((-0.09777778, 0.03780451), abs=1e-7)
    assert (gap.df, gap.p) == pytest.approx((15.71732, 0.02008822), abs=1e-4)


def test_covariances_of_calls_are_those_of_the_published_jackknife() -> None:
    rng = np.random.default_rng(4)
    event = np.arange(60) < 25
    calls = rng.random((2, 3, 60)) < np.where(event, 0.7, 0.3)
    study = reader_study(calls, event, "sensitivity")
    hits = calls[:, :, event].reshape(6, -1)
    left = [np.delete(hits, at, axis=1).mean(axis=1) for at in range(25)]
    jackknife = np.cov(np.array(left).T) * (25 - 1) ** 2 / 25
    assert study.components.variance == pytest.approx(np.diag(jackknife).mean())
    assert study.components.cov1 == pytest.approx(np.diag(jackknife[:3, 3:]).mean())


def test_pseudovalues_give_the_same_answer() -> None:
    reads, event = cohort(2)
    cases, readers = event.size, reads.shape[1]

    def areas(keep: np.ndarray) -> np.ndarray:
        return np.array(
            [[auc(row[keep], event[keep]).estimate for row in condition] for condition in reads]
        )

    everybody = areas(np.arange(cases))
    left = np.array([areas(np.delete(np.arange(cases), one)) for one in range(cases)])
    pseudo = cases * everybody - (cases - 1) * left
    mean = pseudo.mean(axis=0)
    # Mean squares of condition, condition x reader, condition x case, and all three.
    by_condition = mean.mean(axis=1)
    ms_t = cases * readers * ((by_condition - by_condition.mean()) ** 2).sum()
    resid = mean - mean.mean(axis=1, keepdims=True) - mean.mean(axis=0) + mean.mean()
    ms_tr = cases * (resid**2).sum() / (readers - 1)
    over = pseudo.mean(axis=2)
    part = over - over.mean(axis=1, keepdims=True) - over.mean(axis=0) + over.mean()
    ms_tc = readers * (part**2).sum() / (cases - 1)
    full = (
        pseudo
        - pseudo.mean(axis=0)
        - pseudo.mean(axis=1, keepdims=True)
        - pseudo.mean(axis=2, keepdims=True)
        + over.mean(axis=0)[None, :, None]
        + mean.mean(axis=0)[None, None, :]
        + pseudo.mean(axis=(1, 2), keepdims=True)
        - pseudo.mean()
    )
    ms_trc = (full**2).sum() / ((readers - 1) * (cases - 1))
    bottom = ms_tr + max(ms_tc - ms_trc, 0.0)
    f, df = ms_t / bottom, bottom**2 / (ms_tr**2 / (readers - 1))
    covariance = np.cov(left.reshape(cases, -1).T) * (cases - 1) ** 2 / cases
    block = covariance.reshape(2, readers, 2, readers)
    same = np.eye(readers, dtype=bool)
    inside = np.stack([block[0, :, 0], block[1, :, 1]])
    parts = Components(
        variance=inside[:, same].mean(),
        cov1=block[0, :, 1][same].mean(),
        cov2=inside[:, ~same].mean(),
        cov3=block[0, :, 1][~same].mean(),
    )
    found = compare_over_readers(everybody, parts)[0]
    assert found.statistic**2 == pytest.approx(f)
    assert found.df == pytest.approx(df)
    assert found.p == pytest.approx(stats.f.sf(f, 1, df))
    # DeLong's covariances, which reader_study uses, are close to the jackknife's.
    study = reader_study(reads, event)
    assert study.components.cov2 == pytest.approx(parts.cov2, rel=0.05)
    assert study.random_readers.p == pytest.approx(found.p, rel=0.2)


def test_readers_who_do_not_differ_leave_the_variance_of_the_cases() -> None:
    reads, event = cohort(3)
    alike = np.repeat(reads[:, :1], 4, axis=1)
    study = reader_study(alike, event)
    pair = compare_auc(alike[0, 0], alike[1, 0], event)
    assert study.fixed_readers.difference == pytest.approx(pair.difference)
    assert study.fixed_readers.se == pytest.approx(pair.se)
    assert study.random_readers.se == pytest.approx(pair.se)
    nothing = reader_study(np.stack([reads[0], reads[0]]), event)
    assert nothing.random_readers.p == 1.0


def test_under_no_difference_five_of_a_hundred_studies_find_one() -> None:
    found = [reader_study(*cohort(seed, gain=0.0)).random_readers.p < 0.05 for seed in range(300)]
    assert 0.02 < np.mean(found) < 0.08


def test_calls_of_every_reader_and_their_agreement() -> None:
    reads, event = cohort(5)
    found = reader_calls(reads > 0.7, event)
    assert len(found.readers) == 4
    assert [len(pairs) for pairs in found.pairs] == [6, 6]
    one = found.readers[2]
    right = (reads[:, 2] > 0.7) == event
    assert one.sensitivity[0].estimate == right[0, event].mean()
    assert one.specificity[1].estimate == right[1, ~event].mean()
    assert one.changed_right == (right[0] & ~right[1]).sum()
    gained = int((right[0] & ~right[1] & event).sum())
    lost = int((~right[0] & right[1] & event).sum())
    assert one.on_events.p == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)
    same = reader_calls(np.repeat(reads[:, :1] > 0.7, 2, axis=1), event)
    assert same.agreement[0].estimate == pytest.approx(1.0)


def test_a_study_needs_two_readers_two_conditions_and_calls_for_sensitivity() -> None:
    reads, event = cohort(6)
    with pytest.raises(NotEstimableError, match="two of them"):
        reader_study(reads[:, :1], event)
    with pytest.raises(TableError, match="two conditions"):
        reader_study(reads[:1], event)
    with pytest.raises(TableError, match="calls"):
        reader_study(reads, event, "sensitivity")
