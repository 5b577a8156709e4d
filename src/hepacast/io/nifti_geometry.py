# SPDX-License-Identifier: Apache-2.0
"""Where the voxels of a NIfTI file sit: quaternion, matrix and spacing must agree.

Source: NIfTI-1.1 header, https://nifti.nimh.nih.gov (nifti1.h, methods 1 to 3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError
from hepacast.core.events import Listener, Noticed
from hepacast.core.geometry import Grid

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.io.options import ReadOptions

_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 1e-3}
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI points to the right, the front and the head; DICOM to the left, the back and the head."""


def grid_of(
    header: np.void,
    shape: tuple[int, int, int],
    options: ReadOptions,
    source: str,
    on_event: Listener,
) -> Grid:
    """Read the grid of a header, and refuse two geometries or none.

    Parameters
    ----------
    header : structured scalar
        NIfTI-1 or -2.
    shape : tuple of int
        Of the voxels, (k, j, i).
    options : ReadOptions
        May hold the spacing of a file that has none.
    source : str
        For notices.
    on_event : callable
        Told when position and orientation are unknown.

    Raises
    ------
    GeometryError
        If qform, sform and pixdim disagree, or there is no geometry.
    """
    unit = _UNITS_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    candidates = {}
    if header["qform_code"] > 0:
        candidates["qform"] = _qform(header)
    if header["sform_code"] > 0:
        candidates["sform"] = np.vstack([header["srow"].astype(np.float64), [0, 0, 0, 1]])
    grids = {
        name: Grid.from_affine(_to_kji(np.diag([unit, unit, unit, 1.0]) @ affine), shape)
        for name, affine in candidates.items()
    }
    if not grids:
        return _bare_grid(header, shape, options, unit, source, on_event)
    if len(grids) == 2:
        _require_agreement(grids["qform"], grids["sform"])
    grid = grids.get("sform", grids.get("qform"))
    assert grid is not None  # noqa: S101 - one of the two is present
    sizes = np.abs(header["pixdim"][3:0:-1].astype(np.float64)) * unit
    if "qform" not in grids and not np.allclose(sizes, grid.spacing, rtol=0.01):
        raise GeometryError(
            what="pixdim and sform must give one spacing",
            got=f"pixdim_kji={tuple(sizes.tolist())} mm, sform {grid.describe()}",
            fix="Find out which is true and export the image again.",
        )
    return grid


def _require_agreement(qform: Grid, sform: Grid) -> None:
    if qform.distance_mm(sform) > max(0.05 * min(sform.spacing), 0.01):
        raise GeometryError(
            what="qform and sform must give one geometry",
            got=f"qform {qform.describe()}, sform {sform.describe()}",
            fix="Find out which is true and export the image again.",
        )


def _bare_grid(
    header: np.void,
    shape: tuple[int, int, int],
    options: ReadOptions,
    unit: float,
    source: str,
    on_event: Listener,
) -> Grid:
    k, j, i = (abs(float(n)) * unit for n in header["pixdim"][3:0:-1])
    if options.spacing_mm is None and (k, j, i) in {(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)}:
        raise GeometryError(
            what="an image must say where it is (qform or sform)",
            got="neither, and a spacing of 1 mm that may be a default",
            fix="Export it with its geometry, or declare its spacing in the study file.",
        )
    on_event(Noticed(source, "no qform or sform: position and orientation are unknown"))
    return Grid(shape, options.spacing_mm or (k, j, i))


def _to_kji(ras: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """Turn an (i, j, k) to RAS matrix into a (k, j, i) to LPS matrix."""
    lps: Float[np.ndarray, "4 4"] = (RAS_TO_LPS @ ras)[:, [2, 1, 0, 3]]
    return lps


def _qform(header: np.void) -> Float[np.ndarray, "4 4"]:
    b, c, d = header["quatern"].astype(np.float64)
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    sizes = header["pixdim"].astype(np.float64)
    steps = np.abs(sizes[1:4]) * np.array([1.0, 1.0, -1.0 if sizes[0] < 0 else 1.0])
    affine = np.eye(4)
    affine[:3, :3] = rotation * steps
    affine[:3, 3] = header["qoffset"]
    return affine
