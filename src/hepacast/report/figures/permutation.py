# SPDX-License-Identifier: Apache-2.0
"""What pure chance reaches: the whole procedure on shuffled outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.report.figures.style import HIGH, REST, Drawing, canvas, styled
from hepacast.report.wording import number, p_equals, slug

if TYPE_CHECKING:
    from hepacast.report.content import OutcomeReport


def draw_permutations(outcome: OutcomeReport) -> list[Drawing]:
    """Draw a histogram of the shuffled values with the observed one marked, per control."""
    found = []
    for control in outcome.permutations:
        null = np.array([value for value in control.null if value is not None])
        if not null.size:
            continue
        with styled():
            figure, axes = canvas(height_in=2.3)
            edges = np.histogram_bin_edges(null, bins="fd")
            bins = (
                edges if 6 <= len(edges) <= 60 else np.linspace(null.min(), null.max() + 1e-9, 12)
            )
            axes.hist(null, bins=list(bins), color="#C9CED6", edgecolor="white", lw=0.5)
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
            room = 0.28 * (axes.get_xlim()[1] - axes.get_xlim()[0])
            axes.set_xlim(None, max(axes.get_xlim()[1], (control.observed or 0) + room))
            axes.set(xlabel=f"{control.measure} on shuffled outcomes", ylabel="Shuffles")
        caption = (
            f"{control.name.capitalize()}: {control.measure} of {control.model} when the whole "
            f"procedure runs on shuffled outcomes ({null.size} shuffles, mean "
            f"{number(float(null.mean()))}); P {p_equals(control.p)}."
        )
        name = f"{slug(outcome.name)}-{slug(control.model)}-{slug(control.name)}"
        found.append(
            Drawing(name, f"{control.name.capitalize()}: {control.model}", caption, figure)
        )
    return found
