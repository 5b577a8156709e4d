# SPDX-License-Identifier: Apache-2.0
"""What must not change the numbers, and what must change them in a known way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import extract, extract_case
from hepacast.radiomics.params import ExtractParams

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMS = ExtractParams(bins=12)
SEEDS = st.integers(0, 2**32 - 1)


def scene(
    seed: int, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> tuple[Volume, Region]:
    rng = np.random.default_rng(seed)
    shape = (9, 10, 11)
    data = (rng.normal(size=shape) * 30 + 60).round().astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    mask[2:7, 2:8, 2:9] = rng.random((5, 6, 7)) < 0.7
    grid = Grid(shape, spacing)
    return Volume(data, grid), Region(mask, grid)


def same(a: dict[str, float], b: dict[str, float], skip: tuple[str, ...] = ()) -> None:
    for key, value in a.items():
        if not key.endswith(skip or ("\0",)):
            assert b[key] == pytest.approx(value, rel=1e-9, abs=1e-9), key


@settings(max_examples=5)
@given(SEEDS)
def test_a_quarter_turn_and_a_flip_change_nothing_but_the_names_of_planes(seed: int) -> None:
    image, region = scene(seed)
    before = extract(image, region, PARAMS)
    planes = ("DiameterSlice", "DiameterColumn", "DiameterRow")
    turns: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
        lambda a: np.ascontiguousarray(np.rot90(a, axes=(0, 1))),
        lambda a: np.ascontiguousarray(np.rot90(a, axes=(1, 2))),
        lambda a: np.ascontiguousarray(a[::-1]),
        lambda a: np.ascontiguousarray(a[:, :, ::-1]),
    )
    for turn in turns:
        data, mask = turn(image.data), turn(region.mask)
        grid = Grid(data.shape, (1.0, 1.0, 1.0))
        after = extract(Volume(data, grid), Region(mask, grid), PARAMS)
        # The classic marching cubes table leaves holes, whose volume depends on the origin.
        mesh = ("MeshVolume", "Sphericity", "SurfaceVolumeRatio", "SurfaceArea")
        same(before, after, planes + mesh)


@settings(max_examples=5)
@given(SEEDS, st.integers(0, 4), st.integers(0, 4))
def test_origin_cropping_and_padding_change_nothing(seed: int, before: int, after: int) -> None:
    image, region = scene(seed)
    pads = ((before, after), (after, before), (1, 2))
    data, mask = np.pad(image.data, pads, mode="reflect"), np.pad(region.mask, pads)
    grid = Grid(data.shape, (1.0, 1.0, 1.0), (-30.0, 12.5, 7.0))
    same(extract(image, region, PARAMS), extract(Volume(data, grid), Region(mask, grid), PARAMS))


@settings(max_examples=5)
@given(SEEDS, st.integers(-20, 20))
def test_a_shift_by_whole_bins_leaves_texture_alone(seed: int, bins: int) -> None:
    image, region = scene(seed)
    moved = Volume(image.data + np.float32(12 * bins), image.grid)
    before, after = extract(image, region, PARAMS), extract(moved, region, PARAMS)
    same({k: v for k, v in before.items() if "firstorder" not in k}, after)
    assert after["original_firstorder_Mean"] == pytest.approx(
        before["original_firstorder_Mean"] + 12 * bins, abs=1e-4
    )


@settings(max_examples=5)
@given(SEEDS, st.floats(0.25, 4.0))
def test_lengths_areas_and_volumes_follow_the_spacing(seed: int, factor: float) -> None:
    image, region = scene(seed)
    grid = Grid(image.data.shape, (factor, factor, factor))
    before = extract(image, region, PARAMS)
    after = extract(Volume(image.data, grid), Region(region.mask, grid), PARAMS)
    for name, power in {
        "MajorAxisLength": 1, "Maximum3DDiameter": 1, "SurfaceArea": 2, "MeshVolume": 3,
        "VoxelVolume": 3, "Sphericity": 0, "Elongation": 0, "SurfaceVolumeRatio": -1,
    }.items():  # fmt: skip
        key = f"original_shape_{name}"
        assert after[key] == pytest.approx(before[key] * factor**power, rel=1e-9)
    same({k: v for k, v in before.items() if "glcm" in k}, after)


def test_threads_and_other_regions_in_a_call_leave_every_byte_alone() -> None:
    image, region = scene(1)
    _, other = scene(2)
    params = ExtractParams(
        filters=("original", {"log": {"sigma_mm": [1.0]}}, "wavelet", "gradient")
    )
    alone = extract_case({"p": image}, {"a": region}, params, threads=1)
    both = extract_case({"p": image}, {"b": other, "a": region}, params, threads=2)
    for name, value in alone.values.items():
        assert both.values[name] == value, str(name)
