# SPDX-License-Identifier: Apache-2.0
"""The measured features of a study, for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hepacast.core.errors import StudyError
from hepacast.io.export import FORMS, Form, export
from hepacast.run.cases.many import Receipt, kept, read_record
from hepacast.run.cases.measure import plan_cases
from hepacast.run.gather import gather
from hepacast.run.protocol.flow import measured_tables

if TYPE_CHECKING:
    from pathlib import Path


def export_features(
    study: Path, folder: Path, target: Path, *, block: str | None = None, form: str | None = None
) -> tuple[int, int]:
    """Write the features that a run has measured; measure nothing.

    Parameters
    ----------
    study : Path
        The study file.
    folder : Path
        Folder of the results.
    target : Path
        File, or folder for ``npy``.
    block : str, optional
        Name of the features in the study file; the first that is measured by default.
    form : str, optional
        One of :data:`hepacast.io.export.FORMS`; by the ending of the target by default.

    Returns
    -------
    tuple of int
        Cases and features written.

    Raises
    ------
    StudyError
        If there is no such block or form, or nothing was measured yet.
    """
    materials = gather(study)
    found = {task.case: kept(task) for task in plan_cases(materials, folder)}
    records = {
        case: read_record(folder, receipt.key)
        for case, receipt in found.items()
        if isinstance(receipt, Receipt)
    }
    tables = measured_tables(materials, records) if records else {}
    name = block or next(iter(tables), None)
    if name not in tables:
        raise StudyError(
            what="features are exported after they were measured",
            got=f"no measured block {name!r}" if tables else "no case with a record",
            fix=f"There are: {', '.join(tables)}." if tables else "Run the study first.",
        ).at(file=study)
    chosen = form or target.suffix.removeprefix(".") or "npy"
    if chosen not in FORMS:
        raise StudyError(
            what=f"features are exported as {', '.join(FORMS)}",
            got=repr(chosen),
            fix="Name one with --form.",
        ).at(file=target)
    export(tables[name], target, cast("Form", chosen))
    return len(tables[name]), len(tables[name].columns)
