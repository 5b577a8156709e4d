# SPDX-License-Identifier: Apache-2.0
"""Pieces of images as a network reads them: arrays, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError, ImageFileError, TableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Bool, Float32, Int


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Pictures of one size, in any number per case, without any outcome.

    Parameters
    ----------
    pixels : (item, channel, [k,] j, i) float32
        Scaled intensities; the channels of a phase (its slices) lie side by side.
    cases : (item,) tuple of str
        Case of every picture.
    phases : tuple of str
        Phases in the order of the channels.
    present : (item, phase) bool
        False where a phase was not taken; all there by default.

    Raises
    ------
    GeometryError
        If the parts do not describe the same pictures, or the channels are no multiple of the
        phases.
    ImageFileError
        If an intensity is not a number.

    Examples
    --------
    >>> crops = Crops(np.zeros((3, 2, 8, 8), np.float32), ("a", "a", "b"), ("AP", "PVP"))
    >>> crops.of(["b"]).pixels.shape, crops.channels_of("PVP")
    ((1, 2, 8, 8), slice(1, 2, None))
    """

    pixels: Float32[np.ndarray, "item channel *space"]
    cases: tuple[str, ...]
    phases: tuple[str, ...] = ("-",)
    present: Bool[np.ndarray, "item phase"] = field(default_factory=lambda: np.zeros((0, 0), bool))

    def __post_init__(self) -> None:
        """Check that all parts describe the same pictures."""
        if self.present.size == 0:
            shape = len(self.cases), len(self.phases)
            object.__setattr__(self, "present", np.ones(shape, dtype=bool))
        shapes = (len(self.cases), len(self.phases)), self.present.shape
        fits = shapes[0] == shapes[1] and len(self.pixels) == len(self.cases)
        if not fits or self.pixels.ndim not in {4, 5} or self.pixels.shape[1] % len(self.phases):
            raise GeometryError(
                what="crops are (item, channel, [k,] j, i), with as many channels in every phase",
                got=f"pixels {self.pixels.shape}, {len(self.cases)} cases, phases {self.phases}, "
                f"present {self.present.shape}",
                fix="Cut every case with the same settings.",
            )
        wrong = ~np.isfinite(self.pixels).all(axis=tuple(range(1, self.pixels.ndim)))
        if wrong.any():
            raise ImageFileError(
                what="intensities must be finite numbers",
                got=f"{int(wrong.sum())} crops with NaN or infinity",
                fix="Read the image again, or leave the case out.",
            ).at(case=self.cases[int(np.flatnonzero(wrong)[0])])

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def channels_per_phase(self) -> int:
        """Slices of one phase."""
        return int(self.pixels.shape[1]) // len(self.phases)

    def channels_of(self, phase: str) -> slice:
        """Return the channels of one phase."""
        at, width = self.phases.index(phase), self.channels_per_phase
        return slice(at * width, (at + 1) * width)

    def rows_of(self, cases: Iterable[str]) -> Int[np.ndarray, " item"]:
        """Return the positions of all pictures of some cases, in the order of the cases.

        Raises
        ------
        TableError
            If a case has no picture.
        """
        at: dict[str, list[int]] = {}
        for row, case in enumerate(self.cases):
            at.setdefault(case, []).append(row)
        wanted = tuple(cases)
        if missing := [case for case in wanted if case not in at]:
            raise TableError(
                what="every case needs a picture for the network",
                got=f"none for {len(missing)} of {len(wanted)}, the first is {missing[0]!r}",
                fix="Cut the images of all cases, or leave those cases out with a reason.",
            )
        return np.array([row for case in wanted for row in at[case]], dtype=np.int64)

    def of(self, cases: Iterable[str]) -> Crops:
        """Return the pictures of some cases, in the order of the cases."""
        rows = self.rows_of(cases)
        return Crops(
            self.pixels[rows],
            tuple(self.cases[row] for row in rows),
            self.phases,
            self.present[rows],
        )
