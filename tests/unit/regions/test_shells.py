"""Millimetres are millimetres, whatever the voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region
from hepacast.regions.shells import dilate, erode, minus, ring


def ball(radius_mm: float, spacing: tuple[float, float, float], margin_mm: float) -> Region:
    """Return a ball in the middle of a grid that leaves some margin."""
    half = radius_mm + margin_mm
    k, j, i = (2 * round(half / s) + 1 for s in spacing)
    grid = Grid((k, j, i), spacing)
    axes = [(np.arange(n) - n // 2) * s for n, s in zip((k, j, i), spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return Region(z**2 + y**2 + x**2 <= radius_mm**2, grid, "ball")


def test_a_ball_dilated_on_thick_slices_has_the_analytic_volume() -> None:
    region = dilate(ball(20.0, (5.0, 0.7, 0.7), 16.0), 10.0)
    # Centres are at most half a voxel diagonal from the surface that they stand for: the
    # slice direction is coarse, but a ball has a slice through its middle.
    truth = 4 / 3 * np.pi * 30.0**3 / 1000
    low = 4 / 3 * np.pi * (30.0 - 1.0) ** 3 / 1000
    assert low < region.volume_ml < truth * 1.01


@pytest.mark.parametrize("mm", [0.7, 2.5, 5.0, 9.9])
def test_no_added_voxel_is_farther_and_no_omitted_one_nearer(mm: float) -> None:
    region = ball(6.0, (2.5, 1.0, 0.8), 12.0)
    grown = dilate(region, mm)
    inside = region.grid.to_world(np.argwhere(region.mask))
    centres = region.grid.to_world(np.argwhere(np.ones_like(region.mask)))
    nearest = np.array([np.min(np.linalg.norm(inside - c, axis=1)) for c in centres])
    assert np.array_equal(grown.mask.ravel(), nearest <= mm + 1e-6)


@pytest.mark.parametrize("mm", [1.0, 2.5, 4.0])
def test_erosion_is_the_dilation_of_the_outside(mm: float) -> None:
    region = ball(9.0, (2.5, 1.0, 0.8), 6.0)
    outside = Region(~region.mask, region.grid, "outside")
    assert np.array_equal(erode(region, mm).mask, ~dilate(outside, mm).mask)


def test_zero_millimetres_change_nothing() -> None:
    region = ball(5.0, (2.5, 1.0, 0.8), 3.0)
    assert np.array_equal(dilate(region, 0.0).mask, region.mask)
    assert np.array_equal(erode(region, 0.0).mask, region.mask)


def test_a_ring_is_what_the_dilation_added() -> None:
    region = ball(6.0, (2.5, 1.0, 0.8), 12.0)
    shell = ring(region, 5.0)
    assert np.array_equal(shell.mask, dilate(region, 5.0).mask & ~region.mask)
    outer = ring(region, 10.0, inner_mm=5.0)
    assert not np.any(outer.mask & shell.mask)
    assert np.array_equal(outer.mask | shell.mask, ring(region, 10.0).mask)


def test_a_rim_can_begin_inside() -> None:
    region = ball(9.0, (2.5, 1.0, 0.8), 6.0)
    rim = ring(region, 3.0, inner_mm=-2.0)
    assert np.array_equal(rim.mask, dilate(region, 3.0).mask & ~erode(region, 2.0).mask)


def test_a_ring_stays_inside_the_organ() -> None:
    region = ball(6.0, (2.5, 1.0, 0.8), 12.0)
    half = np.zeros_like(region.mask)
    half[:, :, : half.shape[2] // 2] = True
    shell = ring(region, 5.0, inside=Region(half, region.grid, "liver"))
    assert np.array_equal(shell.mask, ring(region, 5.0).mask & half)


def test_an_eroded_region_that_vanishes_is_an_error_and_never_zero() -> None:
    with pytest.raises(EmptyRegionError, match="eroded by 5 mm; got nothing of"):
        erode(ball(4.0, (2.5, 1.0, 0.8), 3.0), 5.0)


def test_residual_liver_excludes_the_tumour() -> None:
    liver, tumour = ball(9.0, (2.5, 1.0, 0.8), 6.0), ball(4.0, (2.5, 1.0, 0.8), 11.0)
    rest = minus(liver, tumour)
    assert rest.size == liver.size - tumour.size
    with pytest.raises(EmptyRegionError, match="same file"):
        minus(tumour, liver)


def test_regions_of_two_grids_do_not_mix() -> None:
    a, b = ball(4.0, (2.0, 1.0, 1.0), 3.0), ball(4.0, (2.5, 1.0, 1.0), 3.0)
    with pytest.raises(GeometryError, match="one grid"):
        minus(a, b)


@given(seed=st.integers(0, 10_000), axis=st.integers(0, 2), mm=st.floats(0.5, 6.0))
def test_flips_and_crops_commute_with_shells(seed: int, axis: int, mm: float) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((13, 14, 15), dtype=bool)
    mask[5:8, 5:9, 5:10] = rng.random((3, 4, 5)) > 0.4
    mask[6, 6, 6] = True
    grid = Grid((13, 14, 15), (2.5, 1.0, 0.8))
    region = Region(mask, grid)
    grown = dilate(region, mm).mask
    mirrored = Region(np.ascontiguousarray(np.flip(mask, axis)), grid)
    assert np.array_equal(np.flip(dilate(mirrored, mm).mask, axis), grown)
    box = (slice(1, 12), slice(2, 14), slice(0, 13))
    assert np.array_equal(dilate(region.crop(box), mm).mask, grown[box])


def test_a_quarter_turn_commutes_with_shells() -> None:
    rng = np.random.default_rng(5)
    mask = np.zeros((9, 12, 12), dtype=bool)
    mask[3:6, 4:8, 4:8] = rng.random((3, 4, 4)) > 0.3
    grid = Grid((9, 12, 12), (2.5, 0.9, 0.9))
    turned = Region(np.ascontiguousarray(np.rot90(mask, axes=(1, 2))), grid)
    expected = np.rot90(dilate(Region(mask, grid), 2.7).mask, axes=(1, 2))
    assert np.array_equal(dilate(turned, 2.7).mask, expected)
