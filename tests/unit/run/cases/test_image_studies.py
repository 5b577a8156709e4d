# SPDX-License-Identifier: Apache-2.0
"""Images and masks of sixteen small cases, from the case table to the report."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from hepacast.cli.main import main
from hepacast.core.errors import ImageFileError, NotEstimableError, TableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.io.records import Records
from hepacast.run import whole as whole_module
from hepacast.run.cases import measure as measure_module
from hepacast.run.cases.many import Receipt, kept, measure_all, measure_case, read_record
from hepacast.run.cases.measure import plan_cases
from hepacast.run.cases.record import CaseRecord
from hepacast.run.check import check_study
from hepacast.run.gather import gather
from hepacast.run.protocol.feasible import require_feasible
from hepacast.run.protocol.flow import join
from hepacast.run.work.execute import Executor

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.run.cases.task import CaseTask

STUDY = """
schema: 1
study: {name: images}
cases:
  table: cases.csv
  reader: reader
  masks: {tumour: tumour, liver: liver}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes:
  recurred: {kind: binary, event: recurrence, event_level: "1", other_levels: ["0"]}
regions:
  liver: {mask: liver}
  tumour: {mask: tumour}
  ring: {from: tumour, ring_mm: 3, inside: liver}
features:
  own:
    regions: [tumour, ring]
    params: {families: [shape, firstorder]}
scores:
  clinical: {from: [clinical], steps: [impute], model: regression}
  rad_score: {from: [own], steps: [impute, variance], model: average}
models:
  sets: {clinical: [clinical], imaging: [rad_score]}
