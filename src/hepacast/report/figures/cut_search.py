# SPDX-License-Identifier: Apache-2.0
"""How a cut-off was found: the statistic at every cut, or at every pair of cuts (X-tile)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hepacast.report.figures.style import COLOURS, HIGH, SINGLE_IN, Drawing, canvas, styled
from hepacast.report.wording import number, p_equals

if TYPE_CHECKING:
    from hepacast.stats.cutpoints import CutSearch, TwoCutSearch


def draw_cut_search(search: CutSearch, name: str, title: str = "Search for a cut-off") -> Drawing:
    """Draw the statistic over the cut-offs that were tried.

    Parameters
    ----------
    search : CutSearch
        What :func:`~hepacast.stats.cutpoints.xtile` or
        :func:`~hepacast.stats.cutpoints.maximally_selected` found.
    name : str
        File name without ending.
    title : str
        Short heading.
    """
    with styled():
        figure, axes = canvas(height_in=2.4)
        axes.plot(search.candidates, search.statistics, color=COLOURS[0])
        axes.axvline(search.cutoff, color=HIGH, lw=1.2)
        axes.annotate(
            f"{number(search.cutoff, 3)}",
            (search.cutoff, 0),
            (3, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=HIGH,
            fontsize=7.4,
        )
        axes.set(xlabel="Cut-off", ylabel="Test statistic", ylim=(0, None))
    caption = (
        f"Statistic at each of {len(search.candidates)} cut-offs; the best is "
        f"{number(search.cutoff, 3)}. P {p_equals(search.p)} corrected for the search "
        f"({search.method}); P {p_equals(search.p_naive)} without correction is too small."
    )
    return Drawing(name, title, caption, figure)


def draw_xtile_map(search: TwoCutSearch, name: str, title: str = "X-tile map") -> Drawing:
    """Draw the statistic of every pair of cut-offs as a map.

    Parameters
    ----------
    search : TwoCutSearch
        What :func:`~hepacast.stats.cutpoints.xtile_three` found.
    name : str
        File name without ending.
    title : str
        Short heading.
    """
    shown = np.where(search.map > 0, search.map, np.nan).T
    with styled():
        figure = Figure(figsize=(SINGLE_IN, 3.1))
        axes = figure.add_subplot()
        grid = np.asarray(search.candidates, float)
        # Cividis is told apart with any colour vision, and in grey.
        mesh = axes.pcolormesh(grid, grid, shown, cmap="cividis", shading="nearest")
        mesh.set_rasterized(True)
        axes.plot(search.low, search.high, "o", ms=7, mfc="none", mec=HIGH, mew=1.6, clip_on=False)
        axes.set(xlabel="Lower cut-off", ylabel="Upper cut-off")
        figure.colorbar(mesh, ax=axes, label="Log-rank chi-squared", shrink=0.9)
    caption = (
        f"Log-rank chi-squared of three groups at every pair of cut-offs; circle: the best pair, "
        f"{number(search.low, 3)} and {number(search.high, 3)}. P {p_equals(search.p)} by "
        f"{search.permutations} permutations; P {p_equals(search.p_naive)} without correction is "
        "too small."
    )
    return Drawing(name, title, caption, figure)
