# SPDX-License-Identifier: Apache-2.0
"""The flow diagram: who came in, who left and why, who was analysed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from hepacast.report.figures.style import DOUBLE_IN, Drawing, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hepacast.report.content import FlowStep, OutcomeReport, ReportContent

_LINE_IN, _PAD_IN, _GAP_IN = 0.155, 0.09, 0.2
_MIDDLE = 1.75
_MOST_ENDS = 4


def draw_flow(content: ReportContent) -> Drawing | None:
    """Draw the steps from top to bottom, exclusions to the right, and the outcomes in a last row.

    None without steps.
    """
    if not content.flow:
        return None
    boxes = [(_main(step), _side(step)) for step in content.flow]
    shown = content.outcomes[:_MOST_ENDS]
    letters = int(16 * DOUBLE_IN / max(len(shown), 2))
    ends = [_end(outcome, letters) for outcome in shown]
    height = sum(_height(main) + _between(side) for main, side in boxes)
    height += _height(["cases", "n"]) + _room(ends)
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, height + 0.1))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, DOUBLE_IN), ylim=(-height - 0.05, 0.05))
        axes.set_axis_off()
        bottom = _boxes(axes, content, boxes)
        _ends(axes, bottom, ends)
    caption = "Flow of cases through the study; every exclusion counts under its first reason."
    return Drawing("flow", "Flow of cases", caption, figure)


def _end(outcome: OutcomeReport, letters: int) -> list[str]:
    """Write the text of an outcome's box: who has no label, and who was analysed."""
    lines = textwrap.wrap(outcome.heading, letters)
    for one in outcome.exclusions:
        lines += _wrapped(f"without: {one.reason}", one.n, letters)
    return [*lines, f"n = {outcome.n}, {outcome.events} events"]


def _room(ends: list[list[str]]) -> float:
    """Height of the row of outcomes, inches."""
    return max(map(_height, ends)) + 2 * _GAP_IN if ends else 0.0


def _ends(axes: Axes, bottom: float, ends: list[list[str]]) -> None:
    """Place the outcomes side by side below the last step."""
    share = DOUBLE_IN / max(len(ends), 2)
    for index, lines in enumerate(ends):
        top = bottom - 2 * _GAP_IN
        corner = (index * share + 0.05, top - _height(lines))
        place = (index + 0.5) * share
        fork = bottom - _GAP_IN
        axes.plot([_MIDDLE, _MIDDLE, place], [bottom, fork, fork], color="#444B57", lw=0.8)
        _arrow(axes, (place, fork), (place, top))
        _box(axes, corner, (share - 0.1, _height(lines)), lines, "#EEF3F8")


def _main(step: FlowStep) -> list[str]:
    """Write the text of a step's box."""
    return [*textwrap.wrap(step.label, 40), f"n = {step.n_before}"]


def _side(step: FlowStep) -> list[str]:
    """Write the text of the box of exclusions."""
    if not step.exclusions:
        return []
    lines = [f"Excluded: n = {step.lost}"]
    for one in step.exclusions:
        lines += _wrapped(f"• {one.reason}", one.n, 50, "   ")
    return lines


def _wrapped(reason: str, n: int, letters: int, indent: str = "") -> list[str]:
    """Break a reason into lines; its number stays in one piece.

    >>> _wrapped("without: censored before 24 months", 7, 40)
    ['without: censored before 24 months', '(n = 7)']
    """
    tied = f"{reason} (n\u00a0=\u00a0{n})"
    lines = textwrap.wrap(tied, letters, subsequent_indent=indent)
    return [line.replace("\u00a0", " ") for line in lines]


def _height(lines: list[str]) -> float:
    """Height of a box, inches."""
    return _LINE_IN * len(lines) + 2 * _PAD_IN


def _between(side: list[str]) -> float:
    """Room between two steps, inches: the exclusions hang there."""
    return 2 * _GAP_IN if not side else _height(side) + 2 * _GAP_IN


def _boxes(axes: Axes, content: ReportContent, boxes: list[tuple[list[str], list[str]]]) -> float:
    """Place the steps, their exclusions and the number that is left; return where that ends."""
    width, top = 3.1, 0.0
    for main, side in boxes:
        bottom = top - _height(main)
        _box(axes, (_MIDDLE - width / 2, bottom), (width, _height(main)), main, "#EEF3F8")
        following = bottom - _between(side)
        _arrow(axes, (_MIDDLE, bottom), (_MIDDLE, following))
        if side:
            half = (bottom + following) / 2
            _arrow(axes, (_MIDDLE, half), (3.55, half))
            _box(axes, (3.55, half - _height(side) / 2), (3.45, _height(side)), side, "white")
        top = following
    text = ["Cases with all that is needed", f"n = {content.flow[-1].n_after}"]
    bottom = top - _height(text)
    _box(axes, (_MIDDLE - width / 2, bottom), (width, _height(text)), text, "#EEF3F8")
    return bottom


def _box(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], lines: list[str], fill: str
) -> None:
    """Draw one box with its text; the last line of a step is its number."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    axes.add_patch(Rectangle(corner, *size, facecolor=fill, edgecolor="#444B57", lw=0.8))
    centred = fill != "white"
    for row, text in enumerate(lines):
        bold = (row == len(lines) - 1) if centred else row == 0
        axes.text(
            corner[0] + (size[0] / 2 if centred else _PAD_IN),
            corner[1] + size[1] - _PAD_IN - _LINE_IN * (row + 0.5),
            text,
            ha="center" if centred else "left",
            va="center",
            fontsize=7.6,
            fontweight="bold" if bold else "normal",
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow."""
    look = {"arrowstyle": "-|>", "color": "#444B57", "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=look)
