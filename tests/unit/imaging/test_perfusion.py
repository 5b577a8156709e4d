"""Curves of contrast: the peak is where the truth has it, not where the noise is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hepacast.core.errors import NotEstimableError
from hepacast.imaging.perfusion import (
    Curve,
    Model,
    analyse_curve,
    displacements,
    linearise,
    time_intensity,
)

TIMES = np.arange(0, 120, 0.25)


def gamma(t: np.ndarray, peak: float, start: float, rise: float, shape: float) -> np.ndarray:
    u = np.maximum(t - start, 1e-12) / rise
    values: np.ndarray = np.where(t > start, peak * u**shape * np.exp(shape * (1 - u)), 0.0)
    return values


def noisy(seed: int, noise: float = 3.0) -> Curve:
    rng = np.random.default_rng(seed)
    values = 20 + gamma(TIMES, 80, 12, 18, 2.5) + rng.normal(0, noise, TIMES.size)
    return Curve(TIMES, values, np.ones(TIMES.size, dtype=bool))


@pytest.mark.parametrize("model", ["gamma", "smooth", "lognormal"])
def test_a_known_bolus_is_recovered(model: Model) -> None:
    found = analyse_curve(noisy(1), model)
    tolerance = 1.0 if model == "gamma" else 3.0
    assert TIMES[found.peak_frame] == pytest.approx(30.0, abs=tolerance)
    assert found.peak == pytest.approx(80, abs=4)
    assert found.baseline == pytest.approx(20, abs=4)
    truth = gamma(TIMES, 80, 12, 18, 2.5)
    assert found.auc == pytest.approx(np.trapezoid(truth, TIMES), rel=0.06)
    assert found.wash_in == pytest.approx(np.gradient(truth, TIMES).max(), rel=0.25)
    assert found.wash_out > 0
    assert found.r2 > 0.95


def test_the_fitted_peak_beats_the_raw_maximum() -> None:
    fitted, raw = [], []
    for seed in range(20):
        curve = noisy(seed, noise=6.0)
        fitted.append(abs(TIMES[analyse_curve(curve).peak_frame] - 30))
        raw.append(abs(TIMES[np.argmax(curve.values)] - 30))
    assert np.median(fitted) < 0.5
    assert np.mean(fitted) < 0.3 * np.mean(raw)


def test_a_curve_without_enhancement_is_refused() -> None:
    rng = np.random.default_rng(2)
    flat = Curve(TIMES, rng.normal(30, 4, TIMES.size), np.ones(TIMES.size, dtype=bool))
    with pytest.raises(NotEstimableError, match=r"show enhancement|explain the curve"):
        analyse_curve(flat)


def breathing(seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return tissue and contrast panes of a breathing patient, the lesion and the motion."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 60, 0.5)
    texture = gaussian_filter(rng.normal(0, 1, (160, 160)), 2.5)
    texture = 90 + 35 * texture / texture.std()
    j, i = np.indices((160, 160))
    lesion = (j - 80) ** 2 + (i - 80) ** 2 <= 12**2
    curve = gamma(times, 120, 8, 14, 2.0)
    moved = np.round(6 * np.sin(times * 1.5)).astype(int)
    moved[40:44] = 30
    tissue, contrast = [], []
    for n, shift in enumerate(moved):
        plane = np.where(lesion, curve[n], 10.0) + rng.normal(0, 4, lesion.shape)
        contrast.append(np.roll(plane, shift, axis=0))
        tissue.append(np.roll(texture, shift, axis=0) + rng.normal(0, 6, texture.shape))
    return np.stack(tissue), np.stack(contrast), lesion, moved


def test_breathing_is_followed_and_frames_out_of_plane_are_left_out() -> None:
    tissue, contrast, lesion, moved = breathing()
    times = np.arange(0, 60, 0.5)
    still = int(np.flatnonzero(moved == 0)[0])
    shifts = displacements(tissue, lesion, reference=still, margin=40)
    assert np.mean(np.abs(shifts[:, 0] - moved) <= 1) > 0.97
    curve = time_intensity(contrast, times, lesion, moved=shifts, gate_pixels=12)
    assert not curve.kept[40:44].any()
    truth = gamma(times, 120, 8, 14, 2.0)
    assert np.corrcoef(curve.values[curve.kept], truth[curve.kept])[0, 1] > 0.999
    fixed = time_intensity(contrast, times, lesion)
    assert np.corrcoef(fixed.values, truth)[0, 1] < 0.99
    assert times[analyse_curve(curve).peak_frame] == pytest.approx(22, abs=1)


def test_times_that_do_not_increase_are_refused() -> None:
    with pytest.raises(NotEstimableError, match="one increasing time per frame"):
        time_intensity(np.zeros((9, 4, 4)), np.zeros(9), np.ones((4, 4), dtype=bool))


def test_too_few_steady_frames_are_refused() -> None:
    moved = np.full((20, 2), 50.0)
    with pytest.raises(NotEstimableError, match="0 of 20"):
        time_intensity(
            np.zeros((20, 4, 4)), np.arange(20.0), np.ones((4, 4), dtype=bool), moved=moved
        )


def test_log_compression_is_undone() -> None:
    power = linearise(np.array([255.0, 127.5, 0.0]), 60.0)
    assert 10 * np.log10(power) == pytest.approx([0.0, -30.0, -60.0])
