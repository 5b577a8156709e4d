# SPDX-License-Identifier: Apache-2.0
"""Table 1 chooses a test, says why, and counts what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hepacast.core.errors import TableError
from hepacast.stats.proportions import crosstab, expected_counts, fisher_exact
from hepacast.stats.tables import describe_by_group


def test_a_normal_variable_gets_means_and_a_t_test() -> None:
    rng = np.random.default_rng(3)
    values, group = rng.normal(50, 10, 80), np.repeat(["a", "b"], 40)
    table = describe_by_group(values, group, name="Age")
    assert table.rows[0].label == "mean (SD)"
    assert len(table.rows[0].cells) == 3
    assert table.test is not None
    assert table.test.method == "Student's t test"
    assert table.test.p == pytest.approx(stats.ttest_ind(values[:40], values[40:]).pvalue)
    assert table.reason.startswith("normal by Shapiro-Wilk")


def test_unequal_variances_ask_for_welch() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(0, 1, 40), rng.normal(0, 6, 40)])
    table = describe_by_group(values, np.repeat([0, 1], 40))
    assert table.test is not None
    assert table.test.method == "Welch's t test"


def test_a_skewed_variable_gets_medians_and_ranks() -> None:
    rng = np.random.default_rng(5)
    values, group = np.round(rng.lognormal(3, 1.2, 90)), np.repeat([0, 1, 2], 30)
    two = describe_by_group(values[:60], group[:60], digits=0)
    assert two.rows[0].label == "median (IQR)"
    assert two.test is not None
    assert two.test.method == "Mann-Whitney test"
    three = describe_by_group(values, group)
    assert three.test is not None
    assert three.test.method == "Kruskal-Wallis test"


def test_three_normal_groups_get_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(6)
    table = describe_by_group(rng.normal(size=90), np.repeat([0, 1, 2], 30))
    assert table.test is not None
    assert table.test.method == "analysis of variance"


def test_missing_values_are_counted_and_left_out() -> None:
    values = ["yes", None, "no", "yes", "", "no", float("nan"), "yes"]
    table = describe_by_group(values, [0, 0, 0, 0, 1, 1, 1, 1], name="Cirrhosis")
    assert table.missing == (1, 2)
    assert table.sizes == (4, 4)
    assert [row.cells for row in table.rows] == [
        ("1 (33.3)", "1 (50.0)", "2 (40.0)"),
        ("2 (66.7)", "1 (50.0)", "3 (60.0)"),
    ]


@pytest.mark.parametrize("values", [[1, 1, 1, 1], ["x", "x", "x", "x"]])
def test_what_does_not_vary_is_described_but_not_tested(values: list[object]) -> None:
    table = describe_by_group(values, [0, 0, 1, 1])
    assert table.test is None
    assert table.rows
    assert table.sentence().endswith("(" + table.reason + ")")


def test_two_distinct_numbers_are_categories_unless_told_otherwise() -> None:
    values, group = [0, 1, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]
    assert describe_by_group(values, group).kind == "categorical"
    assert describe_by_group(values, group, kind="numeric").kind == "numeric"


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(TableError):
        describe_by_group([1, 2, 3], [0, 1])


def test_fishers_p_adds_up_all_tables_that_are_no_more_likely() -> None:
    counts = np.array([[2, 3], [4, 1]])
    total, row, column = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    weight = stats.hypergeom(total, row[0], column[0])
    support = np.arange(max(0, row[0] + column[0] - total), min(row[0], column[0]) + 1)
    chances = weight.pmf(support)
    expected = chances[chances <= weight.pmf(counts[0, 0]) * (1 + 1e-7)].sum()
    assert fisher_exact(counts).p == pytest.approx(expected)


def test_a_crosstab_keeps_margins() -> None:
    table = crosstab(["a", "b", "a", "c"], [1, 0, 0, 1])
    assert table.sum() == 4
    assert expected_counts(table).sum() == pytest.approx(4.0)
