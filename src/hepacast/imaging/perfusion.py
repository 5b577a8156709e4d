# SPDX-License-Identifier: Apache-2.0
"""Contrast over time: curve, model, peak frame and perfusion parameters.

Grey values of ultrasound are log-compressed.  Unless they are linearised with a
known dynamic range, every amplitude here is relative; times are not affected
by any increasing scale.

Source: Dietrich 2012, Ultraschall Med 33:344 (parameters of dynamic CEUS);
Thompson 1964, Circ Res 14:502 (gamma variate).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import EmptyRegionError, NotEstimableError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Model = Literal["gamma", "lognormal", "smooth"]
Shape = Callable[..., np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Mean intensity of a lesion over time.

    Parameters
    ----------
    times_s : (frame,) float
        Increasing.
    values : (frame,) float
        Mean of the region.
    kept : (frame,) bool
        Frames in which the lesion was where it should be.
    """

    times_s: Float[np.ndarray, " frame"]
    values: Float[np.ndarray, " frame"]
    kept: Bool[np.ndarray, " frame"]


@dataclass(frozen=True, slots=True)
class Perfusion:
    """What a curve says.

    Parameters
    ----------
    peak : float
        Height above the baseline, grey levels.
    time_to_peak_s : float
        From arrival to peak.
    arrival_s : float
        When a tenth of the peak is reached.
    wash_in : float
        Steepest rise, grey levels per second.
    wash_out : float
        Mean fall from the peak to the end, grey levels per second; positive when it falls.
    auc : float
        Area above the baseline over the observed time, grey levels times seconds.
    peak_frame : int
        Kept frame nearest to the peak of the fitted (not the raw) curve.
    baseline : float
        Level before arrival.
    r2 : float
        Share of the kept values' variance that the fitted curve explains.
    """

    peak: float
    time_to_peak_s: float
    arrival_s: float
    wash_in: float
    wash_out: float
    auc: float
    peak_frame: int
    baseline: float
    r2: float


def linearise(
    frames: Float[np.ndarray, "frame j i"], dynamic_range_db: float
) -> Float[np.ndarray, "frame j i"]:
    """Undo log compression of 8-bit grey values; echo power, 1 at full white.

    >>> linearise(np.array([[[255.0]]]), 60.0).item()
    1.0
    """
    power: Float[np.ndarray, "frame j i"] = 10.0 ** (
        (np.asarray(frames, dtype=np.float64) / 255.0 - 1.0) * dynamic_range_db / 10.0
    )
    return power


def displacements(
    frames: Float[np.ndarray, "frame j i"],
    mask: Bool[np.ndarray, "j i"],
    *,
    reference: int | None = None,
    margin: int = 24,
) -> Float[np.ndarray, "frame 2"]:
    """How far the tissue around a region has moved in every frame.

    Parameters
    ----------
    frames : (frame, j, i)
        Of the tissue pane, where there are two: contrast itself looks like motion.
    mask : (j, i) bool
        The region in the reference frame.
    reference : int or None
        Frame that the region was drawn on; ``None`` for the middle of the clip.
    margin : int
        Pixels around the region that are compared.

    Returns
    -------
    (frame, 2) float
        Rows and columns, pixels, whole.

    Notes
    -----
    Peak of the phase correlation with the reference frame (Kuglin 1975).
    """
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        raise EmptyRegionError(what="a curve needs a region", got="an empty mask", fix="Draw it.")
    box = (
        slice(max(0, int(rows.min()) - margin), int(rows.max()) + margin + 1),
        slice(max(0, int(columns.min()) - margin), int(columns.max()) + margin + 1),
    )
    at = len(frames) // 2 if reference is None else reference
    height, width = np.asarray(frames[at])[box].shape
    taper = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])

    def spectrum(frame: np.ndarray) -> np.ndarray:
        part = np.asarray(frame, dtype=np.float64)[box]
        transformed: np.ndarray = np.fft.rfft2((part - part.mean()) * taper)
        return transformed

    still = np.conj(spectrum(frames[at]))
    moved = np.zeros((len(frames), 2))
    for n, frame in enumerate(frames):
        cross = spectrum(frame) * still
        size = np.abs(cross)
        # Normalising by a power keeps speckle from outvoting structure.
        peak = np.fft.irfft2(cross / np.maximum(size, 1e-12) ** 0.75, s=(height, width))
        j, i = np.unravel_index(int(np.argmax(peak)), peak.shape)
        moved[n] = (
            j - height if j > height // 2 else j,
            i - width if i > width // 2 else i,
        )
    return moved


