# SPDX-License-Identifier: Apache-2.0
"""Shuffled voxels: same size and histogram, another texture."""

from __future__ import annotations

import numpy as np

from hepacast.core.geometry import Grid
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.radiomics import ExtractParams, extract_case
from hepacast.run.cases.shuffle import extract_shuffled, replace_columns


def test_histogram_and_shape_stay_and_texture_goes() -> None:
    rng = np.random.default_rng(1)
    grid = Grid.from_affine(np.eye(4), (12, 12, 12))
    ramp = np.add.outer(np.add.outer(np.arange(12.0), np.arange(12.0)), np.arange(12.0)) * 20
    volume = Volume(ramp + rng.normal(0, 3, (12, 12, 12)), grid)
    mask = np.zeros((12, 12, 12), dtype=bool)
    mask[2:10, 2:10, 2:10] = True
    regions = {"tumour": Region(mask, grid, "tumour")}
    real = extract_case({"A": volume}, regions, ExtractParams()).values
    dealt, _ = extract_shuffled("c1", "A", volume, regions, ExtractParams())
    again, _ = extract_shuffled("c1", "A", volume, regions, ExtractParams())
    assert dealt == again
    assert set(dealt) == set(real)
    for name, value in real.items():
        if name.filter == "original" and name.family in {"shape", "firstorder"}:
            assert np.isclose(dealt[name], value, rtol=1e-9), name
    correlation = FeatureName("A", "tumour", "original", "glcm", "Correlation")
    assert real[correlation] > 0.7
    assert abs(dealt[correlation]) < 0.2


def test_only_the_columns_measured_again_are_replaced() -> None:
    names = tuple(map(FeatureName.clinical, "abc"))
    table = FeatureTable(np.arange(6.0).reshape(2, 3), ("x", "y"), names)
    other = FeatureTable(np.array([[9.0]]), ("y",), names[1:2])
    found = replace_columns(table, other).values
    np.testing.assert_array_equal(found, [[0, np.nan, 2], [3, 9, 5]])
