# SPDX-License-Identifier: Apache-2.0
"""Reclassification: who is moved by a second model, and in the right direction or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View
from hepacast.report.figures.style import DOUBLE_IN, HIGH, LOW, REST, Drawing, clip, styled
from hepacast.report.figures.style import unit_axis as unit
from hepacast.report.wording import slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.report.content import CaseScore, Model, OutcomeReport

Pair = tuple["CaseScore", "CaseScore"]


def draw_reclassification(
    outcome: OutcomeReport,
    models: tuple[Model, Model],
    thresholds: Sequence[float] = (),
    view: View = OUT_OF_FOLD,
) -> Drawing | None:
    """Draw the risk under a second model against that under a first, by what happened.

    Parameters
    ----------
    outcome : OutcomeReport
        Where the models come from.
    models : (Model, Model)
        First and second model.
    thresholds : sequence of float
        Limits of risk categories, drawn as lines.
    view : View
        On which patients.

    Returns
    -------
    Drawing or None
        None where no case has a probability from both and a known outcome.
    """
    pairs = both(models, view)
    if not pairs:
        return None
    first, second = models
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, 3.75))
        panels = figure.subplots(1, 2, sharey=True)
        hovers = []
        for at, (axes, happened) in enumerate(zip(panels, (True, False), strict=True)):
            mine = [pair for pair in pairs if pair[0].event is happened]
            x, y = (np.array([pair[one].probability for pair in mine], float) for one in (0, 1))
            axes.plot([0, 1], [0, 1], color=REST, lw=0.8)
            for cut in thresholds:
                axes.axvline(cut, color=REST, lw=0.7, ls=(0, (1.2, 1.2)))
                axes.axhline(cut, color=REST, lw=0.7, ls=(0, (1.2, 1.2)))
            colour = HIGH if happened else LOW
            mark = "^" if happened else "o"
            axes.plot(x, y, mark, ms=3.6, mfc="none", mec=colour, mew=0.9)
            up, down = int((y > x).sum()), int((y < x).sum())
            word = "With the event" if happened else "Without the event"
            axes.set_title(f"{word}: {up} up, {down} down")
            unit(axes, f"Risk by {clip(first.name, 26)}")
            axes.set_aspect("equal")
            names = tuple(pair[0].case for pair in mine)
            points = Series(word, tuple(x.tolist()), tuple(y.tolist()), names)
            hovers.append(Hover(first.name, second.name, (points,), axes=at))
        unit(panels[0], f"Risk by {clip(second.name, 26)}", "y")
    caption = (
        f"Risk of {outcome.event} by {second.name} against {first.name}, {view.words}, in cases "
        "with (left) and without the event (right). A better model lifts cases with the event "
        "above the line and lowers those without."
    )
    name = f"{slug(outcome.name)}-{slug(first.name)}-{slug(second.name)}-reclassification"
    return Drawing(name, "Reclassification", caption, figure, tuple(hovers))


def both(models: tuple[Model, Model], view: View = OUT_OF_FOLD) -> list[Pair]:
    """Pair the cases that have a probability from both models and a known outcome."""
    seen = [view.of(model) for model in models]
    tables = [
        {one.case: one for one in found.cases if one.probability is not None}
        for found in seen
        if found is not None
    ]
    if len(tables) < 2:
        return []
    first, second = tables
    return [
        (one, second[case])
        for case, one in first.items()
        if case in second and one.event is not None
    ]
