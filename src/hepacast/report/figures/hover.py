# SPDX-License-Identifier: Apache-2.0
"""What a pointer over a figure reads: the same numbers the figure was drawn from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from hepacast.report.content import Numbers


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, or one set of points.

    Parameters
    ----------
    label : str
        Its name.
    x, y : tuple of float or None
        Its points.
    notes : tuple of str
        A word on each point (a case id, a threshold), or empty.
    """

    label: str
    x: Numbers
    y: Numbers
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hover:
    """How one pair of axes is read.

    Parameters
    ----------
    x, y : str
        Names of the two quantities.
    series : tuple of Series
        What can be read.
    rule : str
        ``nearest`` reads the point closest to the pointer, ``column`` every curve at the
        pointer's x, ``step`` likewise for curves that step to the right.
    axes : int
        Which axes of the figure; they must be linear.
    """

    x: str
    y: str
    series: tuple[Series, ...]
    rule: Literal["nearest", "column", "step"] = "nearest"
    axes: int = 0


def hover_json(figure: Figure, hovers: Sequence[Hover]) -> str:
    """Write what the page's script needs, as JSON that can stand inside a ``script`` element.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure that has been laid out (written once).
    hovers : sequence of Hover
        How its axes are read.
    """
    width, height = 72 * figure.get_size_inches()
    found = []
    for hover in hovers:
        axes = figure.axes[hover.axes]
        place = axes.get_position()
        box = [place.x0 * width, (1 - place.y1) * height, place.x1 * width, (1 - place.y0) * height]
        series = [
            {
                "label": one.label,
                "x": [_short(value) for value in one.x],
                "y": [_short(value) for value in one.y],
                "notes": list(one.notes),
            }
            for one in hover.series
        ]
        found.append(
            {
                "box": [round(edge, 2) for edge in box],
                "xlim": list(axes.get_xlim()),
                "ylim": list(axes.get_ylim()),
                "x": hover.x,
                "y": hover.y,
                "rule": hover.rule,
                "series": series,
            }
        )
    # A name may hold "</script>"; no markup can start without its first character.
    return json.dumps(found, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _short(value: float | None) -> float | None:
    """Round to what a reader can see; infinite thresholds have no place on an axis."""
    if value is None or value in {float("inf"), float("-inf")}:
        return None
    return float(f"{value:.4g}")
