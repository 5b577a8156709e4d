# SPDX-License-Identifier: Apache-2.0
"""Responses that have no value somewhere, and intensities at the ends of floating point."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import extract_case
from hepacast.radiomics.kernels.values import at_ranks
from hepacast.radiomics.params import ExtractParams


def test_a_response_without_a_value_at_some_voxel_is_a_reason_and_no_crash() -> None:
    data = np.round(np.random.default_rng(1).normal(size=(12, 12, 12)) * 50).astype(np.int16)
    data[:8, :8, :8] = 7
    grid = Grid(data.shape, (1.0, 1.0, 1.0))
    params = ExtractParams.model_validate(
        {
            "filters": [{"kind": "lbp-3D", "bins": {"width": 1.0}}],
            "families": ["firstorder", "glcm"],
        }
    )
    found = extract_case(
        {"pvp": Volume(data, grid)}, {"liver": Region(np.ones(data.shape, bool), grid)}, params
    )
    # The kurtosis on a sphere of one intensity is 0 / 0.
    for name, value in found.values.items():
        assert np.isnan(value) == (name.filter == "lbp-3D-k")
        if np.isnan(value):
            assert found.reasons[name] == "undefined"


@pytest.mark.parametrize("scale", [1e-318, 1e-300, 1.0, 1e300])
def test_ranks_are_those_of_a_sort_at_any_scale(scale: float) -> None:
    values = np.random.default_rng(4).normal(size=500) * scale
    ranks = np.array([0, 3, 250, 499])
    found = at_ranks(values, float(values.min()), float(values.max()), ranks)
    np.testing.assert_array_equal(found, np.sort(values)[ranks])