def time_intensity(
    frames: Float[np.ndarray, "frame j i"],
    times_s: Float[np.ndarray, " frame"],
    mask: Bool[np.ndarray, "j i"],
    *,
    moved: Float[np.ndarray, "frame 2"] | None = None,
    gate_pixels: float = 12.0,
) -> Curve:
    """Average a region in every frame, following it where it moves.

    Parameters
    ----------
    frames : (frame, j, i)
        Contrast pane.
    times_s : (frame,) float
        Increasing.
    mask : (j, i) bool
        The lesion in the reference frame.
    moved : (frame, 2) float or None
        From :func:`displacements`; the region is shifted along.
    gate_pixels : float
        Frames that moved farther are left out: the lesion has left the plane.

    Raises
    ------
    NotEstimableError
        If times do not increase, or fewer than 8 frames remain.
    """
    if len(frames) != len(times_s) or np.any(np.diff(times_s) <= 0):
        raise NotEstimableError(
            what="a curve needs one increasing time per frame",
            got=f"{len(frames)} frames, {len(times_s)} times",
            fix="Declare the time between frames.",
        )
    shifts = np.zeros((len(frames), 2)) if moved is None else moved
    kept = np.linalg.norm(shifts, axis=1) <= gate_pixels
    if kept.sum() < 8:
        raise NotEstimableError(
            what="a curve needs 8 frames in which the lesion is in place",
            got=f"{int(kept.sum())} of {len(frames)}",
            fix="Take a steadier part of the clip, or widen the gate.",
        )
    rows, columns = np.nonzero(mask)
    values = np.empty(len(frames))
    height, width = mask.shape
    for n, (frame, (down, right)) in enumerate(zip(frames, shifts, strict=True)):
        j = np.clip(rows + round(float(down)), 0, height - 1)
        i = np.clip(columns + round(float(right)), 0, width - 1)
        values[n] = frame[j, i].mean()
    return Curve(np.asarray(times_s, dtype=np.float64), values, kept)


def analyse_curve(curve: Curve, model: Model = "gamma") -> Perfusion:
    """Describe a curve by the parameters of its fit.

    Parameters
    ----------
    curve : Curve
        From :func:`time_intensity`.
    model : {"gamma", "lognormal", "smooth"}
        ``smooth`` makes no assumption on the shape.

    Raises
    ------
    NotEstimableError
        If there is no enhancement, or the model does not fit.

    Notes
    -----
    The arg-max of the raw curve is the frame of its largest noise: plateaus of
    contrast last for seconds.
    """
    t, y = curve.times_s[curve.kept], curve.values[curve.kept]
    smooth = _smoothed(t, y)
    baseline = _baseline(y, smooth)
    rise = float(smooth.max()) - baseline
    noise = float(np.std(y - smooth))
    if rise <= max(3 * noise / np.sqrt(min(8, len(y))), 1e-9):
        raise NotEstimableError(
            what="a curve must show enhancement",
            got=f"a rise of {rise:.3g} with noise of {noise:.3g}",
            fix="Check the region and that the clip covers the injection.",
        )
    fitted, level = _fitted(t, y, smooth, baseline, model)
    residual = float(np.sum((y - fitted) ** 2) / np.sum((y - y.mean()) ** 2))
    if residual > 0.5:
        raise NotEstimableError(
            what=f"the {model} model must explain the curve",
            got=f"R2 of {1 - residual:.2f}",
            fix="Take another model, or a steadier part of the clip.",
        )
    return _describe(curve, t, fitted, level, 1 - residual)


def fitted_curve(curve: Curve, model: Model = "gamma") -> Float[np.ndarray, " frame"]:
    """Return the model's values at the kept frames, for the picture beside the numbers.

    Parameters
    ----------
    curve : Curve
        That :func:`analyse_curve` could describe.
    model : {"gamma", "lognormal", "smooth"}
        The same.
    """
    t, y = curve.times_s[curve.kept], curve.values[curve.kept]
    smooth = _smoothed(t, y)
    fitted, _ = _fitted(t, y, smooth, _baseline(y, smooth), model)
    return fitted


def _fitted(
    t: np.ndarray, y: np.ndarray, smooth: np.ndarray, baseline: float, model: Model
) -> tuple[np.ndarray, float]:
    """Fit the model; values and level before arrival."""
    return (smooth, baseline) if model == "smooth" else _fit(t, y, smooth, baseline, model)


