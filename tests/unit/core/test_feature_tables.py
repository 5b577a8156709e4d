# SPDX-License-Identifier: Apache-2.0
"""Names of features, and tables of cases by features."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import TableError
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.text import TextTable

X, Y, Z = map(FeatureName.clinical, "xyz")


def table(cases: str = "abc", columns: tuple[FeatureName, ...] = (X, Y)) -> FeatureTable:
    values = np.arange(len(cases) * len(columns), dtype=float).reshape(len(cases), -1)
    return FeatureTable(values, tuple(cases), columns)


@pytest.mark.parametrize(
    "text", ["", "a/b/c/d", "a/b/c/d/e/f", "a//c/d/e", " a/b/c/d/e", "a/b/c/d/"]
)
def test_a_name_without_five_tokens_is_refused(text: str) -> None:
    with pytest.raises(TableError, match="five tokens"):
        FeatureName.parse(text)


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("original_glcm_JointEntropy", "-/-/original/glcm/JointEntropy"),
        ("Mass_original_shape_MeshVolume", "-/Mass/original/shape/MeshVolume"),
        ("Portal_vein_original_glcm_Id", "-/Portal_vein/original/glcm/Id"),
        ("log-sigma-3-0-mm-3D_glrlm_RunEntropy", "-/-/log-sigma-3-0-mm-3D/glrlm/RunEntropy"),
        ("wavelet-LHL_firstorder_90Percentile", "-/-/wavelet-LHL/firstorder/90Percentile"),
        ("A/tumour/original/glcm/Idm", "A/tumour/original/glcm/Idm"),
        ("shape", "-/-/-/table/shape"),
        ("glcm_x", "-/-/-/table/glcm_x"),
        ("AFP (ng/mL)", "-/-/-/table/AFP (ng|mL)"),
    ],
)
def test_headings_made_elsewhere_find_their_name(heading: str, name: str) -> None:
    assert str(FeatureName.from_column(heading)) == name


def test_a_pyradiomics_heading_comes_back_as_its_alias() -> None:
    heading = "log-sigma-3-0-mm-3D_glszm_ZoneEntropy"
    assert FeatureName.from_column(heading, phase="portal", region="ring").pyradiomics == heading


def test_a_label_leaves_out_what_does_not_apply() -> None:
    assert FeatureName.parse("portal/ring/original/glcm/Idm").label == "portal ring glcm Idm"
    assert FeatureName.clinical("AFP").label == "AFP"


def test_rows_come_in_the_order_asked_for_with_their_patients() -> None:
    lesions = FeatureTable(np.eye(3), ("a1", "a2", "b1"), (X, Y, Z), ("a", "a", "b"))
    chosen = lesions.rows(["b1", "a2"])
    assert chosen.values.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert chosen.patients == ("b", "a")


def test_an_unknown_case_is_named() -> None:
    with pytest.raises(TableError, match="2 unknown, the first is 'd'"):
        table().rows(["a", "d", "e"])


def test_columns_are_chosen_by_name_or_by_a_test() -> None:
    assert table().select([Y]).values.ravel().tolist() == [1, 3, 5]
    assert table().select(lambda name: name.feature == "x").columns == (X,)
    assert table().select([]).values.shape == (3, 0)


def test_columns_are_found_whatever_their_order_and_whoever_wrote_their_names() -> None:
    whole = table(columns=(X, Y, Z))
    written = [FeatureName.clinical(name) for name in "zx"]
    assert whole.select(written).values.tolist() == [[2, 0], [5, 3], [8, 6]]
    assert whole.select([X, Z]).values.tolist() == [[0, 2], [3, 5], [6, 8]]
    assert whole.select([Z, X]).columns == (Z, X)
    assert whole.select([X, Y, Z]) is whole


@pytest.mark.parametrize("columns", [(X, X), (Y, X, Y), (X, Y, X, Y)])
def test_a_column_asked_for_twice_is_refused(columns: tuple[FeatureName, ...]) -> None:
    with pytest.raises(TableError, match="every column of a table has its own name"):
        table().select(columns)
    with pytest.raises(TableError, match="every column of a table has its own name"):
        table().with_values(np.zeros((3, len(columns))), columns)


def test_a_case_asked_for_twice_is_refused() -> None:
    with pytest.raises(TableError, match="every case of a table has its own name"):
        table().rows(["a", "b", "a"])


@pytest.mark.parametrize("shape", [(3, 3), (2, 2), (3, 1)])
def test_values_that_do_not_fit_the_names_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(TableError, match="one row per case and one column per name"):
        table().with_values(np.zeros(shape))


def test_values_of_a_derived_table_cannot_be_written() -> None:
    for derived in (table().rows(["a"]), table().select([Y]), table().with_values(np.ones((3, 2)))):
        with pytest.raises(ValueError, match="read-only"):
            derived.values[0, 0] = 7.0


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(TableError, match="1 unknown, the first is -/-/-/clinical/z"):
        table().select([X, Z])


def test_tables_stand_beside_each_other_by_case_not_by_row() -> None:
    other = FeatureTable(np.array([[30.0], [10.0], [20.0]]), ("c", "a", "b"), (Z,))
    assert table().beside(other).values[:, 2].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    ("cases", "columns", "said"),
    [("ab", (Z,), "'c'"), ("abc", (X,), "clinical/x more than once")],
)
def test_tables_that_do_not_fit_are_not_put_beside_each_other(
    cases: str, columns: tuple[FeatureName, ...], said: str
) -> None:
    with pytest.raises(TableError, match=said):
        table().beside(table(cases, columns))


@pytest.mark.parametrize(
    ("shape", "cases", "columns", "said"),
    [
        ((2, 2), ("a",), (X, Y), "one row per case"),
        ((2, 2), ("a", "b"), (X,), "one column per name"),
        ((2, 1), ("a", "a"), (X,), "a more than once"),
        ((1, 2), ("a",), (X, X), "clinical/x more than once"),
    ],
)
def test_a_table_whose_names_do_not_fit_is_refused(
    shape: tuple[int, int],
    cases: tuple[str, ...],
    columns: tuple[FeatureName, ...],
    said: str,
) -> None:
    with pytest.raises(TableError, match=said):
        FeatureTable(np.zeros(shape), cases, columns)


def test_values_are_read_only_from_the_start() -> None:
    with pytest.raises(ValueError, match="read-only"):
        table().values[0, 0] = 1


def test_a_column_that_is_not_there_is_answered_with_those_that_are() -> None:
    text = TextTable({"id": ("1",), "age": ("50",)}, "clinical.csv", "")
    with pytest.raises(TableError, match=r"\[file clinical.csv\].*'Age'; got the columns id, age"):
        text.column("Age")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1", None), "None in row 3"),
        (("1 ", "2"), "'1 ' in row 2"),
        (("1", "1"), "'1' again in row 3"),
    ],
)
def test_ids_are_present_clean_and_unique(cells: tuple[str | None, ...], said: str) -> None:
    with pytest.raises(TableError, match=said):
        TextTable({"id": cells}, "clinical.csv", "").unique_ids("id")


def test_ids_are_compared_letter_by_letter() -> None:
    cells = ("7", "07", "007", "7.0", "A", "a")
    assert TextTable({"id": cells}, "clinical.csv", "").unique_ids("id") == cells
