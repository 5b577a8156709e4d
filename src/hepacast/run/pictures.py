# SPDX-License-Identifier: Apache-2.0
"""Outlines of the regions on slices: the picture by which a reader judges a case."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from hepacast.core.volume import Region, Volume

# Okabe and Ito's palette: told apart with any colour vision.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")


def draw_regions(case: str, phases: Mapping[str, tuple[Volume, Mapping[str, Region]]]) -> bytes:
    """Draw every phase at the slice where the smallest region is largest, with all outlines.

    Parameters
    ----------
    case : str
        Title of the picture.
    phases : mapping of str to (Volume, mapping of str to Region)
        Image and regions of every phase.

    Returns
    -------
    bytes
        A PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    figure = Figure(figsize=(2.6 * len(phases), 2.9), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    panels = np.atleast_1d(figure.subplots(1, len(phases)))
    for axes, (phase, (volume, regions)) in zip(panels, phases.items(), strict=True):
        _draw_phase(axes, volume, regions)
        axes.set_title(phase, fontsize=9)
    figure.suptitle(case, fontsize=9)
    names = next(iter(phases.values()))[1]
    for name, colour in zip(names, COLOURS, strict=False):
        panels[0].plot([], [], color=colour, label=name, linewidth=1.2)
    figure.legend(loc="outside lower center", ncols=len(names), fontsize=8, frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _draw_phase(axes: Axes, volume: Volume, regions: Mapping[str, Region]) -> None:
    """Draw one slice in a window that fits it, outlines on top."""
    # The smallest region is the lesion; the middle of the liver may show none of it.
    lesion = min(regions.values(), key=lambda region: region.size)
    at = int(lesion.mask.sum(axis=(1, 2)).argmax())
    image = volume.data[at]
    # A window on the largest region, as a reader would set it: air and bone may saturate.
    organ = max(regions.values(), key=lambda region: region.size)
    low, high = np.percentile(volume.data[organ.mask], [1, 99])
    low, high = low - (high - low), high + (high - low)
    _, step_j, step_i = volume.grid.spacing
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect=step_j / step_i)
    for region, colour in zip(regions.values(), COLOURS, strict=False):
        outline = region.mask[at]
        if outline.any() and not outline.all():
            axes.contour(outline, levels=[0.5], colors=[colour], linewidths=1.0)
    axes.set_axis_off()
