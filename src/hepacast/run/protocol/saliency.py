# SPDX-License-Identifier: Apache-2.0
"""What a network looked at in one case: the map on the image, its shares, a file and a picture."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.volume import Region, Volume
from hepacast.deep.require import require
from hepacast.deep.saliency import MassShares, mass_shares, on_grid
from hepacast.io.nifti import write_nifti
from hepacast.io.store import write_atomic
from hepacast.regions.shells import ring

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from hepacast.core.geometry import Grid
    from hepacast.core.params import Params
    from hepacast.deep.attribution import SaliencyMap, Target
    from hepacast.run.protocol.looks import Look


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A case as a network saw it.

    Parameters
    ----------
    x : (1, channel, ...) tensor
        The network's input.
    crop : Grid
        Where it lies in the patient.
    image : Volume
        The original image.
    tumour : Region
        On the grid of the image.
    """

    x: torch.Tensor
    crop: Grid
    image: Volume
    tumour: Region


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the pictures of a case lie.

    Parameters
    ----------
    crops : tuple of Grid
        Of every picture, in the order in which the network read them.
    image : Volume
        The original image.
    tumour : Region
        On the grid of the image.
    """

    crops: tuple[Grid, ...]
    image: Volume
    tumour: Region


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A map on the grid of the image.

    Parameters
    ----------
    volume : Volume
        Raw map; 0 outside the pictures.
    picture : Region
        What the network saw.
    shares : MassShares or None
        Of tumour, ring and rest; None for a blank map.
    said : str
        Method, target, layer and resolution, and the value of an empty image.
    unit : str
        Of the raw map.
    """

    volume: Volume
    picture: Region
    shares: MassShares | None
    said: str
    unit: str

    @property
    def blank(self) -> bool:
        """Nothing raised the target."""
        return self.shares is None

    def caption(self) -> str:
        """Say what the map is, and where its mass lies."""
        mass = self.shares.sentence() if self.shares else "no mass to divide"
        return f"{self.said}. {mass}."


def explain_case(
    network: torch.nn.Module,
    seen: Seen,
    target: Target,
    params: Params | None = None,
    *,
    ring_mm: float = 10.0,
) -> Explained:
    """Explain a case, and bring the map to its image.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is.
    seen : Seen
        Input, place, image and tumour.
    target : Target
        What is explained.
    params : GradCamParams or ScoreCamParams
        How; Grad-CAM by default.
    ring_mm : float
        Width of the ring whose share is told, mm.
    """
    attribution = require("hepacast.deep.attribution")
    found: SaliencyMap = attribution.explain(network, seen.x, target, params)
    place = Place((seen.crop,), seen.image, seen.tumour)
    unit = f"{found.method} of {found.target}, raw"
    return _placed([found.values], place, found.caption(), unit, ring_mm)


def place_maps(look: Look, place: Place, *, ring_mm: float = 10.0) -> Explained:
    """Bring the maps of all pictures of a case to its image.

    Parameters
    ----------
    look : Look
        Maps at the resolution of the layer.
    place : Place
        Where the pictures lie.
    ring_mm : float
        Width of the ring whose share is told, mm.
    """
    maps = [_interpolated(cells, grid) for cells, grid in zip(look.cells, place.crops, strict=True)]
    size = " x ".join(map(str, look.cells[0].shape))
    many = f" on each of {len(maps)} slices" if len(maps) > 1 else ""
    said = (
        f"{look.method} of {look.target} at {look.layer} ({size} cells{many}); image "
        f"{np.mean(look.score):.3f}, empty image {np.mean(look.baseline):.3f}"
    )
    unit = f"{look.method} of {look.target}, raw"
    return _placed(maps, place, "; ".join([said, *look.notes]), unit, ring_mm)


def _interpolated(cells: np.ndarray, grid: Grid) -> np.ndarray:
    """Bring a map from the cells of its layer to the pixels of the picture."""
    torch = require("torch")
    flat = cells.ndim == 2
    found: np.ndarray = (
        torch.nn.functional.interpolate(
            torch.from_numpy(np.array(cells))[None, None],
            size=grid.shape[1:] if flat else grid.shape,
            mode="bilinear" if flat else "trilinear",
            align_corners=False,
        )[0, 0]
        .numpy()
        .astype(np.float32)
    )
    return found


