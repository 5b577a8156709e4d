# SPDX-License-Identifier: Apache-2.0
"""What a study looks at before it measures: every check of the imaging rooms, wired through."""

from __future__ import annotations

import csv
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from hepacast.cli.main import main
from hepacast.core.errors import EmptyRegionError, GeometryError, StudyError
from hepacast.core.events import Event, Failed, Noticed
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.dicom.write import SeriesIdentity, write_series
from hepacast.io.nifti import write_nifti
from hepacast.run import check as check_module
from hepacast.run.cases.load import load_case
from hepacast.run.cases.measure import masks_of, measure, plan_cases, settings_of
from hepacast.run.check import check_study
from hepacast.run.gather import gather
from hepacast.run.settings.case import CasesParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRID = Grid((16, 40, 44), (4.0, 2.5, 2.5), (-50.0, -40.0, 4.0))
HU = {"native": 55, "arterial": 65, "portal": 110, "delayed": 95}
STUDY: dict[str, Any] = {
    "schema": 1,
    "study": {"name": "loading"},
    "cases": {"table": "cases.csv", "reader": "reader", "masks": {"tumour": "t", "liver": "l"}},
    "clinical": {"table": "clinical.csv", "dictionary": "fields.yaml"},
    "outcomes": {"r": {"kind": "binary", "event": "r", "event_level": "1", "other_levels": ["0"]}},
    "regions": {
        "liver": {"mask": "liver"},
        "tumour": {"mask": "tumour"},
        "ring": {"from": "tumour", "ring_mm": 6, "inside": "liver"},
    },
    "features": {"own": {"missing_phase": "keep", "params": {"families": ["firstorder"]}}},
    "scores": {"s": {"from": ["own"], "steps": ["impute"], "model": "ridge"}},
    "models": {"sets": {"m": ["s"]}},
    "split": {"outer": 2, "inner": 2, "repeats": 1},
    "controls": {"permuted_labels": 0},
}
CASES = [f"P{at}" for at in range(1, 9)]


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Return a liver to one side of the body, and a tumour in it."""
    k, j, i = np.indices(GRID.shape) * np.array(GRID.spacing)[:, None, None, None]
    liver = ((k - 30) / 22) ** 2 + ((j - 52) / 28) ** 2 + ((i - 42) / 26) ** 2 <= 1
    tumour = (k - 30) ** 2 + (j - 52) ** 2 + (i - 40) ** 2 <= 10**2
    return liver, tumour


def scan(phase: str, seed: int, shift: int = 0) -> Volume:
    """Return a CT whose liver enhances as in a phase, moved along k by some slices."""
    rng = np.random.default_rng(seed)
    liver, tumour = (np.roll(mask, shift, axis=0) for mask in masks())
    data = np.full(GRID.shape, -1000.0)
    data[:, 4:36, 4:40] = 20
    data[liver], data[tumour] = HU[phase], HU[phase] - 30
    data[:, 6:9, 8:36] = 400
    return Volume(np.round(data + rng.normal(0, 6, GRID.shape)).astype(np.float32), GRID)


class Study:
    """A study of small CT cases on disk: change files and settings, then save."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = deepcopy(STUDY)
        self.rows: list[dict[str, str]] = []
        for at, case in enumerate(CASES):
            self.add(case, "portal", at)

    def add(self, case: str, phase: str, seed: int = 0, shift: int = 0) -> None:
        place = self.folder / case
        place.mkdir(parents=True, exist_ok=True)
        liver, tumour = masks()
        write_nifti(scan(phase, seed, shift), place / f"{phase}.nii")
        write_nifti(Region(liver, GRID), place / "liver.nii")
        write_nifti(Region(tumour, GRID), place / f"tumour_{phase}.nii")
        row = {"case": case, "phase": phase, "reader": "1", "image": f"{case}/{phase}.nii"}
        self.rows.append(row | {"t": f"{case}/tumour_{phase}.nii", "l": f"{case}/liver.nii"})

    def draw(self, mask: np.ndarray, name: str) -> None:
        write_nifti(Region(mask, GRID), self.folder / name)

    def save(self, **cases: Any) -> Path:
        self.content["cases"].update(cases)
        clinical = [{"case": case, "r": str(at % 2)} for at, case in enumerate(CASES)]
        for name, rows in (("cases", self.rows), ("clinical", clinical)):
            with (self.folder / f"{name}.csv").open("w", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        (self.folder / "fields.yaml").write_text("r: {kind: event, timing: outcome}\n")
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(self.content, sort_keys=False))
        return path


