"""A predictor of synthetic patients, and one examination as a PACS would send it."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hepacast.io.dicom.series import list_series
from hepacast.io.dicom.write_seg import write_seg
from hepacast.io.images import read_image, read_region
from hepacast.phantom import PhantomParams, write_cohort
from hepacast.run import whole
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from collections.abc import Callable

STUDY = """
schema: 1
study: {name: handed-on, title: Synthetic early recurrence, synthetic: true}
cases: {table: cases.csv, reader: reader, masks: {tumour: mask_tumour, liver: mask_liver}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes:
  early:
    kind: survival
    time: rfs_days
    unit: days
    event: rfs_event
    event_level: "1"
    censored_level: "0"
    horizon_months: 24
regions: {liver: {mask: liver}, tumour: {mask: tumour}}
features: {own: {regions: [tumour], params: {families: [shape, firstorder]}}}
scores: {rad: {from: [own], steps: [impute, variance, zscore], model: ridge}}
models: {sets: {rad: [rad]}}
split: {seed: 7, outer: 2, repeats: 1, inner: 2}
controls: {permuted_labels: 0}
deploy: {model: rad, licence: Apache-2.0}
"""


def _no_report(*_words: object, out: Path | None = None, **_options: object) -> Path:
    return Path("report.html") if out is None else out / "report.html"


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate twenty patients of three phases in DICOM, and deploy a model of them."""
    folder = tmp_path_factory.mktemp("cohort")
    params = PhantomParams(patients=20, spacing_mm=(9, 9, 9), format="dicom", seed=5)
    write_cohort(params, folder)
    (folder / "study.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_report", _no_report)
        whole.run_study(folder / "study.yaml", folder / "out", execution=Execution(1))
    return folder


@pytest.fixture(scope="session")
def predictor(cohort: Path) -> Path:
    """Return the folder of the predictor."""
    return cohort / "out" / "predictor"


def _examination(cohort: Path, case: str, target: Path) -> Path:
    shutil.copytree(cohort / "images" / case, target)
    (series,) = list_series(target / "portal")
    grid = read_image(target / "portal").grid
    masks = [
        read_region(cohort / "masks" / case / f"portal_{name}_r1.nii.gz", name, grid)
        for name in ("liver", "tumour")
    ]
    write_seg(masks, series, target / "masks.dcm")
    return target


@pytest.fixture(scope="session")
def examine(cohort: Path) -> Callable[[str, Path], Path]:
    """Give a function that copies one examination, with its masks as a segmentation."""
    return partial(_examination, cohort)


@pytest.fixture(scope="session")
def examination(
    examine: Callable[[str, Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return one examination; not to be changed."""
    return examine("P003", tmp_path_factory.mktemp("pacs") / "P003")