def _describe(
    curve: Curve, t: np.ndarray, fitted: np.ndarray, level: float, r2: float
) -> Perfusion:
    above = fitted - level
    at = int(np.argmax(above))
    peak = float(above[at])
    reached = np.flatnonzero(above[: at + 1] < 0.1 * peak)
    arrival = float(t[reached[-1] + 1]) if reached.size and reached[-1] < at else float(t[0])
    slopes = np.gradient(above, t)
    frames = np.flatnonzero(curve.kept)
    fall = (peak - float(above[-1])) / float(t[-1] - t[at]) if at < len(t) - 1 else 0.0
    return Perfusion(
        peak=peak,
        time_to_peak_s=float(t[at]) - arrival,
        arrival_s=arrival,
        wash_in=float(slopes[: at + 1].max()),
        wash_out=fall,
        auc=float(np.trapezoid(np.maximum(above, 0), t)),
        peak_frame=int(frames[at]),
        baseline=level,
        r2=r2,
    )


def _baseline(y: np.ndarray, smooth: np.ndarray) -> float:
    """Level before arrival: the median until a tenth of the rise, however long the washout."""
    rising = smooth[: int(np.argmax(smooth)) + 1]
    low = float(rising.min())
    arrival = int(np.argmax(rising > low + 0.1 * (float(rising[-1]) - low)))
    return float(np.median(y[: max(arrival, 1)]))


def _smoothed(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Local quadratic over three seconds, or an eighth of a short clip."""
    from scipy.signal import savgol_filter  # noqa: PLC0415 - scipy loads slowly

    even = np.linspace(t[0], t[-1], len(t))
    step = float(even[1] - even[0])
    length = int(np.clip(round(min(3.0, (t[-1] - t[0]) / 8) / step), 5, len(t))) | 1
    length = min(length, len(t) - (1 - len(t) % 2))
    filtered = savgol_filter(np.interp(even, t, y), length, 2, mode="interp")
    smooth: np.ndarray = np.interp(t, even, filtered)
    return smooth


def _gamma(
    t: np.ndarray, base: float, peak: float, start: float, rise: float, shape: float
) -> np.ndarray:
    u = np.maximum(t - start, 0) / rise
    with np.errstate(divide="ignore"):
        values: np.ndarray = base + peak * np.exp(shape * (np.log(u) + 1 - u))
    return values


def _lognormal(
    t: np.ndarray, base: float, peak: float, start: float, rise: float, shape: float
) -> np.ndarray:
    with np.errstate(divide="ignore"):
        z = np.log(np.maximum(t - start, 0) / rise) / shape
    values: np.ndarray = base + peak * np.exp(-0.5 * z**2)
    return values


def _fit(
    t: np.ndarray, y: np.ndarray, smooth: np.ndarray, baseline: float, model: Model
) -> tuple[np.ndarray, float]:
    """Least squares of a bolus model; both are written by peak height and time of the peak."""
    from scipy.optimize import curve_fit  # noqa: PLC0415 - scipy loads slowly

    shape: Shape = _gamma if model == "gamma" else _lognormal
    at = int(np.argmax(smooth))
    peak, span = float(smooth[at]) - baseline, float(t[-1] - t[0])
    early = np.flatnonzero(smooth[: at + 1] < baseline + 0.1 * peak)
    start = float(t[early[-1]]) if early.size else float(t[0]) - 1.0
    rise = max(float(t[at]) - start, 0.5)
    low = [-np.inf, 0.0, float(t[0]) - span, 1e-2, 0.05]
    high = [np.inf, 10 * peak, float(t[-1]), 3 * span, 60.0]
    best: tuple[float, np.ndarray, float] | None = None
    # One start can end in a flat curve; a slow washout is far from the usual bolus.
    for form in (0.3, 1.0, 2.0, 6.0) if model == "gamma" else (0.4, 0.8, 1.5):
        begin = np.clip([baseline, peak, start, rise, form], low, high)
        try:
            found, _ = curve_fit(shape, t, y, p0=begin, bounds=(low, high))
        except RuntimeError:
            continue
        values = shape(t, *found)
        error = float(np.sum((values - y) ** 2))
        if best is None or error < best[0]:
            best = error, values, float(found[0])
    if best is None:
        raise NotEstimableError(
            what=f"the {model} model must fit the curve",
            got="no convergence",
            fix="Take the model smooth, or a steadier part of the clip.",
        )
    return best[1], best[2]