def _placed(
    maps: Sequence[np.ndarray], place: Place, said: str, unit: str, ring_mm: float
) -> Explained:
    """Add the maps of all pictures on the grid of the image, and divide their mass."""
    grid = place.image.grid
    total = np.zeros(grid.shape, np.float32)
    inside = np.zeros(grid.shape, dtype=bool)
    for values, crop in zip(maps, place.crops, strict=True):
        total += on_grid(values, crop, grid).data
        inside |= on_grid(np.ones(values.shape), crop, grid).data > 0
    volume, picture = Volume(total, grid), Region(inside, grid, "picture")
    try:
        shares = mass_shares(volume, place.tumour, ring(place.tumour, ring_mm), picture)
    except NotEstimableError:
        shares = None
    return Explained(volume, picture, shares, said, unit)


def write_explained(
    found: Explained, seen: Seen | Place, folder: Path, stem: str
) -> dict[str, Path]:
    """Write the raw map (NIfTI), its overlay (PNG) and what must be said about it (JSON).

    Parameters
    ----------
    found : Explained
        Map and shares.
    seen : Seen or Place
        Image and tumour.
    folder : Path
        Made if missing.
    stem : str
        Name of the files without suffix.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / f"{stem}.{kind}" for kind in ("nii.gz", "png", "json")}
    write_nifti(found.volume, files["nii.gz"])
    write_atomic(files["png"], draw_overlay(found, seen))
    record = {
        "caption": found.caption(),
        "blank": found.blank,
        "shares": asdict(found.shares) if found.shares else None,
        "unit": found.unit,
    }
    write_atomic(files["json"], json.dumps(record, indent=1))
    return files


def draw_overlay(found: Explained, seen: Seen | Place) -> bytes:
    """Draw image, tumour outline and map on the slice with most tumour, as PNG.

    Parameters
    ----------
    found : Explained
        Map and shares.
    seen : Seen or Place
        Image and tumour.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    from hepacast.report.figures.style import readable  # noqa: PLC0415 - slow to import

    k = int(seen.tumour.mask.sum(axis=(1, 2)).argmax())
    box = found.picture.mask[k]
    _, height, width = seen.image.grid.spacing
    low, high = _window(seen.image.data[k], box)
    top = float(found.volume.data.max())
    with readable():
        figure = Figure(figsize=(7.05, 3.2), layout="constrained")
        for axes, overlaid in zip(figure.subplots(1, 2), (False, True), strict=True):
            axes.imshow(seen.image.data[k], cmap="gray", vmin=low, vmax=high, aspect=height / width)
            if overlaid and top > 0:
                raw = found.volume.data[k]
                # Transparent where the map is weak, so that the image stays readable there.
                shown = axes.imshow(
                    raw, cmap="inferno", vmin=0, vmax=top, alpha=0.75 * raw / top,
                    aspect=height / width,
                )  # fmt: skip
                figure.colorbar(shown, ax=axes, shrink=0.7, label="raw map")
            if seen.tumour.mask[k].any():
                axes.contour(seen.tumour.mask[k], [0.5], colors="#56B4E9", linewidths=1.2)
            if box.any() and not box.all():
                axes.contour(box, [0.5], colors="#8A8F98", linewidths=0.8, linestyles="dashed")
            axes.set_axis_off()
        sides = seen.image.grid.axes
        if sides[2][0] < 0:
            for axes in figure.axes[:2]:
                axes.invert_xaxis()
        if sides[1][1] < 0:
            for axes in figure.axes[:2]:
                axes.invert_yaxis()
        figure.suptitle(_wrapped(found.caption()), fontsize=7)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


def _window(plane: np.ndarray, box: np.ndarray) -> tuple[float, float]:
    """Choose grey levels by what the network saw, with room for the tissue around it."""
    low, high = np.percentile(plane[box] if box.any() else plane, (1, 99))
    return float(low - (high - low)), float(high + (high - low) / 2)


def _wrapped(text: str, width: int = 110) -> str:
    import textwrap  # noqa: PLC0415 - only for pictures

    return "\n".join(textwrap.wrap(text, width))