@pytest.fixture(autouse=True)
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let eight cases be enough: nothing is modelled here."""
    monkeypatch.setattr(check_module, "require_feasible", lambda _materials: None)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "study")


def look(path: Path) -> tuple[list[str], dict[str, Exception]]:
    """Check a study; return every remark with its place, and every failure by case."""
    heard: list[Event] = []
    summary = check_study(path, on_event=heard.append)
    remarks = [f"{one.where}: {one.text}" for one in heard if isinstance(one, Noticed)]
    return remarks, {**summary.left_out, **summary.failures}


def test_a_cohort_in_order_has_neither_remarks_nor_failures(
    study: Study, capfd: pytest.CaptureFixture[str]
) -> None:
    assert look(study.save()) == ([], {})
    assert main(["check", str(study.folder / "study.yaml")]) == 0
    said = capfd.readouterr().out
    assert "read: 8 images and 16 masks" in said
    assert "in: 8 cases with all sources" in said


@pytest.mark.parametrize(
    ("column", "made", "kind", "said"),
    [
        ("t", lambda _l, t: t & (np.cumsum(t).reshape(t.shape) <= 5), EmptyRegionError, "8 voxels"),
        ("t", lambda _l, t: np.roll(t, 16, axis=2), GeometryError, "must lie in liver"),
        ("t", lambda _l, t: np.roll(t, -6, axis=0), GeometryError, "end inside the scan"),
        ("t", lambda _l, t: np.ones_like(t), GeometryError, "leaves some of the image out"),
        ("l", lambda liv, _t: np.flip(liv, axis=1), GeometryError, "flipped when it was saved"),
    ],
)
def test_a_mask_that_cannot_be_fails_its_case_and_nobody_else(
    study: Study,
    column: str,
    made: Callable[[np.ndarray, np.ndarray], np.ndarray],
    kind: type[Exception],
    said: str,
) -> None:
    study.rows[2][column] = "P3/bad.nii"
    study.draw(made(*masks()), "P3/bad.nii")
    _, failures = look(study.save())
    assert list(failures) == ["P3"]
    assert isinstance(failures["P3"], kind)
    assert said in str(failures["P3"])
    assert "case P3 > phase portal > region" in str(failures["P3"])


def test_a_region_too_small_is_left_out_and_the_others_go_on(
    study: Study, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study.rows[2]["t"] = "P3/bad.nii"
    _, tumour = masks()
    study.draw(tumour & (np.cumsum(tumour).reshape(tumour.shape) <= 5), "P3/bad.nii")
    path = study.save()
    assert main(["check", str(path), "--failures", str(tmp_path / "failures.csv")]) == 1
    assert "regions left out: 1; the cases stay without them" in capfd.readouterr().out
    (row,) = csv.DictReader((tmp_path / "failures.csv").read_text().splitlines())
    assert (row["case"], row["where"]) == ("P3", "phase portal > region tumour")
    task = plan_cases(gather(path), tmp_path)[2]
    record = measure(task, "key")
    assert {name.region for name in record.features["own"]} == {"liver"}
    assert record.left_out[0]["where"]["region"] == "tumour"


def test_what_is_odd_is_remarked_once_with_its_place(study: Study) -> None:
    _, tumour = masks()
    two = tumour.copy()
    two[6:8, 12:14, 12:14] = True
    study.draw(two, "P2/two.nii")
    study.rows[1]["t"] = "P2/two.nii"
    remarks, failures = look(study.save())
    assert failures == {}
    assert remarks == ["case P2 portal: tumour: 2 pieces of 4, 0.2 mL"]
    assert len(remarks) == len(set(remarks))


def test_an_eroded_region_without_a_voxel_has_no_features_and_the_case_goes_on(
    study: Study, tmp_path: Path
) -> None:
    study.content["regions"]["core"] = {"from": "tumour", "erode_mm": 30}
    remarks, failures = look(study.save())
    assert failures == {}
    assert len([one for one in remarks if "core is empty, its features are missing" in one]) == 8
    record = measure(plan_cases(gather(study.folder / "study.yaml"), tmp_path)[0], "key")
    assert {name.region for name in record.features["own"]} == {"liver", "tumour", "ring"}


def test_the_largest_lesion_only_where_the_study_asks_for_it(study: Study, tmp_path: Path) -> None:
    _, tumour = masks()
    two = tumour.copy()
    two[6:8, 12:14, 12:14] = True
    study.draw(two, "P2/two.nii")
    study.rows[1]["t"] = "P2/two.nii"
    study.content["regions"]["tumour"]["lesions"] = "largest"
    task = plan_cases(gather(study.save()), tmp_path)[1]
    assert load_case(task).regions["portal"]["tumour"].size == int(tumour.sum())


def test_swapped_phases_are_remarked_by_the_liver(study: Study) -> None:
    study.rows[3]["phase"] = "arterial"
    study.rows.append({**study.rows[3], "phase": "portal", "image": "P4/other.nii"})
    write_nifti(scan("arterial", 3), study.folder / "P4" / "other.nii")
    remarks, _ = look(study.save(contrast={"arterial": "arterial"}))
    (swap,) = [one for one in remarks if "swapped" in one]
    assert "case P4 phases: arterial and portal look swapped" in swap


def test_vessels_tell_a_phase_where_they_are_drawn(study: Study) -> None:
    _, j, i = np.indices(GRID.shape)
    data = scan("portal", 0).data.copy()
    for name, at, hu in (("aorta", 30, 40), ("portal_vein", 35, 45)):
        vessel = (j - 30) ** 2 + (i - at) ** 2 <= 4
        study.draw(vessel, f"P1/{name}.nii")
        data[vessel] = hu
    write_nifti(Volume(data, GRID), study.folder / "P1" / "portal.nii")
    for row in study.rows:
        first = row["case"] == "P1"
        row["a"], row["v"] = ("P1/aorta.nii", "P1/portal_vein.nii") if first else ("", "")
    names = {"tumour": "t", "liver": "l", "aorta": "a", "portal_vein": "v"}
    remarks, failures = look(study.save(masks=names))
    assert failures == {}
    assert remarks == [
        "case P1 phases: portal is declared portal but looks native: aorta 40 HU, portal vein 45 HU"
    ]


def test_a_copied_reader_is_remarked_and_an_honest_one_is_not(study: Study) -> None:
    _, tumour = masks()
    study.draw(np.roll(tumour, 1, axis=1), "P1/second.nii")
    shutil.copy(study.folder / "P2" / "tumour_portal.nii", study.folder / "P2" / "second.nii")
    for case in ("P1", "P2"):
        row = next(row for row in study.rows if row["case"] == case)
        study.rows.append({**row, "reader": "2", "t": f"{case}/second.nii"})
    remarks, failures = look(study.save())
    assert failures == {}
    (copy,) = remarks
    assert copy.startswith("case P2 portal: reader 2:")
    assert "must differ" in copy


def test_a_mask_used_on_several_phases_is_remarked(study: Study) -> None:
    study.add("P1", "arterial")
    study.rows[-1]["t"] = study.rows[0]["t"]
    remarks, _ = look(study.save())
    assert any("tumour: the mask was drawn on portal and is used on arterial" in r for r in remarks)


def test_phases_are_moved_onto_one_and_share_its_regions(study: Study, tmp_path: Path) -> None:
    study.rows.clear()
    for at, case in enumerate(CASES):
        study.add(case, "portal", at)
        study.add(case, "arterial", at + 50, shift=1 if case == "P1" else 0)
    path = study.save(register={"to": "portal"})
    task = plan_cases(gather(path), tmp_path)[0]
    heard: list[Event] = []
    moved = load_case(task, on_event=heard.append)
    still = load_case(task, register=False)
    one = moved.aligned["arterial"]
    assert one.information[1] > one.information[0]
    assert moved.regions["arterial"] is moved.regions["portal"]
    _, tumour = masks()
    truth = HU["arterial"] - 30
    off = [abs(c.images["arterial"].data[tumour].mean() - truth) for c in (moved, still)]
    assert off[0] < 2 < off[1]
    assert "moved onto portal by" in str(heard)
    assert masks_of(task, task.rows[1]) == []


def test_a_registration_that_makes_things_worse_fails_the_case_unless_kept(
    study: Study, tmp_path: Path
) -> None:
    study.add("P1", "arterial")
    noise = np.random.default_rng(3).normal(0, 300, GRID.shape)
    write_nifti(Volume(noise.astype(np.float32), GRID), study.folder / "P1" / "arterial.nii")
    far = {"largest_shift_mm": 0.001}
    path = study.save(register={"to": "portal", "rigid": far})
    task = plan_cases(gather(path), tmp_path)[0]
    with pytest.raises(Exception, match=r"phase arterial\] registration must bring"):
        load_case(task)
    path = study.save(register={"to": "portal", "rigid": far, "refused": "keep"})
    heard: list[Event] = []
    kept = load_case(plan_cases(gather(path), tmp_path)[0], on_event=heard.append)
    assert np.allclose(kept.images["arterial"].data, noise, atol=0.01)
    assert "not registered, used as it lies" in str(heard)


@pytest.mark.parametrize("setting", [{"to": "late"}, {"to": "portal", "around": "spleen"}])
def test_a_registration_to_what_is_not_there_is_refused(
    study: Study, tmp_path: Path, setting: dict[str, str]
) -> None:
    with pytest.raises(StudyError, match="must name what the study has"):
        plan_cases(gather(study.save(register=setting)), tmp_path)


def test_settings_of_the_case_table_are_part_of_the_key(study: Study, tmp_path: Path) -> None:
    task = plan_cases(gather(study.save()), tmp_path)[0]
    other = plan_cases(gather(study.save(inspect={"min_voxels": 9})), tmp_path)[0]
    assert settings_of(task) != settings_of(other)


@pytest.mark.parametrize("wrong", [{"organ": "spleen"}, {"elsewhere": ["spleen"]}])
def test_a_mask_that_is_not_defined_cannot_be_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no mask 'spleen'"):
        CasesParams.model_validate({"table": "x", **wrong})


def test_a_header_that_contradicts_the_table_is_remarked(study: Study, tmp_path: Path) -> None:
    identity = SeriesIdentity(patient="Zhang^San", series="LIVER ARTERIAL 3.0")
    write_series(scan("portal", 1), study.folder / "P1" / "series", identity)
    study.rows[0]["image"] = "P1/series"
    remarks, failures = look(study.save())
    assert failures == {}
    said = "declared portal, but the header speaks for arterial: the description says 'arterial'"
    assert remarks == [f"case P1 portal: {said}"]


def test_a_folder_of_two_series_needs_a_column_that_chooses(study: Study) -> None:
    for seed, name in enumerate(("one", "two")):
        identity = SeriesIdentity(series=name)
        files = write_series(scan("portal", seed), study.folder / "P1" / "both" / name, identity)
    from hepacast.io.dicom.header import read_headers  # noqa: PLC0415 - loads pydicom

    uid = read_headers(files[0])[0].series_uid
    study.rows[0]["image"] = "P1/both"
    _, failures = look(study.save())
    assert "must hold the one image series that is meant" in str(failures["P1"])
    for row in study.rows:
        row["uid"] = uid if row["case"] == "P1" else ""
    assert look(study.save(series="uid")) == ([], {})


def test_a_failure_is_told_with_its_path_by_check_and_without_by_run(
    study: Study, tmp_path: Path
) -> None:
    from hepacast.run.cases.many import measure_all  # noqa: PLC0415 - loads much
    from hepacast.run.work.execute import Executor  # noqa: PLC0415

    place = study.folder / "P1" / "Zhang_San"
    files = write_series(scan("portal", 1), place, SeriesIdentity())
    files[3].write_bytes(files[3].read_bytes()[:-900])
    study.rows[0]["image"] = "P1/Zhang_San"
    heard: list[Event] = []
    tasks = plan_cases(gather(study.save()), tmp_path / "out")[:1]
    _, failures = measure_all(tasks, Executor(), on_event=heard.append)
    (told,) = [one for one in heard if isinstance(one, Failed)]
    assert "Zhang_San" not in str(told.error)
    assert "Zhang_San" in str(look(study.folder / "study.yaml")[1]["P1"])
    assert failures["P1"].where["file"] == f"image, file 4 of {len(files)}"
    kept = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*.json"))
    assert b"file 4 of" in kept
    assert b"Zhang" not in kept
