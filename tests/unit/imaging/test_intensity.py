"""Patients and scanners on one scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepacast.core.errors import NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.imaging.intensity import (
    clip_percentiles,
    correct_bias,
    half_sample_mode,
    organ_stripe,
    window,
    zscore,
)

GRID = Grid((8, 40, 40), (5.0, 1.5, 1.5))


def mr(seed: int = 1) -> tuple[Volume, Region]:
    """Return an MR of a liver with vessels and a tumour, and the liver."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[1:7, 6:34, 6:30] = True
    data = np.where(mask, rng.normal(400, 15, GRID.shape), rng.normal(150, 30, GRID.shape))
    data[2:5, 10:16, 10:16] = rng.normal(700, 20, (3, 6, 6))
    return Volume(data.astype(np.float32), GRID), Region(mask, GRID, "liver")


@given(gain=st.floats(0.2, 50.0), offset=st.floats(-100.0, 100.0))
def test_normalisation_forgets_the_scanners_gain_and_offset(gain: float, offset: float) -> None:
    image, liver = mr()
    other = Volume((image.data * gain + offset).astype(np.float32), GRID)
    assert np.allclose(
        zscore(other, region=liver).data, zscore(image, region=liver).data, atol=1e-2
    )
    assert np.allclose(organ_stripe(other, liver).data, organ_stripe(image, liver).data, atol=2e-2)


def test_a_tumour_moves_the_mean_but_not_the_stripe() -> None:
    image, liver = mr()
    data = image.data.copy()
    data[1:7, 6:18, 6:30] += 300
    spread = Volume(data, GRID)
    rest = (slice(1, 7), slice(20, 34), slice(6, 30))
    assert abs(float(np.median(organ_stripe(spread, liver).data[rest]))) < 0.5
    assert abs(float(np.median(zscore(spread, region=liver).data[rest]))) > 0.5


def test_a_region_of_its_own_has_mean_0_and_deviation_1() -> None:
    image, liver = mr()
    values = zscore(image, region=liver).data[liver.mask]
    assert float(values.mean()) == pytest.approx(0, abs=1e-4)
    assert float(values.std()) == pytest.approx(1, abs=1e-4)


def test_percentiles_of_the_liver_clip_the_whole_image() -> None:
    image, liver = mr()
    clipped = clip_percentiles(image, 1, 99, region=liver)
    low, high = np.percentile(image.data[liver.mask], (1, 99))
    assert float(clipped.data.min()) == pytest.approx(low, rel=1e-5)
    assert float(clipped.data.max()) == pytest.approx(high, rel=1e-5)


def test_a_window_keeps_its_unit_when_asked() -> None:
    image, _ = mr()
    kept = window(image, 200, 100, unit=False).data
    assert (float(kept.min()), float(kept.max())) == (150.0, 250.0)


def test_a_flat_region_cannot_be_normalised() -> None:
    flat = Volume(np.full(GRID.shape, 7, np.float32), GRID)
    with pytest.raises(NotEstimableError, match="must vary"):
        zscore(flat)


def test_the_mode_is_the_densest_value() -> None:
    rng = np.random.default_rng(3)
    values = np.sort(np.concatenate([rng.normal(10, 1, 4000), rng.uniform(0, 60, 2000)]))
    assert half_sample_mode(values) == pytest.approx(10, abs=1.0)


def test_the_coils_brightness_field_is_removed() -> None:
    image, _ = mr()
    _, _, i = np.indices(GRID.shape)
    shaded = Volume((image.data * np.exp(0.5 * (i / 39 - 0.5))).astype(np.float32), GRID)
    body = Region(np.ones(GRID.shape, dtype=bool), GRID, "body")
    fixed = correct_bias(shaded, body)
    left, right = (
        (slice(1, 7), slice(20, 34), slice(7, 11)),
        (slice(1, 7), slice(20, 34), slice(25, 29)),
    )
    before = shaded.data[right].mean() / shaded.data[left].mean()
    after = fixed.data[right].mean() / fixed.data[left].mean()
    assert before > 1.2
    assert abs(after - 1) < 0.35 * abs(before - 1)
