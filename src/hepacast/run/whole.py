# SPDX-License-Identifier: Apache-2.0
"""The whole way: a study file in, a report out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.events import Event, Noticed, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.io.store import write_atomic
from hepacast.report.write import RESULT, read_result, write_report
from hepacast.run.cases.failures import failures_table, left_out
from hepacast.run.cases.many import kept, measure_all
from hepacast.run.cases.measure import plan_cases
from hepacast.run.content.case_pages import FOLDER as PAGES
from hepacast.run.content.case_pages import with_case_facts, write_case_pages
from hepacast.run.content.clinical_use import require_usable
from hepacast.run.content.compose import Circumstances, compose
from hepacast.run.content.lock import lock_text
from hepacast.run.content.look_pages import FOLDER as MAPS
from hepacast.run.content.look_pages import view_all
from hepacast.run.finished import is_finished, note_finished, run_key
from hepacast.run.gather import gather
from hepacast.run.predictor.deploy import deploy, require_deployable
from hepacast.run.protocol.cohorts import divide_patients, patients_of
from hepacast.run.protocol.feasible import require_feasible
from hepacast.run.protocol.find import arrange, division_steps, find, openings
from hepacast.run.protocol.flow import join
from hepacast.run.protocol.openings import ledger_path, record_opening, require_closed
from hepacast.run.protocol.pictured import pictures_of
from hepacast.run.protocol.readiness import out_of_order
from hepacast.run.protocol.second_reading import measure_shuffled, read_again
from hepacast.run.protocol.semantic import with_semantics
from hepacast.run.work.execution import Execution
from hepacast.run.work.journal import JOURNAL, Journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.report.content import OutcomeReport, Picture, ReportContent
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.cohorts import Division
    from hepacast.run.protocol.finding import Finding, Known
    from hepacast.run.protocol.flow import Joined
    from hepacast.run.work.execute import Executor


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
    journal = Journal(out)

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            notices.append(event)
        journal(event)
        on_event(event)

    materials = _prepare(path, out, hear)
    with execution.open(out) as pool:
        tasks = plan_cases(materials, out, rehash=execution.rehash, retry=execution.retry)
        if is_finished(out, run_key(materials, tasks, repr(truths)), _lasting(out)):
            return _again(out, tasks)
        # Before any work: a run that is stopped must find its own folder again.
        _mark(out, materials.study.study.name)
        try:
            found = _find_out(materials, tasks, (path, out), pool, hear)
        except HepacastError:
            _drop_if_empty(out)
            raise
    lock = lock_text(
        found.materials,
        {case: record.key for case, record in found.records.items()},
        {finding.name: finding.tasks for finding in found.findings},
        tests=openings(found.opened, found.division),
    )
    around = Circumstances(
        records=found.records,
        failures=found.failures,
        notices=notices,
        lock_digest=digest_bytes(lock.encode()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        truths=truths or {},
        divided=division_steps(found.joined, found.division)[1],
        openings=openings(found.opened, found.division),
    )
    content = compose(found.materials, found.joined, found.findings, around)
    content = with_case_facts(content, found.records, found.materials, found.joined)
    report = _write(found, content, lock, out, hear)
    note_finished(out, run_key(materials, tasks, repr(truths)), _written(out))
    return Finished(report, summary_lines(content), found.failures)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Everything that a run computes, before it is written down."""

    materials: Materials
    records: Mapping[str, CaseRecord]
    failures: Mapping[str, HepacastError]
    joined: Joined
    division: Division
    opened: Mapping[str, int]
    findings: list[Finding]
    maps: Mapping[str, tuple[Picture, ...]]


def _prepare(path: Path, out: Path, on_event: Listener) -> Materials:
    """Read everything, and refuse before any work what cannot be done."""
    materials = gather(path, on_event=on_event)
    for score, why in materials.study.published.missing.items():
        on_event(Noticed("published", f"not as in the paper: {score}: {why}"))
    for where, said in out_of_order(materials.labelled):
        on_event(Noticed(where, said))
    require_feasible(materials)
    require_usable(materials)
    if materials.study.deploy is not None:
        require_deployable(materials.study.deploy, materials)
    _require_own_folder(out, materials.study.study.name)
    return materials


def _find_out(
    materials: Materials,
    tasks: list[CaseTask],
    places: tuple[Path, Path],
    pool: Executor,
    on_event: Listener,
) -> _Found:
    """Measure, join, divide and validate, in the order of the protocol."""
    study, (path, out) = materials.study, places
    records, failures = measure_all(tasks, pool, on_event=on_event)
    keys = {case: one.key for case, one in records.items()}
    pictures = pictures_of(study, out, keys)
    joined = join(materials, records, failures)
    division = divide_patients(patients_of(materials, joined.table.patients), study.split)
    joined, division = with_semantics(study, joined, division, (out, keys), pool, on_event=on_event)
    rereading = read_again(materials, joined, division, out, pool, on_event=on_event)
    shuffled = measure_shuffled(materials, out, pool, on_event=on_event)
    arranged = replace(
        arrange(materials, joined, division, rereading),
        shuffled=shuffled,
        pictures=pictures,
        opening=partial(record_opening, materials, division, ledger_path(path)),
    )
    opened = _openings(materials, division, path)
    findings = [find(arranged, name, pool, on_event=on_event) for name in study.outcomes]
    every = {**left_out(records), **failures}
    maps = view_all(findings, tasks, study, out, pool, on_event=on_event)
    return _Found(materials, records, every, joined, division, opened, findings, maps)


