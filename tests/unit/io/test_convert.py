"""Clean NIfTI out of messy DICOM; what fails is listed and does not stop the rest."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest

from hepacast.core.errors import ImageFileError
from hepacast.core.events import Advanced, Event, Failed
from hepacast.core.volume import Volume
from hepacast.io.convert import convert_study
from hepacast.io.dicom.write import SeriesIdentity, write_series
from hepacast.io.nifti import read_nifti

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def messy(tmp_path: Path, ct: Volume) -> Path:
    """Return a folder of three patients: one clean, one with a gap, one with a damaged file."""
    root = tmp_path / "dicom"
    for n, patient in enumerate(("P1", "P2", "=P3")):
        volume = Volume(ct.data + n, ct.grid)
        identity = SeriesIdentity(patient=patient, series="Portal 3.0/B40f")
        paths = write_series(volume, root / f"{n}", identity)
        if patient == "P2":
            paths[3].unlink()
    write_series(ct, root / "late", SeriesIdentity(patient="P1", series="Late"))
    (root / "0" / "9999.dcm").write_bytes((root / "0" / "0001.dcm").read_bytes()[:400])
    scout = root / "scout.dcm"
    shutil.copy(root / "0" / "0001.dcm", scout)
    dataset = pydicom.dcmread(scout)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.save_as(scout)
    return root


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


def test_every_good_series_is_converted_and_every_bad_one_listed(
    tmp_path: Path, messy: Path, ct: Volume
) -> None:
    heard: list[Event] = []
    out = tmp_path / "nifti"
    result = convert_study(messy, out, on_event=heard.append)
    assert result.written[-1].relative_to(out).as_posix().startswith("patient-")
    assert {path.name for path in result.written} == {
        "001_Late.nii.gz", "001_Portal-3-0-B40f.nii.gz",
    }  # fmt: skip
    assert len(result.written) == 3
    assert np.array_equal(read_nifti(out / "P1" / "001_Portal-3-0-B40f.nii.gz").data, ct.data)
    assert (result.exit_code, result.ignored) == (1, 1)
    listed = rows(out / "failures.csv")
    assert {row["error"] for row in listed} == {"GeometryError", "ImageFileError"}
    gap = next(row for row in listed if row["error"] == "GeometryError")
    assert gap["patient"] == "P2"
    assert "1 missing after position" in gap["found"]
    assert gap["fix"]
    converted = rows(out / "converted.csv")
    assert len(converted) == 3
    assert "'=P3" in {row["patient"] for row in converted}
    assert sum(isinstance(event, Advanced) for event in heard) == 4
    assert sum(isinstance(event, Failed) for event in heard) == 2


def test_nothing_good_is_exit_code_2(tmp_path: Path, messy: Path) -> None:
    result = convert_study(messy / "1", tmp_path / "nifti")
    assert (result.exit_code, result.written) == (2, ())


def test_a_folder_without_dicom_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(ImageFileError, match="DICOM"):
        convert_study(tmp_path, tmp_path / "out")


def test_conversion_is_repeatable_to_the_byte(tmp_path: Path, messy: Path) -> None:
    one, two = (convert_study(messy, tmp_path / name) for name in "ab")
    assert [p.read_bytes() for p in one.written] == [p.read_bytes() for p in two.written]
