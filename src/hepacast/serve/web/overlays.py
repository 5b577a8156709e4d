# SPDX-License-Identifier: Apache-2.0
"""Maps that a run left beside its results: what a network looked at, features voxel by voxel."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from glob import escape
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.volume import Volume
from hepacast.io.nifti import load_nifti
from hepacast.run.content.look_pages import FOLDER, file_name

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIX = ".nii.gz"


@dataclass(frozen=True, slots=True)
class Overlay:
    """One map of one case.

    Parameters
    ----------
    name : str
        For the list that a reader chooses from.
    caption : str
        What must be said about it; empty for features.
    path : Path
        NIfTI, on a grid of its own.
    """

    name: str
    caption: str
    path: Path


def overlays_of(results: Path, case: str) -> list[Overlay]:
    """List the maps of a case, those of networks first.

    Parameters
    ----------
    results : Path
        Folder of the run. ``maps/<network>/<case>.nii.gz`` with a ``.json`` beside it is
        what a network looked at; ``maps/<case>/<feature>.nii.gz`` without one is a feature.
    case : str
        Case id; in names of files as a run writes it.
    """
    name = file_name(case)
    networks = sorted((results / FOLDER).glob(f"*/{escape(name)}{_SUFFIX}"))
    features = sorted((results / FOLDER / name).glob(f"*{_SUFFIX}"))
    return [
        Overlay(f"Network: {path.parent.name}", _caption(path), path)
        for path in networks
        if _beside(path).is_file()
    ] + [
        Overlay(f"Feature: {path.name.removesuffix(_SUFFIX)}", "", path)
        for path in features
        if not _beside(path).is_file()
    ]


def _beside(path: Path) -> Path:
    """Name the file that says what a network's map is."""
    return path.with_name(path.name.removesuffix(_SUFFIX) + ".json")


def _caption(path: Path) -> str:
    """Read what was written about a map; a file that cannot be read says nothing."""
    try:
        return str(json.loads(_beside(path).read_text(encoding="utf-8"))["caption"])
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
