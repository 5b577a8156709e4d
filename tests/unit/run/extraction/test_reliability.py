# SPDX-License-Identifier: Apache-2.0
"""Agreement of imitated and of real repetitions, in Python and on the command line."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from hepacast.cli.commands.reliability import command
from hepacast.core.errors import NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.run.extraction.reliability import (
    Reading,
    RepeatParams,
    agreement_of,
    read_repeats,
    repeat_settings,
    repeats,
)
from hepacast.stats.agreement import icc

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((12, 30, 30), (2.0, 1.0, 1.0))
FAMILIES = {"families": ["shape", "firstorder", "glcm"], "bins": 10}


def case(n: int, seed: int | None = None) -> tuple[Volume, Region]:
    """A ball that grows and brightens from case to case, in noise."""
    rng = np.random.default_rng(n if seed is None else seed)
    k, j, i = np.indices(GRID.shape)
    away = ((k - 6) * 2) ** 2 + (j - 15) ** 2 + (i - 15) ** 2
    inside = away <= (5 + n) ** 2
    data = 40 + 10 * n * inside + rng.normal(0, 4, GRID.shape)
    return Volume(data.astype(np.float32), GRID), Region(inside, GRID)


def test_imitated_repetitions_change_what_they_say_and_nothing_else() -> None:
    image, region = case(2)
    rng = np.random.default_rng(0)
    still = RepeatParams(
        copies=3, rotate_deg=0, shift_voxels=0, noise=0, growth=0, contour=False, margin_mm=100
    )
    for copy, mask in repeats(image, region, still, rng):
        np.testing.assert_allclose(copy.data, image.data, atol=1e-3)
        np.testing.assert_array_equal(mask.mask, region.mask)
    noisy = still.model_copy(update={"noise": 5.0})
    for copy, mask in repeats(image, region, noisy, rng):
        assert np.std(copy.data - image.data) == pytest.approx(5.0, rel=0.1)
        np.testing.assert_array_equal(mask.mask, region.mask)
    grown = still.model_copy(update={"growth": 0.3})
    sizes = [mask.size for _, mask in repeats(image, region, grown, rng)]
    assert len(set(sizes)) == 3
    assert all(0.69 < size / region.size < 1.31 for size in sizes)


def test_the_first_copies_are_the_same_however_many_follow() -> None:
    image, region = case(1)
    few = read_repeats(image, region, FAMILIES, repeat=RepeatParams(copies=2, seed=5))
    many = read_repeats(image, region, FAMILIES, repeat=RepeatParams(copies=3, seed=5))
    assert few == many[:2]
    assert few[0] != few[1]


def test_size_is_reliable_and_a_value_of_noise_is_not() -> None:
    noise = np.random.default_rng(1)
    readings: dict[str, list[Reading]] = {}
    for n in range(6):
        image, region = case(n)
        made = read_repeats(image, region, FAMILIES, repeat=RepeatParams(copies=4, seed=n))
        readings[str(n)] = [{**one, "noise": float(noise.normal())} for one in made]
    table = {one.feature: one for one in agreement_of(readings)}
    assert table["original_shape_VoxelVolume"].reliable
    assert table["original_firstorder_Mean"].reliable
    assert not table["noise"].reliable
    assert (table["noise"].cases, table["noise"].readings) == (6, 4)


def test_a_missing_reading_leaves_only_its_case_and_feature_out() -> None:
    rng = np.random.default_rng(0)
    values = np.arange(8.0)[:, None] + rng.normal(0, 0.3, (8, 2))
    readings = {
        str(n): [{"a": float(v), "b": float(v), "flat": 1.0} for v in row]
        for n, row in enumerate(values)
    }
    readings["3"][1]["b"] = float("nan")
    del readings["4"][0]["b"]
    table = {one.feature: one for one in agreement_of(readings, form="2,1")}
    full, part = icc(values.T, "2,1"), icc(np.delete(values, [3, 4], axis=0).T, "2,1")
    a, b = table["a"], table["b"]
    assert (a.icc, a.low, a.cases) == (float(full.estimate[0]), float(full.low[0]), 8)
    assert (b.icc, b.high, b.cases) == (float(part.estimate[0]), float(part.high[0]), 6)
    assert np.isnan(table["flat"].icc)
    assert table["flat"].reason == "constant"
    assert not table["flat"].reliable
    short = agreement_of({n: readings[n] for n in ("0", "1")})
    assert {one.reason for one in short} == {"too_few_cases"}


def test_copies_and_uneven_repetitions_are_refused() -> None:
    twice = {str(n): [{"a": float(n)}, {"a": float(n)}] for n in range(5)}
    with pytest.raises(NotEstimableError, match="independently"):
        agreement_of(twice)
    with pytest.raises(NotEstimableError, match="as many readings"):
        agreement_of({**twice, "5": [{"a": 1.0}]})
    with pytest.raises(NotEstimableError, match="no case"):
        agreement_of({})


def write_table(folder: Path, rows: list[tuple[str, int, int]]) -> Path:
    lines = ["ID,Image,Mask"]
    for name, n, seed in rows:
        image, region = case(n, seed)
        write_nifti(image, folder / f"im{seed}.nii.gz")
        write_nifti(region, folder / f"m{seed}.nii.gz")
        lines.append(f"{name},im{seed}.nii.gz,m{seed}.nii.gz")
    (folder / "cases.csv").write_text("\n".join(lines) + "\n")
    (folder / "p.yaml").write_text(
        "families: [firstorder]\nbins: 10\nreliability: {copies: 3, icc_min: 0.6}\n"
    )
    return folder / "cases.csv"


def test_the_command_writes_a_row_per_feature_and_resumes(tmp_path: Path) -> None:
    table = write_table(tmp_path, [(f"{n:03d}", n, n) for n in range(4)])
    assert repeat_settings(tmp_path / "p.yaml").copies == 3
    out = tmp_path / "r.csv"
    call = [str(table), "-p", str(tmp_path / "p.yaml"), "-o", str(out)]
    done = CliRunner().invoke(command, call, standalone_mode=False)
    assert done.return_value == 0, done.output
    with out.open() as handle:
        rows = {row["feature"]: row for row in csv.DictReader(handle)}
    assert len(rows) == 18
    assert rows["original_firstorder_Mean"]["reliable"] == "yes"
    assert {row["readings"] for row in rows.values()} == {"3"}
    records = sorted((tmp_path / "r.csv.cases").iterdir())
    assert len(records) == 4
    times = [record.stat().st_mtime_ns for record in records]
    CliRunner().invoke(command, call, standalone_mode=False)
    assert [record.stat().st_mtime_ns for record in records] == times


def test_two_scans_of_each_patient_are_compared(tmp_path: Path) -> None:
    rows = [(f"{n:03d}", n, 10 * n + scan) for n in range(4) for scan in (1, 2)]
    table = write_table(tmp_path, rows)
    out = tmp_path / "r.csv"
    call = [str(table), "-p", str(tmp_path / "p.yaml"), "-o", str(out), "--retest"]
    done = CliRunner().invoke(command, call, standalone_mode=False)
    assert done.return_value == 0, done.output
    with out.open() as handle:
        found = {row["feature"]: row for row in csv.DictReader(handle)}
    assert (found["original_firstorder_Mean"]["cases"], len(found)) == ("4", 18)
    assert float(found["original_firstorder_Mean"]["icc"]) > 0.9
