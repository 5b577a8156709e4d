# SPDX-License-Identifier: Apache-2.0
"""Write a recipe's study file, and synthetic tables of the paper's size and shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.io.store import write_atomic
from hepacast.phantom import PhantomParams
from hepacast.phantom.sheet import Block, write_sheets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shape:
    """Size and shape of a paper's cohort.

    Parameters
    ----------
    centres : tuple of int
        Patients of every centre.
    blocks : mapping of str to Block
        Feature tables.
    reread : int
        Patients who were read twice.
    """

    centres: tuple[int, ...]
    blocks: Mapping[str, Block]
    reread: int = 0


_SIX = ("tumour", "liver", "core5", "ext3", "ext5", "ext10")
RECIPES: Mapping[str, Shape] = {
    "ceus-resection": Shape(
        (414,), {"dlr": Block(("greyscale", "ceus"), ("tumour",), 5635, 0.005)}, 60
    ),
    "cemri-resection": Shape(
        (165,),
        {
            "rad": Block(("AP", "PVP", "DP"), ("tumour",), 1037),
            "deep": Block(("AP", "PVP", "DP"), ("tumour",), 128, 0.05, 0.5, "resnet10"),
        },
        40,
    ),
    "cect-dsfr": Shape(
        (180, 28), {"dsfr": Block(("AP", "PP"), ("tumour",), 992, 0.05, 0.5, "unet")}
    ),
    "cect-progression": Shape(
        (120, 80, 60, 40, 32), {"deep": Block(("PP",), ("tumour",), 128, 0.1, 0.6, "resnet")}
    ),
    "cect-ablation": Shape(
        (222, 40, 26),
        {
            "rad": Block(("A", "P", "D", "A-P", "D-P"), _SIX, 1510, 0.005),
            "deep": Block(("A", "P", "D"), _SIX, 512, 0.01, 0.5, "resnet18"),
        },
        70,
    ),
}
"""Every recipe by name, with the shape of its paper's cohort."""
SEED = 2025


def write_recipe(name: str, folder: Path, *, phantom: float | None = None) -> list[Path]:
    """Write a commented study file, and on demand a synthetic cohort to run it on.

    Parameters
    ----------
    name : str
        One of :data:`RECIPES`.
    folder : Path
        Must not hold a study.
    phantom : float, optional
        Share of the paper's columns to draw, 0 to 1; no cohort by default.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    StudyError
        If there is no such recipe, or a study in the folder already.
    """
    if name not in RECIPES:
        raise StudyError(
            what=f"a recipe is one of {', '.join(RECIPES)}",
            got=repr(name),
            fix="Choose one of these.",
        )
    target = folder / "study.yaml"
    if target.exists():
        raise StudyError(
            what="the folder must not hold a study yet", got=target.name, fix="Choose a new folder."
        ).at(folder=folder)
    text = (files("hepacast.run.recipes") / f"{name}.yaml").read_text(encoding="utf-8")
    if phantom is not None:
        text = text.replace(f"study: {{name: {name},", f"study: {{name: {name}, synthetic: true,")
        _write_phantom(RECIPES[name], folder, phantom)
    write_atomic(target, text)
    return sorted(path for path in folder.iterdir() if path.is_file())


def _write_phantom(shape: Shape, folder: Path, share: float) -> None:
    """Draw the cohort of one recipe with a share of its columns."""
    params = PhantomParams(patients=sum(shape.centres), seed=SEED)
    blocks = {
        name: replace(block, features=max(8, round(share * block.features)))
        for name, block in shape.blocks.items()
    }
    write_sheets(params, folder, blocks, shape.centres, reread=shape.reread)
