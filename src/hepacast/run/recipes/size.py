# SPDX-License-Identifier: Apache-2.0
"""How large a recipe is: the paper's pictures, networks and tables, or a share of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_PATIENTS = 12
"""Of a centre, however small the share of the patients."""


@dataclass(frozen=True, slots=True)
class Size:
    """On what, and how large.

    Parameters
    ----------
    tables : bool
        On ready-made feature tables instead of images; no network learns then.
    share : float
        1 is the paper's: columns of tables; sides of pictures, channels, updates of networks, and
        filtered images. Less takes a share of them, and never less than makes sense.
    patients : float
        Share of the paper's patients that a synthetic cohort has.

    Examples
    --------
    >>> Size(patients=0.1).of((222, 40))
    (22, 12)
    """

    tables: bool = False
    share: float = 1.0
    patients: float = 1.0

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        for name in ("share", "patients"):
            if not 0 < getattr(self, name) <= 1:
                raise StudyError(
                    what=f"{name} of the paper's size lies above 0 and at most at 1",
                    got=str(getattr(self, name)),
                    fix="Give a share: 0.1 for a tenth.",
                )

    def of(self, centres: tuple[int, ...]) -> tuple[int, ...]:
        """Return the patients of every centre of a synthetic cohort."""
        return tuple(
            min(count, max(LEAST_PATIENTS, round(self.patients * count))) for count in centres
        )

    def scaled(self, full: int, least: int, *, whole: int = 1) -> int:
        """Return a share of a number: a multiple of ``whole``, at least ``least``."""
        return min(full, max(least, whole * round(self.share * full / whole)))


def values_of(name: str, size: Size) -> Mapping[str, str]:
    """Return the sizes that stand in a recipe's study file.

    Parameters
    ----------
    name : str
        The recipe: how a network learns differs from paper to paper.
    size : Size
        The paper's, or a share of it.
    """
    # Plain descent at a small step needs all of its updates; fewer of them need a faster one.
    few = f"steps: {size.scaled(200, 20)}, batch: 32, optimiser: adam, learning_rate: 0.001"
    copies = "noise_copies: true, augment: {shear_degrees: 10}"
    loops = {
        "cemri-resection": ("steps: 200, batch: 64, look_every: 5", few),
        "cect-progression": (
            f"epochs: 50, batch: 64, optimiser: adam, {copies}",
            f"{few}, {copies}",
        ),
    }
    full, part = loops.get(name, ("", ""))
    unet = f"epochs: {size.scaled(60, 3)}, batch: 8, optimiser: adam, learning_rate: 0.001"
    numbers = {
        "side": size.scaled(256, 32, whole=16),
        "slice": size.scaled(128, 64, whole=64),
        "box": size.scaled(64, 32, whole=16),
        "picture": size.scaled(224, 32, whole=16),
        "base": size.scaled(32, 4),
        "teachers": max(8, round(60 * size.patients)),
    }
    texts = {key: str(number) for key, number in numbers.items()}
    return {**texts, "loop": f"{{{full if size.share >= 1 else part}}}", "unet": f"{{{unet}}}"}
