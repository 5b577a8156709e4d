# SPDX-License-Identifier: Apache-2.0
"""A synthetic cohort on disk: what a researcher would hand over, and the truth."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import yaml

from hepacast.core.errors import StudyError
from hepacast.core.events import Advanced, Started, ignore
from hepacast.io.dicom.write import write_series
from hepacast.io.nifti import write_nifti
from hepacast.phantom.clinical import ID, dictionary
from hepacast.phantom.dicom import series_identity, write_clip
from hepacast.phantom.params import REFERENCE_PHASE
from hepacast.phantom.patient import simulate_patient
from hepacast.phantom.truth import attainable, true_performance
from hepacast.phantom.ultrasound import moment_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.phantom.clinical import Cell
    from hepacast.phantom.params import PhantomParams
    from hepacast.phantom.patient import Patient
    from hepacast.phantom.truth import Truth

STAGE = "phantom"
_CASES = ("case", "site", "phase", "reader", "image", "mask_tumour", "mask_liver")
_CLIPS = ("case", "site", "clip", "frame", "mask_tumour")
_README = """\
SYNTHETIC DATA. No patient has ever looked like this.

{patients} simulated patients ({modality}), written by hepacast.phantom with seed {seed}.
The same settings give the same bytes.

cases.csv      one row per case, phase and reader: image and masks, relative to this folder
clinical.csv   one row per case: baseline, follow-up and outcome columns; empty cells are missing
fields.yaml    what every clinical column means: unit, levels, when it was measured
clips.csv      ultrasound only: the film, and the frame (from 0) on which the mask was drawn;
               the mask covers the left panel
images, masks  the files that cases.csv names (LPS geometry, whole-number intensities)
truth.json     what only a simulation knows: settings, the true AUC and C-index of every
               predictor, the AUC that true risks reach in these very patients, and each
               patient's aggressiveness, hazards and uncensored times

{truth}
"""


def write_cohort(params: PhantomParams, folder: Path, on_event: Listener = ignore) -> Truth:
    """Simulate a cohort and write it.

    Parameters
    ----------
        params : PhantomParams
            The cohort.
        folder : Path
            Made if missing; must not hold a cohort already.
        on_event : callable
            Told of every patient.

    Returns
    -------
        Truth
            True performance, also in ``truth.json``.

    Raises
    ------
        StudyError
            If the folder already holds a cohort.

    Examples
    --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hepacast.phantom.params import PhantomParams
        >>> tiny = PhantomParams(patients=1, spacing_mm=(9, 8, 8), phases=("portal",))
        >>> folder = Path(tempfile.mkdtemp())
        >>> truth = write_cohort(tiny, folder)
        >>> sorted(path.name for path in folder.iterdir() if path.is_file())
        ['README.txt', 'cases.csv', 'clinical.csv', 'fields.yaml', 'truth.json']
    """
    if (folder / "cases.csv").exists() or (folder / "images").exists():
        raise StudyError(
            what="a phantom cohort is written into a folder without one",
            got=str(folder),
            fix="Choose another folder, or delete this one.",
        )
    on_event(Started(STAGE, params.patients))
    truth = true_performance(params)
    rows: list[dict[str, Cell]] = []
    clinical: list[dict[str, Cell]] = []
    films: list[dict[str, Cell]] = []
    hidden: dict[str, object] = {}
    for index in range(1, params.patients + 1):
        patient = simulate_patient(params, index)
        rows += _write_patient(params, patient, folder)
        films += _write_clip(patient, folder)
        clinical.append({ID: patient.case, "site": patient.site, **patient.clinical})
        hidden[patient.case] = dict(patient.truth)
        on_event(Advanced(STAGE, patient.case))
    fields = dictionary()
    record = {
        "synthetic": True,
        "settings": params.model_dump(mode="json"),
        "performance": truth.as_dict(),
        "attainable_auc": [
            {"end_point": end, "predictor": seen, "auc": auc}
            for end, seen, auc in attainable(params)
        ],
        "cases": hidden,
    }
    _write_text(folder / "clinical.csv", _csv(tuple(fields), clinical))
    _write_text(folder / "fields.yaml", yaml.safe_dump(fields, sort_keys=False, allow_unicode=True))
    _write_text(folder / "truth.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    _write_text(folder / "README.txt", _readme(params, truth))
    if films:
        _write_text(folder / "clips.csv", _csv(_CLIPS, films))
    # Last, so that a folder with a case table is complete.
    _write_text(folder / "cases.csv", _csv(_CASES, rows))
    return truth


def _write_patient(params: PhantomParams, patient: Patient, folder: Path) -> list[dict[str, Cell]]:
    """Write images and masks of one patient; return the rows of the case table."""
    masks: dict[tuple[str, int, str], str] = {}
    for (phase, reader, name), region in patient.masks.items():
        place = f"masks/{patient.case}/{phase}_{name}_r{reader}.nii.gz"
        _make_folder(folder / place)
        write_nifti(region, folder / place)
        masks[phase, reader, name] = place
    readers = sorted({reader for _, reader, name in patient.masks if name == "tumour"})
    rows: list[dict[str, Cell]] = []
    for phase in patient.phases:
        image = _write_image(params, patient, phase, folder)
        drawn = phase if (phase, 1, "tumour") in masks else REFERENCE_PHASE
        rows += [
            {
                "case": patient.case,
                "site": patient.site,
                "phase": phase,
                "reader": reader,
                "image": image,
                "mask_tumour": masks[drawn, reader, "tumour"],
                "mask_liver": masks[drawn, 1, "liver"],
            }
            for reader in readers
        ]
    return rows


def _write_image(params: PhantomParams, patient: Patient, phase: str, folder: Path) -> str:
    """Write one phase; return its place relative to the folder."""
    if params.format == "dicom" and params.modality != "ceus":
        place = f"images/{patient.case}/{phase}"
        write_series(patient.phases[phase], folder / place, series_identity(patient, phase))
        return place
    place = f"images/{patient.case}/{phase}.nii.gz"
    _make_folder(folder / place)
    write_nifti(patient.phases[phase], folder / place)
    return place


def _write_clip(patient: Patient, folder: Path) -> list[dict[str, Cell]]:
    """Write the film of an ultrasound examination; return its row of the clip table."""
    if patient.clip is None:
        return []
    place = f"images/{patient.case}/clip.dcm"
    _make_folder(folder / place)
    write_clip(patient.clip, folder / place, patient)
    return [
        {
            "case": patient.case,
            "site": patient.site,
            "clip": place,
            "frame": moment_frame(patient.clip, REFERENCE_PHASE),
            "mask_tumour": f"masks/{patient.case}/{REFERENCE_PHASE}_tumour_r1.nii.gz",
        }
    ]


def _make_folder(path: Path) -> None:
    """Make the folder of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)


def _write_text(path: Path, text: str) -> None:
    """Write text with the same line ends everywhere."""
    _make_folder(path)
    path.write_bytes(text.encode())


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Cell]]) -> str:
    """Lay out a table; None is an empty cell, whole numbers have no point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(_cell(row[column]) for column in columns)
    return text.getvalue()


def _cell(value: Cell) -> str:
    """Write one value."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _readme(params: PhantomParams, truth: Truth) -> str:
    """Say what this is."""
    return _README.format(
        patients=params.patients,
        modality=params.modality.upper(),
        seed=params.seed,
        truth="\n".join(truth.lines()),
    )
