"""Slices and boxes."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import EmptyRegionError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region
from hepacast.regions.slices import central_slices, largest_slice, margin_box, slice_areas

GRID = Grid((10, 40, 50), (5.0, 0.8, 0.5))


def cone() -> Region:
    """Return a region that is largest in slice 6."""
    mask = np.zeros(GRID.shape, dtype=bool)
    for k, half in ((4, 2), (5, 4), (6, 6), (7, 3)):
        mask[k, 20 - half : 20 + half, 25 - half : 25 + half] = True
    return Region(mask, GRID, "tumour")


def test_the_largest_slice_and_its_neighbours_are_found() -> None:
    assert slice_areas(cone()).tolist() == [0, 0, 0, 0, 16, 64, 144, 36, 0, 0]
    assert largest_slice(cone()) == 6
    assert central_slices(cone(), 3) == (5, 6, 7)
    assert central_slices(cone(), 9) == (1, 2, 3, 4, 5, 6, 7, 8, 9)


def test_a_margin_in_millimetres_is_at_least_that_on_every_side() -> None:
    k, j, i = margin_box(cone(), mm=2.0)
    assert (k.start, k.stop) == (3, 9)
    assert (j.start, j.stop) == (14 - 3, 26 + 3)
    assert (i.start, i.stop) == (19 - 4, 31 + 4)


def test_a_margin_in_pixels_widens_the_plane_only() -> None:
    k, j, i = margin_box(cone(), voxels=5)
    assert (k.start, k.stop, j.start, j.stop, i.start, i.stop) == (4, 8, 9, 31, 14, 36)


def test_a_square_box_is_square_in_millimetres() -> None:
    _, j, i = margin_box(cone(), square=True)
    assert (j.stop - j.start) * 0.8 == pytest.approx((i.stop - i.start) * 0.5, abs=1.0)


def test_boxes_stay_inside_the_image() -> None:
    k, j, i = margin_box(cone(), mm=500.0)
    assert (k, j, i) == (slice(0, 10), slice(0, 40), slice(0, 50))


def test_empty_regions_have_no_slice() -> None:
    empty = Region(np.zeros(GRID.shape, dtype=bool), GRID, "tumour")
    for cut in (largest_slice, margin_box):
        with pytest.raises(EmptyRegionError):
            cut(empty)
    with pytest.raises(EmptyRegionError, match="an image of 10"):
        central_slices(cone(), 11)
