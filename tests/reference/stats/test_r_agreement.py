# SPDX-License-Identifier: Apache-2.0
"""Agreement against R's psych and vcd, and against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.agreement import icc
from hepacast.stats.kappa import cohen_kappa, fleiss_kappa

FORMS: list[Any] = ["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("agreement")


@pytest.mark.parametrize("table", ["sf", "two"])
@pytest.mark.parametrize("row", range(6))
def test_every_form_agrees_with_psych(stored: Any, close: Any, table: str, row: int) -> None:
    data, values = stored
    result = icc(np.array(data[table], dtype=float).T, FORMS[row])
    expected = values[table]
    for mine, key in (
        (result.estimate, "icc"),
        (result.low, "low"),
        (result.high, "high"),
        (result.f, "f"),
        (result.p, "p"),
    ):
        assert mine[0] == close(expected[key][row])


def test_features_at_once_are_the_features_alone(stored: Any) -> None:
    table = np.array(stored[0]["two"], dtype=float).T
    many = np.stack([table, table * 7 - 3, table[::-1], np.ones_like(table)], axis=2)
    result = icc(many)
    assert result.estimate[:3] == pytest.approx(icc(table).estimate[0])
    assert result.constant.tolist() == [False, False, False, True]
    assert np.isnan(result.estimate[3])
    assert result.reliable(0.5).tolist() == [True, True, True, False]


def test_readers_who_copy_one_another_agree_perfectly() -> None:
    values = np.array([1.3, 2.7, 9.1, 4.4])
    result = icc([values, values])
    assert (result.estimate[0], result.low[0], result.high[0]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_kappa_and_its_error_agree_with_vcd(stored: Any, close: Any, weights: Any) -> None:
    data, values = stored
    plain = cohen_kappa(data["grades"])
    assert [plain.estimate, plain.se] == close(values[weights]["plain"])
    weighted = cohen_kappa(data["grades"], weights)
    assert [weighted.estimate, weighted.se] == close(values[weights]["weighted"])


@pytest.mark.oracle
def test_kappas_agree_with_statsmodels(stored: Any, close: Any) -> None:
    oracle = pytest.importorskip("statsmodels.stats.inter_rater")
    grades = np.array(stored[0]["grades"])
    theirs = oracle.cohens_kappa(grades)
    mine = cohen_kappa(grades)
    assert [mine.z, mine.p] == close([theirs.z_value, theirs.pvalue_two_sided], absolute=1e-15)
    counts = np.array([[3, 0, 1], [2, 1, 1], [0, 3, 1], [4, 0, 0], [1, 2, 1], [0, 1, 3]])
    assert fleiss_kappa(counts).estimate == close(oracle.fleiss_kappa(counts))


@pytest.mark.slow
def test_fleiss_error_under_chance_is_that_of_chance() -> None:
    rng = np.random.default_rng(8)
    z = [fleiss_kappa(rng.multinomial(5, [0.5, 0.3, 0.2], size=200)).z for _ in range(800)]
    assert np.std(z) == pytest.approx(1.0, abs=0.08)
