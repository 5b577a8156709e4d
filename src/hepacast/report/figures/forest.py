# SPDX-License-Identifier: Apache-2.0
"""Forest plots: models side by side, coefficients, subgroups, truth beside estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from hepacast.report.figures.pick import batches
from hepacast.report.figures.style import COLOURS, DOUBLE_IN, REST, Drawing, clip, styled
from hepacast.report.wording import SCOPES, column_label, decimals, number, slug, with_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from hepacast.report.content import Coefficient, Estimate, Model, OutcomeReport

_MARKS = {"apparent": "o", "out-of-fold": "s", "corrected": "v", "internal": "D", "external": "^"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a forest plot.

    Parameters
    ----------
    label : str
        Left column.
    middle : str
        Second column: counts, or what the numbers are.
    estimate : Estimate or None
        What is drawn and printed at the right.
    mark : str
        Marker of matplotlib.
    solid : bool
        False draws a hollow mark: not to be taken at face value.
    """

    label: str
    middle: str
    estimate: Estimate | None
    mark: str = "s"
    solid: bool = True


_NOISE = 1e-9
MOST_LINES = 36
"""Lines of a forest plot: more would be taller than a page."""


def draw_all_models(outcome: OutcomeReport) -> list[Drawing]:
    """Draw every model in every set of patients, in as many figures as they need."""
    longest = max((len(one.evaluations) for one in outcome.models), default=1) or 1
    most = max(1, MOST_LINES // longest)
    found = [
        draw_models(outcome.model_copy(update={"models": models}), part)
        for part, models in enumerate(batches(outcome.models, most), 1)
    ]
    return [one for one in found if one is not None]


def draw_models(outcome: OutcomeReport, part: int = 1) -> Drawing | None:
    """Draw models in every set of patients; apparent values are hollow and grey.

    Parameters
    ----------
    outcome : OutcomeReport
        All of its models are drawn.
    part : int
        Number of the figure, where the models of an outcome take several.
    """
    lines: list[tuple[str, Line]] = []
    for model in outcome.models:
        for seen in model.evaluations:
            first = not lines or lines[-1][0] != model.name
            middle = f"{SCOPES[seen.scope]}, n = {seen.n}"
            mark, solid = _MARKS[seen.scope], seen.scope != "apparent"
            label = clip(model.name, 27) if first else ""
            lines.append((model.name, Line(label, middle, seen.discrimination, mark, solid)))
    if not lines:
        return None
    measure = next(seen.measure for model in outcome.models for seen in model.evaluations)
    figure = _forest([entry for _, entry in lines], f"{measure} (95 % interval)", reference=0.5)
    caption = (
        f"Discrimination of every model for {outcome.phrase}. Filled: "
        "cases the model had not seen; hollow: the cases it learned from (apparent), whose "
        "distance to the filled mark is optimism. Dotted: no better than chance. Models stand in "
        "the study file's order; they are not ranked."
    )
    name = f"{slug(outcome.name)}-models{f'-{part}' * (part > 1)}"
    return Drawing(name, "All models", caption, figure)


def draw_coefficients(outcome: OutcomeReport, model: Model, most: int = 20) -> Drawing | None:
    """Draw the effects of a model's columns, or return None if it has none with intervals."""
    rows = [one for one in model.coefficients if one.estimate is not None][:most]
    # Weights that are rounding noise have no scale to be drawn on; the table has them.
    if not any(abs(_value(one)) > _NOISE for one in rows):
        return None
    ratio = "ratio" in rows[0].effect
    lines = [
        Line(
            clip(column_label(one.name), 38),
            f"{100 * one.selected:.0f} %" if one.selected else "",
            one.estimate,
        )
        for one in rows
    ]
    figure = _forest(
        lines,
        rows[0].effect or "weight",
        reference=1 if ratio else 0,
        digits=2 if ratio else 3,
        scale="log" if ratio else "linear",
    )
    caption = (
        f"Columns of {model.name} and their effects ({rows[0].effect or 'weights'}); "
        "second column: share of the folds that chose the column."
    )
    name = f"{slug(outcome.name)}-{slug(model.name)}-coefficients"
    return Drawing(name, f"Coefficients: {model.name}", caption, figure)


def _value(coefficient: Coefficient) -> float:
    """Return an effect, 0 where it has no number."""
    found = coefficient.estimate
    return found.value or 0.0 if found is not None else 0.0


def draw_subgroups(outcome: OutcomeReport, model: Model) -> Drawing | None:
    """Draw discrimination by subgroup, or return None if there are none."""
    if not model.subgroups:
        return None
    seen = model.honest
    lines = [
        Line(clip(f"{one.variable}: {one.level}", 38), f"{one.events}/{one.n}", one.estimate)
        for one in model.subgroups
    ]
    if seen is not None:
        lines.insert(0, Line("All", f"{seen.events}/{seen.n}", seen.discrimination, "D"))
    measure = seen.measure if seen is not None else "AUC"
    figure = _forest(lines, f"{measure} (95 % interval)", reference=0.5)
    caption = f"Discrimination of {model.name} by subgroup; second column: events / cases."
    name = f"{slug(outcome.name)}-{slug(model.name)}-subgroups"
    return Drawing(name, f"Subgroups: {model.name}", caption, figure)


def draw_truth(outcome: OutcomeReport) -> Drawing | None:
    """Draw what a phantom's maker knows beside what was found."""
    if not outcome.truth:
        return None
    lines = [
        Line(clip(one.name, 40), f"true {number(one.true)}", one.estimate) for one in outcome.truth
    ]
    figure = _forest(lines, "Estimate (95 % interval)", marks=[one.true for one in outcome.truth])
    caption = "Estimates (squares, 95 % interval) and the truth the phantom was made with (×)."
    return Drawing(f"{slug(outcome.name)}-truth", "Truth beside estimate", caption, figure)


def _forest(
    lines: Sequence[Line],
    label: str,
    *,
    reference: float | None = None,
    scale: Literal["linear", "log"] = "linear",
    marks: Sequence[float | None] = (),
    digits: int = 2,
) -> Figure:
    """Draw lines from top to bottom, words left and numbers right of the axis."""
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, 0.62 + 0.215 * len(lines)))
        words, axes, values = figure.subplots(1, 3, sharey=True, width_ratios=[3.2, 3.3, 1.25])
        for row, entry in enumerate(lines):
            words.text(0, row, entry.label, va="center", fontsize=7.6)
            words.text(1, row, entry.middle, va="center", ha="right", fontsize=7, color="#444B57")
            shown = with_interval(entry.estimate, decimals(entry.estimate, digits))
            values.text(0, row, shown, va="center", fontsize=7.4)
            _mark(axes, row, entry)
        for row, truth in enumerate(marks):
            axes.plot(
                truth if truth is not None else [],
                row if truth is not None else [],
                "x",
                ms=7,
                mew=1.8,
                color=COLOURS[1],
            )
        for side in (words, values):
            side.set_axis_off()
            side.set_xlim(0, 1)
        _axis(axes, reference, scale, label)
        if scale == "linear":
            # Effects per unit may be small: few ticks leave room for many decimals.
            # Only now, since to set a scale sets its locator.
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_ylim(len(lines) - 0.4, -0.6)
    return figure


def _axis(axes: Axes, reference: float | None, scale: str, label: str) -> None:
    """Set scale, reference line and label of the middle axis."""
    if reference is not None:
        axes.axvline(reference, color=REST, lw=0.9, ls=(0, (1.2, 1.2)), zorder=0.9)
    axes.set_xscale(scale)
    if scale == "log":
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        low, high = axes.get_xlim()
        choice = (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100)
        axes.set_xticks([tick for tick in choice if low <= tick <= high] or [1])
    axes.set_xlabel(label)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.grid(axis="x", color="#E7E9ED", lw=0.6)
    axes.set_axisbelow(True)


def _mark(axes: Axes, row: int, entry: Line) -> None:
    """Draw one estimate with its interval."""
    found = entry.estimate
    if found is None or found.value is None:
        return
    colour = COLOURS[0] if entry.solid else REST
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [row, row], color=colour, lw=1.4)
    face = colour if entry.solid else "white"
    axes.plot(found.value, row, entry.mark, color=colour, mfc=face, ms=5.5, mew=1.2)
