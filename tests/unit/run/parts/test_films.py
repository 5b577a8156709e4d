# SPDX-License-Identifier: Apache-2.0
"""An ultrasound clip in the case table: its frame of peak contrast is measured, with evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import GeometryError, ImageFileError, TableError
from hepacast.core.events import Event, Noticed
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region
from hepacast.imaging.perfusion import displacements
from hepacast.io.clip import ClipOptions, read_clip
from hepacast.io.nifti import write_nifti
from hepacast.phantom import PhantomParams, simulate_patient
from hepacast.phantom.cohort import write_cohort
from hepacast.phantom.dicom import write_clip
from hepacast.phantom.ultrasound import moment_frame
from hepacast.run.cases.load import load_case
from hepacast.run.cases.many import measure_case, read_record
from hepacast.run.cases.measure import measure
from hepacast.run.cases.task import CaseTask
from hepacast.run.parts.film import FilmParams, is_film, perfusion_features, read_film
from hepacast.run.parts.rows import ImageRow, MaskFile
from hepacast.run.settings.case import CasesParams, RegionParams
from hepacast.run.settings.study import RadiomicsParams
from hepacast.run.whole import run_study
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.phantom import Patient

FILM = FilmParams.model_validate({"read": {"pane": 0}, "tissue": {"pane": 1}, "drawn_on": "frame"})


@pytest.fixture(scope="module")
def patient() -> Patient:
    return simulate_patient(PhantomParams(modality="ceus", seed=5), 2)


@pytest.fixture
def row(patient: Patient, tmp_path: Path) -> ImageRow:
    """Write the film of a phantom examination, with a mask drawn in the portal phase."""
    assert patient.clip is not None
    write_clip(patient.clip, tmp_path / "clip.dcm", patient)
    write_nifti(patient.masks["portal", 1, "tumour"], tmp_path / "tumour.nii.gz")
    return ImageRow(
        "P1",
        "ceus",
        "1",
        tmp_path / "clip.dcm",
        {"tumour": MaskFile(tmp_path / "tumour.nii.gz")},
        frame=moment_frame(patient.clip, "portal"),
    )


def task(row: ImageRow, folder: Path, film: FilmParams = FILM) -> CaseTask:
    return CaseTask(
        case="P1",
        rows=(row,),
        regions={"tumour": RegionParams(mask="tumour")},
        blocks={"own": RadiomicsParams.model_validate({"params": {"families": ["firstorder"]}})},
        phases=("ceus",),
        folder=folder / "out",
        cases=CasesParams(table="cases.csv", film=film),
    )


def test_a_film_is_told_from_an_image(row: ImageRow, tmp_path: Path) -> None:
    assert is_film(row.image)
    assert is_film(tmp_path / "absent.mp4")
    assert not is_film(row.masks["tumour"].path)
    assert not is_film(tmp_path)


def test_the_peak_frame_is_that_of_the_truth(row: ImageRow, patient: Patient) -> None:
    assert patient.clip is not None
    film = read_film(row, FILM)
    truth = float(patient.truth["peak_s"])
    seen = film.curve.times_s[film.perfusion.peak_frame]
    assert abs(seen - truth) <= 3 * patient.clip.frame_seconds
    assert film.perfusion.r2 > 0.8
    # From the black before arrival, which is a twentieth of the film, to the plateau.
    assert film.perfusion.peak > 0.9 * (film.curve.values.max() - film.curve.values.min())
    assert film.fitted.shape == (int(film.curve.kept.sum()),)
    assert film.image.data.shape == film.lesion.mask.shape


def test_the_frame_comes_to_the_mask_where_the_lesion_moved(row: ImageRow) -> None:
    film = read_film(row, FILM)
    tissue = read_clip(row.image, ClipOptions(pane=1)).frames
    shifts = displacements(tissue, film.lesion.mask[0], reference=row.frame)
    raw = read_clip(row.image, ClipOptions(pane=0)).frames
    assert np.abs(shifts).max() > 0
    at = film.perfusion.peak_frame
    down, right = (int(step) for step in shifts[at])
    rows, columns = np.nonzero(film.lesion.mask[0])
    seen = film.image.data[0, rows, columns]
    assert np.array_equal(seen, raw[at][rows + down, columns + right])


def test_a_clip_is_measured_like_an_image_and_by_its_curve(row: ImageRow, tmp_path: Path) -> None:
    record = measure(task(row, tmp_path), "key")
    names = {str(name): value for name, value in record.features["own"].items()}
    curve = {name: value for name, value in names.items() if "/perfusion/" in name}
    assert set(curve) == {
        f"ceus/tumour/-/perfusion/{name}"
        for name in ("Peak", "TimeToPeak", "Arrival", "WashIn", "WashOut", "AreaUnderCurve")
    }
    assert all(np.isfinite(list(curve.values())))
    assert len(names) == 18 + 6
    assert set(record.pictures) == {"regions", "histogram", "time-intensity"}
    assert any("peak frame" in text for _, text in record.notices)


def test_a_measured_clip_is_found_again(row: ImageRow, tmp_path: Path) -> None:
    one = task(row, tmp_path)
    assert measure_case(one).state == "measured"
    again = measure_case(one)
    assert again.state == "found"
    assert read_record(one.folder, again.key).features["own"]
    other = replace(one, cases=one.cases.model_copy(update={"film": FilmParams()}))
    with pytest.raises(ImageFileError, match="which pane"):
        measure_case(other)


def test_a_clip_that_cannot_be_says_why(row: ImageRow, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="a clip needs the mask 'tumour'"):
        read_film(replace(row, masks={}), FILM)
    with pytest.raises(TableError, match="one of the clip's"):
        read_film(replace(row, frame=4000), FILM)
    grid = Grid((1, 9, 9), (1.0, 1.0, 1.0))
    write_nifti(Region(np.ones((1, 9, 9), bool), grid), tmp_path / "small.nii.gz")
    masks = {"tumour": MaskFile(tmp_path / "small.nii.gz")}
    with pytest.raises(GeometryError, match=r"mask \(1, 9, 9\), pane"):
        read_film(replace(row, masks=masks), FILM)


def test_the_evidence_says_how_the_frame_was_found(row: ImageRow, tmp_path: Path) -> None:
    heard: list[Event] = []
    case = load_case(task(row, tmp_path), on_event=heard.append)
    (said,) = [one for one in heard if isinstance(one, Noticed)]
    assert said.where == "ceus"
    assert "by the smooth fit (R2" in said.text
    assert perfusion_features(case.films["ceus"])["Peak"] > 0


STUDY = """
schema: 1
study: {name: clips}
cases:
  table: films.csv
  site: site
  masks: {tumour: mask_tumour}
  film: {read: {pane: 0}, tissue: {pane: 1}, drawn_on: frame}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes:
  early_recurrence:
    {kind: binary, event: recurrence_cause, event_level: "1", other_levels: ["0", "2"]}
