# SPDX-License-Identifier: Apache-2.0
"""The pictures by which a reader judges a case: outlines, regions, histogram, registration."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.volume import Volume
from hepacast.imaging.register import checkerboard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hepacast.core.volume import Region
    from hepacast.run.cases.load import Loaded
    from hepacast.run.parts.align import Aligned
    from hepacast.run.parts.film import Film

# Okabe and Ito's palette: told apart with any colour vision.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")

_PANEL = 2.6
"""Width of a panel, inches."""

CAPTIONS = {
    "regions": "Outlines of the regions on the slice where the smallest is largest.",
    "planes": "Regions in colour, in the three planes through the middle of the smallest.",
    "histogram": "Intensities in the regions; a region on the wrong tissue lies apart.",
    "registration": "Tiles of the fixed and the moved phase in turn: edges must run on across "
    "the tiles after registration.",
    "time-intensity": "Mean of the lesion over time, the fitted curve, and the frame of its peak.",
}
"""What is to be seen, and what a good one looks like, by picture."""


def draw_case(case: str, loaded: Loaded) -> dict[str, bytes]:
    """Draw all pictures of one case.

    Parameters
    ----------
    case : str
        Title of the pictures.
    loaded : Loaded
        Its images and regions.

    Returns
    -------
    dict of str to bytes
        PNG by name, the names of :data:`CAPTIONS`.
    """
    from hepacast.report.figures.style import readable  # noqa: PLC0415 - slow to import

    with readable():
        return _draw_case(case, loaded)


def _draw_case(case: str, loaded: Loaded) -> dict[str, bytes]:
    """Draw the pictures one after the other."""
    shown = {phase: (image, loaded.regions[phase]) for phase, image in loaded.images.items()}
    found = {"regions": draw_regions(case, shown)}
    if any(image.grid.shape[0] > 1 for image in loaded.images.values()):
        found["planes"] = draw_planes(case, shown)
    found["histogram"] = draw_histogram(case, shown)
    if loaded.aligned:
        fixed = next(phase for phase in loaded.images if phase not in loaded.aligned)
        found["registration"] = draw_registration(
            case, loaded.images[fixed], loaded.regions[fixed], loaded.aligned
        )
    if loaded.films:
        found["time-intensity"] = draw_films(case, loaded.films)
    return found


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
    figure, panels = _canvas(_heights(phases, 0), len(phases))
    for axes, (phase, (volume, regions)) in zip(panels[0], phases.items(), strict=True):
        at = int(_lesion(regions).mask.sum(axis=(1, 2)).argmax())
        _show(axes, volume, regions, 0, at)
        for name, colour in _colours(regions).items():
            outline = regions[name].mask[at]
            if outline.any() and not outline.all():
                axes.contour(outline, levels=[0.5], colors=[colour], linewidths=1.0)
        axes.set_title(phase, fontsize=9)
    return _finish(figure, case, next(iter(phases.values()))[1])


def draw_planes(case: str, phases: Mapping[str, tuple[Volume, Mapping[str, Region]]]) -> bytes:
    """Fill the regions with colour in the axial, coronal and sagittal plane of every phase."""
    solid = {p: pair for p, pair in phases.items() if pair[0].grid.shape[0] > 1}
    figure, panels = _canvas(_heights(solid, 0, 1, 2), len(solid))
    names = ("along k", "along j", "along i")
    for column, (phase, (volume, regions)) in enumerate(solid.items()):
        middle = np.argwhere(_lesion(regions).mask).mean(axis=0).round().astype(int)
        for axis in range(3):
            axes, at = panels[axis][column], int(middle[axis])
            _show(axes, volume, regions, axis, at)
            _fill(axes, {name: np.take(r.mask, at, axis) for name, r in regions.items()})
            if axis:
                axes.invert_yaxis()  # the head is up
            axes.set_title(f"{phase}, {names[axis]}", fontsize=8)
    return _finish(figure, case, next(iter(solid.values()))[1])


def draw_histogram(case: str, phases: Mapping[str, tuple[Volume, Mapping[str, Region]]]) -> bytes:
    """Draw the share of voxels per intensity of every region, phase by phase."""
    figure, panels = _canvas([2.0], len(phases), below=0.85)
    for axes, (phase, (volume, regions)) in zip(panels[0], phases.items(), strict=True):
        values = {name: volume.data[r.mask] for name, r in regions.items() if r.size}
        ends = [np.percentile(v, (1, 99)) for v in values.values()]
        edges = np.linspace(min(e[0] for e in ends), max(e[1] for e in ends) + 1e-6, 41)
        for name, colour in _colours(regions).items():
            if name in values:
                share = np.histogram(values[name], edges)[0] / values[name].size
                axes.stairs(share, edges, color=colour, linewidth=1.3)
        axes.set_title(phase, fontsize=9)
        axes.set_xlabel("intensity", fontsize=8)
        axes.set_yticks([])
        axes.tick_params(labelsize=7)
    return _finish(figure, case, next(iter(phases.values()))[1])


def draw_registration(
    case: str, fixed: Volume, regions: Mapping[str, Region], aligned: Mapping[str, Aligned]
) -> bytes:
    """Draw checkerboards of the fixed and every moved phase, before and after."""
    organ = _organ(regions)
    flat = fixed.grid.shape[0] == 1
    # Breathing moves the liver along k, which only a coronal plane shows.
    axis = 0 if flat else 1
    figure, panels = _canvas(2 * _heights({"": (fixed, regions)}, axis), len(aligned), below=0.1)
    at = int(organ.mask.sum(axis=tuple(n for n in range(3) if n != axis)).argmax())
    for column, (phase, one) in enumerate(aligned.items()):
        for row, (moved, word) in enumerate(((one.before, "before"), (one.after, "after"))):
            axes = panels[row][column]
            tiles = checkerboard(_levelled(fixed, organ), _levelled(moved, organ), 20.0)
            plane = np.take(tiles.data, at, axis)
            down, across = (s for n, s in enumerate(fixed.grid.spacing) if n != axis)
            axes.imshow(plane, cmap="gray", vmin=-7, vmax=7, aspect=down / across)
            if not flat:
                axes.invert_yaxis()
            axes.set_axis_off()
            axes.set_title(f"{phase}, {word}: MI {one.information[row]:.2f}", fontsize=8)
    return _finish(figure, case, {})


def _levelled(volume: Volume, organ: Region) -> Volume:
    """Scale by median and quartiles of the organ, so that two phases look alike in it."""
    low, middle, high = np.percentile(volume.data[organ.mask], (25, 50, 75))
    scaled = (volume.data - middle) / max(1.5 * float(high - low), 1e-6)
    return Volume(scaled.astype(np.float32), volume.grid)


def draw_films(case: str, films: Mapping[str, Film]) -> bytes:
    """Draw peak frame and time-intensity curve of every clip: the evidence for the frame."""
    figure, panels = _canvas([2.6] * len(films), 2, width=3.6, apart=0.25)
    for row, (phase, film) in enumerate(films.items()):
        axes, plot = panels[row]
        _show(axes, film.image, {film.lesion.name: film.lesion}, 0, 0, whole=True)
        axes.contour(film.lesion.mask[0], levels=[0.5], colors=[COLOURS[0]], linewidths=1.0)
        axes.set_title(f"{phase}, frame {film.perfusion.peak_frame}", fontsize=9)
        curve, seen = film.curve, film.perfusion
        plot.plot(curve.times_s[curve.kept], curve.values[curve.kept], ".", color="#999999", ms=3)
        gone = ~curve.kept
        plot.plot(curve.times_s[gone], curve.values[gone], "x", color="#D55E00", ms=3)
        plot.plot(curve.times_s[curve.kept], film.fitted, color="#0072B2", linewidth=1.4)
        plot.axvline(curve.times_s[seen.peak_frame], color="#000000", linewidth=0.8, ls="--")
        plot.set_xlabel("time, s", fontsize=8)
        plot.set_ylabel("mean grey level", fontsize=8)
        plot.set_title(
            f"peak {seen.peak:.0f}, {seen.time_to_peak_s:.1f} s after arrival, R² {seen.r2:.2f}",
            fontsize=8,
        )
        plot.tick_params(labelsize=7)
    return _finish(figure, case, {})


def _heights(phases: Mapping[str, tuple[Volume, Mapping[str, Region]]], *axes: int) -> list[float]:
    """Return the height of a panel of the usual width for the planes across some axes, inches."""
    found = []
    for axis in axes:
        ratios = [
            (sides[0] / sides[1])
            for image, _ in phases.values()
            for sides in [
                [
                    n * s
                    for at, (n, s) in enumerate(
                        zip(image.grid.shape, image.grid.spacing, strict=True)
                    )
                    if at != axis
                ]
            ]
        ]
        found.append(float(np.clip(max(ratios), 0.3, 1.4)) * _PANEL)
    return found


def _canvas(
    heights: list[float],
    columns: int,
    *,
    width: float = _PANEL,
    below: float = 0.45,
    apart: float = 0.06,
) -> tuple[Figure, Any]:
    """Open a figure with a grid of panels, with fixed margins: fitting them takes longer."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    title = 0.28
    across = width * columns
    down = sum(heights) + title * len(heights) + 0.3 + below
    figure = Figure(figsize=(across, down), dpi=90)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=0.15 / across, right=1 - 0.15 / across, bottom=below / down,
        top=1 - (0.3 + title) / down, wspace=apart,
        hspace=title * len(heights) / max(sum(heights), 0.1),
    )  # fmt: skip
    return figure, figure.subplots(
        len(heights), columns, squeeze=False, gridspec_kw={"height_ratios": heights}
    )


