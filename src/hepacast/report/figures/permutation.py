# SPDX-License-Identifier: Apache-2.0
"""What pure chance reaches: the whole procedure on shuffled outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hepacast.report.figures.style import DOUBLE_IN, HIGH, REST, Drawing, canvas, clip, styled
from hepacast.report.wording import number, p_equals, slug

if TYPE_CHECKING:
    from hepacast.report.content import OutcomeReport, Permutation


def draw_permutations(outcome: OutcomeReport) -> Drawing | None:
    """Draw the shuffled values and the observed one: a histogram, or a row per control.

    Returns
    -------
    Drawing or None
        None where no control has values.
    """
    known = [(one, values) for one in outcome.permutations if (values := _values(one)).size]
    if not known:
        return None
    figure = _histogram(*known[0]) if len(known) == 1 else _rows(known)
    first = known[0][0]
    null, real = ("bars", "line") if len(known) == 1 else ("ticks", "diamond")
    caption = (
        f"{first.measure} when the whole procedure runs on shuffled outcomes ({null}, "
        f"{known[0][1].size} shuffles) and on the real ones ({real}). Chance lies around 0.5 "
        "where nothing leaks. "
    )
    caption += "; ".join(
        f"{one.model}: mean {number(float(values.mean()))}, P {p_equals(one.p)}"
        for one, values in known
    )
    name = f"{slug(outcome.name)}-{slug(first.name)}"
    return Drawing(name, first.name.capitalize(), f"{caption}.", figure)


def _values(control: Permutation) -> np.ndarray:
    """Return the shuffled values that could be computed."""
    return np.array([value for value in control.null if value is not None], float)


def _histogram(control: Permutation, null: np.ndarray) -> Figure:
    """Draw one control."""
    with styled():
        figure, axes = canvas(height_in=2.3)
        edges = np.histogram_bin_edges(null, bins="fd")
        if not 6 <= len(edges) <= 60:
            edges = np.linspace(null.min(), null.max() + 1e-9, 12)
        axes.hist(null, bins=list(edges), color="#C9CED6", edgecolor="white", lw=0.5)
        axes.axvline(0.5, color=REST, lw=0.9, ls=(0, (1.2, 1.2)))
        if control.observed is not None:
            axes.axvline(control.observed, color=HIGH, lw=1.8)
            axes.annotate(
                f"observed {number(control.observed)}",
                (control.observed, 1),
                (3, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                color=HIGH,
                fontsize=7.4,
                va="top",
            )
            low, high = axes.get_xlim()
            axes.set_xlim(low, max(high, control.observed + 0.28 * (high - low)))
        axes.set(xlabel=f"{control.measure} on shuffled outcomes", ylabel="Shuffles")
    return figure


def _rows(known: list[tuple[Permutation, np.ndarray]]) -> Figure:
    """Draw a row per control: a tick per shuffle, their mean, the observed value."""
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, 0.62 + 0.3 * len(known)))
        axes = figure.add_subplot()
        axes.axvline(0.5, color=REST, lw=0.9, ls=(0, (1.2, 1.2)), zorder=0)
        for row, (one, null) in enumerate(known):
            axes.plot(null, np.full(null.size, row), "|", color=REST, ms=9, mew=0.9, alpha=0.7)
            axes.plot(null.mean(), row, "o", ms=5, mfc="white", mec="#444B57", mew=1.1)
            if one.observed is not None:
                axes.plot(one.observed, row, "D", ms=6, color=HIGH)
        axes.set_yticks(range(len(known)), [clip(one.model, 30) for one, _ in known])
        axes.set_ylim(len(known) - 0.4, -0.6)
        measure = known[0][0].measure
        axes.set_xlabel(f"{measure}: shuffles (ticks; circle: mean), observed (diamond)")
    return figure
