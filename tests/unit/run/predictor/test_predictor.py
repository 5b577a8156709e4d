# SPDX-License-Identifier: Apache-2.0
"""A predictor gives what its study gave, knows no patient, and is read only if it is whole."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.geometry import Grid
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.report.write import write_report
from hepacast.run import whole
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predict import RejectedError, predict_case
from hepacast.run.predictor.predictor import PredictorError
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STUDY = """
schema: 1
study: {name: handed-on, title: A model that travels}
cases: {table: cases.csv, masks: {tumour: mask}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes: {er: {kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {tumour: {mask: tumour}, ring: {from: tumour, ring_mm: 2}}
features: {own: {params: {families: [shape, firstorder]}}}
scores:
  rad: {from: [own], steps: [impute, variance, zscore], model: ridge}
  cli: {from: [clinical], steps: [impute], model: regression}
models: {sets: {rad: [rad], both: [rad, cli]}}
split: {seed: 7, outer: 3, repeats: 1, inner: 3}
controls: {permuted_labels: 0}
deploy: {model: both, licence: Apache-2.0}
"""
FIELDS = """
er: {kind: event, timing: outcome}
afp: {kind: number, unit: ng/mL, timing: baseline}
stage: {kind: category, levels: [A, B, C], timing: baseline}
"""
PATIENTS = [f"PAT-{at:03d}-张" for at in range(24)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """Run a study of twenty-four small cases once; gives its file, its results and a finding."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    grid = Grid((8, 16, 16), (2.0, 1.0, 1.0))
    cases, clinical = ["case,phase,image,mask"], ["case,er,afp,stage"]
    for at, case in enumerate(PATIENTS):
        place = folder / f"{at}"
        place.mkdir()
        signal = rng.normal()
        data = rng.normal(60 + 9 * signal, 9, grid.shape).astype(np.float32)
        write_nifti(Volume(data, grid), place / "portal.nii.gz")
        inside = np.zeros(grid.shape, dtype=bool)
        inside[2:6, 4:11, 4 : 9 + at % 3] = True
        write_nifti(Region(inside, grid), place / "portal_tumour.nii.gz")
        afp = rng.lognormal(3, 1)
        row = f"{case},{int(signal + rng.logistic() > 0)},{afp:.1f},{'ABC'[at % 3]}"
        (place / "clinical.csv").write_text(f"case,afp,stage\n{case},{afp:.1f},{'ABC'[at % 3]}\n")
        cases.append(f"{case},portal,{at}/portal.nii.gz,{at}/portal_tumour.nii.gz")
        clinical.append(row)
    (folder / "cases.csv").write_text("\n".join(cases), encoding="utf-8")
    (folder / "clinical.csv").write_text("\n".join(clinical), encoding="utf-8")
    (folder / "fields.yaml").write_text(FIELDS)
    (folder / "study.yaml").write_text(STUDY)
    out = tmp_path_factory.mktemp("results") / "out"
    heard: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:

        def listen(*words: Any) -> Any:
            heard.append(final_fit(*words))
            return heard[-1]

        patch.setattr("hepacast.run.protocol.find.final_fit", listen)
        patch.setattr(whole, "write_report", partial(write_report, figures=("svg",)))
        whole.run_study(folder / "study.yaml", out, execution=Execution(1))
    return folder / "study.yaml", out, heard[0]


@pytest.fixture
def predictor(study: tuple[Path, Path, Any], tmp_path: Path) -> Path:
    """Copy the predictor, to do damage to it."""
    copy = tmp_path / "predictor"
    source = study[1] / "predictor"
    for path in source.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return copy


@pytest.mark.parametrize("at", [0, 7, 23])
def test_a_case_gets_the_number_of_the_study(at: int, study: tuple[Path, Path, Any]) -> None:
    path, out, final = study
    result, record = predict_case(read_predictor(out / "predictor"), path.parent / f"{at}")
    wanted = final.models["both"]
    row = wanted.cases.index(PATIENTS[at])
    assert abs(result.score - wanted.score[row]) <= 1e-9
    assert abs(result.probability - wanted.probability[row]) <= 1e-9
    assert result.high == bool(wanted.high[row])
    assert result.outside == ()
    assert record is not None
    assert record.pictures["regions"].startswith(b"\x89PNG")


def test_no_patient_is_in_a_predictor(study: tuple[Path, Path, Any]) -> None:
    everything = b"".join(
        p.read_bytes() for p in (study[1] / "predictor").rglob("*") if p.is_file()
    )
    for case in PATIENTS:
        assert case.encode() not in everything
        assert json.dumps(case).strip('"').encode() not in everything


def test_the_command_line_writes_a_result(
    study: tuple[Path, Path, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = study[0].parent / "3"
    code = main(["predict", str(study[1] / "predictor"), str(case), str(tmp_path / "out")])
    assert code == 0
    assert "research only" in capfd.readouterr().out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["research_only"] is True
    assert result["volumes_ml"]["portal/tumour"] > 0
    assert 0 < result["probability"] < 1
    assert (tmp_path / "out" / "regions.png").is_file()
    page = (tmp_path / "out" / "case.html").read_text()
    assert f"probability {result['probability']:.1%}" in page
    assert page.count("data:image/png;base64,") == len(list((tmp_path / "out").glob("*.png")))
    assert "<script" not in page


def copy_case(study: tuple[Path, Path, Any], target: Path, *, leave: str = "") -> Path:
    target.mkdir()
    for path in (study[0].parent / "3").iterdir():
        if path.name != leave:
            (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        ("clinical.csv", "needs afp, stage"),
        ("portal.nii.gz", "named after the phases"),
        ("portal_tumour.nii.gz", "needs a mask 'tumour'"),
    ],
)
def test_what_is_missing_is_named(
    leave: str, said: str, study: tuple[Path, Path, Any], tmp_path: Path
) -> None:
    case = copy_case(study, tmp_path / "case", leave=leave)
    with pytest.raises(HepacastError, match=said):
        predict_case(read_predictor(study[1] / "predictor"), case)


def test_a_case_outside_the_training_range_is_flagged(
    study: tuple[Path, Path, Any], tmp_path: Path
) -> None:
    case = copy_case(study, tmp_path / "case")
    (case / "clinical.csv").write_text("case,afp,stage\nx,99999,A\n")
    result, _ = predict_case(read_predictor(study[1] / "predictor"), case)
    assert result.outside == ("-/-/-/clinical/afp",)
    with pytest.raises(RejectedError, match="1 outside"):
        predict_case(read_predictor(study[1] / "predictor"), case, reject_outside=True)


def test_a_missing_phase_is_rejected_with_the_reason(
    study: tuple[Path, Path, Any], tmp_path: Path
) -> None:
    case = copy_case(study, tmp_path / "case")
    (case / "cases.csv").write_text(
        "case,phase,image,mask\ncase,arterial,portal.nii.gz,portal_tumour.nii.gz\n"
    )
    with pytest.raises(RejectedError, match="no portal"):
        predict_case(read_predictor(study[1] / "predictor"), case)


def edit_model(place: Path, change: Callable[[Any], None]) -> None:
    """Change the model as somebody would who can compute digests."""
    path = place / "model.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    sign(place)


def sign(place: Path) -> None:
    files = [p for p in place.rglob("*") if p.is_file() and p.name != "manifest.json"]
    digests = {str(p.relative_to(place)): digest_bytes(p.read_bytes()) for p in files}
    (place / "manifest.json").write_text(canonical_json(digests))


def test_one_changed_byte_is_refused(predictor: Path) -> None:
    for path in sorted(p for p in predictor.rglob("*") if p.is_file()):
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        with pytest.raises(PredictorError):
            read_predictor(predictor)
        path.write_bytes(data)
    read_predictor(predictor)


def test_a_missing_and_an_added_file_are_named(predictor: Path) -> None:
    (predictor / "more.py").write_text("print('hello')")
    with pytest.raises(PredictorError, match=r"more\.py.*not listed"):
        read_predictor(predictor)
    (predictor / "more.py").unlink()
    (predictor / "LICENSE").unlink()
    with pytest.raises(PredictorError, match=r"LICENSE.*missing"):
        read_predictor(predictor)


def test_a_link_out_of_the_folder_is_refused(predictor: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes((predictor / "LICENSE").read_bytes())
    (predictor / "LICENSE").unlink()
    (predictor / "LICENSE").symlink_to(tmp_path / "secret")
    with pytest.raises(PredictorError):
        read_predictor(predictor)


def test_another_version_of_the_measuring_is_refused(predictor: Path) -> None:
    def older(content: Any) -> None:
        content["predictor"]["fields"]["preparation"]["fields"]["version"] = 1

    edit_model(predictor, older)
    with pytest.raises(PredictorError, match="measuring of version 1"):
        read_predictor(predictor)


def test_a_changed_coefficient_is_noticed_by_the_golden_cases(predictor: Path) -> None:
    def heavier(content: Any) -> None:
        text = json.dumps(content)
        at = text.index('"_weights": {"$floats": [') + len('"_weights": {"$floats": [')
        content.clear()
        content.update(json.loads(f"{text[:at]}1{text[at:].lstrip('-')}"))

    edit_model(predictor, heavier)
    with pytest.raises(PredictorError, match="golden case"):
        read_predictor(predictor)


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_nothing_that_runs_code_is_ever_read(predictor: Path, tmp_path: Path) -> None:
    trap = tmp_path / "pwned"
    bomb = pickle.dumps(Evil(trap))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        schema = {
            "__class__": "system", "__module__": "os", "__loader__": "ReduceNode",
            "__id__": 1, "args": {"__class__": "tuple", "__module__": "builtins",
            "__loader__": "TupleNode", "content": [], "__id__": 2}, "protocol": 2,
            "_skops_version": "0.11",
        }  # fmt: skip
        archive.writestr("schema.json", json.dumps(schema))
    (predictor / "models").mkdir(exist_ok=True)
    for form, data in (("pickle", bomb), ("skops", stream.getvalue()), ("npy", bomb)):
        (predictor / "models" / "abcd").write_bytes(form.encode() + b"\0" + data)
        for tree in (
            {"$estimator": "abcd", "form": form},
            {"$array": "abcd"},
            {"$class": "os:system", "fields": {"command": f"touch {trap}"}},
            {"$function": "os:system"},
        ):
            edit_model(predictor, lambda content, tree=tree: content.update(predictor=tree))  # type: ignore[misc]
            with pytest.raises(PredictorError):
                read_predictor(predictor)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "/etc/passwd", "a/b"])
def test_no_object_is_read_from_outside_the_folder(name: str, predictor: Path) -> None:
    edit_model(predictor, lambda content: content.update(predictor={"$array": name}))
    with pytest.raises(PredictorError, match="no object"):
        read_predictor(predictor)


def test_a_finished_study_answers_at_once(
    study: tuple[Path, Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out, _ = study

    def never(*_words: Any, **_options: Any) -> None:
        pytest.fail("computed again")

    monkeypatch.setattr(whole, "measure_all", never)
    monkeypatch.setattr(whole, "write_report", never)
    again = whole.run_study(path, out, execution=Execution(1))
    assert "nothing changed" in again.summary[-1]
    assert again.failures == {}


def test_every_event_of_a_run_is_in_its_journal(study: tuple[Path, Path, Any]) -> None:
    lines = [json.loads(line) for line in (study[1] / "run.jsonl").read_text().splitlines()]
    done = [
        line for line in lines if line["event"] == "advanced" and line["stage"] == "measure cases"
    ]
    assert len(done) == len(PATIENTS)
    assert {line["total"] for line in done} == {len(PATIENTS)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model: neither", "deploy names one of models.sets"),
        ("model: rad, outcome: os", "deploy names one of outcomes"),
    ],
)
def test_a_model_that_does_not_exist_is_refused_before_any_work(
    change: str, said: str, study: tuple[Path, Path, Any], tmp_path: Path
) -> None:
    text = STUDY.replace("deploy: {model: both", f"deploy: {{{change}")
    path = study[0].parent / "other.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=said):
        whole.run_study(path, tmp_path / "out", execution=Execution(1))
    assert not (tmp_path / "out").exists()
