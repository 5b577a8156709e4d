# SPDX-License-Identifier: Apache-2.0
"""From the images of one new case to its probability, by the study's own code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, TableError
from hepacast.core.events import Event, Noticed, ignore
from hepacast.core.table import FeatureTable
from hepacast.io.store import write_atomic
from hepacast.io.tables import read_table
from hepacast.run.cases.measure import measure
from hepacast.run.cases.task import CaseTask
from hepacast.run.predictor.arrival import CLINICAL, find_rows
from hepacast.run.predictor.result import Result
from hepacast.run.settings.study import RadiomicsParams
from hepacast.table.clinical import read_clinical

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.predictor.predictor import Predictor, Preparation


PAGE = "case.html"


class RejectedError(HepacastError, ValueError):
    """A case that the predictor must not score, with the reason."""


def predict_case(
    predictor: Predictor,
    folder: Path,
    *,
    case: str | None = None,
    clinical: Path | None = None,
    reject_outside: bool = False,
    on_event: Listener = ignore,
) -> tuple[Result, CaseRecord | None]:
    """Measure one case as in the study, and score it.

    Parameters
    ----------
    predictor : Predictor
        The model.
    folder : Path
        Images and masks, as :func:`~hepacast.run.predictor.arrival.find_rows` finds them.
    case : str, optional
        Case id; the name of the folder by default.
    clinical : Path, optional
        Table with one row of clinical variables; ``clinical.csv`` of the folder by default.
    reject_outside : bool
        Refuse a case outside the range of the training patients instead of saying so.
    on_event : callable
        Told of repairs and remarks.

    Returns
    -------
    Result
    CaseRecord or None
        What was measured, pictures included; None for a predictor without images.

    Raises
    ------
    RejectedError
        If a phase, mask or clinical variable is missing that the model cannot do without, or
        the case is outside the range of the training patients and that was not allowed.
    HepacastError
        If the images cannot be trusted.
    """
    name = case or folder.name
    notices: list[tuple[str, str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, Noticed):
            notices.append((event.where, event.text))
        on_event(event)

    try:
        record = _measured(predictor, folder, name, hear)
        needed = bool(predictor.preparation.fields)
        read = _clinical(predictor, clinical or folder / CLINICAL, hear) if needed else {}
        table = row_of(predictor, name, record, read)
        found = predictor.predict(table)
    except RejectedError:
        raise
    except HepacastError as error:
        raise error.at(case=name) from None
    for where, text in record.notices if record else ():
        notices.append((where, text))
    outside = predictor.envelope.outside(table)[name]
    if outside and reject_outside:
        raise RejectedError(
            what="a case lies within the range of the training patients",
            got=f"{len(outside)} outside, the first is {outside[0]}",
            fix="See whether images and masks are right; the model knows no such patients.",
        ).at(case=name)
    values = dict(zip(map(str, table.columns), table.values[0].tolist(), strict=True))
    weighed = {str(column) for column in predictor.envelope.columns}
    return (
        Result(
            case=name,
            predictor=predictor.about.name,
            digest=predictor.digest,
            model=predictor.about.model,
            outcome=predictor.about.outcome,
            at_days=predictor.about.at_days,
            score=float(found.score[0]),
            probability=float(found.probability[0]),
            high=bool(found.high[0]),
            outside=outside,
            notices=tuple(dict.fromkeys(notices)),
            volumes_ml={f"{f[0]}/{f[1]}": f[3] for f in record.facts} if record else {},
            features={n: None if np.isnan(v) else v for n, v in values.items() if n in weighed},
        ),
        record,
    )


def _measured(
    predictor: Predictor, folder: Path, case: str, on_event: Listener
) -> CaseRecord | None:
    """Measure the images with the settings of the study."""
    task = plan_case(predictor, folder, case, on_event=on_event)
    return None if task is None else measure(task, predictor.digest)


def plan_case(
    predictor: Predictor, folder: Path, case: str, *, on_event: Listener = ignore
) -> CaseTask | None:
    """Say which files of a folder are measured, and how.

    Returns
    -------
    CaseTask or None
        None for a predictor without images.

    Raises
    ------
    RejectedError
        If a phase is missing that the model cannot do without.
    """
    preparation = predictor.preparation
    if preparation.cases is None or not preparation.blocks:
        return None
    rows = find_rows(folder, case, preparation.cases, preparation.phases, on_event=on_event)
    require_phases(preparation, {row.phase for row in rows}, case)
    return CaseTask(
        case=case,
        rows=rows,
        regions=preparation.regions,
        blocks=preparation.blocks,
        phases=tuple(preparation.phases),
        folder=folder,
        cases=preparation.cases,
    )


def require_phases(preparation: Preparation, there: Collection[str], case: str) -> None:
    """Refuse a case without a phase that the model cannot do without.

    Raises
    ------
    RejectedError
        Naming the phases that are missing.
    """
    for name, block in preparation.blocks.items():
        needed = preparation.phases if block.phases == "all" else block.phases
        missing = [phase for phase in needed if phase not in there]
        may_lack = isinstance(block, RadiomicsParams) and block.missing_phase == "keep"
        if missing and not may_lack:
            raise RejectedError(
                what=f"the model needs the phases {', '.join(needed)} for {name}",
                got=f"no {', '.join(missing)}",
                fix="Send the missing series, or name it in a table cases.csv.",
            ).at(case=case)


def row_of(
    predictor: Predictor, case: str, record: CaseRecord | None, clinical: Mapping[str, float]
) -> FeatureTable:
    """Put everything that is known of a case into one row; what is not, is missing.

    Parameters
    ----------
    predictor : Predictor
        Names the columns.
    case : str
        Case id.
    record : CaseRecord or None
        What was measured.
    clinical : mapping of column to float
        What was read.

    Raises
    ------
    RejectedError
        If something is not there at all that was there in training.
    """
    known: dict[str, float] = {}
    for found in record.features.values() if record else ():
        known |= {str(name): value for name, value in found.items()}
    known |= clinical
    missing = [column for column in predictor.columns if str(column) not in known]
    # A feature without a value is NaN and was imputed in training; one that is absent was not
    # measured at all: a missing phase that the study kept.
    strange = [c for c in missing if c.phase == "-" or record is None]
    if strange:
        raise RejectedError(
            what="a case must have everything that the model was trained with",
            got=f"no {strange[0]}" + (f" and {len(strange) - 1} more" if strange[1:] else ""),
            fix=f"Give the clinical variables in {CLINICAL}.",
        ).at(case=case)
    values = [known.get(str(column), np.nan) for column in predictor.columns]
    return FeatureTable(np.array([values]), (case,), predictor.columns)


def _clinical(predictor: Predictor, path: Path, on_event: Listener) -> dict[str, float]:
    """Read one row of clinical variables as the study read its table."""
    fields = dict(predictor.preparation.fields)
    if not path.is_file():
        raise RejectedError(
            what=f"the model needs {', '.join(fields)}",
            got=f"no {path.name}",
            fix="Write a table with one row and these columns, in the study's units.",
        )
    text = read_table(path)
    if len(text) != 1:
        raise TableError(
            what="the clinical table of a case has one row",
            got=f"{len(text)}",
            fix="Leave the row of this case.",
        ).at(file=path)
    id_column = next((name for name in text.columns if name not in fields), "")
    table = read_clinical(text, id_column, fields, on_event=on_event).predictors(list(fields))
    return dict(zip(map(str, table.columns), table.values[0].tolist(), strict=True))


def write_result(
    predictor: Predictor, folder: Path, result: Result, record: CaseRecord | None, out: Path
) -> Result:
    """Write ``result.json``, pictures and maps of a case, and a page with all of it.

    Parameters
    ----------
    predictor, folder : Predictor, Path
        As for :func:`predict_case`.
    result, record : Result, CaseRecord or None
        What that returned.
    out : Path
        Folder of the results.

    Returns
    -------
    Result
        With the captions of the maps.
    """
    from hepacast.run.predictor.networks import blocks_with_networks  # noqa: PLC0415 - the same
    from hepacast.run.predictor.page import render_forecast  # noqa: PLC0415 - loads slowly
    from hepacast.run.predictor.saliency import write_maps  # noqa: PLC0415 - the same

    pictures = dict(record.pictures) if record else {}
    for name, picture in pictures.items():
        write_atomic(out / f"{name}.png", picture)
    looked = bool(blocks_with_networks(predictor.preparation))
    task = plan_case(predictor, folder, result.case) if looked else None
    maps = write_maps(predictor, task, result, out)
    told = replace(result, saliency=dict(maps.captions), no_saliency=maps.said)
    write_atomic(out / PAGE, render_forecast(told, {**pictures, **maps.pictures}))
    write_atomic(out / "result.json", told.to_json())
    return told
