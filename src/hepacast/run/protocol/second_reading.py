# SPDX-License-Identifier: Apache-2.0
"""Where second readings come from: the masks of further readers, or tables of theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError, TableError
from hepacast.core.events import Noticed, ignore
from hepacast.io.tables import read_table
from hepacast.run.cases.many import measure_all
from hepacast.run.cases.measure import plan_cases
from hepacast.run.parts.reread import Rereading, require_rereading
from hepacast.run.protocol.flow import measured_tables
from hepacast.run.settings.study import RadiomicsParams, TableFeaturesParams
from hepacast.table.join import read_features

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.table import FeatureTable
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.cohorts import Division
    from hepacast.run.protocol.flow import Joined
    from hepacast.run.work.execute import Executor

_COPY_COLUMNS = 10


def read_again(
    materials: Materials,
    joined: Joined,
    division: Division,
    out: Path,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> Rereading | None:
    """Collect the second readings that ``reliability`` asks for.

    Parameters
    ----------
    materials : Materials
        Case table and study file.
    joined : Joined
        First readings; second ones must have their columns.
    division : Division
        Only development patients choose columns.
    out : Path
        Folder for what is measured on further readers' masks.
    executor : Executor
        Measures them.

    Returns
    -------
    Rereading or None
        None where the study has no ``reliability``.

    Raises
    ------
    StudyError
        If a reader named does not exist, or there is no second one.
    NotEstimableError
        With fewer than three development patients read again.
    """
    params = materials.study.reliability
    if params is None:
        return None
    readings = _tables(materials, joined, on_event)
    if materials.measured and materials.study.cases and materials.study.cases.reader:
        readings = _merge(readings, _measured(materials, out, executor, on_event))
    first = readings[0].columns
    own = joined.table.select(first)
    readings = [without_copies(one.select(first), own, on_event=on_event) for one in readings]
    rereading = Rereading(tuple(readings), params, materials.study.split.seed)
    rows = zip(joined.table.cases, joined.table.patients, strict=True)
    count = require_rereading(rereading, division.develop, dict(rows))
    said = f"{count} development patients with {1 + len(readings)} readings of {len(first)} columns"
    on_event(Noticed("reliability", said))
    return rereading


def without_copies(
    reading: FeatureTable, first: FeatureTable, *, on_event: Listener = ignore
) -> FeatureTable:
    """Leave out, and name, the cases whose second reading repeats the first one bit by bit.

    Somebody copied the masks: their agreement is no agreement of readers.  Tables of
    fewer than ten columns are left alone, because readers may agree on a few sizes.

    Examples
    --------
    >>> from hepacast.core.table import FeatureName, FeatureTable
    >>> names = tuple(FeatureName.clinical(f"x{at}") for at in range(10))
    >>> first = FeatureTable(np.arange(20.0).reshape(2, 10), ("a", "b"), names)
    >>> values = first.values + [[0.0], [0.1]]
    >>> without_copies(FeatureTable(values, ("a", "b"), names), first).cases
    ('b',)
    """
    if len(reading.columns) < _COPY_COLUMNS:
        return reading
    known = set(first.cases)
    shared = [case for case in reading.cases if case in known]
    pairs = zip(shared, reading.rows(shared).values, first.rows(shared).values, strict=True)
    copies = [case for case, again, once in pairs if np.array_equal(again, once, equal_nan=True)]
    if not copies:
        return reading
    named = ", ".join(copies[:5]) + (" and more" if len(copies) > 5 else "")
    said = f"{len(copies)} second readings are copies of the first and were left out ({named})"
    on_event(Noticed("reliability", said))
    return reading.rows(case for case in reading.cases if case not in copies)


def _tables(materials: Materials, joined: Joined, on_event: Listener) -> list[FeatureTable]:
    """Read the tables of further readings, reading by reading, blocks side by side."""
    params = materials.study.reliability
    found: list[FeatureTable] = []
    for name, paths in params.tables.items() if params else ():
        block = materials.study.features[name]
        if not isinstance(block, TableFeaturesParams):
            continue
        own = []
        for path in paths:
            text = read_table(materials.folder / path, on_event=on_event)
            table = read_features(text, block.id, block.drop, on_event=on_event)
            if missing := sorted(
                set(map(str, joined.columns[name])) - set(map(str, table.columns))
            ):
                raise TableError(
                    what=f"a second reading of {name} has the columns of the first",
                    got=f"{len(missing)} missing, the first is {missing[0]}",
                    fix="Measure both readings with the same settings.",
                ).at(file=text.source)
            own.append(table.select(joined.columns[name]))
        found = _merge(found, own)
    return found


def _measured(
    materials: Materials, out: Path, executor: Executor, on_event: Listener
) -> list[FeatureTable]:
    """Measure the images again, on the masks of every further reader."""
    params = materials.study.reliability
    first = materials.first_reading[0].reader if materials.first_reading else ""
    there = sorted({row.reader for row in materials.images})
    wanted = params.readers if params and params.readers else tuple(there)
    unknown = [one for one in wanted if one not in there]
    if unknown or first not in wanted or len(wanted) < 2:
        raise StudyError(
            what="reliability.readers are the first reader of the case table and another one",
            got=f"{', '.join(wanted)}, where the table has {', '.join(there)}",
            fix="Name them as the reader column does.",
        )
    found = []
    for reader in wanted:
        if reader == first:
            continue
        rows = tuple(row for row in materials.images if row.reader == reader)
        tasks = plan_cases(replace(materials, images=rows), out / "readings" / reader)
        records, failures = measure_all(tasks, executor, on_event=on_event)
        for case, error in failures.items():
            on_event(Noticed(f"reader {reader}", f"{case}: no second reading: {error}"))
        tables = list(measured_tables(materials, records).values())
        whole = tables[0]
        for table in tables[1:]:
            whole = whole.beside(table)
        found.append(whole)
    return found


def measure_shuffled(
    materials: Materials, out: Path, executor: Executor, *, on_event: Listener = ignore
) -> FeatureTable | None:
    """Measure all cases with their voxels dealt anew within each region: a control.

    Returns
    -------
    FeatureTable or None
        The columns of all radiomic blocks; None where the study measures no images, or does
        not ask for it.
    """
    if not materials.study.controls.shuffled_voxels:
        return None
    tasks = plan_cases(materials, out / "shuffled voxels")
    if not tasks:
        on_event(Noticed("shuffled voxels", "no images are measured here: nothing to shuffle"))
        return None
    dealt = [replace(task, shuffle=True) for task in tasks]
    records, failures = measure_all(dealt, executor, on_event=on_event)
    for case, error in failures.items():
        on_event(Noticed("shuffled voxels", f"{case}: {error}"))
    blocks = measured_tables(materials, records).items()
    radiomic = [t for n, t in blocks if isinstance(materials.measured[n], RadiomicsParams)]
    whole = radiomic[0]
    for table in radiomic[1:]:
        whole = whole.beside(table)
    return whole


def _merge(left: list[FeatureTable], right: list[FeatureTable]) -> list[FeatureTable]:
    """Put the blocks of each reading side by side, for the cases that have both."""
    if not left or not right:
        return left or right
    if len(left) != len(right):
        raise StudyError(
            what="every block was read again equally often",
            got=f"{len(left)} and {len(right)} further readings",
            fix="Leave the surplus reading out of reliability.",
        )
    merged = []
    for one, other in zip(left, right, strict=True):
        known = set(other.cases)
        merged.append(one.rows(case for case in one.cases if case in known).beside(other))
    return merged
