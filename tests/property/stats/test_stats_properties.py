# SPDX-License-Identifier: Apache-2.0
"""What must hold for any cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hepacast.core.errors import NotEstimableError
from hepacast.stats.benefit import decision_curve, decision_curve_survival
from hepacast.stats.concordance import compare_c, harrell_c, uno_c
from hepacast.stats.proportions import adjust_p, fisher_exact
from hepacast.stats.roc import auc, compare_auc, roc_curve
from hepacast.stats.survival import kaplan_meier, logrank


@st.composite
def cohorts(draw: st.DrawFn, least: int = 6) -> dict[str, Any]:
    """Small cohorts with ties in time and risk."""
    n = draw(st.integers(least, 30))
    whole = st.integers(0, 12)
    risk = draw(hnp.arrays(np.int64, n, elements=whole)).astype(float)
    time = draw(hnp.arrays(np.int64, n, elements=st.integers(1, 10))).astype(float)
    event = draw(hnp.arrays(np.bool_, n))
    assume(event.sum() >= 2)
    assume((~event).sum() >= 2)
    return {"risk": risk, "time": time, "event": event}


@given(cohorts())
def test_reversing_the_score_turns_the_area_round(c: dict[str, Any]) -> None:
    assert auc(-c["risk"], c["event"]).estimate == pytest.approx(
        1 - auc(c["risk"], c["event"]).estimate
    )


@given(cohorts())
def test_the_area_does_not_change_with_a_monotone_scale(c: dict[str, Any]) -> None:
    plain, bent = auc(c["risk"], c["event"]), auc(np.exp(c["risk"] / 3), c["event"])
    assert (bent.estimate, bent.se) == pytest.approx((plain.estimate, plain.se))


@given(cohorts())
def test_the_area_is_that_under_the_curve(c: dict[str, Any]) -> None:
    assert roc_curve(c["risk"], c["event"]).area == pytest.approx(
        auc(c["risk"], c["event"]).estimate
    )


@given(cohorts())
def test_a_score_does_not_differ_from_itself(c: dict[str, Any]) -> None:
    result = compare_auc(c["risk"], np.exp(c["risk"]), c["event"])
    assert (result.p, result.difference) == (1.0, 0.0)


@given(cohorts(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(c: dict[str, Any], random: Any) -> None:
    order = np.array(random.sample(range(c["risk"].size), c["risk"].size))
    shuffled = {key: value[order] for key, value in c.items()}
    assert auc(shuffled["risk"], shuffled["event"]).se == pytest.approx(
        auc(c["risk"], c["event"]).se
    )
    try:
        plain = harrell_c(**c)
    except NotEstimableError:
        return
    again = harrell_c(**shuffled)
    assert (again.estimate, again.se) == pytest.approx((plain.estimate, plain.se))


@given(cohorts())
def test_reversing_the_risk_turns_the_concordance_round(c: dict[str, Any]) -> None:
    try:
        plain = harrell_c(**c)
    except NotEstimableError:
        assume(False)  # noqa: FBT003 - Hypothesis takes the condition by position
    flipped = harrell_c(-c["risk"], c["time"], c["event"])
    assert flipped.estimate == pytest.approx(1 - plain.estimate)
    assert flipped.se == pytest.approx(plain.se)


@given(cohorts())
def test_concordance_is_the_area_when_events_come_before_all_others(c: dict[str, Any]) -> None:
    """Events at one time and the rest followed longer: only event-other pairs are comparable."""
    time = np.where(c["event"], 1.0, 2.0)
    area = auc(c["risk"], c["event"]).estimate
    assert harrell_c(c["risk"], time, c["event"]).estimate == pytest.approx(area)
    assert uno_c(c["risk"], time, c["event"]).estimate == pytest.approx(area)


@given(cohorts())
def test_a_concordance_does_not_differ_from_itself(c: dict[str, Any]) -> None:
    try:
        one = harrell_c(**c)
    except NotEstimableError:
        assume(False)  # noqa: FBT003
    assert compare_c(one, one).p == 1.0


@given(cohorts())
def test_survival_falls_from_one_and_stays_in_its_interval(c: dict[str, Any]) -> None:
    curve = kaplan_meier(c["time"], c["event"])
    assert np.all(np.diff(np.concatenate([[1.0], curve.survival])) <= 0)
    known = np.isfinite(curve.low)
    assert np.all(curve.low[known] <= curve.survival[known])
    assert np.all(curve.high[known] >= curve.survival[known])
    assert curve.at_risk[0] == curve.n


@given(cohorts())
def test_without_censoring_survival_is_the_share_still_free(c: dict[str, Any]) -> None:
    curve = kaplan_meier(c["time"], np.ones(c["time"].size))
    assert curve.survival == pytest.approx(
        (c["time"][:, None] > curve.times).mean(axis=0), abs=1e-12
    )


@given(cohorts())
def test_two_copies_of_a_cohort_do_not_differ(c: dict[str, Any]) -> None:
    time, event = np.tile(c["time"], 2), np.tile(c["event"], 2)
    test = logrank(time, event, np.repeat([0, 1], c["time"].size))
    assert test.p == pytest.approx(1.0)


@given(cohorts())
def test_acting_on_nobody_has_no_benefit_and_a_useless_model_none_beyond(c: dict[str, Any]) -> None:
    everybody = decision_curve(np.ones(c["event"].size), c["event"])
    assert everybody.model == pytest.approx(everybody.treat_all)
    nobody = decision_curve(np.zeros(c["event"].size), c["event"])
    assert np.all(nobody.model == 0)
    assert np.all(nobody.treat_none == 0)


@given(cohorts())
def test_the_survival_decision_curve_without_censoring_is_the_binary_one(c: dict[str, Any]) -> None:
    by = (c["time"] <= 5).astype(bool)
    assume(by.any())
    assume(not by.all())
    risk = c["risk"] / 12
    binary = decision_curve(risk, by)
    survival = decision_curve_survival(risk, c["time"], np.ones(by.size), 5.0)
    assert survival.model == pytest.approx(binary.model)


@given(hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1)))
def test_adjusting_never_lowers_a_p_value_nor_changes_their_order(p: Any) -> None:
    adjusted = adjust_p(p, "benjamini-hochberg")
    assert np.all(adjusted >= p - 1e-15)
    assert np.all(adjusted <= 1)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= -1e-15)


@given(hnp.arrays(np.int64, (2, 3), elements=st.integers(0, 6)))
def test_fishers_test_does_not_care_which_way_the_table_lies(counts: Any) -> None:
    assume((counts.sum(axis=0) > 0).sum() > 1)
    assume((counts.sum(axis=1) > 0).all())
    assert fisher_exact(counts).p == pytest.approx(fisher_exact(counts.T[::-1]).p)
