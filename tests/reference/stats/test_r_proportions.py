# SPDX-License-Identifier: Apache-2.0
"""Counts and two-group tests against R's stats package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.stats.proportions import (
    adjust_p,
    chi_square,
    exact_proportion,
    fisher_exact,
    mcnemar,
    wilson_proportion,
)
from hepacast.stats.tables import compare_numeric, describe_by_group
from hepacast.stats.univariate import screen_mann_whitney, screen_t

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def stored(from_r: Callable[[str], tuple[dict[str, Any], dict[str, Any]]]) -> Any:
    return from_r("proportions")


def test_exact_intervals_are_those_of_binom_test(stored: Any, close: Any) -> None:
    for (k, n), limits in zip(
        ((12, 13), (0, 7), (7, 7), (40, 150)), stored[1]["clopper"], strict=True
    ):
        result = exact_proportion(k, n)
        assert [result.low, result.high] == close(limits)


def test_score_intervals_are_those_of_prop_test(stored: Any, close: Any) -> None:
    for (k, n), limits in zip(((12, 13), (0, 7), (40, 150)), stored[1]["wilson"], strict=True):
        result = wilson_proportion(k, n)
        assert [result.low, result.high] == close(limits)


@pytest.mark.parametrize(
    ("key", "table", "yates"),
    [("chisq", "wide", False), ("yates", "odd", True), ("yates_small", "small", True)],
)
def test_chi_square_agrees_with_r(
    stored: Any, close: Any, key: str, table: str, yates: Any
) -> None:
    data, values = stored
    test = chi_square(data[table], yates=yates)
    assert [test.statistic, test.p] == close([values[key]["stat"], values[key]["p"]])


@pytest.mark.parametrize("table", ["small", "odd", "wide", "big"])
def test_fishers_exact_test_agrees_with_r_for_any_size(stored: Any, close: Any, table: str) -> None:
    data, values = stored
    assert fisher_exact(data[table]).p == close(values["fisher"][table])


def test_mcnemar_agrees_with_r(stored: Any, close: Any) -> None:
    data, values = stored
    table, expected = data["paired"], values["mcnemar"]
    assert mcnemar(table).p == close(expected["corrected"])
    assert mcnemar(table, corrected=False).p == close(expected["plain"])
    assert mcnemar(table, exact=True).p == close(expected["exact"])


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("bonferroni", "bonferroni"),
        ("holm", "holm"),
        ("hochberg", "hochberg"),
        ("benjamini-hochberg", "BH"),
        ("benjamini-yekutieli", "BY"),
    ],
)
def test_adjusted_p_values_agree_with_r(stored: Any, close: Any, method: Any, key: str) -> None:
    data, values = stored
    assert adjust_p(data["p"], method) == close(values["adjust"][key])


def test_numeric_comparisons_agree_with_r(stored: Any, close: Any) -> None:
    data, values = stored
    a, b, c, u, v = (np.array(data[key]) for key in "abcuv")
    expected = values["numeric"]
    both = np.concatenate([a, b])[:, None]
    later = np.arange(both.size) >= a.size
    assert screen_t(both, later, equal_variances=True).p[0] == close(expected["student"])
    assert screen_t(both, later).p[0] == close(expected["welch"])
    assert screen_mann_whitney(np.round(both), later).p[0] == close(expected["ranks_ties"])
    assert compare_numeric([u, v], normal=False)[0].p == close(expected["ranks_exact"])
    assert compare_numeric([a, b, c], normal=True)[0].p == close(expected["anova"])
    assert compare_numeric([a, b, c], normal=False)[0].p == close(expected["kruskal"])
    chosen, reason = compare_numeric([a, b], normal=True)
    assert chosen.method == "Welch's t test"
    assert "unequal" in reason
    assert [chosen.p, chosen.df] == close([expected["welch"], expected["welch_df"]])


def test_table_one_names_the_test_and_why(stored: Any, close: Any) -> None:
    data, values = stored
    counts = np.array(data["odd"])
    labels = [str(row) for row in range(2) for _ in range(counts[row].sum())]
    groups = [column for row in range(2) for column in range(2) for _ in range(counts[row, column])]
    result = describe_by_group(labels, groups, yates=True)
    assert result.test is not None
    assert result.test.p == close(values["yates"]["p"])
    assert result.reason == "every expected count is at least 5"
