# SPDX-License-Identifier: Apache-2.0
"""All phases of a case on the grid of one, where the study asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import GeometryError, NotEstimableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.params import Params
from hepacast.core.volume import Volume
from hepacast.imaging.register import (
    RigidParams,
    register_rigid,
    require_closer,
    shared_information,
)
from hepacast.imaging.resample import resample_to
from hepacast.io.ants import AntsParams, register_with_ants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.events import Listener
    from hepacast.core.volume import Region

_CT_WINDOW = (-150.0, 300.0)
_CT_AIR = -500.0


class AlignParams(Params):
    """Which phase the others are moved to, and how.

    Every other phase is interpolated once, on the voxels of this one, and measured in
    the regions that were drawn on it.
    """

    to: str
    """Phase that stays where it is; its masks are used on all phases."""
    around: str | None = None
    """Region whose neighbourhood is compared; the organ by default."""
    refused: Literal["fail", "keep"] = "fail"
    """What becomes of a case whose phases cannot be brought closer: it leaves the study, or
    the phase is used where the scanner put it."""
    rigid: RigidParams = RigidParams()
    """Settings of the search; a CT without a window is compared from -150 to 300 HU."""
    ants: AntsParams | None = None
    """Leave the search to ANTs, in an interpreter that has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """One phase before and after.

    Parameters
    ----------
    before : Volume
        On the fixed grid, where the scanner put it.
    after : Volume
        On the fixed grid, moved.
    information : (float, float)
        Mutual information with the fixed phase before and after, nats; more is better.
    motion : str
        How far it moved, in words.
    """

    before: Volume
    after: Volume
    information: tuple[float, float]
    motion: str

    def describe(self) -> str:
        """Say it in one line."""
        before, after = self.information
        return f"{self.motion}; mutual information {before:.3f} before, {after:.3f} after"


def align(
    images: Mapping[str, Volume],
    regions: Mapping[str, Region],
    around: Region | None,
    params: AlignParams,
    *,
    on_event: Listener = ignore,
) -> dict[str, Aligned]:
    """Move every phase but one onto the grid of that one.

    Parameters
    ----------
    images : mapping of phase to Volume
        All phases of a case, the fixed one among them.
    regions : mapping of str to Region
        On the fixed grid; each must be covered by every moved image.
    around : Region or None
        On the fixed grid; only its neighbourhood counts.
    params : AlignParams
        Settings.
    on_event : callable
        Told of a registration that was refused, where the study keeps such phases.

    Returns
    -------
    dict of phase to Aligned
        Without the fixed phase.

    Raises
    ------
    NotEstimableError
        If a phase cannot be brought closer.
    GeometryError
        If the fixed phase is absent, or a moved image does not cover a region.
    """
    if params.to not in images:
        raise GeometryError(
            what=f"phases can be moved to {params.to!r} only where a case has it",
            got=", ".join(map(repr, images)),
            fix="Leave the case out, or name a phase that every case has in cases.register.to.",
        )
    fixed = images[params.to]
    found = {}
    for phase, moving in images.items():
        if phase == params.to:
            continue
        try:
            found[phase] = _one(fixed, moving, around, params)
        except NotEstimableError as error:
            if params.refused == "fail":
                raise error.at(phase=phase) from None
            on_event(Noticed(phase, f"not registered, used as it lies: {error.got}"))
            still = _covering(moving, fixed)
            found[phase] = Aligned(still, still, (0.0, 0.0), "not registered")
        found[phase] = _filled(found[phase], moving, regions, phase)
    return found


def _one(fixed: Volume, moving: Volume, around: Region | None, params: AlignParams) -> Aligned:
    """Register one phase; the image that decides is the one that is measured."""
    settings = params.rigid
    if settings.window is None and min(fixed.data.min(), moving.data.min()) < _CT_AIR:
        settings = settings.model_copy(update={"window": _CT_WINDOW})
    before = _covering(moving, fixed)
    if params.ants is not None:
        moved = register_with_ants(fixed, moving, params.ants, around=around)
        information = (
            shared_information(fixed, before, settings, around=around),
            shared_information(fixed, moved, settings, around=around),
        )
        motion = f"{params.ants.transform} by ANTs"
        require_closer(*information, motion)
        return Aligned(before, moved, information, motion)
    rigid = register_rigid(fixed, moving, settings, around=around)
    after = rigid.move(moving, fixed.grid, outside=np.nan)
    centre = fixed.grid.to_world((np.array(fixed.grid.shape) - 1) / 2)
    if around is not None:
        centre = around.grid.to_world(np.argwhere(around.mask).mean(axis=0))
    shift = float(np.linalg.norm(rigid.points(centre[None]) - centre))
    motion = f"{shift:.1f} mm and {rigid.angle_deg:.1f} degrees"
    return Aligned(before, after, (rigid.metric_before, rigid.metric_after), motion)


def _covering(moving: Volume, fixed: Volume) -> Volume:
    """Interpolate on the fixed grid; NaN where the image does not reach."""
    return resample_to(moving, fixed.grid, "linear", outside=np.nan)


def _solid(volume: Volume, like: Volume) -> Volume:
    """Replace what an image does not cover by its darkest value."""
    floor = float(like.data.min())
    return Volume(np.nan_to_num(volume.data, nan=floor), volume.grid)


def _filled(one: Aligned, moving: Volume, regions: Mapping[str, Region], phase: str) -> Aligned:
    """Refuse an image that ends inside a region; elsewhere fill what it does not cover."""
    for name, region in regions.items():
        gaps = int(np.count_nonzero(~np.isfinite(one.after.data[region.mask])))
        if gaps:
            raise GeometryError(
                what=f"every phase must cover {name} after registration",
                got=f"{gaps} of {region.size} voxels outside the scan",
                fix="Leave this phase of the case out: the scan was too short.",
            ).at(phase=phase, region=name)
    before, after = _solid(one.before, moving), _solid(one.after, moving)
    return Aligned(before, after, one.information, one.motion)
