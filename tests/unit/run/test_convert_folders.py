# SPDX-License-Identifier: Apache-2.0
"""`hepacast convert`: a case table to start from, resumed where it stopped, nothing guessed."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError
from hepacast.core.events import Event, Noticed
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.dicom.series import find_series
from hepacast.io.dicom.write import SeriesIdentity, write_series
from hepacast.io.dicom.write_seg import write_seg
from hepacast.io.nifti import read_mask, read_nifti
from hepacast.run.convert import convert_folder, read_key

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((6, 16, 18), (4.0, 1.0, 1.0))


def ct(seed: int) -> Volume:
    data = np.random.default_rng(seed).normal(60, 20, GRID.shape)
    data[:, :3] = -1000
    return Volume(np.round(data).astype(np.float32), GRID)


def add(folder: Path, patient: str, series: str, study: str = "s", **attributes: object) -> None:
    """Write one series of a patient."""
    words = {"SeriesDescription": series, "StudyDate": "20200106", **attributes}
    identity = SeriesIdentity(patient=patient, study=study, series=series, attributes=words)
    write_series(ct(len(series)), folder / patient / study / series.replace("/", "-"), identity)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return two patients: one with three phases, one with two readings of one phase."""
    folder = tmp_path / "dicom"
    for phase in ("LIVER NATIVE", "LIVER ARTERIAL", "LIVER PORTAL VENOUS"):
        add(folder, "P1", phase)
    add(folder, "P2", "portal 5.0 B30f", SliceThickness="5")
    add(folder, "P2", "portal 1.0 B30f", SliceThickness="1", SpacingBetweenSlices="1")
    add(folder, "P2", "no words at all")
    return folder


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


def test_every_phase_has_one_row_and_every_series_is_listed(archive: Path, tmp_path: Path) -> None:
    done = convert_folder(archive, tmp_path / "out")
    rows = table(tmp_path / "out" / "cases.csv")
    assert [(row["case"], row["phase"]) for row in rows] == [
        ("P1", "native"), ("P1", "arterial"), ("P1", "portal"), ("P2", "portal"),
    ]  # fmt: skip
    assert "portal-1-0" in rows[3]["image"]
    assert "thinnest of 2 such series" in rows[3]["why"]
    assert np.array_equal(read_nifti(tmp_path / "out" / rows[0]["image"]).data, ct(12).data)
    found = table(tmp_path / "out" / "found.csv")
    assert len(found) == 6
    assert [row["proposed_phase"] for row in found if "no words" in row["description"]] == [""]
    assert done.rows == 4


def test_a_second_run_reads_only_what_is_new_or_spoilt(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = convert_folder(archive, out)
    written = {path: path.read_bytes() for path in first.conversion.written}
    assert first.conversion.resumed == 0
    assert convert_folder(archive, out).conversion.resumed == 6
    spoilt, gone = first.conversion.written[:2]
    spoilt.write_bytes(b"half")
    gone.unlink()
    again = convert_folder(archive, out)
    assert again.conversion.resumed == 4
    assert {path: path.read_bytes() for path in again.conversion.written} == written


def test_a_follow_up_study_stays_out_of_the_case_table_and_says_so(
    archive: Path, tmp_path: Path
) -> None:
    add(archive, "P1", "LIVER DELAYED", study="later", StudyDate="20200606")
    heard: list[Event] = []
    convert_folder(archive, tmp_path / "out", on_event=heard.append)
    rows = table(tmp_path / "out" / "cases.csv")
    assert [row["phase"] for row in rows if row["case"] == "P1"] == ["native", "arterial", "portal"]
    assert any("several studies" in one.text for one in heard if isinstance(one, Noticed))


def test_segments_become_masks_of_the_table(archive: Path, tmp_path: Path) -> None:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:4, 5:9, 6:11] = True
    series = find_series(archive / "P1" / "s" / "LIVER ARTERIAL")
    regions = [Region(mask, GRID, "Tumor"), Region(~mask, GRID, "Liver")]
    write_seg(regions, series, archive / "P1" / "seg.dcm")
    convert_folder(archive, tmp_path / "out")
    row = next(r for r in table(tmp_path / "out" / "cases.csv") if r["phase"] == "arterial")
    assert np.array_equal(read_mask(tmp_path / "out" / row["tumour_mask"]).mask, mask)
    assert np.array_equal(read_mask(tmp_path / "out" / row["liver_mask"]).mask, ~mask)


def test_pseudonyms_join_over_runs_and_hide_over_keys(archive: Path, tmp_path: Path) -> None:
    def cases(key: str, out: str) -> list[str]:
        convert_folder(archive, tmp_path / out, key=tmp_path / key)
        return [row["case"] for row in table(tmp_path / out / "cases.csv")]

    first, again, other = cases("key", "a"), cases("key", "b"), cases("second", "c")
    assert first == again
    assert not set(first) & set(other)
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "key.linkage.csv").stat().st_mode & 0o077 == 0
    linkage = {r["pseudonym"]: r["original"] for r in table(tmp_path / "key.linkage.csv")}
    assert {linkage[case] for case in first} == {"P1", "P2"}


def test_the_key_may_not_lie_with_what_it_hides(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="kept apart"):
        read_key(tmp_path / "out" / "key", tmp_path / "out")


def test_the_command_ends_with_its_code(
    archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(archive), str(tmp_path / "out")]) == 0
    assert "6 series found, 6 converted, 0 ignored, 0 failures" in capfd.readouterr().out
    next((archive / "P1" / "s" / "LIVER NATIVE").glob("*3.dcm")).unlink()
    assert main(["convert", str(archive), str(tmp_path / "out")]) == 1
    (failure,) = table(tmp_path / "out" / "failures.csv")
    assert failure["patient"] == "P1"
    assert "missing" in failure["found"]
    assert main(["convert", str(tmp_path / "out"), str(tmp_path / "other")]) == 2
