# SPDX-License-Identifier: Apache-2.0
"""Registration by ANTs, in an interpreter of its own that the user names.

ANTs is never imported here: it brings its own copy of ITK, which must not share a
process with another one.  It reads and writes NIfTI files in a temporary folder.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeInt, PositiveFloat

from hepacast.core.errors import HepacastError, NotEstimableError
from hepacast.core.params import Params
from hepacast.core.volume import Volume
from hepacast.io.nifti import read_nifti, write_nifti

if TYPE_CHECKING:
    from hepacast.core.volume import Region

# A point outside the scan becomes this value, so that gaps can be told from tissue.
_NOWHERE = -32000.0
_CODE = """
import sys
import ants

fixed, moving, mask, kind, seed, nowhere, out = sys.argv[1:]
still, other = ants.image_read(fixed), ants.image_read(moving)
inside = ants.image_read(mask) if mask else None
found = ants.registration(
    fixed=still, moving=other, type_of_transform=kind, mask=inside, random_seed=int(seed)
)
moved = ants.apply_transforms(
    fixed=still, moving=other, transformlist=found["fwdtransforms"],
    interpolator="linear", defaultvalue=float(nowhere),
)
ants.image_write(moved, out)
"""


class AntsParams(Params):
    """Where ANTs is, and what it shall do."""

    interpreter: str
    """Path of a Python interpreter that has the package ``antspyx``."""
    transform: Literal["Rigid", "Affine", "SyN"] = "Rigid"
    """Motion that is allowed; ``SyN`` bends the image and is not refused for large motions."""
    seed: NonNegativeInt = 20240229
    """Of the voxels that are sampled."""
    minutes: PositiveFloat = 20.0
    """A registration that takes longer is stopped, minutes."""


class ProgramError(HepacastError, RuntimeError):
    """A program that the study file names could not do its work."""


def register_with_ants(
    fixed: Volume, moving: Volume, params: AntsParams, *, around: Region | None = None
) -> Volume:
    """Move an image onto the grid of another.

    Parameters
    ----------
    fixed, moving : Volume
        Two phases of one case.
    params : AntsParams
        Interpreter and kind of motion.
    around : Region or None
        On the fixed grid; only its voxels are compared.

    Returns
    -------
    Volume
        The moving image on the fixed grid; NaN where it does not reach.

    Raises
    ------
    ProgramError
        If the interpreter is not there, or has no ANTs.
    NotEstimableError
        If ANTs fails or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="hepacast-ants-") as name:
        folder = Path(name)
        files = {key: folder / f"{key}.nii" for key in ("fixed", "moving", "mask", "moved")}
        write_nifti(fixed, files["fixed"])
        write_nifti(moving, files["moving"])
        if around is not None:
            write_nifti(around, files["mask"])
        _call(params, files, masked=around is not None)
        moved = read_nifti(files["moved"])
    moved.grid.require_same(fixed.grid, what="the image that ANTs moved and the fixed one")
    return _with_gaps(moved, fixed)


def _with_gaps(moved: Volume, fixed: Volume) -> Volume:
    # Interpolated against the value of nowhere, the rim is neither tissue nor gap.
    gaps = moved.data < _NOWHERE / 8
    return Volume(np.where(gaps, np.float32(np.nan), moved.data), fixed.grid)


def _call(params: AntsParams, files: dict[str, Path], *, masked: bool) -> None:
    """Run the program and explain why it could not."""
    arguments = [
        str(files["fixed"]), str(files["moving"]), str(files["mask"]) if masked else "",
        params.transform, str(params.seed), str(_NOWHERE), str(files["moved"]),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [params.interpreter, "-c", _CODE, *arguments],
            capture_output=True, text=True, check=False, timeout=60 * params.minutes,
        )  # fmt: skip
    except OSError as error:
        raise ProgramError(
            what="cases.register.ants.interpreter must be a Python interpreter",
            got=f"{params.interpreter}: {error.strerror or type(error).__name__}",
            fix="Make one: python -m venv ants && ants/bin/pip install antspyx.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NotEstimableError(
            what="ANTs must finish in time",
            got=f"more than {params.minutes:g} minutes",
            fix="Allow more minutes, or use the built-in registration.",
        ) from error
    last = (done.stderr.strip().splitlines() or ["no message"])[-1][:160]
    if "No module named 'ants'" in last:
        raise ProgramError(
            what="the interpreter of cases.register.ants must have ANTs",
            got=f"{params.interpreter} without it",
            fix=f"Install it there: {params.interpreter} -m pip install antspyx.",
        )
    if done.returncode or not files["moved"].is_file():
        raise NotEstimableError(
            what="ANTs must register the images",
            got=f"exit code {done.returncode}: {last}",
            fix="Use the built-in registration, or leave this phase of the case out.",
        )
