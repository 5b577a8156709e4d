"""DICOM objects of a forecast: valid, of the same study, and the numbers of result.json."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest

from hepacast.cli.main import main
from hepacast.core.events import Event, Noticed
from hepacast.io.dicom.derived import Origin
from hepacast.io.images import read_image, read_region
from hepacast.io.voxels import MaskRule
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predict import plan_case
from hepacast.serve import objects
from hepacast.serve.objects import SC, SEG, SR, predict_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydicom import Dataset

pytest.importorskip("highdicom")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def out(predictor: Path, examination: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("out")
    assert main(["predict", str(predictor), str(examination), str(place)]) == 0
    return place


def numbers(item: Dataset, found: dict[str, float] | None = None) -> dict[str, float]:
    """Collect every number of a report, under its name and the name of its group."""
    found = {} if found is None else found
    group = next(
        (
            child.TextValue
            for child in item.get("ContentSequence", ())
            if child.ValueType == "TEXT"
            and child.ConceptNameCodeSequence[0].CodeMeaning == "Tracking Identifier"
        ),
        "",
    )
    for child in item.get("ContentSequence", ()):
        if child.ValueType == "NUM":
            name = child.ConceptNameCodeSequence[0].CodeMeaning
            found[f"{group}/{name}"] = child.MeasuredValueSequence[0].FloatingPointValue
        numbers(child, found)
    return found


def test_a_report_says_exactly_what_the_result_says(out: Path) -> None:
    result = json.loads((out / "result.json").read_text())
    found = numbers(pydicom.dcmread(out / SR))
    assert found == {
        "liver/Volume": result["volumes_ml"]["arterial/liver"],
        "tumour/Volume": result["volumes_ml"]["arterial/tumour"],
        "forecast/Risk score": result["score"],
        "forecast/Probability of the event": result["probability"],
    }


def test_the_segmentation_lies_on_the_source_voxel_by_voxel(
    out: Path, examination: Path, cohort: Path
) -> None:
    grid = read_image(examination / "portal").grid
    for name in ("liver", "tumour"):
        known = read_region(cohort / f"masks/P003/portal_{name}_r1.nii.gz", name, grid)
        back = read_region(out / SEG, name, grid, MaskRule(label=name))
        assert np.array_equal(back.mask, known.mask)


def test_all_objects_belong_to_the_study_and_are_research(out: Path, examination: Path) -> None:
    source = pydicom.dcmread(examination / "arterial" / "0001.dcm")
    made = [pydicom.dcmread(out / name) for name in (SEG, SR, SC)]
    for one in made:
        assert one.StudyInstanceUID == source.StudyInstanceUID
        assert (one.PatientID, one.PatientName) == (source.PatientID, source.PatientName)
        assert one.ContentQualification == "RESEARCH"
        assert "RESEARCH ONLY" in one.SeriesDescription
    assert len({one.SeriesInstanceUID for one in made} | {source.SeriesInstanceUID}) == 4
    assert made[1].VerificationFlag == "UNVERIFIED"


def test_segment_and_measurements_are_tracked_by_one_identifier(out: Path) -> None:
    segments = {s.TrackingUID for s in pydicom.dcmread(out / SEG).SegmentSequence}
    text = (out / SR).read_bytes()
    assert len(segments) == 2
    assert all(uid.encode() in text for uid in segments)


def test_the_same_case_gives_the_same_bytes(
    out: Path, predictor: Path, examination: Path, tmp_path: Path
) -> None:
    predict_folder(read_predictor(predictor), examination, tmp_path)
    for name in (SEG, SR, SC):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_other_masks_give_other_identifiers(
    out: Path, predictor: Path, examine: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    folder = examine("P003", tmp_path / "P003")
    ds = pydicom.dcmread(folder / "masks.dcm")
    ds.PixelData = bytes(ds.PixelData[:-40]) + b"\xff" + bytes(ds.PixelData[-39:])
    ds.save_as(folder / "masks.dcm")
    predict_folder(read_predictor(predictor), folder, tmp_path / "out")
    for name in (SEG, SR, SC):
        first, second = pydicom.dcmread(out / name), pydicom.dcmread(tmp_path / "out" / name)
        assert first.SOPInstanceUID != second.SOPInstanceUID


def test_the_summary_is_a_picture_with_something_on_it(out: Path) -> None:
    picture = pydicom.dcmread(out / SC).pixel_array
    assert picture.shape == (768, 1024, 3)
    assert picture.std() > 10


def test_a_series_with_a_gap_gets_no_segmentation_and_says_so(
    predictor: Path, examination: Path, tmp_path: Path
) -> None:
    heard: list[Event] = []
    model = read_predictor(predictor)
    task = plan_case(model, examination, "P003")
    assert task is not None
    row = objects._reference(task)
    (region, *_) = objects._regions(task, row)
    series = objects._series_of(task, row)[0]
    cut = region.crop((slice(1, 5), slice(0, 5), slice(0, 5)))
    origin = Origin("k", "n", "1")
    found = objects._segmentation([cut], series, tmp_path / "s.dcm", origin, heard.append)
    assert found is None
    assert not (tmp_path / "s.dcm").exists()
    assert any(isinstance(e, Noticed) and "not written" in e.text for e in heard)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
@pytest.mark.parametrize(
    ("name", "kind"), [(SEG, "Segmentation"), (SR, "Comprehensive3DSR"), (SC, "SCImage")]
)
def test_dciodvfy_finds_no_error(name: str, kind: str, out: Path) -> None:
    done = subprocess.run(
        ["dciodvfy", str(out / name)], capture_output=True, text=True, check=False
    )
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert kind in lines
    assert [line for line in lines if line.startswith(("Error", "Abort"))] == []
