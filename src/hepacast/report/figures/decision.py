# SPDX-License-Identifier: Apache-2.0
"""Decision curves: what acting on a model is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View, having
from hepacast.report.figures.style import REST, Drawing, canvas, clip, floats, line, styled
from hepacast.report.wording import months, slug

if TYPE_CHECKING:
    from hepacast.report.content import OutcomeReport


def draw_decision(outcome: OutcomeReport, view: View = OUT_OF_FOLD) -> Drawing | None:
    """Draw net benefit over the threshold, with acting on all and on nobody.

    Returns
    -------
    Drawing or None
        None where no model has a decision curve on those patients.
    """
    shown = having(outcome, view, lambda seen: seen.decision)
    if not shown:
        return None
    with styled():
        figure, axes = canvas(height_in=3.45 + 0.15 * (len(shown) + 1))
        first = shown[0][2]
        axes.axhline(0, color="#1D232C", lw=0.9, label="Act on nobody")
        axes.plot(
            floats(first.thresholds),
            floats(first.treat_all),
            color=REST,
            lw=1,
            label="Act on everybody",
        )
        top = max((y for y in first.treat_all if y is not None), default=0.1)
        for index, (model, _, curve) in enumerate(shown):
            label = clip(model.name, 34 if len(shown) < 4 else 22)
            x, y = floats(curve.thresholds), floats(curve.net_benefit)
            axes.plot(x, y, label=label, **line(index))
            top = max([top, *(y for y in curve.net_benefit if y is not None)])
        axes.set(xlabel="Threshold probability", ylabel="Net benefit")
        # Acting on all falls without bound; what lies far below zero is of no use to anybody.
        axes.set_ylim(-0.25 * top, 1.08 * top)
        axes.set_xlim(0, None)
        figure.legend(loc="outside lower left", ncols=1 if len(shown) < 4 else 2)
    when = first.horizon_months
    caption = (
        f"Net benefit of acting on a forecast of {outcome.event}"
        f"{f' by {months(when)} months' if when is not None else ''}, {view.words}. "
        "A model is of use at the thresholds where its curve lies above both acting on nobody "
        "and acting on everybody."
    )
    curves = [Series(one.name, curve.thresholds, curve.net_benefit) for one, _, curve in shown]
    curves.append(Series("Act on everybody", first.thresholds, first.treat_all))
    hover = Hover("Threshold", "net benefit", tuple(curves), "column")
    name = f"{slug(outcome.name)}-decision-{view.slug}"
    return Drawing(name, "Decision curves", caption, figure, (hover,))
