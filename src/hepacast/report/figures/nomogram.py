# SPDX-License-Identifier: Apache-2.0
"""Nomogram: an equation that is read off with a ruler."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hepacast.report.figures.style import DOUBLE_IN, Drawing, clip, styled
from hepacast.report.wording import column_label, months, slug, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hepacast.report.content import Equation, Model, OutcomeReport, Term

_RISKS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_ROW_IN = 0.36
_NO_EFFECT = 1e-6
"""Change of the log odds or log hazard over a variable's range that counts as none."""
_LETTERS = 26
"""Letters of a line left of the scales; a name may take two lines."""


@dataclass(frozen=True, slots=True)
class Points:
    """How values become points: the strongest variable spans 100.

    Parameters
    ----------
    equation : Equation
        The model.

    Examples
    --------
    >>> from hepacast.report.content import Equation, Term
    >>> size = Term(name="size", coefficient=0.5, low=1, high=5)
    >>> albumin = Term(name="albumin", coefficient=-0.1, low=20, high=30)
    >>> points = Points(Equation(kind="logistic", terms=(size, albumin)))
    >>> points.of(size, 3.0), points.of(albumin, 30.0), points.most
    (50.0, 0.0, 150.0)
    """

    equation: Equation

    @property
    def unit(self) -> float:
        """Linear predictor per point."""
        spans = [abs(one.coefficient) * (one.high - one.low) for one in self.equation.terms]
        return max(spans) / 100.0

    def of(self, term: Term, value: float) -> float:
        """Points of a value inside the range; the value of least risk has none."""
        safest = term.low if term.coefficient >= 0 else term.high
        return abs(term.coefficient * (value - safest)) / self.unit

    @property
    def most(self) -> float:
        """Points of the case at greatest risk."""
        spans = [abs(one.coefficient) * (one.high - one.low) for one in self.equation.terms]
        return sum(spans) / self.unit

    @property
    def lowest(self) -> float:
        """Linear predictor of the case at least risk."""
        safest = {
            one.name: one.low if one.coefficient >= 0 else one.high for one in self.equation.terms
        }
        return self.equation.linear(safest)

    def total(self, linear: float) -> float:
        """Total points that belong to a linear predictor."""
        return (linear - self.lowest) / self.unit


def draw_nomogram(outcome: OutcomeReport, model: Model) -> Drawing | None:
    """Draw the nomogram of a model.

    Returns
    -------
    Drawing or None
        None where the model has no equation, or one without any effect.
    """
    equation = model.equation
    if equation is None:
        return None
    # A penalty may leave rounding noise for a weight: no change of risk that anybody could read.
    terms = [
        one for one in equation.terms if abs(one.coefficient) * (one.high - one.low) > _NO_EFFECT
    ]
    if not terms:
        return None
    points = Points(equation)
    times: list[float | None] = [None]
    if equation.kind == "cox":
        times = [one.months for one in equation.baselines]
    rows = 1 + len(terms) + 1 + len(times)
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, _ROW_IN * (rows + 0.8)))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.27, 0.02, 0.70, 0.96))
        axes.set_axis_off()
        axes.set(xlim=(0, 100), ylim=(rows - 0.3, -0.8))
        _scale(axes, 0, "Points", [(at, str(at)) for at in range(0, 101, 10)])
        for row, term in enumerate(terms, 1):
            span = abs(term.coefficient) * (term.high - term.low) / points.unit
            _scale(axes, row, _name(term), _marks(points, term), span)
        _totals(axes, points, len(terms) + 1, times)
    what = f"the probability of {outcome.event}"
    caption = (
        f"Nomogram of {model.name}. Read the points above each value, add them up, and read "
        f"{what} below the total. Values were scaled to the range seen in training; it says "
        "nothing about patients outside it."
    )
    name = f"{slug(outcome.name)}-{slug(model.name)}-nomogram"
    return Drawing(name, f"Nomogram: {model.name}", caption, figure)


