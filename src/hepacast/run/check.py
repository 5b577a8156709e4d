# SPDX-License-Identifier: Apache-2.0
"""Everything that can be found wrong before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.core.events import Advanced, Failed, Started, ignore
from hepacast.io.images import read_image
from hepacast.run.feasible import require_feasible
from hepacast.run.gather import gather
from hepacast.run.measure import CaseTask, build_regions, plan_cases

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.gather import Materials


@dataclass(frozen=True, slots=True)
class Summary:
    """Who is in, who is out, and why.

    Parameters
    ----------
    lines : tuple of str
        For the terminal.
    failures : dict of str to HepacastError
        Cases whose images or masks cannot be used.
    """

    lines: tuple[str, ...]
    failures: dict[str, HepacastError]


def check_study(path: Path, *, on_event: Listener = ignore) -> Summary:
    """Read a study file, its tables and every image and mask; write nothing.

    Raises
    ------
    HepacastError
        If the study file or a table must be mended.
    """
    materials = gather(path, on_event=on_event)
    require_feasible(materials)
    tasks = plan_cases(materials, path.parent)
    on_event(Started("check images", len(tasks)))
    failures: dict[str, HepacastError] = {}
    for task in tasks:
        try:
            _check_case(task)
        except HepacastError as error:
            failures[task.case] = error.at(case=task.case)
            on_event(Failed("check", task.case, error))
        on_event(Advanced("check images", task.case))
    return Summary(tuple(_lines(materials, len(tasks), failures)), failures)


def _check_case(task: CaseTask) -> None:
    """Read all images of one case and make its regions."""
    for row in task.rows:
        try:
            build_regions(row, read_image(row.image), task.regions)
        except HepacastError as error:
            raise error.at(phase=row.phase) from None


def _lines(materials: Materials, imaged: int, failures: dict[str, HepacastError]) -> list[str]:
    """Write the summary."""
    lines = [f"study {materials.study.study.name}: {len(materials.clinical.cases)} clinical rows"]
    for name, table in materials.tables.items():
        lines.append(f"  features {name}: {len(table)} cases x {len(table.columns)} columns")
    if imaged:
        lines.append(f"  images: {imaged} cases, {len(failures)} of them cannot be used")
    lines += [f"    {error}" for error in failures.values()]
    for name, labelled in materials.labelled.items():
        events = int(labelled.outcome.event.sum())
        lines.append(f"  outcome {name}: {events} events among {len(labelled.cases)} cases")
        lines += [f"    out: {len(one.cases)} {one.reason}" for one in labelled.excluded]
    return lines
