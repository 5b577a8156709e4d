# SPDX-License-Identifier: Apache-2.0
"""Maps that a run left beside its results: what a network looked at, features voxel by voxel."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.volume import Volume
from hepacast.io.nifti import load_nifti
from hepacast.serve.web.results import case_id

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {"saliency": "Saliency", "maps": "Feature"}
"""Folders below the results, and what their maps show; a folder per case in each."""
_FOLDER = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_SUFFIX = ".nii.gz"


@dataclass(frozen=True, slots=True)
class Overlay:
    """One map of one case.

    Parameters
    ----------
    name : str
        For the list that a reader chooses from.
    caption : str
        What must be said about it; empty where nobody wrote a ``.json`` beside it.
    path : Path
        NIfTI, on a grid of its own.
    """

    name: str
    caption: str
    path: Path


def folder_of(case: str) -> str:
    """Name a case's folder: its id, or a digest where the id is no plain word.

    Examples
    --------
    >>> folder_of("P001"), folder_of("../etc")
    ('P001', 'f7f9121fdb53d8de')
    """
    return case if _FOLDER.fullmatch(case) else case_id(case)


def overlays_of(results: Path, case: str) -> list[Overlay]:
    """List the maps of a case, saliency first.

    Parameters
    ----------
    results : Path
        Folder of the run: ``saliency/<case>/*.nii.gz`` and ``maps/<case>/*.nii.gz``.
    case : str
        Case id.
    """
    return [
        Overlay(f"{word}: {path.name.removesuffix(_SUFFIX)}", _caption(path), path)
        for place, word in PLACES.items()
        for path in sorted((results / place / folder_of(case)).glob(f"*{_SUFFIX}"))
    ]


def _caption(path: Path) -> str:
    """Read what was written about a map; a file that cannot be read says nothing."""
    beside = path.with_name(path.name.removesuffix(_SUFFIX) + ".json")
    try:
        return str(json.loads(beside.read_text(encoding="utf-8"))["caption"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def read_overlay(one: Overlay) -> tuple[Volume, tuple[float, float]]:
    """Read a map, and where its colours begin and end.

    Returns
    -------
    volume : Volume
        Voxels without a value hold the lower end, which is not drawn.
    ends : tuple of float
        Lower end: 0 where the smallest value is 0, otherwise just below the smallest.
        Upper end: the 99th percentile of what lies above it.

    Raises
    ------
    HepacastError
        If the file is damaged.
    """
    voxels = load_nifti(one.path)
    data = np.asarray(voxels.data, dtype=np.float32)
    known = data[np.isfinite(data)]
    if not known.size:
        return Volume(np.zeros_like(data), voxels.grid), (0.0, 1.0)
    least, most = float(known.min()), float(known.max())
    low = 0.0 if least == 0 else least - max((most - least) / 100, math.ulp(abs(least)) * 1e6)
    high = float(np.percentile(known[known > low], 99)) if most > low else low + 1.0
    filled = np.where(np.isfinite(data), data, np.float32(low))
    return Volume(filled, voxels.grid), (low, max(high, low + 1e-12))
