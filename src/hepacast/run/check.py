# SPDX-License-Identifier: Apache-2.0
"""Everything that can be found wrong before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.core.events import Advanced, Event, Failed, Noticed, Started, ignore
from hepacast.io.images import read_region
from hepacast.io.voxels import MaskRule
from hepacast.run.cases.load import load_case
from hepacast.run.cases.measure import plan_cases
from hepacast.run.gather import gather
from hepacast.run.protocol.feasible import require_feasible
from hepacast.run.protocol.flow import reasons_to_leave
from hepacast.run.work.execute import executor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.gather import Materials

STAGE = "check images"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in the files of one case.

    Parameters
    ----------
    case : str
        Case id.
    images, masks : int
        Files read.
    remarks : tuple of (str, str)
        Place and text of what was repaired or is odd.
    left_out : tuple of HepacastError
        Regions that cannot be measured, where others of the case can.
    """

    case: str
    images: int
    masks: int
    remarks: tuple[tuple[str, str], ...]
    left_out: tuple[HepacastError, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Who is in, who is out, and why.

    Parameters
    ----------
    lines : tuple of str
        For the terminal.
    failures : dict of str to HepacastError
        Cases whose images or masks cannot be used.
    left_out : dict of str to HepacastError
        Cases that stay without one of their regions; the first of them.
    remarks : dict of str to tuple of (str, str)
        What was repaired or is odd, by case.
    """

    lines: tuple[str, ...]
    failures: dict[str, HepacastError]
    left_out: dict[str, HepacastError] = field(default_factory=dict)
    remarks: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def check_study(path: Path, *, workers: int = 1, on_event: Listener = ignore) -> Summary:
    """Read a study file, its tables and every image and mask; write and compute nothing.

    Parameters
    ----------
    path : Path
        The study file.
    workers : int
        Processes.
    on_event : callable
        Told of progress, remarks and failures.

    Returns
    -------
    Summary
        Of the cohort as it would enter the study.  Registration is not run.

    Raises
    ------
    HepacastError
        If the study file or a table must be mended.
    """
    materials = gather(path, on_event=on_event)
    require_feasible(materials)
    tasks = plan_cases(materials, path.parent)
    on_event(Started(STAGE, len(tasks)))
    looks: dict[str, Look] = {}
    failures: dict[str, HepacastError] = {}
    with executor(workers) as pool:
        for at, result in pool.map(look_at, tasks):
            case = tasks[at].case
            if isinstance(result, HepacastError):
                failures[case] = result
                on_event(Failed("check", case, result))
            else:
                looks[case] = result
                _tell(result, on_event)
            on_event(Advanced(STAGE, case))
    order = [task.case for task in tasks]
    looks = {case: looks[case] for case in order if case in looks}
    failures = {case: failures[case] for case in order if case in failures}
    return Summary(
        lines=tuple(_lines(materials, looks, failures)),
        failures=failures,
        left_out={case: look.left_out[0] for case, look in looks.items() if look.left_out},
        remarks={case: look.remarks for case, look in looks.items() if look.remarks},
    )


def look_at(task: CaseTask) -> Look:
    """Read all images and masks of one case, of all readers.

    Raises
    ------
    HepacastError
        If the case cannot be measured.
    """
    remarks: list[tuple[str, str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            remarks.append((event.where, event.text))

    try:
        case = load_case(task, register=False, on_event=hear)
        others = _other_readers(task, remarks)
    except HepacastError as error:
        raise error.at(case=task.case) from None
    left_out = tuple(error.at(case=task.case) for error in case.left_out)
    masks = sum(len(row.masks) for row in task.rows) + others
    return Look(task.case, len(case.images), masks, tuple(dict.fromkeys(remarks)), left_out)


def _other_readers(task: CaseTask, remarks: list[tuple[str, str]]) -> int:
    """Read what other readers drew; a mask that cannot be used does not stop the case."""
    read = 0
    wanted = {params.mask for params in task.regions.values()}
    for row in task.others:
        for name in sorted(wanted.intersection(row.masks), key=str):
            drawn = row.masks[str(name)]
            try:
                read_region(drawn.path, str(name), rule=MaskRule(label=drawn.label))
            except HepacastError as error:
                remarks.append((row.phase, f"reader {row.reader}, {name}: {error}"))
            read += 1
    return read


def _tell(look: Look, on_event: Listener) -> None:
    """Pass on what was seen in one case."""
    for where, text in look.remarks:
        on_event(Noticed(f"case {look.case} {where}", text))
    for error in look.left_out:
        on_event(Failed("check", look.case, error))


def _lines(
    materials: Materials, looks: dict[str, Look], failures: dict[str, HepacastError]
) -> list[str]:
    """Write the summary of the cohort."""
    everybody = materials.clinical.cases
    lines = [f"study {materials.study.study.name}: {len(everybody)} clinical rows"]
    for name, table in materials.tables.items():
        lines.append(f"  features {name}: {len(table)} cases x {len(table.columns)} columns")
    if looks or failures:
        lines += _image_lines(looks, failures)
    # Not so many that the rest would scroll away; failures.csv has them all.
    lines += [f"    {error}" for error in failures.values()]
    reasons = {} if len(failures) == len(everybody) else reasons_to_leave(materials, failures)
    lines.append(f"  in: {len(everybody) - len(reasons)} cases with all sources")
    lines += _by_reason(reasons, everybody)
    for name, labelled in materials.labelled.items():
        events = int(labelled.outcome.event.sum())
        lines.append(f"  outcome {name}: {events} events among {len(labelled.cases)} cases")
        lines += [f"    out: {len(one.cases)} {one.reason}" for one in labelled.excluded]
    return lines


def _image_lines(looks: dict[str, Look], failures: dict[str, HepacastError]) -> list[str]:
    """Count files, failures, regions that are left out, and cases with remarks."""
    cases = len(looks) + len(failures)
    images, masks = (sum(getattr(one, n) for one in looks.values()) for n in ("images", "masks"))
    lines = [
        f"  images: {cases} cases, {len(failures)} of them cannot be used",
        f"  read: {images} images and {masks} masks",
    ]
    lost = [error for look in looks.values() for error in look.left_out]
    if lost:
        lines.append(f"  regions left out: {len(lost)}; the cases stay without them")
        lines += [f"    {error}" for error in lost]
    remarked = [case for case, look in looks.items() if look.remarks]
    if remarked:
        lines.append(f"  remarks: {len(remarked)} cases ({_some(remarked)})")
    return lines


def _by_reason(reasons: dict[str, str], everybody: Iterable[str]) -> list[str]:
    """Say who is out, and why, in the order of the clinical table."""
    by_reason: dict[str, list[str]] = {}
    for case in everybody:
        if case in reasons:
            by_reason.setdefault(reasons[case], []).append(case)
    return [f"  out: {len(c)} {reason} ({_some(c)})" for reason, c in by_reason.items()]


def _some(cases: list[str], most: int = 8) -> str:
    """Name a few cases, and how many more there are.

    >>> _some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    if len(cases) <= most:
        return ", ".join(cases)
    return f"{', '.join(cases[:most])} and {len(cases) - most} more"
