# SPDX-License-Identifier: Apache-2.0
"""ROC curves of all models of an outcome, on cases they had not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View, having
from hepacast.report.figures.style import Drawing, canvas, clip, floats, line, styled, unit_axis
from hepacast.report.wording import months, number, slug, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hepacast.report.content import Evaluation, Model, OutcomeReport, Roc


def draw_roc(outcome: OutcomeReport, view: View = OUT_OF_FOLD) -> Drawing | None:
    """Draw one curve per model, with the discrimination and its interval in the legend.

    Returns
    -------
    Drawing or None
        None where no model has a ROC curve on those patients.
    """
    shown = having(outcome, view, lambda seen: seen.roc)
    if not shown:
        return None
    with styled():
        figure, axes = canvas(height_in=3.45 + 0.15 * len(shown))
        axes.plot([0, 1], [0, 1], color="#B8BDC6", lw=0.8)
        for index, (model, seen, curve) in enumerate(shown):
            label = f"{clip(model.name, 24)}: {with_interval(seen.discrimination)}"
            x, y = floats(curve.false_positive), floats(curve.sensitivity)
            axes.plot(x, y, label=label, **line(index))
            _operating_point(axes, curve, line(index)["color"])
        unit_axis(axes, "1 − specificity")
        unit_axis(axes, "Sensitivity", "y")
        axes.set_aspect("equal")
        heading = f"{shown[0][1].measure}, {view.words}"
        figure.legend(loc="outside lower left", title=heading, alignment="left")
    hover = Hover("1 − specificity", "sensitivity", tuple(_series(*one) for one in shown))
    name = f"{slug(outcome.name)}-roc-{view.slug}"
    return Drawing(name, "ROC curves", _caption(outcome, view), figure, (hover,))


def _series(model: Model, _: Evaluation, curve: Roc) -> Series:
    """Name the threshold of every point."""
    notes = tuple(f"threshold {number(cut, 3)}" for cut in curve.thresholds)
    return Series(model.name, curve.false_positive, curve.sensitivity, notes)


def _operating_point(axes: Axes, curve: Roc, colour: object) -> None:
    """Mark the cut-off, where one was fitted."""
    hits, rest = curve.cut_sensitivity, curve.cut_specificity
    if hits is None or rest is None or hits.value is None or rest.value is None:
        return
    axes.plot(1 - rest.value, hits.value, "o", ms=4.5, mec="white", mew=0.7, color=colour)


def _caption(outcome: OutcomeReport, view: View) -> str:
    """Say what is shown."""
    text = f"ROC curves for {outcome.phrase}, {view.words}"
    if outcome.kind != "binary" and outcome.horizon_months is not None:
        text += f", for the event within {months(outcome.horizon_months)} months"
    shown = having(outcome, view, lambda seen: seen.roc)
    first = shown[0]
    text += f" (n = {first[1].n}, {first[1].events} events)."
    cut = next((one.cut for _, _, one in shown if one.cut is not None), None)
    if cut is not None:
        text += f" Dots: cut-offs ({cut.rule}, fitted on the {cut.fitted_on})."
    return text
