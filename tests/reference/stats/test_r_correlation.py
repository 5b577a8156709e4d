# SPDX-License-Identifier: Apache-2.0
"""Correlations against R's cor.test, with ties."""

from __future__ import annotations

from typing import Any

import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.stats.correlation import correlate, correlation_matrix


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("correlation")


def test_coefficients_limits_and_p_values_agree(stored: Any, close: Any) -> None:
    data, values = stored
    pearson = correlate(data["x"], data["y"])
    found = [pearson.estimate, pearson.low, pearson.high, pearson.p]
    assert found == close(values["pearson"])
    kinds: tuple[Any, ...] = ("spearman", "kendall")
    for kind in kinds:
        ranked = correlate(data["x"], data["y"], kind)
        assert [ranked.estimate, ranked.p] == close(values[kind])
        assert ranked.low < ranked.estimate < ranked.high


def test_the_matrix_holds_the_pairs(stored: Any, close: Any) -> None:
    data, values = stored
    matrix = correlation_matrix(list(zip(data["x"], data["y"], [1.0] * 40, strict=True)))
    assert matrix[0, 1] == close(values["spearman"][0])
    assert matrix[0, 2] == 0.0
    assert matrix[2, 2] == 1.0


def test_too_few_cases_and_constants_are_refused() -> None:
    with pytest.raises(NotEstimableError):
        correlate([1, 2, 3, 4], [1, 2, 3, 4])
    with pytest.raises(NotEstimableError):
        correlate([1, 1, 1, 1, 1], [1, 2, 3, 4, 5])
    assert correlate([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]).high == 1.0
