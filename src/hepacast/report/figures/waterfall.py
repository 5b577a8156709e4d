# SPDX-License-Identifier: Apache-2.0
"""Score waterfall: every case as a bar, lowest risk first, coloured by what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View
from hepacast.report.figures.style import DOUBLE_IN, HIGH, Drawing, canvas, styled
from hepacast.report.wording import number, slug

if TYPE_CHECKING:
    from hepacast.report.content import Model, OutcomeReport

# Bars have no dashes to be told apart by: dark, middle and pale still differ in a grey print.
_PALE, _PALEST = "#8CC3E6", "#DADDE2"


def draw_waterfall(
    outcome: OutcomeReport, model: Model, view: View = OUT_OF_FOLD
) -> Drawing | None:
    """Draw the scores of the cases relative to the cut-off (or to their median).

    Returns
    -------
    Drawing or None
        None where the evaluation lists no scored cases.
    """
    seen = view.of(model)
    cases = [] if seen is None else [one for one in seen.cases if one.score is not None]
    if not cases:
        return None
    score = np.array([one.score for one in cases], float)
    cut = model.cut if model.cut is not None else float(np.median(score))
    order = np.argsort(score, kind="stable")
    kinds = ((True, HIGH, "event"), (False, _PALE, "no event"), (None, _PALEST, "unknown"))
    with styled():
        figure, axes = canvas(DOUBLE_IN, 2.1)
        rank = np.arange(len(cases))
        width = min(8.0, 0.9 * 72 * (DOUBLE_IN - 0.7) / len(cases))
        swatches: list[Patch] = []
        for happened, colour, label in kinds:
            mine = np.array([cases[at].event is happened for at in order])
            if mine.any():
                tips = score[order][mine] - cut
                # One path with gaps per kind: a patch per case takes a second to draw.
                x = np.repeat(rank[mine], 3)
                y = np.column_stack([np.zeros_like(tips), tips, np.full_like(tips, np.nan)])
                axes.plot(x, y.ravel(), color=colour, lw=width)
                swatch = Patch(color=colour, label=f"{label} ({mine.sum()})")
                swatches.append(swatch)
        axes.axhline(0, color="#1D232C", lw=0.8)
        what = "cut-off" if model.cut is not None else "median"
        axes.set(xlim=(-1, len(cases)), xlabel="Cases, lowest risk first", xticks=[])
        axes.set_ylabel(f"Score − {what}")
        # Above the axes: inside, one far score would put it over the other bars.
        figure.legend(handles=swatches, loc="outside upper left", ncols=3)
    caption = (
        f"Scores of {model.name}, {view.words}, relative to the {what} "
        f"({number(cut)}); one bar per case."
    )
    name = f"{slug(outcome.name)}-{slug(model.name)}-waterfall"
    told = {True: "event", False: "no event", None: "unknown"}
    notes = tuple(f"{cases[at].case}, {told[cases[at].event]}" for at in order)
    heights = tuple(float(value) for value in score[order] - cut)
    bars = Series(model.name, tuple(map(float, range(len(cases)))), heights, notes)
    hover = Hover("Rank", "score", (bars,), "column")
    return Drawing(name, f"Scores: {model.name}", caption, figure, (hover,))
