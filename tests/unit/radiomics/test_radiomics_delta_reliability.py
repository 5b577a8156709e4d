# SPDX-License-Identifier: Apache-2.0
"""Change between phases, and images as another scan might have shown them."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.table import FeatureName
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.delta import DeltaParams, delta
from hepacast.radiomics.extraction import extract_case
from hepacast.radiomics.reliability import moved, noise_level, with_noise

GRID = Grid((8, 12, 12), (2.0, 1.0, 1.0))


def scene(seed: int = 0) -> tuple[Volume, Region]:
    rng = np.random.default_rng(seed)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:6, 3:9, 3:9] = True
    return Volume(rng.normal(60, 20, GRID.shape).astype(np.float32), GRID), Region(mask, GRID)


def test_delta_is_the_change_of_what_both_phases_have() -> None:
    image, region = scene()
    brighter = Volume(image.data + np.float32(25), GRID)
    found = extract_case({"art": image, "pv": brighter}, {"r": region})
    changes = delta(found.values, DeltaParams(before="art", after="pv"))
    assert changes[FeatureName("pv-art", "r", "original", "firstorder", "Mean")] == pytest.approx(
        25, abs=1e-5
    )
    assert changes[FeatureName("pv-art", "r", "original", "glcm", "Contrast")] == 0.0
    assert not any(name.family == "shape" for name in changes)
    relative = delta(found.values, DeltaParams(before="art", after="pv", change="relative"))
    assert relative[
        FeatureName("pv-art", "r", "original", "firstorder", "Variance")
    ] == pytest.approx(0, abs=1e-6)


def test_delta_by_zero_is_missing_and_symmetric_change_is_bounded() -> None:
    a, b = (FeatureName(p, "r", "original", "firstorder", "Mean") for p in ("a", "b"))
    for change, before, after, expected in (
        ("relative", 0.0, 2.0, np.nan),
        ("relative", -2.0, 2.0, 2.0),
        ("symmetric", 0.0, 2.0, 2.0),
        ("symmetric", 1.0, 3.0, 1.0),
    ):
        made = delta({a: before, b: after}, DeltaParams(before="a", after="b", change=change))
        assert next(iter(made.values())) == pytest.approx(expected, nan_ok=True)
    with pytest.raises(NotEstimableError):
        delta({a: 1.0}, DeltaParams(before="a", after="b"))


def test_a_moved_region_keeps_its_size_and_goes_where_it_is_sent() -> None:
    image, region = scene()
    copy, inside = moved(image, region, 0.0, (1.0, 0.0, -2.0))
    np.testing.assert_array_equal(inside.mask, np.roll(region.mask, (1, -2), axis=(0, 2)))
    expected = np.roll(image.data, (1, -2), axis=(0, 2))[inside.mask]
    np.testing.assert_allclose(copy.data[inside.mask], expected, atol=1e-3)
    _, turned = moved(image, region, 20.0, (0.0, 0.0, 0.0))
    assert turned.size == pytest.approx(region.size, rel=0.15)
    wide = Grid(GRID.shape, (2.0, 1.0, 2.0))
    _, turned = moved(Volume(image.data, wide), Region(region.mask, wide), 90.0, (0.0, 0.0, 0.0))
    # 6 mm by 12 mm become 12 mm by 6 mm, and the half voxels at either end count.
    assert [s.stop - s.start for s in turned.box()] == [4, 12, 4]


def test_noise_is_measured_and_added_as_it_is() -> None:
    image, _ = scene()
    rng = np.random.default_rng(0)
    smooth = Volume(np.indices(GRID.shape).sum(axis=0).astype(np.float32), GRID)
    assert noise_level(smooth) == 0.0
    assert noise_level(image) == pytest.approx(20, rel=0.1)
    assert noise_level(with_noise(smooth, 3.0, rng)) == pytest.approx(3, rel=0.1)
    np.testing.assert_array_equal(with_noise(image, 0.0, rng).data, image.data)