split: {seed: 7, outer: 4, repeats: 1, inner: 3}
controls: {permuted_labels: 0}
"""
FIELDS = """
age: {kind: number, unit: years, timing: baseline}
recurrence: {kind: event, timing: outcome}
"""
GRID = Grid((8, 18, 20), (3.0, 1.0, 1.0), (-10.0, -9.0, 4.0))
Rows = list[dict[str, str]]
CASES = [f"{at:03d}" for at in range(1, 17)]


def write_case(folder: Path, case: str, phase: str, reader: str, rng: np.random.Generator) -> None:
    """Write a liver of 60 HU with a tumour of 90 HU in it."""
    k, j, i = np.indices(GRID.shape) * np.array(GRID.spacing)[:, None, None, None]
    size = 3.0 + rng.random() * 2
    tumour = (k - 10) ** 2 + (j - 9) ** 2 + (i - 10) ** 2 <= size**2
    liver = (k - 10) ** 2 / 2 + (j - 9) ** 2 + (i - 10) ** 2 <= 64
    data = np.round(np.where(tumour, 90, np.where(liver, 60, -50)) + rng.normal(0, 9, GRID.shape))
    place = folder / case
    place.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(data.astype(np.float32), GRID), place / f"{phase}.nii.gz")
    write_nifti(Region(tumour, GRID), place / f"{phase}_tumour_{reader}.nii.gz")
    write_nifti(Region(liver, GRID), place / f"{phase}_liver_{reader}.nii.gz")


def case_row(case: str, phase: str = "portal", reader: str = "1") -> dict[str, str]:
    return {
        "case": case,
        "phase": phase,
        "reader": reader,
        "image": f"{case}/{phase}.nii.gz",
        "tumour": f"{case}/{phase}_tumour_{reader}.nii.gz",
        "liver": f"{case}/{phase}_liver_{reader}.nii.gz",
    }


def write_table(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(autouse=True)
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures, which take most of the time, unless a test is about them."""
    if "picture" not in request.node.name and "slow" not in request.keywords:
        nothing = {"regions": b"\x89PNG\r\n\x1a\n"}
        monkeypatch.setattr(measure_module, "draw_case", lambda _case, _loaded: nothing)
        monkeypatch.setattr(whole_module, "write_case_pages", lambda *_args, **_kwargs: None)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Write sixteen cases of one phase and one reader, and return the study file."""
    folder = tmp_path / "study"
    rng = np.random.default_rng(4)
    cases = CASES
    for case in cases:
        write_case(folder, case, "portal", "1", rng)
    write_table(folder / "cases.csv", [case_row(case) for case in cases])
    clinical = [
        {"case": case, "age": str(50 + 7 * at % 23), "recurrence": str(at % 2)}
        for at, case in enumerate(cases)
    ]
    write_table(folder / "clinical.csv", clinical)
    (folder / "fields.yaml").write_text(FIELDS)
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def change_cases(study: Path, rows: Rows) -> None:
    write_table(study.parent / "cases.csv", rows)


def change_study(study: Path, **blocks: Any) -> None:
    content = yaml.safe_load(STUDY)
    content.update(blocks)
    study.write_text(yaml.safe_dump(content, sort_keys=False))


def record_of(task: CaseTask) -> CaseRecord:
    return read_record(task.folder, measure_case(task).key)


def measure(study: Path, folder: Path) -> dict[str, CaseRecord]:
    records, failures = measure_all(plan_cases(gather(study), folder), Executor())
    assert failures == {}
    return records


def test_every_case_gives_features_of_every_region(study: Path, tmp_path: Path) -> None:
    records = measure(study, tmp_path)
    assert list(records) == CASES
    for record in records.values():
        names = {str(name): value for name, value in record.features["own"].items()}
        assert len(names) == 2 * (14 + 18)
        assert {name.split("/")[1] for name in names} == {"tumour", "ring"}
        assert 80 < names["portal/tumour/original/firstorder/Mean"] < 100
        assert 50 < names["portal/ring/original/firstorder/Mean"] < 70


def test_a_record_holds_a_picture(study: Path, tmp_path: Path) -> None:
    record = record_of(plan_cases(gather(study), tmp_path)[0])
    assert record.picture.startswith(b"\x89PNG")


def test_a_record_is_kept_and_used_again(study: Path, tmp_path: Path) -> None:
    task = plan_cases(gather(study), tmp_path)[0]
    assert measure_case(task).state == "measured"
    assert measure_case(task).state == "found"
    unchanged = kept(task)
    assert isinstance(unchanged, Receipt)
    assert unchanged.state == "unchanged"
    assert kept(replace(task, rehash=True)) is None


def test_an_image_packed_anew_costs_no_measurement(study: Path, tmp_path: Path) -> None:
    task = plan_cases(gather(study), tmp_path)[0]
    measure_case(task)
    image = task.rows[0].image
    image.write_bytes(gzip.compress(gzip.decompress(image.read_bytes()), 1))
    assert kept(task) is None
    assert measure_case(task).state == "found"
    assert kept(task) is not None


def test_a_case_that_failed_is_not_tried_again_until_asked(study: Path, tmp_path: Path) -> None:
    break_image(study)
    tasks = plan_cases(gather(study), tmp_path)
    _, first = measure_all(tasks, Executor())
    assert kept(tasks[2]) is None or str(kept(tasks[2])) == str(first["003"])
    _, again = measure_all(tasks, Executor())
    assert {case: str(error) for case, error in again.items()} == {
        case: str(error) for case, error in first.items()
    }


@pytest.mark.parametrize("change", ["image", "mask", "setting"])
def test_a_record_of_other_inputs_is_measured_anew(
    change: str, study: Path, tmp_path: Path
) -> None:
    task = plan_cases(gather(study), tmp_path)[0]
    first = record_of(task)
    other = study.parent / "002"
    if change == "image":
        task.rows[0].image.write_bytes((other / "portal.nii.gz").read_bytes())
    elif change == "mask":
        drawn = (other / "portal_tumour_1.nii.gz").read_bytes()
        task.rows[0].masks["tumour"].path.write_bytes(drawn)
    else:
        regions = dict(task.regions)
        regions["ring"] = regions["ring"].model_copy(update={"ring_mm": 4.0})
        task = replace(task, regions=regions)
    again = record_of(task)
    assert again.key != first.key
    assert again.features != first.features


@pytest.mark.parametrize("content", [b"", b"{}", b"PAR1 not Parquet PAR1"])
def test_a_broken_record_is_measured_anew(content: bytes, study: Path, tmp_path: Path) -> None:
    task = plan_cases(gather(study), tmp_path)[0]
    first = record_of(task)
    Records(tmp_path).path(first.key).write_bytes(content)
    assert measure_case(task).state == "measured"
    assert record_of(task).features == first.features


def test_a_moved_study_uses_its_records_again(study: Path, tmp_path: Path) -> None:
    first = record_of(plan_cases(gather(study), tmp_path)[0])
    moved = study.parent.rename(tmp_path / "elsewhere") / study.name
    assert record_of(plan_cases(gather(moved), tmp_path)[0]).key == first.key


def test_a_record_comes_back_as_it_was_kept(study: Path, tmp_path: Path) -> None:
    record = record_of(plan_cases(gather(study), tmp_path)[0])
    gap = next(iter(record.features["own"]))
    holed = replace(
        record,
        features={"own": {**record.features["own"], gap: float("nan")}},
        reasons={str(gap): "flat region"},
    )
    again = CaseRecord.from_record(holed.to_record())
    assert np.isnan(again.features["own"][gap])
    assert list(again.features["own"]) == list(holed.features["own"])
    for part in ("case", "key", "reasons", "notices", "picture"):
        assert getattr(again, part) == getattr(holed, part)


def break_image(study: Path) -> None:
    (study.parent / "003" / "portal.nii.gz").write_bytes(b"not an image")


@pytest.mark.usefixtures("quick")
def test_a_broken_image_fails_its_case_and_nobody_else(
    study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    break_image(study)
    out = tmp_path / "out"
    assert main(["run", str(study), "--out", str(out), "--workers", "1"]) == 1
    assert "003" in capfd.readouterr().err
    (failure,) = csv.DictReader((out / "failures.csv").read_text().splitlines())
    assert failure["case"] == "003"
    assert "portal" in failure["where"]
    assert all(failure[column] for column in ("expected", "found", "fix"))
    content = json.loads((out / "result.json").read_text())
    assert [outcome["n"] for outcome in content["outcomes"]] == [15]
    assert content["failures"][0]["case"] == "003"
    (lost,) = content["flow"][0]["exclusions"]
    assert (lost["n"], lost["cases"]) == (1, ["003"])


@pytest.mark.usefixtures("quick")
def test_a_mended_image_leaves_no_list_of_failures_behind(study: Path, tmp_path: Path) -> None:
    image = study.parent / "003" / "portal.nii.gz"
    whole = image.read_bytes()
    break_image(study)
    out = tmp_path / "out"
    assert main(["run", str(study), "--out", str(out), "--workers", "1"]) == 1
    image.write_bytes(whole)
    assert main(["run", str(study), "--out", str(out), "--workers", "1"]) == 0
    assert not (out / "failures.csv").exists()


def test_check_names_the_broken_image_and_writes_nothing(
    study: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    break_image(study)
    before = sorted(study.parent.rglob("*"))
    assert main(["check", str(study)]) == 1
    assert "images: 16 cases, 1 of them cannot be used" in capfd.readouterr().out
    assert sorted(study.parent.rglob("*")) == before
    error = check_study(study).failures["003"]
    assert list(error.where) == ["case", "phase", "file"]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("image", "003/absent.nii.gz", "nothing at that path"),
        ("tumour", "003/absent.nii.gz", "nothing at that path"),
        ("tumour", "", "needs a mask 'tumour'"),
        ("tumour", "003/portal.nii.gz", "mask"),
    ],
)
def test_a_row_that_leads_nowhere_fails_its_case(
    column: str, cell: str, said: str, study: Path, tmp_path: Path
) -> None:
    rows = [case_row(case) for case in CASES]
    rows[2][column] = cell
    change_cases(study, rows)
    tasks = plan_cases(gather(study), tmp_path)
    records, failures = measure_all(tasks, Executor())
    assert list(failures) == ["003"]
    assert len(records) == 15
    assert isinstance(failures["003"], ImageFileError | TableError)
    assert said in str(failures["003"])
    assert str(failures["003"]).startswith("[case 003")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([case_row("001"), case_row("001")], "phase 'portal' reader '1' again"),
        ([case_row("001") | {"image": ""}], "no image"),
        ([case_row("001") | {"phase": ""}], "needs an id in column 'phase'"),
        ([case_row("x01")], "share case ids"),
    ],
)
def test_a_case_table_that_contradicts_itself_is_refused(
    rows: Rows, said: str, study: Path
) -> None:
    change_cases(study, rows)
    with pytest.raises(TableError, match=said):
        gather(study)


def test_the_second_reader_is_not_measured_and_his_own_cases_leave(
    study: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    write_case(study.parent, "001", "portal", "2", rng)
    rows = [case_row(f"{at:03d}") for at in range(1, 16)]
    write_case(study.parent, "016", "portal", "2", rng)
    change_cases(study, [case_row("001", reader="2"), *rows, case_row("016", reader="2")])
    materials = gather(study)
    tasks = plan_cases(materials, tmp_path)
    assert {row.reader for task in tasks for row in task.rows} == {"1"}
    records, failures = measure_all(tasks, Executor())
    (lost,) = join(materials, records, failures).steps[0].excluded
    assert (lost.cases, lost.reason) == (("016",), "no images by the first reader")


@pytest.mark.parametrize("missing_phase", ["exclude", "keep"])
def test_a_case_without_a_phase_leaves_or_stays_with_gaps(
    missing_phase: str, study: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)
    rows = [case_row(case) for case in CASES]
    for at in range(1, 16):
        write_case(study.parent, f"{at:03d}", "arterial", "1", rng)
        rows.append(case_row(f"{at:03d}", "arterial"))
    change_cases(study, rows)
    block = {"regions": ["tumour"], "params": {"families": ["firstorder"]}}
    change_study(study, features={"own": {**block, "missing_phase": missing_phase}})
    materials = gather(study)
    records, failures = measure_all(plan_cases(materials, tmp_path), Executor())
    joined = join(materials, records, failures)
    if missing_phase == "exclude":
        (lost,) = joined.steps[0].excluded
        assert (lost.cases, lost.reason) == (("016",), "no arterial phase")
        return
    gaps = np.isnan(joined.table.rows(["016"]).values[0])
    phases = [name.phase for name in joined.table.columns]
    assert [phase == "arterial" for phase in phases] == gaps.tolist()


def test_a_phase_that_the_table_does_not_know_is_refused(study: Path) -> None:
    change_study(study, features={"own": {"phases": ["Portal"]}})
    with pytest.raises(ValueError, match=r"features.own.*'Portal', where the table has 'portal'"):
        require_feasible(gather(study))


def test_changes_between_phases_are_features_of_their_own(study: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    rows = [case_row(case) for case in CASES]
    for case in CASES[:-1]:
        write_case(study.parent, case, "arterial", "1", rng)
        rows.append(case_row(case, "arterial"))
    change_cases(study, rows)
    change_study(
        study,
        features={
            "own": {
                "regions": ["tumour"],
                "params": {"families": ["shape", "firstorder"]},
                "delta": [{"before": "portal", "after": "arterial", "change": "relative"}],
                "missing_phase": "keep",
            }
        },
    )
    materials = gather(study)
    require_feasible(materials)
    table = join(materials, *measure_all(plan_cases(materials, tmp_path), Executor())).table
    means = {
        name.phase: table.values[:, at]
        for at, name in enumerate(table.columns)
        if name.feature == "Mean"
    }
    before, after, change = (means[name] for name in ("portal", "arterial", "arterial-portal"))
    assert change[:-1] == pytest.approx((after - before)[:-1] / abs(before[:-1]), rel=1e-12)
    assert np.isnan(change[-1])
    assert not [n for n in table.columns if n.phase == "arterial-portal" and n.family == "shape"]


@pytest.mark.parametrize("after", ["Arterial", "portal"])
def test_a_change_to_a_phase_that_is_not_measured_is_refused(after: str, study: Path) -> None:
    change_study(study, features={"own": {"delta": [{"before": "portal", "after": after}]}})
    with pytest.raises(ValueError, match=r"features.own.delta needs two phases that the block"):
        require_feasible(gather(study))


def test_clinical_rows_without_images_leave_with_a_reason(study: Path, tmp_path: Path) -> None:
    change_cases(study, [case_row(f"{at:03d}") for at in range(1, 16)])
    materials = gather(study)
    records, failures = measure_all(plan_cases(materials, tmp_path), Executor())
    (lost,) = join(materials, records, failures).steps[0].excluded
    assert (lost.cases, lost.reason) == (("016",), "no images")


def test_nobody_left_is_an_error_that_says_why(study: Path) -> None:
    materials = gather(study)
    broken = {case: ImageFileError(what="a", got="b", fix="c") for case in materials.clinical.cases}
    with pytest.raises(NotEstimableError, match="16 could not be measured"):
        join(materials, {}, broken)


@pytest.mark.slow
def test_a_phantom_cohort_runs_from_images_to_a_report_with_its_truth(tmp_path: Path) -> None:
    from hepacast.phantom import PhantomParams  # noqa: PLC0415 - loads much
    from hepacast.run.demo import run_demo  # noqa: PLC0415 - loads much

    params = PhantomParams(patients=20, seed=3, phases=("portal",), spacing_mm=(5, 4, 4))
    finished = run_demo(tmp_path, params, shuffles=2, workers=2)
    assert finished.failures == {}
    assert finished.report.is_file()
    assert sum("truth" in line for line in finished.summary) == 9
    again = run_demo(tmp_path, params, shuffles=2, workers=2)
    assert again.summary[: len(finished.summary)] == finished.summary
    assert again.summary[-1].startswith("nothing changed since")