def _name(term: Term) -> str:
    """Print a variable and its unit."""
    label = with_unit(term.label or column_label(term.name), term.unit)
    return "\n".join(textwrap.wrap(clip(label, 2 * _LETTERS - 4), _LETTERS))


def _marks(points: Points, term: Term) -> list[tuple[float, str]]:
    """Place the values of a variable on the scale of points."""
    if term.levels:
        pairs = [(float(at), clip(word, 16)) for at, word in enumerate(term.levels)]
    else:
        ticks = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(term.low, term.high)
        pairs = [(float(value), f"{value:g}".replace("-", "−")) for value in ticks]
    inside = [(value, word) for value, word in pairs if term.low <= value <= term.high]
    ends = [(term.low, f"{term.low:.3g}"), (term.high, f"{term.high:.3g}")]
    return [(points.of(term, value), word) for value, word in (inside if len(inside) > 1 else ends)]


def _totals(axes: Axes, points: Points, row: int, times: list[float | None]) -> None:
    """Draw the total and the risks below it."""
    most = points.most
    stretch = 100.0 / most
    ticks = MaxNLocator(10, integer=True).tick_values(0, most)
    marks = [(float(at) * stretch, f"{at:g}") for at in ticks if 0 <= at <= most + 1e-9]
    _scale(axes, row, "Total points", marks)
    equation = points.equation
    for at, time in enumerate(times, row + 1):
        label = "Risk" if time is None else f"Risk by {months(time)} months"
        found = [(points.total(equation.linear_at(r, time)), r) for r in _risks(points, time)]
        marks = [(t * stretch, f"{r:.4g}") for t, r in found if 0 <= t <= most]
        if not marks:
            _name_row(axes, at, label)
            same = f"{equation.risk_at(points.lowest, time):.3g} throughout"
            axes.text(0, at, same, fontsize=7, va="center")
            continue
        _scale(axes, at, label, marks)


def _risks(points: Points, time: float | None) -> list[float]:
    """Choose the probabilities to mark: the usual ones, or finer ones where few are in reach.

    >>> from hepacast.report.content import Equation, Term
    >>> weak = Equation(kind="logistic", terms=(Term(name="a", coefficient=0.1, low=0, high=1),))
    >>> _risks(Points(weak), None)
    [0.5, 0.505, 0.51, 0.515, 0.52]
    """
    low, high = (
        points.equation.risk_at(points.lowest + share * points.most * points.unit, time)
        for share in (0, 1)
    )
    usual = [risk for risk in _RISKS if low <= risk <= high]
    if len(usual) > 1 or high - low < _NO_EFFECT:
        return usual
    finer = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [round(float(risk), 9) for risk in finer if 0 < risk < 1 and low <= risk <= high]


def _scale(
    axes: Axes, row: int, label: str, marks: list[tuple[float, str]], span: float | None = None
) -> None:
    """Draw one scale: a line, ticks, numbers that do not run into one another."""
    _name_row(axes, row, label)
    places = [at for at, _ in marks] if span is None else [0.0, span]
    axes.plot([min(places), max(places)], [row, row], color="#1D232C", lw=0.9)
    last = -100.0
    marks = sorted(marks)
    for at, word in marks:
        axes.plot([at, at], [row, row - 0.14], color="#1D232C", lw=0.8)
        # About one percent of the scale per letter and a gap; what does not fit keeps its tick.
        room = 1.05 * len(word) + 1.0
        if at - last >= room:
            axes.text(at, row - 0.2, word, ha="center", va="bottom", fontsize=6.8)
            last = at
    if span is not None and last < marks[-1][0]:
        # Without the name of its far end a short scale cannot be read: that stands beside it.
        axes.text(span + 0.8, row, marks[-1][1], ha="left", va="center", fontsize=6.8)


def _name_row(axes: Axes, row: int, label: str) -> None:
    """Write what a scale is about to its left."""
    axes.annotate(
        label, (0, row), (-10, 0), textcoords="offset points", ha="right", va="center",
        fontsize=7.4, annotation_clip=False,
    )  # fmt: skip
