# SPDX-License-Identifier: Apache-2.0
"""The whole way: a study file in, a report out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.events import Event, Noticed, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.io.store import write_atomic
from hepacast.report.write import RESULT, read_result, write_report
from hepacast.run.case_pages import with_case_facts, write_case_pages
from hepacast.run.cases import measure_all
from hepacast.run.cohorts import divide_patients, patients_of
from hepacast.run.compose import Circumstances, compose
from hepacast.run.deep_score import with_pictures
from hepacast.run.execution import Execution
from hepacast.run.failures import failures_table, left_out
from hepacast.run.feasible import require_feasible
from hepacast.run.find import arrange, division_steps, find, openings
from hepacast.run.flow import join
from hepacast.run.gather import gather
from hepacast.run.lock import lock_text
from hepacast.run.measure import plan_cases
from hepacast.run.openings import ledger_path, record_opening, require_closed
from hepacast.run.second_reading import read_again

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.report.content import ReportContent
    from hepacast.run.cohorts import Division
    from hepacast.run.finding import Known
    from hepacast.run.gather import Materials


MARK = ".hepacast-study"
"""File that says whose results a folder holds."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Where the report is, and what to say at the end.

    Parameters
    ----------
    report : Path
        The HTML file.
    summary : tuple of str
        Lines for the terminal.
    failures : mapping of str to HepacastError
        Cases that could not be measured, or not in all their regions.
    """

    report: Path
    summary: tuple[str, ...]
    failures: Mapping[str, HepacastError]


def run_study(
    path: Path,
    out: Path,
    *,
    execution: Execution = Execution(),  # noqa: B008 - frozen
    truths: Mapping[str, Sequence[Known]] | None = None,
    on_event: Listener = ignore,
) -> Finished:
    """Run a study file and write its report.

    Parameters
    ----------
    path : Path
        The study file.
    out : Path
        Folder for the results; measured cases found there are used again.
    execution : Execution
        Where to work; it changes no result.
    truths : mapping of outcome to sequence of Known, optional
        What the maker of a phantom knows.
    on_event : callable
        Told of progress, notices and failures.

    Raises
    ------
    HepacastError
        If the input must be mended; then nothing was written.
    """
    notices: list[Noticed] = []

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            notices.append(event)
        on_event(event)

    materials = gather(path, on_event=hear)
    require_feasible(materials)
    name, split = materials.study.study.name, materials.study.split
    _require_own_folder(out, name)
    with execution.open(out) as pool:
        tasks = plan_cases(materials, out, rehash=execution.rehash, retry=execution.retry)
        if tasks:
            _mark(out, name)
        records, failures = measure_all(tasks, pool, on_event=hear)
        materials = with_pictures(materials, out, {c: one.key for c, one in records.items()})
        joined = join(materials, records, failures)
        failures = {**left_out(records), **failures}
        division = divide_patients(patients_of(materials, joined.table.patients), split)
        rereading = read_again(materials, joined, division, out, pool, on_event=hear)
        arranged = arrange(materials, joined, division, rereading)
        opened = _open(materials, division, path)
        findings = [find(arranged, name, pool, on_event=hear) for name in materials.study.outcomes]
    lock = lock_text(
        materials,
        {case: record.key for case, record in records.items()},
        {finding.name: finding.tasks for finding in findings},
        tests=openings(opened, division),
    )
    around = Circumstances(
        records=records,
        failures=failures,
        notices=notices,
        lock_digest=digest_bytes(lock.encode()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        truths=truths or {},
        divided=division_steps(joined, division)[1],
        openings=openings(opened, division),
    )
    content = compose(materials, joined, findings, around)
    content = with_case_facts(content, records, materials, joined)
    _mark(out, name)
    # Before anything is drawn: what took hours must not be lost to a figure.
    write_atomic(out / RESULT, content.model_dump_json())
    write_atomic(out / "study.lock", lock)
    if failures:
        write_atomic(out / "failures.csv", failures_table(failures))
    else:
        (out / "failures.csv").unlink(missing_ok=True)  # of an earlier run
    report = write_report(content, out)
    write_case_pages(content, records, out, on_event=on_event)
    return Finished(report, summary_lines(content), failures)


def _open(materials: Materials, division: Division, path: Path) -> dict[str, int]:
    """Count the openings of the test cohorts, and write this one down; none while closed."""
    if not division.tests or materials.study.split.open == "closed":
        return {}
    counts = require_closed(materials, division, ledger_path(path))
    record_opening(materials, division, ledger_path(path))
    return counts


def redraw(folder: Path) -> Path:
    """Draw the report of a finished run again from its ``result.json``."""
    path = folder / RESULT
    try:
        content = read_result(path)
    except (OSError, ValueError) as error:
        raise StudyError(
            what="a finished run has a result.json that can be read",
            got=str(error).splitlines()[0],
            fix="Name the folder that `hepacast run --out` wrote.",
        ).at(file=path) from error
    return write_report(content, folder)


def _mark(out: Path, name: str) -> None:
    """Say whose results the folder holds; not before there is something to put into it."""
    write_atomic(out / MARK, name + "\n")


def _require_own_folder(out: Path, name: str) -> None:
    """Refuse a folder that holds something else: results must not mix."""
    mark = out / MARK
    if mark.is_file():
        owner = mark.read_text(encoding="utf-8").strip()
        if owner == name:
            return
        got = f"the results of study {owner!r}"
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        got = "other files" if out.is_dir() else "a file"
    else:
        return
    raise StudyError(
        what="--out must be a new folder, or one with earlier results of this study",
        got=got,
        fix="Choose another folder.",
    ).at(folder=out)


def summary_lines(content: ReportContent) -> tuple[str, ...]:
    """Say the main result of every model, and truth beside estimate where it is known."""
    lines = []
    for outcome in content.outcomes:
        lines.append(f"{outcome.name}: {outcome.events} events among {outcome.n} cases")
        for model in outcome.models:
            honest = model.honest
            if honest is not None and honest.discrimination is not None:
                lines.append(f"  {model.name:<16} {honest.measure} {honest.discrimination}")
        for truth in outcome.truth:
            covered = {True: "covered", False: "not covered", None: ""}[truth.covered]
            lines.append(f"  truth {truth.name}: {truth.true:.3f}; {truth.estimate} {covered}")
    return tuple(lines)
