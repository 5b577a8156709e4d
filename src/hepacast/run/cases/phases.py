# SPDX-License-Identifier: Apache-2.0
"""Which contrast phase an image shows, by its header and by its vessels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.imaging.phases import (
    PHASES,
    Phase,
    Proposal,
    propose_from_delay,
    propose_from_description,
    remark_liver,
    remark_phases,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.volume import Region, Volume
    from hepacast.io.dicom.sort import Series
    from hepacast.run.settings.case import CasesParams

_CT_AIR = -500.0
_CODED: dict[str, Phase] = {
    "PRE_CONTRAST": "native",
    "ARTERIAL": "arterial",
    "PORTAL_VENOUS": "portal",
    "DELAYED": "delayed",
    "STEADY_STATE": "hepatobiliary",
}
"""Values of ContrastBolusAgentPhase (DICOM PS3.3 C.8.17.12), as de-identification writes them."""
_PLAUSIBLE_S = (5.0, 2400.0)


def propose_phase(series: Series) -> Proposal:
    """Propose the contrast phase of a DICOM series.

    Parameters
    ----------
    series : Series
        Its headers.

    Returns
    -------
    Proposal
        From the coded phase, else the description, else the time since the injection;
        ``None`` where nothing speaks for one.

    Notes
    -----
    The time of the injection is trusted last: many scanners write the time of the image
    in its place, which is why delays below 5 s and above 40 min say nothing.
    """
    head = series.first
    if head.contrast_phase in _CODED:
        return Proposal(_CODED[head.contrast_phase], f"coded as {head.contrast_phase}")
    words = propose_from_description(head.description, head.modality)
    if words.phase is not None:
        return words
    if head.contrast_time is not None and series.time is not None and series.parts == 1:
        delay = series.time - head.contrast_time
        if _PLAUSIBLE_S[0] <= delay <= _PLAUSIBLE_S[1]:
            return propose_from_delay(delay, head.modality)
    return words


def contrast_of(phase: str, cases: CasesParams) -> Phase | None:
    """Tell the contrast phase that a name of the case table stands for, if it says so."""
    if phase in cases.contrast:
        return cases.contrast[phase]
    known = next((one for one in PHASES if one == phase.lower()), None)
    return known or propose_from_description(phase).phase


def remark_header(phase: str, series: Series, cases: CasesParams) -> tuple[str, ...]:
    """Remark on a series whose header speaks for another phase than the case table."""
    declared, proposal = contrast_of(phase, cases), propose_phase(series)
    if declared is None or proposal.phase is None or proposal.phase == declared:
        return ()
    return (f"declared {declared}, but the header speaks for {proposal.phase}: {proposal.reason}",)


def remark_enhancement(
    images: Mapping[str, Volume],
    organs: Mapping[str, Region],
    vessels: Mapping[str, tuple[Region, Region]],
    cases: CasesParams,
) -> tuple[str, ...]:
    """Remark on phases whose vessels or liver enhance in another order than declared; CT only.

    Parameters
    ----------
    images : mapping of phase to Volume
        All phases of a case, on their own grids.
    organs : mapping of phase to Region
        Liver, where there is one.
    vessels : mapping of phase to (Region, Region)
        Aorta and portal vein, where both are drawn.
    cases : CasesParams
        What the names of the phases stand for.
    """
    declared = {
        phase: contrast
        for phase, image in images.items()
        if (contrast := contrast_of(phase, cases)) is not None and image.data.min() < _CT_AIR
    }
    seen = {
        phase: (_mean(images[phase], aorta), _mean(images[phase], portal))
        for phase, (aorta, portal) in vessels.items()
        if phase in declared
    }
    if len(seen) == len(declared):
        return remark_phases(seen, declared)
    means = {
        phase: _mean(images[phase], organ) for phase, organ in organs.items() if phase in declared
    }
    return (*remark_phases(seen, declared), *remark_liver(means, declared))


def _mean(image: Volume, region: Region) -> float:
    return float(np.mean(image.data[region.mask], dtype=np.float64))
