# SPDX-License-Identifier: Apache-2.0
"""Who is in and who is out: one list of features, one of cases, every loss with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.folds import Cohort
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.table.join import join_sources
from hepacast.table.outcomes import Exclusion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.errors import HepacastError
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.gather import Materials


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One box of the flow diagram."""

    label: str
    before: int
    excluded: tuple[Exclusion, ...]

    @property
    def after(self) -> int:
        """Cases that go on."""
        return self.before - sum(len(one.cases) for one in self.excluded)


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """All sources joined for the cases that have every one of them.

    Parameters
    ----------
    table : FeatureTable
        All columns.
    columns : mapping of str to tuple of FeatureName
        Columns of every source.
    steps : tuple of Step
        How the cases came to be these.
    """

    table: FeatureTable
    columns: Mapping[str, tuple[FeatureName, ...]]
    steps: tuple[Step, ...]


def join(
    materials: Materials,
    records: Mapping[str, CaseRecord],
    failures: Mapping[str, HepacastError],
) -> Joined:
    """Join clinical variables, ready-made tables and measured features on the case id.

    A case leaves under the first reason that applies to it, so that every
    excluded case is counted once.

    Parameters
    ----------
    materials : Materials
        The study and its tables.
    records : mapping of str to CaseRecord
        Measured cases.
    failures : mapping of str to HepacastError
        Cases that could not be measured.
    """
    everybody = materials.clinical.cases
    reasons = reasons_to_leave(materials, failures)
    sources: dict[str, FeatureTable] = dict(materials.tables)
    if materials.measured:
        sources |= measured_tables(materials, records)
    kept = tuple(case for case in everybody if case not in reasons)
    excluded = _by_reason(reasons, everybody)
    sources["clinical"] = materials.clinical.predictors(materials.predictors)
    table, columns = join_sources(sources, kept)
    return Joined(table, columns, (Step("Clinical table", len(everybody), excluded),))


def reasons_to_leave(materials: Materials, failures: Mapping[str, HepacastError]) -> dict[str, str]:
    """Say of every case without all sources why it leaves; the first reason counts.

    Parameters
    ----------
    materials : Materials
        The study and its tables.
    failures : mapping of str to HepacastError
        Cases that could not be measured.

    Raises
    ------
    NotEstimableError
        If nobody is left.
    """
    everybody = materials.clinical.cases
    reasons: dict[str, str] = dict.fromkeys(failures, "could not be measured (see Failures)")
    for name, table in materials.tables.items():
        _lacking(reasons, everybody, set(table.cases), f"no row in feature table {name}")
    if materials.measured:
        _lacking(reasons, everybody, {row.case for row in materials.images}, "no images")
        first = {row.case for row in materials.first_reading}
        _lacking(reasons, everybody, first, "no images by the first reader")
        for case, phases in _missing_phases(materials).items():
            reasons.setdefault(case, f"no {' or '.join(phases)} phase")
    if len(reasons) == len(everybody):
        lost = _by_reason(reasons, everybody)
        raise NotEstimableError(
            what="at least one case must have all sources",
            got="; ".join(f"{len(one.cases)} {one.reason}" for one in lost),
            fix="Check the ids and the case table.",
        )
    return reasons


def cohort_of(joined: Joined, materials: Materials, outcome: str) -> tuple[Cohort, Step]:
    """Take the cases that have one outcome, and say who has not.

    Parameters
    ----------
    joined : Joined
        All columns of all cases.
    materials : Materials
        Outcomes and centres.
    outcome : str
        Which one.
    """
    labelled = materials.labelled[outcome]
    there = set(joined.table.cases)
    row_of = {case: row for row, case in enumerate(labelled.cases)}
    cases = tuple(case for case in joined.table.cases if case in row_of)
    excluded = tuple(
        Exclusion(one.reason, lost)
        for one in labelled.excluded
        if (lost := tuple(case for case in one.cases if case in there))
    )
    if not cases:
        raise NotEstimableError(
            what=f"outcome {outcome!r} needs cases with features",
            got=f"{len(labelled.cases)} labelled cases, none of them among the features",
            fix="Check the ids.",
        )
    rows = np.array([row_of[case] for case in cases])
    sites = tuple(materials.sites.get(case, "") for case in cases)
    cohort = Cohort(joined.table.rows(cases), labelled.outcome.take(rows), sites)
    return cohort, Step(outcome, len(joined.table), excluded)


def _lacking(
    reasons: dict[str, str], everybody: tuple[str, ...], there: set[str], reason: str
) -> None:
    """Note why the cases that are not there leave, unless they left already."""
    for case in everybody:
        if case not in there:
            reasons.setdefault(case, reason)


def _by_reason(reasons: Mapping[str, str], order: tuple[str, ...]) -> tuple[Exclusion, ...]:
    """Turn reasons by case into cases by reason."""
    cases: dict[str, list[str]] = {}
    for case in order:
        if case in reasons:
            cases.setdefault(reasons[case], []).append(case)
    return tuple(Exclusion(reason, tuple(lost)) for reason, lost in cases.items())


def _missing_phases(materials: Materials) -> dict[str, list[str]]:
    """List the phases that a case lacks, for blocks that cannot do without."""
    found: dict[str, set[str]] = {}
    for row in materials.first_reading:
        found.setdefault(row.case, set()).add(row.phase)
    there = dict.fromkeys(row.phase for row in materials.first_reading)
    needed = dict.fromkeys(
        phase
        for block in materials.measured.values()
        if block.missing_phase == "exclude"
        for phase in (there if block.phases == "all" else block.phases)
    )
    gaps = {case: [p for p in needed if p not in phases] for case, phases in found.items()}
    return {case: phases for case, phases in gaps.items() if phases}


def measured_tables(
    materials: Materials, records: Mapping[str, CaseRecord]
) -> dict[str, FeatureTable]:
    """Stack the records into one table per block; a feature of a missing phase is NaN.

    Parameters
    ----------
    materials : Materials
        Says which blocks there are.
    records : mapping of str to CaseRecord
        Measured cases.
    """
    tables = {}
    cases = tuple(records)
    for block in materials.measured:
        columns = tuple(dict.fromkeys(n for r in records.values() for n in r.features[block]))
        values = np.full((len(cases), len(columns)), np.nan)
        place = {name: at for at, name in enumerate(columns)}
        for row, record in enumerate(records.values()):
            for name, value in record.features[block].items():
                values[row, place[name]] = value
        tables[block] = FeatureTable(values, cases, columns)
    return tables
