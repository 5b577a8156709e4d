"""Studies with networks from the study file to the report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hepacast.core.errors import StudyError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.run import whole as whole_module
from hepacast.run.cases import measure as measure_module
from hepacast.run.protocol import saliency
from hepacast.run.settings.study import parse_study
from hepacast.run.whole import run_study
from hepacast.run.work.execution import Execution

STUDY = """
schema: 1
study: {name: networks}
cases: {table: cases.csv, masks: {tumour: tumour}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes:
  recurred: {kind: binary, event: recurrence, event_level: "1", other_levels: ["0"]}
regions:
  tumour: {mask: tumour}
features:
  deep:
    engine: embedding
    network: {resnet-3d: {depth: 10}}
    side: 32
    phases: [portal]
    scale: {window: [70, 160]}
  mri: {engine: crops, side: 32, slices: 1, margin_mm: 3, scale: {window: [70, 160]}}
scores:
  dl:
    from: [mri]
    model:
      network:
        network: {resnet-2d: {depth: 10}}
        loop: {epochs: 10, batch: 16, optimiser: adam, learning_rate: 0.003, augment: null}
  joint:
    from: [mri, clinical]
    steps: [impute]
    model:
      network:
        network: fusion
        loop: {epochs: 1, batch: 16, augment: null}
  vectors: {from: [deep], steps: [impute, variance, {univariate: {best: 3}}], model: ridge}
models:
  sets: {network: [dl], joint: [joint], frozen: [vectors], late: [dl, vectors]}
split: {seed: 7, outer: 2, repeats: 1, inner: 2}
controls: {permuted_labels: 0}
"""
FIELDS = """
age: {kind: number, unit: years, timing: baseline}
recurrence: {kind: event, timing: outcome}
"""
GRID = Grid((5, 20, 20), (3.0, 1.0, 1.0))


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write 24 cases of two phases whose tumours are bright where the event happened."""
    nothing = {"regions": b"\x89PNG\r\n\x1a\n"}
    monkeypatch.setattr(measure_module, "draw_case", lambda _case, _loaded: nothing)
    monkeypatch.setattr(saliency, "draw_overlay", lambda *_args: b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr(whole_module, "write_report", lambda _content, out: out / "report.html")
    folder, rng = tmp_path / "study", np.random.default_rng(4)
    k, j, i = np.indices(GRID.shape)
    cases, clinical = [], []
    for at in range(24):
        case, event = f"{at:03d}", at % 2
        tumour = (3.0 * (k - 2)) ** 2 + (j - 9) ** 2 + (i - 10) ** 2 <= (4 + rng.random()) ** 2
        (folder / case).mkdir(parents=True)
        write_nifti(Region(tumour, GRID), folder / case / "tumour.nii.gz")
        for phase in ("arterial", "portal"):
            level = 60 + tumour * (10 + 50 * event)
            data = np.round(level + rng.normal(0, 9, GRID.shape)).astype(np.float32)
            write_nifti(Volume(data, GRID), folder / case / f"{phase}.nii.gz")
            cases.append({"case": case, "phase": phase, "image": f"{case}/{phase}.nii.gz",
                          "tumour": f"{case}/tumour.nii.gz"})  # fmt: skip
        clinical.append({"case": case, "age": f"{rng.normal(60, 9):.0f}", "recurrence": str(event)})
    write_table(folder / "cases.csv", cases)
    write_table(folder / "clinical.csv", clinical)
    (folder / "fields.yaml").write_text(FIELDS, encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return folder / "study.yaml"


def test_networks_run_from_the_study_file_and_a_second_run_measures_nothing(
    study: Path, tmp_path: Path
) -> None:
    out, alone = tmp_path / "out", Execution(workers=1)
    run_study(study, out, execution=alone)
    first = json.loads((out / "result.json").read_text("utf-8"))["outcomes"]
    models = {model["name"]: model for model in first[0]["models"]}
    assert {"network", "joint", "frozen", "late"} <= set(models)
    for name in ("network", "late"):
        assert models[name]["evaluations"][0]["discrimination"]["value"] > 0.8
    assert "network" in models["network"]["algorithm"]
    for score in ("dl", "joint"):
        maps = out / "maps" / f"recurred-{score}"
        assert len(list(maps.glob("*.nii.gz"))) == len(list(maps.glob("*.png"))) == 24
        assert "even map" in json.loads((maps / "003.json").read_text("utf-8"))["caption"]
    page = next((out / "pages").glob("*003*.html")).read_text("utf-8")
    assert "a network that never saw this patient" in page
    kept = {path: path.stat().st_mtime_ns for path in (out / "cases").rglob("*.npz")}
    assert len(kept) == 24
    run_study(study, out, execution=alone)
    assert json.loads((out / "result.json").read_text("utf-8"))["outcomes"] == first
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def changed(**scores: Any) -> str:
    content = yaml.safe_load(STUDY)
    content["scores"] |= scores
    return yaml.safe_dump(content, sort_keys=False)


def test_a_network_without_pictures_is_refused_before_anything_is_read() -> None:
    with pytest.raises(StudyError, match=r"scores\.dl: a network reads one block of pictures"):
        parse_study(changed(dl={"from": ["clinical"], "model": "network"}))


def test_pictures_for_a_model_of_columns_are_refused() -> None:
    with pytest.raises(StudyError, match="any other model none"):
        parse_study(changed(vectors={"from": ["mri"], "model": "ridge"}))


def test_a_misspelt_setting_of_a_network_is_refused() -> None:
    wrong = {"from": ["mri"], "model": {"network": {"network": {"resnet-2d": {"dept": 10}}}}}
    with pytest.raises(StudyError, match="dept"):
        parse_study(changed(dl=wrong))


def test_a_region_that_is_not_defined_is_refused_for_pictures() -> None:
    content = yaml.safe_load(STUDY)
    content["features"]["mri"]["region"] = "tumor"
    with pytest.raises(StudyError, match="'tumor'"):
        parse_study(yaml.safe_dump(content, sort_keys=False))


def test_the_blocks_shown_in_the_documentation_are_a_study() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "deep" / "index.md"
    shown = yaml.safe_load(page.read_text("utf-8").split("```yaml")[1].split("```")[0])
    content = yaml.safe_load(STUDY)
    content["features"] = shown["features"] | {"rad": {}}
    plain = {"from": ["clinical"], "steps": ["impute"], "model": "regression"}
    content["scores"] = shown["scores"] | {"clinical_score": plain}
    content["models"] = shown["models"]
    study = parse_study(yaml.safe_dump(content, sort_keys=False))
    assert set(study.scores) == {"dl", "dlrcr", "frozen", "clinical_score"}
