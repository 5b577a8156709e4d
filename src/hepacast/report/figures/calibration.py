# SPDX-License-Identifier: Apache-2.0
"""Calibration: observed against predicted, a panel per model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View, batches, having
from hepacast.report.figures.style import (
    COLOURS,
    DOUBLE_IN,
    HIGH,
    LOW,
    REST,
    SINGLE_IN,
    Drawing,
    clip,
    floats,
    styled,
    unit_axis,
)
from hepacast.report.wording import months, number, slug, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hepacast.report.content import Calibration, Evaluation, OutcomeReport


MOST_PANELS = 4
"""Models of one figure: more would be taller than a page."""


def draw_calibrations(outcome: OutcomeReport, view: View = OUT_OF_FOLD) -> list[Drawing]:
    """Draw every model that has a calibration on those patients, a few to a figure."""
    known = [model for model, _, _ in having(outcome, view, lambda seen: seen.calibration)]
    found = [
        draw_calibration(outcome.model_copy(update={"models": models}), view, part)
        for part, models in enumerate(batches(known, MOST_PANELS), 1)
    ]
    return [one for one in found if one is not None]


def draw_calibration(
    outcome: OutcomeReport, view: View = OUT_OF_FOLD, part: int = 1
) -> Drawing | None:
    """Draw one panel per model: groups with intervals, smooth curve, spread of predictions.

    Parameters
    ----------
    outcome : OutcomeReport
        All of its models are drawn.
    view : View
        On which patients.
    part : int
        Number of the figure, where the models of an outcome take several.

    Returns
    -------
    Drawing or None
        None where no model has a calibration on those patients.
    """
    shown = having(outcome, view, lambda seen: seen.calibration)
    if not shown:
        return None
    wide = min(2, len(shown))
    tall = -(-len(shown) // wide)
    width = SINGLE_IN if wide == 1 else DOUBLE_IN
    with styled():
        # Square axes, and above them a title and three lines.
        figure = Figure(figsize=(width, tall * ((width / wide) * 1.15 + 0.16)))
        panels = figure.subplots(tall, wide, squeeze=False).ravel()
        for axes, (model, seen, found) in zip(panels, shown, strict=False):
            _panel(axes, seen, found)
            axes.set_title(clip(model.name, 38), pad=9 + 9 * len(_numbers(found).splitlines()))
        for axes in panels[len(shown) :]:
            axes.remove()
    horizon = shown[0][2].horizon_months
    when = f" by {months(horizon)} months" if horizon is not None else ""
    caption = (
        f"Predicted against observed risk of {outcome.event}{when}, "
        f"{view.words}. Circles: groups of cases with 95 % intervals; line: smooth curve with "
        "its band; grey line: perfect calibration. Ticks along the bottom: predictions of cases "
        "with (above) and without (below) the event. Slope 1 and intercept 0 are ideal. "
        f"Method: {shown[0][2].method or 'not stated'}."
    )
    hovers = tuple(_hover(at, model.name, one) for at, (model, _, one) in enumerate(shown))
    name = f"{slug(outcome.name)}-calibration-{view.slug}{f'-{part}' * (part > 1)}"
    return Drawing(name, "Calibration", caption, figure, hovers)


def _hover(at: int, name: str, found: Calibration) -> Hover:
    """Read the groups of one panel."""
    x = tuple(point.predicted for point in found.points)
    y = tuple(point.observed for point in found.points)
    notes = tuple(f"n = {point.n}" for point in found.points)
    return Hover("predicted", "observed", (Series(name, x, y, notes),), axes=at)


def _panel(axes: Axes, seen: Evaluation, found: Calibration) -> None:
    """Draw one model."""
    axes.plot([0, 1], [0, 1], color=REST, lw=0.8)
    if found.smooth_predicted and found.smooth_observed:
        x = floats(found.smooth_predicted)
        axes.plot(x, floats(found.smooth_observed), color=COLOURS[0])
        if found.smooth_low and found.smooth_high:
            low, high = floats(found.smooth_low), floats(found.smooth_high)
            axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.14, lw=0)
    for point in found.points:
        if point.predicted is None or point.observed is None:
            continue
        if point.low is not None and point.high is not None:
            axes.plot([point.predicted] * 2, [point.low, point.high], color="#1D232C", lw=0.9)
        axes.plot(point.predicted, point.observed, "o", ms=4, mfc="white", mec="#1D232C", mew=1)
    _spikes(axes, seen)
    unit_axis(axes, "Predicted risk")
    unit_axis(axes, "Observed share", "y")
    axes.set_ylim(-0.11, 1.015)
    axes.set_aspect("equal", adjustable="box")
    axes.annotate(
        _numbers(found),
        (0, 1),
        (0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=6.8,
    )


def _spikes(axes: Axes, seen: Evaluation) -> None:
    """Show where the predictions lie, by what happened."""
    for happened, base, colour in ((True, -0.055, HIGH), (False, -0.06, LOW)):
        at = [one.probability for one in seen.cases if one.event is happened]
        ends = (base, base + 0.04) if happened else (base - 0.04, base)
        known = np.array([p for p in at if p is not None], float)
        # One path with gaps: a path per case would make the page ten times as heavy.
        x = np.repeat(known, 3)
        y = np.tile([*ends, np.nan], len(known))
        axes.plot(x, y, color=colour, lw=0.5, alpha=0.6)


def _numbers(found: Calibration) -> str:
    """List slope, intercept and Brier score; a line each, or wide intervals meet the next panel."""
    rows = [("Slope", found.slope), ("Intercept", found.intercept)]
    first = [f"{name} {with_interval(value)}" for name, value in rows if value is not None]
    last = [f"Brier {with_interval(found.brier)}"] if found.brier is not None else []
    if found.ici is not None:
        last.append(f"ICI {number(found.ici, 3)}")
    return "\n".join([*first, *filter(None, ["; ".join(last)])])
