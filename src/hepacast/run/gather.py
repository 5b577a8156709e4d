# SPDX-License-Identifier: Apache-2.0
"""Everything that is read before anything is computed, checked together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError, TableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.io.tables import read_table
from hepacast.run.parts.rows import ImageRow, MaskFile
from hepacast.run.reader_table import ReaderTable, read_readers
from hepacast.run.settings.study import MeasuredParams, TableFeaturesParams, read_study
from hepacast.run.settings.yaml12 import load_yaml
from hepacast.table.clinical import choose_predictors, read_clinical
from hepacast.table.fields import parse_dictionary
from hepacast.table.join import read_features
from hepacast.table.outcomes import label_cases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.table import FeatureTable
    from hepacast.core.text import TextTable
    from hepacast.io.options import ReadOptions
    from hepacast.run.settings.case import CasesParams
    from hepacast.run.settings.study import Study
    from hepacast.table.clinical import ClinicalTable
    from hepacast.table.fields import Dictionary
    from hepacast.table.outcomes import LabelledCases


@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """What a study is made of.

    Parameters
    ----------
    study : Study
        The checked study file.
    folder : Path
        Folder that its paths are relative to.
    text : str
        The study file, word for word.
    clinical : ClinicalTable
        Typed clinical variables.
    predictors : tuple of str
        Clinical variables that may predict.
    labelled : mapping of str to LabelledCases
        Outcomes by name.
    tables : mapping of str to FeatureTable
        Feature tables made elsewhere.
    images : tuple of ImageRow
        Rows of the case table; empty without images.
    sites : mapping of str to str
        Centre of every case; empty when there is only one.
    digests : mapping of str to str
        sha256 of every table read.
    readers : ReaderTable, optional
        What readers said without and with a model.
    """

    study: Study
    folder: Path
    text: str
    clinical: ClinicalTable
    predictors: tuple[str, ...]
    labelled: Mapping[str, LabelledCases]
    tables: Mapping[str, FeatureTable]
    images: tuple[ImageRow, ...] = ()
    sites: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    readers: ReaderTable | None = None

    @property
    def first_reading(self) -> tuple[ImageRow, ...]:
        """Rows of the reader whose masks are measured: the first by name."""
        first = min((row.reader for row in self.images), default="")
        return tuple(row for row in self.images if row.reader == first)

    @property
    def measured(self) -> dict[str, MeasuredParams]:
        """Feature blocks that are measured on images."""
        blocks = self.study.features.items()
        return {name: b for name, b in blocks if isinstance(b, MeasuredParams)}


def gather(path: Path, *, on_event: Listener = ignore) -> Materials:
    """Read a study file and all tables it names; nothing is written.

    Parameters
    ----------
    path : Path
        The study file.
    on_event : callable
        Told of repairs and remarks.

    Raises
    ------
    StudyError, TableError, NotEstimableError
        The first thing that must be mended; ``require_feasible`` asks for more.
    """
    study = read_study(path)
    folder = path.resolve().parent
    clinical = _clinical(study, folder, on_event)
    digests = {"clinical table": clinical.text.digest}
    tables = {}
    for name, block in study.features.items():
        if isinstance(block, TableFeaturesParams):
            text = read_table(folder / block.table, on_event=on_event)
            tables[name] = read_features(text, block.id, block.drop, on_event=on_event)
            digests[f"feature table {name}"] = text.digest
    images: tuple[ImageRow, ...] = ()
    sites: dict[str, str] = {}
    if study.cases is not None:
        text = read_table(folder / study.cases.table, on_event=on_event)
        images = image_rows(text, study.cases, (folder / study.cases.table).parent)
        sites = _sites(text, study.cases.patient, study.cases.site)
        digests["case table"] = text.digest
    elif study.clinical.site is not None:
        sites = _sites(clinical.text, study.clinical.id, study.clinical.site)
    readers = None
    if study.readers is not None:
        text = read_table(folder / study.readers.table, on_event=on_event)
        readers, digests["reader table"] = read_readers(text, study.readers), text.digest
    _warn_unmatched(clinical, tables, images, on_event)
    return Materials(
        study=study,
        folder=folder,
        text=path.read_text(encoding="utf-8"),
        clinical=clinical,
        predictors=choose_predictors(clinical, study.clinical.use),
        labelled={n: label_cases(n, o, clinical) for n, o in study.outcomes.items()},
        tables=tables,
        images=images,
        sites=sites,
        digests={"study file": digest_bytes(path.read_bytes()), **digests},
        readers=readers,
    )


def _clinical(study: Study, folder: Path, on_event: Listener) -> ClinicalTable:
    """Read the clinical table by its dictionary."""
    fields = read_dictionary(folder / study.clinical.dictionary)
    path = folder / study.clinical.table
    text = read_table(path, sheet=study.clinical.sheet, on_event=on_event)
    return read_clinical(text, study.clinical.id, fields, on_event=on_event)


def read_dictionary(path: Path) -> Dictionary:
    """Read the YAML file that describes the clinical columns.

    Parameters
    ----------
    path : Path
        The file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            what="the data dictionary must be a readable YAML file",
            got=str(error),
            fix="Give its path in clinical.dictionary, relative to the study file.",
        ) from error
    return parse_dictionary(load_yaml(text, source=str(path)), source=str(path))


