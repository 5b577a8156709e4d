# SPDX-License-Identifier: Apache-2.0
"""Kernels against the slow, obvious way, and filters against the libraries they stand in for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import pywt
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage
from scipy.spatial.distance import pdist

from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.radiomics.families.shape import diameters
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.log import LogParams
from hepacast.radiomics.filters.registry import Setting
from hepacast.radiomics.filters.wavelet import WaveletParams
from hepacast.radiomics.kernels import neighbours
from hepacast.radiomics.kernels.masks import extent
from hepacast.radiomics.kernels.values import at_ranks, digitise
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import Bins, Texture


def sample(width: float, seed: int = 0, *, texture: Texture | None = None) -> Sample:
    rng = np.random.default_rng(seed)
    mask = np.zeros((8, 9, 10), dtype=bool)
    mask[1:7, 1:8, 1:9] = rng.random((6, 7, 8)) < 0.75
    place = Place(mask, (1.0, 1.0, 1.0))
    values = ndimage.gaussian_filter(rng.normal(size=mask.shape), 0.8)[mask] * 200
    return Sample(place, values, Bins(width=width), texture or Texture())


@pytest.mark.parametrize("width", [100.0, 40.0, 15.0, 0.5])
def test_pairs_dependences_and_differences_are_those_of_the_plain_count(width: float) -> None:
    one = sample(width)
    pairs, dependence, difference = neighbours.neighbourhoods(
        one.levels.reshape(-1), one.place.places, one.place.strides(one.steps), one.highest, 0
    )
    inside = slice(1, one.highest + 1)
    np.testing.assert_array_equal(one.pairs[inside, :, inside], pairs[inside, :, inside])
    np.testing.assert_array_equal(one.dependence, dependence)
    np.testing.assert_array_equal(one.difference, difference)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flat_neighbourhoods_are_those_of_the_plain_count(axis: int) -> None:
    one = sample(40.0, texture=Texture(flat=True, flat_axis=axis))
    _, dependence, difference = neighbours.neighbourhoods(
        one.levels.reshape(-1), one.place.places, one.place.strides(one.steps), one.highest, 0
    )
    np.testing.assert_array_equal(one.dependence, dependence)
    np.testing.assert_array_equal(one.difference, difference)


@pytest.mark.parametrize("width", [100.0, 40.0, 5.0])
def test_zones_are_those_of_a_labelling_per_level(width: float) -> None:
    one = sample(width)
    expected = []
    for level in one.present:
        label, n = ndimage.label(one.levels == level, np.ones((3, 3, 3)))
        expected += [(int(level), int(s)) for s in np.bincount(label.ravel())[1 : n + 1]]
    assert sorted(zip(*(a.tolist() for a in one.zones), strict=True)) == sorted(expected)


@pytest.mark.parametrize("width", [100.0, 30.0])
def test_runs_are_those_found_by_walking(width: float) -> None:
    one = sample(width)
    levels = one.levels
    for d, step in enumerate(one.run_steps):
        expected = np.zeros_like(one.runs[:, d])
        for at in product(*(range(1, n - 1) for n in levels.shape)):
            level = levels[at]
            before = tuple(np.subtract(at, step))
            if level == 0 or levels[before] == level:
                continue
            length, here = 0, np.array(at)
            while levels[tuple(here)] == level:
                length += 1
                here = here + step
            expected[level, length] += 1
        np.testing.assert_array_equal(one.runs[:, d], expected)


def test_ranks_and_bins_are_numpys() -> None:
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=5000), rng.integers(0, 7, 5000).astype(float), np.full(10, 3.0)):
        ranks = np.array([0, 3, min(500, values.size - 1), values.size - 1])
        found = at_ranks(values, values.min(), values.max(), ranks)
        np.testing.assert_array_equal(found, np.sort(values)[ranks])
    values = np.concatenate([rng.normal(size=500), np.arange(-4, 5) * 0.3])
    edges = np.arange(-20, 20) * 0.3
    levels = np.zeros(values.size, np.uint8)
    counts = digitise(values, edges, np.arange(values.size), levels)
    np.testing.assert_array_equal(levels, np.digitize(values, edges))
    np.testing.assert_array_equal(counts, np.bincount(levels, minlength=40)[1:])


def test_diameters_are_those_of_all_pairs_of_surface_points() -> None:
    rng = np.random.default_rng(2)
    mask = np.pad(rng.random((4, 5, 6)) < 0.4, 1)
    points = []
    for axis in range(3):
        first, second = np.delete(mask, -1, axis), np.delete(mask, 0, axis)
        half = np.eye(3)[axis] / 2
        points.append(np.argwhere(first != second) + half)
    spacing = np.array([2.0, 0.7, 1.1])
    cloud = np.concatenate(points)
    expected = [
        max(
            pdist(cloud[cloud[:, axis] == v] * spacing).max(initial=0.0)
            for v in np.unique(cloud[:, axis])
        )
        for axis in range(3)
    ]
    found = diameters(mask, (2.0, 0.7, 1.1))
    assert found == pytest.approx((*expected, pdist(cloud * spacing).max()))


def test_the_extent_of_a_mask_is_that_of_its_voxels() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[1, 4, 2] = mask[3, 0, 5] = True
    size, low, high = extent(mask)
    assert (size, low.tolist(), high.tolist()) == (2, [1, 0, 2], [3, 4, 5])
    assert extent(np.zeros((2, 2, 2), dtype=bool))[0] == 0


@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.8)])
def test_log_is_itks_bit_for_bit(kind: str, spacing: tuple[float, float, float]) -> None:
    data = (np.random.default_rng(0).normal(size=(12, 15, 17)) * 1e3).astype(kind)
    image = Volume(data, Grid(data.shape, spacing))
    box = (slice(2, 9), slice(0, 15), slice(9, 17))
    for sigma in (1.0, 4.5):
        params = LogParams(sigma_mm=(sigma,))
        (respond,) = FILTERS[params](params, Setting("hepacast", Texture())).values()
        source = sitk.GetImageFromArray(data)
        source.SetSpacing(spacing[::-1])
        made = sitk.LaplacianRecursiveGaussian(source, sigma, normalizeAcrossScale=True)
        np.testing.assert_array_equal(respond(image, box), sitk.GetArrayFromImage(made)[box])


@pytest.mark.parametrize("kind", ["i2", "f4"])
@pytest.mark.parametrize("name", ["coif1", "haar", "db3", "dmey", "bior2.2"])
def test_wavelets_are_pywavelets_bit_for_bit(name: str, kind: str) -> None:
    data = (np.random.default_rng(0).normal(size=(9, 12, 15)) * 1e3).astype(kind)
    image = Volume(data, Grid(data.shape, (1.0, 1.0, 1.0)))
    whole = tuple(slice(0, n) for n in data.shape)
    params = WaveletParams(wavelet=name)
    even = np.pad(data, [(0, n % 2) for n in data.shape], "wrap")
    bands = pywt.swtn(even, name, level=1, axes=(2, 1, 0))[0]
    responses = FILTERS[params](params, Setting("hepacast", Texture()))
    assert len(responses) == 8
    for token, respond in responses.items():
        band = bands[token[-3:].replace("L", "a").replace("H", "d")]
        expected = band[tuple(slice(0, n) for n in data.shape)]
        np.testing.assert_array_equal(respond(image, whole), expected)  # type: ignore[arg-type]
