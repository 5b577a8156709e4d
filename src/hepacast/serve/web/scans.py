# SPDX-License-Identifier: Apache-2.0
"""Images and regions of a case for the viewer, read with the settings of the study."""

from __future__ import annotations

import io
import tempfile
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from hepacast.imaging.resample import resample_to
from hepacast.io.nifti import write_nifti
from hepacast.run.cases.load import load_case
from hepacast.run.cases.measure import plan_cases
from hepacast.run.cases.pictures import COLOURS
from hepacast.run.gather import gather

if TYPE_CHECKING:
    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Region, Volume
    from hepacast.run.cases.load import Loaded
    from hepacast.run.cases.task import CaseTask
    from hepacast.table.fields import Field

KEPT = 2
"""Cases held in memory."""
WINDOWS = {"liver": (-45.0, 105.0), "soft tissue": (-150.0, 250.0), "bone": (-450.0, 1050.0)}
"""Lower and upper end of the usual windows of CT, HU."""

AIR_HU = -500.0


def colour(index: int) -> tuple[int, int, int]:
    """Return red, green and blue of the n-th region.

    Examples
    --------
    >>> colour(0)
    (230, 159, 0)
    """
    text = COLOURS[index % len(COLOURS)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@dataclass(slots=True)
class Scans:
    """Cases of a study, loaded when somebody looks at them.

    Parameters
    ----------
    tasks : dict of case to CaseTask
        From the study file.
    clinical : dict of case to dict of variable to str
        Cells of the clinical table that are not empty.
    baseline : dict of variable to str
        Variables that were known at baseline and may predict, as printed.
    """

    tasks: dict[str, CaseTask]
    clinical: dict[str, dict[str, str]] = field(default_factory=dict)
    baseline: dict[str, str] = field(default_factory=dict)
    _kept: OrderedDict[str, Loaded] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of_study(cls, study: Path, folder: Path) -> Scans:
        """Read a study file.

        Raises
        ------
        HepacastError
            If the study file or its tables must be mended.
        """
        materials = gather(study)
        table = materials.clinical
        cells = {
            case: {name: cell for name in table.variables if (cell := table.text.column(name)[row])}
            for row, case in enumerate(table.cases)
        }
        baseline = {name: _words(name, table.fields[name]) for name in materials.predictors}
        return cls({task.case: task for task in plan_cases(materials, folder)}, cells, baseline)

    def load(self, case: str) -> Loaded:
        """Read all images and regions of one case as they are measured.

        Raises
        ------
        HepacastError
            If the case cannot be measured.
        """
        with self._lock:
            if case not in self._kept:
                self._kept[case] = load_case(self.tasks[case])
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(case)
            return self._kept[case]


def _words(name: str, asked: Field) -> str:
    """Print a variable with its unit."""
    unit = f" ({asked.unit})" if asked.unit not in {None, "", "1"} else ""
    return f"{asked.label or name}{unit}"


def nifti_bytes(image: Volume | Region) -> bytes:
    """Write an image or a region as NIfTI for the browser, not compressed."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "image.nii"
        write_nifti(image, path)
        return path.read_bytes()


def region_numbers(loaded: Loaded) -> dict[str, int]:
    """Give every region, by name, the number of its colour in all phases."""
    names = dict.fromkeys(name for regions in loaded.regions.values() for name in regions)
    return {name: at for at, name in enumerate(names)}


def is_hounsfield(image: Volume) -> bool:
    """Guess whether intensities are HU: only there is air so far below zero."""
    return bool(image.data.min() < AIR_HU)


def default_window(image: Volume) -> tuple[float, float]:
    """Return the 2nd and 98th percentile of an image, or a little more if they are equal."""
    low, high = np.percentile(image.data, [2, 98]).tolist()
    return low, max(high, low + 1.0)


@dataclass(frozen=True, slots=True)
class Look:
    """How a plain slice is drawn.

    Parameters
    ----------
    window : tuple of float
        Intensities shown black and white.
    regions : tuple of (Region, int)
        Laid over the image, with the number that gives the colour.
    opacity : float
        Of the regions, 0 to 1.
    overlay : Volume or None
        A map on any grid.
    ends : tuple of float
        Where the map's colours begin and end; nothing is drawn at or below the first.
    strength : float
        Opacity of the map, 0 to 1.
    """

    window: tuple[float, float]
    regions: tuple[tuple[Region, int], ...] = ()
    opacity: float = 0.4
    overlay: Volume | None = None
    ends: tuple[float, float] = (0.0, 1.0)
    strength: float = 0.6


def slice_png(image: Volume, k: int, look: Look) -> bytes:
    """Draw one axial slice, for browsers without WebGL.

    Parameters
    ----------
    image : Volume
        The phase.
    k : int
        Slice; one outside is brought to the nearest.
    look : Look
        How.

    Returns
    -------
    bytes
        PNG, pixels square: the patient's right is on the left where the rows run so.
    """
    from PIL import Image  # noqa: PLC0415 - loads slowly

    k = min(max(k, 0), image.grid.shape[0] - 1)
    low, high = look.window
    grey = np.clip((image.data[k] - low) / (high - low), 0, 1) * 255
    shown = np.repeat(grey[:, :, None], 3, axis=2)
    for region, at in look.regions:
        mask = region.mask[k]
        shown[mask] = (1 - look.opacity) * shown[mask] + look.opacity * np.array(colour(at))
    if look.overlay is not None:
        _, rows, columns = image.grid.shape
        here = image.grid.crop((slice(k, k + 1), slice(0, rows), slice(0, columns)))
        _lay(shown, look, look.overlay, here)
    shown = _upright(shown, image)
    picture = Image.fromarray(np.round(shown).astype(np.uint8))
    _, dj, di = image.grid.spacing
    finest = min(dj, di) / max(1, 512 // max(picture.size))
    size = (round(picture.width * di / finest), round(picture.height * dj / finest))
    stream = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def _lay(shown: np.ndarray, look: Look, overlay: Volume, grid: Grid) -> None:
    """Lay a map over a slice, in place."""
    from matplotlib import colormaps  # noqa: PLC0415 - loads slowly

    low, high = look.ends
    here = resample_to(overlay, grid, "linear", outside=low).data[0]
    tints = colormaps["inferno"](np.clip((here - low) / (high - low), 0, 1))[..., :3] * 255
    drawn = here > low
    shown[drawn] = (1 - look.strength) * shown[drawn] + look.strength * tints[drawn]


def _upright(shown: np.ndarray, image: Volume) -> np.ndarray:
    """Turn rows and columns so that the patient's right is left and the front is up."""
    _, along_j, along_i = image.grid.axes
    if along_j[1] < 0:
        shown = shown[::-1]
    if along_i[0] < 0:
        shown = shown[:, ::-1]
    return np.ascontiguousarray(shown)