def image_rows(text: TextTable, params: CasesParams, folder: Path) -> tuple[ImageRow, ...]:
    """Turn the case table into rows with absolute paths.

    Parameters
    ----------
    text : TextTable
        The case table.
    params : CasesParams
        Its columns.
    folder : Path
        What its paths are relative to.
    """
    cases, phases = text.ids(params.patient), text.ids(params.phase)
    images = text.column(params.image)
    readers = text.ids(params.reader) if params.reader else ("1",) * len(text)
    masks = {name: (text.column(one.column), one.label) for name, one in params.masks.items()}
    choices = _choices(text, params)
    frames = _numbers(text, params.film.drawn_on)
    rows, seen = [], set()
    for at, (case, phase, reader) in enumerate(zip(cases, phases, readers, strict=True)):
        image = images[at]
        if image is None or (case, phase, reader) in seen:
            raise TableError(
                what="the case table has one row, with an image, per case, phase and reader",
                got="no image" if image is None else f"phase {phase!r} reader {reader!r} again",
                fix="Complete the row, or remove the second one.",
            ).at(file=text.source, case=case, row=at + 2)
        seen.add((case, phase, reader))
        drawn = {
            name: MaskFile(folder / cell, label)
            for name, (cells, label) in masks.items()
            if (cell := cells[at]) is not None
        }
        rows.append(ImageRow(case, phase, reader, folder / image, drawn, choices[at], frames[at]))
    return tuple(rows)


def _choices(text: TextTable, params: CasesParams) -> list[ReadOptions]:
    """Say for every row which series of its folder is meant, and which part of that."""
    series = text.column(params.series) if params.series else (None,) * len(text)
    parts = _numbers(text, params.part)
    return [
        params.read.model_copy(
            update={
                **({} if uid is None else {"series_uid": uid}),
                **({} if part is None else {"part": part - 1}),
            }
        )
        for uid, part in zip(series, parts, strict=True)
    ]


def _numbers(text: TextTable, column: str | None) -> list[int | None]:
    """Read a column of whole numbers; nothing where there is no column or no cell."""
    if column is None:
        return [None] * len(text)
    found: list[int | None] = []
    for at, cell in enumerate(text.column(column)):
        if cell is not None and not cell.isdigit():
            raise TableError(
                what=f"column {column!r} holds whole numbers",
                got=repr(cell),
                fix="Correct the cell, or leave it empty.",
            ).at(file=text.source, row=at + 2)
        found.append(None if cell is None else int(cell))
    return found


def _sites(text: TextTable, patient: str, site: str | None) -> dict[str, str]:
    """Read the centre of every case, and refuse a case of two centres."""
    if site is None:
        return {}
    found: dict[str, str] = {}
    for case, centre in zip(text.ids(patient), text.column(site), strict=True):
        if found.setdefault(case, centre or "") != (centre or ""):
            raise TableError(
                what="a case belongs to one centre",
                got=f"{found[case]!r} and {centre!r}",
                fix="Mend the column of the centre.",
            ).at(file=text.source, case=case)
    return found


def _warn_unmatched(
    clinical: ClinicalTable,
    tables: Mapping[str, FeatureTable],
    images: tuple[ImageRow, ...],
    on_event: Listener,
) -> None:
    """Name the cases that only one side knows; they leave the study with a reason."""
    known = set(clinical.cases)
    sources = {f"features.{name}": set(table.cases) for name, table in tables.items()}
    if images:
        sources["case table"] = {row.case for row in images}
    for source, cases in sources.items():
        if not cases & known:
            raise TableError(
                what="the tables must share case ids",
                got=f"{min(known)!r} in the clinical table, {min(cases)!r} in {source}",
                fix="Use the same ids, letter by letter, and name the right id column.",
            )
        if extra := sorted(cases - known):
            said = f"{len(extra)} cases without a clinical row are left out: {', '.join(extra[:9])}"
            on_event(Noticed(source, said))
