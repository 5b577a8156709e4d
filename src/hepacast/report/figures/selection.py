# SPDX-License-Identifier: Apache-2.0
"""How columns were chosen: the funnel of steps, and how often each column came through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, NullFormatter

from hepacast.report.figures.style import COLOURS, SINGLE_IN, Drawing, canvas, clip, styled
from hepacast.report.wording import column_label, slug, with_range

if TYPE_CHECKING:
    from hepacast.report.content import Model, OutcomeReport, Spread


def draw_funnel(outcome: OutcomeReport, model: Model) -> Drawing | None:
    """Draw the number of columns after each step, with its range over the folds.

    Returns
    -------
    Drawing or None
        None where no step let a column go.
    """
    if not model.funnel:
        return None
    names = ["candidates", *(step.step for step in model.funnel)]
    counts = [model.funnel[0].columns_in, *(step.columns_out for step in model.funnel)]
    if all(spread == counts[0] for spread in counts):
        return None
    with styled():
        figure, axes = canvas(SINGLE_IN, 0.75 + 0.27 * len(names))
        for row, spread in enumerate(counts):
            mean = spread.mean or 0
            axes.barh(row, max(mean, 0.5), left=0.5, height=0.62, color=COLOURS[0], alpha=0.75)
            if spread.low is not None and spread.high is not None and spread.low != spread.high:
                axes.plot([max(spread.low, 0.5), spread.high], [row, row], color="#1D232C", lw=1)
            # Beside the axes: at the end of a long bar a count would take the scale's place.
            axes.annotate(
                with_range(spread), (1, row), (4, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="center", fontsize=7.2, annotation_clip=False,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(0.5, 1.15 * _most(counts))
        axes.set_xticks(_decades(_most(counts)))
        axes.tick_params("x", labelsize=6.8)
        axes.set_yticks(range(len(names)), [clip(name, 22) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel("Columns (log scale), mean over folds")
    caption = f"Columns that remain after each step of {model.name}; lines: range over the folds."
    name = f"{slug(outcome.name)}-{slug(model.name)}-funnel"
    return Drawing(name, f"Selection: {model.name}", caption, figure)


def _most(counts: list[Spread]) -> float:
    """Return the largest count of any fold."""
    return float(max(max(one.mean or 1.0, one.high or 1.0) for one in counts))


def _decades(top: float) -> list[int]:
    """List the powers of ten up to a count, at most three of them.

    >>> _decades(500), _decades(30200), _decades(0.2)
    ([1, 10, 100], [1, 100, 10000], [1])
    """
    all_of_them = [10**at for at in range(12) if 10**at <= max(1.0, top)]
    return all_of_them[:: -(-len(all_of_them) // 3)]


def draw_frequency(outcome: OutcomeReport, model: Model, most: int = 20) -> Drawing | None:
    """Draw the share of the folds that chose a column, for the most frequent ones.

    Returns
    -------
    Drawing or None
        None where nothing was chosen: no shares are known, or every fold took every column.
    """
    pairs = [(one.name, one.selected) for one in model.coefficients if one.selected is not None]
    pairs = sorted(pairs, key=lambda pair: -pair[1])[:most]
    if not pairs or pairs[-1][1] >= 1:
        return None
    with styled():
        figure, axes = canvas(SINGLE_IN, 0.7 + 0.185 * len(pairs))
        axes.barh(range(len(pairs)), [100 * share for _, share in pairs], 0.66, color=COLOURS[0])
        axes.set_yticks(
            range(len(pairs)), [clip(column_label(name), 32) for name, _ in pairs], fontsize=6.6
        )
        axes.set_ylim(len(pairs) - 0.4, -0.6)
        axes.set(xlim=(0, 100), xlabel="Chosen in folds, %")
    caption = (
        f"How often the folds of {model.name} chose each column. Columns that are chosen in few "
        "folds depend on who happened to be in the training part."
    )
    name = f"{slug(outcome.name)}-{slug(model.name)}-frequency"
    return Drawing(name, f"Selection frequency: {model.name}", caption, figure)
