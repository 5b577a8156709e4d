# SPDX-License-Identifier: Apache-2.0
"""A page per case beside the report: forecasts, pictures, regions, and what was repaired."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

from hepacast.core.events import Advanced, Started, ignore
from hepacast.io.store import write_atomic
from hepacast.report import content as shown
from hepacast.report.case_report import page_names, render_case
from hepacast.run.cases.pictures import CAPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.report.content import ReportContent
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.flow import Joined

FOLDER = "pages"
"""Folder of the pages, below that of the report."""
_UNITLESS = (None, "", "1")
_EVIDENCE = "time-intensity"


def with_case_facts(
    content: ReportContent,
    records: Mapping[str, CaseRecord],
    materials: Materials,
    joined: Joined,
) -> ReportContent:
    """Add what is known of single cases, and where their pages will be.

    Parameters
    ----------
    content : ReportContent
        The report of the study.
    records : mapping of case to CaseRecord
        Measured cases; a study without images has no pages.
    materials, joined
        Clinical variables, and the columns of the models.
    """
    if not records:
        return content
    wanted = {
        term.name
        for outcome in content.outcomes
        for model in outcome.models
        if model.equation is not None
        for term in model.equation.terms
    }
    failed = [one.case for one in content.failures if one.case not in records]
    facts = [_facts(record, materials, joined, wanted) for record in records.values()]
    facts += [shown.CaseFacts(case=case) for case in dict.fromkeys(failed) if case]
    known = {one.case for one in facts}
    names = page_names(content.model_copy(update={"case_facts": tuple(facts)}))
    facts += [shown.CaseFacts(case=case) for case in names if case not in known]
    paged = tuple(
        one.model_copy(update={"page": f"{FOLDER}/{names[one.case]}"})
        for one in sorted(facts, key=lambda one: list(names).index(one.case))
    )
    return content.model_copy(update={"case_facts": paged})


def write_case_pages(
    content: ReportContent,
    records: Mapping[str, CaseRecord],
    out: Path,
    *,
    maps: Mapping[str, tuple[shown.Picture, ...]] | None = None,
    on_event: Listener = ignore,
) -> None:
    """Write the pages, and the pictures that are evidence for a clip's frame.

    Parameters
    ----------
    content : ReportContent
        From :func:`with_case_facts`.
    records : mapping of case to CaseRecord
        With the pictures.
    out : Path
        Folder of the report; ``pages`` in it is replaced as a whole.
    maps : mapping of case to tuple of Picture
        Where networks looked.
    on_event : callable
        Told of progress.
    """
    paged = [one for one in content.case_facts if one.page]
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    if not paged:
        return
    on_event(Started("case pages", len(paged)))
    for one in paged:
        record = records.get(one.case)
        pictures = (*_pictures(record), *(maps or {}).get(one.case, ()))
        mine = content.model_copy(update={"pictures": pictures})
        write_atomic(out / one.page, render_case(mine, one.case))
        if record is not None and _EVIDENCE in record.pictures:
            picture = (out / one.page).with_suffix(".png")
            write_atomic(picture, record.pictures[_EVIDENCE])
        on_event(Advanced("case pages", one.case))


def _facts(
    record: CaseRecord, materials: Materials, joined: Joined, wanted: set[str]
) -> shown.CaseFacts:
    """Gather what is known of one measured case."""
    case, clinical = record.case, materials.clinical
    row = clinical.cases.index(case)
    facts = {}
    for name in materials.predictors:
        cell = clinical.text.column(name)[row]
        unit = clinical.fields[name].unit
        facts[clinical.variables[name].label] = (
            "missing" if cell is None else f"{cell} {unit}" if unit not in _UNITLESS else cell
        )
    values = {}
    if case in joined.table.cases:
        numbers = joined.table.rows([case]).values[0].tolist()
        values = {
            str(name): number
            for name, number in zip(joined.table.columns, numbers, strict=True)
            if str(name) in wanted and math.isfinite(number)
        }
    return shown.CaseFacts(
        case=case,
        facts=facts,
        values=values,
        regions=tuple(
            shown.RegionFacts(
                phase=phase, region=region, voxels=voxels, volume_ml=ml,
                mean=mean, low=low, high=high,
            )
            for phase, region, voxels, ml, mean, low, high in record.facts
        ),
        notices=tuple(
            shown.Notice(where=where.removeprefix(f"case {case} "), text=text)
            for where, text in record.notices
        ),
    )  # fmt: skip


def _pictures(record: CaseRecord | None) -> tuple[shown.Picture, ...]:
    """Give every picture of a case its words."""
    if record is None:
        return ()
    return tuple(
        shown.Picture(caption=CAPTIONS.get(name, ""), png=png, case=record.case, stage=name)
        for name, png in sorted(record.pictures.items(), key=lambda item: _rank(item[0]))
    )


def _rank(name: str) -> int:
    """Put pictures in the order in which a case is worked on."""
    return list(CAPTIONS).index(name) if name in CAPTIONS else len(CAPTIONS)
