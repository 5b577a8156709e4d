"""Other readers: near the first, never the same, always plausible."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.regions.perturb import (
    PerturbParams,
    grow_volume,
    perturb,
    randomise_contour,
    rotate,
    super_voxels,
)

GRID = Grid((14, 64, 56), (4.0, 0.9, 1.2))


def tumour() -> tuple[Region, Volume]:
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    z, y, x = np.moveaxis(index * np.array(GRID.spacing), -1, 0)
    mask = ((z - 26) / 14) ** 2 + ((y - 29) / 13) ** 2 + ((x - 33) / 19) ** 2 <= 1
    rng = np.random.default_rng(1)
    data = np.where(mask, 60.0, 110.0) + rng.normal(0, 6, GRID.shape)
    return Region(mask, GRID, "tumour"), Volume(data.astype(np.float32), GRID)


def dice(a: Region, b: Region) -> float:
    return 2 * float(np.sum(a.mask & b.mask)) / (a.size + b.size)


def test_a_turned_region_keeps_its_volume_and_turns_by_millimetres() -> None:
    region, _ = tumour()
    turned = rotate(region, 90.0)
    assert turned.volume_ml == pytest.approx(region.volume_ml, rel=0.04)
    extents = [
        [(s.stop - s.start) * d for s, d in zip(r.box(), GRID.spacing, strict=True)]
        for r in (region, turned)
    ]
    assert extents[1][1] == pytest.approx(extents[0][2], abs=2.5)
    assert extents[1][2] == pytest.approx(extents[0][1], abs=2.5)


def test_turning_there_and_back_is_nearly_nothing() -> None:
    region, _ = tumour()
    assert dice(rotate(rotate(region, 7.0), -7.0), region) > 0.97


@pytest.mark.parametrize("change", [-0.3, -0.1, 0.0, 0.1, 0.25])
def test_the_volume_changes_by_what_is_asked(change: float) -> None:
    region, _ = tumour()
    grown = grow_volume(region, change)
    assert grown.size / region.size == pytest.approx(1 + change, abs=0.005)
    inner, outer = (grown, region) if change < 0 else (region, grown)
    assert not np.any(inner.mask & ~outer.mask)


def test_super_voxels_are_small_and_follow_the_edge() -> None:
    region, image = tumour()
    cells = super_voxels(image, np.random.default_rng(2))
    sizes = np.bincount(cells.ravel())
    volume = sizes[sizes > 0] * GRID.voxel_volume_mm3
    assert np.median(volume) < 8 * 4.0**3
    share = np.bincount(cells.ravel(), weights=region.mask.ravel()) / np.maximum(sizes, 1)
    mixed = (share > 0.1) & (share < 0.9)
    blocks = np.indices(GRID.shape) // np.array([1, 4, 3])[:, None, None, None]
    plain = (blocks[0] * 100 + blocks[1]) * 100 + blocks[2]
    plain_sizes = np.bincount(plain.ravel())
    plain_share = np.bincount(plain.ravel(), weights=region.mask.ravel()) / np.maximum(
        plain_sizes, 1
    )
    plain_mixed = (plain_share > 0.1) & (plain_share < 0.9)
    assert sizes[mixed].sum() < 0.5 * plain_sizes[plain_mixed].sum()


def test_another_reader_is_near_and_seldom_the_same() -> None:
    region, image = tumour()
    readers = [perturb(region, image, np.random.default_rng(seed)) for seed in range(8)]
    agreement = [dice(reader, region) for reader in readers]
    assert min(agreement) > 0.75
    # Where the edge is sharp, small changes snap back to it: an equal contour can happen.
    assert sum(value == 1.0 for value in agreement) <= 2
    assert 0.85 < np.median(agreement) < 0.99
    assert np.mean([r.size for r in readers]) == pytest.approx(region.size, rel=0.08)


def test_equal_seeds_draw_equal_contours() -> None:
    region, image = tumour()
    one, two = (perturb(region, image, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.mask, two.mask)


def test_the_core_and_the_far_outside_stay() -> None:
    region, image = tumour()
    ragged = randomise_contour(region, image, np.random.default_rng(3), PerturbParams(cell_mm=3.0))
    core, far = grow_volume(region, -0.75), grow_volume(region, 1.5)
    assert np.mean(ragged.mask[core.mask]) > 0.99
    assert np.mean(ragged.mask[~far.mask]) < 0.01