regions: {tumour: {mask: tumour}}
features: {film: {params: {families: [shape2D, firstorder, glcm]}}}
scores:
  clinical: {from: [clinical], steps: [impute], model: average}
  film: {from: [film], steps: [impute, variance], model: average}
models:
  sets: {clinical: [clinical], film: [film]}
  volume: ceus/tumour/original/shape2D/PixelSurface
split: {seed: 3, outer: 3, repeats: 1, inner: 3}
controls: {permuted_labels: 2}
"""


@pytest.mark.slow
def test_a_study_of_clips_runs_to_its_report(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    write_cohort(PhantomParams(modality="ceus", patients=16, seed=4), cohort)
    head, *rows = (cohort / "clips.csv").read_text().splitlines()
    assert head == "case,site,clip,frame,mask_tumour"
    films = ["case,site,image,frame,mask_tumour,phase", *(f"{row},ceus" for row in rows)]
    (cohort / "films.csv").write_text("\n".join(films))
    (cohort / "study.yaml").write_text(STUDY)
    finished = run_study(cohort / "study.yaml", tmp_path / "out", execution=Execution(2))
    assert finished.failures == {}
    assert finished.report.is_file()
    pages = sorted((tmp_path / "out" / "pages").glob("*.html"))
    assert len(pages) == 16
    assert "time-intensity" in pages[0].read_text(encoding="utf-8").lower()
