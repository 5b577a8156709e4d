# SPDX-License-Identifier: Apache-2.0
"""Size and shape of the cohorts of the five papers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.phantom.sheet import Block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.phantom.params import Modality, Phase


@dataclass(frozen=True, slots=True)
class Shape:
    """Size and shape of a paper's cohort.

    Parameters
    ----------
    centres : tuple of int
        Patients of every centre.
    blocks : mapping of str to Block
        Feature tables, for a study on tables.
    reread : int
        Patients who were read twice.
    modality : {"ct", "mr", "ceus"}
        Images, for a study on images.
    phases : tuple of str
        Their phases; the portal one is always among them. Ultrasound has its own.
    """

    centres: tuple[int, ...]
    blocks: Mapping[str, Block]
    reread: int = 0
    modality: Modality = "ct"
    phases: tuple[Phase, ...] = ("arterial", "portal", "delayed")


_SIX = ("tumour", "liver", "core5", "ext3", "ext5", "ext10")
RECIPES: Mapping[str, Shape] = {
    "ceus-resection": Shape(
        (414,),
        {"dlr": Block(("greyscale", "ceus"), ("tumour",), 5635, 0.005)},
        60,
        "ceus",
    ),
    "cemri-resection": Shape(
        (165,),
        {
            "rad": Block(("AP", "PVP", "DP"), ("tumour",), 1037),
            "deep": Block(("AP", "PVP", "DP"), ("tumour",), 128, 0.05, 0.5, "resnet10"),
        },
        40,
        "mr",
    ),
    "cect-dsfr": Shape(
        (180, 28),
        {"dsfr": Block(("AP", "PP"), ("tumour",), 992, 0.05, 0.5, "unet")},
        phases=("arterial", "portal"),
    ),
    "cect-progression": Shape(
        (120, 80, 60, 40, 32),
        {"deep": Block(("PP",), ("tumour",), 128, 0.1, 0.6, "resnet")},
        phases=("portal",),
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
