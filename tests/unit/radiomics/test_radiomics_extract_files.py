# SPDX-License-Identifier: Apache-2.0
"""Extraction from files, in Python and on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import SimpleITK as sitk  # noqa: N813
from click.testing import CliRunner

import hepacast
from hepacast.cli.commands.extract import command
from hepacast.core.errors import EmptyRegionError, GeometryError, ImageFileError, TableError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    image = sitk.GetImageFromArray(rng.integers(0, 300, (7, 8, 9)).astype(np.int16))
    mask = np.zeros((7, 8, 9), np.uint8)
    mask[1:6, 2:7, 2:8] = 1
    mask[0, 0, 0] = 4
    drawn = sitk.GetImageFromArray(mask)
    for one in (image, drawn):
        one.SetSpacing((0.8, 0.8, 2.5))
        one.SetOrigin((-20.0, 4.0, 11.0))
    sitk.WriteImage(image, str(tmp_path / "image.nii.gz"))
    sitk.WriteImage(drawn, str(tmp_path / "mask.nrrd"))
    (tmp_path / "params.yaml").write_text(
        "imageType: {Original: {}, Wavelet: {}}\nfeatureClass: {glcm: [Contrast], firstorder: []}\n"
        "setting: {binWidth: 30, label: 1}\n"
    )
    return tmp_path / "image.nii.gz", tmp_path / "mask.nrrd"


def test_paths_itk_images_and_volumes_give_one_answer(files: tuple[Path, Path]) -> None:
    image, mask = files
    params = image.parent / "params.yaml"
    from_paths = hepacast.extract(image, mask, params)
    from_itk = hepacast.extract(sitk.ReadImage(str(image)), sitk.ReadImage(str(mask)), str(params))
    assert from_paths == from_itk
    assert len(from_paths) == 9 * 19
    named = hepacast.extract(image, mask, params, "hepacast")
    assert list(named.values()) == list(from_paths.values())
    assert "-/region/wavelet-LLH/glcm/Contrast" in named


def test_wrong_input_is_named(files: tuple[Path, Path]) -> None:
    image, mask = files
    with pytest.raises(EmptyRegionError, match=r"0 \(\d+ voxels\), 1 .*, 4 \(1 voxels\)"):
        hepacast.extract(image, mask, label=2)
    moved = sitk.ReadImage(str(mask))
    moved.SetOrigin((-18.0, 4.0, 11.0))
    with pytest.raises(GeometryError, match="image and mask"):
        hepacast.extract(image, moved)
    colour = sitk.GetImageFromArray(np.zeros((7, 8, 9, 3), np.uint8), isVector=True)
    with pytest.raises(ImageFileError, match="one value per voxel"):
        hepacast.extract(colour, mask)
    with pytest.raises(ImageFileError, match="path, a SimpleITK image or a Volume"):
        hepacast.extract(np.zeros((3, 3, 3)), mask)


def test_a_mask_on_another_grid_is_resampled_if_the_settings_say_so(
    files: tuple[Path, Path],
) -> None:
    image, mask = files
    small = sitk.Crop(sitk.ReadImage(str(mask)), (1, 1, 0), (0, 0, 0))
    settings = {"setting": {"correctMask": True}}
    whole = hepacast.extract(image, mask, settings)
    assert hepacast.extract(image, small, settings) == whole


def test_the_command_writes_a_row_per_case_and_goes_on_where_it_was(
    files: tuple[Path, Path],
) -> None:
    image, mask = files
    folder = image.parent
    (folder / "cases.csv").write_text(
        "ID,Image,Mask,Label\n007,image.nii.gz,mask.nrrd,1\nbad,image.nii.gz,mask.nrrd,3\n"
    )
    call = [
        str(folder / "cases.csv"),
        "-p",
        str(folder / "params.yaml"),
        "-o",
        str(folder / "f.csv"),
    ]
    first = CliRunner().invoke(command, call, standalone_mode=False)
    assert first.return_value == 1, first.output
    with (folder / "f.csv").open() as handle:
        (row,) = csv.DictReader(handle)
    assert row["ID"] == "007"
    expected = hepacast.extract(image, mask, folder / "params.yaml")
    assert {k: float(v) for k, v in row.items() if k in expected} == expected
    (record,) = (folder / "f.csv.cases").iterdir()
    record.write_text('{"original_firstorder_Mean": 1.5}')
    CliRunner().invoke(command, call, standalone_mode=False)
    with (folder / "f.csv").open() as handle:
        assert next(csv.DictReader(handle))["original_firstorder_Mean"] == "1.5"


def test_one_image_and_mask_give_a_parquet_file(files: tuple[Path, Path]) -> None:
    image, mask = files
    out = image.parent / "f.parquet"
    done = CliRunner().invoke(
        command, [str(image), str(mask), "-o", str(out)], standalone_mode=False
    )
    assert done.return_value == 0, done.output
    table = pl.read_parquet(out)
    assert table.shape == (1, 2 + 107)


def test_maps_of_every_case_are_written_once(files: tuple[Path, Path]) -> None:
    folder = files[0].parent
    (folder / "cases.csv").write_text("ID,Image,Mask\n007,image.nii.gz,mask.nrrd\n")
    (folder / "params.yaml").write_text("families: [ngtdm]\nmaps: {radius: 2}\n")
    call = [str(folder / "cases.csv"), "-p", str(folder / "params.yaml")]
    call += ["-o", str(folder / "f.csv"), "--maps", str(folder / "maps")]
    done = CliRunner().invoke(command, call, standalone_mode=False)
    assert done.return_value == 0, done.output
    with (folder / "f.csv").open() as handle:
        (row,) = csv.DictReader(handle)
    one = folder / "maps" / "007" / "original_ngtdm_Coarseness.nii.gz"
    assert Path(row["original_ngtdm_Coarseness"]) == one
    written = one.stat().st_mtime_ns
    CliRunner().invoke(command, call, standalone_mode=False)
    assert one.stat().st_mtime_ns == written
    CliRunner().invoke(command, [*call, "--radius", "1"], standalone_mode=False)
    assert one.stat().st_mtime_ns != written
    one.unlink()
    CliRunner().invoke(command, [*call, "--radius", "1"], standalone_mode=False)
    assert one.is_file()


def test_options_that_do_not_fit_together_are_refused(files: tuple[Path, Path]) -> None:
    image, mask = (str(one) for one in files)
    runner = CliRunner()
    assert runner.invoke(command, [image, mask, "--radius", "2"]).exit_code == 2
    parquet = [image, mask, "--pyradiomics-csv", "-o", str(files[0].parent / "f.parquet")]
    assert runner.invoke(command, parquet).exit_code == 2


def test_changes_between_phases_are_written_a_row_per_case(files: tuple[Path, Path]) -> None:
    image, _ = files
    folder = image.parent
    later = sitk.ReadImage(str(image)) + 60
    sitk.WriteImage(later, str(folder / "later.nii.gz"))
    (folder / "cases.csv").write_text(
        "ID,Phase,Image,Mask\n1,art,image.nii.gz,mask.nrrd\n1,pv,later.nii.gz,mask.nrrd\n"
        "2,art,image.nii.gz,mask.nrrd\n"
    )
    call = [str(folder / "cases.csv"), "-p", str(folder / "params.yaml")]
    call += ["-o", str(folder / "d.csv"), "--jobs", "2", "--delta", "art", "pv"]
    done = CliRunner().invoke(command, call, standalone_mode=False)
    assert done.return_value == 0, done.output
    with (folder / "d.csv").open() as handle:
        (row,) = csv.DictReader(handle)
    assert row["ID"] == "1"
    assert float(row["pv-art_original_firstorder_Mean"]) == pytest.approx(60)
    assert float(row["pv-art_original_glcm_Contrast"]) == 0
    assert CliRunner().invoke(command, [*call, "--maps", str(folder)]).exit_code == 2
    (folder / "cases.csv").write_text("ID,Image,Mask\n1,image.nii.gz,mask.nrrd\n")
    with pytest.raises(TableError, match="Phase"):
        CliRunner().invoke(command, call, standalone_mode=False, catch_exceptions=False)


def test_cases_at_once_give_the_table_of_one_after_the_other(files: tuple[Path, Path]) -> None:
    folder = files[0].parent
    rows = "".join(f"{n},image.nii.gz,mask.nrrd,{1 if n % 3 else 9}\n" for n in range(6))
    (folder / "cases.csv").write_text("ID,Image,Mask,Label\n" + rows)
    texts = []
    for workers in ("1", "3"):
        out = folder / f"f{workers}.csv"
        call = [str(folder / "cases.csv"), "-o", str(out), "--jobs", workers]
        done = CliRunner().invoke(command, call, standalone_mode=False)
        assert done.return_value == 1
        texts.append(out.read_text())
    assert texts[0] == texts[1]
