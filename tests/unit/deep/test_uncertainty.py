"""Ensembles, calibration, conformal sets and distances: each keeps its promise, and says it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from hepacast.core.errors import LeakError, NotEstimableError, TableError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep.conformal import (
    Conformal,
    ConformalParams,
    cross_conformal,
    fit_conformal,
    least_cases,
)
from hepacast.deep.uncertainty import RecalibrationParams, ensemble, fit_recalibration
from hepacast.deep.uncertainty_domain import DomainParams, fit_domain, fit_envelope


def cases(start: int, count: int) -> tuple[str, ...]:
    return tuple(f"p{n:05d}" for n in range(start, start + count))


def table_of(values: np.ndarray, start: int = 0) -> FeatureTable:
    columns = np.asarray(values, float).reshape(len(values), -1)
    names = tuple(FeatureName.score(f"s{n}") for n in range(columns.shape[1]))
    return FeatureTable(columns, cases(start, len(columns)), names)


def train_of(values: np.ndarray, event: np.ndarray, start: int = 0) -> Train:
    table = table_of(values, start)
    cohort = Cohort(table, Binary(np.asarray(event, bool)))
    return Fold(frozenset(table.patients), frozenset()).train(cohort)


def test_members_that_agree_have_no_spread() -> None:
    found = ensemble(np.array([[0.2, 0.1], [0.2, 0.9]]))
    assert found.spread.tolist() == pytest.approx([0.0, 0.8 / np.sqrt(2)])
    assert found.probability.tolist() == pytest.approx([0.2, 0.5])
    assert found.disagreement[0] == pytest.approx(0)
    # Mean entropy of 0.1 and 0.9 is 0.469 bits, that of 0.5 is 1.
    assert found.disagreement[1] == pytest.approx(1 - 0.46900, abs=1e-5)


def test_one_seed_is_no_ensemble() -> None:
    with pytest.raises(TableError, match="Train more seeds"):
        ensemble(np.array([[0.2, 0.1]]))


@pytest.mark.parametrize(("kind", "shift"), [("platt", 1.5), ("temperature", 0.0)])
def test_calibration_recovers_the_slope_that_made_the_outcome(kind: str, shift: float) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 4, 20_000)
    event = rng.random(20_000) < expit(0.5 * logits + shift)
    params = RecalibrationParams.model_validate({"kind": kind})
    found = fit_recalibration(train_of(logits, event), params)
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.intercept == pytest.approx(shift, abs=0.06)
    new = table_of(np.array([0.0, 2.0]), start=90_000)
    assert found.apply(new).values[:, 0] == pytest.approx(expit(np.array([0, 1]) + shift), abs=0.02)


@pytest.mark.parametrize("kind", ["platt", "temperature"])
def test_separated_and_useless_logits_are_told(kind: str) -> None:
    params = RecalibrationParams.model_validate({"kind": kind})
    event = np.arange(40) >= 20
    apart = fit_recalibration(train_of(np.arange(40.0) - 19.5, event), params)
    assert 0 < apart.slope <= 100
    turned = fit_recalibration(train_of(-np.arange(40.0) + 19.5, event), params)
    assert turned.slope == 0
    assert "no signal" in turned.notes[0]
    assert turned.apply(table_of(np.array([3.0]), 99)).values[0, 0] == pytest.approx(0.5)


def test_a_calibration_refuses_its_own_patients_and_survival() -> None:
    rng = np.random.default_rng(1)
    logits, event = rng.normal(size=50), rng.random(50) < 0.5
    found = fit_recalibration(train_of(logits, event), RecalibrationParams())
    with pytest.raises(LeakError):
        found.apply(table_of(logits[:2]))
    table = table_of(logits)
    cohort = Cohort(table, Survival(np.ones(50), event))
    train = Fold(frozenset(table.patients), frozenset()).train(cohort)
    with pytest.raises(NotEstimableError, match="binary outcome"):
        fit_recalibration(train, RecalibrationParams())


def _outcomes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    event = rng.random(n) < 0.2
    # The same network output for both, badly calibrated on purpose.
    p = expit(rng.normal(0, 1.5, n) + 2.0 * event - 3.0)
    return p, event


def test_sets_hold_each_class_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    held = []
    for repeat in range(60):
        p, event = _outcomes(rng, 200)
        found = fit_conformal(train_of(p, event), ConformalParams(level=0.8))
        new, happened = _outcomes(rng, 400)
        sets = found.sets(table_of(new, start=10_000 + repeat))
        held.append([one.estimate for one in sets.coverage(happened)])
    mean = np.mean(held, axis=0)
    # Standard errors are 0.4 % and 0.9 %; a set over both classes would give 0.9 and 0.4.
    assert mean[0] == pytest.approx(0.80, abs=0.02)
    assert 0.78 < mean[1] < 0.86


def test_few_cases_make_sets_that_exclude_nothing_and_say_so() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(30)
    event = np.arange(30) < 6
    sets = fit_conformal(train_of(p, event), ConformalParams()).sets(table_of(rng.random(50), 100))
    assert sets.member[:, 1].all()
    assert "With 6 cases event can never be excluded: 9 are needed." in sets.sentence()
    assert 1.0 <= sets.width <= 2.0


def test_the_least_number_of_cases_is_exact() -> None:
    for level in (0.8, 0.9, 0.95):
        n = least_cases(level)
        for count, excluded in ((n, True), (n - 1, False)):
            event = np.arange(2 * count) < count
            p = np.where(event, 0.9, 0.1)
            found = fit_conformal(train_of(p, event), ConformalParams(level=level))
            member = found.sets(table_of(np.array([0.0]), 99)).member
            assert bool(member[0, 1]) is not excluded


def test_folds_are_joined_and_refuse_all_their_patients() -> None:
    rng = np.random.default_rng(8)
    parts: list[Conformal] = []
    for fold in range(5):
        p, event = _outcomes(rng, 60)
        parts.append(fit_conformal(train_of(p, event, 60 * fold), ConformalParams(level=0.8)))
    new, happened = _outcomes(rng, 2000)
    sets = cross_conformal(parts, [table_of(new, 5000)] * 5)
    assert sum(sets.reference) == 300
    assert all(abs(one.estimate - 0.8) < 0.1 for one in sets.coverage(happened))
    # One fold with all cases gives the same counts as five parts of them.
    values = (
        np.concatenate([one._odd[0] for one in parts]),
        np.concatenate([1 - one._odd[1] for one in parts]),
    )
    event = np.repeat([False, True], [values[0].size, values[1].size])
    whole = fit_conformal(train_of(np.concatenate(values), event), ConformalParams(level=0.8))
    assert np.allclose(whole.sets(table_of(new, 5000)).p_values, sets.p_values)
    with pytest.raises(LeakError):
        cross_conformal(parts, [table_of(new[:3], 62)] * 5)
    with pytest.raises(TableError, match="one table of the same new cases per fold"):
        cross_conformal(parts, [table_of(new, 5000)] * 4)


def _vectors(rng: np.random.Generator, n: int, shift: float = 0.0) -> np.ndarray:
    mixing = np.random.default_rng(0).normal(size=(6, 80))
    return np.asarray(
        (rng.normal(size=(n, 6)) + shift) @ mixing + 0.3 * rng.normal(size=(n, 80)) + 5.0
    )


def test_cases_of_the_same_kind_are_flagged_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(4)
    train = train_of(_vectors(rng, 60), np.arange(60) % 2 == 0)
    found = fit_domain(train, DomainParams(level=0.1), np.random.default_rng(1))
    same = found.unlike(table_of(_vectors(rng, 500), 1000))
    other = found.unlike(table_of(_vectors(rng, 100, shift=4.0), 5000))
    assert 0.03 < len(same) / 500 < 0.2
    assert len(other) > 90
    with pytest.raises(LeakError):
        found.unlike(train.table)


def test_a_constant_feature_does_not_break_the_distance() -> None:
    rng = np.random.default_rng(4)
    values = _vectors(rng, 40)
    values[:, 3] = 7.0
    train = train_of(values, np.arange(40) % 2 == 0)
    found = fit_domain(train, DomainParams(), np.random.default_rng(1))
    assert np.isfinite(found.apply(table_of(_vectors(rng, 5), 1000)).values).all()


def test_a_scan_unlike_all_others_is_told_in_words() -> None:
    train = train_of(np.zeros(3), np.array([True, False, True]))
    scans: dict[str, dict[str, float | str]] = {
        case: {"slice_mm": thickness, "maker": maker}
        for case, thickness, maker in zip(
            train.table.cases, (1.0, 2.0, 5.0), ("GE", "SIEMENS", "GE"), strict=True
        )
    }
    found = fit_envelope(train, scans)
    assert found.outside("new", {"slice_mm": 3.0, "maker": "GE"}) == ()
    told = found.outside("new", {"slice_mm": 8.0, "maker": "CANON"})
    assert told == ("slice_mm 8 outside 1-5", "maker 'CANON' not among GE, SIEMENS")
    assert found.outside("new", {"maker": "GE"}) == ("slice_mm unknown",)
    with pytest.raises(LeakError):
        found.outside("p00001", {"slice_mm": 1.0, "maker": "GE"})
