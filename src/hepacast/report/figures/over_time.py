# SPDX-License-Identifier: Apache-2.0
"""Quantities over time: time-dependent AUC, Brier score, prediction error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View, having
from hepacast.report.figures.style import REST, Drawing, canvas, clip, floats, line, styled
from hepacast.report.wording import slug, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hepacast.report.content import Evaluation, OutcomeReport, TimeCurve


def draw_over_time(outcome: OutcomeReport, view: View = OUT_OF_FOLD) -> list[Drawing]:
    """Draw one figure per quantity, with a curve per model and the reference in grey.

    Returns
    -------
    list of Drawing
        Empty where no model has such curves on those patients.
    """
    seen = [view.of(model) for model in outcome.models]
    curves = [curve for one in seen if one is not None for curve in one.over_time]
    names = list(dict.fromkeys(curve.name for curve in curves))
    return [_draw(outcome, view, name) for name in names]


def _draw(outcome: OutcomeReport, view: View, name: str) -> Drawing:
    """Draw one quantity."""
    shown = having(outcome, view, lambda seen: _named(seen, name))
    with styled():
        figure, axes = canvas(height_in=2.75 + 0.15 * len(shown))
        references = [curve for _, _, curve in shown if curve.reference]
        if references:
            x, y = floats(references[0].time_months), floats(references[0].reference)
            axes.plot(x, y, color=REST, lw=1, label="Kaplan-Meier, no model")
        for index, (model, _, curve) in enumerate(shown):
            _curve(axes, curve, index, clip(model.name, 24))
        low, high = axes.get_ylim()
        if low < 0.5 < high and "AUC" in name:
            axes.axhline(0.5, color=REST, lw=0.9, ls=(0, (1.2, 1.2)), zorder=0)
        axes.set(xlabel="Months", ylabel=name, xlim=(0, None))
        figure.legend(loc="outside lower left")
    better = "lower is better" if "AUC" not in name else "0.5 is chance"
    title = outcome.phrase
    caption = f"{name} over time for {title}, {view.words}; {better}."
    if any(curve.low for _, _, curve in shown):
        caption += " Bands: 95 % pointwise intervals."
    lines = tuple(Series(model.name, one.time_months, one.value) for model, _, one in shown)
    hover = Hover("Months", name, lines, "column")
    return Drawing(
        f"{slug(outcome.name)}-{slug(name)}-{view.slug}", name, caption, figure, (hover,)
    )


def _named(seen: Evaluation, name: str) -> TimeCurve | None:
    """Return the curve of that name."""
    return next((curve for curve in seen.over_time if curve.name == name), None)


def _curve(axes: Axes, curve: TimeCurve, index: int, model: str) -> None:
    """Draw one curve with its band."""
    label = model
    if curve.integrated is not None:
        label = f"{model}: mean {with_interval(curve.integrated, 3)}"
    x = floats(curve.time_months)
    axes.plot(x, floats(curve.value), label=label, **line(index))
    if curve.low and curve.high:
        low, high = floats(curve.low), floats(curve.high)
        axes.fill_between(x, low, high, color=line(index)["color"], alpha=0.1, lw=0)
