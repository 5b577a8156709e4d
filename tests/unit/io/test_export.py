# SPDX-License-Identifier: Apache-2.0
"""Tables for other programs come back with every value and every name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from hepacast.core.table import FeatureName, FeatureTable
from hepacast.io.export import export, open_matrix

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (FeatureName("A", "tumour", "original", "glcm", "Contrast"), FeatureName.clinical("AFP"))


@pytest.fixture
def table() -> FeatureTable:
    values = np.array([[0.1, np.nan], [1e-300, 2.0], [-3.5, 1 / 3]])
    return FeatureTable(values, ("007", "=cmd|x", "张"), NAMES)


def test_wide_parquet_keeps_every_bit(table: FeatureTable, tmp_path: Path) -> None:
    frame = pl.read_parquet(export(table, tmp_path / "x.parquet", "parquet"))
    assert frame["case"].to_list() == list(table.cases)
    assert frame.columns[1:] == [str(name) for name in NAMES]
    assert np.array_equal(frame.drop("case").to_numpy(), table.values, equal_nan=True)


def test_long_parquet_has_one_row_per_value_and_the_parts_of_the_name(
    table: FeatureTable, tmp_path: Path
) -> None:
    frame = pl.read_parquet(export(table, tmp_path / "x.parquet", "long"))
    assert len(frame) == 5
    row = frame.filter(pl.col("case") == "张", pl.col("family") == "clinical").row(0, named=True)
    assert row["feature"] == "AFP"
    assert row["value"] == 1 / 3


def test_a_case_id_is_no_formula_in_a_spreadsheet(table: FeatureTable, tmp_path: Path) -> None:
    text = export(table, tmp_path / "x.csv", "csv").read_text(encoding="utf-8").splitlines()
    assert text[2].startswith("'=cmd")
    assert text[1] == "007,0.1,"
    assert float(text[2].split(",")[1]) == 1e-300


def test_a_matrix_is_mapped_and_cannot_be_changed(table: FeatureTable, tmp_path: Path) -> None:
    values, cases, names = open_matrix(export(table, tmp_path / "matrix", "npy"))
    assert isinstance(values, np.memmap)
    assert np.array_equal(values, table.values, equal_nan=True)
    assert (cases, names) == (list(table.cases), [str(name) for name in NAMES])
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 1.0


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_anndata_has_cases_and_features_by_name(table: FeatureTable, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    found = anndata.read_h5ad(export(table, tmp_path / "x.h5ad", "h5ad"))
    assert found.obs_names.to_list() == list(table.cases)
    assert found.var["family"].to_list() == ["glcm", "clinical"]
    assert np.array_equal(found.X, table.values, equal_nan=True)
