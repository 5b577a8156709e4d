# SPDX-License-Identifier: Apache-2.0
"""Values and ranges at the ends of what numbers can hold."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.discretise import bin_edges
from hepacast.radiomics.extraction import extract_case
from hepacast.radiomics.families.shape import principal_lengths
from hepacast.radiomics.kernels.values import at_ranks
from hepacast.radiomics.params import ExtractParams, Normalise
from hepacast.radiomics.prepare import normalise
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import Bins


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


def test_statistics_need_no_room_for_matrices() -> None:
    data = np.random.default_rng(6).normal(size=(6, 7, 8)) * 1e6
    grid = Grid(data.shape, (1.0, 1.0, 1.0))
    params = ExtractParams.model_validate({"families": ["firstorder", "glcm"], "bins": 1.0})
    found = extract_case(
        {"pvp": Volume(data, grid)}, {"liver": Region(np.ones(data.shape, bool), grid)}, params
    )
    by_family = {
        family: {n.feature: v for n, v in found.values.items() if n.family == family}
        for family in ("firstorder", "glcm")
    }
    assert by_family["firstorder"]["Mean"] == pytest.approx(data.mean(), rel=1e-12)
    assert by_family["firstorder"]["Entropy"] == pytest.approx(np.log2(data.size), rel=1e-9)
    assert np.isnan(list(by_family["glcm"].values())).all()
    assert set(found.reasons.values()) == {"too_many_levels"}


def test_eight_bits_are_enough_for_the_upper_edge() -> None:
    edges = bin_edges(np.uint8(3), np.uint8(250), Bins(width=25))
    np.testing.assert_array_equal(edges, bin_edges(np.int64(3), np.int64(250), Bins(width=25)))
    assert edges[-1] > 250


def test_a_plane_of_voxels_in_any_direction_has_no_thickness() -> None:
    k, j, i = np.meshgrid(*[np.arange(9)] * 3, indexing="ij")
    place = Place(k + j == i + 4, (0.8, 0.8, 0.8))
    sample = Sample(place, np.zeros(place.size))
    assert principal_lengths(sample)[2] == 0.0


def test_an_image_of_zeros_has_a_root_and_no_other_scaled_response() -> None:
    grid = Grid((5, 5, 5), (1.0, 1.0, 1.0))
    zeros = Volume(np.zeros(grid.shape, np.int16), grid)
    kinds = ["square", "squareroot", "logarithm", "exponential"]
    params = ExtractParams.model_validate(
        {"definitions": "pyradiomics", "filters": kinds, "families": ["firstorder"]}
    )
    found = extract_case({"pvp": zeros}, {"liver": Region(np.ones(grid.shape, bool), grid)}, params)
    for name, value in found.values.items():
        assert np.isnan(value) == (name.filter != "squareroot")
        assert found.reasons.get(name) == ("undefined" if np.isnan(value) else None)


@pytest.mark.parametrize("kind", ["int16", "float32", "float64"])
def test_normalisation_gives_itks_bytes_every_time(kind: str) -> None:
    data = (np.random.default_rng(7).normal(size=(13, 17, 11)) * 40 + 3000).astype(kind)
    volume = Volume(data, Grid(data.shape, (1.0, 1.0, 1.0)))
    made = {normalise(volume, Normalise()).data.tobytes() for _ in range(40)}
    assert len(made) == 1
    itks = {
        sitk.GetArrayFromImage(sitk.Normalize(sitk.GetImageFromArray(data))).tobytes()
        for _ in range(40)
    }
    assert made <= itks
