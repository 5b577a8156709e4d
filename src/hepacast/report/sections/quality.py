# SPDX-License-Identifier: Apache-2.0
"""The quality of one case's images: pictures to judge, regions in numbers, what was repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Block, Gallery, Section, Table, Text
from hepacast.report.sheets import Column, Sheet
from hepacast.report.wording import slug

if TYPE_CHECKING:
    from hepacast.report.content import CaseFacts, ReportContent


def quality(content: ReportContent, case: str) -> Section | None:
    """Make the section about images and regions of one case; None where nothing is known.

    Parameters
    ----------
    content : ReportContent
        What a run found; pictures and facts of the case are taken from it.
    case : str
        Case id.
    """
    blocks: list[Block] = []
    mine = [one for one in content.pictures if one.case == case]
    for stage in dict.fromkeys(one.stage for one in mine):
        shown = tuple(one for one in mine if one.stage == stage)
        blocks.append(Gallery(stage.capitalize() or "Pictures", shown, wide=True))
    facts = next((one for one in content.case_facts if one.case == case), None)
    if facts is not None and facts.regions:
        blocks.append(Table(regions_sheet(facts)))
    if facts is not None and (facts.notices or facts.regions):
        blocks += _log(facts)
    return Section("quality", "Images and regions", tuple(blocks)) if blocks else None


def regions_sheet(facts: CaseFacts) -> Sheet:
    """Tabulate what every region of a case holds, phase by phase."""
    rows = tuple(
        (one.phase, one.region, one.voxels, one.volume_ml, one.mean, one.low, one.high)
        for one in facts.regions
    )
    columns = (
        Column("Phase"), Column("Region"), Column("Voxels"), Column("Volume, mL", 2),
        Column("Mean intensity", 1), Column("5th percentile", 1), Column("95th percentile", 1),
    )  # fmt: skip
    note = "Volumes count voxels. A volume that differs much between phases is worth a look."
    return Sheet(f"{slug(facts.case)}-regions", "Regions", columns, rows, note)


def _log(facts: CaseFacts) -> list[Block]:
    """List everything that was repaired or flagged, or say that nothing was."""
    if not facts.notices:
        return [Text("Nothing was repaired or flagged in the images and masks of this case.")]
    rows = tuple((one.where, one.text) for one in facts.notices)
    columns = (Column("Where"), Column("What was repaired or is odd"))
    return [Table(Sheet(f"{slug(facts.case)}-repairs", "Repairs and remarks", columns, rows))]
