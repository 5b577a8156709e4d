# SPDX-License-Identifier: Apache-2.0
"""Why a case is measured anew, and whether records still say what measuring gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, TableError
from hepacast.core.events import Advanced, Started, ignore
from hepacast.core.provenance import generator
from hepacast.io.records import Records
from hepacast.run.cases.many import entry_of, kept
from hepacast.run.cases.measure import measure, plan_cases
from hepacast.run.gather import gather
from hepacast.run.work.ledger import Ledger, differences

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.work.execute import Executor


def explain(study: Path, folder: Path, case: str) -> tuple[str, ...]:
    """Say what the next run will do with one case, and because of which field.

    Parameters
    ----------
    study : Path
        The study file.
    folder : Path
        Folder of the results.
    case : str
        Case id.

    Returns
    -------
    tuple of str
        Lines for the terminal.

    Raises
    ------
    TableError
        If the study has no such case with images.
    """
    task = _task(study, folder, case)
    before = Ledger(folder / "cases" / "index").read(case)
    if before is None:
        return (f"{case}: never measured",)
    if before.failure is not None:
        lines = [f"{case}: failed before: {before.failure['what']}; got {before.failure['got']}"]
        again = "will be tried again: a file or a setting changed"
        return (*lines, again if kept(task) is None else "unchanged: --retry-failed tries again")
    try:
        now = entry_of(task, before, {})
    except HepacastError as error:
        return (f"{case}: {error}",)
    fields = ("operator", "version", "params", "inputs")
    one, other = ({field: asdict(entry)[field] for field in fields} for entry in (before, now))
    changed = list(differences(one, other))
    if not changed:
        whole = Records(folder).holds(now.key)
        return (f"{case}: {'unchanged' if whole else 'its record is gone'}; key {now.key}",)
    lines = [f"{case}: will be measured anew"]
    return (*lines, *(f"  {place}: {old} -> {new}" for place, old, new in changed))


def _task(study: Path, folder: Path, case: str) -> CaseTask:
    """Find the task of one case."""
    tasks = {task.case: task for task in plan_cases(gather(study), folder)}
    if case not in tasks:
        raise TableError(
            what="the case must be in the study, with images",
            got=repr(case),
            fix=f"Write its id as in the case table: {', '.join(sorted(tasks)[:5])} ...",
        ).at(file=study)
    return tasks[case]


@dataclass(frozen=True, slots=True)
class Verified:
    """One record, measured again.

    Parameters
    ----------
    case : str
        Case id.
    differing : tuple of str
        Names whose value is not bit for bit what the record says.
    """

    case: str
    differing: tuple[str, ...]


def verify(
    study: Path,
    folder: Path,
    executor: Executor,
    *,
    count: int = 5,
    seed: int = 0,
    on_event: Listener = ignore,
) -> list[Verified | HepacastError]:
    """Measure some cases again, and compare every bit with their records.

    Parameters
    ----------
    study : Path
        The study file.
    folder : Path
        Folder of the results.
    executor : Executor
        Who measures.
    count : int
        How many records, drawn without replacement.
    seed : int
        Of the draw.

    Returns
    -------
    list of Verified or HepacastError
        In the order drawn; an error where a case cannot be measured any more.

    Raises
    ------
    TableError
        If no case of the study has a record.
    """
    tasks = [task for task in plan_cases(gather(study), folder) if _recorded(task)]
    if not tasks:
        raise TableError(
            what="records are verified against the study they were measured for",
            got="no case with a record that is up to date",
            fix="Run the study first; `hepacast explain` says what changed.",
        ).at(folder=folder)
    drawn = generator(seed, "verify").permutation(len(tasks))[:count]
    chosen = [tasks[at] for at in drawn]
    on_event(Started("verify records", len(chosen)))
    found: dict[int, Verified | HepacastError] = {}
    for at, result in executor.map(verify_case, chosen):
        found[at] = result
        on_event(Advanced("verify records", chosen[at].case))
    return [found[at] for at in range(len(chosen))]


def _recorded(task: CaseTask) -> bool:
    """Say whether a case has a record of its present files and settings."""
    found = kept(task)
    return found is not None and not isinstance(found, HepacastError)


def verify_case(task: CaseTask) -> Verified:
    """Measure one case again and compare it with its record.

    Raises
    ------
    HepacastError
        If it cannot be measured, or its record is gone.
    """
    before = Ledger(task.folder / "cases" / "index").read(task.case)
    record = None if before is None else Records(task.folder).find(before.key)
    if before is None or record is None:
        raise TableError(
            what="a record must be there to be verified",
            got="none that is whole",
            fix="Run the study: the case is measured anew.",
        ).at(case=task.case)
    again = measure(task, before.key).to_record()
    if again.names != record.names:
        odd = sorted(set(again.names) ^ set(record.names)) or ["their order"]
        return Verified(task.case, tuple(odd))
    same = (again.values == record.values) | (np.isnan(again.values) & np.isnan(record.values))
    return Verified(task.case, tuple(record.names[at] for at in np.flatnonzero(~same)))