def _write(found: _Found, content: ReportContent, lock: str, out: Path, on_event: Listener) -> Path:
    """Write results, report, pages and predictor."""
    _mark(out, found.materials.study.study.name)
    # Before anything is drawn: what took hours must not be lost to a figure.
    write_atomic(out / RESULT, content.model_dump_json())
    write_atomic(out / "study.lock", lock)
    if found.failures:
        write_atomic(out / "failures.csv", failures_table(found.failures))
    else:
        (out / "failures.csv").unlink(missing_ok=True)  # of an earlier run
    report = write_report(content, out)
    write_case_pages(content, found.records, out, maps=found.maps, on_event=on_event)
    params = found.materials.study.deploy
    if params is not None:
        deploy(params, found.materials, found.findings, content, out)
    return report


def _lasting(out: Path) -> list[Path]:
    """Name what a finished run must have."""
    return [out / RESULT, out / "study.lock", out / "report.html"]


def _written(out: Path) -> list[Path]:
    """List what a finished run leaves for people; the work behind it is kept elsewhere."""
    pages = (p for part in (PAGES, MAPS, "tables") for p in (out / part).rglob("*"))
    return [path for path in (*_lasting(out), *pages) if path.is_file()]


def _again(out: Path, tasks: Sequence[CaseTask]) -> Finished:
    """Say what a finished run found; nothing is computed or drawn."""
    content = read_result(out / RESULT)
    failures = {
        task.case: found for task in tasks if isinstance(found := kept(task), HepacastError)
    }
    lines = (*summary_lines(content), "nothing changed since: the results are those of before")
    return Finished(out / "report.html", lines, failures)


def _openings(materials: Materials, division: Division, path: Path) -> dict[str, int]:
    """Count the openings of the test cohorts, this one included; none while closed."""
    if not division.tests or materials.study.split.open == "closed":
        return {}
    return require_closed(materials, division, ledger_path(path))


def redraw(folder: Path, extras: Sequence[Literal["pdf", "docx"]] = ()) -> Path:
    """Draw the report of a finished run again from its ``result.json``, and print it if asked.

    Parameters
    ----------
    folder : Path
        Results of a run.
    extras : sequence of {"pdf", "docx"}
        Further formats to write.
    """
    path = folder / RESULT
    try:
        content = read_result(path)
    except (OSError, ValueError) as error:
        raise StudyError(
            what="a finished run has a result.json that can be read",
            got=str(error).splitlines()[0],
            fix="Name the folder that `hepacast run --out` wrote.",
        ).at(file=path) from error
    return write_report(content, folder, extras=extras)


def _mark(out: Path, name: str) -> None:
    """Say whose results the folder holds; not before there is something to put into it."""
    write_atomic(out / MARK, name + "\n")


def _drop_if_empty(out: Path) -> None:
    """Remove a folder that holds nothing but whose it is, and the log of a run that failed."""
    if {path.name for path in out.iterdir()} <= {MARK, JOURNAL}:
        shutil.rmtree(out)


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


def _both_orders(outcome: OutcomeReport) -> list[str]:
    """Set the strict result, the order of the paper and its printed figure beside each other."""
    if not outcome.published:
        return []
    lines = [f"  {'model':<20} {'cohort':<12} {'strict':<20} {'as published':<20} printed"]
    for one in outcome.published:
        printed = "" if one.printed is None else f"{one.printed:.3f}"
        strict, loose = str(one.strict), str(one.optimistic)
        lines.append(f"  {one.model:<20} {one.cohort:<12} {strict:<20} {loose:<20} {printed}")
    return [*lines, *([f"  {outcome.winner}"] if outcome.winner else [])]


def summary_lines(content: ReportContent) -> tuple[str, ...]:
    """Say the main result of every model, and truth beside estimate where it is known.

    Parameters
    ----------
    content : ReportContent
        What a run found.
    """
    lines = []
    for outcome in content.outcomes:
        lines.append(f"{outcome.name}: {outcome.events} events among {outcome.n} cases")
        for model in outcome.models:
            honest = model.honest
            if honest is not None and honest.discrimination is not None:
                lines.append(f"  {model.name:<16} {honest.measure} {honest.discrimination}")
        lines += _both_orders(outcome)
        for truth in outcome.truth:
            covered = {True: "covered", False: "not covered", None: ""}[truth.covered]
            lines.append(f"  truth {truth.name}: {truth.true:.3f}; {truth.estimate} {covered}")
    return tuple(lines)
