# SPDX-License-Identifier: Apache-2.0
"""Grids, volumes and regions: where voxels sit, and what nobody may change."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume

SHEARED = ((0.0, 0.3, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
GRID = Grid((4, 5, 6), (5.0, 0.8, 0.7), (-100.0, -80.5, 33.25))


def region(*hits: tuple[int, int, int], grid: Grid = GRID) -> Region:
    mask = np.zeros(grid.shape, dtype=bool)
    for hit in hits:
        mask[hit] = True
    return Region(mask, grid, "tumour")


@pytest.mark.parametrize(
    ("shape", "spacing", "value"),
    [
        ((0, 5, 6), (5.0, 0.8, 0.7), "(0, 5, 6)"),
        ((4, 5, 6), (0.0, 0.8, 0.7), "0.0"),
        ((4, 5, 6), (5.0, -0.8, 0.7), "-0.8"),
        ((4, 5, 6), (5.0, 0.8, float("nan")), "nan"),
        ((4, 5, 6), (float("inf"), 0.8, 0.7), "inf"),
    ],
)
def test_a_grid_that_no_scanner_made_is_refused(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], value: str
) -> None:
    with pytest.raises(GeometryError, match=r"grid|spacing") as caught:
        Grid(shape, spacing)
    assert value in caught.value.got


def test_sheared_axes_are_refused() -> None:
    with pytest.raises(GeometryError, match="gantry tilt"):
        Grid((4, 5, 6), (1.0, 1.0, 1.0), axes=SHEARED)


def test_an_affine_without_length_is_refused() -> None:
    flat = np.eye(4)
    flat[0, 0] = 0.0
    with pytest.raises(GeometryError, match="positive length"):
        Grid.from_affine(flat, (1, 1, 1))


def test_index_axes_run_k_j_i_and_points_x_y_z() -> None:
    assert GRID.to_world((1, 2, 3)).tolist() == pytest.approx([-97.9, -78.9, 38.25])


def test_voxel_volume_is_the_product_of_the_spacings() -> None:
    assert GRID.voxel_volume_mm3 == pytest.approx(2.8)
    assert region((1, 1, 1), (1, 1, 2)).volume_ml == pytest.approx(0.0056)


def test_two_grids_are_one_within_the_tolerance_and_not_beyond() -> None:
    near = Grid(GRID.shape, GRID.spacing, (-100.0, -80.5, 33.2505))
    far = Grid(GRID.shape, GRID.spacing, (-100.0, -80.5, 33.26))
    GRID.require_same(near, what="image and mask")
    with pytest.raises(GeometryError, match="image and mask must lie on one grid"):
        GRID.require_same(far, what="image and mask")


def test_a_difference_in_spacing_shows_at_the_far_corner() -> None:
    wider = Grid(GRID.shape, (5.0, 0.8, 0.8), GRID.origin)
    assert GRID.distance_mm(wider) == pytest.approx(0.5)


def test_grids_of_other_shape_are_infinitely_far() -> None:
    assert GRID.distance_mm(Grid((4, 5, 7), GRID.spacing, GRID.origin)) == float("inf")


@pytest.mark.parametrize("make", [Volume, Region])
def test_an_array_that_does_not_fit_its_grid_is_refused(make: type) -> None:
    with pytest.raises(GeometryError, match="array and grid disagree"):
        make(np.zeros((4, 5, 7)), GRID)


def test_voxels_are_read_only_from_the_start() -> None:
    volume = Volume(np.zeros(GRID.shape, dtype=np.float32), GRID)
    with pytest.raises(ValueError, match="read-only"):
        volume.data[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        region((0, 0, 0)).mask[0, 0, 0] = False
    with pytest.raises(ValueError, match="read-only"):
        volume.crop((slice(0, 2), slice(0, 2), slice(0, 2))).data[0, 0, 0] = 1


def test_the_box_is_the_smallest_that_holds_the_region() -> None:
    assert region((1, 2, 3), (2, 2, 5)).box() == (slice(1, 3), slice(2, 3), slice(3, 6))


def test_the_margin_of_a_box_stops_at_the_edge_of_the_grid() -> None:
    assert region((1, 2, 3)).box(2) == (slice(0, 4), slice(0, 5), slice(1, 6))


def test_an_empty_region_has_no_box_and_says_its_name() -> None:
    with pytest.raises(EmptyRegionError, match=r"\[region tumour\]"):
        region().box()


def test_a_cropped_region_keeps_its_voxels_and_its_name() -> None:
    whole = region((1, 2, 3), (2, 2, 5))
    part = whole.crop(whole.box())
    assert (part.size, part.name) == (2, "tumour")
    assert part.grid.to_world((0, 0, 0)).tolist() == whole.grid.to_world((1, 2, 3)).tolist()


def test_a_renamed_region_shares_the_voxels() -> None:
    whole = region((1, 2, 3))
    assert whole.named("ring").name == "ring"
    assert whole.named("ring").mask is whole.mask