def _finish(figure: Figure, case: str, regions: Mapping[str, Region]) -> bytes:
    """Add title and legend, and print as PNG."""
    down = figure.get_figheight()
    figure.suptitle(case, fontsize=9, y=1 - 0.08 / down, va="top")
    if regions:
        axes = figure.axes[0]
        for name, colour in _colours(regions).items():
            axes.plot([], [], color=colour, label=name, linewidth=1.2)
        figure.legend(loc="lower center", ncols=min(len(regions), 4), fontsize=8, frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _colours(regions: Mapping[str, Region]) -> dict[str, str]:
    """Give every region its colour, the same in all pictures of a case."""
    return {name: COLOURS[at % len(COLOURS)] for at, name in enumerate(regions)}


def _lesion(regions: Mapping[str, Region]) -> Region:
    """Take the smallest region for the lesion; the middle of the liver may show none of it."""
    return min((r for r in regions.values() if r.size), key=lambda region: region.size)


def _organ(regions: Mapping[str, Region]) -> Region:
    """Take the largest region for the organ."""
    return max(regions.values(), key=lambda region: region.size)


def _show(
    axes: Axes,
    volume: Volume,
    regions: Mapping[str, Region],
    axis: int,
    at: int,
    *,
    whole: bool = False,
) -> None:
    """Show one plane in a window that fits it."""
    # A window on the largest region, as a reader would set it: air and bone may saturate.
    low, high = np.percentile(volume.data[_organ(regions).mask], [1, 99])
    low, high = low - (high - low), high + (high - low)
    if whole:
        low, high = float(volume.data.min()), float(volume.data.max())
    down, across = (s for n, s in enumerate(volume.grid.spacing) if n != axis)
    plane = np.take(volume.data, at, axis)
    axes.imshow(plane, cmap="gray", vmin=low, vmax=high, aspect=down / across)
    axes.set_axis_off()


def _fill(axes: Axes, planes: Mapping[str, np.ndarray]) -> None:
    """Lay colours over part of a plane, so that the image shines through.

    Where regions overlap the smallest is seen: a lesion lies inside its organ.
    """
    names = list(planes)
    layer = np.zeros((*planes[names[0]].shape, 4))
    for name in sorted(names, key=lambda one: -int(planes[one].sum())):
        colour = COLOURS[names.index(name) % len(COLOURS)]
        layer[planes[name]] = (*(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)), 0.4)
    axes.imshow(layer, aspect=axes.get_aspect())
