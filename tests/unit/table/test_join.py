# SPDX-License-Identifier: Apache-2.0
"""Feature tables made elsewhere, and the join on the case id."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import TableError
from hepacast.core.events import Event, Noticed
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.text import TextTable
from hepacast.table.join import join_sources, read_features

IDS = ("3", "1", "2")


def text(**columns: tuple[str | None, ...]) -> TextTable:
    return TextTable({"id": IDS, **columns}, "features.csv", "")


def test_cells_become_numbers_and_headings_names() -> None:
    found = read_features(text(original_glcm_Idm=("1", "1e-3", None), x=("NA", " 2 ", "-3")), "id")
    np.testing.assert_array_equal(found.values, [[1, np.nan], [1e-3, 2], [np.nan, -3]])
    assert [str(n) for n in found.columns] == ["-/-/original/glcm/Idm", "-/-/-/table/x"]
    assert found.cases == IDS


def test_diagnostics_and_dropped_columns_are_no_features() -> None:
    table = text(diagnostics_Versions_Python=("3.9",) * 3, note=("a", "b", "c"), x=("1", "2", "3"))
    assert [n.feature for n in read_features(table, "id", ["note"]).columns] == ["x"]


@pytest.mark.parametrize("cell", ["high", "inf", "-inf", "1,5", "1e999", "infinity"])
def test_a_feature_that_is_no_finite_number_is_named(cell: str) -> None:
    with pytest.raises(TableError, match="'x' must hold finite numbers") as caught:
        read_features(text(x=("1", cell, "3")), "id")
    assert caught.value.where == {"file": "features.csv", "case": "1"}
    assert caught.value.got == f"{cell!r} in row 3"


def test_a_column_to_drop_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TableError, match="must have a column 'Target'"):
        read_features(text(x=("1", "2", "3")), "id", ["Target"])


def test_a_table_without_features_is_an_error() -> None:
    with pytest.raises(TableError, match="at least one feature"):
        read_features(text(note=("a", "b", "c")), "id", ["note"])


def test_two_headings_of_one_name_are_refused_with_the_file() -> None:
    with pytest.raises(TableError, match=r"\[file features.csv\].*more than once"):
        read_features(text(**{"a/b": ("1",) * 3, "a|b": ("2",) * 3}), "id")


def test_features_standardised_by_somebody_else_are_noticed() -> None:
    heard: list[Event] = []
    values = np.random.default_rng(1).normal(size=(50, 4))
    values = (values - values.mean(0)) / values.std(0)
    columns = {f"x{at}": tuple(map(repr, values[:, at].tolist())) for at in range(4)}
    table = TextTable({"id": tuple(map(str, range(50))), **columns}, "features.csv", "")
    read_features(table, "id", on_event=heard.append)
    (notice,) = heard
    assert isinstance(notice, Noticed)
    assert "4 of 4 columns arrive standardised over all 50 cases" in notice.text


def test_plain_features_are_not_called_standardised() -> None:
    heard: list[Event] = []
    read_features(text(x=("1", "2", "4"), y=("10", "20", "5")), "id", on_event=heard.append)
    assert heard == []


def source(cases: tuple[str, ...], name: str) -> FeatureTable:
    values = np.array([[float(case)] for case in cases])
    return FeatureTable(values, cases, (FeatureName.clinical(name),))


def test_sources_are_joined_by_case_and_remembered() -> None:
    table, columns = join_sources({"a": source(IDS, "x"), "b": source(("2", "3"), "y")}, ("3", "2"))
    assert table.values.tolist() == [[3, 3], [2, 2]]
    assert columns == {"a": (FeatureName.clinical("x"),), "b": (FeatureName.clinical("y"),)}


def test_a_source_that_lacks_a_case_is_named() -> None:
    with pytest.raises(TableError, match=r"\[source b\].*the first is '1'"):
        join_sources({"a": source(IDS, "x"), "b": source(("2", "3"), "y")}, IDS)


def test_one_column_in_two_sources_is_named() -> None:
    with pytest.raises(TableError, match=r"\[source b\].*x more than once"):
        join_sources({"a": source(IDS, "x"), "b": source(IDS, "x")}, IDS)
