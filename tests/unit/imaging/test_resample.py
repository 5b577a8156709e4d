"""New spacing, same image."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that everybody uses

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.imaging.resample import (
    Interpolation,
    resample,
    resample_region,
    resample_to,
    resampled_grid,
)


def smooth(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Volume:
    """Return an image that is the same function of millimetres on every grid."""
    grid = Grid(shape, spacing, (-7.0, 3.0, 11.0))
    index = np.moveaxis(np.indices(shape), 0, -1)
    x, y, z = np.moveaxis(grid.to_world(index), -1, 0)
    data = 100 + 30 * np.sin(x / 9) + 20 * np.cos(y / 7) + 10 * np.sin(z / 12)
    return Volume(data.astype(np.float32), grid)


def noise(shape: tuple[int, int, int] = (9, 14, 13)) -> Volume:
    data = np.random.default_rng(2).normal(0, 100, shape).astype(np.float32)
    return Volume(data, Grid(shape, (3.0, 0.9, 1.1), (5.0, -4.0, 2.0)))


def test_the_new_grid_shares_the_centre_and_covers_the_old() -> None:
    old = Grid((7, 20, 31), (5.0, 0.8, 0.7), (3.0, 4.0, 5.0))
    new = resampled_grid(old, 1.0)
    middle_old = old.to_world((np.array(old.shape) - 1) / 2)
    middle_new = new.to_world((np.array(new.shape) - 1) / 2)
    assert np.allclose(middle_old, middle_new)
    assert new.shape == (35, 16, 22)


def test_equal_spacing_gives_equal_voxels() -> None:
    image = noise()
    for kind in ("nearest", "linear", "bspline"):
        same = resample(image, image.grid.spacing, kind)
        assert np.array_equal(same.data, image.data)
        assert same.grid == image.grid


@pytest.mark.parametrize(("kind", "tolerance"), [("linear", 1.0), ("bspline", 0.1)])
def test_a_smooth_image_keeps_its_values(kind: Interpolation, tolerance: float) -> None:
    coarse = smooth((20, 24, 26), (3.0, 2.0, 2.0))
    fine = resample(coarse, 1.0, kind)
    truth = smooth((1, 1, 1), (1.0, 1.0, 1.0))
    index = np.moveaxis(np.indices(fine.grid.shape), 0, -1)
    x, y, z = np.moveaxis(fine.grid.to_world(index), -1, 0)
    truth_data = 100 + 30 * np.sin(x / 9) + 20 * np.cos(y / 7) + 10 * np.sin(z / 12)
    inner = (slice(9, -9),) * 3
    assert np.abs(fine.data - truth_data)[inner].max() < tolerance
    assert truth.data.size == 1


@pytest.mark.parametrize(
    ("kind", "theirs", "tolerance"),
    [("linear", sitk.sitkLinear, 1e-3), ("bspline", sitk.sitkBSpline, 0.02)],
)
def test_values_equal_simpleitks_inside(kind: Interpolation, theirs: int, tolerance: float) -> None:
    image = noise((30, 34, 33))
    grid = resampled_grid(image.grid, (1.3, 1.2, 0.7))
    ours = resample_to(image, grid, kind)
    source = sitk.GetImageFromArray(image.data)
    source.SetSpacing(image.grid.spacing[::-1])
    source.SetOrigin(image.grid.origin)
    expected = sitk.GetArrayFromImage(
        sitk.Resample(
            source, grid.shape[::-1], sitk.Transform(), theirs, grid.origin, grid.spacing[::-1]
        )
    )
    inner = (slice(6, -6),) * 3
    assert np.abs(ours.data - expected)[inner].max() < tolerance


@pytest.mark.parametrize("kind", ["nearest", "linear", "bspline"])
def test_a_cropped_target_gives_the_same_voxels(kind: Interpolation) -> None:
    image = noise((40, 50, 45))
    grid = resampled_grid(image.grid, 1.0)
    whole = resample_to(image, grid, kind)
    box = (slice(40, 70), slice(10, 25), slice(20, 30))
    part = resample_to(image, grid.crop(box), kind)
    assert np.abs(part.data - whole.data[box]).max() < 2e-4


@pytest.mark.parametrize("kind", ["nearest", "linear", "bspline"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flips_commute_with_resampling(kind: Interpolation, axis: int) -> None:
    image = noise()
    flipped = Volume(np.ascontiguousarray(np.flip(image.data, axis)), image.grid)
    spacing = (1.7, 1.3, 0.8)
    expected = np.flip(resample(image, spacing, kind).data, axis)
    assert np.allclose(resample(flipped, spacing, kind).data, expected, atol=1e-3)


def test_the_rotated_path_agrees_with_the_separable_one() -> None:
    image = noise((20, 24, 23))
    grid = resampled_grid(image.grid, 1.0)
    tilt = 1e-5
    k, j, i = ((0.0, -tilt, 1.0), (0.0, 1.0, tilt), (1.0, 0.0, 0.0))
    turned = Grid(grid.shape, grid.spacing, grid.origin, (k, j, i))
    straight = resample_to(image, grid, "linear")
    assert np.abs(resample_to(image, turned, "linear").data - straight.data).max() < 0.5


def test_overshoot_can_be_limited() -> None:
    data = np.zeros((6, 20, 20), np.float32)
    data[:, :, 10:] = 1000
    image = Volume(data, Grid(data.shape, (2.0, 1.0, 1.0)))
    ringing = resample(image, 0.4, "bspline")
    assert ringing.data.min() < -30
    calm = resample(image, 0.4, "bspline", limit_overshoot=True)
    assert calm.data.min() == 0
    assert calm.data.max() == 1000


def test_beyond_the_image_is_what_is_asked_for() -> None:
    image = noise()
    grid = image.grid.crop((slice(-2, 9), slice(0, 14), slice(0, 13)))
    assert np.all(resample_to(image, grid, "linear", outside=-1024.0).data[:2] == -1024)
    repeated = resample_to(image, grid, "linear").data
    assert np.array_equal(repeated[0], image.data[0])


def test_a_region_keeps_its_volume() -> None:
    grid = Grid((20, 60, 60), (5.0, 0.8, 0.8))
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    centre = grid.to_world((10, 30, 30))
    mask = np.linalg.norm(grid.to_world(index) - centre, axis=-1) <= 18
    region = Region(mask, grid, "tumour")
    fine = resample_region(region, resampled_grid(grid, 1.0))
    assert fine.volume_ml == pytest.approx(region.volume_ml, rel=0.02)
    assert fine.name == "tumour"


def test_a_region_that_vanishes_is_an_error() -> None:
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = True
    region = Region(mask, Grid((9, 9, 9), (1.0, 1.0, 1.0)), "spot")
    with pytest.raises(EmptyRegionError, match="survive resampling"):
        resample_region(region, resampled_grid(region.grid, 4.5))


def test_a_region_outside_the_image_is_an_error_in_millimetres() -> None:
    mask = np.ones((4, 4, 4), dtype=bool)
    region = Region(mask, Grid((4, 4, 4), (1.0, 1.0, 1.0)), "tumour")
    with pytest.raises(GeometryError, match=r"must lie inside the image; got \[-0\.5"):
        resample_region(region, Grid((4, 4, 4), (1.0, 1.0, 1.0), (20.0, 0.0, 0.0)))
