"""A study of small cases, for tests that need a predictor and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.run import whole
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from pathlib import Path

STUDY = """
schema: 1
study: {name: small, title: A small model that travels}
cases: {table: cases.csv, masks: {tumour: mask}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes: {er: {kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {tumour: {mask: tumour}}
features: {own: {params: {families: [firstorder]}}}
scores:
  rad: {from: [own], steps: [impute, variance, zscore], model: ridge}
  cli: {from: [clinical], steps: [impute], model: regression}
models: {sets: {both: [rad, cli]}}
split: {seed: 7, outer: 2, repeats: 1, inner: 2}
controls: {permuted_labels: 0}
deploy: {model: both, licence: Apache-2.0}
"""
FIELDS = """
er: {kind: event, timing: outcome}
afp: {kind: number, unit: ng/mL, timing: baseline}
"""


def write_study(folder: Path, patients: int, seed: int) -> Path:
    """Write a study of small cases, each in a folder of its own; returns its file."""
    rng = np.random.default_rng(seed)
    grid = Grid((6, 12, 12), (2.0, 1.0, 1.0))
    cases, clinical = ["case,phase,image,mask"], ["case,er,afp"]
    for at in range(patients):
        case, place = f"ZHANG-{seed}-{at:03d}", folder / f"{at}"
        place.mkdir(parents=True)
        signal = rng.normal()
        data = rng.normal(60 + 9 * signal, 9, grid.shape).astype(np.float32)
        write_nifti(Volume(data, grid), place / "portal.nii.gz")
        inside = np.zeros(grid.shape, dtype=bool)
        inside[1:5, 3:9, 3 : 8 + at % 3] = True
        write_nifti(Region(inside, grid), place / "portal_tumour.nii.gz")
        afp = rng.lognormal(3, 1)
        (place / "clinical.csv").write_text(f"case,afp\n{case},{afp:.4f}\n")
        cases.append(f"{case},portal,{at}/portal.nii.gz,{at}/portal_tumour.nii.gz")
        clinical.append(f"{case},{int(signal + rng.logistic() > 0)},{afp:.4f}")
    (folder / "cases.csv").write_text("\n".join(cases))
    (folder / "clinical.csv").write_text("\n".join(clinical))
    (folder / "fields.yaml").write_text(FIELDS)
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def _no_report(_content: object, out: Path, **_options: object) -> Path:
    return out / "report.html"


def deploy_small(folder: Path) -> Path:
    """Run a study of small cases; returns the folder of its predictor."""
    study = write_study(folder, 30, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_report", _no_report)
        whole.run_study(study, folder / "out", execution=Execution(1))
    return folder / "out" / "predictor"


_MADE: list[Path] = []


def small_study(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small study that has run; it runs once, whoever asks."""
    if not _MADE:
        folder = factory.mktemp("small")
        deploy_small(folder)
        _MADE.append(folder)
    return _MADE[0]
