# SPDX-License-Identifier: Apache-2.0
"""A predictor tried on the patients of another centre; their rows stay there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.events import Failed, Noticed, ignore
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureTable
from hepacast.run.cases.many import measure_all
from hepacast.run.cases.task import CaseTask
from hepacast.run.gather import gather
from hepacast.run.predictor.predict import RejectedError, require_phases, row_of
from hepacast.table.clinical import read_clinical

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.outcome import Outcome
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.gather import Materials
    from hepacast.run.parts.rows import ImageRow
    from hepacast.run.predictor.predictor import Predictor
    from hepacast.run.protocol.chain import Prediction
    from hepacast.run.work.execute import Executor


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """A predictor's word on every patient of a centre, beside what happened.

    Parameters
    ----------
    predictor : Predictor
        Who says it.
    outcome : Binary, Survival or CompetingRisks
        What happened to the cases of ``found``.
    found : Prediction
        What was said.
    outside : int
        Cases with a feature outside the range of the training patients.
    not_scored, without_outcome : int
        Cases left out.
    """

    predictor: Predictor
    outcome: Outcome
    found: Prediction
    outside: int
    not_scored: int
    without_outcome: int


def try_predictor(
    predictor: Predictor,
    study: Path,
    work: Path,
    executor: Executor,
    *,
    outcome: str | None = None,
    on_event: Listener = ignore,
) -> Tried:
    """Score all patients of a study by a predictor that was made elsewhere.

    Images are measured with the settings of the predictor; of the study file only the
    tables, where images and masks are, and the outcome are taken.

    Parameters
    ----------
    predictor : Predictor
        The model; nothing is learned here.
    study : Path
        Study file of this centre.
    work : Path
        Folder for what is measured; it holds patients.
    executor : Executor
        Does the measuring.
    outcome : str, optional
        Name of the end point in the study file; the predictor's by default.
    on_event : callable
        Told of progress, and of cases that cannot be scored.

    Raises
    ------
    StudyError
        If end point or units are not those of the predictor, or nobody can be scored.
    """
    materials = gather(study, on_event=on_event)
    name = outcome or predictor.about.outcome
    _require_outcome(predictor, materials, name)
    _require_units(predictor, materials)
    labelled = materials.labelled[name]
    table, lost = _table(predictor, materials, work, executor, on_event)
    cases = tuple(case for case in table.cases if case in set(labelled.cases))
    if not cases:
        raise StudyError(
            what="an external validation needs patients that can be scored",
            got=f"nobody, of {len(labelled.cases)} with an outcome",
            fix="See why each was left out; `hepacast predict` tries one of them.",
        )
    at = [labelled.cases.index(case) for case in cases]
    chosen = table.rows(cases)
    found = predictor.predict(chosen)
    outside = predictor.envelope.outside(chosen)
    return Tried(
        predictor=predictor,
        outcome=labelled.outcome.take(np.array(at)),
        found=found,
        outside=sum(bool(columns) for columns in outside.values()),
        not_scored=lost,
        without_outcome=len(table.cases) - len(cases),
    )


def _require_outcome(predictor: Predictor, materials: Materials, name: str) -> None:
    """Refuse an end point of another kind."""
    if name not in materials.labelled:
        raise StudyError(
            what="the study file defines the end point of the predictor",
            got=f"none called {name!r}; there are {', '.join(materials.labelled)}",
            fix="Name it with --outcome.",
        )
    timed = not isinstance(materials.labelled[name].outcome, Binary)
    if timed != (predictor.about.at_days is not None):
        raise StudyError(
            what="the end point is of the kind that the predictor forecasts",
            got="one with a time" if timed else "one without a time",
            fix="Define it as the predictor's card says.",
        ).at(outcome=name)


def _require_units(predictor: Predictor, materials: Materials) -> None:
    """Refuse a clinical variable that this centre gives in another unit."""
    for name, field in predictor.preparation.fields.items():
        own = materials.clinical.fields.get(name)
        if own is None:
            raise StudyError(
                what=f"the clinical table has the predictor's variable {name!r}",
                got="none of that name",
                fix="Name the column as the predictor does, and describe it.",
            )
        if own.unit != field.unit:
            raise StudyError(
                what=f"{name!r} is given in {field.unit or 'no unit'}, as in training",
                got=own.unit or "no unit",
                fix="Convert the column, and mend its unit in the data dictionary.",
            )


def _table(
    predictor: Predictor,
    materials: Materials,
    work: Path,
    executor: Executor,
    on_event: Listener,
) -> tuple[FeatureTable, int]:
    """Put what is known of every case into rows; also count those that have none."""
    clinical = _clinical(predictor, materials, on_event)
    tasks, failures = _tasks(predictor, materials, work)
    records: dict[str, CaseRecord] = {}
    heard: dict[str, HepacastError] = {}  # told of already
    if tasks:
        records, heard = measure_all(tasks, executor, on_event=on_event)
    imaged = bool(predictor.preparation.blocks)
    rows, names = [], []
    for case in materials.clinical.cases:
        if imaged and case not in records:
            if case not in heard:
                failures.setdefault(case, _absent())
            continue
        try:
            known = {} if clinical is None else clinical[case]
            row = row_of(predictor, case, records.get(case), known)
        except RejectedError as error:
            failures[case] = error
            continue
        rows.append(row.values[0])
        names.append(case)
    for case, failure in failures.items():
        on_event(Failed("validate", case, failure))
    lost = len(failures) + len(heard)
    on_event(Noticed("validate", f"{len(names)} cases scored, {lost} not"))
    values = np.array(rows).reshape(len(rows), len(predictor.columns))
    return FeatureTable(values, tuple(names), predictor.columns), lost


def _absent() -> HepacastError:
    return RejectedError(
        what="a case has images", got="none in the case table", fix="Add its rows."
    )


def _clinical(
    predictor: Predictor, materials: Materials, on_event: Listener
) -> Mapping[str, Mapping[str, float]] | None:
    """Read the clinical variables as the predictor's study read them."""
    fields = dict(predictor.preparation.fields)
    if not fields:
        return None
    text = materials.clinical.text
    table = read_clinical(text, materials.study.clinical.id, fields, on_event=on_event)
    found = table.predictors(list(fields))
    names = [str(column) for column in found.columns]
    return {
        case: dict(zip(names, row.tolist(), strict=True))
        for case, row in zip(found.cases, found.values, strict=True)
    }


def _tasks(
    predictor: Predictor, materials: Materials, work: Path
) -> tuple[list[CaseTask], dict[str, HepacastError]]:
    """Lay out the measuring of every case that has the phases."""
    preparation = predictor.preparation
    if preparation.cases is None or not preparation.blocks:
        return [], {}
    known = set(materials.clinical.cases)
    by_case: dict[str, list[ImageRow]] = {}
    for row in materials.first_reading:
        if row.case in known and row.phase in preparation.phases:
            by_case.setdefault(row.case, []).append(row)
    tasks: list[CaseTask] = []
    failures: dict[str, HepacastError] = {}
    for case, rows in by_case.items():
        try:
            require_phases(preparation, {row.phase for row in rows}, case)
        except RejectedError as error:
            failures[case] = error
            continue
        tasks.append(
            CaseTask(
                case=case,
                rows=tuple(rows),
                regions=preparation.regions,
                blocks=preparation.blocks,
                phases=tuple(preparation.phases),
                folder=work,
                cases=preparation.cases,
            )
        )
    return tasks, failures
