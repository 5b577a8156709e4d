# SPDX-License-Identifier: Apache-2.0
"""All cases, each measured once: what an earlier run has measured is only looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from hepacast.core.errors import HepacastError
from hepacast.core.events import Advanced, Failed, Noticed, Started, ignore
from hepacast.core.provenance import digest_array
from hepacast.io.images import read_image, read_region
from hepacast.io.manifest import digest_source
from hepacast.io.records import Records
from hepacast.io.store import StoreError
from hepacast.io.voxels import MaskRule
from hepacast.run.cases.failures import error_of, left_out, without_paths
from hepacast.run.cases.measure import VERSION, masks_of, measure, settings_of
from hepacast.run.cases.record import CaseRecord
from hepacast.run.parts.film import is_film
from hepacast.run.work.ledger import Entry, Known, Ledger, failure_of, look, unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.volume import Volume
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.parts.rows import ImageRow
    from hepacast.run.work.execute import Executor

OPERATOR = "measure"


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that travels back: where the record is, never what is in it.

    Parameters
    ----------
    case, key : str
        Case id, and content key of its record.
    state : {"measured", "found", "unchanged"}
        Computed now; found under its key; not even looked for, as no file was touched.
    """

    case: str
    key: str
    state: Literal["measured", "found", "unchanged"]


def measure_all(
    tasks: Sequence[CaseTask], executor: Executor, *, on_event: Listener = ignore
) -> tuple[dict[str, CaseRecord], dict[str, HepacastError]]:
    """Measure every case; those that fail are listed and the others go on."""
    on_event(Started("measure cases", len(tasks)))
    receipts: dict[str, Receipt] = {}
    failures: dict[str, HepacastError] = {}
    # A case that failed before is kept as its error.
    for at, result in executor.map(measure_case, tasks, kept):
        case = tasks[at].case
        if isinstance(result, HepacastError):
            # Events end up in the run's journal, which is an output too.
            failures[case] = without_paths(result, tasks[at].rows)
            on_event(Failed("measure", case, failures[case]))
        else:
            receipts[case] = result
        on_event(Advanced("measure cases", case))
    records = {
        task.case: read_record(task.folder, receipts[task.case].key)
        for task in tasks
        if task.case in receipts
    }
    for record in records.values():
        for where, text in record.notices:
            on_event(Noticed(where, text))
    for case, error in left_out(records).items():
        on_event(Failed("measure", case, error))
    return records, failures


def read_record(folder: Path, key: str) -> CaseRecord:
    """Read what was measured under a key.

    Raises
    ------
    StoreError
        If the record is gone or damaged.
    """
    found = Records(folder).find(key)
    if found is None:
        raise StoreError(
            what="a measured case has a record",
            got="none, or a damaged one",
            fix="Run again: it is measured anew.",
        ).at(file=Records(folder).path(key))
    return CaseRecord.from_record(found)


def measure_case(task: CaseTask) -> Receipt:
    """Measure one case, or find the record that an earlier run left.

    Raises
    ------
    HepacastError
        Naming the case; it is kept too, so that the next run need not fail again.
    """
    ledger, records = Ledger(task.folder / "cases" / "index"), Records(task.folder)
    before = ledger.read(task.case)
    files: dict[str, Known] = {}
    try:
        entry = entry_of(task, before, files)
        state: Literal["measured", "found"] = "found"
        if not records.holds(entry.key):
            records.keep(measure(task, entry.key).to_record())
            state = "measured"
    except HepacastError as error:
        error.at(case=task.case)
        # A full disk is no property of the case.
        if not isinstance(error, StoreError):
            ledger.write(_entry(task, {}, files, failure_of(without_paths(error, task.rows))))
        raise error from None
    if entry != before:
        ledger.write(entry)
    return Receipt(task.case, entry.key, state)


def kept(task: CaseTask) -> Receipt | HepacastError | None:
    """Say how a case ended in an earlier run, if neither files nor settings were touched."""
    before = None if task.rehash else Ledger(task.folder / "cases" / "index").read(task.case)
    if before is None or _entry(task, before.inputs, before.files, before.failure) != before:
        return None
    if not unchanged(before, {source.name: source.path for source in _sources(task)}):
        return None
    if before.failure is not None:
        return None if task.retry else error_of(before.failure)
    holds = Records(task.folder).path(before.key).is_file() or Records(task.folder).holds(
        before.key
    )
    return Receipt(task.case, before.key, "unchanged") if holds else None


def entry_of(task: CaseTask, before: Entry | None, files: dict[str, Known]) -> Entry:
    """Digest the voxels of all files of a case, decoding only those that are new.

    Parameters
    ----------
    task : CaseTask
        The case.
    before : Entry, optional
        Of an earlier run.
    files : dict
        Filled with what is known of every file, as far as the reading came.
    """
    inputs = {}
    reading = _Reading()
    for source in _sources(task):
        try:
            known = look(
                source.path,
                source.role,
                before,
                partial(reading.digest, source),
                rehash=task.rehash,
            )
        except HepacastError as error:
            raise error.at(phase=source.row.phase) from None
        files[source.name] = known
        inputs[source.name] = known.digests[source.role]
    return _entry(task, inputs, files, None)


def _entry(
    task: CaseTask,
    inputs: Mapping[str, str],
    files: Mapping[str, Known],
    failure: Mapping[str, Any] | None,
) -> Entry:
    """Put the settings of a case beside its inputs."""
    return Entry(task.case, OPERATOR, VERSION, settings_of(task), inputs, files, failure)


@dataclass(frozen=True, slots=True)
class _Source:
    """One thing that is read from one file of a case."""

    row: ImageRow
    mask: str | None = None

    @property
    def path(self) -> Path:
        """File, or folder with a series."""
        return self.row.image if self.mask is None else self.row.masks[self.mask].path

    @property
    def role(self) -> str:
        """What is read from it."""
        if self.mask is None:
            return "image"
        return f"mask {self.mask} {self.row.masks[self.mask].label}"

    @property
    def name(self) -> str:
        """Its name among all files of the case."""
        return f"{self.row.phase} {self.role}"


def _sources(task: CaseTask) -> list[_Source]:
    """List all that a case is measured from."""
    return [_Source(row, mask) for row in task.rows for mask in (None, *masks_of(task, row))]


class _Reading:
    """Digests of voxels; an image is decoded once for itself and all its masks."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._volume: Volume | None = None

    def digest(self, source: _Source) -> str:
        """Decode what the source names, and digest it with its geometry."""
        row = source.row
        if is_film(row.image):
            return digest_source(source.path)
        if self._volume is None or row.image != self._path:
            self._path, self._volume = row.image, read_image(row.image, row.options)
        grid = self._volume.grid
        if source.mask is None:
            return digest_array(self._volume.data, grid)
        drawn = row.masks[source.mask]
        try:
            rule = MaskRule(label=drawn.label)
            region = read_region(drawn.path, source.mask, grid, rule)
        except HepacastError as error:
            raise error.at(region=source.mask) from None
        return digest_array(region.mask, grid)
