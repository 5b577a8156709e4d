# SPDX-License-Identifier: Apache-2.0
"""Feature maps: one window described twice, by two ways; and what maps do with bad input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import hepacast
from hepacast.core.errors import EmptyRegionError, NotEstimableError, StudyError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import load_nifti
from hepacast.radiomics.extraction import extract
from hepacast.radiomics.kernels.eigenvalues import spectral_radius
from hepacast.radiomics.kernels.maps_pairs import any_pair_maps, pair_maps
from hepacast.radiomics.maps import MapParams, feature_maps
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.settings import Texture
from hepacast.radiomics.window import Window
from hepacast.run.extraction.maps import map_settings, write_maps

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((7, 8, 9), (2.0, 1.0, 1.0))
FAMILIES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def scene(seed: int = 0) -> tuple[Volume, Region]:
    rng = np.random.default_rng(seed)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[1:6, 1:7, 1:8] = rng.random((5, 6, 7)) < 0.8
    return Volume(rng.normal(60, 40, GRID.shape).astype(np.float32), GRID), Region(mask, GRID)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 13, 60, 250])
def test_the_spectral_radius_is_that_of_a_library(n: int) -> None:
    rng = np.random.default_rng(n)
    for share in (1.0, 0.3):
        p = rng.random((n, n)) * (rng.random((n, n)) < share) + np.eye(n) * 1e-3
        p = p + p.T
        root = np.sqrt(p.sum(axis=1))
        matrix = p / root[:, None] / root[None, :]
        root /= np.linalg.norm(root)
        for one in (matrix, matrix - np.outer(root, root), -matrix, np.eye(n) * 0.5):
            expected = np.abs(np.linalg.eigvalsh(one)).max()
            found = spectral_radius(one.ravel().copy(), n, *np.empty((3, n)))
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_whole_pairs_and_weighted_pairs_say_the_same() -> None:
    rng = np.random.default_rng(4)
    levels = np.zeros((7, 7, 7), np.uint8)
    levels[1:6, 1:6, 1:6] = rng.integers(0, 5, (5, 5, 5))
    window = Window(1, Texture())
    steps = window.places @ np.array([49, 7, 1])
    centres = np.flatnonzero(levels)
    lists = (steps, *window.pairs((1,)), 4)
    mcc = symmetric = True
    quick, plain = np.empty((centres.size, 24)), np.empty((centres.size, 24))
    pair_maps(levels.reshape(-1), centres, *lists, mcc, quick)
    any_pair_maps(levels.reshape(-1), centres, *lists, symmetric, np.zeros(0), plain)
    np.testing.assert_allclose(quick, plain, rtol=1e-9, atol=1e-9)


def test_a_window_as_large_as_the_region_gives_the_features_of_the_region() -> None:
    rng = np.random.default_rng(1)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:5, 2:5, 2:5] = True
    image = Volume(rng.normal(60, 40, GRID.shape).astype(np.float32), GRID)
    params = ExtractParams(families=FAMILIES)
    found = feature_maps(image, Region(mask, GRID), params)
    whole = extract(image, Region(mask, GRID), params)
    assert set(found) == set(whole)
    for name, value in whole.items():
        assert found[name].data[3, 3, 3] == pytest.approx(value, rel=1e-6, abs=1e-6), name


def test_threads_leave_every_byte_of_a_map_alone() -> None:
    image, region = scene()
    params = ExtractParams(families=FAMILIES, filters=("original", "gradient"))
    one = feature_maps(image, region, params, threads=1)
    two = feature_maps(image, region, params, threads=2)
    for name, values in one.numbers.items():
        assert values.tobytes() == two.numbers[name].tobytes(), name


@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (1, 2)])
def test_maps_turn_with_the_image(axes: tuple[int, int]) -> None:
    image, region = scene(3)
    grid = Grid(GRID.shape, (1.0, 1.0, 1.0))
    data, mask = (np.ascontiguousarray(np.rot90(a, axes=axes)) for a in (image.data, region.mask))
    turned = Grid(data.shape, (1.0, 1.0, 1.0))
    params = ExtractParams(families=FAMILIES)
    before = feature_maps(Volume(image.data, grid), Region(region.mask, grid), params)
    after = feature_maps(Volume(data, turned), Region(mask, turned), params)
    for name in before:
        expected = np.rot90(before[name].data, axes=axes)
        np.testing.assert_allclose(after[name].data, expected, rtol=1e-6, atol=1e-6, err_msg=name)


def test_a_map_does_not_look_beyond_its_cube() -> None:
    image, region = scene()
    params = ExtractParams(families=FAMILIES)
    before = feature_maps(image, region, params)
    k, j, i = np.argwhere(region.mask)[40]
    data = image.data.copy()
    # An intensity that occurs already, so that the bins stay what they are.
    data[k, j, i] = data[tuple(np.argwhere(region.mask)[-1])]
    after = feature_maps(Volume(data, GRID), region, params)
    moved = 0
    for name in before:
        a, b = before[name].data, after[name].data
        changed = np.argwhere((a != b) & ~(np.isnan(a) & np.isnan(b)))
        moved += len(changed)
        assert (np.abs(changed - [k, j, i]) <= 1).all(), name
    assert moved


def test_maps_are_written_on_the_grid_of_the_image(tmp_path: Path) -> None:
    image, region = scene()
    found = hepacast.feature_maps(
        image, region, {"featureClass": {"ngtdm": ["Coarseness", "Busyness"]}}
    )
    files = write_maps(found, tmp_path / "maps")
    assert [f.name for f in files] == [
        "original_ngtdm_Coarseness.nii.gz",
        "original_ngtdm_Busyness.nii.gz",
    ]
    back = load_nifti(files[0])
    assert back.grid.distance_mm(GRID) < 1e-4
    np.testing.assert_array_equal(back.data, found["original_ngtdm_Coarseness"].data)
    assert (back.data[~region.mask] == 0).all()


def test_a_flat_region_has_no_texture_maps_and_says_why() -> None:
    _, region = scene()
    flat = Volume(np.full(GRID.shape, 7.0, np.float32), GRID)
    found = feature_maps(flat, region, ExtractParams(families=("firstorder", "glcm")))
    assert {n: r for n, r in found.reasons.items() if "firstorder" in n} == {}
    assert {r for n, r in found.reasons.items() if "glcm" in n} == {"flat_region"}
    assert np.isnan(found["original_glcm_Contrast"].data[region.mask]).all()
    assert (found["original_firstorder_Mean"].data[region.mask] == 7.0).all()


def test_too_many_grey_levels_are_a_reason_and_no_memory() -> None:
    image, region = scene()
    data = image.data.copy()
    data[tuple(np.argwhere(region.mask)[0])] = 1e6
    found = feature_maps(Volume(data, GRID), region, ExtractParams(bins=1, families=("glcm",)))
    assert set(found.reasons.values()) == {"too_many_levels"}


def test_bad_requests_for_maps_are_refused() -> None:
    image, region = scene()
    with pytest.raises(NotEstimableError, match="shape"):
        feature_maps(image, region, ExtractParams(families=("shape",)))
    with pytest.raises(EmptyRegionError):
        feature_maps(image, Region(np.zeros(GRID.shape, bool), GRID))
    with pytest.raises(StudyError, match="kernelRadiu"):
        map_settings({"voxelSetting": {"kernelRadiu": 2}})
    with pytest.raises(StudyError, match="radius"):
        map_settings({"maps": 3})


def test_settings_of_maps_are_read_in_both_spellings() -> None:
    theirs = map_settings(
        {"voxelSetting": {"kernelRadius": 2, "maskedKernel": False, "initValue": ".nan"}}
    )
    assert (theirs.radius, theirs.masked, np.isnan(theirs.outside)) == (2, False, True)
    assert map_settings({"families": ["glcm"], "maps": {"radius": 3}}) == MapParams(radius=3)
