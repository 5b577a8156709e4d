# SPDX-License-Identifier: Apache-2.0
"""Segmentation programs that the user has installed: run as they are, on copies without names.

The programs and their weights are the user's, under their own licences, in
whatever environment they need.  They get the image under a neutral name in an
empty folder, and give back a mask; nothing of them is imported.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import PositiveInt

from hepacast.core.errors import HepacastError
from hepacast.core.params import Params
from hepacast.core.registry import Registry
from hepacast.io.nifti import read_mask, write_nifti

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.core.volume import Region, Volume

_CASE = "case"
_LIMIT_S = 4 * 3600


class ProgramError(HepacastError, RuntimeError):
    """A program that the user installed could not do its work."""


@dataclass(frozen=True, slots=True)
class Call:
    """How a program is called, and where its mask will be.

    Parameters
    ----------
    command : tuple of str
        Program and arguments; no shell reads them.
    mask : str
        Pattern of the file in the output folder.
    label : int or None
        Value of the region in it; ``None`` for a mask of zeros and ones.
    """

    command: tuple[str, ...]
    mask: str
    label: int | None = None


class _Adapter(Protocol):
    def __call__(self, params: Any, images: Path, out: Path) -> Call: ...  # noqa: ANN401


PROGRAMS: Registry[_Adapter] = Registry("segmentation programs")
"""Every program, by the kind of its settings: ``PROGRAMS[params](params, images, out)``."""


class TotalSegmentatorParams(Params):
    """TotalSegmentator 2 (Wasserthal 2023, Radiol Artif Intell 5:e230024)."""

    kind: Literal["totalsegmentator"] = "totalsegmentator"
    program: str = "TotalSegmentator"
    """Name on the path, or the whole path."""
    task: str = "total"
    """``total``, ``total_mr``, ``liver_lesions``, ``liver_lesions_mr`` and so on; some need a
    licence of theirs."""
    structure: str = "liver"
    """Name of the structure, which is the name of its file."""
    fast: bool = False
    """Their 3 mm model."""
    device: Literal["cpu", "gpu", "mps"] = "cpu"


class NnunetParams(Params):
    """nnU-Net 2 with a folder of the user's own model (Isensee 2021, Nat Methods 18:203)."""

    kind: Literal["nnunet"] = "nnunet"
    program: str = "nnUNetv2_predict_from_modelfolder"
    model: str
    """Folder that holds ``fold_0`` and so on."""
    folds: tuple[str, ...] = ("0", "1", "2", "3", "4")
    label: PositiveInt = 1
    """Value of the region in its masks."""
    device: Literal["cpu", "cuda", "mps"] = "cpu"


class BundleParams(Params):
    """A MONAI bundle of the user's; its configuration is a program and is run as one."""

    kind: Literal["monai-bundle"] = "monai-bundle"
    program: str = "python"
    """Interpreter of the environment in which MONAI is installed."""
    bundle: str
    """Folder of the bundle."""
    config: str = "configs/inference.json"
    label: PositiveInt = 1
    """Value of the region in its masks."""


@PROGRAMS.register(TotalSegmentatorParams)
def _totalsegmentator(params: TotalSegmentatorParams, images: Path, out: Path) -> Call:
    image = images / f"{_CASE}_0000.nii.gz"
    command = [params.program, "-i", str(image), "-o", str(out), "--task", params.task]
    if params.task in {"total", "total_mr"}:
        command += ["--roi_subset", params.structure]
    command += ["--device", params.device, *(["--fast"] if params.fast else [])]
    return Call(tuple(command), f"{params.structure}.nii.gz")


@PROGRAMS.register(NnunetParams)
def _nnunet(params: NnunetParams, images: Path, out: Path) -> Call:
    command = (params.program, "-i", str(images), "-o", str(out), "-m", params.model)
    rest = ("-f", *params.folds, "-device", params.device, "--disable_progress_bar")
    return Call(command + rest, f"{_CASE}.nii.gz", params.label)


@PROGRAMS.register(BundleParams)
def _bundle(params: BundleParams, images: Path, out: Path) -> Call:
    root = Path(params.bundle)
    command = (
        params.program, "-m", "monai.bundle", "run",
        "--bundle_root", str(root), "--config_file", str(root / params.config),
        "--dataset_dir", str(images), "--output_dir", str(out),
    )  # fmt: skip
    return Call(command, "**/*.nii.gz", params.label)


def run_program(
    params: Params, phases: Sequence[Volume], name: str, *, limit_s: float = _LIMIT_S
) -> Region:
    """Let an installed program draw a region.

    Parameters
    ----------
    params : TotalSegmentatorParams, NnunetParams or BundleParams
        Which program, and how.
    phases : sequence of Volume
        On one grid, in the order that the program expects.
    name : str
        Of the region.
    limit_s : float
        After this the program is stopped, seconds.

    Returns
    -------
    Region
        On the grid of the first phase.

    Raises
    ------
    ProgramError
        If the program is not installed, fails, takes too long, or leaves no mask.
    GeometryError
        If its mask lies on another grid.
    EmptyRegionError
        If it found nothing.
    """
    for phase in phases[1:]:
        phases[0].grid.require_same(phase.grid, what="the phases of a case")
    with tempfile.TemporaryDirectory(prefix="hepacast-segment-") as folder:
        images, out = Path(folder) / "images", Path(folder) / "out"
        images.mkdir()
        out.mkdir()
        for n, phase in enumerate(phases):
            write_nifti(phase, images / f"{_CASE}_{n:04d}.nii.gz")
        call = PROGRAMS[params](params, images, out)
        _run(call.command, limit_s)
        masks = sorted(out.glob(call.mask))
        if len(masks) != 1:
            raise ProgramError(
                what=f"{call.command[0]} must leave one mask ({call.mask})",
                got=f"{len(masks)} of {', '.join(p.name for p in out.rglob('*')) or 'no files'}",
                fix="Check the name of the structure, and what the program says by hand.",
            )
        return read_mask(masks[0], phases[0].grid, call.label, name=name)


def _run(command: tuple[str, ...], limit_s: float) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise ProgramError(
            what="a segmentation program must be installed",
            got=f"no program {command[0]!r} on the path",
            fix="Install it in an environment of its own, and give its whole path as program.",
        )
    try:
        done = subprocess.run(  # noqa: S603 - the user named the program; no shell reads it
            [program, *command[1:]], capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramError(
            what=f"{command[0]} must end within {limit_s:.0f} s",
            got="no end",
            fix="Use its fast model or a GPU, or give it more time.",
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ProgramError(
            what=f"{command[0]} must end well",
            got=f"exit code {done.returncode}: {' | '.join(said[-3:]) or 'no message'}",
            fix="Run it by hand on one image first.",
        )
