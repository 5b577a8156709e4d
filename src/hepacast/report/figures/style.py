# SPDX-License-Identifier: Apache-2.0
"""One look for all figures: widths, colours that all eyes tell apart, quiet axes.

Colours are those of Okabe and Ito (2008), "Color universal design"; line styles and
markers differ as well, so that a print in grey can be read.
"""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from hepacast.report.content import Numbers
    from hepacast.report.figures.hover import Hover

SINGLE_IN, DOUBLE_IN = 3.39, 7.05
"""Widths of one and two columns of a journal page (86 and 179 mm), inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LOW, HIGH, REST = COLOURS[0], COLOURS[1], "#8A8F98"
"""Low risk, high risk, and whatever is only there for comparison."""

_CJK = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "PingFang SC", "SimHei")


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A figure with the words that belong to it.

    Parameters
    ----------
    name : str
        File name without ending; unique within a report.
    title : str
        Short heading.
    caption : str
        What is shown and how it was made, as printed below the figure.
    figure : matplotlib.figure.Figure
        The figure, not tied to a window.
    hovers : tuple of Hover
        What a pointer can read from it.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    hovers: tuple[Hover, ...] = ()

    def _repr_html_(self) -> str:
        """Show the figure with its words in a notebook."""
        from html import escape  # noqa: PLC0415 - notebooks only

        from hepacast.report.figures.svg import inline_svg  # noqa: PLC0415 - svg imports this file

        return f"<figure>{inline_svg(self, self.name)}<p>{escape(self.caption)}</p></figure>"


def line(index: int) -> dict[str, Any]:
    """Return colour and dashes of the n-th curve; they repeat only after 24 curves.

    Examples
    --------
    >>> line(0)["color"]
    '#0072B2'
    """
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index % len(DASHES)]}


def _fonts() -> list[str]:
    """Name the fonts to lay text out with: one that is always there, then what the page may use."""
    present = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _CJK if name in present)]


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Draw inside with names that may hold any character.

    ``$`` is no formula there, and a glyph that no font of this machine has is no
    error: the text beside the picture has it.
    """
    look: Any = {"font.family": _fonts(), "text.parse_math": False}
    with mpl.rc_context(look), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from (current )?font")
        yield


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draw inside: the look is set on entry and what was there before is restored."""
    look: Any = {  # matplotlib spells the names of all settings out as a type
        "font.size": 8,
        "axes.titlesize": 8.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 8,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#444B57",
        "axes.labelcolor": "#1D232C",
        "xtick.color": "#444B57",
        "ytick.color": "#444B57",
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "legend.fontsize": 7.2,
        "legend.frameon": False,
        "legend.handlelength": 2.2,
        "lines.linewidth": 1.5,
        "lines.solid_capstyle": "butt",
        "axes.unicode_minus": True,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "hepacast",
        "pdf.fonttype": 42,
    }
    with readable(), mpl.rc_context(look):
        yield


@contextlib.contextmanager
def at_dpi(figure: Figure, dpi: float) -> Iterator[None]:
    """Print inside: the look and the resolution are set, and restored on leaving.

    A canvas that prints within draws once; ``Figure.savefig`` draws twice, which is only
    needed where it must find out how much of the page to keep.
    """
    before = figure.dpi
    try:
        with styled():
            figure.dpi = dpi
            yield
    finally:
        figure.dpi = before


def canvas(width_in: float = SINGLE_IN, height_in: float = 3.1) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes."""
    figure = Figure(figsize=(width_in, height_in))
    return figure, figure.add_subplot()


def floats(values: Numbers) -> np.ndarray:
    """Return the numbers of a curve as an array, NaN where there is none.

    Examples
    --------
    >>> floats((0.5, None))
    array([0.5, nan])
    """
    return np.array(values, dtype=np.float64)


def clip(text: str, length: int = 34) -> str:
    """Shorten a name for a figure, keeping both ends.

    Examples
    --------
    >>> clip("portal/tumour/wavelet-HHL/glszm/ZoneEntropy", 24)
    'portal/tumou…ZoneEntropy'
    """
    if len(text) <= length:
        return text
    head = (length - 1 + 1) // 2
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"


def unit_axis(axes: Axes, label: str, which: str = "x") -> None:
    """Give an axis the range 0 to 1 with five ticks."""
    ticks = [0, 0.25, 0.5, 0.75, 1]
    if which == "x":
        axes.set(xlim=(-0.015, 1.015), xlabel=label, xticks=ticks)
    else:
        axes.set(ylim=(-0.015, 1.015), ylabel=label, yticks=ticks)
